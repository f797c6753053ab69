package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// stock is what the store had of alerts when it was read. Whoever writes over
// what is not there any more meets a conflict, and reads again.
type stock struct {
	stored map[string]esq.Document // by alert id: its document, also where there is none
	// written is by what evidence alerts were last written, as far as that is
	// remembered. What cannot be read counts as not written.
	written map[string]writtenDocument
}

// take adds what another stock has.
func (s *stock) take(other stock) {
	if s.stored == nil {
		*s = stock{stored: map[string]esq.Document{}, written: map[string]writtenDocument{}}
	}
	maps.Copy(s.stored, other.stored)
	maps.Copy(s.written, other.written)
}

// holds reports whether all alerts were looked up.
func (s *stock) holds(alerts []mappings.Alert) bool {
	return !slices.ContainsFunc(alerts, func(a mappings.Alert) bool { _, there := s.stored[a.ID]; return !there })
}

// documents are the alerts' documents, parallel to alerts.
func (s *stock) documents(alerts []mappings.Alert) []esq.Document {
	out := make([]esq.Document, len(alerts))
	for i, a := range alerts {
		out[i] = s.stored[a.ID]
	}
	return out
}

// extents returns where the evidence of alerts lies as they were last written,
// parallel to alerts; zero where nothing is known of that. What was deleted is
// remembered.
func (s *stock) extents(alerts []mappings.Alert, known *verdicts) ([]rules.Window, error) {
	out := make([]rules.Window, len(alerts))
	for i, d := range s.documents(alerts) {
		if !d.Found {
			was := s.written[alerts[i].ID]
			out[i] = rules.Window{From: was.Start, To: was.End}
			continue
		}
		extent, ok := known.extent(d)
		if !ok {
			var err error
			if extent, err = storedExtent(d); err != nil {
				return nil, err
			}
		}
		out[i] = extent
	}
	return out, nil
}

// look reads the documents of alerts and what is remembered of them.
func (w alertWriter) look(ctx context.Context, alerts []mappings.Alert) (stock, error) {
	var s stock
	s.take(stock{})
	for batch := range slices.Chunk(alerts, maxBatch) {
		refs := make([]esq.Ref, 0, 2*len(batch))
		for _, a := range batch {
			refs = append(refs, w.ref(a))
		}
		for _, a := range batch {
			refs = append(refs, w.memoryRef(a.ID))
		}
		found, err := w.get(ctx, refs)
		if err != nil {
			return s, err
		}
		documents, remembered := found[:len(batch)], found[len(batch):]
		if err := w.lookElsewhere(ctx, batch, documents); err != nil {
			return s, err
		}
		for i, a := range batch {
			s.stored[a.ID] = documents[i]
			var d writtenDocument
			if doc := remembered[i]; doc.Found && json.Unmarshal(doc.Source, &d) == nil {
				s.written[a.ID] = d
			}
		}
	}
	return s, nil
}

// lookUp reads the alerts' documents alone, parallel to alerts.
func (w alertWriter) lookUp(ctx context.Context, alerts []mappings.Alert) ([]esq.Document, error) {
	refs := make([]esq.Ref, len(alerts))
	for i, a := range alerts {
		refs[i] = w.ref(a)
	}
	documents, err := w.get(ctx, refs)
	if err != nil {
		return nil, err
	}
	return documents, w.lookElsewhere(ctx, alerts, documents)
}

// lookElsewhere finds the documents that are missing among those parallel to
// alerts. An alert lies in the index of its anchor's month, but may have been
// written when its anchor was a later copy of the same event, of another month.
func (w alertWriter) lookElsewhere(ctx context.Context, alerts []mappings.Alert, documents []esq.Document) error {
	missing := map[string]int{} // id to place
	var ids []string
	for i, d := range documents {
		if !d.Found {
			missing[alerts[i].ID] = i
			ids = append(ids, alerts[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	elsewhere, err := w.find(ctx, ids)
	if err != nil {
		return err
	}
	for _, d := range elsewhere {
		if i, ok := missing[d.ID]; ok && d.Found && !documents[i].Found {
			documents[i] = d
		}
	}
	return nil
}

// storedExtent is the event time from the first to the last evidence of a
// stored alert.
func storedExtent(d esq.Document) (rules.Window, error) {
	m, err := mappings.ReadMark(d.Source)
	if err != nil {
		return rules.Window{}, fmt.Errorf("alert %s: %w", d.ID, err)
	}
	return rules.Window{From: m.Start, To: m.End}, nil
}
