package test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

const (
	eqlWorld  = "events"
	eqlGolden = "eql.hits.json"
)

// A condition is a line of testdata/languages/eql.txt, or its negation.
type condition struct {
	text string
	expr eql.Expr
}

// readConditions reads each condition of the file and follows it by its negation.
func readConditions(t *testing.T) []condition {
	t.Helper()
	data, err := os.ReadFile(languages + "eql.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []condition
	for line := range strings.Lines(string(data)) {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		expr, err := eql.ParseExpr(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all = append(all, condition{text, expr}, condition{"not (" + text + ")", &eql.Unary{Op: eql.Not, X: expr}})
	}
	return all
}

// columnFields are the fields that a column is read from: the first that is present.
func columnFields(column string) []string {
	if column == "who" {
		return []string{"m365_defender.event.raw_event_data.UserId", "user.email", "user.name"}
	}
	return []string{column}
}

// alertSet is the set behind an all(...).
func alertSet(ref eql.Ref) *eql.Set {
	var words []string
	switch ref.Name {
	case "alert.names":
		words = []string{"ADA", "root"}
	case "alert.files":
		words = []string{"report 2024.xlsx"}
	case "alert.addresses":
		words = []string{"10.1.2.3", "198.51.100.9"}
	}
	var values []esq.Value
	for _, w := range words {
		values = append(values, esq.Str(w))
	}
	return eql.NewSet(values)
}

// row is what a condition sees of a document: the values of its references, by slot.
type row struct {
	source map[string]any
	refs   []eql.Ref
}

// Values implements [eql.Env].
func (r row) Values(slot int) []esq.Value {
	for _, field := range columnFields(r.refs[slot].Name) {
		if values := esq.Extract(r.source, esq.Field{Path: field}); len(values) > 0 {
			return values
		}
	}
	return nil
}

// Set implements [eql.Env].
func (r row) Set(slot int) *eql.Set { return alertSet(r.refs[slot]) }

// holding returns the ids of the documents, in the order of their names, for
// which the condition holds, decided in Go alone.
func (c condition) holding(t *testing.T, docs map[string]map[string]any) []string {
	t.Helper()
	var refs []eql.Ref
	program, err := eql.Compile(c.expr, func(ref eql.Ref) (int, error) {
		refs = append(refs, ref)
		return len(refs) - 1, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", c.text, err)
	}
	ids := []string{}
	for id, source := range docs {
		if program.Holds(row{source, refs}) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// eqlDocuments are the sources of the documents that conditions are asked of, by id.
func eqlDocuments(t *testing.T) map[string]map[string]any {
	t.Helper()
	sources := map[string]map[string]any{}
	for _, d := range worldDocuments(t)[eqlWorld] {
		source, err := esq.DecodeSource(d.Source)
		if err != nil {
			t.Fatal(err)
		}
		sources[d.ID] = source
	}
	return sources
}

// fieldsOf tells the translation what an engine knows of the fields, as the
// planner does for a source without a view.
type fieldsOf map[string]esq.FieldCap

// Column implements [eql.Source].
func (caps fieldsOf) Column(name string) eql.Mapping {
	var m eql.Mapping
	for _, field := range columnFields(name) {
		f := eql.Field{Name: field}
		if known, mapped := caps[field]; mapped {
			f.Type, f.Silent = known.Types[0], known.Silent
		}
		m.Fields = append(m.Fields, f)
	}
	return m
}

// askCaps asks an engine for all fields that the conditions speak of.
func askCaps(t *testing.T, w world, all []condition) fieldsOf {
	t.Helper()
	var fields []string
	for _, c := range all {
		for _, ref := range eql.Refs(c.expr) {
			if ref.Func == "" {
				fields = append(fields, columnFields(ref.Name)...)
			}
		}
	}
	slices.Sort(fields)
	caps, err := w.searcher.FieldCaps(t.Context(), []string{w.index}, slices.Compact(fields))
	if err != nil {
		t.Fatal(err)
	}
	for field, c := range caps {
		if len(c.Types) != 1 || !c.Searchable {
			t.Errorf("%s is of types %v, searchable: %t", field, c.Types, c.Searchable)
		}
	}
	return caps
}

// checkConditions asks an engine for what each condition translates to: all
// documents for which it holds, and no others where that was promised.
func checkConditions(t *testing.T, w world) {
	t.Helper()
	docs := eqlDocuments(t)
	all := readConditions(t)
	source := askCaps(t, w, all)
	exactly := 0
	for _, c := range all {
		want := c.holding(t, docs)
		q, exact := eql.Translate(c.expr, source, alertSet)
		found, ok := w.find(t, q)
		if !ok {
			t.Errorf("%s: the engine refuses %s", c.text, compact(t, q))
			continue
		}
		if exact {
			exactly++
		} else {
			found = slices.DeleteFunc(found, func(id string) bool { return !slices.Contains(want, id) })
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("%s, exact: %t (-rows +engine):\n%s%s", c.text, exact, diff, compact(t, q))
		}
	}
	if exactly < len(all)/4 {
		t.Errorf("%d of %d conditions are decided by the engine, which is too few to prove much", exactly, len(all))
	}
}

// TestEQLHits compares the documents for which the conditions hold with
// testdata/languages/eql.hits.json, and with what the embedded engine finds;
// -update writes that file.
func TestEQLHits(t *testing.T) {
	t.Parallel()
	docs := eqlDocuments(t)
	hits := map[string][]string{}
	for _, c := range readConditions(t) {
		hits[c.text] = c.holding(t, docs)
	}
	for text, ids := range hits {
		if negated, is := hits["not ("+text+")"]; is {
			if len(ids)+len(negated) != len(docs) {
				t.Errorf("%s holds for %v, its negation for %v", text, ids, negated)
			}
			delete(hits, "not ("+text+")")
		}
	}
	golden(t, eqlGolden, oneALine(t, hits))
	checkConditions(t, embeddedWorlds(t)[eqlWorld])
}
