package eql

import (
	"slices"

	"github.com/stitchdetect/stitch/esq"
)

// Value is one value of a column.
type Value = esq.Value

// Expr is a node of an expression: [*Literal], [*Column], [*Call], [*Unary],
// [*Binary] or [*Lookup]. The set is closed. Trees are not changed once built.
type Expr interface {
	// Span returns where the node stands in the text it was read from.
	Span() Span
	expr()
}

// Literal is a value written in the expression. Numbers are never negative:
// a minus is a [*Unary].
type Literal struct {
	Value Value
	// Float says that a number was written with a point or an exponent, which
	// decides how it divides: 7 / 2 is 3, 7 / 2.0 is 3.5.
	Float bool
	At    Span
}

// Column is a reference to values of rows.
type Column struct {
	Func     string // "" for a column, "all" for all(stage.column), "matched" for matched(stage.column)
	Name     string // with its dots, without backticks
	Optional bool   // written with a ?, which says the same here: an unknown column has no values
	At       Span
}

// Call is a function and its arguments.
type Call struct {
	Name string // without the ~
	Fold bool   // written with a ~
	Args []Expr
	At   Span
}

// Op is an operator.
type Op string

// The operators of [*Unary], [*Binary] and [*Lookup] nodes.
const (
	Not Op = "not"
	Neg Op = "-" // of a Unary; Sub of a Binary

	And          Op = "and"
	Or           Op = "or"
	Equals       Op = "=="
	NotEquals    Op = "!="
	Less         Op = "<"
	LessEqual    Op = "<="
	Greater      Op = ">"
	GreaterEqual Op = ">="
	Match        Op = ":" // of a Binary with a value on its right, of a Lookup with literals
	Add          Op = "+"
	Sub          Op = "-"
	Mul          Op = "*"
	Div          Op = "/"
	Mod          Op = "%"

	In    Op = "in"
	Like  Op = "like"
	Regex Op = "regex"
)

// Unary is [Not] or [Neg] of an expression.
type Unary struct {
	Op Op
	X  Expr
	At Span
}

// Binary is an operator between two expressions: [And], [Or], a comparison or
// an arithmetic one. [Match] has no literal on its right; that is a [*Lookup].
type Binary struct {
	Op   Op
	L, R Expr
	At   Span
}

// Lookup asks whether X is one of several: [In] a list of expressions or a
// set, or [Match], [Like] or [Regex] with one or more literals. "not in" is
// [Not] of a Lookup.
type Lookup struct {
	Op   Op
	Fold bool // in~, like~, regex~; always true of Match
	X    Expr
	List []Expr
	Set  *Column // of In: all(stage.column), instead of List
	At   Span
}

// Event is a condition on one kind of event: CATEGORY where CONDITION.
type Event struct {
	Category     string // "any", an identifier, or the text of a quoted string
	CategorySpan Span
	Cond         Expr
}

// Span returns where the literal stands.
func (e *Literal) Span() Span { return e.At }

// Span returns where the reference stands.
func (e *Column) Span() Span { return e.At }

// Span returns where the call stands, with its name and parentheses.
func (e *Call) Span() Span { return e.At }

// Span returns where the operator and its operand stand.
func (e *Unary) Span() Span { return e.At }

// Span returns where the operands and what is between them stand.
func (e *Binary) Span() Span { return e.At }

// Span returns where the operand, the operator and the list stand.
func (e *Lookup) Span() Span { return e.At }

func (*Literal) expr() {}
func (*Column) expr()  {}
func (*Call) expr()    {}
func (*Unary) expr()   {}
func (*Binary) expr()  {}
func (*Lookup) expr()  {}

// Equal reports whether a and b are the same expression, wherever they stand.
func Equal(a, b Expr) bool {
	switch a := a.(type) {
	case *Literal:
		b, ok := b.(*Literal)
		return ok && a.Value == b.Value && a.Float == b.Float
	case *Column:
		b, ok := b.(*Column)
		return ok && equalColumns(a, b)
	case *Call:
		b, ok := b.(*Call)
		return ok && a.Name == b.Name && a.Fold == b.Fold && slices.EqualFunc(a.Args, b.Args, Equal)
	case *Unary:
		b, ok := b.(*Unary)
		return ok && a.Op == b.Op && Equal(a.X, b.X)
	case *Binary:
		b, ok := b.(*Binary)
		return ok && a.Op == b.Op && Equal(a.L, b.L) && Equal(a.R, b.R)
	case *Lookup:
		b, ok := b.(*Lookup)
		return ok && a.Op == b.Op && a.Fold == b.Fold && Equal(a.X, b.X) &&
			equalColumns(a.Set, b.Set) && slices.EqualFunc(a.List, b.List, Equal)
	}
	return a == b
}

func equalColumns(a, b *Column) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Func == b.Func && a.Name == b.Name && a.Optional == b.Optional
}

// Ref is what an expression asks of rows.
type Ref struct {
	Func string // "" for a column, "all" for all(stage.column), "matched" for matched(stage.column)
	Name string // the column as written, with its stage
	Span Span
}

// Refs returns the references of e in the order of the text, duplicates too.
func Refs(e Expr) []Ref {
	n := 0
	walk(e, func(e Expr) {
		if _, ok := e.(*Column); ok {
			n++
		}
	})
	if n == 0 {
		return nil
	}
	refs := make([]Ref, 0, n)
	walk(e, func(e Expr) {
		if c, ok := e.(*Column); ok {
			refs = append(refs, c.ref())
		}
	})
	return refs
}

func (e *Column) ref() Ref { return Ref{Func: e.Func, Name: e.Name, Span: e.At} }

// walk calls visit for every node of e, in the order of the text.
func walk(e Expr, visit func(Expr)) {
	visit(e)
	switch e := e.(type) {
	case *Call:
		for _, arg := range e.Args {
			walk(arg, visit)
		}
	case *Unary:
		walk(e.X, visit)
	case *Binary:
		walk(e.L, visit)
		walk(e.R, visit)
	case *Lookup:
		walk(e.X, visit)
		if e.Set != nil {
			walk(e.Set, visit)
		}
		for _, item := range e.List {
			walk(item, visit)
		}
	}
}

// Conjuncts returns the conditions that hold together exactly when e holds:
// the sides of every top-level "and", and the negated sides of a negated "or".
func Conjuncts(e Expr) []Expr {
	switch e := e.(type) {
	case *Binary:
		if e.Op == And {
			return append(Conjuncts(e.L), Conjuncts(e.R)...)
		}
	case *Unary:
		if e.Op == Not {
			return negatedConjuncts(e)
		}
	}
	return []Expr{e}
}

func negatedConjuncts(not *Unary) []Expr {
	switch x := not.X.(type) {
	case *Binary:
		if x.Op == Or {
			left := &Unary{Op: Not, X: x.L, At: x.L.Span()}
			right := &Unary{Op: Not, X: x.R, At: x.R.Span()}
			return append(Conjuncts(left), Conjuncts(right)...)
		}
	case *Unary:
		if x.Op == Not {
			return Conjuncts(x.X)
		}
	}
	return []Expr{not}
}

// Equality is a condition that two expressions have a value in common.
type Equality struct {
	Left, Right Expr
	Fold        bool // without regard to the case of ASCII letters
}

// AsEquality returns the sides of "a == b" and of "a : b", for joins by hash;
// equal values have equal [Key]s. ok is false for every other expression, for
// wildcards behind a colon and for "== null", which asks for absence.
func AsEquality(e Expr) (eq Equality, ok bool) {
	b, is := e.(*Binary)
	if !is || b.Op != Equals && b.Op != Match || isNull(b.L) || isNull(b.R) {
		return Equality{}, false
	}
	return Equality{Left: b.L, Right: b.R, Fold: b.Op == Match}, true
}

func isNull(e Expr) bool {
	l, ok := e.(*Literal)
	return ok && l.Value.IsNull()
}
