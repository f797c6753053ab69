// Command elastalert measures stitch beside ElastAlert 2 with the same
// detections on the same node: a rule of one stage, and a chain of two.
package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/stitchdetect/stitch/test/bench/pair"
	"github.com/stitchdetect/stitch/test/bench/result"
)

func main() { pair.Main("elastalert", run) }

type options struct {
	pair.Options
	documents int // that arrive between two runs
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	flags := o.Flags("elastalert", 9, log)
	err := flags.Parse(args)
	o.documents = 2_000
	if o.Quick {
		o.Rounds, o.documents = 2, 100
	}
	return o, err
}

func run(ctx context.Context, args []string, log io.Writer) (err error) {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	node, stop, err := startNode(ctx, log)
	if err != nil {
		return err
	}
	defer stop()
	r := result.Result{
		Pair: "elastalert", Title: "The same detection with ElastAlert 2",
		About: []string{
			fmt.Sprintf("Elastic's rule 571ff456 (an alert of a mass download), and the chain of such an alert and, after it and within an hour, a file that the same user writes. Between two runs %d documents arrive, of which %d users have both. "+
				"In ElastAlert 2 the rule is one of type any; the chain is two of those and one of type cardinality over ElastAlert's own alerts, by user: it does not ask which came first. All of them find the same alerts, which is checked. "+
				"The node is Elasticsearch 8, which ElastAlert 2 speaks to as it comes.", o.documents, pairsPerRound),
			"Once: user and system CPU of a whole process that starts, runs the rules that are due once and ends: `stitch once`, and ElastAlert 2's `run_all_rules` (test/bench/elastalert/once.py; its own command only runs on a schedule).",
			"Standing: `stitch run` and `elastalert --verbose`, as they are installed, run the rules every ten seconds, and the CPU that each takes from the second run on is divided by the runs. Start-up is not in it.",
		},
		Versions: map[string]string{"elasticsearch": node.version, "elastalert2": packageVersion(ctx, o.Python, "elastalert2"), "python": pythonVersion(ctx, o.Python)},
	}
	for _, c := range []detection{
		{name: "single-stage rule", stitch: []string{"alert.toml"}, elastalert: []string{"alerts.yaml"}, result: "alerts"},
		{name: "chain", stitch: []string{"chain.toml"}, elastalert: []string{"alerts.yaml", "copies.yaml", "chain.yaml"}, result: "chain"},
	} {
		fmt.Fprintln(log, c.name)
		m := &measure{options: o, ctx: ctx, node: node, detection: c, folder: filepath.Join(o.Data, "elastalert")}
		if err := m.run(&r); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return r.Write(o.Out)
}
