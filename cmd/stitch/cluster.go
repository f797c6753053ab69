package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

func bootstrapCommand(s streams) *cobra.Command {
	var c connection
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Prepare a cluster: index templates and the state index",
		Long:  "Prepares a cluster for stitch and says what it created, kept and updated.\nA second time it changes nothing.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := c.settings(s)
			if err != nil {
				return err
			}
			cluster, err := esq.Open(cmd.Context(), settings.cluster)
			if err != nil {
				return err
			}
			changes, err := mappings.Bootstrap(cmd.Context(), cluster, cluster.Product(), mappings.Names{})
			for _, change := range changes {
				fmt.Fprintf(s.out, "%-8s %s\n", change.Action, change.Name)
			}
			return err
		},
	}
	c.flags(cmd)
	return cmd
}

// runFlags are the flags of the commands that run rules on a cluster.
type runFlags struct {
	connection
	rules, ids  []string
	concurrency int
	grace       time.Duration
	logFormat   string
}

func (f *runFlags) flags(cmd *cobra.Command) {
	f.connection.flags(cmd)
	cmd.Flags().StringArrayVar(&f.rules, "rules", nil, "file or folder of rules (default the shipped rules)")
	cmd.Flags().StringArrayVar(&f.ids, "rule", nil, "run only the rule with this id")
	cmd.Flags().IntVar(&f.concurrency, "concurrency", 4, "how many rules run at once")
	cmd.Flags().DurationVar(&f.grace, "grace", 10*time.Second, "how long a run in hand may go on after SIGTERM")
	cmd.Flags().StringVar(&f.logFormat, "log-format", "text", "text or json, on stderr")
}

func runCommand(s streams) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the rules on their schedules until stopped",
		Long:  "Runs the rules on their schedules until SIGTERM or an interrupt. Runs in hand\nthen have the grace to finish; what is abandoned is covered by the next start.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sched, log, err := f.scheduler(cmd.Context(), s)
			if err != nil {
				return err
			}
			sched.Run(cmd.Context())
			log.Info("stopped")
			return nil
		},
	}
	f.flags(cmd)
	return cmd
}

func onceCommand(s streams) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "once",
		Short: "Run what is due and exit",
		Long:  "Runs the rules that are due and exits: for people whose cron is systemd's or\nKubernetes'. Exits 1 if a rule failed.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sched, _, err := f.scheduler(cmd.Context(), s)
			if err != nil {
				return err
			}
			summary, err := sched.Once(cmd.Context())
			writeSummary(s, summary)
			if err != nil {
				return &exitError{exitProblems, fmt.Errorf("stopped: %w", err)}
			}
			if summary.Err() != nil {
				return &exitError{code: onceCode(summary.Err())}
			}
			return nil
		},
	}
	f.flags(cmd)
	return cmd
}

// onceCode tells a cluster that is gone from a rule that failed.
func onceCode(err error) int {
	if code := exitCode(err); code == exitCluster {
		return code
	}
	return exitProblems
}

func (f *runFlags) scheduler(ctx context.Context, s streams) (*scheduler.Scheduler, *slog.Logger, error) {
	settings, err := f.settings(s)
	if err != nil {
		return nil, nil, err
	}
	log, err := f.logger(s)
	if err != nil {
		return nil, nil, err
	}
	paths := f.rules
	if len(paths) == 0 {
		paths = settings.rules
	}
	set, err := loadRules(paths, f.ids)
	if err != nil {
		return nil, nil, err
	}
	settings.cluster.Logger = log
	cluster, err := esq.Open(ctx, settings.cluster)
	if err != nil {
		return nil, nil, err
	}
	if err := checkBootstrapped(ctx, cluster); err != nil {
		return nil, nil, err
	}
	log.Info("started", "rules", len(set.Rules), "cluster", cluster.Name(), "product", cluster.Product(), "version", cluster.Version())
	return f.newScheduler(set, cluster, log), log, nil
}

// checkBootstrapped refuses to run on a cluster without stitch's templates: its
// first write would fix the fields of its indices to guessed types.
func checkBootstrapped(ctx context.Context, cluster *esq.Cluster) error {
	err := cluster.Do(ctx, http.MethodGet, "/"+mappings.Names{}.State()+"/_mapping", nil, nil)
	var refused *esq.ResponseError
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return usage("cluster %s has no index %s: run stitch bootstrap first", cluster.Name(), mappings.Names{}.State())
	}
	return err
}

func (f *runFlags) newScheduler(set *rules.Set, cluster *esq.Cluster, log *slog.Logger) *scheduler.Scheduler {
	return scheduler.New(scheduler.Options{
		Rules: set, Engine: cluster, Logger: log, Concurrency: f.concurrency, Grace: f.grace,
	})
}

func (f *runFlags) logger(s streams) (*slog.Logger, error) {
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(s.err, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(s.err, nil)), nil
	}
	return nil, usage("--log-format must be text or json, not %q", f.logFormat)
}

// writeSummary says what became of each rule, a line each.
func writeSummary(s streams, summary scheduler.Summary) {
	for _, r := range summary.Rules {
		switch {
		case r.Err != nil:
			fmt.Fprintf(s.out, "failed   %s: %v\n", r.Rule.Name, r.Err)
		case r.Runs == 0:
			fmt.Fprintf(s.out, "not due  %s, next %s\n", r.Rule.Name, stamp(r.Next))
		default:
			fmt.Fprintf(s.out, "ran      %s: %d alerts new, %d updated, %d unchanged\n",
				r.Rule.Name, r.Alerts.Created, r.Alerts.Updated, r.Alerts.Unchanged)
		}
	}
}
