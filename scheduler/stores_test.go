package scheduler_test

import (
	"encoding/json"
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
		{"january", month.Add(-time.Second), day},
		{"february", month, day},
		{"late", after(-time.Hour), after(30 * time.Minute)},
	}}
	slow, win := every("continuous", time.Hour), windowed("windowed", time.Hour)
	for _, r := range []*rules.Rule{slow, win} {
		r.LookBack, r.Lateness = 60*24*time.Hour, 90*24*time.Hour
	}
	s := scheduler.New(scheduler.Options{
		Rules: set(slow, win), Engine: engine, Names: names, Clock: clock, Evaluate: w.evaluate,
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
	// The windowed rule is evaluated for 08:00 again and for 09:00.
	step(time.Hour, scheduler.Counts{Created: 2, Unchanged: 2 + 2 + 3})
	closeAlert(t, engine, names.AlertIndex(month), "continuous-february")
	// The anchor moves to another month, the alert does not.
	w.incidents[1].time = month.Add(-time.Minute)
	step(2*time.Hour, scheduler.Counts{Updated: 2, Unchanged: 3*2 + 2 + 2})
	step(3*time.Hour, scheduler.Counts{Unchanged: 3 + 4*3})

	found, err := engine.Find(t.Context(), []string{names.AlertPattern()}, esq.MatchAll{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range found {
		got[d.ID] = strings.TrimPrefix(d.Index, names.Alerts()) + " " + status(t, d)
	}
	want := map[string]string{
		"continuous-january":  "-2024.01 open",
		"continuous-february": "-2024.02 closed",
		"continuous-late":     "-2024.02 open",
		"windowed-january":    "-2024.01 open",
		"windowed-february":   "-2024.02 open",
		"windowed-late":       "-2024.02 open",
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
	if diff := cmp.Diff(map[string]int{"continuous": 4, "windowed": 1 + 2 + 3 + 4}, perRule); diff != "" {
		t.Errorf("run records (-want +got):\n%s", diff)
	}

	state, err := engine.Get(t.Context(), []esq.Ref{{Index: names.State(), ID: "checkpoint-continuous"}, {Index: names.State(), ID: "checkpoint-windowed"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range state {
		if !strings.Contains(string(d.Source), `"checkpoint":"2024-02-22T11:00:00Z"`) {
			t.Errorf("%s: %s", d.ID, d.Source)
		}
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
