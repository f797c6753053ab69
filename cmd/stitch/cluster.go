package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/cmd/stitch/page"
	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/doctor"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/scheduler/notify"
)

func bootstrapCommand(s streams) *cobra.Command {
	var c connection
	var roles rolesFlags
	var boards dashboardsFlags
	var there patience
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Prepare a cluster: index templates and the state index",
		Long: "Prepares a cluster for stitch and says what it created, kept and updated.\nA second time it changes nothing.\n\n" +
			rolesHelp + "\n\n" + dashboardsHelp + "\n\n" + connectionHelp + "\n\n" + exitHelp,
		Args: boards.read,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := roles.alone(cmd); err != nil {
				return err
			}
			if roles.print && boards.asked {
				return usage("--print-roles and --dashboards each do one thing: give one of them")
			}
			if boards.asked {
				return boards.write(s)
			}
			if roles.print {
				return roles.printRoles(cmd.Context(), s, &c)
			}
			settings, err := c.settings(s)
			if err != nil {
				return err
			}
			cluster, err := there.open(cmd.Context(), settings.cluster)
			if err != nil {
				return openError(cmd.Context(), err)
			}
			setup := mappings.Setup{Family: cluster.Product(), By: ownVersion(), Retention: mappings.Retention{
				Alerts: settings.alertRetention, Runs: cmp.Or(settings.retention, scheduler.DefaultRetention),
			}}
			changes, err := setup.Apply(cmd.Context(), cluster)
			for _, change := range changes {
				fmt.Fprintf(s.out, "%-8s %s\n", change.Action, change.Name)
			}
			return err
		},
	}
	c.flags(cmd)
	c.retentionFlags(cmd)
	roles.flags(cmd)
	boards.flags(cmd)
	there.flag(cmd)
	return cmd
}

// runFlags are the flags of the commands that run rules on a cluster.
type runFlags struct {
	connection
	rules, ids    []string
	users         string
	notifications string
	concurrency   int
	grace         time.Duration
	reload        time.Duration // between two looks at the rule files
	logFormat     string
	listen        listenFlags
	monitor       *monitor // nil: nobody asks
	allowTriage   bool     // on the page
	untold        bool     // nobody is told of alerts, whatever the settings say
}

func (f *runFlags) flags(cmd *cobra.Command) {
	f.connection.flags(cmd)
	rulesFlag(cmd, &f.rules)
	cmd.Flags().StringArrayVar(&f.ids, "rule", nil, "run only the rule with this id, repeatable")
	usersFlag(cmd, &f.users, " (default STITCH_USERS, or none)")
	cmd.Flags().StringVar(&f.notifications, "notifications", "", notificationsHelp)
	cmd.Flags().IntVar(&f.concurrency, "concurrency", 4, "how many rules run at once")
	cmd.Flags().DurationVar(&f.grace, "grace", 10*time.Second, "how long a run in hand may go on after SIGTERM")
	f.retentionFlags(cmd)
	cmd.Flags().StringVar(&f.logFormat, "log-format", "text", "text or json, on stderr")
}

func runCommand(s streams) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the rules on their schedules until stopped",
		Long: `Runs the rules on their schedules until SIGTERM or an interrupt. Runs in hand
then have the grace to finish; what is abandoned is covered by the next start.
A second signal ends the process at once, which loses nothing either.

Rule files that change are taken over while it runs, if all of them are right;
else those before go on, and the log says why. SIGHUP has them read at once.

A cluster that goes away meanwhile is waited for: what could not be looked at
is looked at when it is back.

` + pageHelp + "\n\n" + listenHelp + "\n\n" + connectionHelp + "\n\n" + exitHelp,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A hang-up from here on is a wish for other rules, not the end.
			asked, stopAsking := hangups()
			defer stopAsking()
			f.listen.given = cmd.Flags().Changed("listen")
			server, err := f.listenTo(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer server.close()
			f.monitor = newMonitor(time.Now)
			service, log, err := f.start(cmd.Context(), s)
			if err != nil {
				return unlessStopped(cmd.Context(), err)
			}
			pages, err := service.pages(f.allowTriage, log)
			if err != nil {
				return err
			}
			told := context.AfterFunc(cmd.Context(), func() {
				f.monitor.stop()
				log.Info("stopping", "grace", f.grace)
			})
			reload := &reloader{
				paths: service.paths, ids: f.ids, every: f.reload, log: log, set: service.rules,
				loaded: f.monitor.loaded, wishes: make(chan chan<- reloaded),
				exchange: func(set *rules.Set) {
					service.warnUnreadable(cmd.Context(), set, log)
					service.Exchange(set)
				},
			}
			service.warnUnreadable(cmd.Context(), service.rules, log)
			server.serve(newMux(handlers{
				health: http.HandlerFunc(f.monitor.healthy), ready: &prober{monitor: f.monitor, read: service.Lease},
				metrics: f.monitor.metrics.Handler(), reload: reload.handler(cmd.Context()), page: pages, pprof: f.listen.pprof,
			}))
			var watching sync.WaitGroup
			watching.Go(func() { f.monitor.follow(cmd.Context(), service.Scheduler, log) })
			watching.Go(func() { reload.watch(cmd.Context(), asked) })
			service.Run(cmd.Context())
			watching.Wait()
			told()
			log.Info("stopped")
			return nil
		},
	}
	f.flags(cmd)
	f.pageFlags(cmd)
	cmd.Flags().BoolVar(&f.listen.pprof, "pprof", false, "also answer with profiles of the process, on /debug/pprof/")
	return cmd
}

func onceCommand(s streams) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "once",
		Short: "Run what is due and exit",
		Long: `Runs the rules that are due, says a line about each and exits: for people whose
cron is systemd's or Kubernetes'. A rule that fails does not stop the others; it
is covered by the next call, and the exit code is 1, or 3 if it failed because
the cluster was gone or refused.

` + connectionHelp + "\n\n" + exitHelp,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			service, log, err := f.start(cmd.Context(), s)
			if err != nil {
				return err
			}
			service.warnUnreadable(cmd.Context(), service.rules, log)
			summary, err := service.Once(cmd.Context())
			writeSummary(s, summary)
			told := flush(cmd.Context(), s, service.notifier)
			if err != nil {
				return &exitError{exitProblems, errors.New("stopped before all rules had their turn")}
			}
			if err := summary.Err(); err != nil {
				return &exitError{code: ruleCode(err)} // the log has the errors
			}
			if !told {
				return &exitError{code: exitProblems} // said above
			}
			return nil
		},
	}
	f.flags(cmd)
	return cmd
}

// service is a scheduler on a cluster, and what it was made of.
type service struct {
	*scheduler.Scheduler
	cluster *esq.Cluster
	rules   *rules.Set
	paths   []string // of the rules; none: the shipped ones
	// notifier tells of alerts; nil if nobody is to be told.
	notifier *notify.Notifier
	links    page.Links // of documents
	newest   newestSet
}

// warnUnreadable tells of indices that the rules read and the user may not:
// Elasticsearch answers without them as if they held nothing. OpenSearch refuses.
func (s *service) warnUnreadable(ctx context.Context, set *rules.Set, log *slog.Logger) {
	if s.cluster.Product() != esq.Elasticsearch {
		return
	}
	indices := readBy(set)
	slices.Sort(indices)
	unreadable, err := doctor.Unreadable(ctx, s.cluster, slices.Compact(indices))
	if err != nil {
		log.Warn("the cluster was asked what the user may read, and did not answer", "err", err)
	} else if len(unreadable) > 0 {
		log.Warn("the user may not read all that rules read, and what it may not read is missed: give its role the privilege read; stitch doctor says more",
			"indices", strings.Join(unreadable, ","))
	}
}

// start sets up what runs rules on the cluster that is configured.
func (f *runFlags) start(ctx context.Context, s streams) (*service, *slog.Logger, error) {
	log, err := f.logger(s)
	if err != nil {
		return nil, nil, err
	}
	if f.concurrency < 1 || f.grace < 0 || f.reload < 0 {
		return nil, nil, usage("--concurrency must be at least 1, --grace and --reload not negative")
	}
	service, err := f.open(ctx, s, log)
	if err != nil {
		return nil, nil, err
	}
	cluster := service.cluster
	log.Info("started", "cluster", cluster.Name(), "product", cluster.Product(), "version", cluster.Version())
	return service, log, nil
}

// open loads the rules and connects to the cluster.
func (f *runFlags) open(ctx context.Context, s streams, log *slog.Logger) (*service, error) {
	settings, err := f.settings(s)
	if err != nil {
		return nil, err
	}
	paths := f.rules
	if len(paths) == 0 {
		paths = settings.rules
	}
	set, err := loadRules(paths, f.ids)
	if err != nil {
		return nil, err
	}
	if f.untold {
		settings.notifications = ""
	}
	routes, err := loadRoutes(cmp.Or(f.notifications, settings.notifications), s)
	if err != nil {
		return nil, err
	}
	settings.cluster.Logger = log
	if f.monitor != nil {
		settings.cluster.Retrying = f.monitor.metrics.Retrying
	}
	cluster, err := esq.Open(ctx, settings.cluster)
	if err != nil {
		return nil, openError(ctx, err)
	}
	// Without stitch's templates the first write would fix the fields of its
	// indices to guessed types.
	if err := checkPrepared(ctx, cluster, log); err != nil {
		return nil, err
	}
	users := f.users
	if users == "" {
		users = settings.users
	}
	userMap, err := openUsers(ctx, users, cluster)
	if err != nil {
		return nil, err
	}
	notifier := newNotifier(ctx, routes, cluster, f.monitor, log)
	return &service{
		Scheduler: f.newScheduler(set, cluster, settings, userMap, notifier, log),
		cluster:   cluster, rules: set, paths: paths, notifier: notifier, links: settings.links,
	}, nil
}

// checkPrepared is [mappings.Check]; templates that are only older than this
// stitch's are no reason to leave rules unrun.
func checkPrepared(ctx context.Context, cluster *esq.Cluster, log *slog.Logger) error {
	err := mappings.Check(ctx, cluster, mappings.Names{})
	var unprepared *mappings.UnpreparedError
	if errors.As(err, &unprepared) && unprepared.Usable {
		log.Warn("index templates are older than this stitch, the types of new fields are guessed until stitch bootstrap was run", "err", err)
		return nil
	}
	return err
}

func (f *runFlags) newScheduler(set *rules.Set, cluster *esq.Cluster, from settings, users scheduler.Users, notifier *notify.Notifier, log *slog.Logger) *scheduler.Scheduler {
	grace := f.grace
	if grace == 0 {
		grace = -1 // none; 0 would be the scheduler's default
	}
	options := scheduler.Options{
		Rules: set, Engine: cluster, Users: users, Logger: log, Concurrency: f.concurrency, Grace: grace, Retention: from.retention, Version: ownVersion(),
		AlertRetention: from.alertRetention, Months: mappings.Months{Admin: cluster, Family: cluster.Product()},
	}
	if notifier != nil {
		options.Beside = notifier.Run
	}
	f.monitor.attach(&options)
	return scheduler.New(options)
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
		name := printable(r.Rule.Name)
		switch {
		case r.Err != nil:
			fmt.Fprintf(s.out, "failed   %s: %s\n", name, printable(strings.ReplaceAll(r.Err.Error(), "\n", "; ")))
		case r.Runs == 0 && r.Next.IsZero():
			fmt.Fprintf(s.out, "not run  %s\n", name)
		case r.Runs == 0:
			fmt.Fprintf(s.out, "not due  %s, next %s\n", name, stamp(r.Next))
		default:
			fmt.Fprintf(s.out, "ran      %s: %d new, %d updated, %d unchanged\n",
				name, r.Alerts.Created, r.Alerts.Updated, r.Alerts.Unchanged)
		}
	}
}
