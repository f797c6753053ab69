package kuery

import (
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// Translate returns the query that Kibana's detection engine makes of n when
// it knows no field's type: the condition as the only filter of a bool query,
// or [esq.MatchAll] for *:*.
//
// A field's name goes out as it stands, wildcards included. That is useful in
// exists and query_string queries, which expand them, and finds nothing in the
// others, in Kibana as here.
func Translate(n Node) esq.Query {
	q := translate(n, "")
	if all, ok := q.(esq.MatchAll); ok {
		return all
	}
	return esq.BoolQuery{Filter: []esq.Query{q}}
}

// translate returns n as a query; path is that of the nested field around it,
// or empty.
func translate(n Node, path string) esq.Query {
	switch n := n.(type) {
	case *And:
		return esq.BoolQuery{Filter: translateAll(n.Nodes, path)}
	case *Or:
		return anyOf(translateAll(n.Nodes, path)...)
	case *Not:
		return esq.BoolQuery{MustNot: []esq.Query{translate(n.Node, path)}}
	case *Is:
		return translateIs(n, path)
	case *Range:
		return anyOf(translateRange(n, path))
	case *Nested:
		full := below(path, n.Path.Name())
		return esq.Nested{Path: full, Query: translate(n.Node, full)}
	}
	return esq.MatchAll{}
}

func translateAll(nodes []Node, path string) []esq.Query {
	queries := make([]esq.Query, len(nodes))
	for i, n := range nodes {
		queries[i] = translate(n, path)
	}
	return queries
}

// anyOf is how Kibana writes an or, and a comparison too: a field's pattern
// could stand for several fields.
func anyOf(queries ...esq.Query) esq.Query {
	return esq.BoolQuery{Should: queries, MinimumShouldMatch: 1}
}

func translateIs(n *Is, path string) esq.Query {
	if n.everything() {
		return esq.MatchAll{}
	}
	if n.Field == nil && path == "" {
		return freeText(n.Value)
	}
	// Free text has no meaning inside a nested field. Kibana puts the path
	// before a field that is null, and so it looks for one of that name.
	name := "null"
	if n.Field != nil {
		name = n.Field.Name()
	}
	return anyOf(translateValue(below(path, name), n.Value))
}

func freeText(value Text) esq.Query {
	if value.Wildcard() {
		return esq.QueryString{Query: queryString(value)}
	}
	return esq.MultiMatch{Value: value.Value(), Phrase: value.Quoted}
}

func translateValue(field string, value Text) esq.Query {
	switch {
	case value.Any():
		return esq.Exists{Field: field}
	case value.Wildcard():
		return esq.QueryString{Fields: []string{field}, Query: queryString(value)}
	}
	return esq.Match{Field: field, Value: value.Value(), Phrase: value.Quoted}
}

func translateRange(n *Range, path string) esq.Query {
	q := esq.Range{Field: below(path, n.Field.Name())}
	switch v := n.Value.Value(); n.Op {
	case LT:
		q.LT = v
	case LTE:
		q.LTE = v
	case GT:
		q.GT = v
	case GTE:
		q.GTE = v
	}
	return q
}

// queryString writes a value with wildcards in Lucene's query language.
func queryString(t Text) string {
	var b strings.Builder
	for i, part := range t.Parts {
		if i > 0 {
			b.WriteByte('*')
		}
		for _, r := range part {
			if strings.ContainsRune(`+-=&|><!(){}[]^"~*?:\/`, r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
