package scheduler

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// inWindow returns the stored alerts of a rule that an evaluation of a window
// finds if they hold.
func (w alertWriter) inWindow(ctx context.Context, r *rules.Rule, win rules.Window) ([]esq.Document, error) {
	found, err := w.store.Find(ctx, []string{w.names.AlertPattern()}, within(r, win), 0)
	if err != nil {
		return nil, fmt.Errorf("look for the alerts of a window: %w", err)
	}
	return found, nil
}

// retract marks stored alerts that a complete evaluation of a window should
// have found and did not: they do not hold any more. It returns what their
// marks were before. Alerts of another version of the rule stay as they are, and
// so do those of whose evidence some has gone.
func (w alertWriter) retract(ctx context.Context, r *rules.Rule, win rules.Window, alerts []esq.Document, now time.Time) ([]mappings.Mark, error) {
	pending := make([]esq.Ref, len(alerts))
	for i, d := range alerts {
		pending[i] = d.Ref
	}
	var err error
	var all []mappings.Mark
	for range maxAttempts {
		if len(pending) == 0 {
			return all, nil
		}
		var marks []mappings.Mark
		pending, marks, err = w.retractOnce(ctx, r, win, pending, now)
		all = append(all, marks...)
		if err != nil {
			return all, fmt.Errorf("retract alerts: %w", err)
		}
	}
	return all, fmt.Errorf("retract alert %s: another process wrote it in each of %d attempts", pending[0].ID, maxAttempts)
}

// retractOnce marks alerts, and returns those that someone else has written
// between reading and writing.
func (w alertWriter) retractOnce(ctx context.Context, r *rules.Rule, win rules.Window, refs []esq.Ref, now time.Time) (conflicts []esq.Ref, retracted []mappings.Mark, err error) {
	for batch := range slices.Chunk(refs, maxBatch) {
		documents, err := w.get(ctx, batch)
		if err != nil {
			return nil, retracted, err
		}
		var ops []esq.Write
		var marks []mappings.Mark
		var ours []esq.Document
		markedBy := map[esq.Ref]mappings.Mark{}
		for _, d := range documents {
			m, isOurs, err := markOf(r, win, d)
			if err == nil && isOurs {
				err = w.admit(d.ID, m)
			}
			if err != nil {
				return nil, retracted, err
			}
			if isOurs {
				ours = append(ours, d)
				markedBy[d.Ref] = m
			}
		}
		if ours, err = w.holding(ctx, ours); err != nil {
			return nil, retracted, err
		}
		for _, d := range ours {
			source, err := mappings.Retract(d.Source, w.ticket, now)
			if err != nil {
				return nil, retracted, err
			}
			ops = append(ops, esq.Write{Ref: d.Ref, Match: &d, Source: source})
			marks = append(marks, markedBy[d.Ref])
		}
		outcomes, err := w.bulk(ctx, ops)
		if err != nil {
			return nil, retracted, err
		}
		for i, o := range outcomes {
			if o.Status == http.StatusConflict {
				conflicts = append(conflicts, ops[i].Ref)
			} else {
				retracted = append(retracted, marks[i])
			}
		}
	}
	return conflicts, retracted, nil
}

// markOf reads an alert that was found to lie in a window, and reports whether
// that is still so.
func markOf(r *rules.Rule, win rules.Window, d esq.Document) (m mappings.Mark, ours bool, err error) {
	if !d.Found {
		return m, false, nil
	}
	if m, err = mappings.ReadMark(d.Source); err != nil {
		return m, false, err
	}
	ours = !m.Retracted && m.Fingerprint == r.Fingerprint
	if r.Windowed {
		return m, ours && m.Window.From.Equal(win.From) && m.Window.To.Equal(win.To), nil
	}
	return m, ours && !m.Start.After(win.To) && !m.End.Before(win.From), nil
}

// within accepts the alerts of a rule that an evaluation of a window finds if
// they hold.
func within(r *rules.Rule, win rules.Window) esq.Query {
	from, to := esq.Str(mappings.Time(win.From)), esq.Str(mappings.Time(win.To))
	place := esq.And(esq.Range{Field: "event.start", LTE: to}, esq.Range{Field: "event.end", GTE: from})
	if r.Windowed {
		place = esq.And(
			esq.Range{Field: "stitch.window.from", GTE: from, LTE: from},
			esq.Range{Field: "stitch.window.to", GTE: to, LTE: to})
	}
	return esq.And(alertsOf(r), place, esq.Not(esq.Exists{Field: "stitch.retracted"}))
}

// alertsOf accepts the alerts of this version of a rule.
func alertsOf(r *rules.Rule) esq.Query {
	return esq.And(
		esq.Term{Field: "rule.id", Value: esq.Str(r.ID)},
		esq.Term{Field: "stitch.rule.fingerprint", Value: esq.Str(r.Fingerprint)})
}

// byTickets returns the alerts of a rule that certain runs have written last.
func (w alertWriter) byTickets(ctx context.Context, r *rules.Rule, tickets []int64) ([]esq.Document, error) {
	values := make([]esq.Value, len(tickets))
	for i, t := range tickets {
		values[i] = esq.Integer(t)
	}
	found, err := w.store.Find(ctx, []string{w.names.AlertPattern()},
		esq.And(alertsOf(r), esq.Terms{Field: "stitch.ticket", Values: values}), 0)
	if err != nil {
		return nil, fmt.Errorf("look for alerts of runs that were overtaken: %w", err)
	}
	return found, nil
}

// stamp says of alerts that were evaluated again that this run has seen them,
// where one of the given runs is still the last that wrote them. Whoever writes
// one meanwhile has stamped it.
func (w alertWriter) stamp(ctx context.Context, refs []esq.Ref, tickets map[int64]bool) error {
	for batch := range slices.Chunk(refs, maxBatch) {
		documents, err := w.get(ctx, batch)
		if err != nil {
			return err
		}
		var ops []esq.Write
		for _, d := range documents {
			if !d.Found {
				continue
			}
			m, err := mappings.ReadMark(d.Source)
			if err != nil {
				return err
			}
			if !tickets[m.Ticket] {
				continue
			}
			source, err := mappings.Stamp(d.Source, w.ticket, m.Window)
			if err != nil {
				return err
			}
			ops = append(ops, esq.Write{Ref: d.Ref, Match: &d, Source: source})
		}
		if _, err := w.bulk(ctx, ops); err != nil {
			return fmt.Errorf("stamp alerts: %w", err)
		}
	}
	return nil
}
