// Command stitcher measures rules/sequence alone beside a hash join that is
// written by hand for the same chain, and beside the engine of Python's eql.
package main

import (
	"context"
	"io"

	"github.com/stitchdetect/stitch/test/bench/pair"
	"github.com/stitchdetect/stitch/test/bench/result"
)

func main() { pair.Main("stitcher", run) }

type options struct{ pair.Options }

func run(ctx context.Context, args []string, log io.Writer) error {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	r := result.Result{
		Pair: "stitcher", Title: "The stitcher alone",
		About: []string{
			"`rules/sequence` over rows that are in memory, beside a hash join that is written by hand for exactly the same chain over the same rows " +
				"(test/bench/stitcher/join.go: users numbered in a hash table and semi-joins forward and backward; of the event-level rule a hash table per stage), and beside the engine of Python's eql on the same events, where both can say it. " +
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
	return r.Write(o.Out)
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	flags := o.Flags("stitcher", 5, log)
	err := flags.Parse(args)
	if o.Quick {
		o.Rounds = min(o.Rounds, 2)
	}
	return o, err
}
