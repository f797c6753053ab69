// Command cluster measures one scheduled run of a rule on a cluster beside the
// engine's own time for the searches that it had to make, and what the run
// fetches beside the documents that match.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/stitchdetect/stitch/test/bench/pair"
	"github.com/stitchdetect/stitch/test/bench/result"
	"github.com/stitchdetect/stitch/test/bench/site"
)

func main() { pair.Main("cluster", run) }

type options struct {
	pair.Options
	engine, heap string
	large, trace bool
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	flags := o.Flags("cluster", 5, log)
	flags.StringVar(&o.engine, "engine", "os3", "es8, es9, os2 or os3")
	flags.StringVar(&o.heap, "heap", "3g", "the node's memory for objects")
	flags.BoolVar(&o.large, "large", false, "ten million documents, too: takes an hour and 25 GB")
	flags.BoolVar(&o.trace, "trace", false, "list the requests of each run")
	return o, flags.Parse(args)
}

// sets are the data to measure over.
func (o options) sets() []dataset {
	if o.Quick {
		return []dataset{{documents: 6_000, incidents: 2, late: 0.01}}
	}
	sets := []dataset{
		{documents: 100_000, incidents: 4, late: 0.01},
		{documents: 1_000_000, incidents: 20, late: 0.01},
		{documents: 100_000, incidents: 40, late: 0.01},
		{documents: 100_000, incidents: 4, late: 0.2},
	}
	if o.large {
		sets = append(sets, dataset{documents: 10_000_000, incidents: 20, late: 0.01})
	}
	return sets
}

func run(ctx context.Context, args []string, log io.Writer) (err error) {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	if o.Quick {
		o.Rounds = 1
	}
	node, err := site.Start(ctx, o.engine, o.heap, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Stop()) }()
	var found []measured
	for _, set := range o.sets() {
		some, err := measure(ctx, o, node, set, log)
		if err != nil {
			return fmt.Errorf("over %d documents: %w", set.documents, err)
		}
		found = append(found, some...)
		// What was measured is kept should a larger set fail.
		if err := report(o, node, found).Write(o.Out); err != nil {
			return err
		}
	}
	return nil
}

func report(o options, node *site.Site, found []measured) result.Result {
	r := result.Result{
		Pair: "cluster", Title: "One scheduled run on a cluster",
		About: []string{
			fmt.Sprintf("One scheduled run over documents of one day on one node of %s %s (heap %s, on the same machine), beside the sum of what the engine says the searches "+
				"of that run took (`took`, whole milliseconds, so that a question of less than one counts as none), and beside the size of the documents that match. "+
				"Documents lie in the indices of Defender's events and alerts, of the audit log and of Elastic Defend, without replicas.", node.Family, node.Version, o.heap),
			"The strict rule (6267ce44) runs over its day. The event-level rule (8a30d849) runs over an hour of arrivals in which an incident comes together, and looks around it as far as it must: over all documents. " +
				"Whole run: from reading the ledger to writing it, with alerts, their memory and the run's record. Asking: what became searchable, the counts, the stages and the stitching, without reading and writing of stitch's own state. " +
				"Bytes fetched are of all answers to the run, uncompressed. Documents that match are those that the stages' queries accept by themselves, without what one stage tells of another.",
		},
		Versions: map[string]string{node.Family: node.Version},
	}
	r.Tables = []result.Table{timesTable(found), trafficTable(found)}
	r.Targets = targets(o, found)
	return r
}
