package main

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/cmd/stitch/page"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/explain"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

const pageHelp = `The page shows alerts, each as a picture, and what is covered of the rules. It only
reads, unless --allow-triage lets those who may ask acknowledge, close and comment.

  kibana_url            Kibana's address, to link documents to; or the address of a
  dashboards_url        document, with {index}, {id} and {time} in it; the latter
                        for OpenSearch Dashboards`

func pageCommand(s streams) *cobra.Command {
	f := runFlags{concurrency: 1, untold: true}
	cmd := &cobra.Command{
		Use:   "page",
		Short: "Show alerts, rules and coverage in a browser, and run nothing",
		Long: `Answers over HTTP on --listen with the page that stitch run has as well, until
SIGTERM or an interrupt. No rule runs here, and without --allow-triage nothing is
written to the cluster, so that a user who may only read will do. Of what
stitch run answers on --listen beside the page, this has /healthz alone.

` + pageHelp + "\n\n" + listenHelp + "\n\n" + connectionHelp + "\n\n" + exitHelp,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked, stopAsking := hangups()
			defer stopAsking()
			f.listen.given = cmd.Flags().Changed("listen")
			server, err := f.listenTo(cmd.Context(), s)
			if err != nil {
				return err
			}
			if server == nil {
				return usage("the page needs an address to answer on; give --listen %s", defaultListen)
			}
			defer server.close()
			service, log, err := f.start(cmd.Context(), s)
			if err != nil {
				return unlessStopped(cmd.Context(), err)
			}
			pages, err := service.pages(f.allowTriage, log)
			if err != nil {
				return err
			}
			reload := &reloader{paths: service.paths, ids: f.ids, every: f.reload, log: log, exchange: service.Exchange, set: service.rules}
			server.serve(newMux(handlers{health: http.HandlerFunc(alive), page: pages}))
			reload.watch(cmd.Context(), asked)
			log.Info("stopped")
			return nil
		},
	}
	f.connection.flags(cmd)
	rulesFlag(cmd, &f.rules)
	usersFlag(cmd, &f.users, " (default STITCH_USERS, or none)")
	cmd.Flags().StringVar(&f.logFormat, "log-format", "text", "text or json, on stderr")
	f.pageFlags(cmd)
	return cmd
}

// pageFlags are the flags of the commands that have the page.
func (f *runFlags) pageFlags(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.reload, "reload", 5*time.Second, "how often to look whether rule files have changed; 0: on SIGHUP only")
	cmd.Flags().StringVar(&f.listen.address, "listen", defaultListen, `address and port to answer on over HTTP; "" or off: none (default STITCH_LISTEN)`)
	cmd.Flags().BoolVar(&f.allowTriage, "allow-triage", false, "let those who may see the page acknowledge, close and comment on alerts")
}

// pages makes the page of a service.
func (s *service) pages(allowTriage bool, log *slog.Logger) (http.Handler, error) {
	o := page.Options{
		Alerts: alertReader{s.cluster}, Rules: s.current, Coverage: s.Coverage, Plan: s.plan, Source: s.source,
		User: visitorName, Links: s.links, Version: version(), Clock: time.Now, Logger: log,
	}
	if allowTriage {
		o.Act = func(ctx context.Context, id string, a mappings.Action) error {
			_, err := triage.Act(ctx, s.cluster, mappings.Names{}, id, a)
			return err
		}
	}
	pages, err := page.New(o)
	if err != nil {
		return nil, usage("%w", err)
	}
	return pages, nil
}

// alertReader reads the alerts of a cluster.
type alertReader struct{ engine triage.Engine }

var _ page.Alerts = alertReader{}

// List implements [page.Alerts].
func (a alertReader) List(ctx context.Context, f triage.Filter, after triage.Cursor, size int) (triage.Page, error) {
	return triage.List(ctx, a.engine, mappings.Names{}, f, after, size)
}

// Get implements [page.Alerts].
func (a alertReader) Get(ctx context.Context, id string) (*triage.Alert, error) {
	return triage.Get(ctx, a.engine, mappings.Names{}, id)
}

// newestSet is the rules that run now.
type newestSet struct {
	mu  sync.Mutex
	set *rules.Set
}

// Exchange puts other rules in the place of those that run.
func (s *service) Exchange(set *rules.Set) {
	s.newest.mu.Lock()
	s.newest.set = set
	s.newest.mu.Unlock()
	s.Scheduler.Exchange(set)
}

// current returns the rules that run now.
func (s *service) current() *rules.Set {
	s.newest.mu.Lock()
	defer s.newest.mu.Unlock()
	if s.newest.set == nil {
		return s.rules
	}
	return s.newest.set
}

func (s *service) plan(ctx context.Context, r *rules.Rule) (*explain.Plan, error) {
	return explain.Describe(ctx, s.cluster, r, time.Now(), false)
}

// source reads a rule's file, as it is now.
func (s *service) source(r *rules.Rule) (string, error) {
	read := os.ReadFile
	if len(s.paths) == 0 {
		read = func(name string) ([]byte, error) { return fs.ReadFile(rules.Shipped(), name) }
	}
	text, err := read(r.File)
	return string(text), err
}
