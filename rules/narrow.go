package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// What of a neighbour's values is worth sending along; with more the engine is
// asked without them, and the stitcher decides.
const (
	maxKeys     = 10_000
	maxPrefixes = 64
)

// narrower rewrites joins, which speak of pairs of rows, into conditions on
// the documents of one stage alone: "user.email : alert.user.email", once the
// alerts are there, is "user.email in~" the addresses of the alerts. What it
// makes accepts every document that can stand in a chain.
type narrower struct {
	*evaluation
	stage int      // whose documents are asked for
	rows  [][]*row // per stage, what is known; nil where nothing is
	sets  map[string]*eql.Set
}

// verdict is what a condition has become.
type verdict struct {
	expr  eql.Expr // nil: always, or never
	never bool
}

var (
	always = verdict{}
	never  = verdict{never: true}
)

// conditions returns what the joins of all stages ask of the documents of
// n.stage. What an absent stage asks of others is no matter of theirs: of its
// rows nothing is ever known.
func (n *narrower) conditions() []eql.Expr {
	var out []eql.Expr
	for owner, s := range n.stages {
		if s.join == nil || owner != n.stage && n.rows[owner] == nil {
			continue
		}
		switch v := n.narrow(s.join, owner); {
		case v.never:
			return []eql.Expr{&eql.Literal{Value: esq.Boolean(false)}}
		case v.expr != nil:
			out = append(out, v.expr)
		}
	}
	return out
}

func (n *narrower) narrow(e eql.Expr, owner int) verdict {
	switch e := e.(type) {
	case *eql.Binary:
		switch e.Op {
		case eql.And:
			return both(n.narrow(e.L, owner), n.narrow(e.R, owner))
		case eql.Or:
			return either(n.narrow(e.L, owner), n.narrow(e.R, owner))
		case eql.Equals, eql.Match:
			return n.equality(e, owner)
		}
	case *eql.Call:
		if e.Name == "startsWith" && len(e.Args) == 2 {
			return n.prefix(e, owner)
		}
	}
	return always
}

func both(a, b verdict) verdict {
	switch {
	case a.never || b.never:
		return never
	case a.expr == nil:
		return b
	case b.expr == nil:
		return a
	}
	return verdict{expr: &eql.Binary{Op: eql.And, L: a.expr, R: b.expr}}
}

func either(a, b verdict) verdict {
	switch {
	case a.never:
		return b
	case b.never:
		return a
	case a.expr == nil || b.expr == nil:
		return always
	}
	return verdict{expr: &eql.Binary{Op: eql.Or, L: a.expr, R: b.expr}}
}

func (n *narrower) equality(e *eql.Binary, owner int) verdict {
	if own, ok := n.own(e.L, owner); ok {
		return n.equals(own, e.R, e, owner)
	}
	if own, ok := n.own(e.R, owner); ok {
		return n.equals(own, e.L, e, owner)
	}
	return n.absence(e, owner)
}

func (n *narrower) equals(own *eql.Column, other eql.Expr, e *eql.Binary, owner int) verdict {
	if literal, ok := other.(*eql.Literal); ok {
		return verdict{expr: &eql.Binary{Op: e.Op, L: own, R: literal}}
	}
	values, ok := n.values(other, owner)
	switch {
	case !ok || len(values) > maxKeys:
		return always
	case len(values) == 0:
		return never
	}
	name := "neighbour." + strconv.Itoa(len(n.sets))
	n.sets[name] = eql.NewSet(values)
	set := &eql.Column{Func: "all", Name: name}
	return verdict{expr: &eql.Lookup{Op: eql.In, Fold: e.Op == eql.Match, X: own, Set: set}}
}

// absence decides "neighbour.column == null": never if every row has a value.
func (n *narrower) absence(e *eql.Binary, owner int) verdict {
	literal, ok := e.R.(*eql.Literal)
	if !ok || !literal.Value.IsNull() {
		return always
	}
	stage, column, ok := n.column(e.L, owner)
	if !ok || n.rows[stage] == nil {
		return always
	}
	if slices.ContainsFunc(n.rows[stage], func(r *row) bool { return len(r.values[column]) == 0 || r.values[column][0].IsNull() }) {
		return always
	}
	return never
}

// prefix makes startsWith(own, neighbour.column) a choice of few prefixes.
func (n *narrower) prefix(e *eql.Call, owner int) verdict {
	own, ok := n.own(e.Args[0], owner)
	if !ok {
		return always
	}
	values, ok := n.values(e.Args[1], owner)
	if !ok || len(values) > maxPrefixes {
		return always
	}
	out := never
	for _, v := range values {
		call := &eql.Call{Name: e.Name, Fold: e.Fold, Args: []eql.Expr{own, &eql.Literal{Value: v}}}
		out = either(out, verdict{expr: call})
	}
	return out
}

// column resolves a reference in the join of owner to a column of a row.
func (n *narrower) column(e eql.Expr, owner int) (at, column int, ok bool) {
	ref, ok := e.(*eql.Column)
	if !ok || ref.Func != "" {
		return 0, 0, false
	}
	at, name := owner, ref.Name
	id, rest, _ := strings.Cut(ref.Name, ".")
	if i := slices.IndexFunc(n.stages[:owner], func(s *stage) bool { return s.id == id }); i >= 0 {
		at, name = i, rest
	}
	column = slices.Index(n.stages[at].row, name)
	return at, column, column >= 0
}

// own returns the reference as the stage's documents know it. Of a group only
// what it is grouped by can be asked of each document.
func (n *narrower) own(e eql.Expr, owner int) (*eql.Column, bool) {
	stage, column, ok := n.column(e, owner)
	if !ok || stage != n.stage {
		return nil, false
	}
	s := n.stages[stage]
	if s.group != nil && column >= len(s.group.by) {
		return nil, false
	}
	return &eql.Column{Name: s.row[column]}, true
}

// values are a neighbour's values, all rows together.
func (n *narrower) values(e eql.Expr, owner int) ([]eql.Value, bool) {
	stage, column, ok := n.column(e, owner)
	if !ok || stage == n.stage || n.rows[stage] == nil {
		return nil, false
	}
	var set valueSet
	for _, r := range n.rows[stage] {
		set.add(false, r.values[column])
	}
	return slices.DeleteFunc(set.list, eql.Value.IsNull), true
}
