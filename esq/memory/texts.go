package memory

// texts holds the texts of many documents' leaves in large pieces. A text that
// comes again in a field is there once, unless most texts of the field differ.
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
	recent      [recents]place // the texts that came last
	next        int            // of recent
	known       map[string]place
	seen, fresh int
	varied      bool // nearly every document has a text of its own
}

const recents = 4

// enough is how many texts tell whether a field's texts repeat.
const enough = 1 << 12

// at returns the text at a place.
func (t *texts) at(p place) string {
	from := p.off & (1<<pieceBits - 1)
	return view(t.pieces[p.off>>pieceBits][from : from+p.size])
}

// room reports whether a document with so many bytes of texts can be held.
func (t *texts) room(size int) bool { return size <= longText && len(t.pieces) < maxPieces }

// hold returns where a text of a field is, from now on.
func (t *texts) hold(field fieldID, text string) place {
	for int(field) >= len(t.fields) {
		t.fields = append(t.fields, repeating{known: map[string]place{}})
	}
	f := &t.fields[field]
	if f.varied {
		return t.add(text)
	}
	f.seen++
	for _, p := range f.recent {
		if int(p.size) == len(text) && f.fresh > 0 && t.at(p) == text {
			return p
		}
	}
	s, known := f.known[text]
	if !known {
		f.fresh++
		s = t.add(text)
		f.known[t.at(s)] = s
		if f.fresh > enough && 2*f.fresh > f.seen {
			f.varied, f.known = true, nil
		}
	}
	f.recent[f.next%recents] = s
	f.next++
	return s
}

// add appends a text.
func (t *texts) add(text string) place {
	n := len(t.pieces)
	if n == 0 || len(t.pieces[n-1])+len(text) > 1<<pieceBits {
		t.pieces = append(t.pieces, make([]byte, 0, 1<<pieceBits))
		n++
	}
	p := &t.pieces[n-1]
	s := place{uint32((n-1)<<pieceBits + len(*p)), uint32(len(text))}
	*p = append(*p, text...)
	return s
}
