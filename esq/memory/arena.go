package memory

import "strings"

// arena holds what kept documents are made of in few large pieces, which neither
// the allocator nor the garbage collector has to look at one by one. What is in
// it stays as long as the engine.
type arena struct {
	text   []byte
	places []place
	docs   []document
}

const (
	textPiece  = 1 << 18 // bytes
	placePiece = 1 << 13
	docPiece   = 1 << 9
)

// keep returns a document that is like d and shares nothing with it.
func (a *arena) keep(d *document) *document {
	c := a.doc(*d)
	c.id, c.source, c.decoded = a.string(d.id), a.string(d.source), a.string(d.decoded)
	c.places = a.copy(d.places)
	return c
}

func (a *arena) doc(d document) *document {
	if len(a.docs) == cap(a.docs) {
		a.docs = make([]document, 0, docPiece)
	}
	a.docs = append(a.docs, d)
	return &a.docs[len(a.docs)-1]
}

func (a *arena) string(s string) string {
	if len(s) > textPiece/4 {
		return strings.Clone(s)
	}
	if len(a.text)+len(s) > cap(a.text) {
		a.text = make([]byte, 0, textPiece)
	}
	from := len(a.text)
	a.text = append(a.text, s...)
	return view(a.text[from:])
}

func (a *arena) copy(places []place) []place {
	if len(a.places)+len(places) > cap(a.places) {
		a.places = make([]place, 0, max(placePiece, len(places)))
	}
	from := len(a.places)
	a.places = append(a.places, places...)
	return a.places[from:len(a.places):len(a.places)]
}
