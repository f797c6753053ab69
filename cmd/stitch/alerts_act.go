package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// verb is a command that does something about alerts.
type verb struct {
	kind       string // of the action
	use, short string
	about      string // what is said of it at length
	past       string // what was done, in a word
	reason     bool   // it takes a reason
	text       bool   // its second argument is the comment; else there is a flag
}

func verbs() []verb {
	return []verb{
		{kind: mappings.Acknowledge, use: "ack ID...", short: "Say that someone looks after alerts", past: "acknowledged",
			about: "Acknowledges alerts, so that others see that someone looks after them. One that is\nclosed has to be reopened first."},
		{kind: mappings.Close, use: "close ID...", short: "Close alerts, with a reason", past: "closed", reason: true,
			about: "Closes alerts. Kibana's reasons are false_positive, true_positive, benign_positive,\nduplicate and other; any other words do as well."},
		{kind: mappings.Reopen, use: "reopen ID...", short: "Open alerts again", past: "reopened",
			about: "Opens alerts again that are acknowledged or closed."},
		{kind: mappings.Comment, use: "comment ID TEXT", short: "Write a comment on an alert", past: "commented on", text: true,
			about: "Writes a comment on an alert; with - for TEXT, what comes on stdin."},
	}
}

type actFlags struct {
	connection
	as, id, reason, comment string
}

func verbCommand(s streams, v verb) *cobra.Command {
	var f actFlags
	cmd := &cobra.Command{
		Use:   v.use,
		Short: v.short,
		Long: v.about + `

Each is written over the version that was read: if the scheduler or someone else
was faster, it is done on what they left, and said what that was. If no answer
comes, the same command with the --action-id that is then named does it once.

` + connectionHelp + "\n\n" + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usage("name an alert: %s", cmd.UseLine())
			case v.text && len(args) != 2:
				return usage("name one alert and give the comment as one argument, in quotes: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			action, err := f.action(s, v, args)
			if err != nil {
				return err
			}
			cluster, err := f.connect(cmd.Context(), s)
			if err != nil {
				return err
			}
			if v.text {
				args = args[:1]
			}
			return actOn(cmd.Context(), s, cluster, mappings.Names{}, v, args, action)
		},
	}
	f.connection.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.as, "as", "", "who does it (default: the user of the operating system)")
	flags.StringVar(&f.id, "action-id", "", "the id of the action; asked for again, it is done once (default: a new one)")
	if v.reason {
		flags.StringVar(&f.reason, "reason", "", "why; it must be given")
		completeFlag(cmd, "reason", "false_positive", "true_positive", "benign_positive", "duplicate", "other")
	}
	if !v.text {
		flags.StringVar(&f.comment, "comment", "", "a comment beside it")
	}
	cmd.ValidArgsFunction = completeAlerts(s, &f.connection, !v.text)
	return cmd
}

// action is what the flags and arguments ask for.
func (f *actFlags) action(s streams, v verb, args []string) (mappings.Action, error) {
	by, err := personOf(s, f.as)
	if err != nil {
		return mappings.Action{}, err
	}
	a := mappings.Action{ID: f.id, Kind: v.kind, At: time.Now(), By: by, Reason: f.reason, Comment: f.comment}
	if a.ID == "" {
		a.ID = triage.NewActionID()
	}
	if v.reason && a.Reason == "" {
		return a, usage("say why with --reason, such as --reason false_positive")
	}
	if v.text {
		if a.Comment, err = commentOf(s, args[1]); err != nil {
			return a, err
		}
	}
	return a, nil
}

// commentOf is the comment of the command line or, for -, of the input.
func commentOf(s streams, text string) (string, error) {
	if text != "-" {
		return text, nil
	}
	read, err := io.ReadAll(io.LimitReader(s.in, triage.MaxComment+2))
	if err != nil {
		return "", fmt.Errorf("read comment: %w", err)
	}
	text = strings.ReplaceAll(string(read), "\r\n", "\n")
	return strings.TrimRight(text, "\n"), nil
}

// actOn does an action about alerts, one after the other, and says what became
// of each. Nothing is done unless all of them are known.
func actOn(ctx context.Context, s streams, engine triage.Engine, names mappings.Names, v verb, prefixes []string, a mappings.Action) error {
	ids, err := resolveAlerts(ctx, engine, names, prefixes)
	if err != nil {
		return err
	}
	code := exitFine
	for _, id := range ids {
		r, err := triage.Act(ctx, engine, names, id, a)
		if err == nil {
			fmt.Fprintln(s.out, outcome(v, r))
			continue
		}
		if _, invalid := errors.AsType[*triage.InvalidError](err); invalid {
			return &exitError{exitUsage, err} // of this alert as of all others
		}
		code = max(code, actCode(err))
		fmt.Fprintf(s.err, "stitch: %s\n", printableLines(err.Error()))
		if code == exitCluster {
			break // the next would fare no better
		}
	}
	if code != exitFine {
		return &exitError{code: code} // said above
	}
	return nil
}

// actCode is the code for an action that failed.
func actCode(err error) int {
	var refused *esq.ResponseError
	if _, unsure := errors.AsType[*triage.UnsureError](err); unsure || errors.As(err, &refused) {
		return exitCluster
	}
	return exitCode(err)
}

// outcome says what became of an action, and what others had done before.
func outcome(v verb, r triage.Result) string {
	a := r.Alert
	said := fmt.Sprintf("%s  %s", printable(a.ID), fit(printable(a.Reason), pageWidth))
	if !r.Changed {
		return fmt.Sprintf("%s already: %s", v.past, said)
	}
	text := fmt.Sprintf("%s: %s", v.past, said)
	if v.kind != mappings.Comment && (r.Before.Status != mappings.Open || r.Before.StatusBy != "") {
		text += fmt.Sprintf("\n  before: %s%s", printable(r.Before.Status), since(r.Before))
	}
	if n := len(r.Before.History); n > 0 {
		last := r.Before.History[n-1]
		text += fmt.Sprintf("\n  last:   %s by %s %s UTC", printable(last.Kind), printable(last.By), clockTime(last.At))
	}
	return text
}
