package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	// From is when the route was there first. Alerts that were written before are
	// not told.
	From time.Time `json:"from"`
	// Updates is until when every change of an alert has been looked at, and told
	// where it was to be.
	Updates time.Time `json:"updates"`
}

const (
	watermarkKind   = "route"
	watermarkFormat = 1
)

func (n *Notifier) watermarkRef(route string) esq.Ref {
	return esq.Ref{Index: n.names.State(), ID: "route-" + route}
}

// readWatermark reads the watermark of a route, and makes it if there is none.
func (n *Notifier) readWatermark(ctx context.Context, route string) (watermark, esq.Document, error) {
	ref := n.watermarkRef(route)
	for range maxAttempts {
		doc, err := n.get(ctx, ref)
		if err != nil {
			return watermark{}, doc, err
		}
		if doc.Found {
			var w watermark
			err := json.Unmarshal(doc.Source, &w)
			if err != nil || w.Kind != watermarkKind || w.Route != route || w.From.IsZero() {
				return w, doc, fmt.Errorf("%s/%s is not as stitch wrote it: delete it, and the route begins anew", ref.Index, ref.ID)
			}
			if w.Format > watermarkFormat {
				return w, doc, fmt.Errorf("%s/%s is from a newer stitch: use that one", ref.Index, ref.ID)
			}
			return w, doc, nil
		}
		w := watermark{watermarkKind, watermarkFormat, route, n.begun, n.begun}
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
