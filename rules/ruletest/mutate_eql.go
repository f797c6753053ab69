package ruletest

import (
	"slices"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

func trueValue() esq.Value { return esq.Boolean(true) }

// conditions adds the mutations of an expression that is true or false. set
// writes another in its place, nil for none.
func (m *mutator) conditions(path []string, where string, e eql.Expr, set func(map[string]any, eql.Expr)) {
	x := changer{note: func(at eql.Expr, condition bool, what string, changed eql.Expr) {
		line := m.file.TextLine(path, at.Span().Start.Line)
		mutation := m.add(line, func(rule map[string]any) { set(rule, changed) }, "%s: %s %s", where, eql.Print(at), what)
		mutation.Condition = condition
	}}
	x.condition(e, func(e eql.Expr) eql.Expr { return e })
}

// changer walks over an expression and notes every change of it: of which part,
// and what the whole becomes, nil for none.
type changer struct {
	note func(at eql.Expr, condition bool, what string, changed eql.Expr)
}

// whole puts a changed part back into its place, nil if it is gone.
type whole func(eql.Expr) eql.Expr

// condition is a part that must hold.
func (x changer) condition(e eql.Expr, put whole) {
	if b, ok := e.(*eql.Binary); ok && b.Op == eql.And {
		x.condition(b.L, func(l eql.Expr) eql.Expr { return put(both(l, b.R)) })
		x.condition(b.R, func(r eql.Expr) eql.Expr { return put(both(b.L, r)) })
		return
	}
	x.note(e, true, "removed", put(nil))
	x.note(e, false, "negated", put(negated(e)))
	x.inner(e, put)
}

func negated(e eql.Expr) eql.Expr {
	if not, ok := e.(*eql.Unary); ok && not.Op == eql.Not {
		return not.X
	}
	return &eql.Unary{Op: eql.Not, X: e}
}

// both joins two conditions, either of which may be gone.
func both(l, r eql.Expr) eql.Expr {
	if l == nil {
		return r
	}
	if r == nil {
		return l
	}
	return &eql.Binary{Op: eql.And, L: l, R: r}
}

// inner is what is within a condition.
func (x changer) inner(e eql.Expr, put whole) {
	switch e := e.(type) {
	case *eql.Unary:
		if e.Op == eql.Not {
			x.inner(e.X, func(in eql.Expr) eql.Expr {
				if in == nil {
					return put(nil)
				}
				return put(&eql.Unary{Op: eql.Not, X: in})
			})
		}
	case *eql.Binary:
		x.binary(e, put)
	case *eql.Lookup:
		x.lookup(e, put)
	case *eql.Call:
		x.value(e, e, put)
	}
}

func (x changer) binary(e *eql.Binary, put whole) {
	switch e.Op {
	case eql.And: // within an or or a not
		x.condition(e, put)
		return
	case eql.Or:
		x.alternative(e.L, e.R, func(l eql.Expr) eql.Expr { return put(&eql.Binary{Op: eql.Or, L: l, R: e.R}) }, put)
		x.alternative(e.R, e.L, func(r eql.Expr) eql.Expr { return put(&eql.Binary{Op: eql.Or, L: e.L, R: r}) }, put)
		return
	case eql.Match:
		x.note(e, false, "without folding", put(&eql.Binary{Op: eql.Equals, L: e.L, R: e.R}))
	}
	other := map[eql.Op]eql.Op{eql.Less: eql.LessEqual, eql.LessEqual: eql.Less, eql.Greater: eql.GreaterEqual, eql.GreaterEqual: eql.Greater}
	if op, ok := other[e.Op]; ok {
		x.note(e, false, "as "+string(op), put(&eql.Binary{Op: op, L: e.L, R: e.R}))
	}
	x.value(e.L, e, func(l eql.Expr) eql.Expr { return put(&eql.Binary{Op: e.Op, L: l, R: e.R}) })
	x.value(e.R, e, func(r eql.Expr) eql.Expr { return put(&eql.Binary{Op: e.Op, L: e.L, R: r}) })
}

// alternative is one side of an or; the rest of it is what is left without.
func (x changer) alternative(side, rest eql.Expr, put, alone whole) {
	if b, ok := side.(*eql.Binary); !ok || b.Op != eql.Or {
		x.note(side, false, "dropped from its or", alone(rest))
	}
	x.inner(side, put)
}

func (x changer) lookup(e *eql.Lookup, put whole) {
	if e.Fold {
		exact := *e
		exact.Fold = false
		if e.Op == eql.Match {
			exact.Op = eql.Like
		}
		x.note(e, false, "without folding", put(&exact))
	}
	for i, item := range e.List {
		if len(e.List) > 1 {
			fewer := *e
			fewer.List = slices.Delete(slices.Clone(e.List), i, i+1)
			x.note(e, false, "without "+eql.Print(item), put(&fewer))
		}
	}
	x.value(e.X, e, func(in eql.Expr) eql.Expr {
		changed := *e
		changed.X = in
		return put(&changed)
	})
}

// value is a part that has a value, within a condition: its calls may fold.
func (x changer) value(e, within eql.Expr, put whole) {
	call, ok := e.(*eql.Call)
	if !ok {
		return
	}
	if call.Fold {
		exact := *call
		exact.Fold = false
		x.note(within, false, "without folding in "+call.Name, put(&exact))
	}
	for i, arg := range call.Args {
		x.value(arg, within, func(in eql.Expr) eql.Expr {
			changed := *call
			changed.Args = slices.Clone(call.Args)
			changed.Args[i] = in
			return put(&changed)
		})
	}
}
