// Command replay measures `stitch replay` of the strict and the event-level rule
// over a file of search hits, beside DuckDB reading the same file, of it the
// needed columns only, and running the same rules as SQL.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/stitchdetect/stitch/test/bench/result"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

// options are the flags that every pair has.
type options struct {
	out, stitch, python, data, sql string
	rounds                         int
	quick, large                   bool
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&o.out, "out", "replay.json", "where the result is written")
	flags.StringVar(&o.stitch, "stitch", "stitch", "the binary that is measured")
	flags.StringVar(&o.python, "python", "python3", "a Python that has the packages of requirements.txt")
	flags.StringVar(&o.data, "data", os.TempDir(), "where data is kept")
	flags.StringVar(&o.sql, "sql", "test/bench/replay/duckdb_side.py", "DuckDB's side")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	flags.BoolVar(&o.quick, "quick", false, "small, to see that it runs")
	flags.BoolVar(&o.large, "large", false, "five million documents, too (9.9 GB of data, 3 rounds)")
	err := flags.Parse(args)
	if o.quick {
		o.rounds = 1
	}
	return o, err
}

// size is one file of documents.
type size struct{ documents, incidents, rounds int }

func (o options) sizes() []size {
	switch {
	case o.quick:
		return []size{{5_000, 5, o.rounds}}
	case o.large:
		return []size{{50_000, 20, o.rounds}, {500_000, 20, o.rounds}, {500_000, 200, o.rounds}, {5_000_000, 20, min(o.rounds, 3)}}
	}
	return []size{{50_000, 20, o.rounds}, {500_000, 20, o.rounds}, {500_000, 200, o.rounds}}
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
	return r.Write(o.out)
}
