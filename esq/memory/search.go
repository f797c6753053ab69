package memory

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// brokenSample is how many documents without a time an answer names.
const brokenSample = 10

// resolve returns the indices that names, patterns and -exclusions stand for,
// in the order of their names. The caller holds e.mu.
func (e *Engine) resolve(patterns []string) []*index {
	found := map[string]*index{}
	for _, list := range patterns {
		for pattern := range strings.SplitSeq(list, ",") {
			without, excludes := strings.CutPrefix(pattern, "-")
			if pattern == "_all" {
				pattern = "*"
			}
			for name, ix := range e.indices {
				switch {
				case excludes && glob(without, name):
					delete(found, name)
				case !excludes && glob(pattern, name):
					found[name] = ix
				}
			}
		}
	}
	indices := make([]*index, 0, len(found))
	for _, ix := range found {
		indices = append(indices, ix)
	}
	slices.SortFunc(indices, func(a, b *index) int { return strings.Compare(a.name, b.name) })
	return indices
}

// question is a query over indices, and over one date field if time is set.
type question struct {
	op      string
	indices []string
	query   esq.Query
	time    string
}

// found is a document that matches. Its time is of the question's date field.
type found struct {
	doc   *document
	ms    int64
	dated bool
}

// find calls yield for every match, index by index.
// It holds the lock: yield must not call the engine.
func (e *Engine) find(ctx context.Context, q question, yield func(found)) (esq.Stats, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	stats := esq.Stats{Requests: 1}
	indices := e.resolve(q.indices)
	stats.NoIndex = len(indices) == 0
	now := e.now()
	for _, ix := range indices {
		h, err := newHunt(&compiler{ix: ix, now: now}, q)
		if err != nil {
			return esq.Stats{}, response(q.op, err)
		}
		if err := h.run(ctx, yield); err != nil {
			return esq.Stats{}, err
		}
		if q.time != "" {
			noteBroken(&stats, ix.by(q.time), now.UnixMilli())
		}
	}
	stats.Broken = stats.Broken[:min(len(stats.Broken), brokenSample)]
	return stats, nil
}

// patience is how many documents are looked at between looks at the context.
const patience = 4096

// noteBroken counts the documents that have no place in the order of time.
func noteBroken(stats *esq.Stats, t *timeline, now int64) {
	if len(t.broken) == 0 {
		return
	}
	arrivals, n := t.index.arrivals(), 0
	for _, b := range t.broken {
		if arrivals[b.place] > now {
			continue
		}
		if n++; n <= brokenSample {
			stats.Broken = append(stats.Broken, b.why)
		}
	}
	stats.BrokenCount += int64(n)
}

// period is an inclusive stretch of time in milliseconds.
type period struct{ first, last int64 }

// span returns a period that every match of q keeps to in a date field, as far
// as ranges that must hold say so.
func (c *compiler) span(q esq.Query, path string) period {
	p := anyTime()
	switch q := q.(type) {
	case esq.Range:
		f, ok := c.field(q.Field)
		if q.Field != path || !ok || f.typ != Date {
			return p
		}
		zone, err := zoneOf(q.TimeZone)
		if err != nil {
			return p
		}
		if first, last, err := window(q, readDates(clock{c.now, zone})); err == nil {
			return period{first, last}
		}
	case esq.BoolQuery:
		for _, part := range slices.Concat(q.Must, q.Filter) {
			inner := c.span(part, path)
			p = period{max(p.first, inner.first), min(p.last, inner.last)}
		}
	}
	return p
}

func anyTime() period { return period{math.MinInt64, math.MaxInt64} }

// Search calls yield for every match in the order of s.Time, then of index and
// _id. The answer's Took is zero here and elsewhere: the engine reads no clock.
func (e *Engine) Search(ctx context.Context, s esq.Search, yield func(esq.Hit) error) (esq.Stats, error) {
	op := "search " + strings.Join(s.Indices, ",")
	var all []found
	stats, err := e.find(ctx, question{op, s.Indices, s.Query, s.Time}, func(f found) { all = append(all, f) })
	if err != nil {
		return stats, err
	}
	slices.SortStableFunc(all, compareFound)
	if s.Limit > 0 && len(all) > s.Limit {
		all = all[:s.Limit]
	}
	e.mu.RLock()
	plain := e.names.plain(s.Fields)
	e.mu.RUnlock()
	for _, f := range all {
		hit := esq.Hit{Index: f.doc.index.name, ID: f.doc.id()}
		if s.Known == nil || !s.Known(hit.Index, hit.ID) {
			if hit.Values, err = f.doc.values(s.Fields, plain); err != nil {
				return stats, err
			}
		}
		stats.Hits++
		if err := yield(hit); err != nil {
			return stats, err
		}
	}
	return stats, ctx.Err()
}

func compareFound(a, b found) int {
	if a.dated != b.dated {
		if a.dated {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.ms, b.ms),
		strings.Compare(a.doc.index.name, b.doc.index.name), strings.Compare(a.doc.id(), b.doc.id()))
}

// values are those of each field; plain reads them of plain documents.
func (d *document) values(fields []esq.Field, plain plainFields) ([][]esq.Value, error) {
	if d.body == nil {
		return plain.of(d), nil
	}
	values := make([][]esq.Value, len(fields))
	if len(fields) == 0 {
		return values, nil
	}
	source, err := esq.DecodeSource([]byte(d.body.source))
	if err != nil {
		return nil, err
	}
	for i, f := range fields {
		values[i] = esq.Extract(source, f)
	}
	return values, nil
}

// Count returns how many documents match.
func (e *Engine) Count(ctx context.Context, indices []string, q esq.Query) (int64, esq.Stats, error) {
	var n int64
	stats, err := e.find(ctx, question{"count " + strings.Join(indices, ","), indices, q, ""}, func(found) { n++ })
	return n, stats, err
}
