package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// watermark is from when on a route is told of alerts: a document of the state
// for each route.
type watermark struct {
	Kind   string `json:"kind"`
	Format int    `json:"format"`
	Route  string `json:"route"`
	// Spans say which alerts were chosen from when on, the first since the route
	// was there and the last until now. An alert that was not chosen when it was
	// written is not told later, so that a route that is told of more from now on
	// is not told of all the past.
	Spans []span `json:"spans"`
	// Updates is until when every change of an alert has been looked at, and told
	// where it was to be.
	Updates time.Time `json:"updates"`
}

// span is what a route chose from a time on.
type span struct {
	From       time.Time `json:"from"`
	Rules      []string  `json:"rules"`      // none: all
	Severities []string  `json:"severities"` // none: all
}

func (s span) chooses(other span) bool {
	return slices.Equal(s.Rules, other.Rules) && slices.Equal(s.Severities, other.Severities)
}

// maxSpans bounds how often what is chosen may change before the first of it is
// forgotten.
const maxSpans = 100

const (
	watermarkKind   = "route"
	watermarkFormat = 1
)

func (n *Notifier) watermarkRef(route string) esq.Ref {
	return esq.Ref{Index: n.names.State(), ID: "route-" + route}
}

// readWatermark reads the watermark of a route, brought up to what the route
// chooses now; it is made if there is none.
func (n *Notifier) readWatermark(ctx context.Context, r *Route) (watermark, esq.Document, error) {
	ref := n.watermarkRef(r.Name)
	for range maxAttempts {
		doc, err := n.get(ctx, ref)
		if err != nil {
			return watermark{}, doc, err
		}
		w := watermark{Kind: watermarkKind, Format: watermarkFormat, Route: r.Name, Updates: n.begun}
		if doc.Found {
			if w, err = decodeWatermark(doc, r.Name); err != nil {
				return w, doc, err
			}
		}
		if !w.choose(r, n.begun) {
			return w, doc, nil
		}
		written, taken, err := n.writeWatermark(ctx, w, doc)
		if err != nil {
			return w, doc, err
		}
		if taken {
			continue // by another notifier: read what it wrote
		}
		return w, written, nil
	}
	return watermark{}, esq.Document{}, fmt.Errorf("write %s/%s: another process wrote it in each of %d attempts", ref.Index, ref.ID, maxAttempts)
}

// decodeWatermark reads a stored watermark. Nothing is guessed from one that is
// not as stitch wrote it.
func decodeWatermark(doc esq.Document, route string) (watermark, error) {
	var w watermark
	err := json.Unmarshal(doc.Source, &w)
	switch {
	case w.Format > watermarkFormat:
		return w, fmt.Errorf("%s/%s is from a newer stitch: use that one", doc.Index, doc.ID)
	case err != nil || w.Kind != watermarkKind || w.Route != route || len(w.Spans) == 0:
		return w, fmt.Errorf("%s/%s is not as stitch wrote it: delete it, and route %s begins anew", doc.Index, doc.ID, route)
	}
	return w, nil
}

// choose notes what a route chooses from now on. It reports whether that is
// something else than before.
func (w *watermark) choose(r *Route, now time.Time) bool {
	next := span{From: now, Rules: append([]string{}, r.Rules...), Severities: append([]string{}, r.Severities...)}
	slices.Sort(next.Rules)
	if n := len(w.Spans); n > 0 {
		last := w.Spans[n-1]
		if last.chooses(next) {
			return false
		}
		if last.From.After(now) {
			next.From = last.From
		}
	}
	w.Spans = append(w.Spans, next)
	w.Spans = w.Spans[max(0, len(w.Spans)-maxSpans):]
	return true
}

// query accepts the alerts that were chosen when they were written and still
// are.
func (w *watermark) query() esq.Query {
	var spans []esq.Query
	for i, s := range w.Spans {
		created := esq.Range{Field: "event.created", GTE: esq.Str(mappings.Time(s.From))}
		if i+1 < len(w.Spans) {
			created.LT = esq.Str(mappings.Time(w.Spans[i+1].From))
		}
		spans = append(spans, esq.And(created, s.query()))
	}
	return esq.And(esq.Or(spans...), w.Spans[len(w.Spans)-1].query())
}

func (s span) query() esq.Query {
	var queries []esq.Query
	if len(s.Rules) > 0 {
		queries = append(queries, esq.Terms{Field: "rule.id", Values: texts(s.Rules)})
	}
	if len(s.Severities) > 0 {
		queries = append(queries, esq.Terms{Field: "kibana.alert.severity", Values: texts(s.Severities)})
	}
	return esq.And(queries...)
}

// writeWatermark writes a watermark over the document that was read. taken says
// that another has been written since.
func (n *Notifier) writeWatermark(ctx context.Context, w watermark, over esq.Document) (written esq.Document, taken bool, err error) {
	source, err := mappings.Encode(w)
	if err != nil {
		return over, false, err
	}
	op := esq.Write{Ref: n.watermarkRef(w.Route), Create: !over.Found, Source: source}
	if over.Found {
		op.Match = &over
	}
	outcome, err := n.write(ctx, op)
	if err != nil || outcome.Status == http.StatusConflict {
		return over, err == nil, err
	}
	return esq.Document{Ref: op.Ref, Found: true, SeqNo: outcome.SeqNo, PrimaryTerm: outcome.PrimaryTerm, Source: source}, false, nil
}

// get reads one document.
func (n *Notifier) get(ctx context.Context, ref esq.Ref) (esq.Document, error) {
	docs, err := n.engine.Get(ctx, []esq.Ref{ref})
	if err != nil {
		return esq.Document{}, fmt.Errorf("read %s/%s: %w", ref.Index, ref.ID, err)
	}
	if len(docs) != 1 {
		return esq.Document{}, fmt.Errorf("read %s/%s: the answer is not parallel to the question", ref.Index, ref.ID)
	}
	return docs[0], nil
}

// write writes one document. The outcome is a success or a conflict.
func (n *Notifier) write(ctx context.Context, op esq.Write) (esq.Outcome, error) {
	outcomes, err := n.engine.Bulk(ctx, []esq.Write{op}, false)
	if err != nil {
		return esq.Outcome{}, fmt.Errorf("write %s/%s: %w", op.Index, op.ID, err)
	}
	if len(outcomes) != 1 {
		return esq.Outcome{}, fmt.Errorf("write %s/%s: the answer is not parallel to the question", op.Index, op.ID)
	}
	o := outcomes[0]
	if o.Status/100 != 2 && o.Status != http.StatusConflict {
		if o.Err != nil {
			return o, fmt.Errorf("write %s/%s: %w", op.Index, op.ID, o.Err)
		}
		return o, fmt.Errorf("write %s/%s: status %d", op.Index, op.ID, o.Status)
	}
	return o, nil
}
