package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
	"github.com/stitchdetect/stitch/rules"
)

func demoCommand(s streams) *cobra.Command {
	var c connection
	var load bool
	var there patience
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Find an incident in a made-up day, without a cluster",
		Long: `Fills the embedded engine with a made-up day of documents and runs the shipped
rules over it, once an hour, as the scheduler would have on that day.

With --load it writes the day to a cluster instead, into indices whose names end
in -demo, with times that end now, and leaves the rules to stitch run.

` + connectionHelp,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !load {
				return runDemo(cmd.Context(), s)
			}
			settings, err := c.settings(s)
			if err != nil {
				return err
			}
			cluster, err := there.open(cmd.Context(), settings.cluster)
			if err != nil {
				return openError(cmd.Context(), err)
			}
			return putDemo(cmd.Context(), s, cluster, time.Now())
		},
	}
	c.flags(cmd)
	cmd.Flags().BoolVar(&load, "load", false, "write the day to the cluster, for stitch run to find the incident there")
	there.flag(cmd)
	return cmd
}

// runDemo runs the shipped rules over the made-up day and shows the alerts.
func runDemo(ctx context.Context, s streams) error {
	set, err := loadRules(nil, nil)
	if err != nil {
		return err
	}
	// Nobody waits for an alert of a made-up day, and every run costs time.
	for i, r := range set.Rules {
		if every, ok := r.Schedule.(rules.Every); ok && every < rules.Every(time.Hour) {
			set.Rules[i] = scheduled(r, time.Hour)
		}
	}
	from := time.Date(2026, time.March, 10, 0, 0, 0, 0, time.UTC)
	p := newPast()
	if err := p.read(bytes.NewReader(demo.Day(from)), "demo"); err != nil {
		return fmt.Errorf("load the demo: %w", err)
	}
	fmt.Fprintf(s.out, "A made-up day, %s: %d documents, %d rules.\n\n", from.Format("2006-01-02"), p.loaded.Documents, len(set.Rules))
	docs, err := p.replay(ctx, set, nil, from, from.Add(24*time.Hour), s)
	if err != nil {
		return err
	}
	if err := writeAlerts(s.out, docs, false); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s, each with what led to it. For files of your own: stitch replay --data FILE\n", count(len(docs), "alert"))
	return nil
}
