package kuery

import (
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// Node is a part of a query's syntax tree. The set of nodes is closed: [*And],
// [*Or], [*Not], [*Is], [*Range] and [*Nested].
type Node interface {
	// Span says where in the text the node stands; it is zero for a node that
	// was not parsed.
	Span() Span
	node()
}

// Span is a stretch of a query's text.
type Span struct{ Start, End Pos }

// Pos is a place in a query's text.
type Pos struct {
	Offset       int // in bytes, from 0
	Line, Column int // from 1; columns count characters
}

// And holds where all of its two or more nodes hold.
type And struct {
	Nodes []Node
	span  Span
}

// Or holds where any of its two or more nodes holds.
type Or struct {
	Nodes []Node
	span  Span
}

// Not holds where its node does not.
type Not struct {
	Node Node
	span Span
}

// Is compares a field with a value. The value * asks whether the field is
// there, and *:* accepts everything.
type Is struct {
	Field *Text // nil for free text, which is looked for in every field
	Value Text
	span  Span
}

// Range compares a field's order with a value's.
type Range struct {
	Field Text
	Op    Op
	Value Text
	span  Span
}

// Nested applies a node to each object of a nested field by itself. The field
// names below it are relative to Path.
type Nested struct {
	Path Text
	Node Node
	span Span
}

// Op is the operator of a [Range].
type Op string

// The operators of a range.
const (
	LT  Op = "<"
	LTE Op = "<="
	GT  Op = ">"
	GTE Op = ">="
)

// Span says where in the text the node stands.
func (n *And) Span() Span { return n.span }

// Span says where in the text the node stands.
func (n *Or) Span() Span { return n.span }

// Span says where in the text the node stands.
func (n *Not) Span() Span { return n.span }

// Span says where in the text the node stands.
func (n *Is) Span() Span { return n.span }

// Span says where in the text the node stands.
func (n *Range) Span() Span { return n.span }

// Span says where in the text the node stands.
func (n *Nested) Span() Span { return n.span }

func (*And) node()    {}
func (*Or) node()     {}
func (*Not) node()    {}
func (*Is) node()     {}
func (*Range) node()  {}
func (*Nested) node() {}

// Text is a field's name or a value, its escapes resolved.
type Text struct {
	// Parts are the pieces between wildcards, at least one: foo is ["foo"],
	// foo* is ["foo", ""] and * is ["", ""]. Text that is not quoted neither
	// starts nor ends with white space, since none would survive parsing.
	Parts []string
	// Quoted text is a phrase. It has one part: a * in it is a character, and
	// null, true and false are words.
	Quoted bool
}

// Word returns text without wildcards, as written without quotes.
func Word(s string) Text { return Text{Parts: []string{s}} }

// Phrase returns text as written in quotes.
func Phrase(s string) Text { return Text{Parts: []string{s}, Quoted: true} }

// Wildcard reports whether t has a wildcard in it.
func (t Text) Wildcard() bool { return len(t.Parts) > 1 }

// Any reports whether t is a wildcard and nothing else.
func (t Text) Any() bool { return len(t.Parts) == 2 && t.Parts[0] == "" && t.Parts[1] == "" }

// Null reports whether t is the word null.
func (t Text) Null() bool { return !t.Quoted && len(t.Parts) == 1 && t.Parts[0] == "null" }

// Name returns t as the name of a field, its wildcards as *.
func (t Text) Name() string { return strings.Join(t.Parts, "*") }

// Value returns t as a value of a document: a string, or null, true or false
// for these words without quotes. Wildcards become *.
func (t Text) Value() esq.Value {
	if t.Quoted || t.Wildcard() {
		return esq.Str(t.Name())
	}
	switch s := t.Name(); s {
	case "null":
		return esq.Value{}
	case "true", "false":
		return esq.Boolean(s == "true")
	default:
		return esq.Str(s)
	}
}

func (t Text) equal(o Text) bool { return t.Quoted == o.Quoted && slices.Equal(t.Parts, o.Parts) }

// Equal reports whether a and b are the same tree, wherever they stand.
func Equal(a, b Node) bool {
	switch a := a.(type) {
	case *And:
		b, ok := b.(*And)
		return ok && slices.EqualFunc(a.Nodes, b.Nodes, Equal)
	case *Or:
		b, ok := b.(*Or)
		return ok && slices.EqualFunc(a.Nodes, b.Nodes, Equal)
	case *Not:
		b, ok := b.(*Not)
		return ok && Equal(a.Node, b.Node)
	case *Is:
		b, ok := b.(*Is)
		return ok && sameField(a.Field, b.Field) && a.Value.equal(b.Value)
	case *Range:
		b, ok := b.(*Range)
		return ok && a.Field.equal(b.Field) && a.Op == b.Op && a.Value.equal(b.Value)
	case *Nested:
		b, ok := b.(*Nested)
		return ok && a.Path.equal(b.Path) && Equal(a.Node, b.Node)
	}
	return a == nil && b == nil
}

func sameField(a, b *Text) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.equal(*b)
}

// Fields returns the names of the fields whose values decide n, sorted and each
// once, below a nested path with that path before them. A name may be a
// pattern with *. Free text and *:* name no field.
func Fields(n Node) []string {
	var names []string
	collect(n, "", func(name string) { names = append(names, name) })
	slices.Sort(names)
	return slices.Compact(names)
}

// collect calls add with every field's full name; path is that of the nested
// field around n, or empty.
func collect(n Node, path string, add func(string)) {
	switch n := n.(type) {
	case *And:
		for _, c := range n.Nodes {
			collect(c, path, add)
		}
	case *Or:
		for _, c := range n.Nodes {
			collect(c, path, add)
		}
	case *Not:
		collect(n.Node, path, add)
	case *Is:
		if n.Field != nil && !n.everything() {
			add(below(path, n.Field.Name()))
		}
	case *Range:
		add(below(path, n.Field.Name()))
	case *Nested:
		collect(n.Node, below(path, n.Path.Name()), add)
	}
}

// everything reports whether n is *:*.
func (n *Is) everything() bool { return n.Field != nil && n.Field.Any() && n.Value.Any() }

// below returns the full name of a field inside the nested field path.
func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// height returns how many nodes stand on the longest way down from n.
func height(n Node) int {
	deepest := 0
	switch n := n.(type) {
	case *And:
		for _, c := range n.Nodes {
			deepest = max(deepest, height(c))
		}
	case *Or:
		for _, c := range n.Nodes {
			deepest = max(deepest, height(c))
		}
	case *Not:
		deepest = height(n.Node)
	case *Nested:
		deepest = height(n.Node)
	}
	return deepest + 1
}
