package memory

import (
	"math"
	"slices"
)

// moments is what all documents of an index have in one date field, by their
// places: read once, so that nobody who asks for a time has to find and parse it.
type moments struct {
	ms    []int64 // the earliest of a document, where it has one
	known placeSet
	// several is whether some document has more than one value in the field, of
	// which ms tells only one.
	several bool
}

// at returns the earliest date of the document at a place, in milliseconds; ok is
// false if it has none.
func (m *moments) at(place int32) (ms int64, ok bool) {
	return m.ms[place], m.known.has(place)
}

// moments returns what the documents have in a date field. The caller holds the
// engine's lock, so that no document comes or goes.
func (ix *index) moments(field string) *moments {
	ix.reading.Lock()
	defer ix.reading.Unlock()
	return ix.read(field)
}

// read is moments for who holds ix.reading.
func (ix *index) read(field string) *moments {
	m := ix.dated[field]
	if m == nil {
		m = newMoments(ix, field)
		if ix.dated == nil {
			ix.dated = map[string]*moments{}
		}
		ix.dated[field] = m
	}
	return m
}

func newMoments(ix *index, field string) *moments {
	m := &moments{ms: make([]int64, len(ix.docs)), known: newPlaceSet(len(ix.docs))}
	n := ix.names.find(field)
	if n == nil || ix.fields[n.id] != Date {
		return m
	}
	several := inParts(len(ix.docs), func(from, to int) bool { return m.read(ix.docs[from:to], int32(from), n.id) })
	m.several = slices.Contains(several, true)
	return m
}

// read fills in the dates of the documents from a place on, and reports whether
// one of them has several.
func (m *moments) read(docs []*document, from int32, id fieldID) (several bool) {
	for i, d := range docs {
		at, to := d.of(id)
		several = several || to-at > 1
		for ; at < to; at++ {
			place := from + int32(i)
			if ms, ok := dateOf(d.shape.kinds[at], d.text(&d.record, at)); ok && (!m.known.has(place) || ms < m.ms[place]) {
				m.ms[place] = ms
				m.known.add(place)
			}
		}
	}
	return several
}

// arrival returns when a loaded document reaches its index, in milliseconds;
// documents that are never hidden did so long ago.
func (ix *index) arrival(d *document) int64 {
	for _, f := range ix.ingest {
		if ms, why := d.time(f); why == "" {
			return ms
		}
	}
	return math.MinInt64
}

// arrivals returns when the documents became visible, by their places. It must not
// be changed.
func (ix *index) arrivals() []int64 {
	ix.reading.Lock()
	defer ix.reading.Unlock()
	if len(ix.arrived) != len(ix.docs) {
		ix.arrived = ix.readArrivals()
	}
	return ix.arrived
}

func (ix *index) readArrivals() []int64 {
	var fields []*moments
	for _, f := range ix.ingest {
		fields = append(fields, ix.read(f))
	}
	if len(fields) > 0 && ix.arriveAt(fields[0]) {
		return fields[0].ms
	}
	all := make([]int64, len(ix.docs))
	for i, d := range ix.docs {
		all[i] = math.MinInt64
		if !d.loaded() {
			continue
		}
		for _, m := range fields {
			if ms, ok := m.at(int32(i)); ok {
				all[i] = ms
				break
			}
		}
	}
	return all
}

// arriveAt reports whether all documents arrive at the times they have in a field.
func (ix *index) arriveAt(m *moments) bool {
	for i, d := range ix.docs {
		if !d.loaded() || !m.known.has(int32(i)) {
			return false
		}
	}
	return true
}
