package memory

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// A question is a conjunction. Parts of it that come again and again, such as
// what makes an event one of a view, are answered once: the documents that
// satisfy them are kept as a selection, in the order of every date field that is
// asked for. Of a selection a question looks at those documents only that lie in
// the time that it asks for.

// conjuncts takes a query apart into what must hold together.
func conjuncts(q esq.Query, to []esq.Query) []esq.Query {
	b, is := q.(esq.BoolQuery)
	if !is || len(b.Should) > 0 || b.MinimumShouldMatch > 0 || len(b.Must)+len(b.Filter)+len(b.MustNot) == 0 {
		return append(to, q)
	}
	for _, part := range b.Must {
		to = conjuncts(part, to)
	}
	for _, part := range b.Filter {
		to = conjuncts(part, to)
	}
	for _, part := range b.MustNot {
		to = append(to, esq.BoolQuery{MustNot: []esq.Query{part}})
	}
	return to
}

// selection is the documents of an index that satisfy some conditions.
type selection struct {
	keys     []string // of the conditions
	matchers []matcher
	uses     int
	docs     []*document
	filled   bool
	by       map[string]*timeline // by date field
}

const (
	maxSelections = 64   // of an index
	maxSeen       = 4096 // conditions that are remembered to have been asked
	maxKey        = 512  // bytes of a condition that may come again
	oftenAsked    = 8    // times, after which a condition is taken to come again
)

// repeated remembers what an index was asked. It is dropped when documents change.
type repeated struct {
	seen       map[string]int
	selections map[string]*selection
}

// hunt is the search for the documents of one index that match a question.
type hunt struct {
	compiler *compiler
	time     string // of the question
	now      int64
	rest     []matcher // what the selection does not vouch for
	ranges   map[string]bounded
	unions   [][]bounded // disjunctions of which each branch has a time
	keys     [][]asked   // conditions that need certain texts
	from     *selection
}

// bounded is a period in a date field that matches must lie in, and the
// conditions that say so and nothing else.
type bounded struct {
	field    string
	period   period
	matchers []matcher
}

// newHunt compiles a question. What the index would refuse is an error.
func newHunt(c *compiler, q question) (*hunt, error) {
	h := &hunt{compiler: c, time: q.time, now: c.now.UnixMilli(), ranges: map[string]bounded{}}
	var keys []string
	var lasting []esq.Query
	for _, part := range conjuncts(q.query, nil) {
		if key, ok := conditionKey(nil, part); ok && c.ix.again(string(key)) {
			keys, lasting = append(keys, string(key)), append(lasting, part)
			continue
		}
		m, err := c.compile(part)
		if err != nil {
			return nil, err
		}
		h.take(part, m)
	}
	var err error
	h.from, err = c.selection(keys, lasting)
	return h, err
}

// take sorts a condition in: one on a time, or any other.
func (h *hunt) take(part esq.Query, m matcher) {
	if field, p, ok := h.compiler.bounds(part); ok {
		b, known := h.ranges[field]
		if !known {
			b = bounded{field: field, period: anyTime()}
		}
		b.period = period{max(b.period.first, p.first), min(b.period.last, p.last)}
		b.matchers = append(b.matchers, m)
		h.ranges[field] = b
		return
	}
	h.rest = append(h.rest, m)
	if keys := h.compiler.keyed(part); keys != nil {
		h.keys = append(h.keys, keys)
	}
	if b, is := part.(esq.BoolQuery); is && len(b.Should) > 0 && len(b.Must)+len(b.Filter)+len(b.MustNot) == 0 {
		if union := h.compiler.union(b.Should); union != nil {
			h.unions = append(h.unions, union)
		}
	}
}

// bounds reads a range over a date field.
func (c *compiler) bounds(q esq.Query) (field string, p period, ok bool) {
	r, is := q.(esq.Range)
	if !is {
		return "", p, false
	}
	p = c.span(r, r.Field)
	return r.Field, p, p != anyTime()
}

// union returns a period for each of several branches, nil if one has none.
func (c *compiler) union(branches []esq.Query) []bounded {
	var union []bounded
	for _, branch := range branches {
		n := len(union)
		for _, part := range conjuncts(branch, nil) {
			if field, p, ok := c.bounds(part); ok {
				union = append(union, bounded{field: field, period: p})
				break
			}
		}
		if len(union) == n {
			return nil
		}
	}
	return union
}

// stretch is documents that a question looks at.
type stretch struct {
	docs   []*document
	times  []int64 // of the first docs, in field
	field  string
	proven bool // that they lie in the question's period of the field
}

// part is the documents of a timeline between two places.
func (t *timeline) part(field string, from, to int) stretch {
	return stretch{docs: t.docs[from:to], times: t.times[min(from, len(t.times)):min(to, len(t.times))], field: field, proven: !t.several}
}

// stretches chooses the fewest documents that must be looked at, by their time.
func (h *hunt) stretches() []stretch {
	var best []stretch
	fewest := math.MaxInt
	for field, b := range h.ranges {
		t := h.from.timeline(h.compiler.ix, field)
		from, to := t.within(b.period)
		if s := h.narrowed(t, t.part(field, from, to), from, to); len(s.docs) < fewest {
			best, fewest = []stretch{s}, len(s.docs)
		}
	}
	for _, union := range h.unions {
		var some []stretch
		n := 0
		for _, b := range union {
			t := h.from.timeline(h.compiler.ix, b.field)
			s := t.part(b.field, 0, 0)
			if from, to := t.within(b.period); from < to {
				s = t.part(b.field, from, to)
			}
			s.proven = false
			some, n = append(some, s), n+len(s.docs)
		}
		if n < fewest {
			best, fewest = some, n
		}
	}
	switch {
	case best != nil:
		return best
	case h.time == "":
		return []stretch{{docs: h.from.all(h.compiler.ix)}}
	}
	t := h.from.timeline(h.compiler.ix, h.time)
	s := t.part(h.time, 0, len(t.docs))
	s.proven = false
	return []stretch{s}
}

// worthLess is how few documents are looked at one by one.
const worthLess = 64

// narrowed leaves of a stretch, which lies between two places of a timeline, the
// documents with the texts that are asked for, where that is easily told.
func (h *hunt) narrowed(t *timeline, s stretch, from, to int) stretch {
	if to-from <= worthLess {
		return s
	}
	h.compiler.ix.sorting.Lock()
	defer h.compiler.ix.sorting.Unlock()
	for _, keys := range h.keys {
		places, ok := t.among(keys, from, to)
		if !ok || len(places) >= len(s.docs) {
			continue
		}
		less := stretch{field: s.field, proven: s.proven}
		for _, i := range places {
			less.docs = append(less.docs, t.docs[i])
			if int(i) < len(t.times) {
				less.times = append(less.times, t.times[i])
			}
		}
		s = less
	}
	return s
}

// run calls yield for every match, each once.
func (h *hunt) run(ctx context.Context, yield func(found)) error {
	var done map[*document]bool
	stretches := h.stretches()
	if len(stretches) > 1 {
		done = map[*document]bool{}
	}
	for _, s := range stretches {
		rest := slices.Clone(h.rest)
		for field, b := range h.ranges {
			if field != s.field || !s.proven {
				rest = append(rest, b.matchers...)
			}
		}
		for i, d := range s.docs {
			if i%patience == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if d.arrives > h.now || !holds(rest, d) {
				continue
			}
			if done != nil {
				if done[d] {
					continue
				}
				done[d] = true
			}
			yield(h.found(s, i))
		}
	}
	return ctx.Err()
}

func holds(ms []matcher, d *document) bool {
	for _, m := range ms {
		if !m(d, &d.record) {
			return false
		}
	}
	return true
}

// found is a match with its time, if the question is over one.
func (h *hunt) found(s stretch, i int) found {
	f := found{doc: s.docs[i]}
	switch {
	case h.time == "":
	case h.time == s.field:
		if i < len(s.times) {
			f.ms, f.dated = s.times[i], true
		}
	default:
		ms, why := f.doc.time(h.time)
		f.dated = why == ""
		if f.dated {
			f.ms = ms
		}
	}
	return f
}

// again reports whether a condition was asked often, or is known to come again,
// and remembers it.
func (ix *index) again(key string) bool {
	if ix.lasting[key] {
		return true
	}
	ix.sorting.Lock()
	defer ix.sorting.Unlock()
	if ix.repeated.seen == nil || len(ix.repeated.seen) > maxSeen {
		ix.repeated.seen = map[string]int{}
	}
	ix.repeated.seen[key]++
	return ix.repeated.seen[key] > oftenAsked
}

// selection returns the documents that satisfy conditions together.
func (c *compiler) selection(keys []string, conditions []esq.Query) (*selection, error) {
	c.ix.sorting.Lock()
	defer c.ix.sorting.Unlock()
	r, name := &c.ix.repeated, strings.Join(keys, "\n")
	if s := r.selections[name]; s != nil {
		s.uses++
		return s, nil
	}
	s := &selection{keys: keys, by: map[string]*timeline{}}
	for _, q := range conditions {
		m, err := c.compile(q)
		if err != nil {
			return nil, err
		}
		s.matchers = append(s.matchers, m)
	}
	r.keep(name, s)
	return s, nil
}

// keep remembers a selection, and forgets others if there are too many.
func (r *repeated) keep(name string, s *selection) {
	if len(r.selections) >= maxSelections {
		maps.DeleteFunc(r.selections, func(_ string, s *selection) bool { return s.uses == 0 })
	}
	if r.selections == nil || len(r.selections) >= maxSelections {
		r.selections = map[string]*selection{}
	}
	r.selections[name] = s
}

// wider returns the documents of the smallest selection that holds all of s.
func (r *repeated) wider(s *selection, all []*document) []*document {
	for _, other := range r.selections {
		if other.filled && len(other.docs) < len(all) && !slices.ContainsFunc(other.keys, func(k string) bool { return !slices.Contains(s.keys, k) }) {
			all = other.docs
		}
	}
	return all
}

// all are the documents of the selection in no order.
func (s *selection) all(ix *index) []*document {
	if len(s.matchers) == 0 {
		return ix.docs
	}
	ix.sorting.Lock()
	defer ix.sorting.Unlock()
	return s.fill(ix)
}

func (s *selection) fill(ix *index) []*document {
	if !s.filled {
		from := ix.repeated.wider(s, ix.docs)
		s.filled = true
		for _, d := range from {
			if holds(s.matchers, d) {
				s.docs = append(s.docs, d)
			}
		}
	}
	return s.docs
}

// timeline is the documents of the selection in the order of a date field.
func (s *selection) timeline(ix *index, field string) *timeline {
	if len(s.matchers) == 0 {
		return ix.by(field)
	}
	ix.sorting.Lock()
	defer ix.sorting.Unlock()
	t := s.by[field]
	if t == nil {
		t = newTimeline(ix, field, s.fill(ix))
		s.by[field] = t
	}
	return t
}

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
