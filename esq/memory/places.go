package memory

import (
	"runtime"
	"sync"
)

// placeSet is a set of places in an index's documents.
type placeSet []uint64

const perWord = 64 // places

func newPlaceSet(places int) placeSet { return make(placeSet, (places+perWord-1)/perWord) }

func (s placeSet) add(place int32) { s[place/perWord] |= 1 << (place % perWord) }

func (s placeSet) has(place int32) bool { return s[place/perWord]>>(place%perWord)&1 != 0 }

// leastPart is how many documents are worth a worker of their own, and of which
// each part has a multiple, lest two workers write to one word of a set.
const leastPart = 1 << 13

// inParts does work on the numbers below n in parts, with as many workers as may
// run at once, and returns what each part came to, in their order.
func inParts[T any](n int, work func(from, to int) T) []T {
	parts := max(1, min(runtime.GOMAXPROCS(0), n/leastPart))
	size := (n/parts + leastPart) / leastPart * leastPart
	if parts == 1 {
		return []T{work(0, n)}
	}
	out := make([]T, parts)
	var all sync.WaitGroup
	for i := range parts {
		from, to := min(n, i*size), min(n, (i+1)*size)
		all.Go(func() { out[i] = work(from, to) })
	}
	all.Wait()
	return out
}
