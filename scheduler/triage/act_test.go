package triage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// action is the nth of a test.
func action(n int, kind, by, text string) mappings.Action {
	a := mappings.Action{ID: fmt.Sprint("a", n), Kind: kind, At: noon().Add(time.Duration(n) * time.Second), By: by}
	if kind == mappings.Close {
		a.Reason = text
	} else {
		a.Comment = text
	}
	return a
}

func act(t *testing.T, store esq.Store, a mappings.Action) triage.Result {
	t.Helper()
	r, err := triage.Act(t.Context(), store, mappings.Names{}, alert(1).ID, a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// An alert from hand to hand: Kibana's fields say the state of things, the
// history how it came about, and nothing else of the document changes.
func TestAct(t *testing.T) {
	e := engine(t, alert(1))
	before := fields(t, source(t, e, alert(1)))
	for i, step := range []struct {
		a       mappings.Action
		want    object
		changed bool
	}{
		{action(1, mappings.Comment, "ana", "who\nis\tthis?"), object{"workflow_status": "open"}, true},
		{action(2, mappings.Acknowledge, "ana", ""),
			object{"workflow_status": "acknowledged", "workflow_user": "ana", "workflow_status_updated_at": "2026-03-10T12:00:02.000Z"}, true},
		{action(3, mappings.Acknowledge, "ana", ""),
			object{"workflow_status": "acknowledged", "workflow_user": "ana", "workflow_status_updated_at": "2026-03-10T12:00:02.000Z"}, false},
		{action(4, mappings.Acknowledge, "bob", "mine"),
			object{"workflow_status": "acknowledged", "workflow_user": "bob", "workflow_status_updated_at": "2026-03-10T12:00:04.000Z"}, true},
		{action(5, mappings.Close, "bob", "false_positive"),
			object{"workflow_status": "closed", "workflow_user": "bob", "workflow_status_updated_at": "2026-03-10T12:00:05.000Z", "workflow_reason": "false_positive"}, true},
		{action(5, mappings.Close, "bob", "false_positive"),
			object{"workflow_status": "closed", "workflow_user": "bob", "workflow_status_updated_at": "2026-03-10T12:00:05.000Z", "workflow_reason": "false_positive"}, false},
		{action(6, mappings.Close, "ana", "duplicate"),
			object{"workflow_status": "closed", "workflow_user": "ana", "workflow_status_updated_at": "2026-03-10T12:00:06.000Z", "workflow_reason": "duplicate"}, true},
		{action(7, mappings.Reopen, "ana", ""),
			object{"workflow_status": "open", "workflow_user": "ana", "workflow_status_updated_at": "2026-03-10T12:00:07.000Z"}, true},
	} {
		r := act(t, e, step.a)
		after := fields(t, source(t, e, alert(1)))
		got := object{}
		for key, v := range after {
			if name, is := strings.CutPrefix(key, "kibana.alert.workflow"); is {
				got["workflow"+name] = v
			}
		}
		if diff := cmp.Diff(step.want, got); diff != "" || r.Changed != step.changed {
			t.Errorf("step %d: changed %t, fields (-want +got):\n%s", i, r.Changed, diff)
		}
		if diff := cmp.Diff(got["workflow_status"], r.Alert.Triage.Status); diff != "" {
			t.Errorf("step %d: the result says (-stored +said):\n%s", i, diff)
		}
	}

	stored := source(t, e, alert(1))
	after := fields(t, stored)
	for _, doc := range []object{before, after} {
		for key := range doc {
			if strings.HasPrefix(key, "kibana.alert.workflow") {
				delete(doc, key)
			}
		}
		delete(doc["stitch"].(object), "triage")
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the rest of the document (-before +after):\n%s", diff)
	}
	got, err := mappings.ReadTriage(stored)
	if err != nil {
		t.Fatal(err)
	}
	var history []string
	for _, a := range got.History {
		history = append(history, a.ID+" from "+a.From+": "+a.String())
	}
	want := []string{
		"a1 from open: comment by ana at 2026-03-10T12:00:01Z (who\nis\tthis?)",
		"a2 from open: acknowledge by ana at 2026-03-10T12:00:02Z",
		"a4 from acknowledged: acknowledge by bob at 2026-03-10T12:00:04Z (mine)",
		"a5 from acknowledged: close by bob at 2026-03-10T12:00:05Z (false_positive)",
		"a6 from closed: close by ana at 2026-03-10T12:00:06Z (duplicate)",
		"a7 from closed: reopen by ana at 2026-03-10T12:00:07Z",
	}
	if diff := cmp.Diff(want, history); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

type object = map[string]any

func fields(t tb, raw json.RawMessage) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestActionsThatDoNotFit(t *testing.T) {
	e := engine(t, alert(1))
	act(t, e, action(1, mappings.Close, "ana", "duplicate"))
	for _, tt := range []struct {
		a    mappings.Action
		want string
	}{
		{action(2, mappings.Acknowledge, "bob", ""), "it is closed by ana since 2026-03-10T12:00:01Z (duplicate): reopen it first"},
		{action(1, mappings.Close, "ana", "other"), "the action id a1 is that of another action: close by ana"},
		{action(1, mappings.Comment, "ana", "other"), "the action id a1 is that of another action: close by ana"},
	} {
		_, err := triage.Act(t.Context(), e, mappings.Names{}, alert(1).ID, tt.a)
		if _, is := errors.AsType[*mappings.ActionError](err); !is || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v", tt.a, err)
		}
	}
	act(t, e, action(3, mappings.Reopen, "ana", ""))
	_, err := triage.Act(t.Context(), e, mappings.Names{}, alert(1).ID, action(4, mappings.Reopen, "bob", ""))
	if _, is := errors.AsType[*mappings.ActionError](err); !is || !strings.Contains(err.Error(), "it is open by ana") {
		t.Errorf("%v", err)
	}
	for _, id := range []string{"nobody", "", "*", alert(1).ID[:4]} {
		_, err := triage.Act(t.Context(), e, mappings.Names{}, id, action(5, mappings.Comment, "ana", "x"))
		if _, unknown := errors.AsType[*triage.UnknownError](err); !unknown {
			t.Errorf("alert %q: %v", id, err)
		}
	}
}

func TestActionsThatCannotBeTaken(t *testing.T) {
	for _, tt := range []struct {
		change func(*mappings.Action)
		want   string
	}{
		{func(a *mappings.Action) { a.Kind = "delete" }, `the action is "delete"`},
		{func(a *mappings.Action) { a.At = time.Time{} }, "the time is missing"},
		{func(a *mappings.Action) { a.ID = "" }, "the action id is missing"},
		{func(a *mappings.Action) { a.ID = "a b" }, "the action id has the character U+0020"},
		{func(a *mappings.Action) { a.ID = strings.Repeat("x", 129) }, "the action id has 129 bytes; at most 128"},
		{func(a *mappings.Action) { a.By = " " }, "the name is missing"},
		{func(a *mappings.Action) { a.By = "ana\x1b[31m" }, "the name has the character U+001B"},
		{func(a *mappings.Action) { a.By = "ana\u202ebob" }, "the name has the character U+202E"},
		{func(a *mappings.Action) { a.By = "a\nb" }, "the name has the character U+000A"},
		{func(a *mappings.Action) { a.By = "\xff" }, "the name is not UTF-8"},
		{func(a *mappings.Action) { a.By = strings.Repeat("x", 257) }, "the name has 257 bytes"},
		{func(a *mappings.Action) { a.Reason = "" }, "the reason is missing"},
		{func(a *mappings.Action) { a.Reason = "a\nb" }, "the reason has the character U+000A"},
		{func(a *mappings.Action) { a.Kind, a.Comment = mappings.Comment, "x" }, "the reason is for closing"},
		{func(a *mappings.Action) { a.Kind, a.Reason = mappings.Comment, "" }, "the comment is missing"},
		{func(a *mappings.Action) { a.Comment = "bell\a" }, "the comment has the character U+0007"},
		{func(a *mappings.Action) { a.Comment = strings.Repeat("x", 10_001) }, "the comment has 10001 bytes"},
	} {
		a := action(1, mappings.Close, "ana", "duplicate")
		tt.change(&a)
		_, err := triage.Act(t.Context(), engine(t, alert(1)), mappings.Names{}, alert(1).ID, a)
		if _, is := errors.AsType[*triage.InvalidError](err); !is || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("want %s, got %v", tt.want, err)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	e := engine(t, alert(1))
	raw := source(t, e, alert(1))
	for i := range mappings.MaxHistory {
		var err error
		if raw, _, _, err = mappings.Act(raw, action(i, mappings.Comment, "ana", "x")); err != nil {
			t.Fatal(err)
		}
	}
	write(t, e, esq.Write{Ref: refOf(alert(1)), Source: raw})
	_, err := triage.Act(t.Context(), e, mappings.Names{}, alert(1).ID, action(5000, mappings.Comment, "ana", "x"))
	if _, is := errors.AsType[*mappings.ActionError](err); !is {
		t.Errorf("%v", err)
	}
}

// What Kibana wrote counts, and what another tool spelled otherwise is set right.
func TestActOnWhatOthersWrote(t *testing.T) {
	e := engine(t, alert(1))
	doc := fields(t, source(t, e, alert(1)))
	delete(doc, "kibana.alert.workflow_status")
	doc["kibana"] = object{"alert": object{"workflow_status": "closed", "workflow_user": "u_1", "workflow_reason": "duplicate"}}
	doc["stitch"].(object)["triage.history"] = object{"id": "x", "action": "comment", "by": "bob", "comment": "alone"}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	write(t, e, esq.Write{Ref: refOf(alert(1)), Source: raw})
	r := act(t, e, action(1, mappings.Reopen, "ana", ""))
	if r.Before.Status != "closed" || r.Before.StatusBy != "u_1" || len(r.Before.History) != 1 {
		t.Errorf("before: %+v", r.Before)
	}
	doc = fields(t, source(t, e, alert(1)))
	history, _ := doc["stitch"].(object)["triage"].(object)["history"].([]any)
	if doc["kibana"] != nil || doc["kibana.alert.workflow_status"] != "open" || doc["kibana.alert.workflow_reason"] != nil || len(history) != 2 {
		t.Errorf("%v", doc)
	}
}

// faulty is a store of which the nth bulk request goes wrong.
type faulty struct {
	esq.Store
	before func(bulk int)       // before the nth is carried out
	after  func(bulk int) error // instead of its answer
	bulks  int
}

func (f *faulty) Bulk(ctx context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	n := f.bulks
	f.bulks++
	if f.before != nil {
		f.before(n)
	}
	outcomes, err := f.Store.Bulk(ctx, ops, refresh)
	if f.after != nil && err == nil {
		err = f.after(n)
	}
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// Two analysts at once: both are in the history, and the second sees what the
// first did.
func TestTwoAnalystsAtOnce(t *testing.T) {
	e := engine(t, alert(1))
	slow := &faulty{Store: e, before: func(n int) {
		if n == 0 {
			act(t, e, action(1, mappings.Close, "ana", "duplicate"))
		}
	}}
	r := act(t, slow, action(2, mappings.Close, "bob", "false_positive"))
	if r.Before.Status != "closed" || r.Before.StatusBy != "ana" || r.Before.Reason != "duplicate" || !r.Changed {
		t.Errorf("before: %+v", r.Before)
	}
	got := r.Alert.Triage
	ids := []string{got.History[0].ID, got.History[1].ID}
	if got.Reason != "false_positive" || !slices.Equal(ids, []string{"a1", "a2"}) {
		t.Errorf("after: %+v", got)
	}

	slow.bulks = 0
	slow.before = func(n int) {
		if n == 0 {
			act(t, e, action(4, mappings.Close, "ana", "after all"))
		}
	}
	act(t, e, action(5, mappings.Reopen, "bob", ""))
	_, err := triage.Act(t.Context(), slow, mappings.Names{}, alert(1).ID, action(6, mappings.Acknowledge, "bob", ""))
	if err == nil || !strings.Contains(err.Error(), "it is closed by ana") {
		t.Errorf("acknowledged what was closed meanwhile: %v", err)
	}
}

// An answer that was lost: asked again, the action is done once.
func TestLostAnswer(t *testing.T) {
	for _, lost := range []error{
		&esq.UnreachableError{Op: "bulk", Err: errors.New("reset")},
		&esq.PartialError{Op: "bulk", Reason: "cut"},
		&esq.ResponseError{Op: "bulk", Status: http.StatusBadGateway},
		context.Canceled,
	} {
		e := engine(t, alert(1))
		store := &faulty{Store: e, after: func(n int) error {
			if n == 0 {
				return lost
			}
			return nil
		}}
		comment := action(1, mappings.Comment, "ana", "seen")
		_, err := triage.Act(t.Context(), store, mappings.Names{}, alert(1).ID, comment)
		unsure, is := errors.AsType[*triage.UnsureError](err)
		if !is || unsure.Action != "a1" || !errors.Is(err, lost) || !strings.Contains(err.Error(), "a1") {
			t.Fatalf("%v", err)
		}
		comment.At = comment.At.Add(time.Hour)
		if r := act(t, store, comment); r.Changed || len(r.Alert.Triage.History) != 1 {
			t.Errorf("again: %+v", r.Alert.Triage)
		}
	}
	e := engine(t, alert(1))
	refused := &faulty{Store: e, after: func(int) error { return &esq.ResponseError{Op: "bulk", Status: http.StatusForbidden} }}
	_, err := triage.Act(t.Context(), refused, mappings.Names{}, alert(1).ID, action(1, mappings.Comment, "ana", "seen"))
	if _, is := errors.AsType[*triage.UnsureError](err); is || err == nil {
		t.Errorf("refused: %v", err)
	}
}

// An alert that is written by others for ever is given up, not hammered.
func TestConflictsWithoutEnd(t *testing.T) {
	e := engine(t, alert(1))
	store := &faulty{Store: e, before: func(int) {
		write(t, e, esq.Write{Ref: refOf(alert(1)), Source: source(t, e, alert(1))})
	}}
	_, err := triage.Act(t.Context(), store, mappings.Names{}, alert(1).ID, action(1, mappings.Comment, "ana", "seen"))
	if err == nil || !strings.Contains(err.Error(), "someone else wrote it in each of 100 attempts") || store.bulks != 100 {
		t.Errorf("%d writes, %v", store.bulks, err)
	}
}
