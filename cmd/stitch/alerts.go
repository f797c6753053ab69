package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

func alertsCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Look through alerts, acknowledge, close and comment on them",
		Long: `Looks through the alerts of a cluster and says what becomes of them. What is said
is written where Kibana has it (kibana.alert.workflow_*), with its history beside
it (stitch.triage), and survives whatever the scheduler writes.

An ID may be cut short as long as it is that of one alert.

` + exitHelp,
		Args: noSuchAlertsCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(alertsListCommand(s), alertsShowCommand(s))
	for _, v := range verbs() {
		cmd.AddCommand(verbCommand(s, v))
	}
	return cmd
}

func noSuchAlertsCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Commands() {
		known = append(known, c.Name())
	}
	return usage("unknown command %q; stitch alerts has %s", args[0], strings.Join(known, ", "))
}

// resolveAlerts returns the ids of the alerts that are meant, each once; all of
// the problems if some are not clear.
func resolveAlerts(ctx context.Context, pager esq.Pager, names mappings.Names, prefixes []string) ([]string, error) {
	var ids []string
	var problems []error
	seen := map[string]bool{}
	for _, prefix := range prefixes {
		id, err := triage.Resolve(ctx, pager, names, prefix)
		switch {
		case err != nil && !isUnclear(err):
			return nil, err
		case err != nil:
			problems = append(problems, err)
		case !seen[id]:
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, errors.Join(problems...)
}

func isUnclear(err error) bool {
	_, unknown := errors.AsType[*triage.UnknownError](err)
	_, ambiguous := errors.AsType[*triage.AmbiguousError](err)
	return unknown || ambiguous
}

// completionTime bounds how long a shell waits for the cluster.
const completionTime = 2 * time.Second

// completeAlerts offers the ids of the newest alerts.
func completeAlerts(s streams, c *connection, several bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		if len(args) > 0 && !several {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cluster, err := c.connect(ctx, s)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offerAlerts(ctx, cluster, mappings.Names{}, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// offerAlerts are ids of alerts that begin so, each with what it is about.
func offerAlerts(ctx context.Context, pager esq.Pager, names mappings.Names, begun string) []string {
	page, err := triage.List(ctx, pager, names, triage.Filter{}, triage.Cursor{}, 100)
	if err != nil {
		return nil
	}
	var offers []string
	for _, a := range page.Alerts {
		// An id with marks in it is none of stitch's.
		if strings.HasPrefix(a.ID, begun) && printable(a.ID) == a.ID && !strings.ContainsAny(a.ID, " \t") {
			offers = append(offers, a.ID+"\t"+fit(printable(a.Reason), 60))
		}
	}
	return offers
}

// completeFlag offers words for a flag of the command.
func completeFlag(cmd *cobra.Command, flag string, words ...string) {
	complete := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag is the caller's own
	}
}

// personOf is who acts: the one that is named, or whose process this is.
func personOf(s streams, as string) (string, error) {
	if as != "" {
		return as, nil
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username, nil
	}
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if value, _ := s.env(name); value != "" {
			return value, nil
		}
	}
	return "", usage("it is not known who you are: say so with --as NAME")
}

// clockTime is a time as a person reads it, to the second.
func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// alertJSON is an alert in a list; times are UTC, what is not known is left out.
type alertJSON struct {
	ID        string     `json:"id"`
	Index     string     `json:"index"`
	Written   time.Time  `json:"written"`
	Updated   *time.Time `json:"updated,omitempty"`
	Incident  *time.Time `json:"incident,omitempty"`
	Start     *time.Time `json:"start,omitempty"`
	End       *time.Time `json:"end,omitempty"`
	RuleID    string     `json:"rule_id"`
	Rule      string     `json:"rule"`
	Severity  string     `json:"severity"`
	RiskScore int        `json:"risk_score"`
	Reason    string     `json:"reason"`
	Users     []string   `json:"users"`
	Hosts     []string   `json:"hosts"`
	Retracted *time.Time `json:"retracted,omitempty"`
	Status    statusJSON `json:"workflow"`
}

type statusJSON struct {
	Status  string       `json:"status"`
	Since   *time.Time   `json:"since,omitempty"`
	By      string       `json:"by,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	History []actionJSON `json:"history"`
}

type actionJSON struct {
	ID      string     `json:"id"`
	Action  string     `json:"action"`
	At      *time.Time `json:"at,omitempty"`
	By      string     `json:"by"`
	From    string     `json:"from,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	Comment string     `json:"comment,omitempty"`
}

func alertToJSON(h triage.Header) alertJSON {
	out := alertJSON{
		ID: h.ID, Index: h.Index, Written: h.Written, Updated: known(h.Updated), Incident: known(h.Anchor), Start: known(h.Start), End: known(h.End),
		RuleID: h.RuleID, Rule: h.RuleName, Severity: h.Severity, RiskScore: h.RiskScore, Reason: h.Reason,
		Users: append([]string{}, h.Users...), Hosts: append([]string{}, h.Hosts...), Retracted: known(h.Retracted),
		Status: statusJSON{
			Status: h.Triage.Status, Since: known(h.Triage.StatusAt), By: h.Triage.StatusBy, Reason: h.Triage.Reason, History: []actionJSON{},
		},
	}
	for _, a := range h.Triage.History {
		out.Status.History = append(out.Status.History, actionJSON{a.ID, a.Kind, known(a.At), a.By, a.From, a.Reason, a.Comment})
	}
	return out
}

// stateOf is the state of an alert in a word or two.
func stateOf(h triage.Header) string {
	if !h.Retracted.IsZero() {
		return h.Triage.Status + ", retracted"
	}
	return h.Triage.Status
}

// since says who made the state what it is, when and why, as far as is known.
func since(t mappings.Triage) string {
	text := ""
	if t.StatusBy != "" {
		text += " by " + printable(t.StatusBy)
	}
	if !t.StatusAt.IsZero() {
		text += " since " + clockTime(t.StatusAt) + " UTC"
	}
	if t.Reason != "" {
		text += fmt.Sprintf(" (%s)", printable(t.Reason))
	}
	return text
}
