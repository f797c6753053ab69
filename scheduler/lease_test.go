package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

var leaseRef = esq.Ref{Index: "detections-stitch.state", ID: "lease"}

// cutOff is an engine that can no longer be reached from one machine.
type cutOff struct {
	*cabinet
	cut atomic.Bool
}

func (c *cutOff) Get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	if c.cut.Load() {
		return nil, errDown
	}
	return c.cabinet.Get(ctx, refs)
}

func (c *cutOff) Bulk(ctx context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	if c.cut.Load() {
		return nil, errDown
	}
	return c.cabinet.Bulk(ctx, ops, refresh)
}

// duty notes who runs a rule, and when last.
type duty struct {
	store *cabinet
	mu    sync.Mutex
	times map[string]time.Time
}

func (d *duty) last(name string) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.times[name]
}

// join starts a scheduler on the store; stop ends it in good order.
func (d *duty) join(t *testing.T, name string) (engine *cutOff, stop func()) {
	engine = &cutOff{cabinet: d.store}
	ctx, cancel := context.WithCancel(t.Context())
	wait := started(ctx, scheduler.Options{
		Rules: set(every("r", time.Second)), Engine: engine, Holder: name,
		Arrivals: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Arrivals, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.times[name] = time.Now()
			return &rules.Arrivals{}, nil
		}})
	return engine, func() { cancel(); wait() }
}

func (d *duty) lease(t *testing.T) scheduler.Lease {
	t.Helper()
	l, err := scheduler.New(scheduler.Options{Rules: set(), Engine: d.store}).Lease(t.Context())
	if err != nil || l == nil {
		t.Fatalf("lease %v, error %v", l, err)
	}
	return *l
}

func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &duty{store: newCabinet(), times: map[string]time.Time{}}
		if l, err := scheduler.New(scheduler.Options{Rules: set(), Engine: d.store}).Lease(t.Context()); l != nil || err != nil {
			t.Errorf("before: lease %v, error %v", l, err)
		}
		a, stopA := d.join(t, "a")
		time.Sleep(time.Second)
		synctest.Wait()
		_, stopB := d.join(t, "b")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := d.lease(t); got.Holder != "a" || got.Token != 1 || got.Period != 15*time.Second || time.Since(got.Renewed) > 5*time.Second {
			t.Errorf("lease %+v", got)
		}
		if !d.last("b").IsZero() || time.Since(d.last("a")) > time.Second {
			t.Errorf("last on duty: a %v, b %v", d.last("a"), d.last("b"))
		}

		// a is cut off: it stops by itself before b takes over, within two periods.
		a.cut.Store(true)
		cut := time.Now()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := d.lease(t); got.Holder != "b" || got.Token != 2 {
			t.Errorf("lease %+v", got)
		}
		if d.last("a").Sub(cut) > 15*time.Second || time.Since(d.last("b")) > time.Second {
			t.Errorf("cut off at %v, last on duty: a %v, b %v", cut, d.last("a"), d.last("b"))
		}
		a.cut.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := d.lease(t); got.Holder != "b" || time.Since(d.last("a")) < time.Minute {
			t.Errorf("lease %+v, a last on duty %v", got, d.last("a"))
		}

		// b stops in good order: a need not wait for the lease to run out.
		stopB()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := d.lease(t); got.Holder != "a" || got.Token != 3 {
			t.Errorf("lease %+v", got)
		}
		stopA()
		if got := d.lease(t); got.Holder != "" || got.Token != 3 {
			t.Errorf("lease %+v", got)
		}
	})
}

// A holder that was paused finds that the lease has gone, and abandons what it
// has in hand.
func TestLeaseIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCabinet()
		abandoned := false
		ctx, stop := context.WithCancel(t.Context())
		wait := started(ctx, scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Holder: "a",
			Arrivals: func(ctx context.Context, _ *rules.Rule, _ esq.Searcher, _ rules.Window) (*rules.Arrivals, error) {
				<-ctx.Done()
				abandoned = true
				return nil, ctx.Err()
			}})
		time.Sleep(time.Second)
		synctest.Wait()
		other := newCabinet()
		stopOther := started(ctx, scheduler.Options{Rules: set(), Engine: other, Holder: "other"})
		time.Sleep(time.Second)
		synctest.Wait()
		store.put(leaseRef, other.read(leaseRef).Source)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !abandoned {
			t.Error("the run goes on")
		}
		stop()
		wait()
		stopOther()
		if source := string(store.read(leaseRef).Source); !strings.Contains(source, `"holder":"other"`) {
			t.Errorf("lease %s", source)
		}
	})
}

func TestBrokenLease(t *testing.T) {
	for name, source := range map[string]string{
		"edited":      `{"kind":"lease","format":1,"holder":"","token":1,"period_ms":15000,"renewed":"2024-02-22T08:00:00Z","seal":"x"}`,
		"newer":       `{"kind":"lease","format":2,"holder":"","since":"2024-02-22T08:00:00Z"}`,
		"extended":    `{"kind":"lease","format":1,"holder":"","token":1,"period_ms":15000,"renewed":"2024-02-22T08:00:00Z","seal":"x","note":"mine"}`,
		"of a ledger": `{"kind":"ledger","format":1}`,
		"garbled":     `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { brokenLease(t, source) })
		})
	}
}

// brokenLease checks that a lease that cannot be trusted is neither taken nor
// written over, and that the log says so once; and that a rebuilt one is taken.
func brokenLease(t *testing.T, source string) {
	store := newCabinet()
	store.put(leaseRef, json.RawMessage(source))
	var log strings.Builder
	r := every("r", time.Minute)
	o := scheduler.Options{Rules: set(r), Engine: store, Logger: slog.New(slog.NewTextHandler(&log, nil)), Arrivals: quiet}
	ctx, stop := context.WithCancel(t.Context())
	wait := started(ctx, o)
	time.Sleep(time.Minute)
	synctest.Wait()
	if n := strings.Count(log.String(), "lease cannot be taken"); n != 1 || !strings.Contains(log.String(), "stitch coverage --rebuild") ||
		string(store.read(leaseRef).Source) != source || len(store.records()) > 0 {
		t.Errorf("lease %s, log\n%s", store.read(leaseRef).Source, log.String())
	}
	var state *scheduler.StateError
	if _, err := scheduler.New(o).Lease(t.Context()); !errors.As(err, &state) {
		t.Errorf("error %v", err)
	}
	if err := scheduler.New(o).Rebuild(t.Context(), r); err != nil {
		t.Error(err)
	}
	time.Sleep(15 * time.Second)
	synctest.Wait()
	if l, err := scheduler.New(o).Lease(t.Context()); err != nil || l.Holder == "" || len(store.records()) == 0 {
		t.Errorf("rebuilt: lease %+v, error %v, %d run records", l, err, len(store.records()))
	}
	stop()
	wait()
}

// A lease that is deleted under its holder is taken anew, by whoever comes
// first; the rules go on.
func TestLeaseIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &duty{store: newCabinet(), times: map[string]time.Time{}}
		_, stopA := d.join(t, "a")
		time.Sleep(time.Second)
		synctest.Wait()
		_, stopB := d.join(t, "b")
		time.Sleep(time.Minute)
		synctest.Wait()
		d.store.remove(leaseRef)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		got := d.lease(t)
		if got.Holder == "" || time.Since(d.last(got.Holder)) > time.Second {
			t.Errorf("lease %+v, last on duty: a %v, b %v", got, d.last("a"), d.last("b"))
		}
		stopA()
		stopB()
	})
}
