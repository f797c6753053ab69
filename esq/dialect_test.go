package esq_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

func TestWhatIsSupported(t *testing.T) {
	info := func(version, distribution, tagline string) string {
		return fmt.Sprintf(`{"version":{"number":"%s","distribution":"%s"},"tagline":"%s"}`, version, distribution, tagline)
	}
	tests := []struct {
		info, product, want string
		sort                string // of a search by time, without the time
	}{
		{info: info("8.0.0", "", "You Know, for Search"), product: esq.Elasticsearch, sort: `{"_shard_doc":"asc"}`},
		{info: info("9.5.3-SNAPSHOT", "", ""), product: esq.Elasticsearch, sort: `{"_shard_doc":"asc"}`},
		{info: info("2.4.0", "opensearch", ""), product: esq.OpenSearch, sort: `{"_id":{"order":"asc","unmapped_type":"keyword"}},{"_index":{"order":"asc","unmapped_type":"keyword"}}`},
		{info: info("3.2.9", "opensearch", ""), product: esq.OpenSearch, sort: `{"_id":{"order":"asc","unmapped_type":"keyword"}},{"_index":{"order":"asc","unmapped_type":"keyword"}}`},
		{info: info("3.3.0", "opensearch", ""), product: esq.OpenSearch, sort: `{"_index":{"order":"asc","unmapped_type":"keyword"}},{"_shard_doc":"asc"}`},
		{info: info("4.0.0", "opensearch", ""), product: esq.OpenSearch, sort: `{"_index":{"order":"asc","unmapped_type":"keyword"}},{"_shard_doc":"asc"}`},
		{info: info("7.17.1", "", ""), want: "Elasticsearch 7.17.1 is not supported: upgrade to 8"},
		{info: info("1.3.0", "opensearch", ""), want: "OpenSearch 1.3.0 is not supported: upgrade to 2.4"},
		{info: info("2.3.0", "opensearch", ""), want: "point in time"},
		{info: info("7.10.2", "", "The OpenSearch Project: https://opensearch.org/"), want: "override_main_response_version"},
		{info: info("8.1.0", "other", ""), want: "give the URL"},
		{info: `{"hello":"world"}`, want: "give the URL"},
		{info: `{"version":{"number":"x.y"}}`, want: "give the URL"},
	}
	for _, tt := range tests {
		t.Run(tt.info, func(t *testing.T) {
			f := fake{info: tt.info, script: []reply{{body: page(0)}}}
			c, err := esq.Open(t.Context(), esq.Config{URLs: []string{"http://c"}, Transport: &f})
			var unsupported *esq.UnsupportedError
			if tt.want != "" {
				if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want %q in it", err, tt.want)
				}
				return
			}
			must(t, err)
			_, _, err = search(t.Context(), c, everything)
			must(t, err)
			got := member(t, f.asked[0].Body, "sort")
			if c.Product() != tt.product || !strings.HasSuffix(got, "},"+tt.sort+"]") {
				t.Errorf("%s sorts by %s", c.Product(), got)
			}
		})
	}
}

func TestParts(t *testing.T) {
	term := func(field, v string) esq.Query { return esq.Term{Field: field, Value: esq.Str(v)} }
	terms := func(field string, vs ...string) esq.Query {
		q := esq.Terms{Field: field}
		for _, v := range vs {
			q.Values = append(q.Values, esq.Str(v))
		}
		return q
	}
	prefix := func(v string) esq.Query { return esq.Prefix{Field: "p", Value: v} }
	tests := []struct {
		name string
		q    esq.Query
		want []esq.Query
	}{
		{"short queries stay", esq.Or(term("a", "1"), term("a", "2")), []esq.Query{esq.Or(term("a", "1"), term("a", "2"))}},
		{"terms in chunks", terms("a", "1", "2", "3", "4"), []esq.Query{esq.Or(terms("a", "1", "2", "3"), terms("a", "4"))}},
		{"ids in chunks", esq.IDs{Values: []string{"1", "2", "3", "4"}},
			[]esq.Query{esq.Or(esq.IDs{Values: []string{"1", "2", "3"}}, esq.IDs{Values: []string{"4"}})}},
		{"terms of one field are one",
			esq.Or(term("a", "1"), prefix("x"), term("a", "2"), terms("a", "3"), term("b", "1")),
			[]esq.Query{esq.Or(terms("a", "1", "2", "3"), prefix("x"), terms("b", "1"))}},
		{"alternatives are dealt out",
			esq.Or(prefix("1"), prefix("2"), prefix("3"), prefix("4")),
			[]esq.Query{esq.BoolQuery{Should: []esq.Query{prefix("1"), prefix("2"), prefix("3")}, MinimumShouldMatch: 1},
				esq.BoolQuery{Should: []esq.Query{prefix("4")}, MinimumShouldMatch: 1}}},
		{"beside conditions",
			esq.And(term("a", "1"), esq.Or(prefix("1"), prefix("2"), prefix("3"))),
			[]esq.Query{
				esq.And(term("a", "1"), esq.BoolQuery{Should: []esq.Query{prefix("1"), prefix("2")}, MinimumShouldMatch: 1}),
				esq.And(term("a", "1"), esq.BoolQuery{Should: []esq.Query{prefix("3")}, MinimumShouldMatch: 1})}},
		{"all of many cannot be divided", esq.And(prefix("1"), prefix("2"), prefix("3"), prefix("4")),
			[]esq.Query{esq.And(prefix("1"), prefix("2"), prefix("3"), prefix("4"))}},
		{"none of many cannot be divided", esq.Not(esq.Or(prefix("1"), prefix("2"), prefix("3"), prefix("4"))),
			[]esq.Query{esq.Not(esq.Or(prefix("1"), prefix("2"), prefix("3"), prefix("4")))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, esq.Parts(tt.q, 3, 3), compareValues); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The parts of a query accept together what it accepts, and no more.
func TestPartsMeanTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuery(t, 3)
		terms, clauses := rapid.IntRange(1, 5).Draw(t, "terms"), rapid.IntRange(1, 6).Draw(t, "clauses")
		parts := esq.Parts(q, terms, clauses)
		for bits := range 16 {
			doc := map[string][]esq.Value{}
			for i, field := range []string{"a", "b"} {
				for j, v := range []string{"x", "y"} {
					if bits>>(2*i+j)&1 == 1 {
						doc[field] = append(doc[field], esq.Str(v))
					}
				}
			}
			want := accepts(q, doc)
			got := slices.ContainsFunc(parts, func(p esq.Query) bool { return accepts(p, doc) })
			if got != want {
				t.Fatalf("%v: whole %v, parts %v: %v", doc, want, got, parts)
			}
		}
		if len(parts) > 1 && terms > 3 { // else lists of values were cut, too
			for _, p := range parts {
				if esq.Leaves(p) >= esq.Leaves(q) && esq.Leaves(p) > clauses {
					t.Fatalf("a part is no shorter than the whole: %v", p)
				}
			}
		}
	})
}

func drawQuery(t *rapid.T, depth int) esq.Query {
	field := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "field")
	kinds := 5
	if depth == 0 {
		kinds = 3
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return esq.MatchAll{}
	case 1, 2:
		return esq.Term{Field: field, Value: drawValue(t), CaseInsensitive: rapid.Bool().Draw(t, "fold")}
	case 3:
		q := esq.Terms{Field: field}
		for range rapid.IntRange(0, 4).Draw(t, "values") {
			q.Values = append(q.Values, drawValue(t))
		}
		return q
	}
	list := func(name string, most int) []esq.Query {
		var qs []esq.Query
		for range rapid.IntRange(0, most).Draw(t, name) {
			qs = append(qs, drawQuery(t, depth-1))
		}
		return qs
	}
	q := esq.BoolQuery{Must: list("must", 2), Filter: list("filter", 2), Should: list("should", 5), MustNot: list("must_not", 1)}
	q.MinimumShouldMatch = rapid.IntRange(0, min(2, len(q.Should))).Draw(t, "minimum")
	return q
}

func drawValue(t *rapid.T) esq.Value {
	return esq.Str(rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "value"))
}

// accepts evaluates the queries that drawQuery makes.
func accepts(q esq.Query, doc map[string][]esq.Value) bool {
	switch q := q.(type) {
	case esq.MatchAll:
		return true
	case esq.Term:
		return slices.Contains(doc[q.Field], q.Value)
	case esq.Terms:
		return slices.ContainsFunc(q.Values, func(v esq.Value) bool { return slices.Contains(doc[q.Field], v) })
	case esq.BoolQuery:
		no := func(c esq.Query) bool { return !accepts(c, doc) }
		if slices.ContainsFunc(q.Must, no) || slices.ContainsFunc(q.Filter, no) {
			return false
		}
		if slices.ContainsFunc(q.MustNot, func(c esq.Query) bool { return accepts(c, doc) }) {
			return false
		}
		need, n := q.MinimumShouldMatch, 0
		if need == 0 && len(q.Should) > 0 && len(q.Must)+len(q.Filter) == 0 {
			need = 1
		}
		for _, c := range q.Should {
			if accepts(c, doc) {
				n++
			}
		}
		return n >= need
	}
	return false
}
