package rules

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/esq/kuery"
)

// Probe is one source of one stage of a rule, laid open for whoever wants to
// know why the rule stays silent. It asks nothing itself.
type Probe struct {
	Stage        string
	Absent       bool     // no row of the stage may exist
	View, Source string   // "" where the stage names its indices itself
	Index        []string // names and patterns
	Time, Ingest string   // date fields; Ingest is "" for a source without one
	Kuery        bool     // the engine decides all conditions, as Kibana would have it
	// Columns are without those whose values lie in several documents.
	Columns []ProbeColumn

	stage  *stage // the rule's stage, with Columns alone
	source *source
	filter kuery.Node // nil: everything
	where  kuery.Node // of a rule of one kuery query
}

// What a rule needs a column for, as [ProbeColumn.Uses] has it.
const (
	UseQuery     = "query"
	UseJoin      = "join"
	UseSummarize = "summarize"
	UseBy        = "by"
	UseDetails   = "details"
	UseIdentity  = "identity"
)

// ProbeColumn is a column that the rule needs of a source.
type ProbeColumn struct {
	Name string
	From []string // candidate fields, the first with a value counts; none: the source never has it
	Uses []string // in the order of the constants
}

// Condition is one of the conditions that a document must satisfy together.
type Condition struct {
	Text string // as a rule would have it
	// Query accepts every document that satisfies the condition; with Exact it
	// accepts no other, else only [Condition.Holds] can tell.
	Query esq.Query
	Exact bool
	// Linked says that the rows of another stage decide, all(...), or further
	// documents of the event: of a document alone nothing can be told but what
	// Query asks.
	Linked   bool
	Columns  []string // what it speaks of; fields where the rule is a kuery query
	Literals []string // the texts that it asks for

	program  *eql.Program
	possible func(filled func(string) bool) bool
	relaxed  func(filled func(string) bool) esq.Query
}

// Holds decides the condition on a document's values. Where the engine decides,
// or another stage, it is true.
func (c Condition) Holds(r Reading) bool {
	return c.program == nil || c.program.Holds(eventEnv{r.event, nil})
}

// Possible reports whether a document may satisfy the condition if only the
// columns that filled accepts ever have a value.
func (c Condition) Possible(filled func(column string) bool) bool { return c.possible(filled) }

// Relaxed returns the condition without the parts that need a column which
// filled does not accept. A document that it accepts lacks nothing but these.
func (c Condition) Relaxed(filled func(column string) bool) esq.Query { return c.relaxed(filled) }

// Probes returns the sources of all stages, in the rule's order.
func (r *Rule) Probes() []*Probe {
	uses := r.plan.uses()
	var out []*Probe
	for i, s := range r.plan.stages {
		for _, src := range s.sources {
			out = append(out, r.probe(s, src, uses[i]))
		}
	}
	return out
}

func (r *Rule) probe(s *stage, src *source, uses columnUses) *Probe {
	p := &Probe{
		Stage: s.id, Absent: s.absent, Source: src.name, Index: src.index,
		Time: src.time, Ingest: src.ingest, source: src, filter: src.node,
	}
	if s.view != nil {
		p.View = s.view.name
	}
	if r.Type == "query" {
		p.filter, p.where, p.Kuery = nil, src.node, true
		for _, name := range kueryFields(src.node) {
			uses = uses.with(name, UseQuery)
		}
	}
	look := *s
	look.columns = nil
	for _, u := range uses {
		look.columns = append(look.columns, u.name)
		if src.scattered(u.name) {
			continue // no document tells whether its event has a value
		}
		p.Columns = append(p.Columns, ProbeColumn{Name: u.name, From: src.column(u.name).from, Uses: u.uses})
	}
	p.stage = &look
	return p
}

func kueryFields(n kuery.Node) []string {
	if n == nil {
		return nil
	}
	return slices.DeleteFunc(kuery.Fields(n), func(name string) bool { return strings.Contains(name, "*") })
}

// Fields returns every field that the probe's questions may speak of, and the
// objects around them, for [esq.Searcher.FieldCaps].
func (p *Probe) Fields() []string {
	return withObjects(append((&fetch{stage: p.stage}).columns(p.source), "data_stream.dataset"))
}

// Filter returns the conditions of the source's own filter, together the
// documents that are of the view.
func (p *Probe) Filter() []Condition {
	if p.filter == nil {
		if _, all := p.source.filter.(esq.MatchAll); !all && p.where == nil {
			return []Condition{p.category()}
		}
		return nil
	}
	return kueryConditions(p.filter)
}

// category is the filter that EQL's event category stands for.
func (p *Probe) category() Condition {
	term, _ := p.source.filter.(esq.Term)
	return Condition{
		Text: term.Field + " == " + strconv.Quote(term.Value.String()), Query: p.source.filter, Exact: true,
		Columns: []string{term.Field}, Literals: []string{term.Value.String()},
		possible: func(filled func(string) bool) bool { return filled(term.Field) },
		relaxed:  func(func(string) bool) esq.Query { return p.source.filter },
	}
}

// Conditions returns the conditions of the stage's query, in its order, as the
// source's documents are asked for them; caps are what the engine knows of
// [Probe.Fields].
func (p *Probe) Conditions(caps map[string]esq.FieldCap) []Condition {
	if p.where != nil {
		return kueryConditions(p.where)
	}
	if p.stage.cond == nil {
		return nil
	}
	var out []Condition
	for _, e := range eql.Conjuncts(p.stage.cond) {
		out = append(out, p.condition(e, caps))
	}
	return out
}

func kueryConditions(n kuery.Node) []Condition {
	var out []Condition
	for _, c := range kuery.Conjuncts(n) {
		out = append(out, Condition{
			Text: kuery.Print(c), Query: kuery.Translate(c), Exact: true, Columns: kueryFields(c), Literals: kuery.Literals(c),
			possible: func(filled func(string) bool) bool { return kuery.Possible(c, filled) },
			relaxed: func(filled func(string) bool) esq.Query {
				if left := kuery.Relax(c, filled); left != nil {
					return kuery.Translate(left)
				}
				return esq.MatchAll{}
			},
		})
	}
	return out
}

func (p *Probe) condition(e eql.Expr, caps map[string]esq.FieldCap) Condition {
	mapping := &sourceColumns{source: p.source, caps: caps, view: p.stage.view != nil}
	unknown := func(eql.Ref) *eql.Set { return nil }
	c := Condition{Text: eql.Print(e), Literals: eql.Literals(e)}
	c.Query, c.Exact = eql.Translate(e, mapping, unknown)
	for _, ref := range eql.Refs(e) {
		c.Linked = c.Linked || ref.Func != "" || p.source.scattered(ref.Name)
		if ref.Func == "" && !slices.Contains(c.Columns, ref.Name) {
			c.Columns = append(c.Columns, ref.Name)
		}
	}
	c.possible = func(filled func(string) bool) bool { return eql.Possible(e, own(filled)) }
	c.relaxed = func(filled func(string) bool) esq.Query {
		left := eql.Relax(e, own(filled))
		if left == nil {
			return esq.MatchAll{}
		}
		q, _ := eql.Translate(left, mapping, unknown)
		return q
	}
	if !c.Linked {
		// It compiled as a part of the whole query when the rule was loaded.
		c.program, _ = eql.Compile(e, func(ref eql.Ref) (int, error) { return slices.Index(p.stage.columns, ref.Name), nil })
	}
	return c
}

// own asks filled of a stage's own columns; those of others count as filled.
func own(filled func(string) bool) func(eql.Ref) bool {
	return func(ref eql.Ref) bool { return ref.Func != "" || filled(ref.Name) }
}

// Reading is a document as a stage sees it.
type Reading struct {
	event *event
	from  []string // by column, the candidate field that its values are from
	names []string
}

// Time is when the event happened.
func (r Reading) Time() time.Time { return time.UnixMilli(r.event.time).UTC() }

// Values returns the values of one of the probe's columns in the view's words,
// and the field that they are from; none and "" where it has none.
func (r Reading) Values(column string) (values []esq.Value, from string) {
	i := slices.Index(r.names, column)
	if i < 0 {
		return nil, ""
	}
	return r.event.values[i], r.from[i]
}

// Reader returns what a search must read of a document, and how its hits are
// read; ok is false for a document whose time cannot be read.
func (p *Probe) Reader() (fields []esq.Field, read func(esq.Hit) (r Reading, ok bool)) {
	reader := newReader(p.stage, p.source)
	return reader.fields, func(h esq.Hit) (Reading, bool) {
		e, ok := reader.event(h)
		if !ok {
			return Reading{}, false
		}
		r := Reading{event: e, names: p.stage.columns, from: make([]string, len(p.stage.columns))}
		for i, name := range r.names {
			r.from[i] = reader.origin(h, i, p.source.column(name))
		}
		return r, true
	}
}

// origin names the candidate that a column's values are from.
func (r *reader) origin(h esq.Hit, i int, c column) string {
	for k, field := range c.from {
		alone := &reader{stage: r.stage, source: r.source, at: [][]int{{r.at[i][k]}}}
		if len(alone.column(h, 0, c)) > 0 {
			return field
		}
	}
	return ""
}

// UnixMillis reads a time as date fields hold it: an ISO 8601 text, UTC where it
// has no zone, or milliseconds since 1970.
func UnixMillis(v esq.Value) (ms int64, ok bool) { return unixMillis(v) }
