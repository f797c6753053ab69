package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/rules"
)

// watched is a reloader over a folder, in the bubble of a test.
type watched struct {
	folder string
	taken  [][]string // names of the rules of each exchange
	log    bytes.Buffer
	asked  chan os.Signal
}

func watchFolder(t *testing.T, text string) *watched {
	t.Helper()
	w := &watched{folder: t.TempDir(), asked: make(chan os.Signal)}
	w.put(t, "a.toml", text)
	set, err := loadRules([]string{w.folder}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &reloader{
		paths: []string{w.folder}, every: 5 * time.Second, set: set,
		log: slog.New(slog.NewTextHandler(&w.log, nil)),
		exchange: func(set *rules.Set) {
			names := []string{}
			for _, rule := range set.Rules {
				names = append(names, rule.Name)
			}
			w.taken = append(w.taken, names)
		},
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.watch(ctx, w.asked)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	time.Sleep(time.Second)
	return w
}

// put writes a file, whose time is the bubble's.
func (w *watched) put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(w.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

func (w *watched) want(t *testing.T, taken ...[]string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(taken, w.taken); diff != "" {
		t.Errorf("taken over (-want +got):\n%s\n%s", diff, &w.log)
	}
	w.taken = nil
}

func ruleNamed(name string) string { return strings.Replace(eventRule, "Any event", name, 1) }

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchFolder(t, ruleNamed("One"))
		time.Sleep(time.Minute)
		w.want(t)

		w.put(t, "a.toml", ruleNamed("Two"))
		time.Sleep(15 * time.Second)
		w.want(t, []string{"Two"})

		w.put(t, "a.toml", brokenRule)
		time.Sleep(time.Minute)
		w.want(t)
		if log := w.log.String(); strings.Count(log, "rules not reloaded") != 1 || !strings.Contains(log, "a.toml:5: Broken") {
			t.Errorf("the log says\n%s", log)
		}
		w.put(t, "a.toml", ruleNamed("Three"))
		time.Sleep(15 * time.Second)
		w.want(t, []string{"Three"})
	})
}

func TestReloadWaitsForTheWholeFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchFolder(t, ruleNamed("One"))
		for range 5 { // somebody who writes and writes
			time.Sleep(3 * time.Second)
			w.put(t, "a.toml", ruleNamed("Half"))
		}
		w.want(t)
		w.put(t, "a.toml", ruleNamed("Whole"))
		time.Sleep(15 * time.Second)
		w.want(t, []string{"Whole"})
	})
}

func TestReloadOnAWish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchFolder(t, ruleNamed("One"))
		w.put(t, "b/a.toml", strings.Replace(ruleNamed("Two"), "rule_id = \"", "rule_id = \"x", 1))
		w.asked <- syscall.SIGHUP
		w.want(t, []string{"One", "Two"})
		time.Sleep(time.Minute)
		w.want(t)
	})
}
