package ruletest

import (
	"slices"

	"github.com/stitchdetect/stitch/esq/kuery"
)

// ofQuery adds the mutations of a rule of one query.
func (m *mutator) ofQuery() {
	query := text(m.rule, "query")
	if query == "" {
		return
	}
	node, err := kuery.Parse(query)
	if err != nil {
		return
	}
	x := kueryChanger{note: func(at kuery.Node, condition bool, what string, changed kuery.Node) {
		rewritten := "*:*"
		if changed != nil {
			rewritten = kuery.Print(changed)
		}
		line := m.file.TextLine([]string{"rule", "query"}, at.Span().Start.Line)
		mutation := m.add(line, func(rule map[string]any) { rule["query"] = rewritten }, "query: %s %s", kuery.Print(at), what)
		mutation.Condition = condition
	}}
	x.condition(node, func(n kuery.Node) kuery.Node { return n })
}

// kueryChanger is [changer] for kuery.
type kueryChanger struct {
	note func(at kuery.Node, condition bool, what string, changed kuery.Node)
}

func (x kueryChanger) condition(n kuery.Node, put func(kuery.Node) kuery.Node) {
	if and, ok := n.(*kuery.And); ok {
		for i, part := range and.Nodes {
			x.condition(part, func(changed kuery.Node) kuery.Node {
				return put(joined(replaced(and.Nodes, i, changed), func(nodes []kuery.Node) kuery.Node { return &kuery.And{Nodes: nodes} }))
			})
		}
		return
	}
	x.note(n, true, "removed", put(nil))
	if not, ok := n.(*kuery.Not); ok {
		x.note(n, false, "negated", put(not.Node))
	} else {
		x.note(n, false, "negated", put(&kuery.Not{Node: n}))
	}
	x.inner(n, put)
}

func (x kueryChanger) inner(n kuery.Node, put func(kuery.Node) kuery.Node) {
	switch n := n.(type) {
	case *kuery.And:
		x.condition(n, put)
	case *kuery.Not:
		x.inner(n.Node, func(changed kuery.Node) kuery.Node {
			if changed == nil {
				return put(nil)
			}
			return put(&kuery.Not{Node: changed})
		})
	case *kuery.Or:
		for i, side := range n.Nodes {
			or := func(changed kuery.Node) kuery.Node {
				return put(joined(replaced(n.Nodes, i, changed), func(nodes []kuery.Node) kuery.Node { return &kuery.Or{Nodes: nodes} }))
			}
			x.note(side, false, "dropped from its or", or(nil))
			x.inner(side, or)
		}
	}
}

// replaced is nodes with another at place i, without one if it is nil.
func replaced(nodes []kuery.Node, i int, by kuery.Node) []kuery.Node {
	out := slices.Clone(nodes)
	if by == nil {
		return slices.Delete(out, i, i+1)
	}
	out[i] = by
	return out
}

// joined is nodes as one: nil for none, and one alone.
func joined(nodes []kuery.Node, join func([]kuery.Node) kuery.Node) kuery.Node {
	switch len(nodes) {
	case 0:
		return nil
	case 1:
		return nodes[0]
	}
	return join(nodes)
}
