package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

func rulesCommand(s streams) *cobra.Command {
	var f runFlags
	var output string
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List the rules that are loaded",
		Long: `Lists the rules that are loaded, shipped ones or your own: id, severity, schedule,
the sources they stand on, and, if a cluster is named, until when each has been
searched and when it is due again.

` + connectionHelp + "\n\n" + exitHelp,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return usage("--output must be text or json, not %q", output)
			}
			list, err := f.list(cmd.Context(), s)
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(s.out, list)
			}
			writeRules(s.out, list)
			return nil
		},
	}
	f.connection.flags(cmd)
	rulesFlag(cmd, &f.rules)
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

// listedRule is a rule as it is listed.
type listedRule struct {
	ID       string   `json:"rule_id"`
	Name     string   `json:"name"`
	File     string   `json:"file"`
	Type     string   `json:"type"`
	Severity string   `json:"severity"`
	Schedule string   `json:"schedule"`
	Sources  []string `json:"sources"` // VIEW/SOURCE, or an index pattern
	// Exceptions is how many concern the rule.
	Exceptions int `json:"exceptions"`
	// What a cluster knows: nil where none is named, or the rule never ran.
	CoveredUntil *time.Time `json:"covered_until,omitempty"`
	Next         *time.Time `json:"next,omitempty"`
	Holes        int        `json:"holes,omitempty"`
	Problem      string     `json:"problem,omitempty"` // why its ledger cannot be used
}

func (f *runFlags) list(ctx context.Context, s streams) ([]listedRule, error) {
	clustered, err := f.named(s)
	if err != nil {
		return nil, err
	}
	if clustered {
		service, err := f.open(ctx, s, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		covered, err := service.Coverage(ctx)
		if err != nil {
			return nil, err
		}
		list := make([]listedRule, len(covered))
		for i, c := range covered {
			list[i] = listed(c.Rule)
			list[i].cover(c)
		}
		return list, nil
	}
	paths := f.rules
	if len(paths) == 0 {
		file, err := f.readFile(s)
		if err != nil {
			return nil, err
		}
		paths = sources{environment{s.env}, file}.first("rules")
	}
	set, err := loadRules(paths, nil)
	if err != nil {
		return nil, err
	}
	list := make([]listedRule, len(set.Rules))
	for i, r := range set.Rules {
		list[i] = listed(r)
	}
	return list, nil
}

func listed(r *rules.Rule) listedRule {
	out := listedRule{ID: r.ID, Name: r.Name, File: r.File, Type: r.Type, Severity: r.Severity, Schedule: fmt.Sprint(r.Schedule), Sources: []string{}}
	for _, p := range r.Probes() {
		names := p.Index
		if p.View != "" {
			names = []string{p.View + "/" + p.Source}
		}
		for _, name := range names {
			if !slices.Contains(out.Sources, name) {
				out.Sources = append(out.Sources, name)
			}
		}
	}
	for _, list := range r.Exceptions() {
		out.Exceptions += len(list)
	}
	return out
}

func (l *listedRule) cover(c scheduler.RuleCoverage) {
	l.CoveredUntil, l.Next, l.Holes = known(c.CoveredUntil), known(c.Next), len(c.Holes)
	if c.Err != nil {
		l.Problem = c.Err.Error()
	}
}

func writeRules(out io.Writer, list []listedRule) {
	for _, r := range list {
		fmt.Fprintf(out, "%s\n", printable(r.Name))
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		row := func(name, value string) { fmt.Fprintf(w, "  %s\t%s\n", name, printable(value)) }
		row("id", r.ID)
		row("file", r.File)
		row("severity", r.Severity)
		row("runs", r.Schedule)
		row("sources", strings.Join(r.Sources, ", "))
		if r.Exceptions > 0 {
			row("exceptions", fmt.Sprint(r.Exceptions))
		}
		switch {
		case r.Problem != "":
			row("ledger", r.Problem)
		case r.CoveredUntil != nil:
			row("covered", "until "+stamp(*r.CoveredUntil)+holesIn(r.Holes))
		}
		if r.Next != nil {
			row("next", stamp(*r.Next))
		}
		_ = w.Flush() // out keeps its error
	}
}

func holesIn(n int) string {
	if n == 0 {
		return ""
	}
	return ", " + count(n, "hole") + " after it; see stitch coverage"
}
