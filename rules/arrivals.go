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
	var questions batch
	asked, err := s.askArrivals(ctx, &questions, slice)
	if err != nil {
		return nil, err
	}
	if err := s.put(ctx, questions); err != nil {
		return nil, err
	}
	if err := s.countLate(ctx, asked, slice); err != nil {
		return nil, err
	}
	out := &Arrivals{}
	for _, a := range asked {
		out.add(a.SourceArrivals, a.bearing)
	}
	out.Stats, out.Warnings = s.stats, s.warnings
	return out, nil
}

// arriving is one source as a stage asks what it brought.
type arriving struct {
	SourceArrivals
	f       *fetch
	src     *source
	query   esq.Query
	bearing time.Duration
}

// askArrivals asks what each source became searchable with, for each stage and
// of all that it may accept, and of each source once what nobody finds.
func (s *searcher) askArrivals(ctx context.Context, questions *batch, slice Window) ([]*arriving, error) {
	var all []*arriving
	ask := func(a *arriving, accepts func(esq.Query, *source, map[string]esq.FieldCap) esq.Query) error {
		caps, err := s.fieldCaps(ctx, a.f, a.src)
		if err != nil {
			return err
		}
		a.query = accepts(s.rule.arrived(a.src, caps, slice), a.src, caps)
		a.Stage, a.Source = a.f.stage.id, a.src.name
		if a.f.stage.view != nil {
			a.View = a.f.stage.view.name
		}
		s.askBounds(questions, a)
		all = append(all, a)
		return nil
	}
	checked := map[*source]bool{}
	for _, stage := range s.rule.plan.stages {
		f, bearing := &fetch{stage: stage, users: s.rule.users}, s.rule.bearing(stage)
		for _, src := range stage.sources {
			if err := ask(&arriving{f: f, src: src, bearing: bearing}, f.and); err != nil {
				return nil, err
			}
			for _, p := range src.parts {
				if err := ask(&arriving{f: f, src: p.source, bearing: bearing + p.within}, p.and); err != nil {
					return nil, err
				}
			}
			if checked[src] {
				continue
			}
			checked[src] = true
			for _, each := range src.everything() {
				s.checkTimes(questions, stage, each, slice)
			}
		}
	}
	return all, nil
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

// askBounds asks how much a source brought, and for the bounds of its time.
func (s *searcher) askBounds(questions *batch, a *arriving) {
	grouping := esq.Grouping{Indices: a.src.index, Query: esq.And(a.query, esq.Exists{Field: a.src.time}), Time: a.src.time}
	questions.add(esq.Question{Group: &esq.Sorting{Grouping: grouping, Yield: func(g esq.Group) error {
		a.Count, a.First, a.Last = g.Count, g.First, g.Last
		return nil
	}}}, func(stats esq.Stats) { a.NoIndex = stats.NoIndex },
		"ask what arrived for stage %s in %s", a.f.stage.id, s.sourceName(a.f.stage, a.src))
	questions.then = append(questions.then, func(context.Context) error {
		if a.NoIndex {
			s.warn("%s: no index matches %s", s.sourceName(a.f.stage, a.src), strings.Join(a.src.index, ", "))
		}
		return nil
	})
}

// countLate counts the arrivals that happened longer before than the rule
// expects. They are evaluated like all others.
func (s *searcher) countLate(ctx context.Context, asked []*arriving, slice Window) error {
	before := slice.From.Add(-s.rule.Lateness)
	var questions batch
	for _, a := range asked {
		if a.Count == 0 || !a.First.Before(before) {
			continue
		}
		late := esq.And(a.query, esq.Range{Field: a.src.time, LT: isoValue(before.UnixMilli())})
		questions.add(esq.Question{Count: &esq.Counting{Indices: a.src.index, Query: late, Yield: func(n int64) error {
			a.Late = n
			return nil
		}}}, nil, "count late documents in %s", s.sourceName(a.f.stage, a.src))
	}
	return s.put(ctx, questions)
}

// withoutTime accepts the documents of a slice that have no time to be found by.
func (s *source) withoutTime(slice Window) esq.Query {
	return esq.And(s.filter, s.timeless(slice))
}

// timeless is withoutTime of any source with the same fields for times.
func (s *source) timeless(slice Window) esq.Query {
	q := esq.Not(esq.Exists{Field: s.time})
	if s.ingest == "" {
		return q
	}
	return esq.And(q, esq.Or(halfOpen(s.ingest, slice.From, slice.To), esq.Not(esq.Exists{Field: s.ingest})))
}

// checkTimes warns of documents that no run can ever find, because they have
// no time to be found by.
func (s *searcher) checkTimes(questions *batch, st *stage, src *source, slice Window) {
	q := src.withoutTime(slice)
	var n int64
	questions.add(esq.Question{Count: &esq.Counting{Indices: src.index, Query: q, Yield: func(count int64) error {
		n = count
		return nil
	}}}, nil, "count documents without a time in %s", s.sourceName(st, src))
	questions.then = append(questions.then, func(ctx context.Context) error {
		if n == 0 {
			return nil
		}
		var examples []string
		stats, err := s.engine.Search(ctx, esq.Search{Indices: src.index, Query: q, Time: src.time, Limit: maxBroken}, func(h esq.Hit) error {
			examples = append(examples, h.Index+"/"+h.ID)
			return nil
		})
		if err != nil {
			return fmt.Errorf("find documents without a time in %s: %w", s.sourceName(st, src), err)
		}
		s.note(stats)
		s.warn("%s: %d documents have no usable %s and cannot be found: %s", s.sourceName(st, src), n, src.time, strings.Join(examples, ", "))
		return nil
	})
}
