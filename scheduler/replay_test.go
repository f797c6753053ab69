package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

func cronLine(t testing.TB, line string) rules.Schedule {
	t.Helper()
	s, err := cron.ParseStandard(line)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReplay(t *testing.T) {
	atCron := every("cron", time.Hour)
	atCron.Schedule = cronLine(t, "CRON_TZ=UTC 0,30 9 * * *")
	neverDue := every("never", time.Hour)
	neverDue.Schedule = cronLine(t, "0 0 30 2 *")
	daily := windowed("daily", time.Hour)
	var got []string
	note := func(r scheduler.Report) {
		got = append(got, fmt.Sprintf("%s %s: %s to %s", r.Started.Format("15:04"), r.Rule.ID, r.Slice.From.Format("15:04"), r.Slice.To.Format("15:04")))
	}
	store := newCabinet()
	s := scheduler.New(scheduler.Options{
		Rules: set(every("a", time.Hour), atCron, daily, neverDue), Engine: store, Observe: note,
		Arrivals: always,
		Evaluate: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
			return &rules.Result{}, nil
		}})
	sum, err := s.Replay(t.Context(), day, after(150*time.Minute))
	if err != nil || sum.Err() != nil {
		t.Fatal(err, sum.Err())
	}
	want := []string{
		"09:00 a: 08:00 to 09:00",
		"09:00 cron: 08:00 to 09:00",
		"09:00 daily: 08:00 to 09:00",
		"09:30 cron: 09:00 to 09:30",
		"10:00 a: 09:00 to 10:00",
		"10:00 daily: 09:00 to 10:00",
		"10:30 a: 10:00 to 10:30",
		"10:30 cron: 09:30 to 10:30",
		"10:30 daily: 10:00 to 10:30",
		"10:30 never: 08:00 to 10:30",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if state := store.under("detections-stitch.state"); len(state) != 0 {
		t.Errorf("a replay leaves ledgers: %v", state)
	}
	if n := len(store.records()); n != len(want) {
		t.Errorf("%d run records, want %d", n, len(want))
	}
}

// Rules that are due at the same moment do not wait for each other.
func TestReplaySideBySide(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("one rule runs at a time on one processor")
	}
	met := make(chan string)
	s := scheduler.New(scheduler.Options{
		Rules: set(every("a", time.Hour), every("b", time.Hour)), Engine: newCabinet(), Arrivals: always,
		Evaluate: func(ctx context.Context, r *rules.Rule, _ esq.Searcher, _ rules.Window) (*rules.Result, error) {
			select {
			case met <- r.ID:
			case <-met:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return &rules.Result{}, nil
		}})
	if sum, err := s.Replay(t.Context(), day, after(time.Hour)); err != nil || sum.Err() != nil {
		t.Error(err, sum.Err())
	}
}

func TestReplayOfAMoment(t *testing.T) {
	w := &world{clock: scheduler.NewVirtualClock(day), incidents: []incident{{"x", day, day}}}
	s := scheduler.New(scheduler.Options{Rules: set(every("a", time.Hour)), Engine: newCabinet(), Arrivals: w.arrivals, Evaluate: w.evaluate})
	sum, err := s.Replay(t.Context(), day, day)
	if err != nil || sum.Err() != nil || sum.Alerts().Created != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	if _, err := s.Replay(t.Context(), day, after(-1)); err == nil {
		t.Error("a replay that ends before it begins: no error")
	}
}

// A run that failed is covered by the next one.
func TestReplayOverAFailure(t *testing.T) {
	calls := 0
	var windows []rules.Window
	s := scheduler.New(scheduler.Options{Rules: set(windowed("w", time.Hour)), Engine: newCabinet(),
		Arrivals: quiet,
		Evaluate: func(_ context.Context, _ *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Result, error) {
			if calls++; calls == 2 {
				return nil, errDown
			}
			windows = append(windows, w)
			return &rules.Result{}, nil
		}})
	sum, err := s.Replay(t.Context(), day, after(3*time.Hour))
	if err != nil || sum.Err() != nil || sum.Rules[0].Failures != 1 || sum.Rules[0].Runs != 4 {
		t.Errorf("%+v, %v", sum.Rules[0], err)
	}
	var want []rules.Window
	for n := range 3 {
		want = append(want, rules.Window{From: after(time.Duration(n) * time.Hour), To: after(time.Duration(n+1) * time.Hour)})
	}
	if diff := cmp.Diff(want, windows); diff != "" {
		t.Errorf("windows (-want +got):\n%s", diff)
	}
}

func TestReplayTwiceWritesNothingTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := newCabinet()
		incidents := drawIncidents(t)
		list := set(every("a", time.Hour), windowed("w", 30*time.Minute))
		replay := func(end time.Duration) scheduler.Summary {
			w := &world{clock: scheduler.NewVirtualClock(after(1000 * time.Hour)), incidents: incidents}
			s := scheduler.New(scheduler.Options{Rules: list, Engine: store, Arrivals: w.arrivals, Evaluate: w.evaluate})
			sum, err := s.Replay(context.Background(), day, after(end))
			if err != nil || sum.Err() != nil {
				t.Fatal(err, sum.Err())
			}
			return sum
		}
		replay(10 * time.Hour)
		alerts, before := store.alerts(), store.seqNo
		again := replay(10 * time.Hour)
		if c := again.Alerts(); c.Created+c.Updated > 0 {
			t.Fatalf("the second time: %+v", c)
		}
		if diff := cmp.Diff(alerts, store.alerts()); diff != "" {
			t.Fatalf("alerts (-first +second):\n%s", diff)
		}
		if records := int64(len(store.records())); store.seqNo-before > records {
			t.Fatalf("wrote %d documents besides %d run records", store.seqNo-before-records, records)
		}
	})
}

// Whatever the times of an event and its arrival, the moments at which the
// scheduler gets to run, and the calls that fail: once a run has succeeded after
// the event had its time to arrive, its alert is there, once.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := newCabinet()
		clock := scheduler.NewVirtualClock(day)
		w := &world{clock: clock, incidents: drawIncidents(t)}
		a, win := every("a", time.Hour), windowed("w", 30*time.Minute)
		a.LookBack, win.LookBack = time.Hour, 30*time.Minute
		for _, r := range []*rules.Rule{a, win} {
			r.Lateness, r.Settle = 40*time.Minute, 20*time.Minute
		}
		chance := rapid.IntRange(0, 30).Draw(t, "failures in a hundred")
		// Drawn beforehand, since the store is called in other goroutines.
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		mayFail := func(int, string) failure {
			if dice.IntN(100) >= chance {
				return nothing
			}
			return []failure{noAnswer, lostAnswer, refusedItems}[dice.IntN(3)]
		}
		run := func() error {
			var errs []error
			for _, r := range []*rules.Rule{a, win} {
				s := scheduler.New(scheduler.Options{Rules: set(r), Engine: store, Clock: clock, Arrivals: w.arrivals, Evaluate: w.evaluate})
				sum, err := s.Once(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				errs = append(errs, sum.Err())
			}
			return errors.Join(errs...)
		}
		if err := run(); err != nil { // coverage begins
			t.Fatal(err)
		}
		store.fail = mayFail
		farthest := map[string]string{}
		for now := day; now.Before(after(12 * time.Hour)); {
			clock.Set(now)
			failed := run() != nil
			if chance == 0 && failed {
				t.Fatal("a run failed though nothing else did")
			}
			for _, rule := range []string{"a", "w"} {
				c := store.coveredUntil(rule)
				if c < farthest[rule] {
					t.Fatalf("checkpoint of %s moved back from %s to %s", rule, farthest[rule], c)
				}
				farthest[rule] = c
			}
			now = now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "minutes")) * time.Minute)
		}
		store.fail = nil
		clock.Set(after(14 * time.Hour))
		if err := run(); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, in := range w.incidents {
			want = append(want, "detections-stitch.alerts-2024.02/a-"+in.id, "detections-stitch.alerts-2024.02/w-"+in.id)
		}
		alerts := store.alerts()
		for _, id := range want {
			if alerts[id] == nil {
				t.Errorf("%s is lost", id)
			}
		}
		if len(alerts) != len(want) {
			t.Errorf("%d alerts, want %d", len(alerts), len(want))
		}
	})
}

// drawIncidents draws events of the ten hours from day, that arrive within an
// hour.
func drawIncidents(t *rapid.T) []incident {
	minutes := rapid.SliceOfN(rapid.IntRange(0, 599), 0, 8).Draw(t, "minutes")
	slices.Sort(minutes)
	var list []incident
	for i, m := range minutes {
		at := after(time.Duration(m) * time.Minute)
		late := time.Duration(rapid.IntRange(0, 59).Draw(t, "late")) * time.Minute
		list = append(list, incident{fmt.Sprint(i), at, at.Add(late)})
	}
	return list
}
