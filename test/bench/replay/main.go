// Command replay measures `stitch replay` of the strict and the event-level rule
// over a file of search hits, beside DuckDB reading the same file, of it the
// needed columns only, and running the same rules as SQL.
package main

import (
	"context"
	"fmt"
	"io"

	"github.com/stitchdetect/stitch/test/bench/pair"
	"github.com/stitchdetect/stitch/test/bench/result"
)

func main() { pair.Main("replay", run) }

type options struct {
	pair.Options
	sql   string // DuckDB's side
	large bool
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	flags := o.Flags("replay", 5, log)
	flags.StringVar(&o.sql, "sql", "test/bench/replay/duckdb_side.py", "DuckDB's side")
	flags.BoolVar(&o.large, "large", false, "five million documents, too (9.9 GB of data, 3 rounds)")
	err := flags.Parse(args)
	if o.Quick {
		o.Rounds = 1
	}
	return o, err
}

// size is one file of documents.
type size struct{ documents, incidents, rounds int }

func (o options) sizes() []size {
	switch {
	case o.Quick:
		return []size{{5_000, 5, o.Rounds}}
	case o.large:
		return []size{{50_000, 20, o.Rounds}, {500_000, 20, o.Rounds}, {500_000, 200, o.Rounds}, {5_000_000, 20, min(o.Rounds, 3)}}
	}
	return []size{{50_000, 20, o.Rounds}, {500_000, 20, o.Rounds}, {500_000, 200, o.Rounds}}
}

func run(ctx context.Context, args []string, log io.Writer) error {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	r := result.Result{
		Pair: "replay", Title: "Replay of files",
		About: []string{
			"`stitch replay` of the strict rule 6267ce44 and the event-level rule 8a30d849 over a month of search hits of about 1.9 KB (test/bench/generate), " +
				"beside DuckDB with two threads reading the same file: of it only the needed columns, once for both rules, and the rules as SQL (test/bench/replay/rules.sql). " +
				"Both must find exactly the incidents that were planted, by both rules, else nothing is written.",
			"Whole processes, in turn, the file in the page cache: seconds of wall and CPU time, greatest resident memory. Ratios are taken round by round. " +
				"stitch runs the rules as a scheduler would have, once a day here (`--every 24h`), 31 times over each of its windows; the SQL answers once and keeps no history of who would have been told when.",
		},
		Versions: map[string]string{},
	}
	var all []*comparison
	for _, s := range o.sizes() {
		fmt.Fprintf(log, "%d documents, %d incidents\n", s.documents, s.incidents)
		c, err := compare(ctx, o, s)
		if err != nil {
			return err
		}
		r.Versions["duckdb"] = c.version
		all = append(all, c)
	}
	r.Tables = []result.Table{measured(all), ratios(all)}
	r.Targets = targets(all)
	return r.Write(o.Out)
}
