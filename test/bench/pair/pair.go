// Package pair is what the commands of test/bench have in common: the flags
// that test/bench/run gives to each of them, and how they end.
package pair

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// Options are the flags that every pair has, whether it needs them or not.
type Options struct {
	Out    string // where the result is written
	Stitch string // the binary that is measured
	Python string // one that has the packages of requirements.txt
	Data   string // where data is kept
	Rounds int    // how often each is measured
	Quick  bool   // small, to see that it runs
}

// Flags returns the pair's flags, to be parsed once those of its own are added.
func (o *Options) Flags(name string, rounds int, log io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&o.Out, "out", name+".json", "where the result is written")
	flags.StringVar(&o.Stitch, "stitch", "stitch", "the binary that is measured, where one is")
	flags.StringVar(&o.Python, "python", "python3", "a Python that has the packages of requirements.txt, where one is needed")
	flags.StringVar(&o.Data, "data", os.TempDir(), "where data is kept")
	flags.IntVar(&o.Rounds, "rounds", rounds, "how often each is measured, where that is not once")
	flags.BoolVar(&o.Quick, "quick", false, "small, to see that it runs")
	return flags
}

// Main runs a pair with the arguments of the process, until it is interrupted,
// and exits with 1 if it fails.
func Main(name string, run func(ctx context.Context, args []string, log io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		stop()
		os.Exit(1)
	}
}
