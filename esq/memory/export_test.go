package memory

import (
	"slices"

	"github.com/stitchdetect/stitch/esq"
)

// Plainly returns the ids of the documents of an index that match, sorted: each
// visible document is looked at by itself, and nothing is kept.
func (e *Engine) Plainly(index string, q esq.Query) ([]string, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	ix := e.indices[index]
	m, err := (&compiler{ix: ix, now: e.now()}).compile(q)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, d := range ix.docs {
		if (!d.loaded() || ix.arrival(d) <= e.now().UnixMilli()) && m(d, &d.record) {
			ids = append(ids, d.id())
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// InParts is [inParts], of which each part says what it was given.
func InParts(n int) [][2]int {
	return inParts(n, func(from, to int) [2]int { return [2]int{from, to} })
}

const LeastPart = leastPart
