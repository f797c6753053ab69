package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// day is the morning of all these tests.
var day = time.Date(2024, 2, 22, 8, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return day.Add(d) }

// every is a continuous rule that is due every interval.
func every(id string, interval time.Duration) *rules.Rule {
	return &rules.Rule{
		Meta:     rules.Meta{ID: id, Name: "Rule " + id, Type: "sequence"},
		Schedule: rules.Every(interval), LookBack: 2 * interval, Lateness: interval, Fingerprint: "f1",
	}
}

// windowed is a rule that is evaluated window by window.
func windowed(id string, interval time.Duration) *rules.Rule {
	r := every(id, interval)
	r.Windowed, r.LookBack, r.Lateness = true, interval, 0
	return r
}

func set(list ...*rules.Rule) *rules.Set { return &rules.Set{Rules: list} }

// incident is an event that a rule finds when it has arrived by then.
type incident struct {
	id            string
	time, arrives time.Time
}

// world finds incidents as a rule would: those in the window that have arrived.
type world struct {
	clock     scheduler.Clock
	incidents []incident
	mu        sync.Mutex
	asked     []rules.Window // windows evaluated
	slices    []rules.Window // slices asked about
}

func (w *world) evaluate(ctx context.Context, r *rules.Rule, _ esq.Searcher, win rules.Window) (*rules.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, win)
	res := &rules.Result{Stats: esq.Stats{Requests: 2, Hits: 3, Took: 5 * time.Millisecond}}
	for _, in := range w.incidents {
		inside := !in.time.Before(win.From) && (in.time.Before(win.To) || !r.Windowed && in.time.Equal(win.To))
		if inside && !in.arrives.After(w.clock.Now()) {
			a := alertOf(r, in)
			if r.Windowed {
				a.Window = win
			}
			res.Alerts = append(res.Alerts, a)
		}
	}
	res.Stages = []rules.StageResult{{Stage: "one", Documents: int64(len(res.Alerts)), Rows: len(res.Alerts)}}
	return res, nil
}

// arrivals counts the incidents that arrived in a slice.
func (w *world) arrivals(ctx context.Context, _ *rules.Rule, _ esq.Searcher, slice rules.Window) (*rules.Arrivals, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slices = append(w.slices, slice)
	a := &rules.Arrivals{Stats: esq.Stats{Requests: 1}}
	for _, in := range w.incidents {
		if in.arrives.Before(slice.From) || !in.arrives.Before(slice.To) || in.arrives.After(w.clock.Now()) {
			continue
		}
		if a.Count == 0 || in.time.Before(a.First) {
			a.First = in.time
		}
		if a.Count == 0 || in.time.After(a.Last) {
			a.Last = in.time
		}
		a.Count++
	}
	return a, nil
}

// always says that something has arrived, all of it at once.
func always(_ context.Context, _ *rules.Rule, _ esq.Searcher, slice rules.Window) (*rules.Arrivals, error) {
	return &rules.Arrivals{Count: 1, First: slice.From, Last: slice.To}, nil
}

// quiet says that nothing has arrived.
func quiet(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Arrivals, error) {
	return &rules.Arrivals{}, nil
}

// arrivedAt says that something has arrived that happened at a time.
func arrivedAt(t time.Time) scheduler.Arrivals {
	return func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Arrivals, error) {
		return &rules.Arrivals{Count: 1, First: t, Last: t}, nil
	}
}

func alertOf(r *rules.Rule, in incident) rules.Alert {
	return rules.Alert{
		ID: r.ID + "-" + in.id, Anchor: in.time, Start: in.time, End: in.time,
		By:      []rules.KeyValue{{Name: "user.email", Value: esq.Str(in.id)}},
		Columns: map[string][]esq.Value{"user.email": {esq.Str(in.id)}},
		Stages: []rules.Evidence{{Stage: "one", First: in.time, Last: in.time, Count: 1, Documents: []rules.Document{
			{Index: "logs", ID: in.id, Time: in.time},
		}}},
	}
}

func once(t *testing.T, s *scheduler.Scheduler) scheduler.Summary {
	t.Helper()
	sum, err := s.Once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestOnce(t *testing.T) {
	clock := scheduler.NewVirtualClock(after(3 * time.Second))
	w := &world{clock: clock, incidents: []incident{
		{"before", after(-11 * time.Minute), after(-11 * time.Minute)},
		{"first", after(-9 * time.Minute), after(-9 * time.Minute)},
		{"second", after(4 * time.Minute), after(4 * time.Minute)},
	}}
	store := newCabinet()
	s := scheduler.New(scheduler.Options{Rules: set(every("r", 5*time.Minute)), Engine: store, Clock: clock, Arrivals: w.arrivals, Evaluate: w.evaluate})

	steps := []struct {
		at         time.Duration
		runs       int
		alerts     scheduler.Counts
		checkpoint string
	}{
		{3 * time.Second, 1, scheduler.Counts{Created: 1}, "2024-02-22T08:00:03Z"},
		{4 * time.Minute, 0, scheduler.Counts{}, "2024-02-22T08:00:03Z"},
		{5*time.Minute + time.Second, 1, scheduler.Counts{Created: 1}, "2024-02-22T08:05:01Z"},
		{10*time.Minute + 2*time.Second, 1, scheduler.Counts{}, "2024-02-22T08:10:02Z"},
		// The clock is set back: nothing is due, but what was searched by a clock
		// ahead of it is searched once more, since nobody knows when that was, and
		// the rest when it has come.
		{2 * time.Minute, 1, scheduler.Counts{}, "2024-02-22T08:02:00Z"},
		{10*time.Minute + 3*time.Second, 1, scheduler.Counts{Unchanged: 1}, "2024-02-22T08:10:02Z"},
		{time.Hour, 1, scheduler.Counts{}, "2024-02-22T09:00:00Z"}, // after downtime
	}
	for _, step := range steps {
		clock.Set(after(step.at))
		sum := once(t, s)
		got := sum.Rules[0]
		if got.Err != nil || got.Runs != step.runs || got.Alerts != step.alerts || store.coveredUntil("r") != step.checkpoint {
			t.Errorf("at %v: %+v, checkpoint %s", step.at, got, store.coveredUntil("r"))
		}
	}
	want := []rules.Window{
		{From: after(-10 * time.Minute), To: after(3 * time.Second)},
		{From: after(3 * time.Second), To: after(5*time.Minute + time.Second)},
		{From: after(5*time.Minute + time.Second), To: after(10*time.Minute + 2*time.Second)},
		{From: after(3 * time.Second), To: after(2 * time.Minute)},
		{From: after(2 * time.Minute), To: after(10*time.Minute + 2*time.Second)},
		{From: after(10*time.Minute + 2*time.Second), To: after(time.Hour)},
	}
	if diff := cmp.Diff(want, w.slices); diff != "" {
		t.Errorf("slices (-want +got):\n%s", diff)
	}
	if len(store.records()) != 6 {
		t.Errorf("%d run records, want 6", len(store.records()))
	}
}

func TestRunRecord(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	warnings := make([]string, 120)
	for i := range warnings {
		warnings[i] = fmt.Sprint("w", i)
	}
	s := scheduler.New(scheduler.Options{
		Rules: set(every("good", time.Minute), every("bad", time.Minute)), Engine: store, Clock: clock,
		Arrivals: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Arrivals, error) {
			return &rules.Arrivals{Count: 5, First: after(-time.Hour), Last: day, Stats: esq.Stats{Requests: 2}, Warnings: []string{"w0"},
				Sources: []rules.SourceArrivals{
					{Stage: "one", View: "v", Source: "s", Count: 5, Late: 3, First: after(-time.Hour), Last: day},
					{Stage: "two", NoIndex: true},
				}}, nil
		},
		Evaluate: func(_ context.Context, r *rules.Rule, _ esq.Searcher, _ rules.Window) (*rules.Result, error) {
			if r.ID == "bad" {
				return nil, &esq.PartialError{Op: "search", Reason: strings.Repeat("é", 5000)}
			}
			return &rules.Result{
				Alerts:     []rules.Alert{{ID: "1", Anchor: day}},
				Stages:     []rules.StageResult{{Stage: "one", Documents: 4, Rows: 2}, {Stage: "two", Skipped: true}},
				Stats:      esq.Stats{Requests: 7, Hits: 9, Took: time.Second, BrokenCount: 1},
				Warnings:   warnings,
				UserMisses: []rules.UserMisses{{Stage: "one", View: "v", Source: "s", Rows: 3, Examples: []string{"who@example.com"}}},
			}, nil
		},
	})
	sum := once(t, s)
	if sum.Rules[0].Err != nil || sum.Rules[1].Err == nil || sum.Err() == nil || sum.Alerts().Created != 1 {
		t.Errorf("summary %+v", sum)
	}
	records := store.under("detections-stitch.runs-2024.02")
	var good, bad map[string]any
	for _, rec := range records {
		if rec["outcome"] == "success" {
			good = rec
		} else {
			bad = rec
		}
	}
	rule := func(id string) map[string]any {
		return map[string]any{"id": id, "name": "Rule " + id, "fingerprint": "f1"}
	}
	now := "2024-02-22T08:00:00.000Z"
	slice := map[string]any{"from": "2024-02-22T07:58:00.000Z", "to": now}
	window := map[string]any{"from": "2024-02-22T07:00:00.000Z", "to": now}
	if n := len(good["warnings"].([]any)); n != 100 {
		t.Errorf("%d warnings, want 100", n)
	}
	delete(good, "warnings")
	want := map[string]any{
		"@timestamp": now, "kind": "run", "format": 2.0, "replay": false, "rule": rule("good"), "window": window, "windows": 1.0,
		"slice": slice, "ticket": 1.0, "covered_until": now, "arrived": 5.0, "late": 3.0,
		"sources": []any{
			map[string]any{"stage": "one", "view": "v", "source": "s", "count": 5.0, "late": 3.0, "no_index": false},
			map[string]any{"stage": "two", "count": 0.0, "late": 0.0, "no_index": true},
		},
		"started": now, "finished": now, "took_ms": 0.0, "outcome": "success", "warnings_omitted": 21.0,
		"user_misses": []any{map[string]any{"stage": "one", "view": "v", "source": "s", "rows": 3.0}},
		"engine":      map[string]any{"requests": 9.0, "hits": 9.0, "took_ms": 1000.0, "broken": 1.0},
		"alerts":      map[string]any{"created": 1.0, "updated": 0.0, "unchanged": 0.0, "retracted": 0.0, "kept": 0.0, "left_deleted": 0.0},
		"stages": []any{
			map[string]any{"stage": "one", "documents": 4.0, "rows": 2.0, "skipped": false},
			map[string]any{"stage": "two", "documents": 0.0, "rows": 0.0, "skipped": true},
		},
	}
	if diff := cmp.Diff(want, good); diff != "" {
		t.Errorf("record of the success (-want +got):\n%s", diff)
	}
	text := bad["error"].(string)
	if !strings.HasPrefix(text, "evaluate: search: answer is not whole: é") || len(text) > 2100 || !strings.HasSuffix(text, "é…") {
		t.Errorf("error in the record of the failure: %s", text)
	}
	if bad["covered_until"] != "2024-02-22T07:58:00.000Z" {
		t.Errorf("the failure says covered until %v", bad["covered_until"])
	}
	if store.coveredUntil("bad") != "2024-02-22T07:58:00Z" || store.coveredUntil("good") != "2024-02-22T08:00:00Z" {
		t.Errorf("checkpoints: bad %q, good %q", store.coveredUntil("bad"), store.coveredUntil("good"))
	}
}

// What a rule finds goes into its alerts, whole.
func TestAlertDocument(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	r := every("r", time.Minute)
	r.Meta = rules.Meta{
		ID: "r", Name: "N", Description: "D", Type: "sequence", Severity: "high", RiskScore: 73, Author: []string{"A"},
		License: "L", Tags: []string{"T"}, References: []string{"R"}, FalsePositives: []string{"F"}, Note: "No", Version: 2,
		Threat: []rules.Threat{{Framework: "MITRE ATT&CK", Tactic: rules.Reference{ID: "TA1", Name: "t", URL: "u"}, Techniques: []rules.Technique{
			{Reference: rules.Reference{ID: "T1"}, Subtechniques: []rules.Reference{{ID: "T1.1"}}},
		}}},
	}
	found := rules.Alert{
		ID: "x", Anchor: after(-2 * time.Minute), Start: after(-3 * time.Minute), End: after(-time.Minute),
		By:      []rules.KeyValue{{Name: "host.id", Value: esq.Str("h")}},
		Details: map[string]any{"Drive": "E:"},
		Columns: map[string][]esq.Value{"host.id": {esq.Str("h")}, "file.name": {esq.Str("f")}},
		Stages: []rules.Evidence{{Stage: "s", First: after(-3 * time.Minute), Last: after(-time.Minute), Count: 2, Omitted: 1,
			Documents: []rules.Document{{Index: "i", ID: "d", Time: after(-3 * time.Minute), Source: "src",
				Columns: map[string][]esq.Value{"file.name": {esq.Str("f")}}}}}},
	}
	s := scheduler.New(scheduler.Options{Rules: set(r), Engine: store, Clock: clock,
		Arrivals: always,
		Evaluate: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
			return &rules.Result{Alerts: []rules.Alert{found}}, nil
		}})
	once(t, s)
	want, err := mappings.Alert{
		ID: "x", Written: day, Ticket: 1, Anchor: found.Anchor, Start: found.Start, End: found.End,
		Rule: mappings.Rule{ID: "r", Name: "N", Description: "D", Type: "sequence", Severity: "high", RiskScore: 73,
			Author: []string{"A"}, License: "L", Tags: []string{"T"}, References: []string{"R"}, FalsePositives: []string{"F"},
			Note: "No", Version: 2, Fingerprint: "f1",
			Threat: []mappings.Threat{{Framework: "MITRE ATT&CK", Tactic: mappings.Reference{ID: "TA1", Name: "t", URL: "u"}, Techniques: []mappings.Technique{
				{Reference: mappings.Reference{ID: "T1"}, Subtechniques: []mappings.Reference{{ID: "T1.1"}}},
			}}}},
		Key:     []mappings.KeyValue{{Name: "host.id", Value: esq.Str("h")}},
		Details: found.Details, Columns: found.Columns,
		Stages: []mappings.Stage{{Stage: "s", First: found.Start, Last: found.End, Count: 2, Omitted: 1,
			Documents: []mappings.Document{{Index: "i", ID: "d", Time: found.Start, Source: "src",
				Columns: map[string][]esq.Value{"file.name": {esq.Str("f")}}}}}},
	}.Document()
	if err != nil {
		t.Fatal(err)
	}
	got := store.documents[esq.Ref{Index: "detections-stitch.alerts-2024.02", ID: "x"}]
	if diff := cmp.Diff(string(want), string(got.Source)); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

func TestWindowedRules(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	w := &world{clock: clock, incidents: []incident{
		{"late", after(-30 * time.Minute), after(20 * time.Minute)},
		{"slow", after(50 * time.Minute), after(59*time.Minute + 55*time.Second)},
		{"early", after(4*time.Hour + 5*time.Minute), after(3 * time.Hour)},
	}}
	r := windowed("r", time.Hour)
	r.Lateness, r.Settle = 20*time.Minute, 10*time.Minute
	s := scheduler.New(scheduler.Options{Rules: set(r), Engine: newCabinet(), Clock: clock, Arrivals: w.arrivals, Evaluate: w.evaluate})
	hour := func(n int) rules.Window {
		return rules.Window{From: after(time.Duration(n-1) * time.Hour), To: after(time.Duration(n) * time.Hour)}
	}
	for _, step := range []struct {
		name string
		at   time.Duration
		want []rules.Window
	}{
		{"first", 0, []rules.Window{hour(0)}},
		{"not due", 59 * time.Minute, nil},
		{"again for late events", time.Hour, []rules.Window{hour(0), hour(1)}},
		// What had arrived just before the last run may not have been searchable.
		{"after downtime", 4*time.Hour + time.Minute, []rules.Window{hour(1), hour(2), hour(3), hour(4)}},
		{"no window before it is due", 5*time.Hour - time.Second, nil},
		{"then it is", 5 * time.Hour, []rules.Window{hour(5)}},
	} {
		w.asked = nil
		clock.Set(after(step.at))
		once(t, s)
		if diff := cmp.Diff(step.want, w.asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

// A window that fails stops the ones after it; those before it stay covered.
func TestWindowedRuleFailsInTheMiddle(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	fail := false
	s := scheduler.New(scheduler.Options{Rules: set(windowed("r", time.Hour)), Engine: store, Clock: clock,
		Arrivals: quiet,
		Evaluate: func(_ context.Context, _ *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Result, error) {
			if fail && w.To.Equal(after(2*time.Hour)) {
				return nil, errDown
			}
			return &rules.Result{}, nil
		}})
	once(t, s)
	fail = true
	clock.Set(after(3 * time.Hour))
	if sum := once(t, s); sum.Rules[0].Runs != 2 || !errors.Is(sum.Rules[0].Err, errDown) || store.coveredUntil("r") != "2024-02-22T09:00:00Z" {
		t.Errorf("%+v, checkpoint %s", sum.Rules[0], store.coveredUntil("r"))
	}
	fail = false
	if sum := once(t, s); sum.Rules[0].Runs != 2 || sum.Err() != nil || store.coveredUntil("r") != "2024-02-22T11:00:00Z" {
		t.Errorf("%+v, checkpoint %s", sum.Rules[0], store.coveredUntil("r"))
	}
}

func TestChangedRuleKeepsItsCoverage(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	w := &world{clock: clock}
	r := every("r", time.Hour)
	once(t, scheduler.New(scheduler.Options{Rules: set(r), Engine: store, Clock: clock, Arrivals: w.arrivals, Evaluate: w.evaluate}))
	changed := every("r", time.Hour)
	changed.Fingerprint = "f2"
	clock.Set(after(time.Hour))
	once(t, scheduler.New(scheduler.Options{Rules: set(changed), Engine: store, Clock: clock, Arrivals: w.arrivals, Evaluate: w.evaluate}))
	if want := (rules.Window{From: day, To: after(time.Hour)}); w.slices[1] != want {
		t.Errorf("slice %v, want %v", w.slices[1], want)
	}
	// Each version has its own ledger; that of the old one stays as it was.
	state := store.under("detections-stitch.state")
	old, fresh := state["detections-stitch.state/ledger-r-f1"], state["detections-stitch.state/ledger-r-f2"]
	if old["until"] != "2024-02-22T08:00:00Z" || fresh["start"] != "2024-02-22T08:00:00Z" || fresh["covered_until"] != "2024-02-22T09:00:00Z" {
		t.Errorf("old %v\nnew %v", old, fresh)
	}
	if fresh["ticket"].(float64) <= old["ticket"].(float64) {
		t.Errorf("tickets: old %v, new %v", old["ticket"], fresh["ticket"])
	}
}

// Whatever call to the store goes wrong, in whatever way: the run says so, the
// checkpoint never gets ahead of the alerts, and the next run makes up for it.
func TestAnyCallMayFail(t *testing.T) {
	r := every("r", 5*time.Minute)
	incidents := []incident{{"a", after(-time.Minute), after(-1)}, {"b", after(-2 * time.Minute), after(-1)}}
	want := []string{"detections-stitch.alerts-2024.02/r-a", "detections-stitch.alerts-2024.02/r-b"}
	const start = "2024-02-22T07:50:00Z"
	run := func(store *cabinet, now time.Time) scheduler.Summary {
		clock := scheduler.NewVirtualClock(now)
		w := &world{clock: clock, incidents: incidents}
		return once(t, scheduler.New(scheduler.Options{
			Rules: set(r), Engine: store, Clock: clock, Arrivals: w.arrivals, Evaluate: w.evaluate,
			Retention: -1, // that cleaning up fails is no failure of a run
		}))
	}
	perfect := newCabinet()
	run(perfect, day)
	if perfect.calls < 6 {
		t.Fatalf("a run makes %d calls, so what is tried below?", perfect.calls)
	}
	for _, what := range []failure{noAnswer, lostAnswer, refusedItems} {
		for at := 1; at <= perfect.calls; at++ {
			t.Run(fmt.Sprintf("failure %d in call %d", what, at), func(t *testing.T) {
				store := newCabinet()
				happened := false
				store.fail = func(call int, kind string) failure {
					if call != at || what == refusedItems && kind != "bulk" {
						return nothing
					}
					happened = true
					return what
				}
				sum := run(store, day)
				if !happened {
					return
				}
				if sum.Err() == nil {
					t.Error("no error")
				}
				alerts := slices.Sorted(maps.Keys(store.alerts()))
				if store.coveredUntil("r") > start && !slices.Equal(alerts, want) {
					t.Errorf("checkpoint %s with alerts %q", store.coveredUntil("r"), alerts)
				}
				store.fail = nil
				if sum := run(store, after(5*time.Minute)); sum.Err() != nil {
					t.Fatal(sum.Err())
				}
				if diff := cmp.Diff(want, slices.Sorted(maps.Keys(store.alerts()))); diff != "" {
					t.Errorf("alerts in the end (-want +got):\n%s", diff)
				}
				if store.coveredUntil("r") != "2024-02-22T08:05:00Z" {
					t.Errorf("checkpoint in the end %s", store.coveredUntil("r"))
				}
			})
		}
	}
}

// An alert that was first written in another month stays there.
func TestAlertOfAnotherMonth(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	anchor := time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Minute)), Engine: store, Clock: clock,
		Arrivals: always,
		Evaluate: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
			return &rules.Result{Alerts: []rules.Alert{{ID: "x", Anchor: anchor, Start: anchor, End: anchor}}}, nil
		}})
	once(t, s)
	anchor = anchor.Add(-time.Second) // a copy of the same event that came late
	clock.Set(after(time.Minute))
	if sum := once(t, s); sum.Alerts() != (scheduler.Counts{Updated: 1}) {
		t.Errorf("%+v", sum.Alerts())
	}
	clock.Set(after(2 * time.Minute))
	if sum := once(t, s); sum.Alerts() != (scheduler.Counts{Unchanged: 1}) {
		t.Errorf("%+v", sum.Alerts())
	}
	if got := slices.Collect(maps.Keys(store.alerts())); !slices.Equal(got, []string{"detections-stitch.alerts-2024.02/x"}) {
		t.Errorf("alerts %q", got)
	}
}

// An analyst closes an alert between the scheduler's reading and writing.
func TestAlertConflict(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	end := day
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Minute)), Engine: store, Clock: clock,
		Arrivals: always,
		Evaluate: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
			return &rules.Result{Alerts: []rules.Alert{{ID: "x", Anchor: day, Start: day, End: end}}}, nil
		}})
	once(t, s)

	ref := esq.Ref{Index: "detections-stitch.alerts-2024.02", ID: "x"}
	left := 1
	store.before = func(ops []esq.Write) {
		if ops[0].Ref != ref || left == 0 {
			return
		}
		left--
		store.mu.Lock()
		defer store.mu.Unlock()
		closed := strings.Replace(string(store.documents[ref].Source), `workflow_status":"open"`, `workflow_status":"closed"`, 1)
		store.write(esq.Write{Ref: ref, Source: json.RawMessage(closed)})
	}
	end = end.Add(time.Second)
	clock.Set(after(time.Minute))
	if sum := once(t, s); sum.Err() != nil || sum.Alerts() != (scheduler.Counts{Updated: 1}) {
		t.Errorf("%+v", sum.Rules[0])
	}
	doc := store.alerts()["detections-stitch.alerts-2024.02/x"]
	if doc["kibana.alert.workflow_status"] != "closed" || doc["event"].(map[string]any)["end"] != "2024-02-22T08:00:01.000Z" {
		t.Errorf("document %v", doc)
	}

	// Someone who never stops writing must not be overwritten either.
	left = 1000
	end = end.Add(time.Second)
	clock.Set(after(2 * time.Minute))
	if sum := once(t, s); sum.Err() == nil || store.coveredUntil("r") != "2024-02-22T08:01:00Z" {
		t.Errorf("%+v, checkpoint %s", sum.Rules[0], store.coveredUntil("r"))
	}
}

// The first runs of a rule fail for hours; what they should have covered is
// covered by the first that does not.
func TestFirstRunsFail(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	down := true
	var windows []rules.Window
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: newCabinet(), Clock: clock,
		Arrivals: always,
		Evaluate: func(_ context.Context, _ *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Result, error) {
			if down {
				return nil, errDown
			}
			windows = append(windows, w)
			return &rules.Result{}, nil
		}})
	for h := range 10 {
		clock.Set(after(time.Duration(h) * time.Hour))
		down = h < 9
		once(t, s)
	}
	slices.SortFunc(windows, func(a, b rules.Window) int { return a.From.Compare(b.From) })
	if len(windows) == 0 || !windows[0].From.Equal(after(-2*time.Hour)) {
		t.Fatalf("windows %v", windows)
	}
	for i := range windows[1:] {
		if !windows[i+1].From.Equal(windows[i].To) {
			t.Errorf("windows %v", windows)
		}
	}
	if last := windows[len(windows)-1].To; !last.Equal(after(9 * time.Hour)) {
		t.Errorf("windows until %v", last)
	}
}
