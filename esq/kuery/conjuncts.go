package kuery

import (
	"slices"
)

// Conjuncts returns the conditions that hold together exactly when n holds, in
// the order of the text: the parts of every "and" that is not below anything
// else.
func Conjuncts(n Node) []Node {
	and, ok := n.(*And)
	if !ok {
		return []Node{n}
	}
	var out []Node
	for _, c := range and.Nodes {
		out = append(out, Conjuncts(c)...)
	}
	return out
}

// Possible reports whether some document may satisfy n if only the fields that
// filled accepts ever have a value. Free text and names with a * may stand in
// any field.
func Possible(n Node, filled func(field string) bool) bool {
	switch n := n.(type) {
	case *And:
		return !slices.ContainsFunc(n.Nodes, func(c Node) bool { return !Possible(c, filled) })
	case *Or:
		return slices.ContainsFunc(n.Nodes, func(c Node) bool { return Possible(c, filled) })
	case *Is, *Range, *Nested:
		names := Fields(n)
		return len(names) == 0 || slices.ContainsFunc(names, func(name string) bool {
			return slices.Contains([]byte(name), '*') || filled(name)
		})
	}
	return true
}

// Relax returns n without the parts that need a field which filled does not
// accept: what is left is how far a document comes that lacks these fields. It
// is nil if that is no condition at all.
func Relax(n Node, filled func(field string) bool) Node {
	switch n := n.(type) {
	case *And:
		var kept []Node
		for _, c := range n.Nodes {
			if c = Relax(c, filled); c != nil {
				kept = append(kept, c)
			}
		}
		switch len(kept) {
		case 0:
			return nil
		case 1:
			return kept[0]
		}
		return &And{Nodes: kept}
	case *Or:
		kept := make([]Node, len(n.Nodes))
		for i, c := range n.Nodes {
			if kept[i] = Relax(c, filled); kept[i] == nil {
				return nil
			}
		}
		return &Or{Nodes: kept}
	}
	if !Possible(n, filled) {
		return nil
	}
	return n
}

// Literals returns the texts that n asks some field to be, those behind a "not"
// left out, and without values that have a wildcard.
func Literals(n Node) []string {
	var out []string
	switch n := n.(type) {
	case *And:
		for _, c := range n.Nodes {
			out = append(out, Literals(c)...)
		}
	case *Or:
		for _, c := range n.Nodes {
			out = append(out, Literals(c)...)
		}
	case *Nested:
		return Literals(n.Node)
	case *Is:
		if s, ok := n.Value.Value().Str(); ok && n.Field != nil && !n.Value.Wildcard() {
			out = append(out, s)
		}
	}
	return out
}
