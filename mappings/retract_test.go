package mappings_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/mappings"
)

func TestRetract(t *testing.T) {
	stored := edit(t, document(t, copied()), func(doc map[string]any) {
		doc["kibana.alert.workflow_status"] = "acknowledged"
		doc["tags"] = []any{"vip"}
	})
	retracted, err := mappings.Retract(stored, 9, at("12:00:00.000"))
	if err != nil {
		t.Fatal(err)
	}
	want := decode(t, stored)
	noon := "2024-02-22T12:00:00.000Z"
	want["kibana.alert.status"], want["kibana.alert.end"] = "recovered", noon
	stitch := want["stitch"].(map[string]any)
	stitch["retracted"], stitch["updated"], stitch["version"], stitch["ticket"] = noon, noon, 2.0, 9.0
	if diff := cmp.Diff(want, decode(t, retracted)); diff != "" {
		t.Errorf("retracted (-want +got):\n%s", diff)
	}

	// The same evidence again: the alert is what it was.
	again := copied()
	again.Written, again.Ticket = at("13:00:00.000"), 10
	back, changed, err := mappings.Update(retracted, again)
	if err != nil || !changed {
		t.Fatalf("changed %t, error %v", changed, err)
	}
	want = decode(t, stored)
	stitch = want["stitch"].(map[string]any)
	stitch["updated"], stitch["version"], stitch["ticket"] = "2024-02-22T13:00:00.000Z", 3.0, 10.0
	if diff := cmp.Diff(want, decode(t, back)); diff != "" {
		t.Errorf("found again (-want +got):\n%s", diff)
	}

	// What an analyst set meanwhile stays.
	theirs := edit(t, retracted, func(doc map[string]any) { doc["kibana.alert.status"] = "untracked" })
	if back, _, err = mappings.Update(theirs, again); err != nil || decode(t, back)["kibana.alert.status"] != "untracked" {
		t.Errorf("error %v, status %v", err, decode(t, back)["kibana.alert.status"])
	}
}

func TestMark(t *testing.T) {
	stored := document(t, copied())
	want := mappings.Mark{
		Ticket: 7, Fingerprint: "f00d", Start: at("09:12:00.000"), End: at("10:31:09.500"),
		Window: mappings.Window{From: at("09:00:00.000"), To: at("11:00:00.000")},
	}
	got, err := mappings.ReadMark(stored)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("mark (-want +got), error %v:\n%s", err, diff)
	}
	stamped, err := mappings.Stamp(stored, 8, copied().Window)
	if err != nil {
		t.Fatal(err)
	}
	retracted, err := mappings.Retract(stamped, 3, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// A ticket never falls.
	if got, err = mappings.ReadMark(retracted); err != nil || got.Ticket != 8 || !got.Retracted {
		t.Errorf("mark %+v, error %v", got, err)
	}
	for _, source := range []string{`{}`, `{"stitch":7,"event":[]}`, `{"stitch":{"ticket":"x","window":{"from":1}},"event":{"start":"soon"}}`} {
		if got, err := mappings.ReadMark(json.RawMessage(source)); err != nil || got != (mappings.Mark{}) {
			t.Errorf("%s: mark %+v, error %v", source, got, err)
		}
	}
	for _, source := range []string{``, `[]`, `null`} {
		_, err1 := mappings.ReadMark(json.RawMessage(source))
		_, err2 := mappings.Retract(json.RawMessage(source), 1, time.Now())
		_, err3 := mappings.Stamp(json.RawMessage(source), 1, mappings.Window{})
		if err1 == nil || err2 == nil || err3 == nil {
			t.Errorf("%q: errors %v, %v, %v", source, err1, err2, err3)
		}
	}
}

// Stamping is no change: the next update finds nothing to do.
func TestStampChangesNothingElse(t *testing.T) {
	stamped, err := mappings.Stamp(document(t, copied()), 12, mappings.Window{To: at("10:00:00.000")})
	if err != nil {
		t.Fatal(err)
	}
	if _, changed, err := mappings.Update(stamped, copied()); changed || err != nil {
		t.Errorf("changed %t, error %v", changed, err)
	}
	one, err1 := mappings.WithoutWriting(stamped)
	two, err2 := mappings.WithoutWriting(document(t, copied()))
	if err1 != nil || err2 != nil || string(one) != string(two) {
		t.Errorf("%v, %v, %s is not %s", err1, err2, one, two)
	}
}

func TestEvidence(t *testing.T) {
	evidence := func(change func(*mappings.Alert)) string {
		a := copied()
		change(&a)
		name, err := a.Evidence()
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	was := evidence(func(*mappings.Alert) {})
	for name, change := range map[string]func(*mappings.Alert){
		"reworded": func(a *mappings.Alert) { a.Rule.Name, a.Rule.Fingerprint, a.Details = "x", "y", nil },
		"later":    func(a *mappings.Alert) { a.Written, a.Ticket = at("12:00:00.000"), 8 },
		"moved":    func(a *mappings.Alert) { a.Stages[0].Documents[0].Index = "restored-logs" },
	} {
		if evidence(change) != was {
			t.Errorf("%s: other evidence", name)
		}
	}
	for name, change := range map[string]func(*mappings.Alert){
		"a document more":   func(a *mappings.Alert) { a.Stages[1].Count++ },
		"another document":  func(a *mappings.Alert) { a.Stages[1].Documents[0].ID = "x3" },
		"at another time":   func(a *mappings.Alert) { a.Stages[1].Last = at("10:40:00.000") },
		"without the stage": func(a *mappings.Alert) { a.Stages = a.Stages[:1] },
	} {
		if evidence(change) == was {
			t.Errorf("%s: the same evidence", name)
		}
	}
}
