package esq

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

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

// marshalQuery is every node's MarshalJSON.
func marshalQuery(q Query) ([]byte, error) { return q.appendTo(nil) }

// MarshalJSON writes {"match_all": {}}.
func (q MatchAll) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (MatchAll) appendTo(b []byte) ([]byte, error) { return append(b, `{"match_all":{}}`...), nil }

// MarshalJSON writes {"match_none": {}}.
func (q MatchNone) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (MatchNone) appendTo(b []byte) ([]byte, error) { return append(b, `{"match_none":{}}`...), nil }

// MarshalJSON writes a bool query with the clauses that are there.
func (q BoolQuery) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q BoolQuery) appendTo(b []byte) (_ []byte, err error) {
	b = append(b, `{"bool":{`...)
	first := true
	for _, list := range []struct {
		name    string
		clauses []Query
	}{{"must", q.Must}, {"filter", q.Filter}, {"should", q.Should}, {"must_not", q.MustNot}} {
		if len(list.clauses) == 0 {
			continue
		}
		b, first = appendKey(b, list.name, first), false
		if b, err = appendList(b, list.clauses, Query.appendTo); err != nil {
			return nil, err
		}
	}
	if q.MinimumShouldMatch != 0 {
		b = appendKey(b, "minimum_should_match", first)
		b = strconv.AppendInt(b, int64(q.MinimumShouldMatch), 10)
	}
	return append(b, "}}"...), nil
}

// MarshalJSON writes a term query.
func (q Term) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q Term) appendTo(b []byte) ([]byte, error) {
	return appendCaseable(b, "term", q.Field, q.Value, q.CaseInsensitive)
}

// appendCaseable appends a query of one field for one value.
func appendCaseable(b []byte, kind, field string, v Value, fold bool) (_ []byte, err error) {
	b = appendField(b, kind, field)
	b = append(b, `{"value":`...)
	if b, err = v.appendTo(b); err != nil {
		return nil, err
	}
	if fold {
		b = append(b, `,"case_insensitive":true`...)
	}
	return append(b, "}}}"...), nil
}

// appendField opens a query of one field: {"kind":{"field":
func appendField(b []byte, kind, field string) []byte {
	b = appendKey(append(b, '{'), kind, true)
	return appendKey(append(b, '{'), field, true)
}

// MarshalJSON writes a terms query.
func (q Terms) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q Terms) appendTo(b []byte) (_ []byte, err error) {
	if b, err = appendList(appendField(b, "terms", q.Field), q.Values, Value.appendTo); err != nil {
		return nil, err
	}
	return append(b, "}}"...), nil
}

// MarshalJSON writes a match or match_phrase query.
func (q Match) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q Match) appendTo(b []byte) (_ []byte, err error) {
	kind := "match"
	if q.Phrase {
		kind = "match_phrase"
	}
	if b, err = q.Value.appendTo(appendField(b, kind, q.Field)); err != nil {
		return nil, err
	}
	return append(b, "}}"...), nil
}

// MarshalJSON writes a lenient multi_match over all fields.
func (q MultiMatch) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q MultiMatch) appendTo(b []byte) (_ []byte, err error) {
	b = append(b, `{"multi_match":{"lenient":true,"query":`...)
	if b, err = q.Value.appendTo(b); err != nil {
		return nil, err
	}
	if q.Phrase {
		return append(b, `,"type":"phrase"}}`...), nil
	}
	return append(b, `,"type":"best_fields"}}`...), nil
}

// MarshalJSON writes a query_string query that analyses wildcards.
func (q QueryString) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q QueryString) appendTo(b []byte) (_ []byte, err error) {
	b = append(b, `{"query_string":{`...)
	if len(q.Fields) > 0 {
		if b, err = appendList(appendKey(b, "fields", true), q.Fields, appendItem); err != nil {
			return nil, err
		}
		b = append(b, ',')
	}
	b = appendText(append(b, `"query":`...), q.Query)
	return append(b, `,"analyze_wildcard":true}}`...), nil
}

// MarshalJSON writes an exists query.
func (q Exists) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q Exists) appendTo(b []byte) ([]byte, error) {
	return append(appendText(append(b, `{"exists":{"field":`...), q.Field), "}}"...), nil
}

// MarshalJSON writes a range query with the bounds that are there.
func (q Range) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q Range) appendTo(b []byte) (_ []byte, err error) {
	b = append(appendField(b, "range", q.Field), '{')
	first := true
	for _, bound := range []struct {
		name  string
		value Value
	}{{"gt", q.GT}, {"gte", q.GTE}, {"lt", q.LT}, {"lte", q.LTE}} {
		if bound.value.IsNull() {
			continue
		}
		b, first = appendKey(b, bound.name, first), false
		if b, err = bound.value.appendTo(b); err != nil {
			return nil, err
		}
	}
	if q.TimeZone != "" {
		b = appendText(appendKey(b, "time_zone", first), q.TimeZone)
	}
	return append(b, "}}}"...), nil
}

// MarshalJSON writes a prefix query.
func (q Prefix) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q Prefix) appendTo(b []byte) ([]byte, error) {
	return appendCaseable(b, "prefix", q.Field, Str(q.Value), q.CaseInsensitive)
}

// MarshalJSON writes a wildcard query.
func (q Wildcard) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q Wildcard) appendTo(b []byte) ([]byte, error) {
	return appendCaseable(b, "wildcard", q.Field, Str(q.Pattern), q.CaseInsensitive)
}

// MarshalJSON writes a nested query that ignores scores.
func (q Nested) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q Nested) appendTo(b []byte) (_ []byte, err error) {
	b = appendText(append(b, `{"nested":{"path":`...), q.Path)
	b = append(b, `,"query":`...)
	if q.Query == nil {
		b = append(b, "null"...)
	} else if b, err = q.Query.appendTo(b); err != nil {
		return nil, err
	}
	return append(b, `,"score_mode":"none"}}`...), nil
}

// MarshalJSON writes an ids query.
func (q IDs) MarshalJSON() ([]byte, error) { return marshalQuery(q) }

func (q IDs) appendTo(b []byte) (_ []byte, err error) {
	if b, err = appendList(append(b, `{"ids":{"values":`...), q.Values, appendItem); err != nil {
		return nil, err
	}
	return append(b, "}}"...), nil
}

// appendKey appends a key and its colon, and unless it is the object's first, a
// comma before it.
func appendKey(b []byte, key string, first bool) []byte {
	if !first {
		b = append(b, ',')
	}
	return append(appendText(b, key), ':')
}

// appendList appends a list.
func appendList[T any](b []byte, items []T, add func(T, []byte) ([]byte, error)) (_ []byte, err error) {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = add(item, b); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendItem(text string, b []byte) ([]byte, error) { return appendText(b, text), nil }

// appendText appends a JSON string, as encoding/json writes it.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := marshal(text) // of a string there is no error
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// appendTo appends the value as a JSON scalar.
func (v Value) appendTo(b []byte) ([]byte, error) {
	switch v.kind {
	case Null:
		return append(b, "null"...), nil
	case String:
		return appendText(b, v.str), nil
	case Int:
		return strconv.AppendInt(b, int64(v.bits), 10), nil
	case Bool:
		return strconv.AppendBool(b, v.bits == 1), nil
	}
	number, err := marshal(v.Any())
	return append(b, number...), err
}
