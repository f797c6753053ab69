package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// memory is by what evidence alerts were last written. An alert that is not
// there although it was written has been deleted; with the same evidence it is
// not written again.
type memory struct {
	present map[string]string // by alert id: the evidence there is now
	written map[string]string // and that by which it was last written
	noted   []string          // the ids of alerts that are in the store now
}

// knows reports whether an alert was written with the evidence there is now.
func (m *memory) knows(id string) bool { return m.written[id] == m.present[id] }

// note says that an alert is in the store with the evidence there is now.
func (m *memory) note(id string) { m.noted = append(m.noted, id) }

// writtenDocument is how the evidence of an alert is remembered.
type writtenDocument struct {
	Kind     string   `json:"kind"`
	Format   int      `json:"format"`
	Rule     ruleName `json:"rule"`
	Alert    string   `json:"alert"`
	Evidence string   `json:"evidence"`
}

func (w alertWriter) memoryRef(alert string) esq.Ref {
	return esq.Ref{Index: w.names.State(), ID: "alert-" + alert}
}

// recall reads what was written of alerts before. What cannot be read counts
// as not written.
func (w alertWriter) recall(ctx context.Context, alerts []mappings.Alert) (*memory, error) {
	m := &memory{present: map[string]string{}, written: map[string]string{}}
	refs := make([]esq.Ref, len(alerts))
	for i, a := range alerts {
		refs[i] = w.memoryRef(a.ID)
		evidence, err := a.Evidence()
		if err != nil {
			return nil, err
		}
		m.present[a.ID] = evidence
	}
	found, err := w.store.Get(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("recall what was written: %w", err)
	}
	if len(found) != len(refs) {
		return nil, errors.New("recall what was written: the answer is not parallel to the question")
	}
	for i, doc := range found {
		var d writtenDocument
		if doc.Found && json.Unmarshal(doc.Source, &d) == nil {
			m.written[alerts[i].ID] = d.Evidence
		}
	}
	return m, nil
}

// remember stores by what evidence alerts were written, where that is new.
func (w alertWriter) remember(ctx context.Context, m *memory) error {
	var ops []esq.Write
	for _, id := range m.noted {
		if m.knows(id) {
			continue
		}
		source, err := mappings.Encode(writtenDocument{"written", stateFormat, w.rule, id, m.present[id]})
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
