package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// TrialOptions say what to gather.
type TrialOptions struct {
	At   time.Time
	Keys []Sought
	// Most is how many documents of a source are read for a stage; with more, those
	// are read that have the keys or can be joined with such, the nearest in time.
	Most int
}

// Try gathers what the views of the rule's stages carry around a time: all of
// it, whether the stages' queries accept it or not, where it is not too much.
func (r *Rule) Try(ctx context.Context, eng esq.Searcher, o TrialOptions) (*Trial, error) {
	t := newTrial(r, o.Keys)
	t.Window, t.From, t.To = r.around(o.At)
	g := &gatherer{Trial: t, searcher: newSearcher(eng, r), options: o}
	for _, s := range t.stages {
		if err := s.bind(r); err != nil {
			return nil, err
		}
		if s.group == nil {
			s.row = s.stage.columns
		}
	}
	for _, keyed := range []bool{true, false} {
		for _, s := range t.stages {
			if s.keyed() != keyed {
				continue
			}
			if err := g.stage(ctx, s); err != nil {
				return nil, err
			}
		}
	}
	t.require(o.Keys)
	return t, nil
}

// wide is how much further than the rule a trial looks.
const wide = 24 * time.Hour

// around is the window that a time lies in, and what to look at for it.
func (r *Rule) around(at time.Time) (w Window, from, to time.Time) {
	at = at.UTC().Truncate(time.Millisecond)
	if !r.Windowed {
		return Window{}, at.Add(-2*r.Span - wide), at.Add(2*r.Span + wide)
	}
	w.To = r.Schedule.Next(at)
	if every, ok := r.Schedule.(Every); ok {
		w.To = at.Truncate(time.Duration(every)).Add(time.Duration(every))
	}
	w.From = w.To.Add(-r.LookBack)
	return w, w.From.Add(-r.LookBack), w.To.Add(r.LookBack)
}

// bind compiles the conjuncts of the stage's query one by one.
func (s *trialStage) bind(r *Rule) error {
	if r.Type == "query" {
		for _, p := range r.Probes() {
			for _, c := range p.Conditions(nil) {
				s.queries, s.texts = append(s.queries, nil), append(s.texts, c.Text)
				s.program, s.linked = append(s.program, nil), append(s.linked, false)
				s.asks = append(s.asks, c.Columns)
				for _, name := range c.Columns {
					s.need(name)
				}
			}
		}
		return nil
	}
	for _, e := range conjuncts(s.cond) {
		linked := false
		var asks []string
		program, err := eql.Compile(e, func(ref eql.Ref) (int, error) {
			if ref.Func == "all" {
				linked = true
				return slices.Index(s.sets, ref), nil
			}
			asks = append(asks, ref.Name)
			return slices.Index(s.stage.columns, ref.Name), nil
		})
		if err != nil {
			return fmt.Errorf("read the query of stage %s: %w", s.id, err)
		}
		s.queries, s.texts = append(s.queries, e), append(s.texts, eql.Print(e))
		s.program, s.linked = append(s.program, program), append(s.linked, linked)
		s.asks = append(s.asks, asks)
	}
	return nil
}

type gatherer struct {
	*Trial
	searcher
	options TrialOptions
}

func (g *gatherer) stage(ctx context.Context, s *trialStage) error {
	for _, src := range s.sources {
		if err := g.source(ctx, s, src); err != nil {
			return err
		}
	}
	s.match = make([]keyMatch, len(s.events))
	for i, e := range s.events {
		s.match[i] = s.matches(e, g.options.Keys)
	}
	return nil
}

// source reads all of a source that is near enough, or else what has the keys,
// what can be joined with that, and what the query accepts.
func (g *gatherer) source(ctx context.Context, s *trialStage, src *source) error {
	look := *src
	if g.Rule.Type == "query" {
		look.filter = esq.MatchAll{} // it is the rule's own query
	}
	f := &fetch{stage: s.stage, users: g.Rule.users}
	caps, err := g.fieldCaps(ctx, f, src)
	if err != nil {
		return err
	}
	span := span{from: g.From.UnixMilli(), to: g.To.UnixMilli()}
	there, err := g.countOf(ctx, s, &look, span, nil)
	if err != nil || there == 0 {
		return err
	}
	before := len(s.events)
	if there <= int64(g.options.Most) {
		return g.take(ctx, s, src, &look, span, nil)
	}
	from, to := int64(0), int64(0)
	for _, q := range g.narrowings(s, src, caps) {
		near, err := g.nearest(ctx, s, &look, span, q)
		if err != nil {
			return err
		}
		if err := g.take(ctx, s, src, &look, near, q); err != nil {
			return err
		}
		if from == 0 || near.from > from {
			from, to = near.from, near.to
		}
	}
	s.cut = append(s.cut, Cut{Stage: s.id, Source: src.name, There: there, Read: len(s.events) - before, From: utc(from), To: utc(to)})
	return nil
}

// narrowings are questions that together bring what is likeliest to matter.
func (g *gatherer) narrowings(s *trialStage, src *source, caps map[string]esq.FieldCap) []esq.Query {
	mapping := (&fetch{stage: s.stage, users: g.Rule.users}).mapping(src, caps)
	var out []esq.Query
	add := func(e eql.Expr, sets map[string]*eql.Set) {
		q, _ := eql.Translate(e, mapping, func(ref eql.Ref) *eql.Set { return sets[ref.Name] })
		switch q.(type) {
		case esq.MatchAll, esq.MatchNone:
		default:
			out = append(out, q)
		}
	}
	if key := g.keyed(s); key != nil {
		add(key, nil)
	}
	if joined, sets := g.joined(s); joined != nil {
		add(joined, sets)
	}
	if s.cond != nil && len(s.sets) == 0 {
		add(s.cond, nil)
	}
	if len(out) == 0 {
		out = append(out, esq.MatchAll{})
	}
	return out
}

// keyed asks for the keys that the stage has columns for.
func (g *gatherer) keyed(s *trialStage) eql.Expr {
	var all eql.Expr
	for k, key := range g.options.Keys {
		var either eql.Expr
		for _, c := range s.columns[k] {
			is := &eql.Binary{Op: eql.Match, L: &eql.Column{Name: s.stage.columns[c]}, R: &eql.Literal{Value: esq.Str(key.Value)}}
			either = joinWith(eql.Or, either, is)
		}
		all = joinWith(eql.And, all, either)
	}
	return all
}

func joinWith(op eql.Op, a, b eql.Expr) eql.Expr {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &eql.Binary{Op: op, L: a, R: b}
}

// joined asks for what some condition of a join has in common with the rows that
// have the keys.
func (g *gatherer) joined(s *trialStage) (eql.Expr, map[string]*eql.Set) {
	n := &narrower{
		evaluation: &evaluation{plan: g.planned()}, stage: s.at,
		rows: make([][]*row, len(g.stages)), sets: map[string]*eql.Set{},
	}
	for i, other := range g.stages {
		if other == s || !other.keyed() {
			continue
		}
		var ofKey []*event
		for k, m := range other.match {
			if m == keyIs {
				ofKey = append(ofKey, other.events[k])
			}
		}
		if len(ofKey) > 0 {
			n.rows[i] = other.rowsOf(ofKey)
		}
	}
	var any eql.Expr
	for owner, o := range g.stages {
		for _, e := range conjuncts(o.join) {
			if v := n.narrow(e, owner); v.expr != nil && !v.never {
				any = joinWith(eql.Or, any, v.expr)
			}
		}
	}
	return any, n.sets
}

// planned is the rule's plan with the trial's stages.
func (t *Trial) planned() *plan {
	p := t.Rule.plan
	p.stages = make([]*stage, len(t.stages))
	for i, s := range t.stages {
		p.stages[i] = s.stage
	}
	return &p
}

func (s *stage) rowsOf(events []*event) []*row {
	if s.group != nil {
		return s.group.rows(events)
	}
	return s.eventRows(events)
}

// nearest halves the time around At until no more is there than can be read.
func (g *gatherer) nearest(ctx context.Context, s *trialStage, src *source, all span, q esq.Query) (span, error) {
	at := min(max(g.options.At.UnixMilli(), all.from), all.to)
	for near := all; ; {
		n, err := g.countOf(ctx, s, src, near, q)
		if err != nil || n <= int64(g.options.Most) || near.to-near.from < 2 {
			return near, err
		}
		near.from, near.to = at-(at-near.from)/2, at+(near.to-at)/2
	}
}

func (g *gatherer) countOf(ctx context.Context, s *trialStage, src *source, when span, q esq.Query) (int64, error) {
	n, stats, err := g.engine.Count(ctx, src.index, esq.And(when.query(src.time), src.filter, q))
	if err != nil {
		return 0, fmt.Errorf("count what is there for stage %s in %s: %w", s.id, g.sourceName(s.stage, src), err)
	}
	g.note(stats)
	return n, nil
}

// take adds the documents that match and are not there yet, with their parts.
func (g *gatherer) take(ctx context.Context, s *trialStage, src, look *source, when span, q esq.Query) error {
	reader, fill := newReader(s.stage, src), newFiller(g.Rule.users, s.stage)
	there := map[string]bool{}
	for _, e := range s.events {
		there[e.index+"/"+e.id] = e.source == src
	}
	search := esq.Search{
		Indices: src.index, Query: esq.And(when.query(src.time), look.filter, q),
		Time: src.time, Fields: reader.fields, Limit: g.options.Most,
	}
	var fresh []*event
	if _, err := g.engine.Search(ctx, search, func(h esq.Hit) error {
		if e, ok := reader.event(h); ok && !there[h.Index+"/"+h.ID] {
			fresh = append(fresh, e)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("search what is there for stage %s in %s: %w", s.id, g.sourceName(s.stage, src), err)
	}
	if g.Rule.Type == "query" {
		return g.ask(ctx, s, src, search, fresh)
	}
	f := &fetch{stage: s.stage, time: when, users: g.Rule.users}
	if _, err := g.complete(ctx, f, src, fresh); err != nil {
		return err
	}
	for _, e := range fresh {
		fill.fill(e)
		pass := make([]bool, len(s.program))
		for k, p := range s.program {
			pass[k] = s.linked[k] || p.Holds(eventEnv{e, nil})
		}
		s.events, s.pass = append(s.events, e), append(s.pass, pass)
	}
	return nil
}

// ask lets the engine decide which documents satisfy the conditions of a kuery
// query.
func (g *gatherer) ask(ctx context.Context, s *trialStage, src *source, search esq.Search, fresh []*event) error {
	search.Fields = nil
	for _, e := range fresh {
		s.events, s.pass = append(s.events, e), append(s.pass, make([]bool, len(s.texts)))
	}
	base := search.Query
	for k, c := range g.Rule.Probes()[0].Conditions(nil) {
		holds := map[string]bool{}
		search.Query = esq.And(base, c.Query)
		if _, err := g.engine.Search(ctx, search, func(h esq.Hit) error {
			holds[h.Index+"/"+h.ID] = true
			return nil
		}); err != nil {
			return fmt.Errorf("ask for %s in %s: %w", c.Text, strings.Join(src.index, ", "), err)
		}
		for i := len(s.events) - len(fresh); i < len(s.events); i++ {
			s.pass[i][k] = holds[s.events[i].index+"/"+s.events[i].id]
		}
	}
	return nil
}
