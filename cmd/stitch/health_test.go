package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

func TestReady(t *testing.T) {
	lease := &scheduler.Lease{Holder: "one", Token: 7}
	gone := &esq.UnreachableError{Op: "get", Err: errors.New("connection refused")}
	edited := &scheduler.StateError{Document: "state/lease", Reason: "was edited by hand"}
	for _, tt := range []struct {
		name    string
		lease   *scheduler.Lease
		err     error
		before  func(*monitor)
		visitor bool
		want    string
		status  int
	}{
		{name: "fine", lease: lease, status: 200,
			want: `{"ready":true,"checks":{"cluster":{"ok":true},"lease":{"ok":true},"rules":{"ok":true}}}`},
		{name: "fine, for those who may know", lease: lease, visitor: true, status: 200,
			want: `{"ready":true,"checks":{"cluster":{"ok":true},"lease":{"ok":true,"detail":{"holder":"one","token":7,"held":true}},"rules":{"ok":true,"detail":{"loaded":1}}}}`},
		{name: "no cluster", err: gone, status: 503,
			want: `{"ready":false,"checks":{"cluster":{"ok":false},"lease":{"ok":false},"rules":{"ok":true}}}`},
		{name: "no cluster, and why", err: gone, visitor: true, status: 503,
			want: `{"ready":false,"checks":{"cluster":{"ok":false,"reason":"get: no answer: connection refused"},"lease":{"ok":false,"reason":"not known while the cluster cannot be asked"},"rules":{"ok":true,"detail":{"loaded":1}}}}`},
		{name: "no lease", status: 503,
			want: `{"ready":false,"checks":{"cluster":{"ok":true},"lease":{"ok":false},"rules":{"ok":true}}}`},
		{name: "a lease that was edited", err: edited, status: 503,
			want: `{"ready":false,"checks":{"cluster":{"ok":true},"lease":{"ok":false},"rules":{"ok":true}}}`},
		{name: "rules refused", lease: lease, visitor: true, status: 200, before: func(m *monitor) { m.loaded(nil, errors.New("a.toml:5: wrong")) },
			want: `{"ready":true,"checks":{"cluster":{"ok":true},"lease":{"ok":true,"detail":{"holder":"one","token":7,"held":true}},"rules":{"ok":true,"reason":"changed rule files were refused, those before go on: a.toml:5: wrong","detail":{"loaded":1}}}}`},
		{name: "no rules", lease: lease, status: 503, before: func(m *monitor) { m.loaded(&rules.Set{}, nil) },
			want: `{"ready":false,"checks":{"cluster":{"ok":true},"lease":{"ok":true},"rules":{"ok":false}}}`},
		{name: "stopping", lease: lease, status: 503, before: (*monitor).stop,
			want: `{"ready":false,"checks":{"cluster":{"ok":true},"lease":{"ok":true},"rules":{"ok":true},"running":{"ok":false}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMonitor(time.Now)
			m.loaded(&rules.Set{Rules: []*rules.Rule{{Meta: rules.Meta{ID: "a", Name: "A"}}}}, nil)
			m.leased(scheduler.LeaseState{Held: true, Holder: "one", Token: 7})
			if tt.before != nil {
				tt.before(m)
			}
			p := &prober{monitor: m, read: func(context.Context) (*scheduler.Lease, error) { return tt.lease, tt.err }}
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil)
			if tt.visitor {
				r = r.WithContext(context.WithValue(r.Context(), visitorKey{}, visitor{}))
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			if diff := cmp.Diff(tt.want, strings.TrimSpace(w.Body.String())); diff != "" || w.Code != tt.status {
				t.Errorf("%d, -want +got:\n%s", w.Code, diff)
			}
		})
	}
}

// Whoever asks, however often, the cluster is asked seldom.
func TestReadyAsksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		p := &prober{monitor: newMonitor(time.Now), read: func(context.Context) (*scheduler.Lease, error) { asked++; return nil, nil }}
		for range 100 {
			p.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil))
			time.Sleep(100 * time.Millisecond)
		}
		if asked != 2 {
			t.Errorf("asked %d times in 10 s", asked)
		}
	})
}

func TestHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMonitor(time.Now)
		status := func() int {
			w := httptest.NewRecorder()
			m.healthy(w, nil)
			return w.Code
		}
		time.Sleep(stuckAfter)
		if got := status(); got != 200 {
			t.Errorf("at first: %d", got)
		}
		time.Sleep(time.Second)
		if got := status(); got != 503 {
			t.Errorf("stuck: %d", got)
		}
		m.leased(scheduler.LeaseState{Err: errors.New("no answer")})
		if got := status(); got != 200 {
			t.Errorf("a loop that comes round without luck is not stuck: %d", got)
		}
	})
}

// freeAddress is an address of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = free.Close() }()
	return free.Addr().String()
}

// A process at work takes over right files, says so in metrics and log, and
// refuses wrong ones.
func TestReloadOfAProcess(t *testing.T) {
	path := built(t)
	folder := t.TempDir()
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "a.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(ruleNamed("One"))
	f, address := newFake(t, nil), freeAddress(t)
	p := start(t, path, "run", "--url", f.URL, "--rules", folder, "--listen", address, "--reload", "20ms")
	p.waitFor(t, "run done")
	url := "http://" + address

	// What is logged may be a moment ahead of what is counted.
	has := func(lines ...string) {
		t.Helper()
		patience, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for again := time.NewTicker(20 * time.Millisecond); ; {
			_, body := ask(t, "GET", url+"/metrics", "")
			missing := slices.IndexFunc(lines, func(line string) bool { return !strings.Contains(body, line) })
			if missing < 0 {
				return
			}
			select {
			case <-again.C:
			case <-patience.Done():
				t.Fatalf("no %s among the metrics:\n%s", lines[missing], body)
			}
		}
	}
	has(`stitch_rule_runs_total{outcome="success",rule="One",rule_id="`, "stitch_reload_successful 1", "stitch_lease_held 1",
		`stitch_rule_covered_until_timestamp_seconds{rule="One"`, "go_goroutines", "process_resident_memory_bytes", "stitch_build_info{")

	put(ruleNamed("Two"))
	p.waitFor(t, "rules reloaded")
	has(`rule="Two"`, `stitch_reloads_total{outcome="success"} 2`)
	if _, body := ask(t, "GET", url+"/metrics", ""); strings.Contains(body, `rule="One"`) {
		t.Errorf("the rule that went is still there:\n%s", body)
	}

	put(brokenRule)
	p.waitFor(t, "rules not reloaded")
	has(`rule="Two"`, `stitch_reloads_total{outcome="failure"} 1`, "stitch_reload_successful 0", "stitch_rules_loaded 1")
	resp, body := ask(t, "POST", url+"/-/reload", "")
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "not reloaded, the rules before go on:\n") || !strings.Contains(body, "a.toml:5: Broken") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	put(ruleNamed("Three"))
	resp, body = ask(t, "POST", url+"/-/reload", "")
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(body, "reloaded: 1 rules") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	has(`rule="Three"`, "stitch_reload_successful 1")

	if !strings.Contains(f.all(), `"kind":"heartbeat"`) {
		t.Errorf("no heartbeat among\n%s", f.all())
	}
	if resp, _ := ask(t, "GET", url+"/debug/pprof/", "", "Accept", "text/plain"); resp.StatusCode == http.StatusOK {
		t.Error("profiles for all")
	}
	p.signal(t)
	if err := p.end(); err != nil {
		t.Errorf("%v\n%s", err, p.said.String())
	}
}
