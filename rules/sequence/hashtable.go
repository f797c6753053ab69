package sequence

import "math/bits"

// hashTable maps numbers to numbers that are not zero, by open addressing: no
// allocation per entry, and the zero table is empty.
type hashTable struct {
	keys   []uint64
	values []int32 // parallel to keys; 0 is a free place
	used   int
}

// newHashTable returns a table with room for n entries.
func newHashTable(n int) hashTable {
	size := 1 << bits.Len(uint(n+n/2+4))
	return hashTable{keys: make([]uint64, size), values: make([]int32, size)}
}

// get returns the value of a key, 0 if it has none.
func (h *hashTable) get(key uint64) int32 {
	if h.used == 0 {
		return 0
	}
	return h.values[h.place(key)]
}

// at returns where the value of a key is, to be set at once if it is 0.
func (h *hashTable) at(key uint64) *int32 {
	if h.used*3 >= len(h.keys)*2 {
		h.grow()
	}
	i := h.place(key)
	if h.values[i] == 0 {
		h.keys[i] = key
		h.used++
	}
	return &h.values[i]
}

// place returns where a key is, or the free place where it belongs.
func (h *hashTable) place(key uint64) uint64 {
	mask := uint64(len(h.keys) - 1)
	const golden = 0x9E3779B97F4A7C15 // spreads neighbours: numbers given in a row are the usual keys
	i := (key * golden) >> (64 - bits.Len64(mask)) & mask
	for h.values[i] != 0 && h.keys[i] != key {
		i = (i + 1) & mask
	}
	return i
}

func (h *hashTable) grow() {
	old := *h
	*h = newHashTable(2 * old.used)
	for i, v := range old.values {
		if v != 0 {
			*h.at(old.keys[i]) = v
		}
	}
}

// pairKey makes one key of two numbers.
func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }
