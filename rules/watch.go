package rules

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// A Watch asks whether anything has become searchable for a rule, without asking
// what: for less than [Rule.Arrivals] takes, and again and again. It rests on
// what the indices said of their fields at one moment, see [Rule.FieldsAsked]. As long as they
// would say the same, a Watch that sees nothing means that Arrivals would count
// nothing, and would not warn of documents either.
type Watch struct {
	rule   *Rule
	spots  []spot
	apart  bool // the questions cannot be put together
	ground string
}

// spot is where a watch looks: a source for a stage, or a part of one.
type spot struct {
	stage  *stage
	source *source
	caps   map[string]esq.FieldCap
	fixed  esq.Query // what it accepts at any time, beside the source's filter
	// unmapped are fields that no index had. A document that has one was not
	// foreseen by what is fixed.
	unmapped []string
	part     bool
	untimed  bool // documents without a time are looked for here
}

// FieldsAsked are fields of which indices are asked what they know.
type FieldsAsked struct{ Indices, Fields []string }

// Key is the same for the same indices.
func (f FieldsAsked) Key() string { return strings.Join(f.Indices, ",") }

// FieldsAsked returns what a [Watch] of the rule rests on: the fields that its
// sources' queries and columns read, one list for each source of each stage.
func (r *Rule) FieldsAsked() []FieldsAsked {
	var list []FieldsAsked
	for _, stage := range r.plan.stages {
		f := &fetch{stage: stage, users: r.users}
		for _, src := range stage.sources {
			for _, each := range src.everything() {
				list = append(list, FieldsAsked{Indices: each.index, Fields: withObjects(f.columns(each))})
			}
		}
	}
	return list
}

// Watch returns the rule's watch; fields are what the indices of [FieldsAsked]
// know, by their Key. It is an error if a source's times are no dates: then no
// run can be whole, and says so.
func (r *Rule) Watch(fields map[string]map[string]esq.FieldCap) (*Watch, error) {
	w := &Watch{rule: r}
	checked := map[*source]bool{}
	for _, stage := range r.plan.stages {
		f := &fetch{stage: stage, users: r.users}
		for _, src := range stage.sources {
			own := spot{stage: stage, source: src, untimed: !checked[src]}
			if err := own.look(f.and, fields); err != nil {
				return nil, err
			}
			own.unmapped = own.undecided()
			w.spots = append(w.spots, own)
			for _, p := range src.parts {
				s := spot{stage: stage, source: p.source, part: true, untimed: !checked[src]}
				if err := s.look(p.and, fields); err != nil {
					return nil, err
				}
				w.spots = append(w.spots, s)
			}
			checked[src] = true
		}
	}
	w.ground = w.describe()
	return w, nil
}

// Unsure reports whether the rule asks for fields that no index had: what the
// watch sees may be no more than one of them.
func (w *Watch) Unsure() bool {
	return slices.ContainsFunc(w.spots, func(s spot) bool { return len(s.unmapped) > 0 })
}

// Apart reports whether the indices do not take one question for all of them.
func (w *Watch) Apart() bool { return w.apart }

// Ground is the same for watches that [Watch.LookAround] asks the same.
func (w *Watch) Ground() string { return w.ground }

func (w *Watch) describe() string {
	var list []string
	for _, s := range w.spots {
		list = append(list, s.ground())
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), "\n") + "\n" + w.rule.Lateness.String()
}

// ground describes where the spot is, whatever is looked for there.
func (s spot) ground() string {
	dated := s.source.ingest != "" && isDate(s.caps[s.source.ingest])
	return fmt.Sprintf("%q %q %q %v", s.source.index, s.source.time, s.source.ingest, dated)
}

// LookAround asks whether anything at all became searchable in the half-open
// slice where the watch looks, whatever the rule accepts of it: for all watches
// on the same ground at once. Where nothing did, [Watch.Look] sees nothing, but
// for windows and other sights.
func (w *Watch) LookAround(ctx context.Context, eng esq.Searcher, slice Window) (esq.Presence, esq.Stats, error) {
	var list []Sight
	seen := map[string]bool{}
	for _, s := range w.spots {
		if key := s.ground(); !seen[key] {
			seen[key] = true
			anything := &source{filter: esq.MatchAll{}, time: s.source.time, ingest: s.source.ingest}
			list = append(list, Sight{Indices: s.source.index, Query: esq.Or(w.rule.arrived(s.source, s.caps, slice), anything.withoutTime(slice))})
		}
	}
	one, fits := inOne(list)
	if !fits {
		return esq.Presence{Any: true}, esq.Stats{}, nil // too much to ask at once
	}
	p, stats, err := esq.PresenceOf(ctx, eng, one.Indices, one.Query)
	return p, stats, wrapLook(err)
}

// look fixes what the spot asks.
func (s *spot) look(and func(esq.Query, *source, map[string]esq.FieldCap) esq.Query, fields map[string]map[string]esq.FieldCap) error {
	caps, ok := fields[FieldsAsked{Indices: s.source.index}.Key()]
	if !ok {
		return fmt.Errorf("watch stage %s: nothing is known of the fields of %s", s.stage.id, strings.Join(s.source.index, ", "))
	}
	if c, ok := caps[s.source.time]; ok && !isDate(c) {
		return fmt.Errorf("watch stage %s: %s is not a date everywhere", s.stage.id, s.source.time)
	}
	unfiltered := *s.source
	unfiltered.filter = esq.MatchAll{}
	s.caps, s.fixed = caps, and(esq.MatchAll{}, &unfiltered, caps)
	return nil
}

// undecided are the fields that the stage's condition reads and no index maps,
// alone or as part of an object.
func (s *spot) undecided() []string {
	var names []string
	if s.stage.cond != nil {
		for _, ref := range eql.Refs(s.stage.cond) {
			if ref.Func == "" && ref.Name != timeColumn {
				names = append(names, s.source.column(ref.Name).from...)
			}
		}
	}
	if s.source.ingest != "" {
		names = append(names, s.source.ingest)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		mapped := func(field string) bool { _, ok := s.caps[field]; return ok }
		return strings.Contains(name, "*") || mapped(name) || slices.ContainsFunc(objectsAround(name), mapped)
	})
}

// sees accepts what may have become searchable in a slice of arrival time, and
// what happened in one of the windows. The source's filter, often most of it,
// stands in it once.
func (w *Watch) sees(s spot, slice Window, windows []Window) esq.Query {
	wanted := []esq.Query{s.fixed}
	for _, field := range s.unmapped {
		wanted = append(wanted, esq.Exists{Field: field})
	}
	any := []esq.Query{esq.And(w.rule.arrived(s.source, s.caps, slice), esq.Or(wanted...))}
	if s.untimed {
		any = append(any, s.source.timeless(slice))
	}
	if !s.part {
		for _, win := range windows {
			any = append(any, w.happened(s, win))
		}
	}
	return esq.And(s.source.filter, esq.Or(any...))
}

// happened accepts what the stage may accept of a stretch of event time, and as
// far around it as a chain may reach.
func (w *Watch) happened(s spot, win Window) esq.Query {
	around := span{from: win.From.Add(-w.rule.Span).UnixMilli(), to: ceilMilli(win.To.Add(w.rule.Span))}
	return esq.And(around.query(s.source.time), s.fixed)
}

// Sight is a question of a watch.
type Sight struct {
	Indices []string
	Query   esq.Query
}

// sights are the questions whether something arrived in the slice, or happened
// in one of the windows: one for each list of indices.
func (w *Watch) sights(slice Window, windows []Window) []Sight {
	var list []Sight
	at := map[string]int{}
	for _, s := range w.spots {
		q := w.sees(s, slice, windows)
		key := FieldsAsked{Indices: s.source.index}.Key()
		if i, ok := at[key]; ok {
			list[i].Query = esq.Or(list[i].Query, q)
			continue
		}
		at[key] = len(list)
		list = append(list, Sight{Indices: s.source.index, Query: q})
	}
	return list
}

// maxTogether bounds the names and patterns of one question, in bytes: they
// stand in the first line of the request, which engines limit to 4,096.
const maxTogether = 2_000

// inOne makes one question of several. It sees more than they do, never less:
// what is asked of the indices of one is asked of those of all.
func inOne(list []Sight) (Sight, bool) {
	var one Sight
	var queries []esq.Query
	for _, s := range list {
		one.Indices = append(one.Indices, s.Indices...)
		queries = append(queries, s.Query)
	}
	slices.Sort(one.Indices)
	one.Indices = slices.Compact(one.Indices)
	one.Query = esq.Or(queries...)
	return one, len(strings.Join(one.Indices, ",")) <= maxTogether
}

// Question is what a watch asks at one time.
type Question struct {
	Sight // as one; of no use if it is not Whole
	// Whole is whether it can be put as one.
	Whole bool
	each  []Sight
}

// Question asks whether anything became searchable in the half-open slice, or
// happened in one of the windows, closed, or as near to them as a span; or is
// seen by one of the other sights.
func (w *Watch) Question(slice Window, windows []Window, others ...Sight) Question {
	q := Question{each: append(w.sights(slice, windows), others...)}
	if !w.apart {
		q.Sight, q.Whole = inOne(q.each)
	}
	return q
}

// Parts reports whether an engine that could not make sense of a question may do
// so of its parts. The watch has no question as one from then on.
func (w *Watch) Parts(q Question, err error) bool {
	if len(q.each) == 1 || !refusedAsWritten(err) {
		return false
	}
	w.apart = true // a field is of one type here and of another there
	return true
}

// Look puts a [Watch.Question]. It is one request where the engine allows it.
// The shards are those that were asked: another number of them means that there
// are other indices than before.
func (w *Watch) Look(ctx context.Context, eng esq.Searcher, slice Window, windows []Window, others ...Sight) (esq.Presence, esq.Stats, error) {
	q := w.Question(slice, windows, others...)
	if q.Whole {
		p, stats, err := esq.PresenceOf(ctx, eng, q.Indices, q.Query)
		if err == nil || !w.Parts(q, err) {
			return p, stats, wrapLook(err)
		}
	}
	return w.LookApart(ctx, eng, q)
}

// LookApart is [Watch.Look] with one request for each of the question's parts.
func (w *Watch) LookApart(ctx context.Context, eng esq.Searcher, q Question) (esq.Presence, esq.Stats, error) {
	var all esq.Presence
	var sum esq.Stats
	for _, s := range q.each {
		p, stats, err := esq.PresenceOf(ctx, eng, s.Indices, s.Query)
		sum.Add(stats)
		if err != nil {
			return all, sum, wrapLook(err)
		}
		all.Shards += p.Shards
		if all.Any = p.Any; all.Any {
			break
		}
	}
	return all, sum, nil
}

// refusedAsWritten reports whether the engine could not make sense of the query.
func refusedAsWritten(err error) bool {
	var refusal *esq.ResponseError
	return errors.As(err, &refusal) && refusal.Status == http.StatusBadRequest
}

func wrapLook(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("look whether anything arrived: %w", err)
}

// Nothing is what [Rule.Arrivals] says of a slice in which the watch saw
// nothing. Whether a source has an index is for noIndex to say.
func (w *Watch) Nothing(noIndex func(FieldsAsked) bool) *Arrivals {
	s := newSearcher(nil, w.rule)
	out := &Arrivals{}
	for _, at := range w.spots {
		a := SourceArrivals{Stage: at.stage.id, Source: at.source.name, NoIndex: noIndex(FieldsAsked{Indices: at.source.index})}
		if at.stage.view != nil {
			a.View = at.stage.view.name
		}
		if a.NoIndex {
			s.warn("%s: no index matches %s", s.sourceName(at.stage, at.source), strings.Join(at.source.index, ", "))
		}
		out.Sources = append(out.Sources, a)
	}
	out.Warnings = s.warnings
	return out
}
