package esq

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// pages says how many hits to ask for at once.
type pages struct {
	first int // when nothing is known of their size
	some  int // the same, of some of their fields alone: they are mostly below a kilobyte
	most  int // what the engine allows
	bytes int // what an answer should be about, so that it fits in memory
}

func defaultPages(most int) pages {
	return pages{first: 1_000, some: 5_000, most: most, bytes: 8 << 20}
}

// next returns the size of the page after one of n hits and so many bytes. It
// grows slowly, since the next documents may be larger.
func (p pages) next(n, size int) int {
	if n == 0 {
		return p.first
	}
	fits := p.bytes / max(size/n, 1)
	return max(1, min(fits, 4*n, p.most))
}

// A walk visits all documents that match.
type walk struct {
	op      string
	indices []string
	query   Query
	order   []any // without the dialect's tie-breaker; none: any order
	source  any   // what _source asks for
	wanted  *leafTree
	seqNo   bool
	first   int  // the size of the first page
	limit   int  // 0 for all
	many    bool // expects more than a page

	visit func(*hit) error
	done  func() error // called after all visits; nil for nothing
}

// page is the first page of part of the query.
func (w walk) page(part Query) searchBody {
	return searchBody{Size: w.first, Query: part, Sort: w.order, Source: w.source, SeqNo: w.seqNo, TotalHits: true, wanted: w.wanted}
}

// A cursor reads the pages of one query, one after the other.
type cursor struct {
	pit   *pit
	turns turns
	cost  Stats
	body  searchBody
	pages pages
	page  []hit // what is left of the page at hand
	seen  int64 // hits on all pages so far
	total int64 // hits that there are, said by the first page; -1 before it
	limit int64 // hits that will be read at the most; 0 for all
}

func newCursor(p *pit, w walk, q Query, siblings int, t turns) *cursor {
	pages := p.c.pages
	pages.bytes = max(pages.bytes/siblings, 64<<10)
	first := max(min(w.first, pages.most)/siblings, 1)
	if w.limit > 0 {
		first = min(first, w.limit)
	}
	body := w.page(q)
	body.Size, body.Sort = first, slices.Concat(w.order, p.c.dialect.tieBreaker)
	return &cursor{pit: p, turns: t, pages: pages, total: -1, limit: int64(w.limit), body: body}
}

// peek returns the hit in front, or nil at the end. The end is where as many
// hits were read as the engine counted.
func (k *cursor) peek(ctx context.Context) (*hit, error) {
	if len(k.page) == 0 && k.seen != k.total {
		if err := k.fetch(ctx); err != nil {
			return nil, err
		}
	}
	if len(k.page) == 0 {
		return nil, nil
	}
	return &k.page[0], nil
}

func (k *cursor) drop() { k.page = k.page[1:] }

func (k *cursor) fetch(ctx context.Context) error {
	if err := k.turns.take(ctx, k.pit.op); err != nil {
		return err
	}
	answer, err := k.pit.search(ctx, k.body, &k.cost)
	k.turns.end()
	if err != nil {
		return err
	}
	if k.total < 0 {
		if k.total, err = answer.total(k.pit.op); err != nil {
			return err
		}
		if answer.Shards.Total == 0 {
			k.cost.NoIndex = true
		}
	}
	k.page = answer.Hits.Hits
	k.seen += int64(len(k.page))
	if k.seen > k.total || len(k.page) == 0 && k.seen < k.total {
		return incomplete(k.pit.op, k.seen, k.total)
	}
	if err := sourced(k.pit.op, k.body.Source, k.page); err != nil {
		return err
	}
	if len(k.page) > 0 {
		k.body.SearchAfter = k.page[len(k.page)-1].Sort
		k.body.Size = k.pages.next(len(k.page), sizeOf(k.page))
		if left := k.limit - k.seen; left > 0 {
			k.body.Size = min(k.body.Size, int(left))
		}
	}
	k.body.TotalHits = false
	return nil
}

func incomplete(op string, seen, total int64) error {
	return &PartialError{Op: op, Reason: fmt.Sprintf("the pages brought %d of %d hits", seen, total)}
}

// sourced refuses hits without the source that was asked for: their index does
// not keep it, and a document would pass for an empty one.
func sourced(op string, asked any, page []hit) error {
	for i := range page {
		if asked != false && len(page[i].Source) == 0 {
			return &PartialError{Op: op, Reason: "index " + page[i].Index + " keeps no _source"}
		}
	}
	return nil
}

// sizeOf is about how much memory a page takes.
func sizeOf(page []hit) int {
	n := 0
	for i := range page {
		n += len(page[i].Source) + len(page[i].ID) + len(page[i].Index) + 64
	}
	return n
}

// A merge reads cursors of one order as one.
type merge struct {
	op      string
	cursors []*cursor
	last    []json.RawMessage // the place of the hit returned last
}

// next returns the next hit, or nil at the end.
func (m *merge) next(ctx context.Context) (*hit, error) {
	if len(m.cursors) == 1 {
		h, err := m.cursors[0].peek(ctx)
		if h != nil {
			m.cursors[0].drop()
		}
		return h, err
	}
	var first *hit
	for _, k := range m.cursors {
		h, err := k.peek(ctx)
		if err != nil {
			return nil, err
		}
		if h != nil && (first == nil || comparePlaces(h.Sort, first.Sort) < 0) {
			first = h
		}
	}
	if first == nil {
		return nil, nil
	}
	// Were two orders compared wrongly, a hit would come twice or be left out.
	if m.last != nil && comparePlaces(m.last, first.Sort) >= 0 {
		return nil, &PartialError{Op: m.op, Reason: "the engine's order of hits is not the one expected"}
	}
	m.last = first.Sort
	for _, k := range m.cursors {
		if h, _ := k.peek(ctx); h != nil && comparePlaces(h.Sort, first.Sort) == 0 {
			k.drop()
		}
	}
	return first, nil
}

// comparePlaces compares sort values: whole numbers, or strings by their bytes.
func comparePlaces(a, b []json.RawMessage) int {
	for i := range min(len(a), len(b)) {
		if c := comparePlace(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func comparePlace(a, b json.RawMessage) int {
	if bytes.Equal(a, b) {
		return 0
	}
	x, errX := strconv.ParseInt(string(a), 10, 64)
	y, errY := strconv.ParseInt(string(b), 10, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	var s, t string
	if errors.Join(json.Unmarshal(a, &s), json.Unmarshal(b, &t)) == nil {
		return cmp.Compare(s, t)
	}
	return bytes.Compare(a, b)
}
