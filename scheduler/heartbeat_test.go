package scheduler_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// findsNone is an evaluation that finds nothing.
func findsNone(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
	return &rules.Result{}, nil
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{Now: time.Now})
		o := scheduler.Options{
			Rules: set(every("a", 5*time.Minute), every("b", time.Hour)), Engine: store, Arrivals: always, Evaluate: findsNone,
			Holder: "one", Version: "v1", Heartbeat: time.Minute,
		}
		s := scheduler.New(o)
		if h, err := s.Heartbeat(t.Context()); err != nil || h != nil {
			t.Fatalf("before: %v, %v", h, err)
		}
		begun := time.Now().UTC()
		ctx, stop := context.WithCancel(t.Context())
		wait := started(ctx, o)
		time.Sleep(30*time.Minute + 30*time.Second)
		got, err := s.Heartbeat(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// The hourly rule is furthest behind.
		want := &scheduler.Heartbeat{At: begun.Add(30 * time.Minute), Holder: "one", Token: 1, Version: "v1", Rules: 2, CoveredUntil: begun}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		stop()
		wait()
		time.Sleep(time.Hour)
		if after, err := s.Heartbeat(t.Context()); err != nil || !after.At.Equal(got.At) {
			t.Errorf("it beats on after the end: %v, %v", after, err)
		}
	})
}

func TestTurnsAndProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{Now: time.Now})
		var mu sync.Mutex
		var turns []scheduler.Turn
		var fails atomic.Bool
		o := scheduler.Options{
			Rules: set(every("a", 10*time.Minute)), Engine: store, Arrivals: always, Holder: "one",
			Evaluate: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
				time.Sleep(time.Minute)
				if fails.Load() {
					return nil, &esq.UnreachableError{Op: "search", Err: context.DeadlineExceeded}
				}
				return &rules.Result{}, nil
			},
			Turned: func(turn scheduler.Turn) { mu.Lock(); turns = append(turns, turn); mu.Unlock() },
		}
		s := scheduler.New(o)
		if list, err := s.Progress(t.Context()); err != nil || len(list) != 1 || !list[0].CoveredUntil.IsZero() {
			t.Fatalf("before: %v, %v", list, err)
		}
		begun := time.Now().UTC()
		ctx, stop := context.WithCancel(t.Context())
		wait := started(ctx, o)
		time.Sleep(5 * time.Minute)
		fails.Store(true)
		time.Sleep(6*time.Minute + 10*time.Second)
		stop()
		wait()
		if len(turns) != 2 {
			t.Fatalf("%d turns: %v", len(turns), turns)
		}
		first, second := turns[0], turns[1]
		if !first.Due.Equal(begun) || first.Err != nil || !first.CoveredUntil.Equal(begun) || first.Ended.Sub(first.Began) != time.Minute || !first.Next.Equal(begun.Add(10*time.Minute)) {
			t.Errorf("the first turn: %+v", first)
		}
		if !second.Due.Equal(begun.Add(10*time.Minute)) || second.Err == nil || !second.CoveredUntil.Equal(begun) || second.Holes != 1 {
			t.Errorf("the second turn, which failed: %+v", second)
		}
		list, err := s.Progress(t.Context())
		if err != nil || !list[0].CoveredUntil.Equal(begun) || list[0].Holes != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestLeaseIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{Now: time.Now})
		var mu sync.Mutex
		told := map[string][]scheduler.LeaseState{}
		run := func(ctx context.Context, holder string) func() {
			return started(ctx, scheduler.Options{
				Rules: set(every("a", time.Hour)), Engine: store, Arrivals: always, Evaluate: findsNone, Holder: holder,
				Leased: func(l scheduler.LeaseState) {
					mu.Lock()
					defer mu.Unlock()
					l.At = time.Time{}
					if last := told[holder]; len(last) == 0 || last[len(last)-1] != l {
						told[holder] = append(last, l)
					}
				},
			})
		}
		first, stop := context.WithCancel(t.Context())
		wait := run(first, "one")
		time.Sleep(time.Minute)
		second, stopSecond := context.WithCancel(t.Context())
		waitSecond := run(second, "two")
		time.Sleep(time.Minute)
		stop()
		wait()
		time.Sleep(time.Minute)
		stopSecond()
		waitSecond()
		want := map[string][]scheduler.LeaseState{
			"one": {{Held: true, Holder: "one", Token: 1}, {Token: 1}},
			"two": {{Holder: "one", Token: 1}, {Held: true, Holder: "two", Token: 2}, {Token: 2}},
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
