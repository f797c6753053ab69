package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

type replayFlags struct {
	data, rules, ids []string
	from, to, output string
	users            string

	start, end time.Time // from and to, zero if not given
}

func replayCommand(s streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay --data FILE...",
		Short: "Run rules over files, as the scheduler would have over that time",
		Long: `Runs rules over NDJSON files with the embedded engine: one search hit a line
(_index, _id, _source) or _bulk lines, gzipped or not. Nothing is sent anywhere.

Each rule falls due an interval after --from and every interval thereafter, or
at the times of its cron line, and last at --to. Every document counts as if it
had arrived when it happened. Documents of the moments --from and --to are both
looked at; rules that sum up windows look at [from, to), as they always do. By
default the replay goes from the first document to a millisecond after the last.
The same files make the same output, to the byte: alerts bear the time of the
run that would have written them.

Alerts come on stdout, as timelines or, with --output ndjson, as the documents
they are in a cluster, one a line. Everything else comes on stderr.

` + exitHelp + `

A file that cannot be opened is wrong usage (2), one that holds something else
than documents a problem (1).`,
		Example: `  stitch replay --data day.ndjson.gz
  stitch replay --rules ./rules --from 2024-02-22 --to 2024-02-23T12:00 --data *.ndjson
  zcat dump.gz | stitch replay --output ndjson --data - | jq .message`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.data = append(f.data, args...)
			return replay(cmd, s, f)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.data, "data", nil, "NDJSON file, plain or gzipped, or - for stdin; further arguments are files too")
	flags.StringArrayVar(&f.rules, "rules", nil, "file or folder of rules, repeatable (default the shipped rules)")
	flags.StringArrayVar(&f.ids, "rule", nil, "run only the rule with this id, repeatable")
	usersFlag(cmd, &f.users, " among the data")
	flags.StringVar(&f.from, "from", "", "begin at this time, like 2024-02-22 or 2024-02-22T08:00:00Z; UTC unless it says otherwise")
	flags.StringVar(&f.to, "to", "", "end at this time; a date alone is its midnight")
	flags.StringVar(&f.output, "output", "text", "text: timelines; ndjson: one alert document a line")
	return cmd
}

func replay(cmd *cobra.Command, s streams, f replayFlags) error {
	if len(f.data) == 0 {
		return usage("no data; name NDJSON files with --data FILE, or - for stdin")
	}
	if f.output != "text" && f.output != "ndjson" {
		return usage("--output must be text or ndjson, not %q", f.output)
	}
	if err := f.parse(); err != nil {
		return err
	}
	set, err := loadRules(f.rules, f.ids)
	if err != nil {
		return err
	}
	p := newPast()
	if err := p.load(f.data, s.in); err != nil {
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
	if err := writeAlerts(s.out, docs, f.output == "ndjson"); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	again := ""
	if n := p.loaded.Replaced + p.loaded.Kept; n > 0 {
		again = fmt.Sprintf(" (%d stood there more than once)", n)
	}
	fmt.Fprintf(s.err, "%s%s, %s, %s to %s: %s\n", count(p.loaded.Documents, "document"), again,
		count(len(set.Rules), "rule"), stamp(from), stamp(to), count(len(docs), "alert"))
	return nil
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

// times are the bounds of the replay: those asked for, else those of the data.
func (f *replayFlags) times(p *past) (from, to time.Time, err error) {
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
