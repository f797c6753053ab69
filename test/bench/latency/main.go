// Command latency measures how long it takes from the last document of an
// incident, written, to the alert, found by a search: a rule scheduled every ten
// seconds, under a steady load of documents.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/stitchdetect/stitch/test/bench/pair"
	"github.com/stitchdetect/stitch/test/bench/result"
	"github.com/stitchdetect/stitch/test/bench/site"
)

func main() { pair.Main("latency", run) }

type options struct {
	pair.Options
	engine, heap    string
	length          time.Duration
	rate, incidents int
}

// The schedule of the rule, and how often the node makes what was written visible.
const (
	schedule = 10 * time.Second
	refresh  = time.Second
)

func parse(args []string, log io.Writer) (options, error) {
	var o options
	flags := o.Flags("latency", 1, log)
	flags.StringVar(&o.engine, "engine", "os3", "es8, es9, os2 or os3")
	flags.StringVar(&o.heap, "heap", "2g", "the node's memory for objects")
	flags.DurationVar(&o.length, "length", 150*time.Second, "how long documents are written")
	flags.IntVar(&o.rate, "rate", 2000, "documents a second")
	flags.IntVar(&o.incidents, "incidents", 70, "how many incidents come together meanwhile")
	err := flags.Parse(args)
	if o.Quick {
		o.length, o.rate, o.incidents = 12*time.Second, 200, 3
	}
	return o, err
}

func run(ctx context.Context, args []string, log io.Writer) (err error) {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	node, err := site.Start(ctx, o.engine, o.heap, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Stop()) }()
	if err := node.Prepare(ctx, refresh.String()); err != nil {
		return err
	}
	m, err := measure(ctx, o, node)
	if err != nil {
		return err
	}
	return report(o, node, m).Write(o.Out)
}

func report(o options, node *site.Site, m measured) result.Result {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	r := result.Result{
		Pair: "latency", Title: "From the last document of an incident to its alert",
		About: []string{
			fmt.Sprintf("The event-level rule (8a30d849) at a schedule of %v, run by `stitch run` on one node of %s %s (heap %s), all on this machine. Documents of all kinds are written at a steady rate; "+
				"incidents come together in between, their download, alert and mount before, the copy at a moment of its own. Measured is from the answer to the request that wrote the copy to the moment at which a search finds the alert, "+
				"looked for every 100 ms. Beside it: the schedule and the node's refresh interval (%v), which nobody who asks every %v can be quicker than at the worst.", schedule, node.Family, node.Version, o.heap, refresh, schedule),
			"Lateness (24h) and settle (1m) are the shipped rule's. Settle adds nothing to the latency: each run asks for what arrived until now, and once more for the minute before its slice, in which documents may have borne their stamp and not been visible yet.",
		},
		Versions: map[string]string{node.Family: node.Version},
	}
	r.Tables = []result.Table{{
		Caption: fmt.Sprintf("%d incidents in %v", m.planted, o.length),
		Columns: []string{"documents a second, wanted", "reached", "refresh + schedule", "p50", "p99", "worst", "lost", "doubled"},
		Rows: [][]string{{fmt.Sprint(o.rate), fmt.Sprintf("%.0f", m.rate), seconds(refresh + schedule), seconds(m.at(0.5)), seconds(m.at(0.99)), seconds(m.at(1)),
			fmt.Sprint(m.lost), fmt.Sprint(m.doubled)}},
	}}
	within := refresh + schedule
	r.Targets = []result.Target{
		{Reach: "nothing lost, nothing twice", Got: fmt.Sprintf("%d lost, %d doubled of %d", m.lost, m.doubled, m.planted), Met: m.lost+m.doubled == 0,
			Why: "an alert was not found, or found twice: a fault"},
		{Reach: fmt.Sprintf("p50 within refresh + schedule (%v)", within), Got: seconds(m.at(0.5)), Met: m.at(0.5) <= within,
			Why: "the node, the loader and stitch share the processors"},
		{Reach: fmt.Sprintf("worst within refresh + schedule (%v) and a run", within),
			Got: fmt.Sprintf("p99 %s, worst %s; the longest run took %s", seconds(m.at(0.99)), seconds(m.at(1)), seconds(m.longest)), Met: m.at(1) <= within+m.longest,
			Why: "the node, the loader and stitch share the processors: a refresh takes longer than its interval"},
		{Reach: fmt.Sprintf("a load of %d documents a second", o.rate), Got: fmt.Sprintf("%.0f", m.rate), Met: m.rate >= 0.97*float64(o.rate),
			Why: "the node took no more beside what else ran on this machine"},
	}
	return r
}
