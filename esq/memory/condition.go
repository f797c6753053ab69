package memory

import (
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// conditionKey writes a condition that may come again as a text that no other
// has; ok is false for one that is too long, or depends on the time at which it
// is asked, or is on a time itself.
func conditionKey(key []byte, q esq.Query) (_ []byte, ok bool) {
	key = append(key, '(')
	defer func() { ok = ok && len(key) <= maxKey }()
	switch q := q.(type) {
	case nil, esq.MatchAll:
		return append(key, "all)"...), true
	case esq.MatchNone:
		return append(key, "none)"...), true
	case esq.BoolQuery:
		key = strconv.AppendInt(append(key, "bool "...), int64(q.MinimumShouldMatch), 10)
		for i, list := range [][]esq.Query{q.Must, q.Filter, q.Should, q.MustNot} {
			key = append(key, ' ', byte('0'+i))
			for _, part := range list {
				if key, ok = conditionKey(key, part); !ok || len(key) > maxKey {
					return key, false
				}
			}
		}
		return append(key, ')'), true
	case esq.Term:
		if strings.HasPrefix(q.Value.String(), "now") {
			return key, false
		}
		key = strconv.AppendBool(append(key, "term "...), q.CaseInsensitive)
		return append(valueKey(strconv.AppendQuote(key, q.Field), q.Value), ')'), true
	case esq.Terms:
		key = strconv.AppendQuote(append(key, "terms "...), q.Field)
		for _, v := range q.Values {
			if key = valueKey(key, v); len(key) > maxKey || strings.HasPrefix(v.String(), "now") {
				return key, false
			}
		}
		return append(key, ')'), true
	case esq.Match:
		if strings.HasPrefix(q.Value.String(), "now") {
			return key, false
		}
		key = strconv.AppendBool(append(key, "match "...), q.Phrase)
		return append(valueKey(strconv.AppendQuote(key, q.Field), q.Value), ')'), true
	case esq.Prefix:
		key = strconv.AppendBool(append(key, "prefix "...), q.CaseInsensitive)
		return append(strconv.AppendQuote(strconv.AppendQuote(key, q.Field), q.Value), ')'), true
	case esq.Wildcard:
		key = strconv.AppendBool(append(key, "wildcard "...), q.CaseInsensitive)
		return append(strconv.AppendQuote(strconv.AppendQuote(key, q.Field), q.Pattern), ')'), true
	case esq.Exists:
		return append(strconv.AppendQuote(append(key, "exists "...), q.Field), ')'), true
	}
	return key, false
}

func valueKey(key []byte, v esq.Value) []byte {
	key = append(key, ' ', byte('0'+v.Kind()))
	return strconv.AppendQuote(key, v.String())
}
