package sequence

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"
)

// textTable maps texts to numbers that are not zero, by open addressing. Its hash
// has a seed of its own, so that nobody can make up texts that all meet in one
// place.
type textTable struct {
	seed   maphash.Seed
	places []textPlace
	texts  []numberedText
	folded strings.Builder // what became of texts that were folded, one after the other
}

type textPlace struct{ hash, at uint32 } // at: of texts, from 1; 0 is free

type numberedText struct {
	text   string
	number int32
}

func newTextTable() textTable {
	return textTable{seed: maphash.MakeSeed(), places: make([]textPlace, 64)}
}

func (t *textTable) hash(text string) uint32   { return uint32(maphash.String(t.seed, text)) }
func (t *textTable) hashOf(text []byte) uint32 { return uint32(maphash.Bytes(t.seed, text)) }

// find returns the number of a text with the given hash, or 0 and the free place
// where it belongs. That is to be filled at once, by add.
func find[T string | []byte](t *textTable, text T, hash uint32) (int32, *textPlace) {
	mask := uint32(len(t.places) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		p := &t.places[i]
		if p.at == 0 {
			return 0, p
		}
		if p.hash != hash {
			continue
		}
		if known := &t.texts[p.at-1]; known.text == string(text) { // does not allocate
			return known.number, nil
		}
	}
}

// add fills a free place.
func (t *textTable) add(p *textPlace, text string, hash uint32, number int32) {
	if len(t.texts) == cap(t.texts) {
		t.texts = slices.Grow(t.texts, max(64, len(t.texts)))
	}
	t.texts = append(t.texts, numberedText{text, number})
	*p = textPlace{hash, uint32(len(t.texts))}
	if len(t.texts)*3 > len(t.places)*2 {
		t.grow()
	}
}

func (t *textTable) grow() {
	old := t.places
	t.places = make([]textPlace, 4*len(old))
	mask := uint32(len(t.places) - 1)
	for _, p := range old {
		if p.at == 0 {
			continue
		}
		i := p.hash & mask
		for t.places[i].at != 0 {
			i = (i + 1) & mask
		}
		t.places[i] = p
	}
}

// keep returns a text that was folded as a string that stays. They share their
// memory: one allocation for many of them.
func (t *textTable) keep(text []byte) string {
	const atOnce = 1 << 12
	if t.folded.Cap()-t.folded.Len() < len(text) {
		t.folded = strings.Builder{}
		t.folded.Grow(max(len(text), atOnce))
	}
	from := t.folded.Len()
	t.folded.Write(text)
	return t.folded.String()[from:]
}

// What eight bytes at once are compared with.
const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
	pastA    = (0x80 - 'A') * eachByte     // added to a byte below 0x80, sets its high bit from 'A' on
	pastZ    = (0x80 - 'Z' - 1) * eachByte // from after 'Z' on
)

// uppers returns the high bits of those of eight bytes that are upper case letters.
func uppers(eight uint64) uint64 {
	low := eight &^ highBits
	return (low + pastA) &^ (low + pastZ) &^ eight & highBits
}

// hasUpper reports whether a text has ASCII letters to fold.
func hasUpper(text string) bool {
	if len(text) < 8 {
		return hasUpperOneByOne(text)
	}
	found := uint64(0)
	for i := 0; i+8 <= len(text); i += 8 {
		found |= uppers(eightOf(text, i))
	}
	return found|uppers(eightOf(text, len(text)-8)) != 0
}

// eightOf returns the eight bytes of a text from i on.
func eightOf(text string, i int) uint64 {
	s := text[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func hasUpperOneByOne(text string) bool {
	for i := range len(text) {
		if isUpper(text[i]) {
			return true
		}
	}
	return false
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// appendFolded appends a text in lower case.
func appendFolded(to []byte, text string) []byte {
	for ; len(text) >= 8; text = text[8:] {
		eight := eightOf(text, 0)
		to = binary.LittleEndian.AppendUint64(to, eight|uppers(eight)>>2) // 'a' is 'A' and the bit 0x20
	}
	for i := range len(text) {
		c := text[i]
		if isUpper(c) {
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}
