package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
)

type replayFlags struct {
	data, rules, ids []string
	from, to, output string
}

func replayCommand(s streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay --data FILE...",
		Short: "Run rules over files, as the scheduler would have over that time",
		Long: `Runs rules over NDJSON files with the embedded engine: one search hit a line
(_index, _id, _source) or _bulk lines, gzipped or not. Each rule falls due an
interval after --from and every interval thereafter, or at the times of its
cron line, and last at --to. Nothing is sent anywhere.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.data = append(f.data, args...)
			return replay(cmd, s, f)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.data, "data", nil, "NDJSON file, plain or gzipped; further arguments are files too")
	flags.StringArrayVar(&f.rules, "rules", nil, "file or folder of rules (default the shipped rules)")
	flags.StringArrayVar(&f.ids, "rule", nil, "run only the rule with this id")
	flags.StringVar(&f.from, "from", "", "begin at this time, like 2024-02-22 or 2024-02-22T08:00:00Z (default the first document)")
	flags.StringVar(&f.to, "to", "", "end at this time (default the last document)")
	flags.StringVar(&f.output, "output", "text", "text: timelines; ndjson: one alert document a line")
	return cmd
}

func replay(cmd *cobra.Command, s streams, f replayFlags) error {
	if len(f.data) == 0 {
		return usage("no data; name NDJSON files with --data FILE")
	}
	if f.output != "text" && f.output != "ndjson" {
		return usage("--output must be text or ndjson, not %q", f.output)
	}
	set, err := loadRules(f.rules, f.ids)
	if err != nil {
		return err
	}
	p := newPast(time.Now)
	if err := p.load(f.data); err != nil {
		return &exitError{exitProblems, err}
	}
	from, to, err := f.times(p)
	if err != nil {
		return err
	}
	docs, summary, err := p.replay(cmd.Context(), set, from, to, s)
	if err != nil {
		return &exitError{exitProblems, err}
	}
	if err := writeAlerts(s.out, docs, f.output == "ndjson"); err != nil {
		return &exitError{exitProblems, err}
	}
	fmt.Fprintf(s.err, "%d rules, %s to %s: %d alerts\n", len(set.Rules), stamp(from), stamp(to), len(docs))
	if err := summary.Err(); err != nil {
		return &exitError{exitProblems, err}
	}
	return nil
}

// times are the bounds of the replay: those asked for, else those of the data.
func (f replayFlags) times(p *past) (from, to time.Time, err error) {
	from, to, ok := p.span()
	if !ok && (f.from == "" || f.to == "") {
		return from, to, &exitError{exitProblems, fmt.Errorf("no document has a @timestamp; say which time to replay with --from and --to")}
	}
	if f.from != "" {
		if from, err = parseTime("--from", f.from); err != nil {
			return from, to, err
		}
	}
	if f.to != "" {
		if to, err = parseTime("--to", f.to); err != nil {
			return from, to, err
		}
	}
	if !from.Before(to) {
		return from, to, usage("the replay would end at %s, before it begins at %s", stamp(to), stamp(from))
	}
	return from, to, nil
}

func parseTime(flag, text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usage("%s: %q is not a time; write it like 2024-02-22T08:00:00Z", flag, text)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

// loadRules loads the rules and keeps those with the ids, if any are named.
func loadRules(paths, ids []string) (*rules.Set, error) {
	set, err := rules.Load(paths)
	if err != nil || len(ids) == 0 {
		return set, err
	}
	kept := &rules.Set{}
	for _, id := range ids {
		r := set.ByID(id)
		if r == nil {
			return nil, usage("no rule with id %s; there are %s", id, strings.Join(set.IDs(), ", "))
		}
		if !slices.Contains(kept.Rules, r) {
			kept.Rules = append(kept.Rules, r)
		}
	}
	return kept, nil
}
