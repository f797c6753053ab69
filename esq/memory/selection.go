package memory

import (
	"maps"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// selection is the documents of an index that satisfy some conditions.
type selection struct {
	keys     []string // of the conditions
	matchers []matcher
	uses     int
	places   []int32 // of the documents, once filled
	members  placeSet
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

// wider returns the places of the smallest selection that holds all of s.
func (r *repeated) wider(s *selection, all []int32) []int32 {
	for _, other := range r.selections {
		if other.filled && len(other.places) < len(all) && !slices.ContainsFunc(other.keys, func(k string) bool { return !slices.Contains(s.keys, k) }) {
			all = other.places
		}
	}
	return all
}

// all are the places of the selection's documents in no order.
func (s *selection) all(ix *index) []int32 {
	ix.sorting.Lock()
	defer ix.sorting.Unlock()
	s.fill(ix)
	return s.places
}

func (s *selection) fill(ix *index) {
	if s.filled {
		return
	}
	from := ix.repeated.wider(s, ix.everywhere())
	s.filled = true
	if len(s.matchers) == 0 {
		s.places = from
		return
	}
	s.places = slices.Concat(inParts(len(from), func(first, end int) []int32 {
		return s.those(ix, from[first:end])
	})...)
	s.members = newPlaceSet(len(ix.docs))
	for _, p := range s.places {
		s.members.add(p)
	}
}

// those are the places among some of the documents that satisfy the conditions.
func (s *selection) those(ix *index, some []int32) []int32 {
	var places []int32
	for _, p := range some {
		if holds(s.matchers, ix.docs[p]) {
			places = append(places, p)
		}
	}
	return places
}

// everywhere are the places of all documents. The caller holds ix.sorting.
func (ix *index) everywhere() []int32 {
	if len(ix.every) != len(ix.docs) {
		ix.every = make([]int32, len(ix.docs))
		for i := range ix.every {
			ix.every[i] = int32(i)
		}
	}
	return ix.every
}

// timeline is the documents of the selection in the order of a date field.
func (s *selection) timeline(ix *index, field string) *timeline {
	ix.sorting.Lock()
	defer ix.sorting.Unlock()
	if len(s.matchers) == 0 {
		return ix.inOrder(field)
	}
	t := s.by[field]
	if t == nil {
		s.fill(ix)
		t = ix.inOrder(field).only(s.members, len(s.places))
		s.by[field] = t
	}
	return t
}
