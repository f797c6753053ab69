package memory

import (
	"bytes"
	"encoding/binary"
)

// texts holds the texts of many documents' leaves in large pieces, each after
// its length, or where it is the end of what was held before it, as a file's name
// is of its path, only the length. A text that comes again in a field is there once, unless most texts
// of the field differ.
type texts struct {
	pieces [][]byte
	fields []repeating // by field
}

const (
	pieceBits = 20
	longText  = 1 << 12 // bytes; what is longer is not held here
	maxPieces = 1 << (32 - pieceBits)
)

// repeating is the texts of one field.
type repeating struct {
	recent      [recents]uint32 // those that came last
	next        int             // of recent
	known       map[string]uint32
	seen, fresh int
	varied      bool // nearly every document has a text of its own
}

const recents = 4

// enough is how many texts tell whether a field's texts repeat.
const enough = 1 << 12

// fewTexts is how many texts of a field are few.
const fewTexts = 16

// few reports whether a field has had few texts so far.
func (t *texts) few(field fieldID) bool { return t.fields[field].fresh <= fewTexts }

// at returns a text by the number that it was given.
func (t *texts) at(n uint32) string {
	p := t.pieces[n>>pieceBits][n&(1<<pieceBits-1):]
	if size := p[0]; size < 0x80 {
		return view(p[1 : 1+size])
	}
	size, from := binary.Uvarint(p)
	switch {
	case from == tailMark:
		end := int(n & (1<<pieceBits - 1))
		return view(t.pieces[n>>pieceBits][end-int(size) : end])
	case size < 0x80: // which would be one byte, were it a length
		return unpackStamp(int(size), p[from:])
	}
	return view(p[from : from+int(size)])
}

// tailMark is how many bytes the length of a text has that is not there, but is
// the end of what stands before it: one more than any other length.
const tailMark = 3

// room reports whether texts with so many bytes can be held.
func (t *texts) room(size int) bool { return size <= longText && len(t.pieces) < maxPieces }

// hold returns the number of a text of a field, from now on.
func (t *texts) hold(field fieldID, text string) uint32 {
	for int(field) >= len(t.fields) {
		t.fields = append(t.fields, repeating{known: map[string]uint32{}})
	}
	f := &t.fields[field]
	if f.varied {
		return t.addVaried(text)
	}
	f.seen++
	for _, n := range f.recent[:min(f.next, recents)] {
		if t.at(n) == text {
			return n
		}
	}
	n, known := f.known[text]
	if !known {
		f.fresh++
		n = t.add(text)
		f.known[t.at(n)] = n
		if f.fresh > enough && 2*f.fresh > f.seen {
			f.varied, f.known = true, nil
		}
	}
	f.recent[f.next%recents] = n
	f.next++
	return n
}

// addVaried appends a text of a field of which few texts are asked for often: to
// unpack a time costs an allocation.
func (t *texts) addVaried(text string) uint32 {
	last := t.fitting(text)
	p := t.pieces[last]
	if packed, ok := packStamp(p, text); ok {
		t.pieces[last] = packed
		return uint32(last<<pieceBits + len(p))
	}
	return t.add(text)
}

// fitting is the piece that a text fits in.
func (t *texts) fitting(text string) int {
	last := len(t.pieces) - 1
	if last < 0 || len(t.pieces[last])+binary.MaxVarintLen32+len(text) > 1<<pieceBits {
		t.pieces = append(t.pieces, make([]byte, 0, 1<<pieceBits))
		last++
	}
	return last
}

// add appends a text.
func (t *texts) add(text string) uint32 {
	last := t.fitting(text)
	p := t.pieces[last]
	n := uint32(last<<pieceBits + len(p))
	if size := len(text); size > tailMark && bytes.HasSuffix(p, []byte(text)) {
		t.pieces[last] = append(p, byte(size)|0x80, byte(size>>7)|0x80, 0)
		return n
	}
	t.pieces[last] = append(binary.AppendUvarint(p, uint64(len(text))), text...)
	return n
}
