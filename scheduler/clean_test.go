package scheduler_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

const stateIndex = "detections-stitch.state"

// kept are the documents of the state by id, and how many run records there are
// of each rule.
func (c *cabinet) kept() (state []string, runs map[string]int) {
	for name := range c.under(stateIndex) {
		state = append(state, strings.TrimPrefix(name, stateIndex+"/"))
	}
	slices.Sort(state)
	runs = map[string]int{}
	for _, rec := range c.records() {
		runs[rec["rule"].(map[string]any)["id"].(string)]++
	}
	return state, runs
}

// yard is a store with the runs of two rules in it, of which one is not loaded
// any more.
type yard struct {
	store  *cabinet
	clock  *scheduler.VirtualClock
	rule   *rules.Rule
	alerts []rules.Alert
	log    bytes.Buffer
	sched  *scheduler.Scheduler
}

func newYard(t *testing.T, retention time.Duration) *yard {
	t.Helper()
	y := &yard{store: newCabinet(), clock: scheduler.NewVirtualClock(day), rule: every("r", time.Hour)}
	for _, r := range []*rules.Rule{every("retired", time.Hour), y.rule} {
		y.alerts = []rules.Alert{alertAt(r.ID+"-a", day), alertAt(r.ID+"-b", day)}
		y.sched = scheduler.New(scheduler.Options{
			Rules: set(r), Engine: y.store, Clock: y.clock, Arrivals: arrivedAt(day), Evaluate: finds(&y.alerts), Retention: retention,
			Logger: slog.New(slog.NewTextHandler(&y.log, nil)), Holder: "h",
		})
		y.run(t, 0)
	}
	y.store.put(esq.Ref{Index: stateIndex, ID: "lease"}, json.RawMessage(`{"kind":"lease"}`))
	return y
}

// run lets the rule run at an hour of the day.
func (y *yard) run(t *testing.T, hour int) {
	t.Helper()
	y.clock.Set(after(time.Duration(hour) * time.Hour))
	if sum := once(t, y.sched); sum.Err() != nil {
		t.Fatalf("hour %d: %v", hour, sum.Err())
	}
}

// Run records and memories are deleted when they are old and of no more use;
// nothing else ever is.
func TestOldStateIsDeleted(t *testing.T) {
	y := newYard(t, 3*time.Hour)
	fixed := []string{"ledger-r-f1", "ledger-retired-f1", "lease"}
	both := []string{"alert-r-a", "alert-r-b", "alert-retired-a", "alert-retired-b"}
	alerts := len(y.store.alerts())
	for _, step := range []struct {
		hour  int
		state []string
		runs  map[string]int
	}{
		{1, both, map[string]int{"r": 2, "retired": 1}},
		{3, both, map[string]int{"r": 3, "retired": 1}},
		// The retention is over. What the rule remembers is still in its reach: an
		// hour for late documents, and twice its look-back.
		{4, both[:2], map[string]int{"r": 3, "retired": 1}},
		{5, both[:2], map[string]int{"r": 3, "retired": 1}},
		{6, nil, map[string]int{"r": 4, "retired": 1}},
	} {
		// Of the alerts that it finds again, it needs no memory any more.
		y.alerts = nil
		y.sched = scheduler.New(scheduler.Options{
			Rules: set(y.rule), Engine: y.store, Clock: y.clock, Arrivals: quiet, Evaluate: finds(&y.alerts), Retention: 3 * time.Hour,
		})
		y.run(t, step.hour)
		state, runs := y.store.kept()
		if diff := cmp.Diff(slices.Sorted(slices.Values(append(slices.Clone(step.state), fixed...))), state); diff != "" {
			t.Errorf("hour %d: state (-want +got):\n%s", step.hour, diff)
		}
		if diff := cmp.Diff(step.runs, runs); diff != "" {
			t.Errorf("hour %d: run records (-want +got):\n%s", step.hour, diff)
		}
	}
	if n := len(y.store.alerts()); n != alerts {
		t.Errorf("%d alerts of %d are left", n, alerts)
	}
}

// A negative retention keeps all, and the default one keeps what is of the day.
func TestStateIsKept(t *testing.T) {
	for _, retention := range []time.Duration{-1, 0} {
		y := newYard(t, retention)
		for hour := 1; hour <= 24; hour++ {
			y.run(t, hour)
		}
		if state, runs := y.store.kept(); len(state) != 2+4+1 || runs["r"] != 25 {
			t.Errorf("retention %v: %q, %v", retention, state, runs)
		}
	}
}

// A document that someone writes after the cleaner has read it stays.
func TestRewrittenMemoryStays(t *testing.T) {
	y := newYard(t, time.Hour)
	y.alerts = nil
	ref := esq.Ref{Index: stateIndex, ID: "alert-retired-a"}
	y.store.before = func(ops []esq.Write) {
		if slices.ContainsFunc(ops, func(op esq.Write) bool { return op.Delete && op.Ref == ref }) {
			y.store.put(ref, y.store.read(ref).Source)
		}
	}
	y.run(t, 2)
	state, _ := y.store.kept()
	if !slices.Contains(state, ref.ID) || slices.Contains(state, "alert-retired-b") {
		t.Errorf("state %q", state)
	}
}

// What an older stitch remembered bears no time: its retention begins when it
// is first met.
func TestOlderMemoryIsDeletedLater(t *testing.T) {
	y := newYard(t, 2*time.Hour)
	ref := esq.Ref{Index: stateIndex, ID: "alert-retired-a"}
	y.store.put(ref, json.RawMessage(`{"kind":"written","format":1,"rule":{"id":"retired"},"alert":"retired-a","evidence":"e"}`))
	for _, step := range []struct {
		hour int
		kept bool
	}{{6, true}, {8, true}, {9, false}} {
		y.run(t, step.hour)
		if state, _ := y.store.kept(); slices.Contains(state, ref.ID) != step.kept || slices.Contains(state, "alert-retired-b") {
			t.Errorf("hour %d: %q", step.hour, state)
		}
	}
}

// While a run may still be under way, what it may look at is remembered.
func TestOpenTicketKeepsMemory(t *testing.T) {
	y := newYard(t, time.Hour)
	ledgerRef := esq.Ref{Index: stateIndex, ID: "ledger-r-f1"}
	whole := y.store.read(ledgerRef).Source
	y.store.before = func(ops []esq.Write) {
		if strings.HasPrefix(ops[0].Index, "detections-stitch.runs") {
			y.store.fail = func(int, string) failure { return noAnswer } // killed
		}
	}
	y.clock.Set(after(time.Hour))
	if sum := once(t, y.sched); sum.Err() == nil {
		t.Fatal("the run was killed and did not fail")
	}
	y.store.before, y.store.fail = nil, nil
	if bytes.Equal(whole, y.store.read(ledgerRef).Source) {
		t.Fatal("no ticket was taken")
	}
	for hour, kept := range map[int]bool{10: true, 30: false} {
		t.Run(fmt.Sprint("hour ", hour), func(t *testing.T) {
			documents := maps.Clone(y.store.documents)
			defer func() { y.store.documents = documents }()
			y.sched = scheduler.New(scheduler.Options{
				Rules: set(y.rule), Engine: y.store, Clock: y.clock, Arrivals: quiet, Evaluate: finds(&[]rules.Alert{}), Retention: time.Hour,
			})
			y.run(t, hour)
			if state, _ := y.store.kept(); slices.Contains(state, "alert-r-a") != kept {
				t.Errorf("%q", state)
			}
		})
	}
}

// The newest record of what failed over a hole is kept as long as the hole.
func TestReasonOfHoleIsKept(t *testing.T) {
	y := newYard(t, 3*time.Hour)
	broken := true
	r := y.rule
	y.sched = scheduler.New(scheduler.Options{
		Rules: set(r), Engine: y.store, Clock: y.clock, Arrivals: arrivedAt(day), Retention: 3 * time.Hour,
		Evaluate: failsWhile(&broken),
	})
	y.clock.Set(after(time.Hour))
	if sum := once(t, y.sched); sum.Err() == nil {
		t.Fatal("no error")
	}
	// Now the rule is not loaded any more, and its hole stays open.
	other := scheduler.New(scheduler.Options{
		Rules: set(every("other", time.Hour)), Engine: y.store, Clock: y.clock, Arrivals: quiet, Retention: 3 * time.Hour,
	})
	failures := func() (n int) {
		for _, rec := range y.store.records() {
			if rec["outcome"] == "failure" {
				n++
			}
		}
		return n
	}
	y.clock.Set(after(10 * time.Hour))
	once(t, other)
	// The record of the failure is the newest of its rule besides; the run
	// before it has gone.
	if _, runs := y.store.kept(); failures() != 1 || runs["r"] != 1 {
		t.Errorf("%d failures, records %v", failures(), runs)
	}
	// It is loaded again and mends its hole: nothing speaks for the record now.
	broken = false
	y.clock.Set(after(20 * time.Hour))
	for range 2 {
		once(t, y.sched)
	}
	y.clock.Set(after(21 * time.Hour))
	once(t, y.sched)
	if failures() != 0 {
		t.Errorf("%d failures are left", failures())
	}
}

// That nothing can be deleted is logged once, and the runs go on.
func TestStateThatCannotBeDeleted(t *testing.T) {
	y := newYard(t, time.Hour)
	y.alerts = nil
	refused := 0
	forbid := false
	y.store.before = func(ops []esq.Write) { forbid = len(ops) > 0 && ops[0].Delete }
	y.store.fail = func(_ int, kind string) failure {
		if kind == "bulk" && forbid {
			refused++
			return refusedItems
		}
		return nothing
	}
	for hour := 2; hour < 8; hour++ {
		y.run(t, hour)
	}
	if refused == 0 {
		t.Fatal("nothing was to be deleted")
	}
	text := y.log.String()
	if n := strings.Count(text, "old state not deleted"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, text)
	}
}

// Cleaning up happens once an hour however often the rule runs.
func TestCleaningIsRare(t *testing.T) {
	store := newCabinet()
	clock := scheduler.NewVirtualClock(day)
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Minute)), Engine: store, Clock: clock, Arrivals: quiet})
	once(t, s)
	cleaned := 0
	for minute := range 240 {
		clock.Set(after(time.Duration(minute+1) * time.Minute))
		before := store.calls
		once(t, s)
		if store.calls-before > 4 { // a run's ledger, twice, its ticket and its record
			cleaned++
		}
	}
	if cleaned != 4 {
		t.Errorf("cleaned %d times in four hours", cleaned)
	}
}
