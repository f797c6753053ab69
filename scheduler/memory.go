package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// memory is by what evidence alerts were last written. An alert that is not
// there although it was written has been deleted; without new evidence it is not
// written again.
type memory struct {
	present map[string]writtenDocument // by alert id: the evidence there is now
	written map[string]writtenDocument // and that by which it was last written
	noted   []string                   // the ids of alerts that are in the store now
}

// knows reports whether an alert was written with the evidence there is now.
func (m *memory) knows(id string) bool { return m.written[id].Evidence == m.present[id].Evidence }

// covers reports whether an alert was written with all of the evidence there is
// now, or more.
func (m *memory) covers(a mappings.Alert) bool {
	written := m.written[a.ID].stages()
	return m.knows(a.ID) || len(written) > 0 && !a.Adds(written)
}

// note says that an alert is in the store with the evidence there is now.
func (m *memory) note(id string) { m.noted = append(m.noted, id) }

// writtenDocument is how the evidence of an alert is remembered. Older ones
// have no more than the first five fields; their times are zero.
type writtenDocument struct {
	Kind     string   `json:"kind"`
	Format   int      `json:"format"`
	Rule     ruleName `json:"rule"`
	Alert    string   `json:"alert"`
	Evidence string   `json:"evidence"`
	// Anchor, Start and End are the alert's: where its evidence lies.
	Anchor  time.Time `json:"anchor,omitzero"`
	Start   time.Time `json:"start,omitzero"`
	End     time.Time `json:"end,omitzero"`
	Updated time.Time `json:"updated,omitzero"` // when this was noted
	Stages  []told    `json:"stages,omitempty"`
}

// told is what an alert listed of one stage.
type told struct {
	Stage     string    `json:"stage"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Count     int       `json:"count"`
	Documents []string  `json:"documents"` // their ids
}

// writtenOf is what is to be remembered of an alert.
func (w alertWriter) writtenOf(a mappings.Alert) (writtenDocument, error) {
	evidence, err := a.Evidence()
	d := writtenDocument{
		Kind: "written", Format: stateFormat, Rule: w.rule, Alert: a.ID, Evidence: evidence,
		Anchor: a.Anchor.UTC(), Start: a.Start.UTC(), End: a.End.UTC(), Updated: a.Written.UTC(),
	}
	for _, s := range a.Stages {
		t := told{s.Stage, s.First.UTC(), s.Last.UTC(), s.Count, []string{}}
		for _, doc := range s.Documents {
			t.Documents = append(t.Documents, doc.ID)
		}
		d.Stages = append(d.Stages, t)
	}
	return d, err
}

// stages are the evidence that is remembered.
func (d writtenDocument) stages() []mappings.Stage {
	var out []mappings.Stage
	for _, t := range d.Stages {
		s := mappings.Stage{Stage: t.Stage, First: t.First, Last: t.Last, Count: t.Count, Omitted: t.Count - len(t.Documents)}
		for _, id := range t.Documents {
			s.Documents = append(s.Documents, mappings.Document{ID: id})
		}
		out = append(out, s)
	}
	return out
}

// memoryPrefix is what the ids of remembered alerts begin with.
const memoryPrefix = "alert-"

func (w alertWriter) memoryRef(alert string) esq.Ref {
	return esq.Ref{Index: w.names.State(), ID: memoryPrefix + alert}
}

// recall compares what there is of alerts with what was written before.
func (w alertWriter) recall(alerts []mappings.Alert, s stock) (*memory, error) {
	m := &memory{present: map[string]writtenDocument{}, written: s.written}
	for _, a := range alerts {
		d, err := w.writtenOf(a)
		if err != nil {
			return nil, err
		}
		m.present[a.ID] = d
	}
	return m, nil
}

// remember stores by what evidence alerts were written, where that is new, or
// where an older stitch has not noted the times.
func (w alertWriter) remember(ctx context.Context, m *memory) error {
	var ops []esq.Write
	for _, id := range m.noted {
		if m.knows(id) && !m.written[id].Updated.IsZero() {
			continue
		}
		source, err := mappings.Encode(m.present[id])
		if err != nil {
			return fmt.Errorf("remember what was written: %w", err)
		}
		ops = append(ops, esq.Write{Ref: w.memoryRef(id), Source: source})
	}
	if len(ops) == 0 {
		return nil
	}
	outcomes, err := w.store.Bulk(ctx, ops, false)
	if err != nil {
		return fmt.Errorf("remember what was written: %w", err)
	}
	if len(outcomes) != len(ops) {
		return fmt.Errorf("remember what was written: wrote %d documents, got %d outcomes", len(ops), len(outcomes))
	}
	for i, o := range outcomes {
		if !succeeded(o) {
			return fmt.Errorf("remember what was written, %s: %w", ops[i].ID, refusal(o))
		}
	}
	return nil
}
