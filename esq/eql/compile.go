package eql

import "github.com/stitchdetect/stitch/esq"

// Env is a row, or a pair of rows, that a [Program] is evaluated over. Slots
// are those that the function given to [Compile] chose.
type Env interface {
	// Values returns a column's values; none, or only nulls, when it is
	// missing. They are not changed.
	Values(slot int) []Value
	// Set returns the set behind all(...); nil is an empty one.
	Set(slot int) *Set
}

// Program is a checked expression, ready to be evaluated. It may be used by
// several goroutines.
type Program struct{ root compiled }

// compiled is a node of a program.
type compiled struct {
	typ    valueType
	float  bool              // its numbers were written or made as floats
	values func(Env) []Value // may hold nulls and duplicates
	holds  func(Env) bool    // of conditions and columns
}

// Compile checks e and binds its references: bind is called once for every one
// of them, in order, and returns the slot under which [Env] has a column's
// values ("" and "matched") or a set ("all"). The error is a [*SyntaxError]
// at the place in e that is wrong; if it is bind's, it wraps that.
func Compile(e Expr, bind func(Ref) (slot int, err error)) (*Program, error) {
	c := compiler{bind: bind}
	root, err := c.compile(e)
	if err != nil {
		return nil, err
	}
	return &Program{root}, nil
}

// Holds reports whether the condition is true, or for a value expression,
// whether true is among its values.
func (p *Program) Holds(env Env) bool { return p.root.holds != nil && p.root.holds(env) }

// Values returns the values of a value expression, without duplicates, in the
// order in which they came about; none when it is missing. A condition's is
// true or false. The slice may be the column's own and is not to be changed.
func (p *Program) Values(env Env) []Value { return distinct(p.root.values(env)) }

// distinct returns vs without nulls and duplicates; vs itself if it has none.
func distinct(vs []Value) []Value {
	for i, v := range vs {
		if v.IsNull() || contained(vs[:i], v) {
			return distinctFrom(vs, i)
		}
		if i > 16 {
			return distinctFrom(vs, i)
		}
	}
	return vs
}

func contained(vs []Value, v Value) bool {
	for _, w := range vs {
		if v == w {
			return true
		}
	}
	return false
}

// distinctFrom is distinct for vs whose first n values are known to be.
func distinctFrom(vs []Value, n int) []Value {
	seen := make(map[Value]struct{}, len(vs))
	var kept []Value
	for i, v := range vs {
		if _, double := seen[v]; i >= n && (double || v.IsNull()) {
			continue
		}
		seen[v] = struct{}{}
		kept = append(kept, v)
	}
	return kept
}

type compiler struct {
	bind func(Ref) (int, error)
}

func (c *compiler) compile(e Expr) (compiled, error) {
	switch e := e.(type) {
	case *Literal:
		return compileLiteral(e), nil
	case *Column:
		return c.column(e)
	case *Call:
		return c.call(e)
	case *Unary:
		return c.unary(e)
	case *Binary:
		return c.binary(e)
	case *Lookup:
		return c.lookup(e)
	}
	return compiled{}, errorAt(Pos{Line: 1, Column: 1}, "no expression")
}

func compileLiteral(e *Literal) compiled {
	if e.Value.IsNull() {
		return compiled{typ: nullType, values: func(Env) []Value { return nil }}
	}
	vs := []Value{e.Value}
	node := compiled{typ: typeOf(e.Value), float: e.Float, values: func(Env) []Value { return vs }}
	if b, ok := e.Value.Bool(); ok {
		node.holds = func(Env) bool { return b }
	}
	return node
}

func typeOf(v Value) valueType {
	switch v.Kind() {
	case esq.String:
		return textType
	case esq.Int, esq.Float:
		return numberType
	case esq.Bool:
		return truthType
	}
	return nullType
}

// slot binds a reference.
func (c *compiler) slot(e *Column) (int, error) {
	slot, err := c.bind(e.ref())
	if err != nil {
		at := e.At.Start
		return 0, &SyntaxError{Line: at.Line, Column: at.Column, Msg: err.Error(), Err: err}
	}
	return slot, nil
}

func (c *compiler) column(e *Column) (compiled, error) {
	if e.Func == "all" {
		return compiled{}, errorAt(e.At.Start, "all(stage.column) is a set: it stands only at the right of in, in~ and not in")
	}
	slot, err := c.slot(e)
	return compiled{
		values: func(env Env) []Value { return env.Values(slot) },
		holds:  func(env Env) bool { return contained(env.Values(slot), esq.Boolean(true)) },
	}, err
}

// condition makes a node of what is either true or false.
func condition(holds func(Env) bool) compiled {
	yes, no := []Value{esq.Boolean(true)}, []Value{esq.Boolean(false)}
	return compiled{typ: truthType, holds: holds, values: func(env Env) []Value {
		if holds(env) {
			return yes
		}
		return no
	}}
}

// operand compiles e, which must be of the type, or a column, or null.
func (c *compiler) operand(e Expr, typ valueType, of string) (compiled, error) {
	node, err := c.compile(e)
	if err == nil && !node.canBe(typ) {
		err = errorAt(e.Span().Start, "%s wants %s, not %s", of, typ, node.typ)
	}
	return node, err
}

func (n compiled) canBe(typ valueType) bool {
	return n.typ == anyType || n.typ == nullType || typ == anyType || n.typ == typ
}

// operandHolds compiles e as a condition; null is one that is false.
func (c *compiler) operandHolds(e Expr, of string) (func(Env) bool, error) {
	node, err := c.operand(e, truthType, of)
	if node.holds == nil {
		node.holds = func(Env) bool { return false }
	}
	return node.holds, err
}

func (c *compiler) unary(e *Unary) (compiled, error) {
	if e.Op == Not {
		holds, err := c.operandHolds(e.X, "not")
		return condition(func(env Env) bool { return !holds(env) }), err
	}
	x, err := c.operand(e.X, numberType, "the minus")
	values := x.values
	return compiled{typ: numberType, float: x.float, values: func(env Env) []Value {
		var out []Value
		for _, v := range values(env) {
			if n := negate(v); !n.IsNull() {
				out = append(out, n)
			}
		}
		return out
	}}, err
}

func (c *compiler) binary(e *Binary) (compiled, error) {
	switch e.Op {
	case And, Or:
		return c.logical(e)
	case Add, Sub, Mul, Div, Mod:
		return c.arithmetic(e)
	}
	return c.comparison(e)
}

func (c *compiler) logical(e *Binary) (compiled, error) {
	left, err := c.operandHolds(e.L, string(e.Op))
	if err != nil {
		return compiled{}, err
	}
	right, err := c.operandHolds(e.R, string(e.Op))
	if e.Op == And {
		return condition(func(env Env) bool { return left(env) && right(env) }), err
	}
	return condition(func(env Env) bool { return left(env) || right(env) }), err
}

func (c *compiler) arithmetic(e *Binary) (compiled, error) {
	left, err := c.operand(e.L, numberType, string(e.Op))
	if err != nil {
		return compiled{}, err
	}
	right, err := c.operand(e.R, numberType, string(e.Op))
	return calculation(e.Op, left, right), err
}

// calculation maps an operator over every pair of its operands' values.
func calculation(op Op, left, right compiled) compiled {
	float := left.float || right.float
	return compiled{typ: numberType, float: float, values: func(env Env) []Value {
		var out []Value
		for _, a := range left.values(env) {
			for _, b := range right.values(env) {
				if v := calculate(op, a, b, float); !v.IsNull() {
					out = append(out, v)
				}
			}
		}
		return out
	}}
}

// call checks the function, its arguments' number and types, and compiles them.
func (c *compiler) call(e *Call) (compiled, error) {
	f, err := findFunction(e.Name)
	if err != nil {
		return compiled{}, errorAt(e.At.Start, "%s", err)
	}
	if e.Fold && !f.folds {
		return compiled{}, errorAt(e.At.Start, "%s has no form with ~", f.name)
	}
	if least, most, words := f.arity(); len(e.Args) < least || len(e.Args) > most {
		return compiled{}, errorAt(e.At.Start, "%s takes %s, not %d", f.name, words, len(e.Args))
	}
	args, err := c.arguments(f, e)
	if err != nil {
		return compiled{}, err
	}
	if f.op != "" {
		return calculation(f.op, args[0], args[1]), nil
	}
	eval, err := f.build(e)
	if err != nil {
		return compiled{}, err
	}
	node := compiled{typ: f.result, values: func(env Env) []Value { return combine(env, args, eval) }}
	switch {
	case f.test != nil:
		node.holds = pairTest(args[0].values, args[1].values, f.test, e.Fold)
	case f.result == truthType:
		node.holds = func(env Env) bool { return contained(node.values(env), esq.Boolean(true)) }
	}
	return node, nil
}

func (c *compiler) arguments(f function, e *Call) ([]compiled, error) {
	var args []compiled
	for i, arg := range e.Args {
		want := f.param(i)
		at := arg.Span().Start
		if _, is := arg.(*Literal); want.literal && !is {
			return nil, errorAt(at, "the %s of %s is a literal", want.name, f.name)
		}
		node, err := c.operand(arg, want.typ, "the "+want.name+" of "+f.name)
		if err != nil {
			return nil, err
		}
		if f.name == "number" && i == 1 {
			continue // part of the function; null is none that is missing
		}
		args = append(args, node)
	}
	return args, nil
}

// pairTest reports whether some pair of texts passes.
func pairTest(left, right func(Env) []Value, test func(a, b string, fold bool) bool, fold bool) func(Env) bool {
	return func(env Env) bool {
		bs := right(env)
		for _, a := range left(env) {
			s, ok := a.Str()
			if !ok {
				continue
			}
			for _, b := range bs {
				if t, ok := b.Str(); ok && test(s, t, fold) {
					return true
				}
			}
		}
		return false
	}
}

// combine returns a function's values over every combination of its arguments'.
func combine(env Env, args []compiled, eval evaluate) []Value {
	lists := make([][]Value, len(args))
	for i, arg := range args {
		if lists[i] = arg.values(env); len(lists[i]) == 0 {
			return nil
		}
	}
	var out []Value
	combination, at := make([]Value, len(args)), make([]int, len(args))
	for {
		whole := true
		for i, list := range lists {
			combination[i] = list[at[i]]
			whole = whole && !combination[i].IsNull()
		}
		if whole {
			if v := eval(combination); !v.IsNull() {
				out = append(out, v)
			}
		}
		if !advance(at, lists) {
			return out
		}
	}
}

// advance moves at to the next combination, the last list's values first.
func advance(at []int, lists [][]Value) bool {
	for i := len(at) - 1; i >= 0; i-- {
		if at[i]++; at[i] < len(lists[i]) {
			return true
		}
		at[i] = 0
	}
	return false
}
