package triage_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// interleaved is a history of one alert with several writers: between any two
// of one writer's calls to the store others may go on, and any write's answer,
// or the write itself, may be lost.
type interleaved struct {
	t     *rapid.T
	store esq.Store
	left  int // writers that may still begin
	depth int
	n     int // of the next action

	grown    int               // the evidence that the scheduler has found
	notified int               // notes of the notifier
	done     []mappings.Action // in the order in which the analysts knew them done
}

// Get implements [esq.Store].
func (h *interleaved) Get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	h.others()
	return h.store.Get(ctx, refs)
}

// Find implements [esq.Store].
func (h *interleaved) Find(ctx context.Context, indices []string, q esq.Query, limit int) ([]esq.Document, error) {
	h.others()
	return h.store.Find(ctx, indices, q, limit)
}

// Bulk implements [esq.Store].
func (h *interleaved) Bulk(ctx context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	h.others()
	switch rapid.IntRange(0, 7).Draw(h.t, "fault") {
	case 0:
		return nil, &esq.UnreachableError{Op: "bulk", Err: errors.New("the request was lost")}
	case 1:
		if _, err := h.store.Bulk(ctx, ops, refresh); err != nil {
			return nil, err
		}
		return nil, &esq.UnreachableError{Op: "bulk", Err: errors.New("the answer was lost")}
	}
	return h.store.Bulk(ctx, ops, refresh)
}

// others lets other writers work.
func (h *interleaved) others() {
	for h.depth < 3 && h.left > 0 && rapid.IntRange(0, 3).Draw(h.t, "another") == 0 {
		h.begin()
	}
}

// begin has someone do something, to its end.
func (h *interleaved) begin() {
	h.left--
	h.depth++
	defer func() { h.depth-- }()
	switch rapid.SampledFrom([]string{"analyst", "analyst", "scheduler", "retract", "notifier"}).Draw(h.t, "who") {
	case "analyst":
		h.analyst()
	case "scheduler":
		h.grown++
		grown := h.grown
		h.write(func(d esq.Document) ([]byte, error) {
			// Evidence only grows: who comes late has less of it.
			grown = max(grown, h.stored(d))
			doc, _, err := mappings.Update(d.Source, h.alert(grown))
			return doc, err
		})
	case "retract":
		h.write(func(d esq.Document) ([]byte, error) { return mappings.Retract(d.Source, 9, noon()) })
	case "notifier":
		h.write(func(d esq.Document) ([]byte, error) {
			doc := fields(h.t, d.Source)
			stitch := doc["stitch"].(object)
			list, _ := stitch["notifications"].([]any)
			stitch["notifications"] = append(list, object{"route": fmt.Sprint(len(list)), "kind": "alert"})
			return mappings.Encode(doc)
		})
		h.notified++
	}
}

// alert is the alert with so much evidence.
func (h *interleaved) alert(grown int) mappings.Alert {
	return alert(1, func(a *mappings.Alert) { a.Stages[1].Count = 12 + grown })
}

func (h *interleaved) stored(d esq.Document) int {
	stages, err := mappings.ReadStages(d.Source)
	if err != nil {
		h.t.Fatal(err)
	}
	return stages[1].Count - 12
}

// write is how the scheduler and the notifier write: over what they have read,
// until it is done.
func (h *interleaved) write(change func(esq.Document) ([]byte, error)) {
	for range 1000 {
		docs, err := h.Get(context.Background(), []esq.Ref{refOf(alert(1))})
		if err != nil {
			h.t.Fatal(err)
		}
		source, err := change(docs[0])
		if err != nil {
			h.t.Fatal(err)
		}
		h.others()
		outcomes, err := h.store.Bulk(context.Background(), []esq.Write{{Ref: docs[0].Ref, Match: &docs[0], Source: source}}, true)
		if err != nil {
			h.t.Fatal(err)
		}
		if outcomes[0].Status != http.StatusConflict {
			return
		}
	}
	h.t.Fatal("written by others for ever")
}

// analyst does something, and asks again for as long as no answer comes.
func (h *interleaved) analyst() {
	h.n++
	by := rapid.SampledFrom([]string{"ana", "bob"}).Draw(h.t, "by")
	kind := rapid.SampledFrom([]string{mappings.Comment, mappings.Acknowledge, mappings.Close, mappings.Reopen}).Draw(h.t, "kind")
	a := action(h.n, kind, by, fmt.Sprint("text ", h.n))
	for range 1000 {
		r, err := triage.Act(context.Background(), h, mappings.Names{}, alert(1).ID, a)
		if _, unsure := errors.AsType[*triage.UnsureError](err); unsure {
			continue
		}
		if _, refused := errors.AsType[*mappings.ActionError](err); refused {
			return
		}
		if err != nil {
			h.t.Fatal(err)
		}
		noted := slices.ContainsFunc(r.Alert.Triage.History, func(b mappings.Action) bool { return b.ID == a.ID })
		switch {
		case noted:
			h.done = append(h.done, a)
		case r.Changed || a.Kind == mappings.Comment || r.Alert.Triage.StatusBy != by:
			h.t.Fatalf("%v is said to be done, and is not in the history", a)
		}
		return
	}
	h.t.Fatal("no answer for ever")
}

// Schedulers, notifiers and analysts write one alert at once, and answers are
// lost: whatever was done stands there, once.
func TestNothingIsLostOrDoubled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &interleaved{t: t, store: engine(t, alert(1)), left: rapid.IntRange(1, 12).Draw(t, "writers")}
		for h.left > 0 {
			h.begin()
		}
		docs, err := h.store.Get(context.Background(), []esq.Ref{refOf(alert(1))})
		if err != nil {
			t.Fatal(err)
		}
		got, err := triage.Decode(docs[0].Source)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]int{}
		for _, a := range got.Triage.History {
			ids[a.ID]++
		}
		for _, a := range h.done {
			if ids[a.ID] != 1 {
				t.Errorf("%v: %d times in the history", a, ids[a.ID])
			}
			delete(ids, a.ID)
		}
		for id := range ids {
			t.Errorf("%s: in the history, though it was never said to be done", id)
		}
		if got.Triage.Status != statusAfter(got.Triage.History) {
			t.Errorf("the state is %s after %v", got.Triage.Status, got.Triage.History)
		}
		for i, a := range got.Triage.History {
			if a.From != statusAfter(got.Triage.History[:i]) {
				t.Errorf("%v: from %s after %v", a, a.From, got.Triage.History[:i])
			}
		}
		if h.stored(docs[0]) != h.grown || len(got.Notifications) != h.notified {
			t.Errorf("evidence %d of %d, notifications %d of %d", h.stored(docs[0]), h.grown, len(got.Notifications), h.notified)
		}
		// But for what the writers wrote, it is the alert that was found at once.
		want, err1 := mappings.WithoutWriting(document(t, h.alert(h.grown)))
		bare, err2 := mappings.WithoutWriting(docs[0].Source)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if diff := cmp.Diff(withoutState(t, want), withoutState(t, bare)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// statusAfter is the state that a history leads to.
func statusAfter(history []mappings.Action) string {
	status := mappings.Open
	for _, a := range history {
		switch a.Kind {
		case mappings.Acknowledge:
			status = mappings.Acknowledged
		case mappings.Close:
			status = mappings.Closed
		case mappings.Reopen:
			status = mappings.Open
		}
	}
	return status
}

// withoutState leaves out what retraction and analysts set outside of stitch.
func withoutState(t *rapid.T, raw []byte) object {
	doc := fields(t, raw)
	for key := range doc {
		switch key {
		case "kibana.alert.status", "kibana.alert.end", "kibana.alert.workflow_status", "kibana.alert.workflow_user",
			"kibana.alert.workflow_status_updated_at", "kibana.alert.workflow_reason":
			delete(doc, key)
		}
	}
	delete(doc["stitch"].(object), "retracted")
	return doc
}
