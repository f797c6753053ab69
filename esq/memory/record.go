package memory

import (
	"encoding/binary"
	"slices"
)

// leafKind is the JSON type of a leaf.
type leafKind uint8

const (
	leafString leafKind = iota
	leafNumber
	leafBool
)

// leaf is one scalar of a document: the field it stands in and where its text is.
type leaf struct {
	field fieldID
	kind  leafKind
	place
}

// place is where a text is: in a document's source, or from the end of that in
// its decoded texts.
type place struct{ off, size uint32 }

// record is what queries look at: the leaves of a document, or of one element
// of a nested field, ordered by field.
type record struct {
	shape *shape
	// at says where the leaves' texts are: the two numbers of each [place], or of a
	// document without a body, one for [texts].
	at     []uint32
	nested *[]nestedRecord // nil: none
}

type nestedRecord struct {
	path fieldID
	record
}

// shape is which leaves a record has. Few shapes serve many records.
type shape struct {
	fields []fieldID // of each leaf, ascending
	kinds  []leafKind
}

// of returns between which places the leaves of a field are.
func (r *record) of(id fieldID) (from, to int) {
	if r.shape == nil {
		return 0, 0
	}
	fields := r.shape.fields
	from, to = 0, len(fields)
	for from < to {
		if middle := int(uint(from+to) >> 1); fields[middle] < id {
			from = middle + 1
		} else {
			to = middle
		}
	}
	for to = from; to < len(fields) && fields[to] == id; {
		to++
	}
	return from, to
}

// draft is a record on its way: its leaves come in the order of the text.
type draft struct {
	leaves []leaf
	nested []nestedRecord
}

// record makes a record of d, with the places written over buffer.
func (d *draft) record(known *shapes, buffer []uint32) record {
	byField := func(a, b leaf) int { return int(a.field) - int(b.field) }
	if !slices.IsSortedFunc(d.leaves, byField) {
		slices.SortStableFunc(d.leaves, byField)
	}
	r := record{shape: known.of(d.leaves), at: slices.Grow(buffer[:0], 2*len(d.leaves))}
	for _, l := range d.leaves {
		r.at = append(r.at, l.off, l.size)
	}
	if len(d.nested) > 0 {
		r.nested = &d.nested
	}
	return r
}

// shapes knows the shapes that there were so far, or so many of them that the
// others are rare.
type shapes struct {
	last  *shape
	known map[string]*shape
	key   []byte
}

const maxShapes = 1 << 14

// of returns the shape of some leaves, which are in order.
func (s *shapes) of(leaves []leaf) *shape {
	if s.last != nil && s.last.is(leaves) {
		return s.last
	}
	s.key = s.key[:0]
	for _, l := range leaves {
		s.key = append(binary.LittleEndian.AppendUint32(s.key, uint32(l.field)), byte(l.kind))
	}
	found := s.known[string(s.key)]
	if found == nil {
		if s.known == nil || len(s.known) == maxShapes {
			s.known = map[string]*shape{}
		}
		found = newShape(leaves)
		s.known[string(s.key)] = found
	}
	s.last = found
	return found
}

func newShape(leaves []leaf) *shape {
	s := &shape{fields: make([]fieldID, len(leaves)), kinds: make([]leafKind, len(leaves))}
	for i, l := range leaves {
		s.fields[i], s.kinds[i] = l.field, l.kind
	}
	return s
}

func (s *shape) is(leaves []leaf) bool {
	if len(leaves) != len(s.fields) {
		return false
	}
	for i, l := range leaves {
		if l.field != s.fields[i] || l.kind != s.kinds[i] {
			return false
		}
	}
	return true
}
