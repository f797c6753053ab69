package rules

import (
	"slices"
	"sync"

	"github.com/stitchdetect/stitch/esq"
)

// RememberDocuments is [RememberFields] for an engine whose documents never
// change, as those of files: what a rule has read of a document it does not read
// again while that is among the many that are remembered.
func RememberDocuments(s esq.Searcher) esq.Searcher {
	r := RememberFields(s).(*remembering)
	r.documents = &recollection{read: map[asked]map[document]*recalled{}, alone: map[sharing]map[esq.Value][]esq.Value{}}
	return r
}

// maxRecalled is how many documents are remembered, the last ones read.
const maxRecalled = 1 << 16

// recollection is what stages have read of sources' documents.
type recollection struct {
	mu    sync.Mutex
	read  map[asked]map[document]*recalled
	alone map[sharing]map[esq.Value][]esq.Value // lists of one value, which many events share
	order []*recalled                           // as they were read; a ring, once it is full
	next  int
}

type document struct{ index, id string }

// recalled is what a stage makes of a document: the event, nil if its time cannot
// be read, and the values that no query finds.
type recalled struct {
	event *event
	gaps  []gap
	by    asked
	of    document
}

// recall returns what is known of the documents of a source as a stage reads
// them; nil where nothing is kept.
func (s *searcher) recall(st *stage, src *source) *recall {
	r, ok := s.engine.(*remembering)
	if !ok || r.documents == nil {
		return nil
	}
	return &recall{r.documents, asked{st, src}}
}

type recall struct {
	*recollection
	by asked
}

// known implements [esq.Search.Known].
func (r *recall) known(index, id string) bool { return r.get(index, id) != nil }

func (r *recall) get(index, id string) *recalled {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read[r.by][document{index, id}]
}

// put remembers a document in the place of the one that was read the longest ago.
func (r *recall) put(d *recalled, index, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d.by, d.of = r.by, document{index, id}
	if d.event != nil {
		r.share(d.event.values)
	}
	if len(r.order) < maxRecalled {
		r.order = append(r.order, d)
	} else {
		old := r.order[r.next]
		delete(r.read[old.by], old.of)
		r.order[r.next] = d
		r.next = (r.next + 1) % maxRecalled
	}
	if r.read[r.by] == nil {
		r.read[r.by] = map[document]*recalled{}
	}
	r.read[r.by][d.of] = d
}

// sharing is a column of what a stage reads of a source.
type sharing struct {
	by     asked
	column int
}

// maxShared is how many values of a column are taken to come again.
const maxShared = 512

// share has lists of one value be there once, of those that came first, and puts
// the others together, away from what else was read of the document.
func (r *recall) share(columns [][]esq.Value) {
	var own []int
	size := 0
	for i, list := range columns {
		if known := r.shared(i, list); known != nil {
			columns[i] = known
		} else if len(list) > 0 {
			own, size = append(own, i), size+len(list)
		}
	}
	values := make([]esq.Value, 0, size)
	for _, i := range own {
		from := len(values)
		values = append(values, columns[i]...)
		columns[i] = values[from:len(values):len(values)]
	}
}

// shared returns the list that a column's one value has for all events, nil if it
// has none.
func (r *recall) shared(column int, list []esq.Value) []esq.Value {
	if len(list) != 1 {
		return nil
	}
	all := r.alone[sharing{r.by, column}]
	known := all[list[0]]
	if known == nil && len(all) < maxShared {
		if all == nil {
			all = map[esq.Value][]esq.Value{}
			r.alone[sharing{r.by, column}] = all
		}
		known = []esq.Value{list[0]}
		all[list[0]] = known
	}
	return known
}

// hit reads a hit, unless that is known already.
func (r *recall) hit(read *reader, h esq.Hit, source string, caps map[string]esq.FieldCap) *recalled {
	if r != nil {
		if d := r.get(h.Index, h.ID); d != nil {
			return d
		}
	}
	d := &recalled{}
	if e, ok := read.event(h); ok {
		d.event, d.gaps = e, gapsOf(read, source, h, caps)
	}
	if r != nil {
		r.put(d, h.Index, h.ID)
	}
	return d
}

// copy returns an event of which the values and parts may be changed.
func (e *event) copy() *event {
	c := *e
	c.values, c.filled, c.parts = slices.Clone(e.values), slices.Clone(e.filled), slices.Clone(e.parts)
	return &c
}
