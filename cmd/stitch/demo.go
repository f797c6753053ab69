package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
)

func demoCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Find an incident in a made-up day, without a cluster",
		Long:  "Fills the embedded engine with a made-up day of documents and runs the shipped\nrules over it as the scheduler would have on that day.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := loadRules(nil, nil)
			if err != nil {
				return err
			}
			from := time.Date(2026, time.March, 10, 0, 0, 0, 0, time.UTC)
			to := from.Add(24 * time.Hour)
			p := newPast(time.Now)
			stats, err := p.documents.Load(bytes.NewReader(demo.Day(from)), "demo")
			if err != nil {
				return fmt.Errorf("load the demo: %w", err)
			}
			fmt.Fprintf(s.out, "A made-up day, %s: %d documents, %d rules.\n\n", from.Format("2006-01-02"), stats.Documents, len(set.Rules))
			docs, summary, err := p.replay(cmd.Context(), set, from, to, s)
			if err == nil {
				err = summary.Err()
			}
			if err == nil {
				err = writeAlerts(s.out, docs, false)
			}
			if err != nil {
				return &exitError{exitProblems, err}
			}
			fmt.Fprintf(s.out, "%d alerts. To see one as the document it is in a cluster: stitch replay --output ndjson --data FILE\n", len(docs))
			return nil
		},
	}
}
