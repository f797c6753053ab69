package sequence

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// headed is a place among keys to be put in order, with eight bytes that compare as
// the key's first value does; where they are equal the keys decide.
type headed struct {
	head uint64
	at   int32
}

// sortByKey sorts by keys of equal length. Of many keys most are told apart by
// eight bytes behind what they all begin with, which are compared without going to
// where the keys are.
func sortByKey[T any](all []T, keyOf func(*T) []eql.Value) {
	if len(all) < 2 || len(keyOf(&all[0])) == 0 {
		return
	}
	texts := make([]string, len(all))
	for i := range all {
		text, ok := keyOf(&all[i])[0].Str()
		if !ok { // nothing to tell them apart by
			clear(texts)
			break
		}
		texts[i] = text
	}
	order, begin := make([]headed, len(all)), len(sharedPrefix(texts))
	for i, text := range texts {
		order[i] = headed{head(text[min(begin, len(text)):]), int32(i)}
	}
	slices.SortFunc(order, func(a, b headed) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return slices.CompareFunc(keyOf(&all[a.at]), keyOf(&all[b.at]), esq.Compare)
	})
	arrange(all, order)
}

// sharedPrefix returns what all of the texts begin with.
func sharedPrefix(texts []string) string {
	prefix := texts[0]
	for _, text := range texts {
		n := 0
		for n < len(prefix) && n < len(text) && text[n] == prefix[n] {
			n++
		}
		prefix = prefix[:n]
	}
	return prefix
}

// head returns the first eight bytes of a text as a number, a shorter one filled
// up with zeros.
func head(text string) uint64 {
	var eight [8]byte
	copy(eight[:], text)
	return binary.BigEndian.Uint64(eight[:])
}

// arrange puts at each place what is now where the order says. It uses the order up.
func arrange[T any](all []T, order []headed) {
	for start := range order {
		for at := start; ; {
			from := int(order[at].at)
			order[at].at = int32(at)
			if from == start {
				break
			}
			all[at], all[from] = all[from], all[at]
			at = from
		}
	}
}
