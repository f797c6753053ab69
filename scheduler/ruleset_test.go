package scheduler_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// TestExchange changes the rules under a scheduler while a run is in hand.
func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var mu sync.Mutex
		ran := map[string]spell{}
		running := map[string]bool{}
		evaluate := func(_ context.Context, r *rules.Rule, _ esq.Searcher, _ rules.Window) (*rules.Result, error) {
			mu.Lock()
			if running[r.ID] {
				t.Errorf("rule %s runs beside itself", r.ID)
			}
			running[r.ID] = true
			rule, at := r.ID+" "+r.Name, int(time.Since(begun).Seconds())
			if before, again := ran[rule]; again {
				ran[rule] = spell{before.First, at}
			} else {
				ran[rule] = spell{at, at}
			}
			mu.Unlock()
			if r.Name == "slow" {
				time.Sleep(90 * time.Second)
			}
			mu.Lock()
			running[r.ID] = false
			mu.Unlock()
			return &rules.Result{}, nil
		}
		named := func(id, name string) *rules.Rule {
			r := every(id, time.Minute)
			r.Name = name
			return r
		}
		s := scheduler.New(scheduler.Options{
			Rules: set(named("a", "slow"), named("b", "old")), Engine: newCabinet(), Arrivals: always, Evaluate: evaluate,
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(ctx)
		}()
		time.Sleep(30 * time.Second)
		s.Exchange(set(named("a", "new"), named("c", "added")))
		time.Sleep(2 * time.Minute)
		s.Exchange(set(named("b", "back")))
		time.Sleep(40 * time.Second)
		stop()
		<-done
		want := map[string]spell{
			"a slow":  {0, 0},
			"b old":   {0, 0},
			"c added": {30, 120},
			"a new":   {90, 120}, // after the run in hand
			"b back":  {150, 180},
		}
		if diff := cmp.Diff(want, ran); diff != "" {
			t.Errorf("first and last start, in seconds (-want +got):\n%s", diff)
		}
	})
}

// spell is when a rule started first and last, in seconds.
type spell struct{ First, Last int }

// TestExchangeWhileStandingBy changes the rules of a scheduler that has no lease.
func TestExchangeWhileStandingBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCabinet()
		var mu sync.Mutex
		ran := map[string]int{}
		evaluate := func(_ context.Context, r *rules.Rule, _ esq.Searcher, _ rules.Window) (*rules.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			ran[r.ID]++
			return &rules.Result{}, nil
		}
		holding, release := context.WithCancel(t.Context())
		wait := started(holding, scheduler.Options{Rules: set(), Engine: store, Holder: "first"})
		time.Sleep(time.Second)
		s := scheduler.New(scheduler.Options{
			Rules: set(every("old", time.Minute)), Engine: store, Holder: "second", Arrivals: always, Evaluate: evaluate,
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(ctx)
		}()
		time.Sleep(time.Minute)
		s.Exchange(set(every("new", time.Minute)))
		release()
		wait()
		time.Sleep(time.Minute)
		stop()
		<-done
		if ran["old"] > 0 || ran["new"] == 0 {
			t.Errorf("ran %v, want the new rule alone", ran)
		}
	})
}
