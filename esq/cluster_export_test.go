package esq

import (
	"encoding/json"
	"unicode/utf8"
)

// Parts returns the queries that q goes out as, with limits that are low
// enough for small tests.
func Parts(q Query, terms, clauses int) []Query {
	return limits{terms: terms, ids: terms, clauses: clauses}.parts(q)
}

// Leaves counts the leaves of a query.
func Leaves(q Query) int { return leaves(q) }

// SetPages makes all pages n hits or groups long.
func (c *Cluster) SetPages(n int) {
	c.pages.first, c.pages.some, c.pages.most = n, n, n
	c.dialect.limits.groups = n
}

// SetMaxClauses makes queries go out in parts of at most n leaves.
func (c *Cluster) SetMaxClauses(n int) { c.dialect.limits.clauses = n }

// ReadLeaves reads fields of a source in one pass; ok is false where that is
// left to others.
func ReadLeaves(raw []byte, fields []Field) (values [][]Value, ok bool) {
	r := leafReader{tree: newLeafTree(fields)}
	if r.tree == nil || !utf8.Valid(raw) {
		return nil, false
	}
	r.begin()
	d := quickDecoder{text: string(raw)}
	return r.values, r.object(&d, &r.tree.root, 0)
}

// ReadAnswer reads the answer to a search, as it is read from the engine and as
// encoding/json reads it.
func ReadAnswer(body []byte) (got, want any, gotErr, wantErr error) {
	var g, w searchAnswer
	return &g, &w, g.decode(body), json.Unmarshal(body, &w)
}

// ReadAnswers is [ReadAnswer] of a multi-search.
func ReadAnswers(body []byte) (got, want any, gotErr, wantErr error) {
	var g, w multiAnswer
	return &g, &w, g.decode(body), json.Unmarshal(body, &w)
}
