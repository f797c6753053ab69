// Command idle measures what rules cost when nothing happens: the requests and
// bytes of a run in which nothing arrived, and a process with many such rules on
// a node of OpenSearch 3: memory, start, delays, CPU.
package main

import (
	"context"
	"io"
	"time"

	"github.com/stitchdetect/stitch/test/bench/pair"
	"github.com/stitchdetect/stitch/test/bench/result"
)

func main() { pair.Main("idle", run) }

type options struct {
	pair.Options
	steady time.Duration // how long the most rules are watched
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	flags := o.Flags("idle", 0, log)
	flags.DurationVar(&o.steady, "steady", 3*time.Minute, "how long the most rules are watched; others a minute less")
	return o, flags.Parse(args)
}

func run(ctx context.Context, args []string, log io.Writer) error {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	n, err := startNode(ctx)
	if err != nil {
		return err
	}
	defer n.stop()
	if err := n.load(ctx); err != nil {
		return err
	}
	m := &measure{options: o, node: n, log: log, interval: time.Minute, sizes: []int{1, 10, 100, 1000}}
	if o.Quick {
		m.interval, m.sizes, m.steady = 5*time.Second, []int{1, 5}, 10*time.Second
	}
	r := result.Result{
		Pair: "idle", Title: "Rules when nothing arrives",
		About: []string{
			"What a run costs in which nothing arrived, and a process with up to 1,000 such rules at a one-minute schedule, all due at the same moment, on one node of OpenSearch 3 on the same machine. " +
				"Every other rule is a kuery query, the others are chains of two stages in EQL, over four index patterns of 1,000 documents each.",
			"Requests and bytes are those on the wire, bodies without headers. A start delay is how much later than the full minute the run began to look; a schedule is missed if a minute has no run of a rule. " +
				"CPU is that of the stitch process alone, user and system, of one core.",
		},
		Versions: map[string]string{"opensearch": n.version},
	}
	if err := m.requests(ctx, &r); err != nil {
		return err
	}
	if err := m.processes(ctx, &r); err != nil {
		return err
	}
	return r.Write(o.Out)
}
