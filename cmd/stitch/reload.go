package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// reloader takes over changed rule files while rules run.
type reloader struct {
	paths, ids []string
	every      time.Duration // between two looks at the files; 0: only when asked to
	log        *slog.Logger
	exchange   func(*rules.Set)
	set        *rules.Set // that runs
	// loaded, if set, is told what became of each reload.
	loaded func(*rules.Set, error)
	wishes chan chan<- reloaded // for a reload at once; nil for none
}

// reloaded is what became of a reload.
type reloaded struct {
	set                     *rules.Set
	added, removed, changed []string // names of rules
	err                     error    // why the rules before go on
}

// watch looks at the files until ctx is done, and at once when asked comes. A
// change is taken over when a second look finds no further one, so that a file
// that is still being written is not.
func (r *reloader) watch(ctx context.Context, asked <-chan os.Signal) {
	var tick <-chan time.Time
	if r.every > 0 && len(r.paths) > 0 {
		ticker := time.NewTicker(r.every)
		defer ticker.Stop()
		tick = ticker.C
	}
	loaded := r.look()
	seen := loaded
	for {
		select {
		case <-ctx.Done():
			return
		case <-asked:
			loaded = r.look()
			seen = loaded
			r.reload()
		case answer := <-r.wishes:
			loaded = r.look()
			seen = loaded
			answer <- r.reload()
		case <-tick:
			now := r.look()
			if now == seen && now != loaded {
				loaded = now
				r.reload()
			}
			seen = now
		}
	}
}

// look describes the files as they are now, and differs when one of them does.
func (r *reloader) look() string {
	var b strings.Builder
	for _, path := range r.paths {
		folder := path
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			stampOf(&b, path)
			folder = filepath.Join(filepath.Dir(path), "views")
		}
		// A file that comes or goes meanwhile is seen at the next look.
		_ = filepath.WalkDir(folder, func(name string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(name) == ".toml" {
				stampOf(&b, name)
			}
			return nil
		})
	}
	return b.String()
}

// stampOf adds what tells one version of a file from the next.
func stampOf(b *strings.Builder, name string) {
	if info, err := os.Stat(name); err == nil {
		fmt.Fprintf(b, "%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
	}
}

// reload takes the files' rules if all of them are right, and else keeps those
// that run.
func (r *reloader) reload() reloaded {
	set, err := loadRules(r.paths, r.ids)
	if r.loaded != nil {
		r.loaded(set, err)
	}
	if err != nil {
		r.log.Error("rules not reloaded, those before go on; mend the files", "err", err)
		return reloaded{err: err}
	}
	done := reloaded{set: set, added: without(set, r.set), removed: without(r.set, set), changed: changed(r.set, set)}
	r.log.Info("rules reloaded", slog.Int("rules", len(set.Rules)),
		slog.Any("added", done.added), slog.Any("removed", done.removed), slog.Any("changed", done.changed))
	r.set = set
	r.exchange(set)
	return done
}

// handler answers what becomes of a reload at once, as long as ctx is not done.
func (r *reloader) handler(ctx context.Context) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer := make(chan reloaded, 1)
		select {
		case r.wishes <- answer:
		case <-req.Context().Done():
			return
		case <-ctx.Done():
			http.Error(w, "not reloaded: stopping", http.StatusServiceUnavailable)
			return
		}
		done := <-answer
		if done.err != nil {
			http.Error(w, "not reloaded, the rules before go on:\n"+done.err.Error(), http.StatusUnprocessableEntity)
			return
		}
		_, _ = fmt.Fprintf(w, "reloaded: %d rules, added %q, removed %q, changed %q\n", len(done.set.Rules), done.added, done.removed, done.changed)
	})
}

// without are the names of the rules of a that b does not have.
func without(a, b *rules.Set) []string {
	names := []string{}
	for _, rule := range a.Rules {
		if b.ByID(rule.ID) == nil {
			names = append(names, rule.Name)
		}
	}
	return names
}

// changed are the names of the rules that find other things than before.
func changed(before, after *rules.Set) []string {
	names := []string{}
	for _, rule := range after.Rules {
		if old := before.ByID(rule.ID); old != nil && old.Fingerprint != rule.Fingerprint {
			names = append(names, rule.Name)
		}
	}
	slices.Sort(names)
	return names
}

// hangups are the signals that ask for a reload, until stop is called.
func hangups() (asked <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}
