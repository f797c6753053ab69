package memory

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

func (c *compiler) term(q esq.Term) (matcher, error) {
	if q.Value.IsNull() {
		return nil, refuse("value cannot be null")
	}
	f, ok := c.field(q.Field)
	if !ok {
		return never, nil
	}
	if !q.CaseInsensitive {
		return c.equal(f, q.Value)
	}
	return c.equalFolded(f, q.Value)
}

func (c *compiler) equalFolded(f field, v esq.Value) (matcher, error) {
	want := wordOf(v)
	switch f.typ {
	case Keyword, Flattened:
		return f.any(f.findable(func(text string) bool { return equalFold(text, want) })), nil
	case Text:
		return f.any(someWord(func(word string) bool { return equalFold(word, want) })), nil
	case Boolean, metaID:
		return c.equal(f, v)
	case metaIndex:
		return c.indexName(want, true), nil
	case metaIgnored:
		return c.ignored(func(path string) bool { return equalFold(path, want) }), nil
	}
	return nil, refuse("[%s] field which is of type [%s], does not support case insensitive term queries", f.path, f.typ)
}

// findable makes a test of texts one of leaves of a keyword or flattened field.
func (f field) findable(pass func(text string) bool) leafTest {
	if f.typ == Flattened {
		return func(_ leafKind, text string) bool { return pass(text) }
	}
	return func(_ leafKind, text string) bool { return pass(text) && !tooLong(text) }
}

// someWord makes a test of words one of leaves of a text field.
func someWord(pass func(word string) bool) leafTest {
	return func(_ leafKind, text string) bool { return slices.ContainsFunc(words(text), pass) }
}

func fixed(yes bool) matcher {
	if yes {
		return always
	}
	return never
}

// equal is what a term query asks of a field, by its type.
func (c *compiler) equal(f field, v esq.Value) (matcher, error) {
	want := wordOf(v)
	switch f.typ {
	case Keyword, Flattened:
		return f.any(f.findable(func(text string) bool { return text == want })), nil
	case Text:
		return f.any(someWord(func(word string) bool { return word == want })), nil
	case metaID:
		if want == "" {
			return nil, refuse("failed to create query: Ids can't be empty")
		}
		return ids([]string{want}), nil
	case metaIndex:
		return c.indexName(want, false), nil
	case metaIgnored:
		return c.ignored(func(path string) bool { return path == want }), nil
	case IP:
		s, err := parseSpan(want)
		if err != nil {
			return nil, refuse("failed to create query: %v", err)
		}
		return f.any(inSpans([]span{s})), nil
	case Date:
		return c.onDate(f, v)
	case Long:
		return equalLong(f, want)
	case Double:
		n, err := parseDouble(want)
		if err != nil {
			return nil, refuse("failed to create query: %v", err)
		}
		return f.any(func(kind leafKind, text string) bool { x, ok := doubleOf(kind, text); return ok && x == n }), nil
	}
	b, err := parseBool(want)
	if err != nil {
		return nil, refuse("failed to create query: %v", err)
	}
	return f.any(func(kind leafKind, text string) bool { x, ok := boolOf(kind, text); return ok && x == b }), nil
}

func inSpans(spans []span) leafTest {
	return func(_ leafKind, text string) bool {
		a, err := parseAddress(text)
		return err == nil && slices.ContainsFunc(spans, func(s span) bool { return s.holds(a) })
	}
}

// equalLong matches nothing for a number that no long can be.
func equalLong(f field, want string) (matcher, error) {
	n, whole, err := parseLong(want)
	if outside, ok := errors.AsType[*rangeError](err); ok && outside != nil {
		return never, nil
	}
	if err != nil {
		return nil, refuse("failed to create query: %v", err)
	}
	if !whole {
		return never, nil
	}
	return f.any(func(kind leafKind, text string) bool { x, ok := longOf(kind, text); return ok && x == n }), nil
}

// onDate accepts all times that a date written with less than all its parts means.
func (c *compiler) onDate(f field, v esq.Value) (matcher, error) {
	at := clock{c.now, time.UTC}
	first, err := at.valueBound(v, false)
	if err != nil {
		return nil, refuse("%v", err)
	}
	last, err := at.valueBound(v, true)
	if err != nil {
		return nil, refuse("%v", err)
	}
	return f.any(between(dateOf, first, last)), nil
}

// between accepts leaves whose number lies within inclusive bounds.
func between(read func(leafKind, string) (int64, bool), first, last int64) leafTest {
	return func(kind leafKind, text string) bool {
		n, ok := read(kind, text)
		return ok && first <= n && n <= last
	}
}

func (c *compiler) terms(q esq.Terms) (matcher, error) {
	if slices.ContainsFunc(q.Values, esq.Value.IsNull) {
		return nil, refuse("No value specified for terms query")
	}
	f, ok := c.field(q.Field)
	if !ok || len(q.Values) == 0 {
		return never, nil
	}
	switch f.typ {
	case Keyword, Flattened:
		wanted := map[string]bool{}
		for _, v := range q.Values {
			wanted[wordOf(v)] = true
		}
		return f.any(f.findable(func(text string) bool { return wanted[text] })), nil
	case IP:
		return termsIP(f, q.Values)
	}
	var ms []matcher
	for _, v := range q.Values {
		m, err := c.equal(f, v)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return anyOf(ms), nil
}

// termsIP looks single addresses up and compares with blocks only.
func termsIP(f field, values []esq.Value) (matcher, error) {
	single := map[address]bool{}
	var blocks []span
	for _, v := range values {
		s, err := parseSpan(wordOf(v))
		if err != nil {
			return nil, refuse("failed to create query: %v", err)
		}
		if s.first == s.last {
			single[s.first] = true
		} else {
			blocks = append(blocks, s)
		}
	}
	return f.any(func(_ leafKind, text string) bool {
		a, err := parseAddress(text)
		return err == nil && (single[a] || slices.ContainsFunc(blocks, func(s span) bool { return s.holds(a) }))
	}), nil
}

func (c *compiler) prefix(q esq.Prefix) (matcher, error) {
	if q.Field == "_index" {
		return c.indexName(q.Value+"*", q.CaseInsensitive), nil
	}
	return c.texts(q.Field, "prefix", func(s string) bool {
		if q.CaseInsensitive {
			return len(s) >= len(q.Value) && equalFold(s[:len(q.Value)], q.Value)
		}
		return strings.HasPrefix(s, q.Value)
	})
}

func (c *compiler) wildcard(q esq.Wildcard) (matcher, error) {
	if q.Field == "_index" {
		return c.indexName(q.Pattern, q.CaseInsensitive), nil
	}
	return c.texts(q.Field, "wildcard", newWildcard(q.Pattern, q.CaseInsensitive).match)
}

// indexName compares the name of the index with a pattern that knows * alone.
func (c *compiler) indexName(pattern string, fold bool) matcher {
	if fold {
		pattern = strings.ToLower(pattern)
	}
	return fixed(glob(pattern, c.ix.name))
}

// texts applies a test to the texts of a field, to the words of an analysed one.
func (c *compiler) texts(path, query string, pass func(string) bool) (matcher, error) {
	f, ok := c.field(path)
	if !ok {
		return never, nil
	}
	switch f.typ {
	case Keyword, Flattened:
		return f.any(f.findable(pass)), nil
	case Text:
		return f.any(someWord(pass)), nil
	case metaIgnored:
		return c.ignored(pass), nil
	}
	return nil, refuse("Can only use %s queries on keyword, text and wildcard fields - not on [%s] which is of type [%s]",
		query, f.path, f.typ)
}

func (c *compiler) match(q esq.Match) (matcher, error) {
	if q.Value.IsNull() {
		return nil, refuse("[match] requires query value")
	}
	f, ok := c.field(q.Field)
	if !ok {
		return never, nil
	}
	return c.analysed(f, q.Value, q.Phrase)
}

// analysed is what a match query asks of a field.
func (c *compiler) analysed(f field, v esq.Value, phrase bool) (matcher, error) {
	if f.typ != Text {
		return c.equal(f, v)
	}
	wanted := words(wordOf(v))
	if phrase {
		return f.any(holdsPhrase(wanted)), nil
	}
	return f.any(someWord(func(word string) bool { return slices.Contains(wanted, word) })), nil
}

// holdsPhrase accepts texts with all the words next to each other, in order.
func holdsPhrase(wanted []string) leafTest {
	return func(_ leafKind, text string) bool {
		all := words(text)
		for i := 0; i+len(wanted) <= len(all); i++ {
			if len(wanted) > 0 && slices.Equal(all[i:i+len(wanted)], wanted) {
				return true
			}
		}
		return false
	}
}

// multiMatch looks in every field; one whose type the value does not fit is passed over.
func (c *compiler) multiMatch(q esq.MultiMatch) (matcher, error) {
	if q.Value.IsNull() {
		return nil, refuse("[multi_match] requires query value")
	}
	var ms []matcher
	for _, f := range c.matching("*") {
		m, err := c.analysed(f, q.Value, q.Phrase)
		if _, refused := errors.AsType[*queryError](err); refused {
			continue
		}
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return anyOf(ms), nil
}
