package scheduler_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/test/engines"
)

// The scheduler's life with an embedded engine and with every cluster: what it
// writes is found again, and nothing is written twice.
func TestStores(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		testStore(t, memory.New(memory.Options{Now: func() time.Time { return day }}), mappings.Names{})
	})
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		names := mappings.Names{Prefix: e.Prefix(t) + "stitch"}
		for _, want := range []string{mappings.Created, mappings.Kept} {
			changes, err := mappings.Bootstrap(t.Context(), cluster, cluster.Product(), names)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range changes {
				if c.Action != want {
					t.Errorf("bootstrap: %s is %s, want %s", c.Name, c.Action, want)
				}
			}
		}
		testStore(t, cluster, names)
	})
}

func testStore(t *testing.T, engine esq.Engine, names mappings.Names) {
	clock := scheduler.NewVirtualClock(day)
	month := time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
	w := &world{clock: clock, incidents: []incident{
		{"january", month.Add(-time.Second), after(-time.Minute)},
		{"february", month, after(-time.Minute)},
		{"late", after(-time.Hour), after(30 * time.Minute)},
	}}
	slow, win := every("continuous", 24*time.Hour), windowed("windowed", 24*time.Hour)
	for _, r := range []*rules.Rule{slow, win} {
		r.LookBack, r.Lateness = 60*24*time.Hour, 90*24*time.Hour
	}
	s := scheduler.New(scheduler.Options{
		// One after the other: a cluster may fail to read from an index that
		// another rule is just creating, and such a run would have to be repeated.
		Concurrency: 1,
		Rules:       set(slow, win), Engine: engine, Names: names, Clock: clock, Arrivals: w.arrivals, Evaluate: w.evaluate,
	})
	step := func(at time.Duration, want scheduler.Counts) {
		t.Helper()
		clock.Set(after(at))
		sum := once(t, s)
		if sum.Err() != nil {
			t.Fatal(sum.Err())
		}
		if sum.Alerts() != want {
			t.Errorf("at %v: %+v, want %+v", at, sum.Alerts(), want)
		}
	}
	step(0, scheduler.Counts{Created: 4})
	step(time.Minute, scheduler.Counts{})
	// The late one is in both windows of the windowed rule.
	step(24*time.Hour, scheduler.Counts{Created: 2, Unchanged: 2 + 3})
	closeAlert(t, engine, names.AlertIndex(month), "continuous-february")
	// The anchor moves to another month, the alert does not.
	w.incidents[1].time, w.incidents[1].arrives = month.Add(-time.Minute), after(30*time.Hour)
	step(48*time.Hour, scheduler.Counts{Updated: 2, Unchanged: 3 + 2 + 3})
	step(72*time.Hour, scheduler.Counts{Unchanged: 3})
	// What one of them was about turns out to be nothing, and then not.
	late := w.incidents[2]
	w.incidents[2] = incident{"other", late.time.Add(time.Millisecond), after(80 * time.Hour)}
	w.incidents = append(w.incidents, incident{"trigger", late.time, after(80 * time.Hour)})
	step(96*time.Hour, scheduler.Counts{Created: 4, Unchanged: 5*2 + 4*2, Retracted: 2})

	found, err := engine.Find(t.Context(), []string{names.AlertPattern()}, esq.MatchAll{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range found {
		got[d.ID] = strings.TrimPrefix(d.Index, names.Alerts()) + " " + status(t, d)
		if m, err := mappings.ReadMark(d.Source); err != nil || m.Retracted {
			got[d.ID] += " retracted"
		}
	}
	want := map[string]string{
		"continuous-january":  "-2024.01 open",
		"continuous-february": "-2024.02 closed",
		"continuous-late":     "-2024.02 open retracted",
		"continuous-other":    "-2024.02 open",
		"continuous-trigger":  "-2024.02 open",
		"windowed-january":    "-2024.01 open",
		"windowed-february":   "-2024.02 open",
		"windowed-late":       "-2024.02 open retracted",
		"windowed-other":      "-2024.02 open",
		"windowed-trigger":    "-2024.02 open",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}

	records, err := engine.Find(t.Context(), []string{names.RunPattern()}, esq.Term{Field: "outcome", Value: esq.Str("success")}, 100)
	if err != nil {
		t.Fatal(err)
	}
	perRule := map[string]int{}
	for _, d := range records {
		var rec struct{ Rule struct{ ID string } }
		if err := json.Unmarshal(d.Source, &rec); err != nil {
			t.Fatal(err)
		}
		perRule[rec.Rule.ID]++
	}
	if diff := cmp.Diff(map[string]int{"continuous": 5 + 4, "windowed": 5 + 4}, perRule); diff != "" {
		t.Errorf("run records (-want +got):\n%s", diff)
	}

	state, err := engine.Get(t.Context(), []esq.Ref{{Index: names.State(), ID: "ledger-continuous-f1"}, {Index: names.State(), ID: "ledger-windowed-f1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range state {
		if !strings.Contains(string(d.Source), `"covered_until":"2024-02-26T08:00:00Z"`) || !strings.Contains(string(d.Source), `"holes":[]`) {
			t.Errorf("%s: %s", d.ID, d.Source)
		}
	}
	testCleaning(t, engine, names, clock, slow)
}

// testCleaning deletes what is old: run records, and what is remembered of the
// alerts of a rule that is not loaded any more.
func testCleaning(t *testing.T, engine esq.Engine, names mappings.Names, clock *scheduler.VirtualClock, rule *rules.Rule) {
	t.Helper()
	records := func() []esq.Document {
		t.Helper()
		found, err := engine.Find(t.Context(), []string{names.RunPattern()}, esq.MatchAll{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	before := len(records())
	// Whatever was written last is refreshed with it.
	if _, err := engine.Bulk(t.Context(), []esq.Write{{Ref: esq.Ref{Index: names.State(), ID: "x"}, Source: json.RawMessage(`{}`)}}, true); err != nil {
		t.Fatal(err)
	}
	clock.Set(clock.Now().Add(24 * time.Hour))
	var log bytes.Buffer
	s := scheduler.New(scheduler.Options{
		Rules: set(rule), Engine: engine, Names: names, Clock: clock, Arrivals: quiet, Retention: 12 * time.Hour,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if sum := once(t, s); sum.Err() != nil {
		t.Fatal(sum.Err())
	}
	if _, err := engine.Bulk(t.Context(), []esq.Write{
		{Ref: esq.Ref{Index: names.State(), ID: "x"}, Source: json.RawMessage(`{}`)},
		{Ref: esq.Ref{Index: names.RunIndex(clock.Now()), ID: "x"}, Source: json.RawMessage(`{}`)},
	}, true); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, d := range records() {
		var rec struct{ Rule struct{ ID string } }
		if err := json.Unmarshal(d.Source, &rec); err != nil {
			t.Fatal(err)
		}
		left = append(left, rec.Rule.ID)
	}
	slices.Sort(left)
	if diff := cmp.Diff([]string{"", "continuous", "windowed"}, left); diff != "" || before < 10 {
		t.Errorf("of %d run records are left (-want +got):\n%s\n%s", before, diff, log.String())
	}
	state, err := engine.Find(t.Context(), []string{names.State()}, esq.MatchAll{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range state {
		ids = append(ids, d.ID)
	}
	want := []string{
		"alert-continuous-february", "alert-continuous-january", "alert-continuous-late", "alert-continuous-other", "alert-continuous-trigger",
		"ledger-continuous-f1", "ledger-windowed-f1", "x",
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("state that is left (-want +got):\n%s\n%s", diff, log.String())
	}
}

// closeAlert does what an analyst does.
func closeAlert(t *testing.T, engine esq.Engine, index, id string) {
	t.Helper()
	documents, err := engine.Get(t.Context(), []esq.Ref{{Index: index, ID: id}})
	if err != nil || !documents[0].Found {
		t.Fatalf("read alert %s/%s: found %t, %v", index, id, err == nil && documents[0].Found, err)
	}
	closed := strings.Replace(string(documents[0].Source), `workflow_status":"open"`, `workflow_status":"closed"`, 1)
	outcomes, err := engine.Bulk(t.Context(), []esq.Write{{Ref: documents[0].Ref, Match: &documents[0], Source: json.RawMessage(closed)}}, true)
	if err != nil || outcomes[0].Err != nil {
		t.Fatal(err, outcomes)
	}
}

func status(t *testing.T, d esq.Document) string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(d.Source, &doc); err != nil {
		t.Fatal(err)
	}
	text, ok := doc["kibana.alert.workflow_status"].(string)
	if !ok {
		t.Fatalf("no status among %q", slices.Sorted(maps.Keys(doc)))
	}
	return text
}
