package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// maxAsked is how many documents are looked for at once.
const maxAsked = 1000

// findGone returns which documents, by their ids, are in none of the rule's
// indices any more: deleted, or gone with their index. It is asked only of those
// that an alert lists and a complete evaluation did not find.
func (v *visit) findGone(ctx context.Context, documents []mappings.Document) (map[string]bool, error) {
	indices := v.rule.Indices()
	gone := map[string]bool{}
	if len(documents) == 0 || len(indices) == 0 {
		return gone, nil
	}
	for _, d := range documents {
		gone[d.ID] = true
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(gone)), maxAsked) {
		stats, err := v.engine.Search(ctx, esq.Search{Indices: indices, Query: esq.IDs{Values: ids}, Time: "@timestamp"}, func(h esq.Hit) error {
			delete(gone, h.ID)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for evidence that was not found: %w", err)
		}
		v.report.Result.Stats.Requests += stats.Requests
		v.report.Result.Stats.Took += stats.Took
	}
	return gone, nil
}

// keepAlert notes that an alert is kept although some of its evidence has gone.
func (v *visit) keepAlert(id string, gone []mappings.Document) {
	v.report.Alerts.Kept++
	var places []string
	for _, d := range gone {
		place := d.Index
		if place == "" {
			place = "an index that is not remembered"
		}
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	const most = 3
	if more := len(places) - most; more > 0 {
		places = append(places[:most], fmt.Sprintf("%d more", more))
	}
	warning := fmt.Sprintf("alert %s: %d documents of its evidence have gone from %s; what they said is kept", id, len(gone), strings.Join(places, ", "))
	if !slices.Contains(v.report.Result.Warnings, warning) {
		v.report.Result.Warnings = append(v.report.Result.Warnings, warning)
	}
}

// loss is what an alert was written with and cannot be found any more.
type loss struct {
	mark  mappings.Mark // of the alert as it is stored
	gone  []mappings.Document
	known []mappings.Stage // all that it was written with
	adds  bool             // the new evaluation has evidence besides
}

// stands says that the alert is to stay as it is: it would only become less.
func (l loss) stands() bool { return len(l.gone) > 0 && !l.adds }

// losses returns what has gone of the evidence of alerts, parallel to alerts.
// In a life without deletions there is nothing, and nothing is asked unless an
// evaluation finds less than is stored, or remembered of what was deleted.
func (w alertWriter) losses(ctx context.Context, alerts []mappings.Alert, stored []esq.Document, m *memory) ([]loss, error) {
	out := make([]loss, len(alerts))
	lacking := make([][]mappings.Document, len(alerts))
	for i, a := range alerts {
		var err error
		if out[i].mark, out[i].known, err = knownOf(a, stored[i], m); err != nil {
			return nil, err
		}
		lacking[i] = a.Lacks(out[i].known)
	}
	gone, err := w.gone(ctx, slices.Concat(lacking...))
	if err != nil {
		return nil, err
	}
	for i, a := range alerts {
		out[i].gone = slices.DeleteFunc(lacking[i], func(d mappings.Document) bool { return !gone[d.ID] })
		out[i].adds = len(out[i].gone) > 0 && a.Adds(out[i].known)
	}
	return out, nil
}

// knownOf is the evidence that an alert was last written with and that this
// evaluation should have found: nothing of one that was retracted or is that of
// a later window. The mark is that of the stored document.
func knownOf(a mappings.Alert, stored esq.Document, m *memory) (mappings.Mark, []mappings.Stage, error) {
	if !stored.Found {
		if a.Window != (mappings.Window{}) || m.covers(a) {
			return mappings.Mark{}, nil, nil
		}
		return mappings.Mark{}, m.written[a.ID].stages(), nil
	}
	mark, known, err := mappings.Read(stored.Source)
	if err != nil {
		return mark, nil, fmt.Errorf("alert %s: %w", a.ID, err)
	}
	if mark.Retracted || mark.Window.To.After(a.Window.To) {
		return mark, nil, nil
	}
	return mark, mappings.Within(known, a.Window), nil
}

// bring returns a stored alert brought up to a: the document, what it says then,
// and whether that is another than before.
func bring(stored json.RawMessage, a mappings.Alert, l loss) (doc json.RawMessage, says mappings.Alert, changed bool, err error) {
	switch {
	case l.stands():
		return stored, a, false, nil
	case len(l.gone) > 0:
		doc, says, err = mappings.Unite(stored, l.known, a, rules.MaxDocuments)
		return doc, says, true, err
	}
	doc, changed, err = mappings.Update(stored, a)
	return doc, a, changed, err
}

// holding leaves out the alerts of which some evidence has gone: whether they
// still hold cannot be known.
func (w alertWriter) holding(ctx context.Context, documents []esq.Document) ([]esq.Document, error) {
	lists := make([][]mappings.Document, len(documents))
	for i, d := range documents {
		known, err := mappings.ReadStages(d.Source)
		if err != nil {
			return nil, fmt.Errorf("alert %s: %w", d.ID, err)
		}
		lists[i] = mappings.Alert{}.Lacks(known)
	}
	gone, err := w.gone(ctx, slices.Concat(lists...))
	if err != nil {
		return nil, err
	}
	var out []esq.Document
	for i, d := range documents {
		if lost := slices.DeleteFunc(lists[i], func(e mappings.Document) bool { return !gone[e.ID] }); len(lost) > 0 {
			w.keep(d.ID, lost)
			continue
		}
		out = append(out, d)
	}
	return out, nil
}
