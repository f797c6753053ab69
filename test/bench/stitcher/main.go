// Command stitcher measures rules/sequence alone beside a hash join that is
// written by hand for the same chain, and beside the engine of Python's eql.
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
		fmt.Fprintln(os.Stderr, "stitcher:", err)
		os.Exit(1)
	}
}

// options are the flags that every pair has.
type options struct {
	out, python, data string
	rounds            int
	quick             bool
}

func run(ctx context.Context, args []string, log io.Writer) error {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	r := result.Result{
		Pair: "stitcher", Title: "The stitcher alone",
		About: []string{
			"`rules/sequence` over rows that are in memory, beside a hash join that is written by hand for exactly the same chain over the same rows " +
				"(test/bench/stitcher/join.go: a table per stage and key, semi-joins forward and backward), and beside the engine of Python's eql on the same events, where both can say it. " +
				"All of them find the same: the rows of each match are compared, and of eql's sequences the users.",
			"Figures are seconds of CPU of the whole process, garbage collection included; ratios are taken round by round, and their median and spread are shown.",
		},
		Versions: map[string]string{},
	}
	m := &measure{options: o, ctx: ctx, log: log, result: &r}
	for _, step := range []func() error{m.sequences, m.incidents, m.growth} {
		if err := step(); err != nil {
			return err
		}
	}
	m.targets()
	return r.Write(o.out)
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("stitcher", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&o.out, "out", "stitcher.json", "where the result is written")
	flags.StringVar(&o.python, "python", "python3", "a Python that has the packages of requirements.txt")
	flags.StringVar(&o.data, "data", os.TempDir(), "where data is kept")
	flags.String("stitch", "", "not used: the package is called, not the binary")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	flags.BoolVar(&o.quick, "quick", false, "small, to see that it runs")
	err := flags.Parse(args)
	if o.quick {
		o.rounds = min(o.rounds, 2)
	}
	return o, err
}
