package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// Counts is what became of alerts.
type Counts struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	// Retracted do not hold any more.
	Retracted int `json:"retracted"`
	// Kept are those, among all of these or beside them, of whose evidence some
	// has gone: they were not retracted and not made less.
	Kept int `json:"kept"`
	// LeftDeleted were deleted by someone, and there is no new evidence.
	LeftDeleted int `json:"left_deleted"`
}

func (c *Counts) add(b Counts) {
	c.Created += b.Created
	c.Updated += b.Updated
	c.Unchanged += b.Unchanged
	c.Retracted += b.Retracted
	c.Kept += b.Kept
	c.LeftDeleted += b.LeftDeleted
}

// OvertakenError says that a newer run has written an alert before this one
// could. This run's answer is the older one and must not replace it.
type OvertakenError struct {
	Alert  string
	Ticket int64 // of this run
	By     int64 // of the newer one
}

func (e *OvertakenError) Error() string {
	return fmt.Sprintf("alert %s: overtaken: run %d has written it, this is run %d", e.Alert, e.By, e.Ticket)
}

// maxBatch is how many alerts are looked up and written at once.
const maxBatch = 200

// alertWriter brings alerts into the store: each once, updated where it is.
type alertWriter struct {
	store  esq.Store
	names  mappings.Names
	rule   ruleName
	ticket int64 // 0 is that of a replay, which no ticket stops
	// gone returns which documents, by their ids, are not there any more.
	gone func(context.Context, []mappings.Document) (map[string]bool, error)
	// keep is told of an alert that is kept though these documents have gone.
	keep func(id string, gone []mappings.Document)
	// verdicts are those of earlier runs, and of this one.
	verdicts *verdicts
}

// write creates or updates the documents of alerts, visible to searches when
// it returns. What the store has of them is read, unless all of it is in the
// stock. The counts are of what was written even if there is an error.
func (w alertWriter) write(ctx context.Context, alerts []mappings.Alert, s stock) (Counts, error) {
	var all Counts
	for batch := range slices.Chunk(alerts, maxBatch) {
		counts, err := w.writeBatch(ctx, batch, s)
		all.add(counts)
		if err != nil {
			return all, fmt.Errorf("write alerts: %w", err)
		}
	}
	return all, nil
}

func (w alertWriter) writeBatch(ctx context.Context, alerts []mappings.Alert, s stock) (counts Counts, err error) {
	if !s.holds(alerts) {
		if s, err = w.look(ctx, alerts); err != nil {
			return counts, err
		}
	}
	memory, err := w.recall(alerts, s)
	if err != nil {
		return counts, err
	}
	pending, stored := alerts, s.documents(alerts)
	for range maxAttempts {
		if pending, err = w.attempt(ctx, pending, stored, memory, &counts); err != nil {
			return counts, err
		}
		if len(pending) == 0 {
			// What was written is remembered only once it is written.
			return counts, w.remember(ctx, memory)
		}
		if stored, err = w.lookUp(ctx, pending); err != nil {
			return counts, err
		}
	}
	return counts, fmt.Errorf("alert %s: another process wrote it in each of %d attempts", pending[0].ID, maxAttempts)
}

// attempt writes alerts once over their documents, which are parallel to them,
// and returns those that someone else has written between reading and writing.
func (w alertWriter) attempt(ctx context.Context, alerts []mappings.Alert, stored []esq.Document, memory *memory, counts *Counts) (conflicts []mappings.Alert, err error) {
	if alerts, stored, err = w.changed(alerts, stored, memory, counts); err != nil {
		return nil, err
	}
	losses, err := w.losses(ctx, alerts, stored, memory)
	if err != nil {
		return nil, err
	}
	leave := func(i int) bool { return !stored[i].Found && (memory.covers(alerts[i]) || losses[i].stands()) }
	all := make([]operation, len(alerts))
	err = besideEachOther(len(alerts), func(i int) (err error) {
		if !leave(i) {
			all[i], err = w.operation(alerts[i], stored[i], losses[i])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var ops []operation
	var behind []int // the place of the alert behind each op
	for i := range alerts {
		if leave(i) {
			counts.LeftDeleted++
			continue
		}
		op := all[i]
		if op.Source == nil {
			counts.Unchanged++
			if err := w.settle(memory, op, losses[i]); err != nil {
				return nil, err
			}
			if len(losses[i].gone) == 0 {
				w.verdicts.keep(alerts[i], stored[i])
			}
			continue
		}
		ops = append(ops, op)
		behind = append(behind, i)
	}
	writes := make([]esq.Write, len(ops))
	for i, op := range ops {
		writes[i] = op.Write
	}
	outcomes, err := w.bulk(ctx, writes)
	if err != nil {
		return nil, err
	}
	for i, o := range outcomes {
		switch {
		case o.Status == http.StatusConflict:
			conflicts = append(conflicts, alerts[behind[i]])
			continue
		case ops[i].Create:
			counts.Created++
		case ops[i].stamps:
			counts.Unchanged++
		default:
			counts.Updated++
		}
		if err := w.settle(memory, ops[i], losses[behind[i]]); err != nil {
			return nil, err
		}
	}
	return conflicts, nil
}

// changed counts the alerts that are known to be stored as they should be, and
// returns the others and their documents.
func (w alertWriter) changed(alerts []mappings.Alert, stored []esq.Document, m *memory, counts *Counts) (others []mappings.Alert, theirs []esq.Document, err error) {
	for i, a := range alerts {
		mark, ok := w.verdicts.has(a, stored[i])
		if !ok {
			others, theirs = append(others, a), append(theirs, stored[i])
			continue
		}
		if err := w.admit(a.ID, mark); err != nil {
			return nil, nil, err
		}
		counts.Unchanged++
		m.note(a.ID)
	}
	return others, theirs, nil
}

// besideEachOther does n pieces of work that share nothing, as many at a time as
// there are processors, and returns the error of the first piece that has one.
func besideEachOther(n int, do func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = do(i)
			}
		})
	}
	working.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// settle notes what the store has of an alert now. One that stands as it was
// has more evidence than was found, and was remembered with that.
func (w alertWriter) settle(m *memory, op operation, l loss) error {
	if len(l.gone) > 0 {
		w.keep(op.says.ID, l.gone)
	}
	if l.stands() {
		return nil
	}
	present, err := w.writtenOf(op.says)
	if err != nil {
		return err
	}
	m.present[op.says.ID] = present
	m.note(op.says.ID)
	return nil
}

// bulk writes alerts, visible to searches when it returns. Every outcome is a
// success or a conflict.
func (w alertWriter) bulk(ctx context.Context, ops []esq.Write) ([]esq.Outcome, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	outcomes, err := w.store.Bulk(ctx, ops, true)
	if err != nil {
		return nil, err
	}
	if len(outcomes) != len(ops) {
		return nil, fmt.Errorf("wrote %d documents, got %d outcomes", len(ops), len(outcomes))
	}
	var refusals []error
	for i, o := range outcomes {
		if o.Status != http.StatusConflict && !succeeded(o) {
			refusals = append(refusals, fmt.Errorf("alert %s/%s: %w", ops[i].Index, ops[i].ID, refusal(o)))
		}
	}
	if n := len(refusals); n > 0 {
		return nil, fmt.Errorf("%d of %d refused, such as %w", n, len(ops), refusals[0])
	}
	return outcomes, nil
}

// operation is a write that brings a stored document up to an alert.
type operation struct {
	esq.Write
	stamps bool           // says no more than that the alert is as it was
	says   mappings.Alert // the alert, once it is done
}

// operation says how to bring the stored document up to the alert. Without a
// source there is nothing to do.
func (w alertWriter) operation(a mappings.Alert, stored esq.Document, l loss) (op operation, err error) {
	op.says = a
	if !stored.Found {
		source, err := a.Document()
		if err != nil {
			return op, fmt.Errorf("alert %s: %w", a.ID, err)
		}
		op.Write = esq.Write{Ref: w.ref(a), Create: true, Source: source}
		return op, nil
	}
	m := l.mark
	if err := w.admit(a.ID, m); err != nil {
		return op, err
	}
	if !m.Retracted && m.Window.To.After(a.Window.To) {
		// The same incident in a later window: that one has the last word.
		return op, nil
	}
	source, says, changed, err := bring(stored.Source, a, l)
	if err != nil {
		return op, err
	}
	if !changed {
		if m.Window == a.Window {
			return op, nil
		}
		if source, err = mappings.Stamp(stored.Source, w.ticket, a.Window); err != nil {
			return op, err
		}
	}
	return operation{Write: esq.Write{Ref: stored.Ref, Match: &stored, Source: source}, stamps: !changed, says: says}, nil
}

// admit fails if a newer run has written the alert.
func (w alertWriter) admit(id string, m mappings.Mark) error {
	if w.ticket > 0 && m.Ticket > w.ticket {
		return &OvertakenError{Alert: id, Ticket: w.ticket, By: m.Ticket}
	}
	return nil
}

func (w alertWriter) ref(a mappings.Alert) esq.Ref {
	return esq.Ref{Index: w.names.AlertIndex(a.Anchor), ID: a.ID}
}

// find returns the documents with these ids in any month, as of now, the
// oldest month first.
func (w alertWriter) find(ctx context.Context, ids []string) ([]esq.Document, error) {
	found, err := w.store.Find(ctx, []string{w.names.AlertPattern()}, esq.IDs{Values: ids}, 10*len(ids))
	if err != nil {
		return nil, fmt.Errorf("look for alerts: %w", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	refs := make([]esq.Ref, len(found))
	for i, d := range found {
		refs[i] = d.Ref
	}
	slices.SortFunc(refs, func(a, b esq.Ref) int { return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID)) })
	// A search shows the last refresh; to write over a document takes its
	// present version.
	return w.get(ctx, refs)
}

func (w alertWriter) get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	documents, err := w.store.Get(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("look up alerts: %w", err)
	}
	if len(documents) != len(refs) {
		return nil, errors.New("look up alerts: the answer is not parallel to the question")
	}
	return documents, nil
}

// documentsOf turns a rule's alerts into what is written of them.
func documentsOf(r *rules.Rule, alerts []rules.Alert, written time.Time, ticket int64) []mappings.Alert {
	rule := aboutRule(r)
	out := make([]mappings.Alert, len(alerts))
	for i, a := range alerts {
		out[i] = mappings.Alert{
			ID: a.ID, Written: written, Anchor: a.Anchor, Start: a.Start, End: a.End,
			Window: mappings.Window{From: a.Window.From, To: a.Window.To}, Ticket: ticket, Rule: rule,
			Details: a.Details, Columns: a.Columns, Weak: a.Weak,
		}
		if s := a.Suppression; s != nil {
			stands := &mappings.Suppression{Start: s.Start, End: s.End, Count: s.Count}
			for _, kv := range s.Terms {
				stands.Terms = append(stands.Terms, mappings.KeyValue(kv))
			}
			out[i].Suppression = stands
		}
		for _, e := range a.Entities {
			out[i].Entities = append(out[i].Entities, mappings.Entity(e))
		}
		for _, kv := range a.By {
			out[i].Key = append(out[i].Key, mappings.KeyValue(kv))
		}
		for _, e := range a.Stages {
			out[i].Stages = append(out[i].Stages, stageOf(e))
		}
	}
	return out
}

func stageOf(e rules.Evidence) mappings.Stage {
	s := mappings.Stage{Stage: e.Stage, First: e.First, Last: e.Last, Count: e.Count, Omitted: e.Omitted}
	for _, d := range e.Documents {
		s.Documents = append(s.Documents, mappings.Document(d))
	}
	return s
}

func aboutRule(r *rules.Rule) mappings.Rule {
	about := mappings.Rule{
		ID: r.ID, Name: r.Name, Description: r.Description, Type: r.Type, Severity: r.Severity, RiskScore: r.RiskScore,
		Author: r.Author, License: r.License, Tags: r.Tags, References: r.References, FalsePositives: r.FalsePositives,
		Note: r.Note, Version: r.Version, Fingerprint: r.Fingerprint,
	}
	for _, t := range r.Threat {
		threat := mappings.Threat{Framework: t.Framework, Tactic: mappings.Reference(t.Tactic)}
		for _, technique := range t.Techniques {
			threat.Techniques = append(threat.Techniques, techniqueOf(technique))
		}
		about.Threat = append(about.Threat, threat)
	}
	return about
}

func techniqueOf(t rules.Technique) mappings.Technique {
	technique := mappings.Technique{Reference: mappings.Reference(t.Reference)}
	for _, s := range t.Subtechniques {
		technique.Subtechniques = append(technique.Subtechniques, mappings.Reference(s))
	}
	return technique
}
