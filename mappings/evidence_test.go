package mappings_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// tick is the n-th second of a day.
func tick(n int) time.Time { return time.Date(2024, 2, 22, 8, 0, n, 0, time.UTC) }

// evidence is a stage with a document at each of these seconds, of which it
// lists at most so many.
func evidence(most int, seconds ...int) mappings.Stage {
	s := mappings.Stage{Stage: "s", First: tick(seconds[0]), Last: tick(seconds[len(seconds)-1]), Count: len(seconds)}
	for _, n := range seconds[:min(most, len(seconds))] {
		s.Documents = append(s.Documents, mappings.Document{
			Index: "i", ID: fmt.Sprintf("d%d", n), Time: tick(n), Source: "src",
			Columns: map[string][]esq.Value{"n": {esq.Integer(int64(n)), esq.Str("x")}},
		})
	}
	s.Omitted = s.Count - len(s.Documents)
	return s
}

func alertOf(stages ...mappings.Stage) mappings.Alert {
	a := mappings.Alert{ID: "x", Written: tick(50), Anchor: stages[0].First, Start: stages[0].First, End: stages[0].Last, Stages: stages}
	for _, d := range stages[0].Documents {
		name := esq.Str(d.ID)
		a.Columns = map[string][]esq.Value{"file.name": append(a.Columns["file.name"], name), "user.name": {esq.Str("u")}}
	}
	a.Details = map[string]any{"Last": stages[0].Documents[len(stages[0].Documents)-1].ID, "Times": []any{int64(stages[0].Count)}}
	return a
}

func TestReadStages(t *testing.T) {
	want := []mappings.Stage{evidence(2, 1, 2, 3), evidence(5, 4)}
	got, err := mappings.ReadStages(document(t, alertOf(want...)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	for _, garbled := range []string{`{}`, `{"stitch":1}`, `{"stitch":{"chain":{"stage":1}}}`, `{"stitch":{"chain":[1,{"documents":[2,{"columns":3}]}]}}`} {
		if _, err := mappings.ReadStages(json.RawMessage(garbled)); err != nil {
			t.Errorf("%s: %v", garbled, err)
		}
	}
	if _, err := mappings.ReadStages(json.RawMessage(`[]`)); err == nil {
		t.Error("no document, and no error")
	}
}

func TestLacksAndAdds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		known mappings.Stage
		now   mappings.Stage
		lacks int
		adds  bool
	}{
		{"the same", evidence(9, 1, 2), evidence(9, 1, 2), 0, false},
		{"less", evidence(9, 1, 2, 3), evidence(9, 1, 3), 1, false},
		{"another in its place", evidence(9, 1, 2, 4), evidence(9, 1, 3, 4), 1, true},
		{"more", evidence(9, 1), evidence(9, 1, 2), 0, true},
		{"one before", evidence(2, 2, 3, 4), evidence(2, 1, 3, 4), 1, true},
		{"one after", evidence(2, 2, 3, 4), evidence(2, 3, 4, 5), 1, true},
		{"what was not listed", evidence(2, 1, 2, 3, 4, 5), evidence(2, 3, 4, 5), 2, false},
		{"more than was counted", evidence(2, 1, 2, 5), evidence(2, 2, 3, 4, 5), 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := alertOf(tt.now)
			if got := len(a.Lacks([]mappings.Stage{tt.known})); got != tt.lacks {
				t.Errorf("lacks %d, want %d", got, tt.lacks)
			}
			if got := a.Adds([]mappings.Stage{tt.known}); got != tt.adds {
				t.Errorf("adds %t, want %t", got, tt.adds)
			}
		})
	}
	if !alertOf(evidence(1, 1)).Adds(nil) {
		t.Error("a stage that was not there adds nothing")
	}
}

// An alert of overlapping windows says what its newest window holds: what has
// gone from before that window is no loss.
func TestWithin(t *testing.T) {
	known := []mappings.Stage{evidence(9, 1, 5, 6, 9), evidence(9, 2)}
	in := mappings.Within(known, mappings.Window{From: tick(5), To: tick(9)})
	if diff := cmp.Diff([]mappings.Stage{evidence(9, 5, 6)}, in, cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := mappings.Within(known, mappings.Window{}); len(got) != 2 || got[0].Count != 4 {
		t.Errorf("without a window: %+v", got)
	}
}

func TestUnite(t *testing.T) {
	old := evidence(9, 1, 2)
	was := edit(t, document(t, alertOf(old)), func(doc map[string]any) { doc["triage"] = "done" })
	doc, united, err := mappings.Unite(was, []mappings.Stage{old}, alertOf(evidence(9, 2, 3)), 50)
	if err != nil {
		t.Fatal(err)
	}
	want := alertOf(evidence(9, 1, 2, 3))
	want.Columns["file.name"] = []esq.Value{esq.Str("d2"), esq.Str("d3"), esq.Str("d1")}
	want.Details = map[string]any{"Last": "d3", "Times": []any{int64(2)}}
	want.Anchor = tick(2)
	var got, expected map[string]any
	if err := json.Unmarshal(edit(t, doc, func(doc map[string]any) {
		if doc["triage"] != "done" {
			t.Error("the analyst's field has gone")
		}
		delete(doc, "triage")
		if v := doc["stitch"].(map[string]any)["version"]; v != 2.0 {
			t.Errorf("version %v", v)
		}
		doc["stitch"].(map[string]any)["version"] = 1
	}), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document(t, want), &expected); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("united (-want +got):\n%s", diff)
	}
	evidenceNow, err := united.Evidence()
	if err != nil {
		t.Fatal(err)
	}
	if e, err := want.Evidence(); err != nil || e != evidenceNow {
		t.Errorf("evidence %s, want %s, %v", evidenceNow, e, err)
	}
}

// Whatever is united: nothing that was listed first is lost, no document counts
// twice, and what the result says is not more than there is.
func TestUniteCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 3
		drawn := func(label string) mappings.Stage {
			set := rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 1, 8, rapid.ID[int]).Draw(t, label)
			var ordered []int
			for n := range 10 {
				for _, m := range set {
					if m == n {
						ordered = append(ordered, n)
					}
				}
			}
			return evidence(most, ordered...)
		}
		old, now := drawn("old"), drawn("now")
		before, err := alertOf(old).Document()
		if err != nil {
			t.Fatal(err)
		}
		_, united, err := mappings.Unite(before, []mappings.Stage{old}, alertOf(now), most)
		if err != nil {
			t.Fatal(err)
		}
		s := united.Stages[0]
		if s.Count < max(old.Count, now.Count) || s.Count > old.Count+now.Count || s.Omitted != s.Count-len(s.Documents) || len(s.Documents) > most {
			t.Fatalf("%+v and %+v are %+v", old, now, s)
		}
		seen := map[string]bool{}
		for i, d := range s.Documents {
			if seen[d.ID] || i > 0 && d.Time.Before(s.Documents[i-1].Time) {
				t.Fatalf("listed %+v", s.Documents)
			}
			seen[d.ID] = true
		}
		if united.Adds([]mappings.Stage{s}) {
			t.Fatalf("%+v adds to itself", s)
		}
		if s.First.After(old.First) || s.First.After(now.First) || s.Last.Before(old.Last) || s.Last.Before(now.Last) {
			t.Fatalf("from %v to %v", s.First, s.Last)
		}
	})
}
