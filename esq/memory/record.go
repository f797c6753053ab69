package memory

import (
	"encoding/binary"
	"slices"
	"unsafe"
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
	// document without a body, those for [texts] that its shape does not know.
	at     numbers
	nested *[]nestedRecord // nil: none
}

type nestedRecord struct {
	path fieldID
	record
}

// numbers is as many numbers as whoever has them knows.
type numbers struct{ first *uint32 }

func numbersOf(all []uint32) numbers { return numbers{unsafe.SliceData(all)} }

func (n numbers) at(i int) uint32 {
	return *(*uint32)(unsafe.Add(unsafe.Pointer(n.first), uintptr(i)*unsafe.Sizeof(*n.first)))
}

func (n numbers) slice(many int) []uint32 { return unsafe.Slice(n.first, many) }

// shape is which leaves a record has. Few shapes serve many records.
type shape struct {
	fields []fieldID // of each leaf, ascending
	kinds  []leafKind
	// texts says of each leaf of a document without a body which text it has: that
	// of a number, which all documents of the shape have, or from ownText on, that of
	// one of the document's own numbers.
	texts []uint64
}

const ownText = 1 << 32

// textOf is the number of the text of a leaf of a document without a body.
func (r *record) textOf(i int) uint32 {
	n := r.shape.texts[i]
	if n < ownText {
		return uint32(n)
	}
	return r.at.at(int(n - ownText))
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
	at     []uint32 // of the record that was made last
}

// record makes a record of d, over the one that was made of it before.
func (d *draft) record(known *shapes) record {
	byField := func(a, b leaf) int { return int(a.field) - int(b.field) }
	if !slices.IsSortedFunc(d.leaves, byField) {
		slices.SortStableFunc(d.leaves, byField)
	}
	d.at = slices.Grow(d.at[:0], 2*len(d.leaves))
	for _, l := range d.leaves {
		d.at = append(d.at, l.off, l.size)
	}
	r := record{shape: known.of(d.leaves), at: numbersOf(d.at)}
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
