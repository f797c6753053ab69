package sequence

import (
	"sort"

	"github.com/stitchdetect/stitch/esq/eql"
)

// interner numbers values, and pairs of numbers, from 1: of any two of them the
// numbers differ.
type interner struct {
	texts  textTable
	spelt  bool   // some text had letters to fold, since this was last false
	lower  []byte // a text being folded
	others map[eql.Value]int32
	pairs  hashTable
	last   int32
}

func newInterner() *interner {
	return &interner{texts: newTextTable(), others: map[eql.Value]int32{}}
}

func (n *interner) next() int32 {
	n.last++
	return n.last
}

// value returns the number of a value's [eql.Key].
func (n *interner) value(v eql.Value, fold bool) int32 {
	text, ok := v.Str()
	switch {
	case !ok:
		return n.other(v)
	case !fold || !hasUpper(text):
		return n.text(text, n.texts.hash(text))
	}
	n.lower = appendFolded(n.lower[:0], text)
	return n.folded(n.lower, n.texts.hashOf(n.lower))
}

func (n *interner) other(v eql.Value) int32 {
	id, ok := n.others[v]
	if !ok {
		id = n.next()
		n.others[v] = id
	}
	return id
}

// text returns the number of a text with the given hash.
func (n *interner) text(text string, hash uint32) int32 {
	id, free := find(&n.texts, text, hash)
	if free != nil {
		id = n.next()
		n.texts.add(free, text, hash, id)
	}
	return id
}

// textOf returns the text of a number, if it is a text's: as it was, or folded if it
// had letters to fold.
func (n *interner) textOf(number int32) (string, bool) {
	known := n.texts.texts
	if number == 0 {
		return "", false
	}
	at := int(number) - 1 // while nothing but texts was numbered
	if at >= len(known) || known[at].number != number {
		at = sort.Search(len(known), func(i int) bool { return known[i].number >= number })
	}
	if at == len(known) || known[at].number != number {
		return "", false
	}
	return known[at].text, true
}

// folded is text for one that had letters to fold.
func (n *interner) folded(text []byte, hash uint32) int32 {
	n.spelt = true
	id, free := find(&n.texts, text, hash)
	if free != nil {
		id = n.next()
		n.texts.add(free, n.texts.keep(text), hash, id)
	}
	return id
}

// pair returns the number of a pair of numbers, which may be 0 too.
func (n *interner) pair(a, b int32) int32 {
	at := n.pairs.at(pairKey(a, b))
	if *at == 0 {
		*at = n.next()
	}
	return *at
}

// list returns the number of a list of values: 0 if it is empty, of one value
// its own, and of more that of the pair of all but the last and the last.
func (n *interner) list(values []eql.Value) int32 {
	id := int32(0)
	for i, v := range values {
		if next := n.value(v, false); i == 0 {
			id = next
		} else {
			id = n.pair(id, next)
		}
	}
	return id
}

// block is the single texts of a column in rows one after the other. They are read
// step by step, each for the whole block: where the values are, the values, the
// texts. Rows come from all over memory, and within a step their loads do not wait
// for each other.
type block struct {
	values [blockSize][]eql.Value
	texts  [blockSize]string
	is     [blockSize]bool // the only value, and a text
	hashes [blockSize]uint32
	folded [blockSize]int // where it ends in lower if it had letters to fold, else 0
	lower  []byte
}

const blockSize = 64

// read reads a column of up to blockSize rows.
func (b *block) read(rows []Row, column int, fold bool, n *interner) {
	for i := range rows {
		b.values[i] = rows[i].Values[column]
	}
	for i := range rows {
		b.is[i] = false
		if v := b.values[i]; len(v) == 1 {
			b.texts[i], b.is[i] = v[0].Str()
		}
	}
	b.lower = b.lower[:0]
	for i := range rows {
		text := b.texts[i]
		switch b.folded[i] = 0; {
		case !b.is[i]:
		case fold && hasUpper(text):
			from := len(b.lower)
			b.lower = appendFolded(b.lower, text)
			b.folded[i] = len(b.lower)
			b.hashes[i] = n.texts.hashOf(b.lower[from:])
		default:
			b.hashes[i] = n.texts.hash(text)
		}
	}
}

// number returns the number of the i-th text.
func (b *block) number(i int, n *interner) int32 {
	if to := b.folded[i]; to > 0 {
		return n.folded(b.lower[to-len(b.texts[i]):to], b.hashes[i])
	}
	return n.text(b.texts[i], b.hashes[i])
}
