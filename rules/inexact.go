package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// trait is something about a column for which the engine may not be able to
// decide a condition on it.
type trait struct {
	column, text string
	decisive     bool                                   // whatever the condition is
	give         func(m *eql.Mapping, real eql.Mapping) // puts the trait onto a plain mapping
}

// plainSource is a source whose columns are plain fields, but for one trait at most.
type plainSource struct {
	real *sourceColumns
	with *trait
}

// Column implements [eql.Source].
func (p plainSource) Column(name string) eql.Mapping {
	real := p.real.Column(name)
	if real.Dropped || len(real.Fields) == 0 {
		return real
	}
	plain := eql.Mapping{Fields: []eql.Field{{Name: real.Fields[0].Name, Type: "keyword"}}}
	if p.with != nil && p.with.column == name {
		p.with.give(&plain, real)
	}
	return plain
}

// whyInexact says why the engine cannot decide a condition: what by itself is
// enough to keep it from that.
func (s *sourceColumns) whyInexact(e eql.Expr) []string {
	exact := func(with *trait) bool {
		_, exact := eql.Translate(e, plainSource{s, with}, nil)
		return exact
	}
	var elsewhere []string
	for _, ref := range eql.Refs(e) {
		if s.source.scattered(ref.Name) && ref.Func == "" {
			elsewhere = append(elsewhere, ref.Name+" lies in further documents of the event")
		}
		if ref.Func != "" {
			id, _, _ := strings.Cut(ref.Name, ".")
			elsewhere = append(elsewhere, fmt.Sprintf("rows of %s decide; their values are sent when they are known", id))
		}
	}
	if len(elsewhere) > 0 {
		return elsewhere
	}
	plain := exact(nil)
	var out []string
	for _, t := range s.traits(e) {
		if (t.decisive || plain && !exact(&t)) && !slices.Contains(out, t.text) {
			out = append(out, t.text)
		}
	}
	switch {
	case len(out) > 0:
		return out
	case asksNull(e):
		return []string{"a value that is in the document need not be in its index, such as one that is too long for it"}
	case !plain:
		return []string{"no question to the engine says just this"}
	}
	return []string{"the engine's index need not hold what the documents say"}
}

// asksNull reports whether a condition asks for a value's being there.
func asksNull(e eql.Expr) bool {
	b, ok := e.(*eql.Binary)
	if !ok {
		return false
	}
	isNull := func(e eql.Expr) bool {
		l, ok := e.(*eql.Literal)
		return ok && l.Value.IsNull()
	}
	return isNull(b.L) || isNull(b.R)
}

// traits are those of the columns that a condition speaks of.
func (s *sourceColumns) traits(e eql.Expr) []trait {
	var out []trait
	for _, ref := range eql.Refs(e) {
		out = append(out, s.traitsOf(ref.Name)...)
	}
	return out
}

func (s *sourceColumns) traitsOf(name string) []trait {
	var out []trait
	add := func(text string, give func(m *eql.Mapping, real eql.Mapping)) {
		out = append(out, trait{column: name, text: text, give: give})
	}
	c := s.source.column(name)
	inexact := func(m *eql.Mapping, _ eql.Mapping) { m.Inexact = true }
	if c.as != asIs {
		add(fmt.Sprintf("%s is made of the field's value (as = %q)", name, string(c.as)), inexact)
		out[len(out)-1].decisive = true
	}
	if len(c.where) > 0 {
		add(name+" is taken from some of several objects (where)", inexact)
		out[len(out)-1].decisive = true
	}
	if c.words != nil {
		add(name+" has words of the source's own (map), which are compared in their own case", func(m *eql.Mapping, real eql.Mapping) { m.Words = real.Words })
	}
	if len(c.from) > 1 {
		add(fmt.Sprintf("%s is the first of %s that has a value", name, strings.Join(c.from, ", ")), func(m *eql.Mapping, _ eql.Mapping) {
			for _, field := range c.from[1:] {
				m.Fields = append(m.Fields, eql.Field{Name: field, Type: "keyword"})
			}
		})
	}
	for i, field := range c.from {
		text := s.typeText(field)
		if text == "" {
			continue
		}
		add(text, func(m *eql.Mapping, real eql.Mapping) {
			m.Fields = []eql.Field{{Name: field, Type: real.Fields[i].Type}}
		})
	}
	if s.view {
		add(fmt.Sprintf("an empty %s is a missing one", name), func(m *eql.Mapping, _ eql.Mapping) { m.Blank = true })
	}
	if slices.ContainsFunc(c.from, func(field string) bool { return s.caps[field].Silent }) {
		add(name+" may be too long for the index, which does not say so", func(m *eql.Mapping, _ eql.Mapping) { m.Fields[0].Silent = true })
	}
	return out
}

// typeText says how a field is mapped, "" for one that is not or is a keyword.
func (s *sourceColumns) typeText(field string) string {
	known, mapped := s.caps[field]
	switch {
	case !mapped || esqTypeIs(known, "keyword"):
		return ""
	case !known.Searchable:
		return field + " cannot be searched"
	case len(known.Types) > 1:
		return fmt.Sprintf("%s is mapped as %s", field, strings.Join(known.Types, " here and there as "))
	}
	return fmt.Sprintf("%s is mapped as %s", field, known.Types[0])
}

func esqTypeIs(c esq.FieldCap, want string) bool {
	return c.Searchable && len(c.Types) == 1 && c.Types[0] == want
}
