package scheduler_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/people"
	"github.com/stitchdetect/stitch/scheduler"
)

// A run without the user map would be a run over less: it fails, and its time
// is covered when the map is there again.
func TestRunFailsWithoutItsUserMap(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	w := &world{clock: clock}
	var gone error
	asked := 0
	s := scheduler.New(scheduler.Options{
		Rules: set(every("r", time.Minute)), Engine: store, Clock: clock, Arrivals: always, Evaluate: w.evaluate,
		Users: func(context.Context, esq.Searcher) (*people.Map, error) {
			asked++
			return nil, gone
		},
	})
	gone = errors.New("read the user map: gone")
	summary, err := s.Once(t.Context())
	if err != nil || summary.Rules[0].Err == nil || !strings.Contains(summary.Rules[0].Err.Error(), "read the user map: gone") {
		t.Fatalf("%v, %v; want that the map is gone", err, summary.Rules[0].Err)
	}
	if len(w.asked) > 0 {
		t.Errorf("evaluated without the map: %v", w.asked)
	}
	before := store.coveredUntil("r")
	gone = nil
	clock.Set(after(time.Minute))
	if summary, err := s.Once(t.Context()); err != nil || summary.Err() != nil {
		t.Fatal(err, summary.Err())
	}
	if asked < 2 || store.coveredUntil("r") <= before {
		t.Errorf("asked %d times for the map, covered until %s, before that %s", asked, store.coveredUntil("r"), before)
	}
}

// Misses are summed up over a run's windows and said once for each source.
func TestUserMissesAreSaid(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	var reports []scheduler.Report
	s := scheduler.New(scheduler.Options{
		Rules: set(windowed("r", time.Minute)), Engine: newCabinet(), Clock: clock, Arrivals: always,
		Evaluate: func(_ context.Context, _ *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Result, error) {
			misses := []rules.UserMisses{{Stage: "copy", View: "v", Source: "s", Rows: 2, Examples: []string{w.From.Format("15:04")}}}
			return &rules.Result{UserMisses: append(misses, rules.UserMisses{Stage: "copy", View: "v", Source: "t", Rows: 1, Examples: []string{"a"}})}, nil
		},
		Observe: func(r scheduler.Report) { reports = append(reports, r) },
	})
	once(t, s)
	clock.Set(after(3 * time.Minute))
	once(t, s)
	several := false
	for _, r := range reports {
		several = several || r.Windows > 1
		misses := r.Result.UserMisses
		if len(misses) != 2 || misses[0].Rows != int64(2*r.Windows) || misses[1].Rows != int64(r.Windows) {
			t.Errorf("misses of %d windows: %+v", r.Windows, misses)
		}
		if want := []string{misses[0].Warning(), misses[1].Warning()}; !slices.Equal(want, r.Result.Warnings) {
			t.Errorf("warnings %q, want %q", r.Result.Warnings, want)
		}
	}
	if !several {
		t.Error("no run had several windows")
	}
}
