package esq

import (
	"encoding/json"
	"slices"
	"strings"
)

// A leafTree is the fields that are wanted of documents, by the objects in which
// they lie.
type leafTree struct {
	root   leafNode
	fields int
}

// leafNode is a name in a path.
type leafNode struct {
	keys     []string
	children []*leafNode // parallel to keys
	at       []int       // the places of the fields that end here
	// picky says that of the values right below some count only beside others.
	picky bool
}

// newLeafTree returns nil where a path is not plain.
func newLeafTree(fields []Field) *leafTree {
	t := &leafTree{fields: len(fields)}
	for i, f := range fields {
		node, above := &t.root, (*leafNode)(nil)
		for part := range strings.SplitSeq(f.Path, ".") {
			above = node
			if node = node.child(part); part == "" || node == nil {
				return nil
			}
		}
		node.at = append(node.at, i)
		above.picky = above.picky || len(f.Where) > 0
	}
	if t.root.picky {
		return nil
	}
	return t
}

// maxLeafKeys is how many names a node tells apart.
const maxLeafKeys = 64

// child returns the node below n for a name, a new one if there is none; nil if
// there are too many.
func (n *leafNode) child(name string) *leafNode {
	if i := slices.Index(n.keys, name); i >= 0 {
		return n.children[i]
	}
	if len(n.keys) == maxLeafKeys {
		return nil
	}
	n.keys, n.children = append(n.keys, name), append(n.children, &leafNode{})
	return n.children[len(n.children)-1]
}

// leafReader reads the wanted leaves of sources in one pass, as [DecodeSource]
// and [Extract] would. It reports false where that is not for it: keys with dots,
// keys that come twice, conditions, and what [quickDecoder] leaves to others.
type leafReader struct {
	tree   *leafTree
	values [][]Value
	room   []Value // for the first value of each field
	last   []Value // of each field: texts come again
}

// begin makes room for the next document's values.
func (r *leafReader) begin() {
	if r.last == nil {
		r.last = make([]Value, r.tree.fields)
	}
	r.values, r.room = make([][]Value, r.tree.fields), make([]Value, r.tree.fields)
}

// object reads an object up to its closing brace.
func (r *leafReader) object(d *quickDecoder, n *leafNode, depth int) bool {
	if n.picky || depth > maxQuickDepth {
		return false
	}
	seen := uint64(0)
	return d.members(func(key string) bool {
		i := slices.Index(n.keys, key)
		if i < 0 {
			return strings.IndexByte(key, '.') < 0 && d.skip(depth+1)
		}
		first := seen&(1<<i) == 0
		seen |= 1 << i
		return first && r.value(d, n.children[i], depth+1)
	})
}

func (r *leafReader) value(d *quickDecoder, n *leafNode, depth int) bool {
	d.space()
	if d.at >= len(d.text) || depth > maxQuickDepth {
		return false
	}
	switch c := d.text[d.at]; {
	case c == '{' && len(n.children) > 0:
		return r.object(d, n, depth)
	case c == '[':
		return d.elements(func() bool { return r.value(d, n, depth+1) })
	case c == '{' || len(n.at) == 0:
		return d.skip(depth)
	case c == '"':
		s, ok := d.str()
		r.text(n, s)
		return ok
	}
	scalar, ok := d.value(depth)
	if v, known := ValueOf(scalar); scalar != nil {
		if number, is := scalar.(json.Number); is && !known {
			v = Str(number.String()) // beyond float64: the digits are all that can be kept
		}
		r.add(n, v)
	}
	return ok
}

// text adds a string, which is not to hold the text that it was read from.
func (r *leafReader) text(n *leafNode, s string) {
	for _, at := range n.at {
		if last := r.last[at]; last.kind != String || last.str != s {
			r.last[at] = Str(strings.Clone(s))
		}
		r.keep(at, r.last[at])
	}
}

func (r *leafReader) add(n *leafNode, v Value) {
	for _, at := range n.at {
		r.keep(at, v)
	}
}

func (r *leafReader) keep(at int, v Value) {
	if len(r.values[at]) == 0 {
		r.room[at] = v
		r.values[at] = r.room[at : at+1 : at+1]
		return
	}
	r.values[at] = append(r.values[at], v)
}
