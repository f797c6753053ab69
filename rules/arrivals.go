package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// TooManyRowsError says that a stage brings more rows than the rule may hold,
// though it was narrowed by what its neighbours have. Nothing was answered.
type TooManyRowsError struct {
	Stage string
	Max   int
}

func (e *TooManyRowsError) Error() string {
	return fmt.Sprintf("stage %s brings more than max_rows = %d rows; narrow its query, or raise max_rows", e.Stage, e.Max)
}

// Arrivals is what became searchable in a slice of time.
type Arrivals struct {
	Count       int64     // documents that some stage may accept
	First, Last time.Time // bounds of what a run must look at again; zero if there is none
	Sources     []SourceArrivals
	Stats       esq.Stats
	Warnings    []string
}

// SourceArrivals is what one source brought for one stage.
type SourceArrivals struct {
	Stage, View, Source string
	Count               int64
	Late                int64 // arrived more than the rule's lateness after they happened
	First, Last         time.Time
	NoIndex             bool // none of the source's patterns matches an index
}

// Arrivals asks what became searchable in the half-open slice [From, To) of the
// sources' ingest fields. First and Last bound the documents' event times; an
// event of an absent stage bears on chains up to a span before and after it, one
// of a stage with a window on bursts up to a day and the window, so there they
// are that much further apart, and a part of an event bears on events up to its
// within before and after it. A document without the field, or of a
// source without one, counts as arrived when it may have: if it happened in the
// slice or up to the rule's lateness before it.
func (r *Rule) Arrivals(ctx context.Context, eng esq.Searcher, slice Window) (*Arrivals, error) {
	s := newSearcher(eng, r)
	out := &Arrivals{}
	checked := map[*source]bool{}
	for _, stage := range r.plan.stages {
		f := &fetch{stage: stage, users: r.users}
		for _, src := range stage.sources {
			a, err := s.sourceArrivals(ctx, f, src, slice, f.and)
			if err != nil {
				return nil, err
			}
			out.add(a, r.bearing(stage))
			for _, p := range src.parts {
				a, err := s.sourceArrivals(ctx, f, p.source, slice, p.and)
				if err != nil {
					return nil, err
				}
				out.add(a, r.bearing(stage)+p.within)
			}
			if checked[src] {
				continue
			}
			checked[src] = true
			for _, each := range src.everything() {
				if err := s.checkTimes(ctx, stage, each, slice); err != nil {
					return nil, err
				}
			}
		}
	}
	out.Stats, out.Warnings = s.stats, s.warnings
	return out, nil
}

// sourceArrivals asks what became searchable of a source, of all that accepts
// says it may bring.
func (s *searcher) sourceArrivals(ctx context.Context, f *fetch, src *source, slice Window,
	accepts func(esq.Query, *source, map[string]esq.FieldCap) esq.Query) (SourceArrivals, error) {
	caps, err := s.fieldCaps(ctx, f, src)
	if err != nil {
		return SourceArrivals{}, err
	}
	q := accepts(s.rule.arrived(src, caps, slice), src, caps)
	a, err := s.arrivals(ctx, f, src, q)
	if err != nil {
		return a, err
	}
	return a, s.countLate(ctx, &a, f, src, q, slice)
}

// bearing is how far from a stage's event an alert without any event of its own
// there may be that the event bears on: a chain that it drops, or an alert that
// another one now stands for.
func (r *Rule) bearing(s *stage) time.Duration {
	bearing := time.Duration(0)
	switch {
	case s.absent:
		bearing = r.Span
	case r.bursting(s):
		// It may join two bursts to one that is longer than a day, and is cut.
		bearing = s.group.margin()
	}
	if r.suppression != nil {
		bearing += longestSpell + r.suppression.duration
	}
	return bearing
}

func (a *Arrivals) add(s SourceArrivals, bearing time.Duration) {
	a.Sources = append(a.Sources, s)
	if s.Count == 0 {
		return
	}
	first, last := s.First.Add(-bearing), s.Last.Add(bearing)
	if a.Count == 0 || first.Before(a.First) {
		a.First = first
	}
	if a.Count == 0 || last.After(a.Last) {
		a.Last = last
	}
	a.Count += s.Count
}

// arrived accepts the documents of a slice of arrival time.
func (r *Rule) arrived(src *source, caps map[string]esq.FieldCap, slice Window) esq.Query {
	byTime := halfOpen(src.time, slice.From.Add(-r.Lateness), slice.To)
	if src.ingest == "" || !isDate(caps[src.ingest]) {
		return byTime
	}
	return esq.Or(
		halfOpen(src.ingest, slice.From, slice.To),
		esq.And(esq.Not(esq.Exists{Field: src.ingest}), byTime),
	)
}

func halfOpen(field string, from, to time.Time) esq.Query {
	return span{from: from.UnixMilli(), to: ceilMilli(to), open: true}.query(field)
}

// ceilMilli is t in Unix ms, rounded up: what lies before t lies before it too.
func ceilMilli(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

func isDate(c esq.FieldCap) bool {
	return len(c.Types) > 0 && !slices.ContainsFunc(c.Types, func(t string) bool { return t != "date" && t != "date_nanos" })
}

// arrivals counts what a source brought and bounds its time.
func (s *searcher) arrivals(ctx context.Context, f *fetch, src *source, q esq.Query) (SourceArrivals, error) {
	a := SourceArrivals{Stage: f.stage.id, Source: src.name}
	if f.stage.view != nil {
		a.View = f.stage.view.name
	}
	stats, err := s.engine.Group(ctx, esq.Grouping{Indices: src.index, Query: esq.And(q, esq.Exists{Field: src.time}), Time: src.time}, func(g esq.Group) error {
		a.Count, a.First, a.Last = g.Count, g.First, g.Last
		return nil
	})
	if err != nil {
		return a, fmt.Errorf("ask what arrived for stage %s in %s: %w", f.stage.id, s.sourceName(f.stage, src), err)
	}
	s.note(stats)
	if a.NoIndex = stats.NoIndex; a.NoIndex {
		s.warn("%s: no index matches %s", s.sourceName(f.stage, src), strings.Join(src.index, ", "))
	}
	return a, nil
}

// countLate counts the arrivals that happened longer before than the rule
// expects. They are evaluated like all others.
func (s *searcher) countLate(ctx context.Context, a *SourceArrivals, f *fetch, src *source, arrived esq.Query, slice Window) error {
	before := slice.From.Add(-s.rule.Lateness)
	if a.Count == 0 || !a.First.Before(before) {
		return nil
	}
	late := esq.And(arrived, esq.Range{Field: src.time, LT: isoValue(before.UnixMilli())})
	n, stats, err := s.engine.Count(ctx, src.index, late)
	if err != nil {
		return fmt.Errorf("count late documents in %s: %w", s.sourceName(f.stage, src), err)
	}
	s.note(stats)
	a.Late = n
	return nil
}

// withoutTime accepts the documents of a slice that have no time to be found by.
func (s *source) withoutTime(slice Window) esq.Query {
	q := esq.And(s.filter, esq.Not(esq.Exists{Field: s.time}))
	if s.ingest == "" {
		return q
	}
	return esq.And(q, esq.Or(halfOpen(s.ingest, slice.From, slice.To), esq.Not(esq.Exists{Field: s.ingest})))
}

// checkTimes warns of documents that no run can ever find, because they have
// no time to be found by.
func (s *searcher) checkTimes(ctx context.Context, st *stage, src *source, slice Window) error {
	q := src.withoutTime(slice)
	n, stats, err := s.engine.Count(ctx, src.index, q)
	if err != nil {
		return fmt.Errorf("count documents without a time in %s: %w", s.sourceName(st, src), err)
	}
	s.note(stats)
	if n == 0 {
		return nil
	}
	var examples []string
	stats, err = s.engine.Search(ctx, esq.Search{Indices: src.index, Query: q, Time: src.time, Limit: maxBroken}, func(h esq.Hit) error {
		examples = append(examples, h.Index+"/"+h.ID)
		return nil
	})
	if err != nil {
		return fmt.Errorf("find documents without a time in %s: %w", s.sourceName(st, src), err)
	}
	s.note(stats)
	s.warn("%s: %d documents have no usable %s and cannot be found: %s", s.sourceName(st, src), n, src.time, strings.Join(examples, ", "))
	return nil
}
