package eql

import "github.com/stitchdetect/stitch/esq"

// fewValues is up to how many values are compared one by one, without a map.
const fewValues = 8

func (c *compiler) comparison(e *Binary) (compiled, error) {
	if isNull(e.L) || isNull(e.R) {
		return c.absence(e)
	}
	left, err := c.compile(e.L)
	if err != nil {
		return compiled{}, err
	}
	right, err := c.compile(e.R)
	l, r := left.values, right.values
	switch op := e.Op; op {
	case Equals, Match:
		return condition(func(env Env) bool { return anyEqual(l(env), r(env), op == Match) }), err
	case NotEquals:
		return condition(func(env Env) bool { return !anyEqual(l(env), r(env), false) }), err
	default:
		return condition(func(env Env) bool { return anyOrdered(op, l(env), r(env)) }), err
	}
}

// absence compiles a comparison with null, which asks whether there is a value.
func (c *compiler) absence(e *Binary) (compiled, error) {
	if e.Op != Equals && e.Op != NotEquals {
		return compiled{}, errorAt(e.At.Start, "nothing is %s null; write == null or != null", e.Op)
	}
	of := e.L
	if isNull(of) {
		of = e.R
	}
	x, err := c.compile(of)
	values, wanted := x.values, e.Op == NotEquals
	return condition(func(env Env) bool { return present(values(env)) == wanted }), err
}

func present(vs []Value) bool {
	for _, v := range vs {
		if !v.IsNull() {
			return true
		}
	}
	return false
}

// anyEqual reports whether a value of as equals one of bs.
func anyEqual(as, bs []Value, fold bool) bool {
	if len(as) > fewValues && len(bs) > fewValues {
		return anyInCommon(as, bs, fold)
	}
	for _, a := range as {
		for _, b := range bs {
			if equalValues(a, b, fold) {
				return true
			}
		}
	}
	return false
}

func anyInCommon(as, bs []Value, fold bool) bool {
	set := NewSet(as)
	for _, b := range bs {
		if set.Contains(b, fold) {
			return true
		}
	}
	return false
}

func anyOrdered(op Op, as, bs []Value) bool {
	for _, a := range as {
		for _, b := range bs {
			if ordered(op, a, b) {
				return true
			}
		}
	}
	return false
}

// ordered reports whether "a op b": of two texts by their bytes, of two
// numbers, and of nothing else.
func ordered(op Op, a, b Value) bool {
	if t := typeOf(a); t != typeOf(b) || t != textType && t != numberType {
		return false
	}
	switch order := esq.Compare(a, b); op {
	case Less:
		return order < 0
	case LessEqual:
		return order <= 0
	case Greater:
		return order > 0
	default:
		return order >= 0
	}
}

func (c *compiler) lookup(e *Lookup) (compiled, error) {
	typ := anyType
	if e.Op != In {
		typ = textType
	}
	x, err := c.operand(e.X, typ, string(e.Op))
	if err != nil {
		return compiled{}, err
	}
	values := x.values
	if e.Set != nil {
		slot, err := c.slot(e.Set)
		return condition(func(env Env) bool { return anyInSet(values(env), env.Set(slot), e.Fold) }), err
	}
	if e.Op == In {
		return c.in(e, values)
	}
	return patterns(e, values)
}

func anyInSet(vs []Value, set *Set, fold bool) bool {
	for _, v := range vs {
		if set.Contains(v, fold) {
			return true
		}
	}
	return false
}

// in compiles a list: its literals once, the rest as equalities.
func (c *compiler) in(e *Lookup, values func(Env) []Value) (compiled, error) {
	var literals []Value
	var others []func(Env) []Value
	for _, item := range e.List {
		if isNull(item) {
			return compiled{}, errorAt(item.Span().Start, "null is in no list; write == null")
		}
		if l, ok := item.(*Literal); ok {
			literals = append(literals, l.Value)
			continue
		}
		node, err := c.compile(item)
		if err != nil {
			return compiled{}, err
		}
		others = append(others, node.values)
	}
	among, fold := oneOf(literals, e.Fold), e.Fold
	return condition(func(env Env) bool {
		vs := values(env)
		if among(vs) {
			return true
		}
		for _, other := range others {
			if anyEqual(vs, other(env), fold) {
				return true
			}
		}
		return false
	}), nil
}

// oneOf returns what reports whether some value is one of literals.
func oneOf(literals []Value, fold bool) func([]Value) bool {
	if len(literals) <= fewValues {
		return func(vs []Value) bool { return anyEqual(vs, literals, fold) }
	}
	set := NewSet(literals)
	return func(vs []Value) bool { return anyInSet(vs, set, fold) }
}

// patterns compiles :, like and regex with literals.
func patterns(e *Lookup, values func(Env) []Value) (compiled, error) {
	var plain []Value
	var match []func(string) bool
	for _, item := range e.List {
		l, ok := item.(*Literal)
		s, isText := "", false
		if ok {
			s, isText = l.Value.Str()
		}
		if !isText {
			return compiled{}, errorAt(item.Span().Start, "%s compares text: write a string, or use ==", e.Op)
		}
		switch {
		case e.Op == Regex:
			re, err := compileRegex(s, e.Fold)
			if err != nil {
				return compiled{}, errorAt(item.Span().Start, "%s", err)
			}
			match = append(match, re.MatchString)
		case hasWildcards(s):
			match = append(match, newPattern(s, e.Fold).matches)
		default:
			plain = append(plain, l.Value)
		}
	}
	among := oneOf(plain, e.Fold)
	return condition(func(env Env) bool {
		vs := values(env)
		return among(vs) || anyMatches(vs, match)
	}), nil
}

func anyMatches(vs []Value, match []func(string) bool) bool {
	for _, v := range vs {
		s, ok := v.Str()
		if !ok {
			continue
		}
		for _, m := range match {
			if m(s) {
				return true
			}
		}
	}
	return false
}
