package scheduler_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// started runs a scheduler in the background; the returned function waits for
// its end.
func started(ctx context.Context, o scheduler.Options) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		scheduler.New(o).Run(ctx)
	}()
	return func() { <-done }
}

func TestRunIsDueOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var due []time.Duration
		store := newCabinet()
		ctx, stop := context.WithCancel(t.Context())
		wait := started(ctx, scheduler.Options{Rules: set(every("r", 5*time.Minute)), Engine: store,
			Arrivals: always,
			Evaluate: func(_ context.Context, _ *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Result, error) {
				due = append(due, w.To.Sub(begun))
				time.Sleep(20 * time.Second) // a run takes its time, and due times do not drift
				if len(due) == 3 {
					time.Sleep(6 * time.Minute) // and now much too long
				}
				return &rules.Result{}, nil
			}})
		time.Sleep(26 * time.Minute)
		stop()
		wait()
		m := time.Minute
		want := []time.Duration{0, 5 * m, 10 * m, 16*m + 20*time.Second, 20 * m, 25 * m}
		if diff := cmp.Diff(want, due); diff != "" {
			t.Errorf("due (-want +got):\n%s", diff)
		}
	})
}

func TestRunBoundsWhatRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var list []*rules.Rule
		for _, id := range strings.Split("abcdefgh", "") {
			list = append(list, every(id, time.Minute))
		}
		var mu sync.Mutex
		running := map[string]int{}
		runs, most := 0, 0
		ctx, stop := context.WithCancel(t.Context())
		wait := started(ctx, scheduler.Options{Rules: set(list...), Engine: newCabinet(), Concurrency: 3,
			Arrivals: always,
			Evaluate: func(_ context.Context, r *rules.Rule, _ esq.Searcher, _ rules.Window) (*rules.Result, error) {
				mu.Lock()
				running[r.ID]++
				if running[r.ID] > 1 {
					t.Errorf("rule %s runs beside itself", r.ID)
				}
				runs++
				all := 0
				for _, n := range running {
					all += n
				}
				most = max(most, all)
				mu.Unlock()
				time.Sleep(50 * time.Second)
				mu.Lock()
				running[r.ID]--
				mu.Unlock()
				return &rules.Result{}, nil
			}})
		time.Sleep(10 * time.Minute)
		stop()
		wait()
		if most != 3 || runs < 30 {
			t.Errorf("%d at once in %d runs, want 3", most, runs)
		}
	})
}

// A rule that fails is tried again soon, ever more slowly, and does not hold up
// the others; each failure is logged once.
func TestRunAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var tried []time.Duration
		others := 0
		var log strings.Builder
		store := newCabinet()
		ctx, stop := context.WithCancel(t.Context())
		wait := started(ctx, scheduler.Options{
			Rules: set(every("bad", 10*time.Minute), every("good", time.Minute)), Engine: store, Concurrency: 1,
			Logger:   slog.New(slog.NewTextHandler(&log, nil)),
			Arrivals: always,
			Evaluate: func(_ context.Context, r *rules.Rule, _ esq.Searcher, _ rules.Window) (*rules.Result, error) {
				if r.ID == "good" {
					others++
					return &rules.Result{}, nil
				}
				tried = append(tried, time.Since(begun))
				if len(tried) <= 3 {
					return nil, errDown
				}
				return &rules.Result{}, nil
			}})
		time.Sleep(11*time.Minute + time.Second)
		stop()
		wait()
		s := time.Second
		if diff := cmp.Diff([]time.Duration{0, 15 * s, 45 * s, 105 * s, 600 * s}, tried); diff != "" {
			t.Errorf("tried (-want +got):\n%s", diff)
		}
		if others != 12 {
			t.Errorf("the other rule ran %d times, want 12", others)
		}
		if n := strings.Count(log.String(), "down"); n != 3 || strings.Count(log.String(), `msg="run failed"`) != 3 {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

func TestStop(t *testing.T) {
	tests := []struct {
		name           string
		takes          time.Duration
		grace          time.Duration
		wantStop       time.Duration // after the signal
		wantCheckpoint bool
	}{
		{"finishes in the grace", 15 * time.Second, 0, 5 * time.Second, true},
		{"is abandoned", time.Hour, 0, 10 * time.Second, false},
		{"is abandoned at once", time.Hour, -1, 0, false},
		{"a long grace", 50 * time.Second, time.Minute, 40 * time.Second, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, do := range map[string]func(*scheduler.Scheduler, context.Context){
				"run":  func(s *scheduler.Scheduler, ctx context.Context) { s.Run(ctx) },
				"once": func(s *scheduler.Scheduler, ctx context.Context) { _, _ = s.Once(ctx) },
			} {
				synctest.Test(t, func(t *testing.T) {
					store := newCabinet()
					s := scheduler.New(scheduler.Options{
						Rules: set(every("r", time.Minute), every("waits", time.Minute)), Engine: store, Concurrency: 1, Grace: tt.grace,
						Arrivals: always,
						Evaluate: func(ctx context.Context, r *rules.Rule, _ esq.Searcher, _ rules.Window) (*rules.Result, error) {
							select {
							case <-ctx.Done():
								return nil, ctx.Err()
							case <-time.After(tt.takes):
								return &rules.Result{Alerts: []rules.Alert{{ID: r.ID, Anchor: day}}}, nil
							}
						}})
					ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
					defer stop()
					begun := time.Now()
					do(s, ctx)
					if got := time.Since(begun) - 10*time.Second; got != tt.wantStop {
						t.Errorf("%s: stopped %v after the signal, want %v", name, got, tt.wantStop)
					}
					start := begun.Add(-2 * time.Minute).UTC().Format(time.RFC3339)
					covered := max(store.coveredUntil("r"), store.coveredUntil("waits")) > start
					if covered != tt.wantCheckpoint || covered != (len(store.alerts()) == 1) {
						t.Errorf("%s: checkpoint %t, %d alerts", name, covered, len(store.alerts()))
					}
				})
			}
		})
	}
}

func TestRunStartsNothingAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Minute)), Engine: newCabinet(),
			Arrivals: always,
			Evaluate: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
				t.Error("evaluated")
				return &rules.Result{}, nil
			}})
		s.Run(ctx)
		if _, err := s.Once(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("once: %v", err)
		}
		if _, err := s.Replay(ctx, day, after(time.Hour)); !errors.Is(err, context.Canceled) {
			t.Errorf("replay: %v", err)
		}
	})
}

// A machine that slept, or whose clock was set forward, catches up within a
// minute of waking.
func TestRunNoticesThatTheClockMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &offsetClock{}
		var due []time.Time
		begun := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		wait := started(ctx, scheduler.Options{Rules: set(every("r", 24*time.Hour)), Engine: newCabinet(), Clock: clock,
			Arrivals: always,
			Evaluate: func(_ context.Context, _ *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Result, error) {
				due = append(due, w.To)
				return &rules.Result{}, nil
			}})
		time.Sleep(time.Hour)
		clock.offset.Store(int64(24 * time.Hour))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(due) != 2 || due[1].Sub(begun) < 25*time.Hour {
			t.Errorf("due %v", due)
		}
		stop()
		wait()
	})
}

// A clock that was hours ahead and is set right is noticed within a minute, by
// the loop and not only by the next run; what had been covered ahead of it is
// given back, from where the clock began to be wrong, and searched when it is
// due.
func TestRunNoticesThatTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &offsetClock{}
		var mu sync.Mutex
		var slices []rules.Window
		searched := func() []rules.Window {
			mu.Lock()
			defer mu.Unlock()
			return slices
		}
		ctx, stop := context.WithCancel(t.Context())
		store := newCabinet()
		wait := started(ctx, scheduler.Options{Rules: set(every("r", 5*time.Minute)), Engine: store, Clock: clock,
			Arrivals: func(_ context.Context, r *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Arrivals, error) {
				w.From = w.From.Add(r.Settle)
				mu.Lock()
				defer mu.Unlock()
				slices = append(slices, w)
				return &rules.Arrivals{}, nil
			}})
		begun := time.Now().UTC()
		sleep := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		sleep(time.Hour)
		clock.offset.Store(int64(3 * time.Hour))
		sleep(time.Minute)
		clock.offset.Store(0)
		before := len(searched())
		sleep(2 * time.Minute)
		if again := searched()[before:]; len(again) == 0 || again[0].From.After(begun.Add(time.Hour)) {
			t.Fatalf("searched again: %v", again)
		}
		sleep(12 * time.Minute)
		all := searched()
		if last := all[len(all)-1].To; last.Before(begun.Add(74 * time.Minute)) {
			t.Errorf("searched until %v, %v after the beginning", last, last.Sub(begun))
		}
		sleep(3 * time.Hour)
		again := searched()[before:]
		for i, w := range again[1:] {
			if !w.From.Equal(again[i].To) {
				t.Errorf("slice %v follows %v", w, again[i])
			}
		}
		stop()
		wait()
	})
}

// offsetClock is the bubble's clock, set forward.
type offsetClock struct{ offset atomic.Int64 }

func (c *offsetClock) Now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *offsetClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func TestVirtualClock(t *testing.T) {
	v := scheduler.NewVirtualClock(day)
	now, soon, late := v.After(0), v.After(time.Minute), v.After(time.Hour)
	arrived := func(c <-chan time.Time) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	if !arrived(now) || arrived(soon) {
		t.Error("at first")
	}
	v.Set(after(2 * time.Minute))
	if !arrived(soon) || arrived(late) || !v.Now().Equal(after(2*time.Minute)) {
		t.Error("two minutes later")
	}
	v.Set(day)
	v.Set(after(time.Hour))
	if !arrived(late) {
		t.Error("an hour later")
	}
}
