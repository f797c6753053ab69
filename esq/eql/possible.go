package eql

import "slices"

// Possible reports whether e may hold for some row if only the references that
// filled accepts ever have a value. It is generous: a condition that no value
// could satisfy counts as possible, one for whose values nothing is there does
// not.
func Possible(e Expr, filled func(Ref) bool) bool { return may(e, true, filled) }

// Relax returns e without the parts that need a reference which filled does not
// accept: what is left is how far a row comes that lacks these values. It is nil
// if that is no condition at all.
func Relax(e Expr, filled func(Ref) bool) Expr {
	b, ok := e.(*Binary)
	if !ok || b.Op != And && b.Op != Or {
		if !Possible(e, filled) {
			return nil
		}
		return e
	}
	l, r := Relax(b.L, filled), Relax(b.R, filled)
	switch {
	case l != nil && r != nil:
		return &Binary{Op: b.Op, L: l, R: r, At: b.At}
	case b.Op == Or:
		return nil
	case l != nil:
		return l
	}
	return r
}

// may reports whether e may be want.
func may(e Expr, want bool, filled func(Ref) bool) bool {
	switch e := e.(type) {
	case *Unary:
		if e.Op == Not {
			return may(e.X, !want, filled)
		}
	case *Binary:
		switch e.Op {
		case And, Or:
			if (e.Op == And) == want {
				return may(e.L, want, filled) && may(e.R, want, filled)
			}
			return may(e.L, want, filled) || may(e.R, want, filled)
		}
		return mayCompare(e, want, filled)
	case *Lookup:
		return !want || mayHave(e.X, filled) && (e.Set == nil || filled(e.Set.ref()))
	case *Column, *Call:
		return !want || mayHave(e, filled)
	}
	return true
}

// mayCompare is may of a comparison: with a missing value it is false, and its
// opposite true. To compare with null is to ask whether a value is missing.
func mayCompare(e *Binary, want bool, filled func(Ref) bool) bool {
	equal := e.Op != NotEquals
	if isNull(e.L) || isNull(e.R) {
		return equal == want || mayHave(e.L, filled) && mayHave(e.R, filled)
	}
	return equal != want || mayHave(e.L, filled) && mayHave(e.R, filled)
}

// mayHave reports whether a value expression may have a value.
func mayHave(e Expr, filled func(Ref) bool) bool {
	if isNull(e) {
		return true // what is compared with it decides
	}
	columns, missing := needed(e)
	return !missing && !slices.ContainsFunc(columns, func(c *Column) bool { return !filled(c.ref()) })
}

// Literals returns the texts that e asks some column to be, in the order of the
// expression; those that it asks it not to be, and patterns, are left out.
func Literals(e Expr) []string {
	switch e := e.(type) {
	case *Binary:
		switch e.Op {
		case And, Or:
			return append(Literals(e.L), Literals(e.R)...)
		case Equals, Match:
			return wanted([]Expr{e.L, e.R})
		}
	case *Lookup:
		if e.Op != Regex {
			return wanted(e.List)
		}
	}
	return nil
}

func wanted(list []Expr) []string {
	var out []string
	for _, item := range list {
		if l, ok := item.(*Literal); ok {
			if s, ok := l.Value.Str(); ok && !hasWildcards(s) {
				out = append(out, s)
			}
		}
	}
	return out
}
