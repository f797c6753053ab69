package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

var _ esq.Pager = (*Engine)(nil)

// Page returns one page of documents, the newest first, each with its whole
// source.
func (e *Engine) Page(ctx context.Context, p esq.Paging) (esq.Sheet, error) {
	op := "page through " + strings.Join(p.Indices, ",")
	if p.Size < 1 || p.Size > 10_000 {
		return esq.Sheet{}, fmt.Errorf("%s: a page holds 1 to 10000 documents, not %d", op, p.Size)
	}
	query := p.Query
	if query == nil {
		query = esq.MatchAll{}
	}
	var all []placed
	q := question{op, p.Indices, esq.And(query, esq.Exists{Field: p.Key}), p.Time}
	stats, err := e.find(ctx, q, func(f found) { all = append(all, placed{f.doc, f.ms, f.doc.first(p.Key)}) })
	if err != nil {
		return esq.Sheet{}, err
	}
	sheet := esq.Sheet{Total: int64(len(all)), NoIndex: stats.NoIndex}
	slices.SortFunc(all, placed.compare)
	if p.After != nil {
		after := placed{ms: p.After.Time.UnixMilli(), key: p.After.Key}
		all = slices.DeleteFunc(all, func(d placed) bool { return d.compare(after) <= 0 })
	}
	for _, d := range all[:min(len(all), p.Size)] {
		sheet.Documents = append(sheet.Documents, d.doc.whole())
		sheet.Places = append(sheet.Places, esq.Place{Time: time.UnixMilli(d.ms).UTC(), Key: d.key})
	}
	return sheet, ctx.Err()
}

// placed is a document with its place: its time, 0 if it has none, and its key.
type placed struct {
	doc *document
	ms  int64
	key string
}

func (p placed) compare(other placed) int {
	return cmp.Or(cmp.Compare(other.ms, p.ms), strings.Compare(p.key, other.key))
}

// first is the least text in a field, "" if there is none.
func (d *document) first(field string) string {
	n := d.index.names.find(field)
	if n == nil {
		return ""
	}
	least := ""
	from, to := d.of(n.id)
	for i := from; i < to; i++ {
		if text := d.text(&d.record, i); i == from || text < least {
			least = text
		}
	}
	return least
}
