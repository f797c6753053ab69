package memory

import (
	"slices"

	"github.com/stitchdetect/stitch/esq"
)

// postings says where in a timeline the documents with a text in a field are.
// Texts are folded, so that they are found in every spelling; those that are too
// long to be found by are together.
type postings struct {
	at    map[string]int32 // text to list
	lists [][]int32
}

// longTexts is the list of the texts that are too long.
const longTexts = 0

// How many documents are worth postings, and how many of them there must be to a
// text: of a field of which each document has a text of its own nothing is gained.
const (
	leastPosted = 512
	leastShared = 2
	lookAfter   = 4096 // documents
)

// asked is the texts of one field of which a document must have one.
type asked struct {
	field fieldID
	texts []string // folded
	long  bool     // or one that is too long
}

// keyed reads a condition that only documents with certain texts in certain
// fields can satisfy; nil for any other.
func (c *compiler) keyed(q esq.Query) []asked {
	switch q := q.(type) {
	case esq.Term:
		if Type(q.Field) == metaIgnored {
			return c.keyedField(q.Value.String(), nil, true)
		}
		return c.keyedField(q.Field, []esq.Value{q.Value}, false)
	case esq.Terms:
		return c.keyedField(q.Field, q.Values, false)
	case esq.BoolQuery:
		for _, part := range slices.Concat(q.Must, q.Filter) {
			if all := c.keyed(part); all != nil {
				return all
			}
		}
		if len(q.Must)+len(q.Filter) > 0 {
			return nil
		}
		var all []asked
		for _, part := range q.Should {
			one := c.keyed(part)
			if one == nil {
				return nil
			}
			all = append(all, one...)
		}
		return all
	}
	return nil
}

func (c *compiler) keyedField(path string, values []esq.Value, long bool) []asked {
	f, ok := c.field(path)
	if !ok || f.typ != Keyword || len(f.ids) != 1 {
		return nil
	}
	a := asked{field: f.ids[0], long: long}
	for _, v := range values {
		a.texts = append(a.texts, string(appendFolded(nil, wordOf(v))))
	}
	return []asked{a}
}

// posted returns the postings of a field, made once; nil if they are not worth it.
func (t *timeline) posted(id fieldID) *postings {
	p, known := t.postings[id]
	if !known {
		p = newPostings(t, id)
		if t.postings == nil {
			t.postings = map[fieldID]*postings{}
		}
		t.postings[id] = p
	}
	return p
}

func newPostings(t *timeline, id fieldID) *postings {
	if len(t.places) < leastPosted {
		return nil
	}
	w := posting{postings: postings{at: map[string]int32{}}, known: map[uint32]int32{}, counts: make([]int, 1)}
	w.leaves = make([]posted, 0, min(len(t.places), lookAfter))
	for i, place := range t.places {
		d := t.index.docs[place]
		for at, to := d.of(id); at < to; at++ {
			n := w.list(d, at)
			w.counts[n]++
			w.leaves = append(w.leaves, posted{n, int32(i)})
		}
		if i%lookAfter == lookAfter-1 && len(w.at) > i/leastShared {
			return nil
		}
		if i == lookAfter {
			w.leaves = slices.Grow(w.leaves, len(t.places)-i)
		}
	}
	return w.done()
}

// posting makes postings.
type posting struct {
	postings
	known  map[uint32]int32 // list by the number of a text in texts
	leaves []posted
	counts []int // by list
	buffer []byte
}

type posted struct{ list, place int32 }

// list returns in which list a leaf of a document belongs.
func (w *posting) list(d *document, at int) int32 {
	if d.body != nil {
		return w.listOf(d.text(&d.record, at))
	}
	number := d.textOf(at)
	n, known := w.known[number]
	if !known {
		n = w.listOf(d.text(&d.record, at))
		w.known[number] = n
	}
	return n
}

func (w *posting) listOf(text string) int32 {
	if tooLong(text) {
		return longTexts
	}
	w.buffer = appendFolded(w.buffer[:0], text)
	n, known := w.at[string(w.buffer)]
	if !known {
		n = int32(len(w.counts))
		w.at[string(w.buffer)] = n
		w.counts = append(w.counts, 0)
	}
	return n
}

// done makes the lists, one behind the other.
func (w *posting) done() *postings {
	w.lists = make([][]int32, len(w.counts))
	all := make([]int32, len(w.leaves))
	for i, n := range w.counts {
		w.lists[i], all = all[:0:n], all[n:]
	}
	for _, l := range w.leaves {
		w.lists[l.list] = append(w.lists[l.list], l.place)
	}
	return &postings{at: w.at, lists: w.lists}
}

// among returns the places, ascending and each once, from one place up to
// another, of the documents that have what is asked; ok is false where only a
// look at all of them tells, or they would not be fewer than so many.
func (t *timeline) among(all []asked, from, to, fewer int) (places []int32, ok bool) {
	var lists [][]int32
	many := 0
	add := func(list []int32) {
		first, _ := slices.BinarySearch(list, int32(from))
		last, _ := slices.BinarySearch(list, int32(to))
		if last > first {
			lists, many = append(lists, list[first:last]), many+last-first
		}
	}
	for _, a := range all {
		p := t.posted(a.field)
		if p == nil {
			return nil, false
		}
		for _, text := range a.texts {
			if n, known := p.at[text]; known {
				add(p.lists[n])
			}
		}
		if a.long {
			add(p.lists[longTexts])
		}
	}
	if many >= fewer {
		return nil, false
	}
	places = make([]int32, 0, many)
	for _, list := range lists {
		places = append(places, list...)
	}
	slices.Sort(places)
	return slices.Compact(places), true
}
