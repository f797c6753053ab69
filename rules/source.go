package rules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/esq/kuery"
)

// Source is one source of a view, for those who make documents of it.
type Source struct {
	View   string
	Name   string
	Ingest string // the field that says when a document arrived, "" for none

	view   *view
	source *source
}

// Views returns the names of the views, sorted.
func (s *Set) Views() []string { return slices.Sorted(maps.Keys(s.views)) }

// Sources returns the sources of a view in the order of its file; nil if there
// is no view of that name.
func (s *Set) Sources(name string) []Source {
	v := s.views[name]
	if v == nil {
		return nil
	}
	sources := make([]Source, len(v.sources))
	for i, src := range v.sources {
		sources[i] = Source{View: name, Name: src.name, Ingest: src.ingest, view: v, source: src}
	}
	return sources
}

// Columns returns the columns that the view lists, sorted.
func (s Source) Columns() []string { return s.view.declared }

// Carries reports whether the source can have a value in the column.
func (s Source) Carries(column string) bool { return len(s.source.column(column).from) > 0 }

// Document makes the document that the view shows with these columns: its
// mapping inverted. The document happened at one time and arrived at another.
// Fields that the source's filter asks for are added where the columns leave
// them open. Whether the view really shows it so is for [Source.Verify] to say.
func (s Source) Document(columns map[string][]esq.Value, at, arrives time.Time) (index string, doc map[string]any, err error) {
	index = concrete(s.source.index[0])
	doc = map[string]any{}
	PutField(doc, s.source.time, at.UTC().Format(isoMillis))
	if s.Ingest != "" {
		PutField(doc, s.Ingest, arrives.UTC().Format(isoMillis))
	}
	putStream(doc, index)
	var errs []error
	for _, name := range sortedKeys(columns) {
		if err := s.put(doc, name, columns[name]); err != nil {
			errs = append(errs, err)
		}
	}
	if err := s.satisfy(doc); err != nil {
		errs = append(errs, err)
	}
	return index, doc, errors.Join(errs...)
}

// put sets the field that carries a column.
func (s Source) put(doc map[string]any, name string, values []esq.Value) error {
	c := s.source.column(name)
	if len(c.from) == 0 {
		return fmt.Errorf("source %s of view %s never has %s; leave it out, or choose another source", s.Name, s.View, name)
	}
	theirs := make([]any, len(values))
	for i, v := range values {
		theirs[i] = c.inverse(v).Any()
	}
	if len(c.where) > 0 {
		return c.putObjects(doc, theirs)
	}
	var value any = theirs
	if len(theirs) == 1 {
		value = theirs[0]
	}
	// Two columns may be of one field: the first value stays, and Verify sees
	// whether it is right for both.
	if !hasField(doc, c.from[0]) {
		PutField(doc, c.from[0], value)
	}
	return nil
}

// inverse is the source's word for a view's word.
func (c column) inverse(v esq.Value) esq.Value {
	word, ok := v.Str()
	if !ok {
		return v
	}
	for _, theirs := range sortedKeys(c.words) {
		if c.words[theirs] == word {
			return esq.Str(theirs)
		}
	}
	return v
}

// putObjects adds an object for each value to the array that the column looks
// through.
func (c column) putObjects(doc map[string]any, values []any) error {
	dot := strings.LastIndexByte(c.from[0], '.')
	if dot < 0 {
		return fmt.Errorf("%s lies in no object that where could look at", c.from[0])
	}
	path, leaf := c.from[0][:dot], c.from[0][dot+1:]
	var list []any
	if have, ok := fieldOf(doc, path).([]any); ok {
		list = have
	}
	for _, v := range values {
		object := map[string]any{leaf: v}
		for key, want := range c.where {
			PutField(object, key, want)
		}
		if !slices.ContainsFunc(list, func(x any) bool { return fmt.Sprint(x) == fmt.Sprint(object) }) {
			list = append(list, object)
		}
	}
	PutField(doc, path, list)
	return nil
}

// satisfy adds what the source's filter asks for.
func (s Source) satisfy(doc map[string]any) error {
	if s.source.node == nil {
		return nil
	}
	values, err := kuery.Example(s.source.node, func(field string) bool { return hasField(doc, field) })
	if err != nil {
		return fmt.Errorf("the filter of source %s: %w; give the document raw, with index and document", s.Name, err)
	}
	for field, v := range values {
		if !hasField(doc, field) {
			PutField(doc, field, v.Any())
		}
	}
	return nil
}

// Verify asks an engine that holds one document of the source whether the view
// shows it with these columns. The error says what is otherwise.
func (s Source) Verify(ctx context.Context, eng esq.Searcher, columns map[string][]esq.Value) error {
	st := &stage{view: s.view, sources: []*source{s.source}, columns: append(sortedKeys(columns), timeColumn)}
	read := newReader(st, s.source)
	var seen *event
	_, err := eng.Search(ctx, esq.Search{Indices: s.source.index, Query: s.source.filter, Time: s.source.time, Fields: read.fields}, func(h esq.Hit) error {
		if e, ok := read.event(h); ok {
			seen = e
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the document back: %w", err)
	}
	if seen == nil {
		return fmt.Errorf("the document does not pass the filter of source %s, %s; give it raw, with index and document", s.Name, kuery.Print(s.source.node))
	}
	var errs []error
	for i, name := range sortedKeys(columns) {
		if !s.source.column(name).shows(columns[name], seen.values[i]) {
			errs = append(errs, fmt.Errorf("source %s shows %s as %s, not %s; write that, choose another source, or give the document raw, with index and document",
				s.Name, name, valueList(seen.values[i]), valueList(columns[name])))
		}
	}
	return errors.Join(errs...)
}

// shows reports whether got is what was meant, in the view's own spelling.
func (c column) shows(meant, got []esq.Value) bool {
	left := slices.Clone(got)
	for _, v := range meant {
		i := slices.IndexFunc(left, func(x esq.Value) bool { return x == v || x == c.as.apply(v) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return len(left) == 0
}

func valueList(values []esq.Value) string {
	if len(values) == 0 {
		return "missing"
	}
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = eql.Print(&eql.Literal{Value: v})
	}
	return strings.Join(words, ", ")
}

// concrete is an index that a pattern matches.
func concrete(pattern string) string { return strings.ReplaceAll(pattern, "*", "default") }

// putStream sets the data stream's parts, where the index is named like one.
func putStream(doc map[string]any, index string) {
	parts := strings.SplitN(index, "-", 3)
	if len(parts) < 3 || !slices.Contains([]string{"logs", "metrics", "traces"}, parts[0]) {
		return
	}
	for i, key := range []string{"type", "dataset", "namespace"} {
		PutField(doc, "data_stream."+key, parts[i])
	}
}

// PutField sets the field of a document at a dotted path, making the objects on
// the way.
func PutField(doc map[string]any, path string, value any) {
	for {
		head, rest, more := strings.Cut(path, ".")
		if !more {
			break
		}
		inner, ok := doc[head].(map[string]any)
		if !ok {
			inner = map[string]any{}
			doc[head] = inner
		}
		doc, path = inner, rest
	}
	doc[path] = value
}

// fieldOf returns what stands at a dotted path of nested objects, nil for nothing.
func fieldOf(doc map[string]any, path string) any {
	var at any = doc
	for _, key := range strings.Split(path, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[key]
	}
	return at
}

func hasField(doc map[string]any, path string) bool { return fieldOf(doc, path) != nil }
