package esq

import "encoding/json"

// Query is a node of the query tree. The set of nodes is closed: an engine
// that handles every type in this file handles every query.
//
// A node marshals to the Elasticsearch query DSL, keys in a stable order, lists
// always as arrays.
type Query interface {
	json.Marshaler
	// appendTo appends what MarshalJSON writes. Trees are deep: a node whose
	// children were marshalled on their own would have them checked and copied
	// once more for every level above.
	appendTo(b []byte) ([]byte, error)
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
