package memory

import (
	"context"
	"math"
	"slices"

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

// hunt is the search for the documents of one index that match a question.
type hunt struct {
	compiler *compiler
	time     string // of the question
	now      int64
	rest     []condition // what the selection does not vouch for
	ranges   map[string]bounded
	unions   [][]bounded // disjunctions of which each branch has a time
	keys     [][]asked   // conditions that need certain texts
	from     *selection
}

// condition is a part of a question. One on times alone is decided by a
// document's place, the others by the document.
type condition struct {
	byPlace    placeTest // nil: byDocument
	byDocument matcher
}

// bounded is a period in a date field that matches must lie in, and the
// conditions that say so and nothing else.
type bounded struct {
	field      string
	period     period
	conditions []condition
}

// newHunt compiles a question. What the index would refuse is an error.
func newHunt(c *compiler, q question) (*hunt, error) {
	h := &hunt{compiler: c, time: q.time, now: c.now.UnixMilli(), ranges: map[string]bounded{}}
	var keys []string
	var lasting []esq.Query
	for _, part := range conjuncts(q.query, nil) {
		timely := c.timely(part)
		if timely == nil {
			if key, ok := conditionKey(nil, part); ok && c.ix.again(string(key)) {
				keys, lasting = append(keys, string(key)), append(lasting, part)
				continue
			}
		}
		m, err := c.compile(part)
		if err != nil {
			return nil, err
		}
		h.take(part, condition{timely, m})
	}
	var err error
	h.from, err = c.selection(keys, lasting)
	return h, err
}

// take sorts a condition in: one on a time, or any other.
func (h *hunt) take(part esq.Query, m condition) {
	if field, p, ok := h.compiler.bounds(part); ok {
		b, known := h.ranges[field]
		if !known {
			b = bounded{field: field, period: anyTime()}
		}
		b.period = period{max(b.period.first, p.first), min(b.period.last, p.last)}
		b.conditions = append(b.conditions, m)
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
	places  []int32
	field   string
	proven  bool // that they lie in the question's period of the field
	visible bool // that all of them have arrived
}

// part is the documents of a timeline between two places.
func (t *timeline) part(field string, from, to int) stretch {
	return stretch{places: t.places[from:to], field: field, proven: !t.several}
}

// stretch is the documents of a selection that may lie in a period of a date
// field, and of them those that may have the texts that are asked for.
func (h *hunt) stretch(b bounded) stretch {
	t := h.from.timeline(h.compiler.ix, b.field)
	from, to := t.within(b.period)
	visible := t.punctual && to <= t.dated
	if visible {
		to = max(from, min(to, t.until(h.now)))
	}
	s := h.narrowed(t, t.part(b.field, from, to), from, to)
	s.visible = visible
	return s
}

// stretches chooses the fewest documents that must be looked at, by their time.
func (h *hunt) stretches() []stretch {
	var best []stretch
	fewest := math.MaxInt
	for _, b := range h.ranges {
		if s := h.stretch(b); len(s.places) < fewest {
			best, fewest = []stretch{s}, len(s.places)
		}
	}
	for _, union := range h.unions {
		var some []stretch
		n := 0
		for _, b := range union {
			s := h.stretch(b)
			s.proven = false
			some, n = append(some, s), n+len(s.places)
		}
		if n < fewest {
			best, fewest = some, n
		}
	}
	switch {
	case best != nil:
		return best
	case h.time == "":
		return []stretch{{places: h.from.all(h.compiler.ix)}}
	}
	t := h.from.timeline(h.compiler.ix, h.time)
	s := t.part(h.time, 0, len(t.places))
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
		among, ok := t.among(keys, from, to, len(s.places))
		if !ok {
			continue
		}
		less := stretch{field: s.field, proven: s.proven, places: make([]int32, 0, len(among))}
		for _, i := range among {
			less.places = append(less.places, t.places[i])
		}
		s = less
	}
	return s
}

// run calls yield for every match, each once.
func (h *hunt) run(ctx context.Context, yield func(found)) error {
	ix := h.compiler.ix
	var done placeSet
	find := h.finder()
	stretches := h.stretches()
	if len(stretches) > 1 {
		done = newPlaceSet(len(ix.docs))
	}
	for _, s := range stretches {
		byPlace, byDocument := h.tests(s)
		for i, p := range s.places {
			if i%patience == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if !holdsAt(byPlace, p) || len(byDocument) > 0 && !holds(byDocument, ix.docs[p]) {
				continue
			}
			if done != nil {
				if done.has(p) {
					continue
				}
				done.add(p)
			}
			yield(find(p))
		}
	}
	return ctx.Err()
}

// tests are what the documents of a stretch have to pass: first those that are
// decided by their places.
func (h *hunt) tests(s stretch) (byPlace []placeTest, byDocument []matcher) {
	if !s.visible {
		arrivals := h.compiler.ix.arrivals()
		byPlace = append(byPlace, func(p int32) bool { return arrivals[p] <= h.now })
	}
	conditions := slices.Clone(h.rest)
	for field, b := range h.ranges {
		if field != s.field || !s.proven {
			conditions = append(conditions, b.conditions...)
		}
	}
	for _, c := range conditions {
		if c.byPlace != nil {
			byPlace = append(byPlace, c.byPlace)
		} else {
			byDocument = append(byDocument, c.byDocument)
		}
	}
	return byPlace, byDocument
}

func holds(ms []matcher, d *document) bool {
	for _, m := range ms {
		if !m(d, &d.record) {
			return false
		}
	}
	return true
}

func holdsAt(tests []placeTest, place int32) bool {
	for _, test := range tests {
		if !test(place) {
			return false
		}
	}
	return true
}

// finder makes matches of places, with their times if the question is over one.
func (h *hunt) finder() func(place int32) found {
	docs := h.compiler.ix.docs
	if h.time == "" {
		return func(p int32) found { return found{doc: docs[p]} }
	}
	m := h.compiler.ix.moments(h.time)
	return func(p int32) found {
		f := found{doc: docs[p]}
		if ms, ok := m.at(p); ok {
			f.ms, f.dated = ms, true
		}
		return f
	}
}
