package memory

import (
	"hash/maphash"
	"math/bits"
)

// identity stands for index and _id of a document: two hashes that know nothing
// of each other. Where the first are the same the second tell documents apart.
type identity struct{ hash, check uint64 }

// hashes makes identities.
type hashes struct{ hash, check func(index, id string) uint64 }

func newHashes() hashes { return hashes{newHash(), newHash()} }

func newHash() func(index, id string) uint64 {
	seed := maphash.MakeSeed()
	return func(index, id string) uint64 {
		var h maphash.Hash
		h.SetSeed(seed)
		h.WriteString(index)
		h.WriteByte(0)
		h.WriteString(id)
		return h.Sum64()
	}
}

func (h hashes) of(index, id string) identity {
	return identity{h.hash(index, id), h.check(index, id) | 1}
}

// seen is the documents that were read, each with a number. It grows part by
// part, so that there is never much more of it than it needs.
type seen struct{ parts [1 << seenBits]seenPart }

type seenPart struct {
	slots []seenSlot
	used  int
}

// seenSlot is free while its check is 0.
type seenSlot struct {
	identity
	value int64
}

const (
	seenBits  = 8  // of a hash, which say in what part it is
	leastSeen = 16 // slots of a part
)

// get returns the number of a document; ok is false if it was not seen.
func (s *seen) get(of identity) (value int64, ok bool) {
	p := &s.parts[of.hash>>(64-seenBits)]
	if p.used == 0 {
		return 0, false
	}
	slot := p.slot(of)
	return slot.value, slot.check != 0
}

// set gives a document its number.
func (s *seen) set(of identity, value int64) {
	p := &s.parts[of.hash>>(64-seenBits)]
	if 8*(p.used+1) > 7*len(p.slots) {
		p.grow()
	}
	slot := p.slot(of)
	if slot.check == 0 {
		p.used++
	}
	*slot = seenSlot{of, value}
}

// slot returns where a document is, or the free slot where it would be.
func (p *seenPart) slot(of identity) *seenSlot {
	at, _ := bits.Mul64(of.hash<<seenBits, uint64(len(p.slots)))
	for {
		slot := &p.slots[at]
		if slot.check == 0 || slot.identity == of {
			return slot
		}
		if at++; at == uint64(len(p.slots)) {
			at = 0
		}
	}
}

func (p *seenPart) grow() {
	old := p.slots
	p.slots = make([]seenSlot, max(leastSeen, len(old)+len(old)/2))
	for _, slot := range old {
		if slot.check != 0 {
			*p.slot(slot.identity) = slot
		}
	}
}

// all calls yield for every number.
func (s *seen) all(yield func(value int64) bool) {
	for i := range s.parts {
		for _, slot := range s.parts[i].slots {
			if slot.check != 0 && !yield(slot.value) {
				return
			}
		}
	}
}
