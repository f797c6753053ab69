package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

func TestCoverage(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	r, fresh := every("r", time.Hour), every("fresh", time.Hour)
	late, noIndex, fail := int64(0), true, false
	o := scheduler.Options{Rules: set(r), Engine: store, Clock: clock,
		Arrivals: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Arrivals, error) {
			if fail {
				return nil, errDown
			}
			return &rules.Arrivals{Sources: []rules.SourceArrivals{
				{Stage: "s", View: "v", Source: "one", Count: 3, Late: late},
				{Stage: "s", View: "v", Source: "two", NoIndex: noIndex},
			}}, nil
		}}
	at := func(hour int) {
		clock.Set(after(time.Duration(hour) * time.Hour))
		once(t, scheduler.New(o))
	}
	at(0)
	late, noIndex = 2, false
	at(1)
	fail = true
	at(2)
	at(3)

	o.Rules = set(r, fresh)
	got, err := scheduler.New(o).Coverage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []scheduler.RuleCoverage{
		{
			Rule: r, Start: after(-2 * time.Hour), CoveredUntil: after(time.Hour),
			Covered: []rules.Window{{From: after(-2 * time.Hour), To: after(time.Hour)}},
			Holes: []scheduler.Hole{
				{From: after(time.Hour), To: after(2 * time.Hour), Reason: "ask what arrived: test: no answer: down", Since: after(2 * time.Hour), Attempts: 2},
			},
			Ticket: 4, Next: after(3 * time.Hour),
			LastRun: &scheduler.LastRun{Finished: after(3 * time.Hour), Outcome: "failure", Error: "ask what arrived: test: no answer: down"},
			Sources: []scheduler.SourceCoverage{
				{Stage: "s", View: "v", Source: "one", Count: 6, Late: 2},
				{Stage: "s", View: "v", Source: "two"},
			},
		},
		{Rule: fresh},
	}
	// What comes after a hole that could not be searched, because there was no
	// answer at all, was not tried.
	want[0].Holes = append(want[0].Holes, scheduler.Hole{From: after(2 * time.Hour), To: after(3 * time.Hour)})
	want[0].Next = after(4 * time.Hour)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *rules.Rule) bool { return a == b })); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}

	ref := esq.Ref{Index: "detections-stitch.state", ID: "ledger-r-f1"}
	store.write(esq.Write{Ref: ref, Source: json.RawMessage(`{}`)})
	got, err = scheduler.New(o).Coverage(t.Context())
	var state *scheduler.StateError
	if err != nil || !errors.As(got[0].Err, &state) || got[1].Err != nil {
		t.Errorf("%v, %+v", err, got)
	}
	store.fail = func(int, string) failure { return noAnswer }
	if _, err = scheduler.New(o).Coverage(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("error %v", err)
	}
}

// A ledger that is broken or gone is rebuilt: everything since the first alert
// is searched again, and the alerts are the same.
func TestRebuild(t *testing.T) {
	ledger := esq.Ref{Index: "detections-stitch.state", ID: "ledger-r-f1"}
	for name, harm := range map[string]func(*cabinet){
		"gone": func(c *cabinet) { c.remove(ledger) },
		"broken": func(c *cabinet) {
			c.write(esq.Write{Ref: ledger, Source: json.RawMessage(`{"kind":"ledger","format":99}`)})
		},
		"the lease, too": func(c *cabinet) {
			c.remove(ledger)
			c.write(esq.Write{Ref: leaseRef, Source: json.RawMessage(`{"kind":"lease"}`)})
		},
		"nothing": func(*cabinet) {},
	} {
		for kind, r := range map[string]*rules.Rule{"continuous": every("r", time.Hour), "windowed": windowed("r", time.Hour)} {
			t.Run(name+" "+kind, func(t *testing.T) {
				clock := scheduler.NewVirtualClock(day)
				store := newCabinet()
				w := &world{clock: clock}
				for h := range 30 {
					happened := after(time.Duration(h)*time.Hour - 30*time.Minute)
					w.incidents = append(w.incidents, incident{string(rune('A' + h)), happened, happened})
				}
				s := scheduler.New(scheduler.Options{Rules: set(r), Engine: store, Clock: clock, Arrivals: w.arrivals, Evaluate: w.evaluate})
				for h := range 20 {
					clock.Set(after(time.Duration(h) * time.Hour))
					once(t, s)
				}
				before := contents(t, store)
				if len(before) != 20 {
					t.Fatalf("%d alerts", len(before))
				}
				harm(store)
				clock.Set(after(30 * time.Hour))
				if err := s.Rebuild(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				coverage, err := s.Coverage(t.Context())
				if err != nil || coverage[0].Err != nil || len(coverage[0].Covered) > 0 || len(coverage[0].Holes) != 1 || coverage[0].Start.After(after(-30*time.Minute)) {
					t.Errorf("coverage %+v, error %v", coverage, err)
				}
				if _, err := s.Lease(t.Context()); err != nil {
					t.Error(err)
				}
				sum := once(t, s)
				if sum.Err() != nil || sum.Alerts() != (scheduler.Counts{Created: 10, Unchanged: 20}) {
					t.Errorf("%+v", sum.Rules[0])
				}
				if got := contents(t, store); len(got) != 30 {
					t.Errorf("%d alerts", len(got))
				} else if diff := cmp.Diff(before, subset(got, before)); diff != "" {
					t.Errorf("alerts (-want +got):\n%s", diff)
				}
				if got := store.coveredUntil("r"); got != "2024-02-23T14:00:00Z" {
					t.Errorf("covered until %s", got)
				}
			})
		}
	}
}

func subset(all, of map[string]string) map[string]string {
	out := map[string]string{}
	for id := range of {
		out[id] = all[id]
	}
	return out
}

// A rule that was changed while its ledger was broken does not start anew.
func TestChangedRuleWithABrokenLedger(t *testing.T) {
	store := newCabinet()
	ref := esq.Ref{Index: "detections-stitch.state", ID: "ledger-r-f0"}
	store.write(esq.Write{Ref: ref, Source: json.RawMessage(`{"kind":"ledger","format":1,"rule":{"id":"r"}}`)})
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Clock: scheduler.NewVirtualClock(day), Arrivals: quiet})
	var state *scheduler.StateError
	if err := once(t, s).Err(); !errors.As(err, &state) || state.Document != "detections-stitch.state/ledger-r-f0" {
		t.Errorf("error %v", err)
	}
	if err := s.Rebuild(t.Context(), every("r", time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := once(t, s).Err(); err != nil {
		t.Error(err)
	}
}

// Who may see stitch's own indices alone is told all but what is pending.
func TestCoverageOfAStranger(t *testing.T) {
	r := every("r", time.Hour)
	r.Absent = true
	o := scheduler.Options{Rules: set(r), Engine: newCabinet(), Clock: scheduler.NewVirtualClock(day), Arrivals: always,
		Evaluate: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
			return &rules.Result{}, nil
		}}
	once(t, scheduler.New(o))
	o.Evaluate = func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
		return nil, &esq.ResponseError{Op: "search", Status: 403, Type: "security_exception", Reason: "not for you"}
	}
	list, err := scheduler.New(o).Coverage(t.Context())
	if err != nil || !esq.Refused(list[0].Refused) || list[0].CoveredUntil.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
}
