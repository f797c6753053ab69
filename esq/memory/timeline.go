package memory

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"
)

// timeline is documents of an index in the order of one date field, those
// without a date last.
type timeline struct {
	index   *index
	moments *moments
	places  []int32          // of the documents, in index.docs
	dated   int              // so many of them have a date
	broken  []brokenDocument // the others, if these are all documents of the index
	// several is whether some document has more than one value in the field.
	// Then its place does not tell in which periods it lies.
	several bool
	// punctual is whether every document with a date becomes visible at it.
	punctual bool
	// postings are of the fields that were asked for; nil where not worth it.
	postings map[fieldID]*postings
}

type brokenDocument struct {
	place int32
	why   string
}

// by returns all documents in the order of a date field, then of their ids.
func (ix *index) by(field string) *timeline {
	ix.sorting.Lock()
	defer ix.sorting.Unlock()
	return ix.inOrder(field)
}

// inOrder is by for who holds ix.sorting.
func (ix *index) inOrder(field string) *timeline {
	if t := ix.sorted[field]; t != nil {
		return t
	}
	t := newTimeline(ix, ix.moments(field))
	for _, p := range t.places[t.dated:] {
		d := ix.docs[p]
		_, why := d.time(field)
		t.broken = append(t.broken, brokenDocument{p, ix.name + "/" + d.id() + ": " + why})
	}
	ix.sorted[field] = t
	return t
}

// newTimeline orders all documents of an index.
func newTimeline(ix *index, m *moments) *timeline {
	t := &timeline{index: ix, moments: m, places: make([]int32, 0, len(ix.docs)), several: m.several, punctual: true}
	var rest []int32
	arrivals := ix.arrivals()
	for i := range ix.docs {
		p := int32(i)
		ms, ok := m.at(p)
		if !ok {
			rest = append(rest, p)
			continue
		}
		t.places = append(t.places, p)
		t.punctual = t.punctual && arrivals[p] == ms
	}
	byID := func(a, b int32) int { return strings.Compare(ix.docs[a].id(), ix.docs[b].id()) }
	byTime := func(a, b int32) int {
		if x, y := m.ms[a], m.ms[b]; x != y {
			return cmp.Compare(x, y)
		}
		return byID(a, b)
	}
	if !slices.IsSortedFunc(t.places, byTime) {
		slices.SortFunc(t.places, byTime)
	}
	slices.SortFunc(rest, byID)
	t.dated, t.places = len(t.places), append(t.places, rest...)
	return t
}

// only is what of a timeline lies in a set of so many places.
func (t *timeline) only(set placeSet, many int) *timeline {
	out := &timeline{index: t.index, moments: t.moments, places: make([]int32, 0, many), several: t.several, punctual: t.punctual}
	for i, p := range t.places {
		if i == t.dated {
			out.dated = len(out.places)
		}
		if set.has(p) {
			out.places = append(out.places, p)
		}
	}
	if t.dated == len(t.places) {
		out.dated = len(out.places)
	}
	return out
}

// within returns between which places of the timeline the documents are that may
// lie in a period.
func (t *timeline) within(p period) (from, to int) {
	if t.several || p == anyTime() {
		return 0, len(t.places)
	}
	from = t.before(p.first)
	return from, max(from, t.until(p.last))
}

// until returns how many documents have a date up to a time.
func (t *timeline) until(last int64) int {
	if last == math.MaxInt64 {
		return t.dated
	}
	return t.before(last + 1)
}

// before returns how many documents have a date before a time.
func (t *timeline) before(ms int64) int {
	return sort.Search(t.dated, func(i int) bool { return t.moments.ms[t.places[i]] >= ms })
}
