package esq

import (
	"bytes"
	"encoding/json"
)

// Query is a node of the query tree. The set of nodes is closed: an engine
// that handles every type in this file handles every query.
//
// A node marshals to the Elasticsearch query DSL, keys in a stable order, lists
// always as arrays.
type Query interface {
	json.Marshaler
	query()
}

// MatchAll accepts every document.
type MatchAll struct{}

// MatchNone accepts no document.
type MatchNone struct{}

// BoolQuery combines queries. Must and Filter have the same meaning here (no
// scores are read); both exist because Kibana writes both.
type BoolQuery struct {
	Must, Filter, Should, MustNot []Query
	// MinimumShouldMatch is how many of Should must hold; with 0 the engine's
	// default applies: 1 if there is nothing in Must and Filter, else 0.
	MinimumShouldMatch int
}

// Term accepts documents in which some value of Field equals Value. On an ip
// field the value may be a CIDR block.
type Term struct {
	Field           string
	Value           Value
	CaseInsensitive bool // folds ASCII letters only
}

// Terms accepts documents in which some value of Field equals one of Values.
type Terms struct {
	Field  string
	Values []Value
}

// Match accepts documents whose Field holds Value after analysis: any of its
// words in a text field, the value itself in any other. Phrase asks for all
// words, in order.
type Match struct {
	Field  string
	Value  Value
	Phrase bool
}

// MultiMatch looks for Value in every field (Kibana's free text).
type MultiMatch struct {
	Value  Value
	Phrase bool // type phrase instead of best_fields
}

// QueryString is Lucene's query language, as Kibana uses it for wildcards:
// Query is already escaped but for its * marks. Without Fields it looks in
// every field.
type QueryString struct {
	Fields []string
	Query  string
}

// Exists accepts documents with at least one value in Field, or in a field below it.
type Exists struct{ Field string }

// Range accepts documents with a value of Field between the bounds; a null
// bound is open. On a date field bounds are ISO times or date maths.
type Range struct {
	Field            string
	GT, GTE, LT, LTE Value
	TimeZone         string // of bounds that carry none; UTC when empty
}

// Prefix accepts documents in which some value of Field starts with Value.
type Prefix struct {
	Field, Value    string
	CaseInsensitive bool
}

// Wildcard accepts documents in which some value of Field matches Pattern as a
// whole: * for any run of characters, ? for one, \ escapes either.
type Wildcard struct {
	Field, Pattern  string
	CaseInsensitive bool
}

// Nested applies Query to each object of the nested field Path by itself.
type Nested struct {
	Path  string
	Query Query
}

// IDs accepts documents by _id.
type IDs struct{ Values []string }

func (MatchAll) query()    {}
func (MatchNone) query()   {}
func (BoolQuery) query()   {}
func (Term) query()        {}
func (Terms) query()       {}
func (Match) query()       {}
func (MultiMatch) query()  {}
func (QueryString) query() {}
func (Exists) query()      {}
func (Range) query()       {}
func (Prefix) query()      {}
func (Wildcard) query()    {}
func (Nested) query()      {}
func (IDs) query()         {}

// And returns a query that accepts what all of qs accept.
func And(qs ...Query) Query {
	kept := make([]Query, 0, len(qs))
	for _, q := range qs {
		switch q.(type) {
		case nil, MatchAll:
		case MatchNone:
			return MatchNone{}
		default:
			kept = append(kept, q)
		}
	}
	switch len(kept) {
	case 0:
		return MatchAll{}
	case 1:
		return kept[0]
	}
	return BoolQuery{Filter: kept}
}

// Or returns a query that accepts what any of qs accepts.
func Or(qs ...Query) Query {
	kept := make([]Query, 0, len(qs))
	for _, q := range qs {
		switch q.(type) {
		case nil, MatchNone:
		case MatchAll:
			return MatchAll{}
		default:
			kept = append(kept, q)
		}
	}
	switch len(kept) {
	case 0:
		return MatchNone{}
	case 1:
		return kept[0]
	}
	return BoolQuery{Should: kept, MinimumShouldMatch: 1}
}

// Not returns a query that accepts what q does not.
func Not(q Query) Query {
	switch q := q.(type) {
	case MatchAll:
		return MatchNone{}
	case MatchNone:
		return MatchAll{}
	default:
		return BoolQuery{MustNot: []Query{q}}
	}
}

type object = map[string]any

// marshal writes v without escaping <, > and &, which no engine needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// MarshalJSON writes {"match_all": {}}.
func (MatchAll) MarshalJSON() ([]byte, error) { return marshal(object{"match_all": object{}}) }

// MarshalJSON writes {"match_none": {}}.
func (MatchNone) MarshalJSON() ([]byte, error) { return marshal(object{"match_none": object{}}) }

// MarshalJSON writes a bool query with the clauses that are there.
func (q BoolQuery) MarshalJSON() ([]byte, error) {
	return marshal(object{"bool": struct {
		Must      []Query `json:"must,omitempty"`
		Filter    []Query `json:"filter,omitempty"`
		Should    []Query `json:"should,omitempty"`
		MustNot   []Query `json:"must_not,omitempty"`
		MinShould int     `json:"minimum_should_match,omitempty"`
	}{q.Must, q.Filter, q.Should, q.MustNot, q.MinimumShouldMatch}})
}

// MarshalJSON writes a term query.
func (q Term) MarshalJSON() ([]byte, error) {
	return marshal(object{"term": object{q.Field: caseable{Value: q.Value, Fold: q.CaseInsensitive}}})
}

type caseable struct {
	Value any  `json:"value"`
	Fold  bool `json:"case_insensitive,omitempty"`
}

// MarshalJSON writes a terms query.
func (q Terms) MarshalJSON() ([]byte, error) {
	values := q.Values
	if values == nil {
		values = []Value{}
	}
	return marshal(object{"terms": object{q.Field: values}})
}

// MarshalJSON writes a match or match_phrase query.
func (q Match) MarshalJSON() ([]byte, error) {
	name := "match"
	if q.Phrase {
		name = "match_phrase"
	}
	return marshal(object{name: object{q.Field: q.Value}})
}

// MarshalJSON writes a lenient multi_match over all fields.
func (q MultiMatch) MarshalJSON() ([]byte, error) {
	kind := "best_fields"
	if q.Phrase {
		kind = "phrase"
	}
	return marshal(object{"multi_match": object{"type": kind, "query": q.Value, "lenient": true}})
}

// MarshalJSON writes a query_string query that analyses wildcards.
func (q QueryString) MarshalJSON() ([]byte, error) {
	return marshal(object{"query_string": struct {
		Fields  []string `json:"fields,omitempty"`
		Query   string   `json:"query"`
		Analyze bool     `json:"analyze_wildcard"`
	}{q.Fields, q.Query, true}})
}

// MarshalJSON writes an exists query.
func (q Exists) MarshalJSON() ([]byte, error) {
	return marshal(object{"exists": object{"field": q.Field}})
}

// MarshalJSON writes a range query with the bounds that are there.
func (q Range) MarshalJSON() ([]byte, error) {
	bounds := object{}
	for name, v := range map[string]Value{"gt": q.GT, "gte": q.GTE, "lt": q.LT, "lte": q.LTE} {
		if !v.IsNull() {
			bounds[name] = v
		}
	}
	if q.TimeZone != "" {
		bounds["time_zone"] = q.TimeZone
	}
	return marshal(object{"range": object{q.Field: bounds}})
}

// MarshalJSON writes a prefix query.
func (q Prefix) MarshalJSON() ([]byte, error) {
	return marshal(object{"prefix": object{q.Field: caseable{Value: q.Value, Fold: q.CaseInsensitive}}})
}

// MarshalJSON writes a wildcard query.
func (q Wildcard) MarshalJSON() ([]byte, error) {
	return marshal(object{"wildcard": object{q.Field: caseable{Value: q.Pattern, Fold: q.CaseInsensitive}}})
}

// MarshalJSON writes a nested query that ignores scores.
func (q Nested) MarshalJSON() ([]byte, error) {
	return marshal(object{"nested": object{"path": q.Path, "query": q.Query, "score_mode": "none"}})
}

// MarshalJSON writes an ids query.
func (q IDs) MarshalJSON() ([]byte, error) {
	values := q.Values
	if values == nil {
		values = []string{}
	}
	return marshal(object{"ids": object{"values": values}})
}
