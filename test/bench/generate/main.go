// Generate writes the benchmarks' documents as NDJSON; see package documents.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/stitchdetect/stitch/test/bench/documents"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	var o documents.Options
	var from, out, planted string
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.IntVar(&o.Documents, "documents", 500_000, "how many documents")
	flags.IntVar(&o.Incidents, "incidents", 20, "how many incidents among them")
	flags.Uint64Var(&o.Seed, "seed", 1, "the same seed makes the same documents")
	flags.StringVar(&from, "from", "2026-03-01T00:00:00Z", "the time of the first document")
	flags.DurationVar(&o.Period, "period", 720*time.Hour, "from the first to the last, whole days")
	flags.Float64Var(&o.Late, "late", 0.01, "the share that arrives hours late")
	flags.IntVar(&o.People, "people", 1000, "how many people, each with a machine")
	flags.Float64Var(&o.Skew, "skew", 0, "the share of ordinary documents that are one person's")
	flags.BoolVar(&o.Bulk, "bulk", false, "lines of _bulk requests instead of search hits")
	flags.StringVar(&out, "out", "-", "the file to write, - for stdout")
	flags.StringVar(&planted, "planted", "", "write the incidents that must be found to this file, as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if o.From, err = time.Parse(time.RFC3339, from); err != nil {
		return fmt.Errorf("read -from: %w", err)
	}
	incidents, err := write(out, stdout, o)
	if err != nil || planted == "" {
		return err
	}
	text, err := json.MarshalIndent(incidents, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(planted, text, 0o644)
}

func write(name string, stdout io.Writer, o documents.Options) (incidents []documents.Incident, err error) {
	if name == "-" {
		return documents.Write(stdout, o)
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return documents.Write(file, o)
}
