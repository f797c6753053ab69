package ruletest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
)

// given is one value of an event and where in the file it stands.
type given struct {
	value any
	path  []string
}

// event is what is said of one event: the harness's keys and the columns, by
// dotted name.
type event struct {
	path   []string
	values map[string]given
}

// flatten reads a table of an event: nested tables are dotted names, but for
// the raw document.
func flatten(path []string, table map[string]any) event {
	e := event{path: path, values: map[string]given{}}
	e.add("", path, table)
	return e
}

func (e event) add(prefix string, path []string, table map[string]any) {
	for key, value := range table {
		at := append(path[:len(path):len(path)], key)
		if inner, ok := value.(map[string]any); ok && prefix+key != keyDocument {
			e.add(prefix+key+".", at, inner)
			continue
		}
		e.values[prefix+key] = given{value, at}
	}
}

// over lays an event over the one that it is like.
func (e event) over(base event) event {
	out := event{path: e.path, values: maps.Clone(base.values)}
	maps.Copy(out.values, e.values)
	delete(out.values, keyLike)
	return out
}

// text returns a key's string, "" if it is not given.
func (r *reader) text(e event, key string) string {
	g, ok := e.values[key]
	if !ok {
		return ""
	}
	s, ok := g.value.(string)
	if !ok {
		r.file.Problem(g.path, "%s must be a string", key)
	}
	return s
}

// resolve lays an event over the named ones that it is like.
func (r *reader) resolve(e event, seen []string) event {
	name := r.text(e, keyLike)
	if name == "" {
		return e
	}
	base, ok := r.named[name]
	switch {
	case !ok:
		r.file.Problem(e.values[keyLike].path, "no event %q%s; there are %s", name, didYouMean(name, r.names()), strings.Join(r.names(), ", "))
		return e
	case slices.Contains(seen, name):
		r.file.Problem(e.values[keyLike].path, "event %s is like itself", name)
		return e
	}
	if _, has := base.values[keyID]; !has {
		base.values[keyID] = given{name, base.path}
	}
	return e.over(r.resolve(base, append(seen, name)))
}

func (r *reader) names() []string { return slices.Sorted(maps.Keys(r.named)) }

func didYouMean(wrong string, known []string) string {
	if name := eql.Nearest(wrong, known); name != "" {
		return " (did you mean " + name + "?)"
	}
	return ""
}

// document is one document of a test.
type document struct {
	index, id   string
	at, arrives time.Time
	source      json.RawMessage
	ingest      string // the field that says when it arrived
}

// documents makes the documents of one event.
func (r *reader) documents(e event, start time.Time) []document {
	e = r.resolve(e, nil)
	e = r.without(e)
	at, ok := r.moment(e, keyAt, start)
	if !ok {
		return nil
	}
	repeat, every := r.repetition(e)
	var docs []document
	for n := range repeat {
		one := e.numbered(n + 1)
		when := at.Add(time.Duration(n) * every)
		arrives := when
		if _, given := e.values[keyArrives]; given {
			if arrives, ok = r.moment(e, keyArrives, when); !ok {
				return nil
			}
		}
		d, ok := r.document(one, when, arrives, n == 0)
		if !ok {
			return docs
		}
		if repeat > 1 {
			d.id += "-" + strconv.Itoa(n+1)
		}
		docs = append(docs, d)
	}
	return docs
}

// without leaves out the columns that an event does not have after all.
func (r *reader) without(e event) event {
	g, ok := e.values[keyWithout]
	if !ok {
		return e
	}
	list, isList := g.value.([]any)
	if !isList {
		r.file.Problem(g.path, "without must list columns")
	}
	e = event{e.path, maps.Clone(e.values)}
	for _, name := range list {
		text, _ := name.(string)
		if _, has := e.values[text]; !has {
			r.file.Problem(g.path, "without: the event has no %v", name)
		}
		delete(e.values, text)
	}
	return e
}

func (r *reader) moment(e event, key string, from time.Time) (time.Time, bool) {
	g, ok := e.values[key]
	if !ok {
		r.file.Problem(e.path, "an event without %s; add %s = \"+5m\"", key, key)
		return from, false
	}
	t, err := moment(g.value, from)
	if err != nil {
		r.file.Problem(g.path, "%s: %v", key, err)
	}
	return t, err == nil
}

// maxRepeat bounds how many documents one event makes.
const maxRepeat = 100_000

func (r *reader) repetition(e event) (times int, every time.Duration) {
	times = 1
	if g, ok := e.values[keyRepeat]; ok {
		n, isInt := g.value.(int64)
		if !isInt || n < 1 || n > maxRepeat {
			r.file.Problem(g.path, "repeat must be a number from 1 to %d", maxRepeat)
			n = 1
		}
		times = int(n)
	}
	if text := r.text(e, keyEvery); text != "" {
		d, err := rules.ParseDuration(text)
		if err != nil {
			r.file.Problem(e.values[keyEvery].path, "every: %v", err)
		}
		every = d
	}
	return times, every
}

// numbered puts an event's number in the place of {n} in its texts.
func (e event) numbered(n int) event {
	out := event{e.path, make(map[string]given, len(e.values))}
	for key, g := range e.values {
		out.values[key] = given{numbered(g.value, strconv.Itoa(n)), g.path}
	}
	return out
}

func numbered(value any, n string) any {
	switch v := value.(type) {
	case string:
		return strings.ReplaceAll(v, "{n}", n)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = numbered(v[i], n)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = numbered(v[key], n)
		}
		return out
	}
	return value
}

// document makes one document: of a view, or raw.
func (r *reader) document(e event, at, arrives time.Time, verify bool) (document, bool) {
	d := document{id: r.text(e, keyID), at: at, arrives: arrives, ingest: "event.ingested"}
	if d.id == "" {
		d.id = "event"
	}
	var source map[string]any
	var ok bool
	if view := r.text(e, keyView); view != "" {
		source, ok = r.ofView(&d, e, view, verify)
	} else {
		source, ok = r.raw(&d, e)
	}
	if !ok {
		return d, false
	}
	var err error
	if d.source, err = encode(source); err != nil {
		r.file.Problem(e.path, "the document cannot be written as JSON: %v", err)
	}
	return d, err == nil
}

// encode writes a document as JSON, times as an engine has them.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// columns are the values that are no keys of the harness.
func (r *reader) columns(e event) (map[string][]esq.Value, bool) {
	columns, ok := map[string][]esq.Value{}, true
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		if isKey(name) {
			continue
		}
		g := e.values[name]
		list, isList := g.value.([]any)
		if !isList {
			list = []any{g.value}
		}
		for _, x := range list {
			if t, isTime := x.(time.Time); isTime {
				x = stamp(t)
			}
			v, scalar := esq.ValueOf(x)
			if !scalar {
				r.file.Problem(g.path, "%s must be a value or a list of values", name)
				ok = false
			}
			columns[name] = append(columns[name], v)
		}
	}
	return columns, ok
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func isKey(name string) bool {
	return slices.Contains([]string{keyLike, keyID, keyView, keySource, keyIndex, keyAt, keyArrives, keyRepeat, keyEvery, keyWithout, keyDocument}, name)
}

// ofView makes a document that a view shows with the event's columns.
func (r *reader) ofView(d *document, e event, view string, verify bool) (map[string]any, bool) {
	columns, ok := r.columns(e)
	src, found := r.source(e, view, columns)
	if !ok || !found {
		return nil, false
	}
	if !r.checkColumns(e, src, columns) {
		return nil, false
	}
	index, doc, err := src.Document(columns, d.at, d.arrives)
	d.index = index
	if src.Ingest != "" {
		d.ingest = src.Ingest
	} else {
		rules.PutField(doc, d.ingest, stamp(d.arrives))
	}
	if more, has := e.values[keyDocument].value.(map[string]any); has {
		merge(doc, more)
	}
	if err == nil && verify {
		err = r.verify(src, *d, doc, columns)
	}
	if err != nil {
		for _, one := range unjoin(err) {
			r.file.Problem(e.path, "%v", one)
		}
	}
	return doc, err == nil
}

func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// checkColumns refuses a column that the view does not list: misspelt, it would
// make a test that shows nothing.
func (r *reader) checkColumns(e event, src rules.Source, columns map[string][]esq.Value) bool {
	ok := true
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		if !slices.Contains(src.Columns(), name) {
			r.file.Problem(e.values[name].path, "view %s lists no column %q%s; there are %s (fields that it does not list go into document)",
				src.View, name, didYouMean(name, src.Columns()), strings.Join(src.Columns(), ", "))
			ok = false
		}
	}
	return ok
}

// source is the one that is named, or the view's first that has all columns.
func (r *reader) source(e event, view string, columns map[string][]esq.Value) (rules.Source, bool) {
	sources := r.set.Sources(view)
	if sources == nil {
		r.file.Problem(e.values[keyView].path, "unknown view %q%s; there are %s", view, didYouMean(view, r.set.Views()), strings.Join(r.set.Views(), ", "))
		return rules.Source{}, false
	}
	name := r.text(e, keySource)
	var names []string
	for _, src := range sources {
		if name == src.Name || name == "" && carriesAll(src, columns) {
			return src, true
		}
		names = append(names, src.Name)
	}
	if name == "" {
		r.file.Problem(e.path, "no source of view %s has all of these columns; choose one with source = (%s)", view, strings.Join(names, ", "))
	} else {
		r.file.Problem(e.values[keySource].path, "view %s has no source %q%s; there are %s", view, name, didYouMean(name, names), strings.Join(names, ", "))
	}
	return rules.Source{}, false
}

func carriesAll(src rules.Source, columns map[string][]esq.Value) bool {
	for name := range columns {
		if !src.Carries(name) {
			return false
		}
	}
	return true
}

// verify looks at the document through the view.
func (r *reader) verify(src rules.Source, d document, doc map[string]any, columns map[string][]esq.Value) error {
	text, err := encode(doc)
	if err != nil {
		return err
	}
	d.source = text
	eng := memory.New(memory.Options{Now: time.Now})
	if err := load(eng, []document{d}); err != nil {
		return err
	}
	return src.Verify(context.Background(), eng, columns)
}

// raw makes a document as it is given, and says when it happened and arrived
// where it does not.
func (r *reader) raw(d *document, e event) (map[string]any, bool) {
	d.index = r.text(e, keyIndex)
	if d.index == "" {
		r.file.Problem(e.path, "an event of no view and no index; add view = \"...\", or index = \"...\" and document")
		return nil, false
	}
	columns, ok := r.columns(e)
	doc := map[string]any{}
	if g, has := e.values[keyDocument]; has {
		table, isTable := g.value.(map[string]any)
		if !isTable {
			r.file.Problem(g.path, "document must be a table")
			return nil, false
		}
		merge(doc, table)
	}
	for name, values := range columns {
		var value any = values
		if len(values) == 1 {
			value = values[0]
		}
		rules.PutField(doc, name, value)
	}
	for field, t := range map[string]time.Time{"@timestamp": d.at, "event.ingested": d.arrives} {
		if len(esq.Extract(plain(doc), esq.Field{Path: field})) == 0 {
			rules.PutField(doc, field, stamp(t))
		}
	}
	return doc, ok
}

// plain is a document as it would be decoded from JSON.
func plain(doc map[string]any) map[string]any {
	text, err := encode(doc)
	if err != nil {
		return doc
	}
	decoded, err := esq.DecodeSource(text)
	if err != nil {
		return doc
	}
	return decoded
}

// merge lays a table over a document, objects within objects.
func merge(doc, more map[string]any) {
	for key, value := range more {
		inner, isTable := value.(map[string]any)
		have, hasTable := doc[key].(map[string]any)
		if isTable && hasTable {
			merge(have, inner)
			continue
		}
		if isTable {
			fresh := map[string]any{}
			merge(fresh, inner)
			value = fresh
		}
		doc[key] = value
	}
}

// load brings documents into an engine.
func load(eng *memory.Engine, docs []document) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, d := range docs {
		if err := enc.Encode(map[string]any{"_index": d.index, "_id": d.id, "_source": d.source}); err != nil {
			return fmt.Errorf("write document %s: %w", d.id, err)
		}
	}
	if _, err := eng.Load(&b, "test"); err != nil {
		return fmt.Errorf("load documents: %w", err)
	}
	return nil
}
