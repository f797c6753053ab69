package simulation

import (
	"context"
	"errors"
	"fmt"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// workflowFields are what stitch alerts writes beside the history.
func workflowFields() []string {
	return []string{
		"kibana.alert.workflow_status", "kibana.alert.workflow_status_updated_at", "kibana.alert.workflow_user", "kibana.alert.workflow_reason",
	}
}

// desk is the store as an analyst at work on it has it.
type desk struct{ *world }

// Get implements [esq.Store].
func (d desk) Get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	return d.store.get(ctx, refs)
}

// Bulk implements [esq.Store].
func (d desk) Bulk(_ context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	return d.write(ops, refresh), nil
}

// Find implements [esq.Store].
func (d desk) Find(ctx context.Context, indices []string, q esq.Query, limit int) ([]esq.Document, error) {
	return d.store.find(ctx, indices, q, limit, d.now)
}

// triage does something about an alert as stitch alerts does: which, its time
// says.
func (w *world) triage(doc esq.Document, d Deed) {
	n := len(w.triaged[doc.ID])
	a := mappings.Action{ID: fmt.Sprintf("a%d-%d", d.At, n), At: d.At.at(), By: "ana"}
	switch a.Kind = []string{mappings.Comment, mappings.Acknowledge, mappings.Close, mappings.Reopen}[n%4]; a.Kind {
	case mappings.Comment:
		a.Comment = "seen"
	case mappings.Close:
		a.Reason = "duplicate"
	}
	r, err := triage.Act(context.Background(), desk{w}, mappings.Names{}, doc.ID, a)
	_, misfit := errors.AsType[*mappings.ActionError](err)
	_, unseen := errors.AsType[*triage.UnknownError](err) // before its first refresh
	if misfit || unseen {
		return
	}
	if err != nil {
		w.t.Fatal(err)
	}
	if !r.Changed {
		return
	}
	history := r.Alert.Triage.History
	w.triaged[doc.ID] = append(w.triaged[doc.ID], history[len(history)-1])
	source := w.decode(r.Alert.Raw)
	for _, field := range workflowFields() {
		w.analyst[doc.ID][field] = source[field]
	}
}

// tell notes that someone was told of an alert, as the notifier does.
func (w *world) tell(doc esq.Document) {
	list := append(w.told[doc.ID], mappings.Notification{Route: fmt.Sprintf("r%d", len(w.told[doc.ID])), Kind: "alert", Status: mappings.Sent, Key: doc.ID, Attempts: 1})
	raw, err := mappings.WithNotifications(doc.Source, list)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write([]esq.Write{{Ref: doc.Ref, Match: &doc, Source: raw}}, false)
	w.told[doc.ID] = list
}
