package notify

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler"
)

// A notifier that runs tells of an alert within seconds, leaves a service that
// is down alone for up to five minutes, and has ended when it returns.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, clock: scheduler.NewVirtualClock(day), engine: &faulty{Engine: memory.New(memory.Options{Now: time.Now})}}
		begun := time.Now()
		var mu sync.Mutex
		came := map[string]time.Duration{}
		down := true
		tries := 0
		to := func(name string, fails bool) Sender {
			return senderFunc(func(m Message) error {
				mu.Lock()
				defer mu.Unlock()
				if fails {
					tries++
					if down {
						return failed("down")
					}
				}
				came[name+" "+m.Key] = time.Since(begun).Truncate(time.Second)
				return nil
			})
		}
		var attempts []Attempt
		pending := map[string]int64{}
		n := New(Options{
			Routes: []Route{newRoute(t, "good", to("good", false)), newRoute(t, "bad", to("bad", true))},
			Engine: w.engine, Clock: scheduler.SystemClock{},
			Observe: func(a Attempt) {
				mu.Lock()
				defer mu.Unlock()
				attempts = append(attempts, a)
			},
			Pending: func(route string, alerts int64) {
				mu.Lock()
				defer mu.Unlock()
				pending[route] = alerts
			},
		})
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { n.Run(ctx, t.Context()) })
		time.Sleep(time.Hour + 5*time.Second)
		w.clock.Set(time.Now())
		w.create("a", "high")
		time.Sleep(6 * time.Hour)
		mu.Lock()
		if diff := cmp.Diff(map[string]time.Duration{"good a_created": time.Hour + 10*time.Second}, came); diff != "" {
			t.Error(diff)
		}
		if tries < 6*4 || tries > 6*10+8 {
			t.Errorf("%d tries in six hours", tries)
		}
		if diff := cmp.Diff(map[string]int64{"good": 0, "bad": 1}, pending); diff != "" {
			t.Error(diff)
		}
		down = false
		mu.Unlock()
		time.Sleep(20 * time.Minute)
		stop()
		wg.Wait()
		if came["bad a_created"] == 0 {
			t.Error("not told when the service was back")
		}
		if last := attempts[len(attempts)-1]; last != (Attempt{Route: "bad", Kind: Created, Status: mappings.Sent}) || len(attempts) != tries+1 {
			t.Errorf("%d attempts, the last is %+v", len(attempts), last)
		}
	})
}

// What is on its way when a notifier is told to stop comes to its end and is
// noted, and nothing more is begun.
func TestRunStopped(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	s := &fakeService{then: stop}
	n := w.notifier(newRoute(t, "soc", s))
	w.create("a", "high")
	w.pass(time.Second)
	w.create("b", "high")
	n.Run(ctx, t.Context())
	if diff := cmp.Diff(map[string]int{"a_created": 1}, s.keys()); diff != "" {
		t.Error(diff)
	}
	if got := w.notifications("a")[0]; got.Status != mappings.Sent {
		t.Errorf("%+v", got)
	}
	if got := w.notifications("b"); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
