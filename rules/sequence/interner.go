package sequence

import "github.com/stitchdetect/stitch/esq/eql"

// interner numbers values, and pairs of numbers, from 1: of any two of them the
// numbers differ.
type interner struct {
	texts  map[string]int32
	spelt  bool   // some text had letters to fold
	lower  []byte // the latest of those, folded
	others map[eql.Value]int32
	pairs  hashTable
	last   int32
}

func newInterner() *interner {
	return &interner{texts: map[string]int32{}, others: map[eql.Value]int32{}}
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
		return numberOf(n, n.others, v)
	case !fold || !hasUpper(text):
		return numberOf(n, n.texts, text)
	}
	n.spelt = true
	n.lower = n.lower[:0]
	for i := range len(text) {
		c := text[i]
		if isUpper(c) {
			c += 'a' - 'A'
		}
		n.lower = append(n.lower, c)
	}
	id, ok := n.texts[string(n.lower)] // does not allocate
	if !ok {
		id = numberOf(n, n.texts, string(n.lower))
	}
	return id
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func hasUpper(text string) bool {
	for i := range len(text) {
		if isUpper(text[i]) {
			return true
		}
	}
	return false
}

func numberOf[K comparable](n *interner, among map[K]int32, key K) int32 {
	id, ok := among[key]
	if !ok {
		id = n.next()
		among[key] = id
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
