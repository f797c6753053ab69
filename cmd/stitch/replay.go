package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

type replayFlags struct {
	connection
	data, rules, ids []string
	from, to, output string
	users, every     string
	diff             string
	write            bool

	start, end time.Time // from and to, zero if not given
}

func replayCommand(s streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay {--data FILE... | --url URL --from TIME}",
		Short: "Run rules over files, or a cluster's past, as the scheduler would have over that time",
		Long: `Runs rules over NDJSON files with the embedded engine: one search hit a line
(_index, _id, _source) or _bulk lines, gzipped or not; nothing is sent anywhere.
Without --data, over the past of the cluster that is named, from --from to --to
(or now); nothing is written there unless --write says so.

Each rule falls due an interval after --from and every interval thereafter, or
at the times of its cron line, and last at --to; --every has all of them fall
due at another interval. Every document of a file counts as if it had arrived
when it happened; those of a cluster arrived when their ingest field says.
Documents of the moments --from and --to are both looked at; rules that sum up
windows look at [from, to), as they always do. By default the replay of files
goes from the first document to a millisecond after the last. The same files
make the same output, to the byte: alerts bear the time of the run that would
have written them.

Alerts come on stdout, as timelines or, with --output ndjson, as the documents
they are in a cluster, one a line. With --diff they are compared with those of
another replay (a file of --output ndjson) or with those that the cluster has
(--diff index), and only what a changed rule adds (+), loses (-) and changes (~)
is shown. Everything else comes on stderr.

` + exitHelp + `

A file that cannot be opened is wrong usage (2), one that holds something else
than documents a problem (1), and so is a difference.`,
		Example: `  stitch replay --data day.ndjson.gz
  stitch replay --rules ./rules --from 2024-02-22 --to 2024-02-23T12:00 --data *.ndjson
  zcat dump.gz | stitch replay --output ndjson --data - | jq .message
  stitch replay --url https://localhost:9200 --from 2024-02-01 --rules ./rules --diff index`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.data = append(f.data, args...)
			return replay(cmd, s, f)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.data, "data", nil, "NDJSON file, plain or gzipped, or - for stdin; further arguments are files too")
	f.flags(cmd)
	flags.StringArrayVar(&f.rules, "rules", nil, "file or folder of rules, repeatable (default the shipped rules)")
	flags.StringArrayVar(&f.ids, "rule", nil, "run only the rule with this id, repeatable")
	usersFlag(cmd, &f.users, " among the data")
	flags.StringVar(&f.from, "from", "", "begin at this time, like 2024-02-22 or 2024-02-22T08:00:00Z; UTC unless it says otherwise")
	flags.StringVar(&f.to, "to", "", "end at this time; a date alone is its midnight")
	flags.StringVar(&f.every, "every", "", "have every rule fall due at this interval, like 1h, whatever it says")
	flags.StringVar(&f.output, "output", "text", "text: timelines; ndjson: one alert document a line; with --diff text or json")
	flags.StringVar(&f.diff, "diff", "", "compare with the alerts of this file, or with those of the cluster: index")
	flags.BoolVar(&f.write, "write", false, "write the alerts, and a record of each run, to the cluster")
	return cmd
}

func replay(cmd *cobra.Command, s streams, f replayFlags) error {
	if err := f.check(s); err != nil {
		return err
	}
	set, err := loadRules(f.rules, f.ids)
	if err != nil {
		return err
	}
	if err := f.reschedule(set); err != nil {
		return err
	}
	open := f.cluster
	if len(f.data) > 0 {
		defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
		open = func(context.Context, streams) (*past, error) { return f.files(set, s) }
	}
	p, err := open(cmd.Context(), s)
	if err != nil {
		return err
	}
	users, err := openUsers(cmd.Context(), f.users, p)
	if err != nil {
		return err
	}
	from, to, err := f.times(p)
	if err != nil {
		return err
	}
	docs, failed := p.replay(cmd.Context(), set, users, from, to, s)
	if f.diff == "" {
		if err := writeAlerts(s.out, docs, f.output == "ndjson"); err != nil {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	differ := false
	if f.diff != "" {
		if differ, err = f.compare(cmd.Context(), s, p, set, docs, from, to); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.err, "%s, %s, %s to %s: %s\n", p.searched(), count(len(set.Rules), "rule"), stamp(from), stamp(to), count(len(docs), "alert"))
	if differ {
		return &exitError{code: exitProblems} // said on stdout
	}
	return nil
}

// check refuses flags that contradict each other.
func (f *replayFlags) check(s streams) error {
	outputs := []string{"text", "ndjson"}
	if f.diff != "" {
		outputs = []string{"text", "json"}
	}
	if !slices.Contains(outputs, f.output) {
		return usage("--output must be %s, not %q", strings.Join(outputs, " or "), f.output)
	}
	if err := f.parse(); err != nil {
		return err
	}
	if len(f.data) > 0 {
		switch {
		case len(f.urls) > 0:
			return usage("--data and --url exclude each other: name files or a cluster")
		case f.write:
			return usage("--write is for a cluster; alerts of files come on stdout")
		case f.diff == "index":
			return usage("--diff index is for a cluster; name a file that stitch replay --output ndjson has written")
		}
		return nil
	}
	clustered, err := f.named(s)
	switch {
	case err != nil:
		return err
	case !clustered:
		return usage("no data; name NDJSON files with --data FILE, or - for stdin, or a cluster with --url")
	case f.start.IsZero():
		return usage("say since when the cluster's past is to be replayed with --from")
	}
	return nil
}

// reschedule gives the rules the interval of --every.
func (f *replayFlags) reschedule(set *rules.Set) error {
	if f.every == "" {
		return nil
	}
	every, err := rules.ParseDuration(f.every)
	if err != nil || every < time.Second {
		return usage("--every: %q is no interval of a second or more; write it like 1h", f.every)
	}
	for i, r := range set.Rules {
		set.Rules[i] = scheduled(r, every)
	}
	return nil
}

// scheduled is a rule at another interval.
func scheduled(r *rules.Rule, every time.Duration) *rules.Rule {
	other := *r
	other.Schedule = rules.Every(every)
	return &other
}

// files is the past that NDJSON files hold, as much of it as the rules may ask
// for. What a user map makes of questions cannot be told beforehand.
func (f *replayFlags) files(set *rules.Set, s streams) (*past, error) {
	p := newPast()
	if f.users == "" {
		p.documents.Narrow(needsOf(set))
	}
	return p, p.load(f.data, s.in)
}

// collectAt is by how many percent the memory in use may grow before it is
// collected. What is kept of files is few large pieces: to collect often costs
// little.
const collectAt = 20

// needsOf is all that rules may ask of documents.
func needsOf(set *rules.Set) []memory.Need {
	var needs []memory.Need
	for _, r := range set.Rules {
		for _, n := range r.Needs(memory.ECS().Expected) {
			needs = append(needs, memory.Need(n))
		}
	}
	return needs
}

// cluster is the past of the cluster that is named. What is written stays here,
// unless --write is given.
func (f *replayFlags) cluster(ctx context.Context, s streams) (*past, error) {
	cluster, err := f.connect(ctx, s)
	if err != nil {
		return nil, err
	}
	p := newPast()
	p.Searcher, p.cluster = cluster, cluster
	if f.write {
		if err := mappings.Check(ctx, cluster, mappings.Names{}); err != nil {
			return nil, err
		}
		p.Store = cluster
	}
	return p, nil
}

// compare shows how the alerts differ from others, and reports whether they do.
func (f *replayFlags) compare(ctx context.Context, s streams, p *past, set *rules.Set, docs []json.RawMessage, from, to time.Time) (differ bool, err error) {
	after, err := compared(docs)
	if err != nil {
		return false, err
	}
	var before []comparedAlert
	if f.diff == "index" {
		before, err = alertsOfIndex(ctx, p.cluster, set, from, to)
	} else {
		before, err = alertsOfFile(f.diff, set)
	}
	if err != nil {
		return false, err
	}
	diffs := diffAlerts(before, after)
	if f.output == "json" {
		return len(diffs) > 0, writeJSON(s.out, diffs)
	}
	writeDiff(s.out, diffs)
	return len(diffs) > 0, nil
}

// parse reads the times that were asked for.
func (f *replayFlags) parse() (err error) {
	if f.start, err = parseTime("--from", f.from); err != nil {
		return err
	}
	if f.end, err = parseTime("--to", f.to); err != nil {
		return err
	}
	if !f.start.IsZero() && !f.end.IsZero() {
		return checkOrder(f.start, f.end)
	}
	return nil
}

func checkOrder(from, to time.Time) error {
	if !from.Before(to) {
		return usage("the replay would end at %s, not after it begins at %s", stamp(to), stamp(from))
	}
	return nil
}

// times are the bounds of the replay: those asked for, else those of the data,
// and of a cluster, now.
func (f *replayFlags) times(p *past) (from, to time.Time, err error) {
	if p.cluster != nil {
		if to = f.end; to.IsZero() {
			to = time.Now().UTC().Truncate(time.Millisecond)
		}
		return f.start, to, checkOrder(f.start, to)
	}
	from, to, ok := p.span()
	if p.loaded.Documents == 0 {
		return from, to, &exitError{exitProblems, errors.New("the data holds no documents")}
	}
	if !ok && (f.start.IsZero() || f.end.IsZero()) {
		return from, to, &exitError{exitProblems, errors.New("no document has a usable @timestamp; say which time to replay with --from and --to")}
	}
	if !f.start.IsZero() {
		from = f.start
	}
	if !f.end.IsZero() {
		to = f.end
	}
	return from, to, checkOrder(from, to)
}

// parseTime reads a flag's time, the zero time if it is not given.
func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Millisecond), nil
		}
	}
	return time.Time{}, usage("%s: %q is not a time; write it like 2024-02-22T08:00:00Z", flag, text)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

// writeAlerts prints alerts as timelines or, one a line, as documents.
func writeAlerts(w io.Writer, docs []json.RawMessage, ndjson bool) error {
	for _, doc := range docs {
		if !ndjson {
			if err := writeTimeline(w, doc); err != nil {
				return err
			}
			continue
		}
		var line bytes.Buffer
		if err := json.Compact(&line, doc); err != nil {
			return fmt.Errorf("write alert: %w", err)
		}
		line.WriteByte('\n')
		if _, err := w.Write(line.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
