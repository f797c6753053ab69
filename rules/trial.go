package rules

import (
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/sequence"
)

// Trial is a rule over documents that were gathered wider than it asks for:
// whatever its views carry around a time. What keeps the rule from firing is
// found by leaving some of its requirements out, see [Trial.Chain]. It is not
// for several goroutines at once.
type Trial struct {
	Rule *Rule
	// Window is what the requirement of a windowed rule speaks of.
	Window Window
	// From and To bound what was looked at.
	From, To time.Time

	keys         []Sought
	stages       []*trialStage
	requirements []Requirement
}

// trialStage is a stage and every event that may have to do with it.
type trialStage struct {
	*stage
	at      int
	events  []*event
	queries []eql.Expr     // the conjuncts of cond; nil where texts are kuery
	texts   []string       // the same as a rule has them
	asks    [][]string     // parallel to queries: the columns that they read
	program []*eql.Program // parallel to queries; nil where the engine decides
	pass    [][]bool       // by event and conjunct; of a linked one always true
	linked  []bool         // whether rows of other stages decide a conjunct
	columns [][]int        // per key, the columns in which it is looked for
	match   []keyMatch     // by event
	cut     []Cut
}

// keyMatch is what an event says of the keys that are looked for.
type keyMatch uint8

const (
	keyUnsaid keyMatch = iota // it has no value there
	keyIs
	keyIsNot
)

// Sought is whom a trial is about: a column, or the first part of the names of
// several ("user"), and a value, compared with A to Z folded.
type Sought struct {
	Name  string `json:"column"`
	Value string `json:"value"`
}

// Cut says that not all of a source was looked at.
type Cut struct {
	Stage, Source string
	There         int64     // documents there are
	Read          int       // of them, read
	From, To      time.Time // of what was read
}

// What a [Requirement] is about.
type RequirementKind string

// The kinds of requirements.
const (
	MustQuery  RequirementKind = "query"     // a condition of the stage's query
	MustJoin   RequirementKind = "join"      // a condition of its join
	MustFollow RequirementKind = "order"     // it comes after Other
	MustReach  RequirementKind = "gap"       // and at most Within after it
	MustSpan   RequirementKind = "span"      // the whole chain is not longer than Within
	MustPick   RequirementKind = "pick"      // of several rows it takes one
	MustLack   RequirementKind = "absent"    // no row of the stage may exist
	MustStay   RequirementKind = "exception" // no exception keeps it out
	MustBe     RequirementKind = "key"       // the row is of whom is looked for
	MustLie    RequirementKind = "window"    // all rows lie in one window
)

// Requirement is one of the things that must be so for a chain.
type Requirement struct {
	Kind   RequirementKind
	Stage  string // whose it is; "" of span and window
	Other  string // of order and gap: the stage before
	Text   string // of query, join and pick: as the rule has it
	Within time.Duration
	Linked bool // of query: rows of other stages decide
	// Columns are those of the rows that it speaks of, the stage's own first.
	Columns []StageColumn

	stage, other, part int
	expr               eql.Expr
}

// Requirements returns everything that must be so, in the rule's order.
func (t *Trial) Requirements() []Requirement { return t.requirements }

// TrialStage says what was gathered for a stage.
type TrialStage struct {
	ID, View string
	Absent   bool
	Groups   bool  // its rows are groups of events
	Events   int   // of the view's sources
	OfKey    int   // of them, with the value that is looked for
	Keyed    bool  // whether it can have that value at all
	Untold   int   // of Events, those that do not tell whose they are
	Passing  int   // of OfKey and Untold, those that the query accepts
	Cuts     []Cut // what was not looked at
}

// Stages returns what was gathered, in the rule's order. A query's conditions
// that other stages decide are left out of account.
func (t *Trial) Stages() []TrialStage {
	out := make([]TrialStage, len(t.stages))
	for i, s := range t.stages {
		x := TrialStage{ID: s.id, Absent: s.absent, Groups: s.group != nil, Events: len(s.events), Cuts: s.cut, Keyed: s.keyed()}
		if s.view != nil {
			x.View = s.view.name
		}
		for k := range s.events {
			switch s.match[k] {
			case keyIs:
				x.OfKey++
			case keyUnsaid:
				x.Untold++
			case keyIsNot:
				continue
			}
			if !slices.Contains(s.pass[k], false) {
				x.Passing++
			}
		}
		out[i] = x
	}
	return out
}

// keyed reports whether events of the stage can tell whose they are.
func (s *trialStage) keyed() bool {
	return slices.ContainsFunc(s.columns, func(c []int) bool { return len(c) > 0 })
}

// newTrial binds a rule's stages to what is looked for.
func newTrial(r *Rule, keys []Sought) *Trial {
	t := &Trial{Rule: r, keys: keys}
	for i, s := range r.plan.stages {
		look := *s
		look.columns = slices.Clone(s.columns)
		t.stages = append(t.stages, &trialStage{stage: &look, at: i})
	}
	t.seek(keys)
	return t
}

// seek finds the columns in which the keys stand: those that tell one chain from
// another, since other columns of that name may well name somebody else.
func (t *Trial) seek(keys []Sought) {
	uses := t.Rule.plan.uses()
	for _, key := range keys {
		found := false
		for _, telling := range []bool{true, false} {
			if found {
				break
			}
			for i, s := range t.stages {
				if telling {
					s.columns = append(s.columns, nil)
				}
				if s.absent {
					continue
				}
				k := len(s.columns) - 1
				for c, name := range s.stage.columns {
					if key.names(name) && (!telling || uses[i].tells(name)) {
						s.columns[k], found = append(s.columns[k], c), true
					}
				}
			}
		}
		if !found && strings.Contains(key.Name, ".") {
			t.seekField(key.Name)
		}
	}
}

// seekField looks for a field that no stage has as a column.
func (t *Trial) seekField(name string) {
	for _, s := range t.stages {
		if s.absent {
			continue
		}
		s.need(name)
		k := len(s.columns) - 1
		s.columns[k] = append(s.columns[k], slices.Index(s.stage.columns, name))
	}
}

func (k Sought) names(column string) bool {
	return column == k.Name || !strings.Contains(k.Name, ".") && strings.HasPrefix(column, k.Name+".")
}

// tells reports whether a join or the alert's key reads the column.
func (u columnUses) tells(column string) bool {
	i := slices.IndexFunc(u, func(c columnUse) bool { return c.name == column })
	return i >= 0 && (slices.Contains(u[i].uses, UseJoin) || slices.Contains(u[i].uses, UseBy))
}

// matches compares an event with the keys.
func (s *trialStage) matches(e *event, keys []Sought) keyMatch {
	out := keyUnsaid
	for k, columns := range s.columns {
		said, is := false, false
		for _, c := range columns {
			for _, v := range e.values[c] {
				said = true
				is = is || eql.Fold(v.String()) == eql.Fold(keys[k].Value)
			}
		}
		switch {
		case said && !is:
			return keyIsNot
		case is:
			out = keyIs
		}
	}
	return out
}

// require lists what the rule asks for.
func (t *Trial) require(keys []Sought) {
	add := func(r Requirement) { t.requirements = append(t.requirements, r) }
	p := &t.Rule.plan
	for i, s := range t.stages {
		base := Requirement{Stage: s.id, stage: i}
		if s.keyed() && len(keys) > 0 {
			key := base
			key.Kind = MustBe
			for k := range keys {
				for _, c := range s.columns[k] {
					key.Columns = append(key.Columns, StageColumn{s.id, s.stage.columns[c]})
				}
			}
			add(key)
		}
		for k, e := range s.queries {
			q := base
			q.Kind, q.part, q.expr, q.Text, q.Linked = MustQuery, k, e, s.texts[k], s.linked[k]
			for _, name := range s.asks[k] {
				q.Columns = append(q.Columns, StageColumn{s.id, name})
			}
			add(q)
		}
		for k, x := range s.exceptions {
			kept := base
			kept.Kind, kept.part, kept.Text = MustStay, k, x.String()
			add(kept)
		}
		for k, e := range conjuncts(s.join) {
			j := base
			j.Kind, j.part, j.expr, j.Text = MustJoin, k, e, eql.Print(e)
			for _, ref := range eql.Refs(e) {
				at, column := p.place(ref.Name, i)
				j.Columns = append(j.Columns, StageColumn{t.stages[at].id, column})
			}
			add(j)
		}
		for _, a := range s.after {
			o := base
			o.Kind, o.Other, o.other, o.Within = MustFollow, a.Stage, t.index(a.Stage), a.Within
			add(o)
			if a.Within > 0 {
				o.Kind = MustReach
				add(o)
			}
		}
		if s.pick != sequence.PickAll {
			k := base
			k.Kind, k.Text = MustPick, map[sequence.Pick]string{sequence.PickFirst: "first", sequence.PickLast: "last"}[s.pick]
			add(k)
		}
		if s.absent {
			k := base
			k.Kind = MustLack
			add(k)
		}
	}
	if p.maxSpan > 0 {
		add(Requirement{Kind: MustSpan, Within: p.maxSpan, stage: -1})
	}
	if t.Rule.Windowed {
		add(Requirement{Kind: MustLie, stage: -1})
	}
}

func (t *Trial) index(id string) int {
	return slices.IndexFunc(t.stages, func(s *trialStage) bool { return s.id == id })
}

func refsOf(e eql.Expr) []eql.Ref {
	if e == nil {
		return nil
	}
	return eql.Refs(e)
}

// Values returns the values that a row of the chain has in a column of its
// rows; of an event also in one that only the query reads.
func (c *Chain) Values(column StageColumn) []esq.Value {
	for i, s := range c.trial.stages {
		if s.id != column.Stage || c.Rows[i] == nil {
			continue
		}
		r := c.Rows[i].row
		if k := slices.Index(s.row, column.Column); k >= 0 {
			return r.values[k]
		}
		switch column.Column {
		case "first":
			return []esq.Value{isoValue(r.first)}
		case "last":
			return []esq.Value{isoValue(r.last)}
		}
		if k := slices.Index(s.stage.columns, column.Column); k >= 0 {
			var values valueSet
			for _, e := range r.events {
				values.add(false, e.values[k])
			}
			return values.list
		}
	}
	return nil
}

// IsOf reports whether a document that was gathered for a stage has the value
// that is looked for.
func (t *Trial) IsOf(stage, index, id string) bool {
	s := t.stages[t.index(stage)]
	named := func(e *event) bool { return e.index == index && e.id == id }
	return slices.ContainsFunc(s.events, func(e *event) bool {
		return (named(e) || slices.ContainsFunc(e.parts, named)) && s.matches(e, t.keys) == keyIs
	})
}

// Literals are the texts that a condition asks for.
func (r Requirement) Literals() []string {
	if r.expr == nil {
		return nil
	}
	return eql.Literals(r.expr)
}

// Sets are the columns of other stages that a condition of a query speaks of.
func (r Requirement) Sets() []StageColumn {
	var out []StageColumn
	for _, ref := range refsOf(r.expr) {
		if ref.Func == "all" {
			id, column, _ := strings.Cut(ref.Name, ".")
			out = append(out, StageColumn{id, column})
		}
	}
	return out
}

// Prefix reports whether the condition, or one of its alternatives, is startsWith.
func (r Requirement) Prefix() bool { return asksPrefix(r.expr) }

func asksPrefix(e eql.Expr) bool {
	switch e := e.(type) {
	case *eql.Call:
		return e.Name == "startsWith"
	case *eql.Binary:
		return e.Op == eql.Or && (asksPrefix(e.L) || asksPrefix(e.R))
	}
	return false
}

// Carries reports whether a source of a stage can have values in a column.
func (t *Trial) Carries(c StageColumn, name string) bool {
	s := t.stages[t.index(c.Stage)]
	column, ok := s.eventColumn(c.Column)
	if !ok {
		column = c.Column
	}
	i := slices.IndexFunc(s.sources, func(src *source) bool { return src.name == name })
	return i < 0 || len(s.sources[i].column(column).from) > 0 || s.sources[i].scattered(column)
}
