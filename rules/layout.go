package rules

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/sequence"
)

// Layout is how a rule is evaluated, laid open.
type Layout struct {
	Stages []StageLayout // in the rule's order
	Order  []int         // places in Stages, in the order in which they are asked
	// Measured says that Order follows from how much each stage would bring; else
	// the stages stand as in the rule, where their number decides nothing.
	Measured bool
	Anchor   string
	Key      []KeyPart
	Identity []string // the columns that name the anchor's row; none: its data stream and _id
	From, To time.Time
}

// KeyPart is a part of what tells one alert from another.
type KeyPart struct {
	Name string // as the rule has it
	Row  bool   // a stage's row as a whole
	Fold bool   // A to Z of either case are the same
}

// StageLayout is one stage.
type StageLayout struct {
	ID, View string
	Absent   bool
	Except   []string // the exceptions that keep events out
	Sources  []SourceLayout
	Join     []string // its conditions
	After    []AfterLayout
	Pick     string   // first, last or ""
	By       []string // of a stage that summarizes
	Summary  []string // its aggregates
	// Narrowed is what is asked of the stage for the sake of those that were asked
	// before it, in words: conditions, and times.
	Narrowed []string
	Times    []string
	Rows     int64 // documents that the engine would bring; -1 if not asked
}

// AfterLayout is a stage that another comes after.
type AfterLayout struct {
	Stage  string
	Within time.Duration // 0: however long
}

// SourceLayout is one source of a stage.
type SourceLayout struct {
	Name         string
	Index        []string
	Filter       []Pushed // what makes a document one of the view
	Query        []Pushed // the stage's conditions
	Time, Ingest string
	Rows         int64 // -1 if not asked
}

// Pushed is a condition and what of it the engine is asked.
type Pushed struct {
	Text  string
	Query esq.Query // accepts what satisfies the condition, and maybe more
	Exact bool      // and nothing else
	Why   []string  // it is not exact
}

// Layout lays a rule open as a run over a window would have it. The engine is
// asked for its fields, and with measure how much each stage would bring.
func (r *Rule) Layout(ctx context.Context, eng esq.Searcher, w Window, measure bool) (*Layout, error) {
	p := &r.plan
	reach := r.reach(w)
	l := &Layout{Measured: measure, Anchor: p.stages[p.anchor].id, From: utc(reach.from), To: utc(reach.to)}
	for i, name := range p.by {
		l.Key = append(l.Key, KeyPart{Name: name, Row: p.keys[i].Column == "", Fold: p.keys[i].Fold})
	}
	if v := p.stages[p.anchor].view; v != nil && p.stages[p.anchor].group == nil {
		l.Identity = v.identity
	}
	s := newSearcher(eng, r)
	probes := r.Probes()
	counts := make([]int64, len(p.stages))
	for i, stage := range p.stages {
		out := stage.layout()
		for range stage.sources {
			src, err := s.layout(ctx, probes[0], span{reach.from, reach.to, reach.open}, measure)
			if err != nil {
				return nil, err
			}
			probes = probes[1:]
			out.Sources = append(out.Sources, src)
			if measure {
				out.Rows = max(out.Rows, 0) + src.Rows
			}
		}
		if counts[i] = out.Rows; out.Rows < 0 || len(stage.sets) > 0 || stage.absent {
			counts[i] = math.MaxInt64
		}
		l.Stages = append(l.Stages, out)
	}
	l.Order = p.order(counts)
	for n, i := range l.Order {
		l.Stages[i].Narrowed, l.Stages[i].Times = p.narrowing(i, l.Order[:n])
	}
	return l, nil
}

func (s *stage) layout() StageLayout {
	out := StageLayout{ID: s.id, Absent: s.absent, Rows: -1}
	if s.view != nil {
		out.View = s.view.name
	}
	for _, e := range conjuncts(s.join) {
		out.Join = append(out.Join, eql.Print(e))
	}
	for _, a := range s.after {
		out.After = append(out.After, AfterLayout(a))
	}
	for _, x := range s.exceptions {
		out.Except = append(out.Except, x.String())
	}
	switch s.pick {
	case sequence.PickFirst:
		out.Pick = "first"
	case sequence.PickLast:
		out.Pick = "last"
	}
	if s.group != nil {
		for _, c := range s.group.by {
			out.By = append(out.By, s.columns[c])
		}
		for _, a := range s.group.aggregates {
			column := ""
			if a.column >= 0 {
				column = s.columns[a.column]
			}
			out.Summary = append(out.Summary, fmt.Sprintf("%s = %s(%s)", a.name, a.function, column))
		}
	}
	return out
}

// layout lays a source open.
func (s *searcher) layout(ctx context.Context, p *Probe, when span, measure bool) (SourceLayout, error) {
	f := &fetch{stage: p.stage, time: when, users: s.rule.users}
	out := SourceLayout{Name: p.Source, Index: p.Index, Time: p.Time, Ingest: p.Ingest, Rows: -1}
	caps, err := s.fieldCaps(ctx, f, p.source)
	if err != nil {
		return out, err
	}
	for _, c := range p.Filter() {
		out.Filter = append(out.Filter, Pushed{Text: c.Text, Query: c.Query, Exact: c.Exact})
	}
	mapping := f.mapping(p.source, caps)
	expressions := conjuncts(p.stage.cond)
	for i, c := range p.Conditions(caps) {
		pushed := Pushed{Text: c.Text, Query: c.Query, Exact: c.Exact}
		if !c.Exact {
			pushed.Why = mapping.whyInexact(expressions[i])
		}
		out.Query = append(out.Query, pushed)
	}
	if !measure {
		return out, nil
	}
	q := f.query(p.source, caps)
	n, stats, err := s.engine.Count(ctx, p.source.index, q)
	if err != nil {
		return out, fmt.Errorf("count stage %s in %s: %w", p.Stage, s.sourceName(p.stage, p.source), err)
	}
	s.note(stats)
	out.Rows = n
	return out, nil
}

// order is that in which the stages are fetched, absent ones last.
func (p *plan) order(counts []int64) []int {
	e := &evaluation{plan: p, rows: make([][]*row, len(p.stages)), sets: make([][]*eql.Set, len(p.stages))}
	var order []int
	for e.incomplete() {
		i := e.next(counts)
		e.sets[i] = []*eql.Set{}
		if p.stages[i].absent {
			continue
		}
		e.rows[i] = []*row{}
		order = append(order, i)
	}
	for i, s := range p.stages {
		if s.absent {
			order = append(order, i)
		}
	}
	return order
}

// narrowing says what is asked of a stage for the sake of those that are known.
// It is found by the narrower itself, with a row for each that has as values the
// names of its columns.
func (p *plan) narrowing(i int, known []int) (conditions, times []string) {
	n := &narrower{
		evaluation: &evaluation{plan: p}, stage: i,
		rows: make([][]*row, len(p.stages)), sets: map[string]*eql.Set{},
	}
	for _, k := range known {
		if p.stages[k].absent {
			continue
		}
		named := &row{}
		for _, column := range p.stages[k].row {
			named.values = append(named.values, []esq.Value{esq.Str(p.stages[k].id + "." + column)})
		}
		n.rows[k] = []*row{named}
	}
	for _, e := range n.conditions() {
		for _, c := range eql.Conjuncts(e) {
			text := eql.Print(c)
			for name, set := range n.sets {
				set := set.Values()[0].String()
				printed := eql.Print(&eql.Column{Func: "all", Name: name})
				text = strings.ReplaceAll(text, printed, set)
			}
			conditions = append(conditions, text)
		}
	}
	if p.stages[i].group == nil {
		times = p.timesOf(i, known)
	}
	return conditions, times
}

// timesOf says in words how [evaluation.narrowTime] cuts the time.
func (p *plan) timesOf(i int, known []int) []string {
	is := func(k int) bool { return slices.Contains(known, k) && !p.stages[k].absent }
	var out []string
	for _, b := range p.pattern.Order() {
		text := ""
		switch {
		case b.To == i && is(b.From):
			text = "from the first " + p.stages[b.From].id
			if b.Within > 0 {
				text += fmt.Sprintf(" to %s after the last", short(b.Within))
			}
		case b.From == i && is(b.To):
			text = "to the last " + p.stages[b.To].id
			if b.Within > 0 {
				text = fmt.Sprintf("from %s before the first %s to the last", short(b.Within), p.stages[b.To].id)
			}
		default:
			continue
		}
		out = append(out, text)
	}
	if p.maxSpan > 0 && slices.ContainsFunc(known, is) {
		out = append(out, fmt.Sprintf("within %s of each of them", short(p.maxSpan)))
	}
	return out
}

// short writes a duration as rules do.
func short(d time.Duration) string {
	for _, unit := range []string{"d", "h", "m", "s"} {
		if of := durationUnits[unit]; d%of == 0 && (unit != "d" || d > of) {
			return fmt.Sprintf("%d%s", d/of, unit)
		}
	}
	return d.String()
}
