package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/scheduler/notify"
)

const notificationsHelp = "file that says where alerts are told (default STITCH_NOTIFICATIONS, or notifications in stitch.toml)"

func notifyCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Try where alerts are told",
		Long: `Alerts are told by stitch run and stitch once, to the routes of the file that
--notifications, STITCH_NOTIFICATIONS, or notifications in stitch.toml names.

` + exitHelp,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(notifyTestCommand(s))
	return cmd
}

func notifyTestCommand(s streams) *cobra.Command {
	var c connection
	var file string
	var show bool
	cmd := &cobra.Command{
		Use:   "test [NAME...]",
		Short: "Send a test message through routes, and say what came back",
		Long: `Sends a message that says that it is a test through the routes with these names,
or through all, and says what the services answered. It needs no cluster.

` + exitHelp,
		Example: "  stitch notify test\n  stitch notify test soc --show",
		RunE: func(cmd *cobra.Command, names []string) error {
			configured, err := c.readFile(s)
			if err != nil {
				return err
			}
			file := cmp.Or(file, sources{environment{s.env}, configured}.one("notifications"))
			if file == "" {
				return usage("no routes; name their file by --notifications, STITCH_NOTIFICATIONS, or notifications = \"...\" in stitch.toml")
			}
			routes, err := loadRoutes(file, s)
			if err != nil {
				return err
			}
			if routes, err = routesNamed(routes, names); err != nil {
				return err
			}
			return tryRoutes(cmd.Context(), s, routes, show)
		},
	}
	cmd.Flags().StringVar(&c.config, "config", "", "configuration file (default STITCH_CONFIG, or stitch.toml if there is one)")
	cmd.Flags().StringVar(&file, "notifications", "", notificationsHelp)
	cmd.Flags().BoolVar(&show, "show", false, "show the messages and send nothing")
	return cmd
}

// loadRoutes reads the file of routes. Without one there are none.
func loadRoutes(file string, s streams) ([]notify.Route, error) {
	if file == "" {
		return nil, nil
	}
	routes, err := notify.Load(file, notify.Environment{Lookup: s.env, Client: &http.Client{}, Now: time.Now})
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("read notifications: %w", err)}
	}
	return routes, nil
}

// routesNamed are the routes with these names, or all.
func routesNamed(routes []notify.Route, names []string) ([]notify.Route, error) {
	if len(names) == 0 {
		return routes, nil
	}
	var chosen []notify.Route
	for _, name := range names {
		found := false
		for _, r := range routes {
			if r.Name == name {
				chosen, found = append(chosen, r), true
			}
		}
		if !found {
			known := make([]string, len(routes))
			for i, r := range routes {
				known[i] = r.Name
			}
			return nil, usage("no route %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return chosen, nil
}

func tryRoutes(ctx context.Context, s streams, routes []notify.Route, show bool) error {
	failed := false
	for _, r := range routes {
		if show {
			message, err := notify.Show(r, time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s\n%s\n\n", r.Name, printableLines(message))
			continue
		}
		begun := time.Now()
		answer, err := notify.Try(ctx, r, scheduler.SystemClock{})
		took := time.Since(begun).Round(time.Millisecond)
		if err != nil {
			failed = true
			fmt.Fprintf(s.out, "failed   %s after %v: %s\n", r.Name, took, printable(err.Error()))
			continue
		}
		fmt.Fprintf(s.out, "sent     %s in %v: %s\n", r.Name, took, printable(answer))
	}
	if failed {
		return &exitError{code: exitProblems} // said above
	}
	return nil
}

// newNotifier returns the notifier of some routes, nil if there are none.
func newNotifier(ctx context.Context, routes []notify.Route, cluster esq.Engine, watch *monitor, log *slog.Logger) *notify.Notifier {
	if len(routes) == 0 {
		return nil
	}
	o := notify.Options{Routes: routes, Engine: cluster, Names: mappings.Names{}, Clock: scheduler.SystemClock{}, Logger: log}
	watch.attachNotifier(&o)
	n := notify.New(o)
	if err := n.Prepare(ctx); err != nil {
		// The rules run all the same; what comes of them before this is mended may
		// not be told to new routes.
		log.Warn("notifications not prepared, trying again later", "err", err)
	}
	return n
}

// flushTime bounds how long stitch once waits for services.
const flushTime = time.Minute

// flush tells of alerts after the rules had their turn, and says what became of
// that, a line for each route. It returns whether all is told.
func flush(ctx context.Context, s streams, n *notify.Notifier) (told bool) {
	if n == nil {
		return true
	}
	told = true
	for _, f := range n.Flush(ctx, flushTime) {
		if f.Err == nil && f.Pending == 0 {
			fmt.Fprintf(s.out, "notified %s: %d sent\n", f.Route, f.Sent)
			continue
		}
		told = false
		reason := "out of time"
		if f.Err != nil {
			reason = f.Err.Error()
		}
		fmt.Fprintf(s.out, "failed   notifying %s: %d sent, %d to be sent by the next call: %s\n", f.Route, f.Sent, f.Pending, printable(reason))
	}
	return told
}
