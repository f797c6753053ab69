package test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/test/bench/documents"
	"github.com/stitchdetect/stitch/test/bench/traffic"
	"github.com/stitchdetect/stitch/test/engines"
)

// budget is what one scheduled run may ask and fetch.
type budget struct {
	requests, searches, rows int // exactly so many
	up, down                 int // bytes, at most
}

// TestBudgetOfOneRun holds a scheduled run to what it asks and fetches: over one
// day with two incidents, for the second time, so that nothing has to be made.
// What a change makes more has to be wanted; what it makes less is noted here.
func TestBudgetOfOneRun(t *testing.T) {
	began := time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)
	o := documents.Options{Documents: 2000, Incidents: 2, Seed: 5, From: began, Period: 24 * time.Hour, People: 40, Bulk: true}
	var day bytes.Buffer
	planted, err := documents.Write(&day, o)
	if err != nil {
		t.Fatal(err)
	}
	budgets := map[string]struct {
		now time.Time
		budget
	}{
		"6267ce44-1e9d-471b-9f1e-ae76a6b7aa84": {began.Add(24*time.Hour + time.Minute), budget{25, 72, 624, 250_000, 570_000}},
		"8a30d849-6e54-41a0-9cbb-d8f055b4dd19": {planted[0].Time.Add(time.Hour).Truncate(time.Minute), budget{23, 61, 369, 250_000, 325_000}},
	}
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		prefix := e.Prefix(t)
		loadDay(t, e, prefix, day.Bytes())
		set, err := rules.Load([]string{prefixedRules(t, prefix)})
		if err != nil {
			t.Fatal(err)
		}
		for id, tt := range budgets {
			rule := *set.ByID(id)
			t.Run(rule.Name, func(t *testing.T) {
				seen, counts := scheduledRun(t, e, &rule, prefix+id[:4], tt.now)
				if counts.Created != o.Incidents {
					t.Errorf("%+v, want %d new", counts, o.Incidents)
				}
				sum := traffic.Of(seen)
				got := budget{sum.Requests, sum.Searches, sum.Rows, tt.up, tt.down}
				if diff := gocmp.Diff(tt.budget, got, gocmp.AllowUnexported(budget{})); diff != "" || sum.Up > tt.up || sum.Down > tt.down {
					t.Errorf("%d bytes sent, %d at most; %d fetched, %d at most (-want +got):\n%s\n%s", sum.Up, tt.up, sum.Down, tt.down, diff, traffic.List(seen))
				}
			})
		}
	})
}

// scheduledRun has a scheduler run a rule at a time, when it has run an hour, or a
// window, before, and was shown nothing.
func scheduledRun(t *testing.T, e engines.Engine, rule *rules.Rule, prefix string, now time.Time) ([]traffic.Exchange, scheduler.Counts) {
	t.Helper()
	if !rule.Windowed {
		rule.Schedule, rule.LookBack = rules.Every(time.Hour), time.Hour
	}
	tap := &traffic.Tap{Rows: true}
	cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}, Transport: tap})
	if err != nil {
		t.Fatal(err)
	}
	names := mappings.Names{Prefix: prefix}
	if _, err := mappings.Bootstrap(t.Context(), cluster, cluster.Product(), names); err != nil {
		t.Fatal(err)
	}
	for _, index := range []string{names.AlertIndex(now), names.RunIndex(now)} {
		e.Must(t, http.MethodPut, "/"+index, "")
	}
	first := true
	clock := scheduler.NewVirtualClock(now.Add(-rule.LookBack))
	s := scheduler.New(scheduler.Options{
		Rules: &rules.Set{Rules: []*rules.Rule{rule}}, Engine: cluster, Names: names, Clock: clock, Retention: -1,
		Arrivals: func(ctx context.Context, r *rules.Rule, eng esq.Searcher, slice rules.Window) (*rules.Arrivals, error) {
			if first {
				return &rules.Arrivals{}, nil
			}
			return r.Arrivals(ctx, eng, slice)
		},
		Evaluate: func(ctx context.Context, r *rules.Rule, eng esq.Searcher, w rules.Window) (*rules.Result, error) {
			if first {
				return &rules.Result{}, nil
			}
			return r.Run(ctx, eng, w)
		},
	})
	once := func() scheduler.Summary {
		sum, err := s.Once(context.Background())
		if err != nil || sum.Err() != nil {
			t.Fatal(err, sum.Err())
		}
		return sum
	}
	once()
	first = false
	clock.Set(now)
	tap.Take()
	sum := once()
	return tap.Take(), sum.Alerts()
}

// prefixedRules are the shipped rules and views, over indices with a prefix.
func prefixedRules(t *testing.T, prefix string) string {
	t.Helper()
	folder := t.TempDir()
	lists, names := regexp.MustCompile(`(?m)^index = \[.*\]$`), regexp.MustCompile(`"([^"]+)"`)
	for _, pattern := range []string{"*.toml", "views/*.toml"} {
		files, err := filepath.Glob(filepath.Join("..", "rules", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text = lists.ReplaceAllFunc(text, func(list []byte) []byte { return names.ReplaceAll(list, []byte(`"`+prefix+`$1"`)) })
			to := filepath.Join(folder, strings.TrimPrefix(file, filepath.Join("..", "rules")))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}

// loadDay brings lines of _bulk requests into indices with a prefix.
func loadDay(t *testing.T, e engines.Engine, prefix string, lines []byte) {
	t.Helper()
	putTemplate(t, e, prefix, "budget", "*", 900, memory.ECS())
	lines = bytes.ReplaceAll(lines, []byte(`{"create":{"_index":"`), []byte(`{"create":{"_index":"`+prefix))
	if answer := e.Must(t, http.MethodPost, "/_bulk?refresh=true&filter_path=errors", string(lines)); !bytes.Contains(answer, []byte(`"errors":false`)) {
		t.Fatalf("%s refused documents: %s", e.Name, answer)
	}
}
