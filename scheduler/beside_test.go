package scheduler_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/scheduler"
)

// What runs beside the rules does so under the lease alone: never at two at
// once, and what it has in hand at a good end is done before another begins.
func TestBesideRunsUnderTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCabinet()
		var mu sync.Mutex
		var log []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, what)
		}
		join := func(name string) (engine *cutOff, stop func()) {
			engine = &cutOff{cabinet: store}
			ctx, cancel := context.WithCancel(t.Context())
			wait := started(ctx, scheduler.Options{
				Rules: set(), Engine: engine, Holder: name, Grace: time.Minute,
				Beside: func(starting, work context.Context) {
					note(name + " begins")
					<-starting.Done()
					select {
					case <-work.Done():
						note(name + " is broken off")
					case <-time.After(30 * time.Second):
						note(name + " ends")
					}
				},
			})
			return engine, func() { cancel(); wait() }
		}
		first, stopFirst := join("first")
		time.Sleep(time.Second)
		_, stopSecond := join("second")
		time.Sleep(time.Hour)
		first.cut.Store(true)
		time.Sleep(time.Minute)
		first.cut.Store(false)
		stopped := make(chan struct{})
		go func() { stopSecond(); close(stopped) }()
		time.Sleep(time.Hour)
		<-stopped
		stopFirst()
		want := []string{
			"first begins", "first is broken off", "second begins", "second ends", "first begins", "first ends",
		}
		if diff := cmp.Diff(want, log); diff != "" {
			t.Error(diff)
		}
	})
}
