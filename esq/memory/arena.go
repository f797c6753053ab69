package memory

import (
	"slices"
	"strings"
)

// arena holds what kept documents are made of in few large pieces, which neither
// the allocator nor the garbage collector has to look at one by one. What is in
// it stays as long as the engine.
type arena struct {
	text    []byte
	numbers []uint32
	docs    []document
}

const (
	textPiece   = 1 << 18 // bytes
	numberPiece = 1 << 13
	docPiece    = 1 << 9
)

// keep returns a document that is like d and shares nothing with it.
func (a *arena) keep(d *document) *document {
	c := a.doc(*d)
	c.body = &body{a.string(d.body.id), a.string(d.body.source), a.string(d.body.decoded), d.body.loaded}
	c.at = numbersOf(a.copy(d.at.slice(2 * len(d.shape.fields))))
	if d.nested != nil {
		c.nested = new(slices.Clone(*d.nested))
	}
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

func (a *arena) copy(numbers []uint32) []uint32 {
	if len(a.numbers)+len(numbers) > cap(a.numbers) {
		a.numbers = make([]uint32, 0, max(numberPiece, len(numbers)))
	}
	from := len(a.numbers)
	a.numbers = append(a.numbers, numbers...)
	return a.numbers[from:len(a.numbers):len(a.numbers)]
}
