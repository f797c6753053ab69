package mappings_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/mappings"
)

// theirs are spellings of what analysts and the notifier have under "stitch".
func theirs() map[string]func(stitch, doc map[string]any) {
	triage := map[string]any{"history": []any{map[string]any{"id": "1", "action": "comment", "comment": "<known>"}}}
	notifications := []any{map[string]any{"service": "mail"}, map[string]any{"service": "chat"}}
	return map[string]func(stitch, doc map[string]any){
		"nested":      func(stitch, _ map[string]any) { stitch["triage"], stitch["notifications"] = triage, notifications },
		"triage":      func(stitch, _ map[string]any) { stitch["triage"] = triage },
		"notified":    func(stitch, _ map[string]any) { stitch["notifications"] = notifications },
		"half dotted": func(stitch, _ map[string]any) { stitch["triage.history"] = triage["history"] },
		"dotted": func(_, doc map[string]any) {
			doc["stitch.triage"], doc["stitch.notifications"] = triage, notifications
		},
		"empty": func(stitch, _ map[string]any) { stitch["triage"], stitch["notifications"] = map[string]any{}, []any{} },
	}
}

// Whatever becomes of an alert, what was done about it and who was told stays,
// and is no reason to write it.
func TestTriageAndNotificationsSurvive(t *testing.T) {
	for name, put := range theirs() {
		add := func(raw json.RawMessage) json.RawMessage {
			return edit(t, raw, func(doc map[string]any) { put(doc["stitch"].(map[string]any), doc) })
		}
		same := func(t *testing.T, what string, got, want json.RawMessage) {
			t.Helper()
			if diff := cmp.Diff(decode(t, add(want)), decode(t, got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		t.Run(name, func(t *testing.T) {
			bare := document(t, copied())
			stored := add(bare)
			if got, changed, err := mappings.Update(stored, copied()); err != nil || changed || string(got) != string(stored) {
				t.Errorf("the same evidence: changed %t, error %v, document %s", changed, err, got)
			}

			grown := copied()
			grown.Written, grown.Details = at("12:00:00.000"), map[string]any{"Drive": "F:"}
			want, _, err1 := mappings.Update(bare, grown)
			got, changed, err2 := mappings.Update(stored, grown)
			if err1 != nil || err2 != nil || !changed {
				t.Fatalf("changed %t, errors %v, %v", changed, err1, err2)
			}
			same(t, "grown", got, want)

			want, err1 = mappings.Retract(bare, 9, at("12:00:00.000"))
			got, err2 = mappings.Retract(stored, 9, at("12:00:00.000"))
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			same(t, "retracted", got, want)

			want, _, err1 = mappings.Update(want, copied())
			got, changed, err2 = mappings.Update(got, copied())
			if err1 != nil || err2 != nil || !changed {
				t.Fatalf("changed %t, errors %v, %v", changed, err1, err2)
			}
			same(t, "active again", got, want)

			known, err := mappings.ReadStages(stored)
			if err != nil {
				t.Fatal(err)
			}
			want, _, err1 = mappings.Unite(bare, known, grown, 50)
			got, _, err2 = mappings.Unite(stored, known, grown, 50)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			same(t, "united", got, want)

			want, err1 = mappings.Stamp(bare, 12, mappings.Window{})
			got, err2 = mappings.Stamp(stored, 12, mappings.Window{})
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			same(t, "stamped", got, want)
		})
	}
}

// What was done about an alert is no part of what it says.
func TestEvidenceIsComparedWithoutTriage(t *testing.T) {
	want, err := mappings.WithoutWriting(document(t, copied()))
	if err != nil {
		t.Fatal(err)
	}
	for name, put := range theirs() {
		stored := edit(t, document(t, copied()), func(doc map[string]any) { put(doc["stitch"].(map[string]any), doc) })
		if got, err := mappings.WithoutWriting(stored); err != nil || string(got) != string(want) {
			t.Errorf("%s: %v, %s", name, err, got)
		}
	}
}

// Whatever is stored, an action is noted once, and an update leaves it there.
func FuzzAct(f *testing.F) {
	written, err := copied().Document()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(written))
	f.Add([]byte(`{"stitch":{"triage":7,"triage.history":[{"id":"1"},[]]},"stitch.triage":{"history":"x"}}`))
	f.Add([]byte(`{"kibana":{"alert.workflow_status":["closed"],"alert":{"workflow_reason":{}}},"stitch":[]}`))
	f.Fuzz(func(t *testing.T, stored []byte) {
		a := mappings.Action{ID: "fuzz", Kind: mappings.Close, At: at("12:00:00.000"), By: "ana", Reason: "other"}
		once, after, changed, err := mappings.Act(stored, a)
		if err != nil || !changed {
			return
		}
		if after.Status != mappings.Closed || after.History[len(after.History)-1].ID != a.ID {
			t.Fatalf("after: %+v", after)
		}
		if _, _, again, err := mappings.Act(once, a); again || err != nil {
			t.Fatalf("again: changed %t, error %v", again, err)
		}
		updated, _, err := mappings.Update(once, copied())
		if err != nil {
			t.Fatal(err)
		}
		got, err := mappings.ReadTriage(updated)
		if diff := cmp.Diff(after, got); diff != "" || err != nil {
			t.Fatalf("error %v, after an update (-want +got):\n%s", err, diff)
		}
	})
}
