package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// finds is an evaluation that answers with these alerts, whatever is asked.
func finds(alerts *[]rules.Alert) scheduler.Evaluate {
	return func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
		return &rules.Result{Alerts: *alerts}, nil
	}
}

func alertAt(id string, t time.Time) rules.Alert {
	return rules.Alert{ID: id, Anchor: t, Start: t, End: t, Stages: []rules.Evidence{{Stage: "s", First: t, Last: t, Count: 1}}}
}

func refOf(id string) esq.Ref { return esq.Ref{Index: "detections-stitch.alerts-2024.02", ID: id} }

// standing are the ids of the alerts that hold.
func (c *cabinet) standing(t testing.TB) []string {
	t.Helper()
	var ids []string
	for name := range c.alerts() {
		d := c.documents[refOf(strings.TrimPrefix(name, "detections-stitch.alerts-2024.02/"))]
		m, err := mappings.ReadMark(d.Source)
		if err != nil {
			t.Fatal(err)
		}
		if !m.Retracted {
			ids = append(ids, d.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// An alert that does not hold any more is retracted, and comes back when it
// holds again; alerts elsewhere in time, and those of older versions of the
// rule, stay.
func TestRetraction(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	r := every("r", time.Hour)
	at := after(-time.Minute)
	alerts := []rules.Alert{alertAt("a", at), alertAt("b", at)}
	run := func(rule *rules.Rule, hour int, happened time.Time) scheduler.Counts {
		t.Helper()
		clock.Set(after(time.Duration(hour) * time.Hour))
		sum := once(t, scheduler.New(scheduler.Options{
			Rules: set(rule), Engine: store, Clock: clock, Arrivals: arrivedAt(happened), Evaluate: finds(&alerts),
		}))
		if sum.Err() != nil {
			t.Fatal(sum.Err())
		}
		return sum.Alerts()
	}
	changed := every("r", time.Hour)
	changed.Fingerprint = "f2"
	steps := []struct {
		name     string
		rule     *rules.Rule
		happened time.Time
		alerts   []rules.Alert
		want     scheduler.Counts
		standing []string
	}{
		{"found", r, at, alerts, scheduler.Counts{Created: 2}, []string{"a", "b"}},
		{"one holds no more", r, at, alerts[:1], scheduler.Counts{Unchanged: 1, Retracted: 1}, []string{"a"}},
		{"still not", r, at, alerts[:1], scheduler.Counts{Unchanged: 1}, []string{"a"}},
		{"holds again", r, at, alerts, scheduler.Counts{Unchanged: 1, Updated: 1}, []string{"a", "b"}},
		{"another time", r, after(-time.Hour), nil, scheduler.Counts{}, []string{"a", "b"}},
		{"another version", changed, at, nil, scheduler.Counts{}, []string{"a", "b"}},
	}
	for i, step := range steps {
		alerts = step.alerts
		got := run(step.rule, i, step.happened)
		if got != step.want || !slices.Equal(store.standing(t), step.standing) {
			t.Errorf("%s: %+v, standing %q", step.name, got, store.standing(t))
		}
	}
}

// What an analyst deleted stays deleted until there is new evidence.
func TestDeletedAlert(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	alerts := []rules.Alert{alertAt("a", day), alertAt("b", day)}
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Clock: clock, Arrivals: arrivedAt(day), Evaluate: finds(&alerts)})
	once(t, s)
	store.remove(refOf("a"))
	clock.Set(after(time.Hour))
	if got := once(t, s).Alerts(); got != (scheduler.Counts{Unchanged: 1, LeftDeleted: 1}) {
		t.Errorf("the same evidence: %+v", got)
	}
	count := alerts[0].Stages[0].Count
	alerts[0].Stages[0].Count = count - 1
	clock.Set(after(2 * time.Hour))
	if got := once(t, s).Alerts(); got != (scheduler.Counts{Unchanged: 1, LeftDeleted: 1}) {
		t.Errorf("less evidence: %+v", got)
	}
	alerts[0].Stages[0].Count = count + 1
	clock.Set(after(3 * time.Hour))
	if got := once(t, s).Alerts(); got != (scheduler.Counts{Unchanged: 1, Created: 1}) {
		t.Errorf("new evidence: %+v", got)
	}
	// One that was never remembered, since the run was killed before, is there.
	store.remove(esq.Ref{Index: "detections-stitch.state", ID: "alert-b"})
	clock.Set(after(4 * time.Hour))
	once(t, s)
	store.remove(refOf("b"))
	clock.Set(after(5 * time.Hour))
	if got := once(t, s).Alerts(); got != (scheduler.Counts{Unchanged: 1, LeftDeleted: 1}) {
		t.Errorf("remembered late: %+v", got)
	}
}

// What an older stitch remembered of an alert, without times, still counts, and
// is completed when the alert is met again.
func TestOlderMemory(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	alerts := []rules.Alert{alertAt("a", day), alertAt("b", day)}
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Clock: clock, Arrivals: arrivedAt(day), Evaluate: finds(&alerts)})
	once(t, s)
	memoryOf := func(id string) map[string]any {
		return store.under("detections-stitch.state")["detections-stitch.state/alert-"+id]
	}
	whole := memoryOf("b")
	for _, id := range []string{"a", "b"} {
		old := memoryOf(id)
		for _, field := range []string{"anchor", "start", "end", "updated", "stages"} {
			if old[field] == nil {
				t.Errorf("no %s in %v", field, old)
			}
			delete(old, field)
		}
		source, err := mappings.Encode(old)
		if err != nil {
			t.Fatal(err)
		}
		store.put(esq.Ref{Index: "detections-stitch.state", ID: "alert-" + id}, source)
	}
	store.remove(refOf("a"))
	clock.Set(after(time.Hour))
	if got := once(t, s).Alerts(); got != (scheduler.Counts{Unchanged: 1, LeftDeleted: 1}) {
		t.Errorf("%+v", got)
	}
	whole["updated"] = "2024-02-22T09:00:00Z"
	if diff := cmp.Diff(whole, memoryOf("b")); diff != "" {
		t.Errorf("completed (-want +got):\n%s", diff)
	}
}

// A run that was paused before it wrote wakes up when a newer one has written:
// it does not write over that, and what it created beside it is found out.
func TestOvertaken(t *testing.T) {
	for _, tt := range []struct {
		name       string
		slow, fast []rules.Alert
		fails      bool // the slow run
	}{
		{"the same alert", []rules.Alert{alertAt("a", day)}, []rules.Alert{alertAt("a", day), alertAt("b", day)}, true},
		{"an alert that holds no more", []rules.Alert{alertAt("stale", day)}, []rules.Alert{alertAt("b", day)}, true},
		{"nothing", nil, []rules.Alert{alertAt("b", day)}, true},
		{"an alert that no newer run saw", []rules.Alert{alertAt("stale", day)}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := scheduler.NewVirtualClock(day)
			store := newCabinet()
			// What the slow run finds is older than what the fast one does.
			if len(tt.slow) > 0 && tt.slow[0].ID == "a" {
				tt.fast[0].Stages[0].Count = 2
			}
			now := tt.fast
			fast := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Clock: clock, Arrivals: arrivedAt(day), Evaluate: finds(&now)})
			paused := false
			slow := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Clock: clock, Arrivals: arrivedAt(day),
				Evaluate: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
					if !paused {
						paused = true
						if sum := once(t, fast); sum.Err() != nil {
							t.Error(sum.Err())
						}
						return &rules.Result{Alerts: tt.slow}, nil
					}
					return &rules.Result{Alerts: now}, nil
				}})
			sum := once(t, slow)
			var overtaken *scheduler.OvertakenError
			if errors.As(sum.Err(), &overtaken) != tt.fails || !tt.fails && sum.Err() != nil {
				t.Errorf("slow run: %v", sum.Err())
			}
			clock.Set(after(time.Hour))
			if sum := once(t, fast); sum.Err() != nil {
				t.Error(sum.Err())
			}
			want := newCabinet()
			once(t, scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: want, Clock: clock, Arrivals: arrivedAt(day), Evaluate: finds(&now)}))
			if diff := cmp.Diff(contents(t, want), contents(t, store)); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
			if open := store.ledger("r")["open"].([]any); len(open) > 0 {
				t.Errorf("open tickets %v", open)
			}
		})
	}
}

// contents are the alerts that hold, without what depends on their writing.
func contents(t testing.TB, c *cabinet) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, id := range c.standing(t) {
		doc, err := mappings.WithoutWriting(c.documents[refOf(id)].Source)
		if err != nil {
			t.Fatal(err)
		}
		out[id] = string(doc)
	}
	return out
}

// An alert with a ticket from elsewhere (a ledger that was rebuilt, another
// version of the rule) stops one run, not all that follow.
func TestTicketFromElsewhere(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	alerts := []rules.Alert{alertAt("a", day)}
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Clock: clock, Arrivals: arrivedAt(day), Evaluate: finds(&alerts)})
	once(t, s)
	stamped, err := mappings.Stamp(store.documents[refOf("a")].Source, 1000, mappings.Window{})
	if err != nil {
		t.Fatal(err)
	}
	store.write(esq.Write{Ref: refOf("a"), Source: stamped})
	alerts[0].End = after(time.Second)
	clock.Set(after(time.Hour))
	var overtaken *scheduler.OvertakenError
	if sum := once(t, s); !errors.As(sum.Err(), &overtaken) || overtaken.By != 1000 || store.coveredUntil("r") != "2024-02-22T08:00:00Z" {
		t.Errorf("%v, covered until %s", sum.Err(), store.coveredUntil("r"))
	}
	if sum := once(t, s); sum.Err() != nil || sum.Alerts().Updated != 1 || store.coveredUntil("r") != "2024-02-22T09:00:00Z" {
		t.Errorf("%v, covered until %s", sum.Err(), store.coveredUntil("r"))
	}
}

// Two schedulers work on the same slices at once, one of them inside each call
// that the other makes: everything is covered and nothing is there twice.
func TestTwoAtOnce(t *testing.T) {
	incidents := []incident{{"a", after(-time.Minute), after(-1)}, {"b", after(-2 * time.Minute), after(-1)}}
	clock := scheduler.NewVirtualClock(day)
	scheduled := func(store *cabinet) *scheduler.Scheduler {
		w := &world{clock: clock, incidents: incidents}
		return scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Clock: clock, Arrivals: w.arrivals, Evaluate: w.evaluate})
	}
	alone := newCabinet()
	bulks := 0
	alone.before = func([]esq.Write) { bulks++ }
	once(t, scheduled(alone))
	for at := 1; at <= bulks; at++ {
		t.Run(fmt.Sprint("before write ", at), func(t *testing.T) {
			clock.Set(day)
			store := newCabinet()
			n := 0
			store.before = func([]esq.Write) {
				if n++; n == at {
					if sum := once(t, scheduled(store)); sum.Err() != nil {
						t.Error(sum.Err())
					}
				}
			}
			once(t, scheduled(store)) // may be overtaken
			store.before = nil
			clock.Set(after(time.Hour))
			if sum := once(t, scheduled(store)); sum.Err() != nil {
				t.Fatal(sum.Err())
			}
			if diff := cmp.Diff(contents(t, alone), contents(t, store)); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
			if l := store.ledger("r"); l["covered_until"] != "2024-02-22T09:00:00Z" || len(l["holes"].([]any)) > 0 || len(l["open"].([]any)) > 0 {
				t.Errorf("ledger %v", l)
			}
		})
	}
}

// What brings too many rows at once is evaluated in halves, and fails if that
// does not help.
func TestTooManyRows(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	longest := 10 * time.Minute
	var windows []rules.Window
	r := every("r", time.Hour)
	store := newCabinet()
	s := scheduler.New(scheduler.Options{Rules: set(r), Engine: store, Clock: clock,
		Arrivals: always,
		Evaluate: func(_ context.Context, _ *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Result, error) {
			if w.To.Sub(w.From) > longest {
				return nil, &rules.TooManyRowsError{Stage: "s", Max: 10}
			}
			windows = append(windows, w)
			return &rules.Result{Alerts: []rules.Alert{alertAt("a", after(-time.Hour))}}, nil
		}})
	if sum := once(t, s); sum.Err() != nil || sum.Alerts().Created != 1 {
		t.Fatalf("%+v", sum.Rules[0])
	}
	if len(windows) != 16 || !windows[0].From.Equal(after(-2*time.Hour)) || !windows[15].To.Equal(day) {
		t.Errorf("windows %v", windows)
	}
	for i := range windows[1:] {
		if windows[i+1].From.Sub(windows[i].To) != time.Millisecond {
			t.Errorf("between %v and %v", windows[i], windows[i+1])
		}
	}
	longest = 0
	clock.Set(after(time.Hour))
	var tooMany *rules.TooManyRowsError
	if sum := once(t, s); !errors.As(sum.Err(), &tooMany) || store.coveredUntil("r") != "2024-02-22T08:00:00Z" {
		t.Errorf("%v, covered until %s", sum.Err(), store.coveredUntil("r"))
	}
	hole := store.ledger("r")["holes"].([]any)[0].(map[string]any)
	if !strings.Contains(hole["reason"].(string), "max_rows") || hole["attempts"] != 1.0 {
		t.Errorf("hole %v", hole)
	}
}

// An incident that leaves the newest window it was found in falls back to the
// one before.
func TestRetractionFallsBackToAnOlderWindow(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	r := windowed("r", time.Hour)
	r.LookBack = 2 * time.Hour // each hour lies in two windows
	holds := map[time.Time]bool{day: true, after(time.Hour): true}
	arrivals := scheduler.Arrivals(quiet)
	s := scheduler.New(scheduler.Options{Rules: set(r), Engine: store, Clock: clock,
		Arrivals: func(ctx context.Context, r *rules.Rule, eng esq.Searcher, w rules.Window) (*rules.Arrivals, error) {
			return arrivals(ctx, r, eng, w)
		},
		Evaluate: func(_ context.Context, _ *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Result, error) {
			if !holds[w.To] {
				return &rules.Result{}, nil
			}
			a := alertAt("a", after(-time.Minute))
			a.Window = w
			return &rules.Result{Alerts: []rules.Alert{a}}, nil
		}})
	once(t, s)
	clock.Set(after(time.Hour))
	once(t, s)
	holds[after(time.Hour)] = false
	arrivals = arrivedAt(after(30 * time.Minute)) // in the second window, not in the first
	clock.Set(after(2 * time.Hour))
	if got := once(t, s).Alerts(); got != (scheduler.Counts{Retracted: 1, Updated: 1}) {
		t.Errorf("%+v", got)
	}
	m, err := mappings.ReadMark(store.documents[refOf("a")].Source)
	if err != nil || m.Retracted || !m.Window.To.Equal(day) {
		t.Errorf("mark %+v, error %v", m, err)
	}
}

// A document of the state that is not what stitch wrote is never guessed from
// nor written over.
func TestBrokenLedger(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	r := every("r", time.Hour)
	ref := esq.Ref{Index: "detections-stitch.state", ID: "ledger-r-f1"}
	good := newCabinet()
	once(t, scheduler.New(scheduler.Options{Rules: set(r), Engine: good, Clock: clock, Arrivals: quiet}))
	source := string(good.documents[ref].Source)
	for name, broken := range map[string]string{
		"empty":      `{}`,
		"no object":  `[]`,
		"garbled":    `{"kind":"ledger","format":1,"start":"soon"}`,
		"newer":      strings.Replace(source, `"format":2`, `"format":3,"by":"v9.9.9"`, 1),
		"extended":   strings.Replace(source, `{`, `{"note":"mine",`, 1),
		"moved back": strings.ReplaceAll(source, "2024-02-22T08:00:00Z", "2024-02-22T07:00:00Z"),
		"ticket":     strings.Replace(source, `"ticket":1`, `"ticket":9`, 1),
		"of another": strings.ReplaceAll(source, `"id":"r"`, `"id":"x"`),
	} {
		t.Run(name, func(t *testing.T) {
			if broken == source {
				t.Fatal("nothing is broken")
			}
			store := newCabinet()
			store.write(esq.Write{Ref: ref, Source: json.RawMessage(broken)})
			err := once(t, scheduler.New(scheduler.Options{Rules: set(r), Engine: store, Clock: clock, Arrivals: quiet})).Err()
			var state *scheduler.StateError
			if !errors.As(err, &state) || state.Document != "detections-stitch.state/ledger-r-f1" || state.Newer != (name == "newer") {
				t.Fatalf("error %v", err)
			}
			// What to do: a ledger of a newer stitch is not broken.
			if state.Newer != strings.Contains(err.Error(), "use stitch v9.9.9, ") || state.Newer == strings.Contains(err.Error(), "--rebuild") {
				t.Errorf("error %v", err)
			}
			if got := store.documents[ref]; string(got.Source) != broken {
				t.Errorf("replaced by %s", got.Source)
			}
		})
	}
}

func TestMissingLedger(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	alerts := []rules.Alert{alertAt("a", day)}
	store := newCabinet()
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Clock: clock, Arrivals: arrivedAt(day), Evaluate: finds(&alerts)})
	if _, err := s.Replay(t.Context(), after(-time.Hour), day); err != nil {
		t.Fatal(err)
	}
	if sum := once(t, s); sum.Err() != nil {
		t.Fatalf("a replay is no run: %v", sum.Err())
	}
	store.remove(esq.Ref{Index: "detections-stitch.state", ID: "ledger-r-f1"})
	clock.Set(after(time.Hour))
	var state *scheduler.StateError
	if sum := once(t, s); !errors.As(sum.Err(), &state) || !strings.Contains(state.Error(), "is missing") || store.ledger("r") != nil {
		t.Errorf("error %v, ledger %v", sum.Err(), store.ledger("r"))
	}
}

// An alert of events that lie far apart, as reports of one upstream alert may,
// keeps all of them, whichever of them a run is about; and one that merely has
// no event in the window any more is not retracted.
func TestAlertWiderThanTheWindow(t *testing.T) {
	clock := scheduler.NewVirtualClock(day)
	store := newCabinet()
	events := []time.Time{after(-100 * time.Minute)}
	arrived := events[0]
	// As a rule does, it finds what has an event in the window, with the events
	// that lie within its reach.
	evaluate := func(_ context.Context, _ *rules.Rule, _ esq.Searcher, w rules.Window) (*rules.Result, error) {
		var near []time.Time
		for _, e := range events {
			if !e.Before(w.From.Add(-time.Minute)) && !e.After(w.To.Add(time.Minute)) {
				near = append(near, e)
			}
		}
		if len(near) == 0 || near[0].After(w.To) || near[len(near)-1].Before(w.From) {
			return &rules.Result{}, nil
		}
		a := alertAt("a", near[0])
		a.End, a.Stages[0].Last, a.Stages[0].Count = near[len(near)-1], near[len(near)-1], len(near)
		return &rules.Result{Alerts: []rules.Alert{a}}, nil
	}
	s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: store, Clock: clock, Evaluate: evaluate,
		Arrivals: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Arrivals, error) {
			return &rules.Arrivals{Count: 1, First: arrived, Last: arrived}, nil
		}})
	for hour, step := range []struct {
		name    string
		events  []time.Time
		arrived time.Time
		want    scheduler.Counts
		count   int
	}{
		{"first", []time.Time{after(-100 * time.Minute)}, after(-100 * time.Minute), scheduler.Counts{Created: 1}, 1},
		{"long after", []time.Time{after(-100 * time.Minute), day}, day, scheduler.Counts{Updated: 1}, 2},
		{"about the first", []time.Time{after(-100 * time.Minute), day}, after(-100 * time.Minute), scheduler.Counts{Unchanged: 1}, 2},
		{"in between", []time.Time{after(-100 * time.Minute), day}, after(-50 * time.Minute), scheduler.Counts{Unchanged: 1}, 2},
		{"the last is none", []time.Time{after(-100 * time.Minute)}, day, scheduler.Counts{Updated: 1}, 1},
		{"none is", nil, after(-100 * time.Minute), scheduler.Counts{Retracted: 1}, 1},
	} {
		clock.Set(after(time.Duration(hour) * time.Hour))
		events, arrived = step.events, step.arrived
		sum := once(t, s)
		chain := store.alerts()["detections-stitch.alerts-2024.02/a"]["stitch"].(map[string]any)["chain"].([]any)
		count := chain[0].(map[string]any)["count"]
		if sum.Err() != nil || sum.Alerts() != step.want || count != float64(step.count) {
			t.Errorf("%s: %+v, error %v, count %v", step.name, sum.Alerts(), sum.Err(), count)
		}
	}
}

// failsWhile is an evaluation that fails, and later finds nothing.
func failsWhile(broken *bool) scheduler.Evaluate {
	return func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
		if *broken {
			return nil, errors.New("the cluster is in no mood")
		}
		return &rules.Result{}, nil
	}
}
