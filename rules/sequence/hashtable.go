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

// reserve makes room for n more entries.
func (h *hashTable) reserve(n int) {
	if (h.used+n)*3 >= len(h.keys)*2 {
		h.resize(h.used + n)
	}
}

func (h *hashTable) grow() { h.resize(2 * h.used) }

func (h *hashTable) resize(n int) {
	old := *h
	*h = newHashTable(n)
	for i, v := range old.values {
		if v != 0 {
			*h.at(old.keys[i]) = v
		}
	}
}

// pairKey makes one key of two numbers.
func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// numbering maps numbers below a bound to numbers that are not zero: directly
// where most of them occur, and else by a hash table.
type numbering struct {
	direct []int32
	hashed hashTable
}

// newNumbering returns a numbering with room for n numbers below the bound.
func newNumbering(n int, bound int32) numbering {
	if int(bound) <= 4*n {
		return numbering{direct: make([]int32, bound)}
	}
	return numbering{hashed: newHashTable(n)}
}

func (m *numbering) get(number int32) int32 {
	if m.direct != nil {
		return m.direct[number]
	}
	return m.hashed.get(uint64(number))
}

// at returns where the value of a number is, to be set at once if it is 0.
func (m *numbering) at(number int32) *int32 {
	if m.direct != nil {
		return &m.direct[number]
	}
	return m.hashed.at(uint64(number))
}
