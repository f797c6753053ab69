package mappings_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// edit decodes a document, changes it and encodes it again.
func edit(t testing.TB, raw json.RawMessage, change func(map[string]any)) json.RawMessage {
	t.Helper()
	doc := decode(t, raw)
	change(doc)
	out, err := json.MarshalIndent(doc, "", " ") // as another tool might write it
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decode(t testing.TB, raw json.RawMessage) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return doc
}

func document(t testing.TB, a mappings.Alert) json.RawMessage {
	t.Helper()
	raw, err := a.Document()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestUpdateWithoutNewsChangesNothing(t *testing.T) {
	stored := document(t, copied())
	later := copied()
	later.Written = at("12:00:00.000")
	for name, stored := range map[string]json.RawMessage{
		"as written":   stored,
		"reformatted":  edit(t, stored, func(map[string]any) {}),
		"with a field": edit(t, stored, func(doc map[string]any) { doc["triage"] = "done" }),
		"closed":       edit(t, stored, func(doc map[string]any) { doc["kibana.alert.workflow_status"] = "closed" }),
	} {
		t.Run(name, func(t *testing.T) {
			got, changed, err := mappings.Update(stored, later)
			if err != nil || changed {
				t.Fatalf("changed %t, error %v", changed, err)
			}
			if string(got) != string(stored) {
				t.Errorf("another document: %s", got)
			}
		})
	}
}

func TestUpdateLeavesWhatIsNotOurs(t *testing.T) {
	theirs := func(doc map[string]any) {
		doc["kibana.alert.workflow_status"] = "acknowledged"
		doc["kibana.alert.status"] = "recovered"
		doc["kibana.alert.workflow_assignee_ids"] = []any{"u_1"}
		doc["kibana.alert.case_ids"] = []any{"c_1"}
		doc["tags"] = []any{"vip"}
		doc["kibana"] = map[string]any{"alert": map[string]any{"workflow_tags": []any{"x"}}}
		doc["user"].(map[string]any)["risk"] = map[string]any{"level": "high"}
		doc["event"].(map[string]any)["ingested"] = "2024-02-22T11:00:01Z"
		doc["threat"].(map[string]any)["enrichments"] = []any{map[string]any{"a": 1.0}}
		doc["comments"] = []any{map[string]any{"by": "joe", "text": "<ok>"}}
	}
	fresh := copied()
	fresh.Written = at("12:00:00.000")
	fresh.End = at("11:30:00.000")
	fresh.Rule.Note = ""
	fresh.Rule.Threat = nil
	fresh.Columns["user.id"] = nil
	fresh.Details = map[string]any{"Drive": "F:"}

	want := decode(t, document(t, fresh))
	theirs(ensure(want, "threat"))
	want["@timestamp"] = "2024-02-22T11:00:00.000Z"
	want["event"].(map[string]any)["created"] = "2024-02-22T11:00:00.000Z"
	want["stitch"].(map[string]any)["version"] = 2.0

	got, changed, err := mappings.Update(edit(t, document(t, copied()), theirs), fresh)
	if err != nil || !changed {
		t.Fatalf("changed %t, error %v", changed, err)
	}
	if diff := cmp.Diff(want, decode(t, got)); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	if _, changed, _ := mappings.Update(got, fresh); changed {
		t.Error("the same update changes the document again")
	}
}

func ensure(doc map[string]any, key string) map[string]any {
	if doc[key] == nil {
		doc[key] = map[string]any{}
	}
	return doc
}

// Whatever spelling of our own fields a tool left behind, one update sets them
// right and the next finds nothing to do.
func TestUpdateIsBlindToSpelling(t *testing.T) {
	stored := edit(t, document(t, copied()), func(doc map[string]any) {
		doc["kibana"] = map[string]any{"alert": map[string]any{
			"workflow_status": doc["kibana.alert.workflow_status"],
			"rule":            map[string]any{"name": "old name"},
			"rule.uuid":       "old id",
		}}
		delete(doc, "kibana.alert.workflow_status")
		doc["user.email"] = "old@contoso.com"
		doc["stitch.details"] = map[string]any{"old": true}
	})
	got, changed, err := mappings.Update(stored, copied())
	if err != nil || !changed {
		t.Fatalf("changed %t, error %v", changed, err)
	}
	want := decode(t, document(t, copied()))
	delete(want, "kibana.alert.workflow_status")
	want["kibana"] = map[string]any{"alert": map[string]any{"workflow_status": "open"}}
	want["stitch"].(map[string]any)["version"] = 2.0
	if diff := cmp.Diff(want, decode(t, got)); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	if _, changed, _ := mappings.Update(got, copied()); changed {
		t.Error("the same update changes the document again")
	}
}

func TestUpdateOfABrokenDocument(t *testing.T) {
	for _, stored := range []string{``, `[]`, `null`, `{"a":`} {
		if _, _, err := mappings.Update(json.RawMessage(stored), copied()); err == nil {
			t.Errorf("%q: no error", stored)
		}
	}
	got, changed, err := mappings.Update(json.RawMessage(`{"stitch":"?","user":7,"event":[1]}`), copied())
	if err != nil || !changed {
		t.Fatalf("changed %t, error %v", changed, err)
	}
	if _, changed, err := mappings.Update(got, copied()); err != nil || changed {
		t.Errorf("again: changed %t, error %v", changed, err)
	}
}

// An alert that grew over any number of updates is, apart from the writing,
// the alert that was found grown at once.
func TestUpdatesEndInTheSameDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alerts := rapid.SliceOfN(rapid.Custom(drawAlert), 1, 4).Draw(t, "alerts")
		raw, err := alerts[0].Document()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range alerts[1:] {
			if raw, _, err = mappings.Update(raw, a); err != nil {
				t.Fatal(err)
			}
		}
		once, err := alerts[len(alerts)-1].Document()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(withoutWriting(t, once), withoutWriting(t, raw)); diff != "" {
			t.Fatalf("documents (-at once +in steps):\n%s", diff)
		}
	})
}

func withoutWriting(t *rapid.T, raw json.RawMessage) string {
	out, err := mappings.WithoutWriting(raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func drawAlert(t *rapid.T) mappings.Alert {
	a := copied()
	for _, name := range slices.Sorted(maps.Keys(a.Columns)) {
		if rapid.Bool().Draw(t, "without") {
			delete(a.Columns, name)
		}
	}
	if rapid.Bool().Draw(t, "bare rule") {
		a.Rule = mappings.Rule{ID: a.Rule.ID, Name: "bare"}
	}
	a.Stages = a.Stages[:rapid.IntRange(0, 2).Draw(t, "stages")]
	a.Key[1].Value = rapid.SampledFrom([]esq.Value{{}, esq.Str("x"), esq.Integer(1), esq.Num(0.5)}).Draw(t, "key")
	if rapid.Bool().Draw(t, "details") {
		a.Details = map[string]any{"n": rapid.Float64Range(-1e9, 1e9).Draw(t, "n")}
	}
	return a
}

// Whatever is stored, an update either says that it is no document or sets our
// fields right, once.
func FuzzUpdate(f *testing.F) {
	written, err := copied().Document()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(written))
	f.Add([]byte(`{"user":[{"email":1}],"user.id":null,"kibana":{"alert.rule":{}},"stitch":{"version":1e99,"updated":1}}`))
	f.Add([]byte(`{"":{"":{}},".":{"a":[]},"event.":1,"event..kind":2,"threat":{"technique":{}}}`))
	f.Fuzz(func(t *testing.T, stored []byte) {
		once, _, err := mappings.Update(stored, copied())
		if err != nil {
			return
		}
		twice, changed, err := mappings.Update(once, copied())
		if err != nil || changed || string(twice) != string(once) {
			t.Fatalf("changed %t, error %v\nonce  %s\ntwice %s", changed, err, once, twice)
		}
	})
}
