package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// maxCompared is how many indices are asked one by one for the type of a field.
const maxCompared = 50

// columns finds out what fills the columns that the rule needs.
func (s *subject) columns(ctx context.Context) error {
	for _, c := range s.probe.Columns {
		column := Column{Name: c.Name, Uses: c.Uses, Never: len(c.From) == 0}
		for _, name := range c.From {
			known := s.caps[name]
			column.Fields = append(column.Fields, Field{
				Name: name, Types: s.types(name), Searchable: known.Searchable, Aggregatable: known.Aggregatable,
			})
		}
		s.found.Columns = append(s.found.Columns, column)
	}
	if s.found.Filtered() == 0 {
		return nil
	}
	if err := s.fill(ctx); err != nil {
		return err
	}
	for i := range s.found.Columns {
		c := &s.found.Columns[i]
		if c.Filled == 0 && !c.Never {
			if err := s.askAll(ctx, c); err != nil {
				return err
			}
		}
		for k := range c.Fields {
			if err := s.field(ctx, c, &c.Fields[k]); err != nil {
				return err
			}
		}
	}
	s.inWords()
	return nil
}

// types are a field's types, or that of the flattened object that it is a leaf of.
func (s *subject) types(name string) []string {
	if c, ok := s.caps[name]; ok {
		return c.Types
	}
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if c := s.caps[name[:i]]; slices.ContainsFunc(c.Types, isFlat) {
			return c.Types
		}
	}
	return []string{}
}

func isFlat(t string) bool { return t == "flattened" || t == "flat_object" }

// fill reads the newest documents and counts which candidate fills which column.
func (s *subject) fill(ctx context.Context) error {
	return s.read(ctx, queries(s.filter), func(r rules.Reading) {
		for i := range s.found.Columns {
			c := &s.found.Columns[i]
			c.Of++
			_, from := r.Values(c.Name)
			if k := slices.IndexFunc(c.Fields, func(f Field) bool { return f.Name == from }); from != "" && k >= 0 {
				c.Filled++
				c.Fields[k].Filled++
			}
		}
	})
}

// askAll asks the engine about all documents for a column that the newest do not
// have, unless these were all.
func (s *subject) askAll(ctx context.Context, c *Column) error {
	all := s.found.Filtered()
	if c.Of >= all {
		return nil
	}
	for k := range c.Fields {
		f := &c.Fields[k]
		if slices.Contains(f.Types, "flat_object") {
			c.Unsure = true // some versions find no leaf of such an object
			continue
		}
		n, err := s.count(ctx, s.probe.Index, esq.And(s.time(), queries(s.filter), esq.Exists{Field: f.Name}))
		if err != nil {
			return err
		}
		f.Filled, c.Filled = n, max(c.Filled, n)
	}
	c.Of = all
	return nil
}

// inWords says which fields hold words where whole values are compared.
func (s *subject) inWords() {
	if len(s.words) == 0 {
		return
	}
	what := "the engine cannot compare whole values, and stitch reads every document that has one"
	if s.probe.Kuery {
		what = "a condition also finds values that share its words"
	}
	s.warn(strings.Join(s.words, ", ")+": text where keyword is needed; "+what, "map as keyword in the index template; it counts for new indices")
}

// field says what is wrong with a candidate.
func (s *subject) field(ctx context.Context, c *Column, f *Field) error {
	if err := s.conflict(ctx, f); err != nil {
		return err
	}
	compared := slices.ContainsFunc(c.Uses, func(u string) bool { return u != rules.UseDetails && u != rules.UseIdentity })
	switch {
	case len(f.Types) == 0 && f.Filled > 0:
		s.warn(f.Name+" is in documents, but no index maps it: queries do not see it", "map it in the index template; it counts for new indices")
	case compared && slices.ContainsFunc(f.Types, analysed) && !slices.Contains(s.words, f.Name):
		s.words = append(s.words, f.Name)
	case compared && len(f.Types) > 0 && !f.Searchable && s.caps[f.Name].Types != nil:
		s.warn(f.Name+" is not searchable in every index: stitch reads every document instead", "map it with index: true")
	}
	return s.ignored(ctx, f)
}

func analysed(t string) bool { return t == "text" || t == "match_only_text" }

// conflict names the indices of each type of a field that has several.
func (s *subject) conflict(ctx context.Context, f *Field) error {
	if len(f.Types) < 2 {
		return nil
	}
	f.Conflict = map[string][]string{}
	names := s.open()
	for _, index := range names[:min(len(names), maxCompared)] {
		caps, err := s.examination.caps(ctx, []string{index}, []string{f.Name})
		if err != nil {
			return err
		}
		for _, t := range caps[f.Name].Types {
			f.Conflict[t] = append(f.Conflict[t], index)
		}
	}
	var parts []string
	for _, t := range f.Types {
		parts = append(parts, t+" in "+few(f.Conflict[t]))
	}
	s.warn(f.Name+" has several types: "+strings.Join(parts, "; "), "give it one type in the index templates, and reindex")
	return nil
}

// few lists names, and how many more there are.
func few(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(names, ", ")
}

// open returns the names of the indices that searches look into.
func (s *subject) open() []string {
	var names []string
	for _, p := range s.found.Patterns {
		for _, i := range p.Indices {
			if searched(i) && !slices.Contains(names, i.Name) {
				names = append(names, i.Name)
			}
		}
	}
	return names
}

// ignored counts documents with a value that is not in the index. An engine that
// does not list them is asked for documents without the field, in whose sources
// it may yet be.
func (s *subject) ignored(ctx context.Context, f *Field) (err error) {
	known, mapped := s.caps[f.Name]
	if !mapped {
		return nil
	}
	here := esq.And(s.time(), queries(s.filter))
	if f.Ignored, err = s.count(ctx, s.probe.Index, esq.And(here, esq.Term{Field: "_ignored", Value: esq.Str(f.Name)})); err != nil {
		return err
	}
	if known.Silent && slices.ContainsFunc(known.Types, func(t string) bool { return t == "keyword" || t == "wildcard" }) {
		without := esq.And(queries(s.filter), esq.Not(esq.Exists{Field: f.Name}), esq.Not(esq.Term{Field: "_ignored", Value: esq.Str(f.Name)}))
		search := esq.Search{Indices: s.probe.Index, Query: without, Time: s.probe.Time, Fields: []esq.Field{{Path: f.Name}}}
		_, err = s.sample(ctx, search, s.span, sampleSize, func(h esq.Hit) {
			if len(h.Values[0]) > 0 && h.Values[0][0] != esq.Str("") {
				f.Ignored++
			}
		})
	}
	if err == nil && f.Ignored > 0 {
		s.warn(fmt.Sprintf("%s: %s a value that is not in the index, too long (ignore_above) or malformed; stitch finds it, other queries do not",
			f.Name, documents(f.Ignored, "have", "has")), "raise ignore_above where these matter")
	}
	return err
}

func documents(n int64, many, one string) string {
	if n == 1 {
		return "1 document " + one
	}
	return fmt.Sprintf("%d documents %s", n, many)
}
