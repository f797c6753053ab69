package memory

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/stitchdetect/stitch/esq"
)

// fieldID stands for a field's dotted name.
type fieldID uint32

// name is a dotted name and the names one step below it.
type name struct {
	id     fieldID
	path   string
	parent *name
	child  map[string]*name
}

// names gives every dotted name that documents hold its number.
type names struct {
	root *name
	all  []*name
}

func newNames() *names {
	n := &names{root: &name{}}
	n.all = []*name{n.root}
	return n
}

// below returns the name that key, which may itself be dotted, has below at.
func (n *names) below(at *name, key string) *name {
	if c, known := at.child[key]; known {
		return c
	}
	if head, rest, dotted := strings.Cut(key, "."); dotted {
		return n.below(n.below(at, head), rest)
	}
	key = strings.Clone(key) // not a part of a document, which it would keep alive
	c := &name{id: fieldID(len(n.all)), path: key, parent: at}
	if at != n.root {
		c.path = at.path + "." + key
	}
	if at.child == nil {
		at.child = map[string]*name{}
	}
	at.child[key] = c
	n.all = append(n.all, c)
	return c
}

// find returns the name that path has, or nil when nothing is called so.
func (n *names) find(path string) *name {
	at := n.root
	for key := range strings.SplitSeq(path, ".") {
		if at = at.child[key]; at == nil {
			return nil
		}
	}
	return at
}

// descendant returns the name that key, which may itself be dotted, has below
// at, or nil.
func (at *name) descendant(key string) *name {
	if c, known := at.child[key]; known {
		return c
	}
	if head, rest, dotted := strings.Cut(key, "."); dotted && at.child[head] != nil {
		return at.child[head].descendant(rest)
	}
	return nil
}

// within appends the numbers of at and of all names below it.
func (at *name) within(ids []fieldID) []fieldID {
	ids = append(ids, at.id)
	for _, c := range at.child {
		ids = c.within(ids)
	}
	return ids
}

// index is one index: its documents and the types of the fields they hold.
type index struct {
	name   string
	names  *names
	types  types
	fields map[fieldID]Type     // what is mapped so far
	byID   map[string]*document // nil until it is asked for; see named
	naming sync.Mutex
	docs   []*document
	seq    int64

	// What searches fill, dropped when docs change: sorting guards orders and
	// selections and is taken before reading, which guards what is read of documents.
	sorting  sync.Mutex
	sorted   map[string]*timeline // by date field
	every    []int32              // all places
	repeated repeated
	reading  sync.Mutex
	dated    map[string]*moments // by date field
	arrived  []int64             // by place

	admission *admission // of a narrowed engine; nil until there is a document

	ingest  []string        // fields that say when a loaded document arrives; none: it is there
	lasting map[string]bool // conditions that will be asked again and again
	texts   *texts          // of documents whose source was not kept
	shapes  shapes          // of documents that came whole
}

func newIndex(indexName string, n *names, t types) *index {
	ix := &index{
		name: indexName, names: n, types: t,
		fields: map[fieldID]Type{}, sorted: map[string]*timeline{},
	}
	for path, typ := range t.exact {
		ix.fields[n.below(n.root, path).id] = typ
	}
	return ix
}

// learn maps the field at if it is new. It reports whether a leaf can stand in
// it: none can in the place of a flattened or nested object.
func (ix *index) learn(at *name, kind leafKind, text string) bool {
	t, known := ix.fields[at.id]
	if !known {
		t = ix.types.ofNew(at.path, kind, text)
		ix.fields[at.id] = t
	}
	return t != Flattened && t != Nested
}

// objectType returns the type of a field that holds an object: Flattened,
// Nested, or "" for a plain object.
func (ix *index) objectType(at *name) Type {
	if t := ix.fields[at.id]; t == Flattened || t == Nested {
		return t
	}
	return ""
}

// put writes a document, in the place of the one with the same id if there is one.
func (ix *index) put(id, source string) (*document, error) {
	rec, decoded, err := scan(source, ix)
	if err != nil {
		return nil, err
	}
	d := &document{index: ix, body: &body{id: id, source: source, decoded: decoded}, record: rec}
	ix.place(d)
	return d, nil
}

// named returns the document with an id, or nil. Who loads files asks for few.
func (ix *index) named(id string) *document {
	ix.naming.Lock()
	defer ix.naming.Unlock()
	if ix.byID == nil {
		ix.byID = make(map[string]*document, len(ix.docs))
		for _, d := range ix.docs {
			ix.byID[d.id()] = d
		}
	}
	return ix.byID[id]
}

// place writes a document that has been read, over the one with the same id.
func (ix *index) place(d *document) {
	old := ix.named(d.id())
	if old == nil {
		ix.add(d)
		return
	}
	d.seq = ix.seq
	ix.seq++
	d.place = old.place
	ix.docs[d.place] = d
	ix.byID[d.id()] = d
	ix.changed()
}

// add writes a document with an id that there is not yet.
func (ix *index) add(d *document) {
	d.seq = ix.seq
	ix.seq++
	d.place = int32(len(ix.docs))
	ix.docs = append(ix.docs, d)
	if ix.byID != nil {
		ix.byID[d.id()] = d
	}
	ix.changed()
}

// changed forgets what was computed of the documents.
func (ix *index) changed() {
	if len(ix.sorted) > 0 || ix.repeated.seen != nil || ix.repeated.selections != nil {
		clear(ix.sorted)
		ix.repeated = repeated{}
	}
	ix.dated, ix.arrived = nil, nil
}

// take takes a document away.
func (ix *index) take(d *document) esq.Outcome {
	end := len(ix.docs) - 1
	ix.docs[d.place] = ix.docs[end]
	ix.docs[d.place].place = d.place
	ix.docs = slices.Delete(ix.docs, end, end+1)
	delete(ix.byID, d.id())
	ix.changed()
	ix.seq++
	return esq.Outcome{Status: http.StatusOK, SeqNo: ix.seq - 1, PrimaryTerm: primaryTerm}
}

// document is one document: its source as it came, and what queries look at.
// But for its place, it never changes once it is written.
type document struct {
	record
	index *index
	body  *body // nil if nothing but the leaves and the id was kept
	seq   int64
	place int32  // in index.docs; only who writes changes it
	named uint32 // the number of the id's text, without a body
}

// body is what a document was read from.
type body struct {
	id      string
	source  string
	decoded string // texts of strings that are written with escapes
	loaded  bool   // from a file: it arrives when it says
}

func (d *document) id() string {
	if d.body == nil {
		return d.index.texts.at(d.named)
	}
	return d.body.id
}

// loaded reports whether the document is from a file.
func (d *document) loaded() bool { return d.body == nil || d.body.loaded }

// text returns the text of one of the leaves of a record of the document.
func (d *document) text(r *record, i int) string {
	if d.body == nil {
		return d.index.texts.at(r.textOf(i))
	}
	off, size := int(r.at.at(2*i)), int(r.at.at(2*i+1))
	if at := off - len(d.body.source); at >= 0 {
		return d.body.decoded[at:][:size]
	}
	return d.body.source[off:][:size]
}

// timeAt returns the earliest date in a field, in milliseconds.
func (d *document) timeAt(id fieldID) (ms int64, ok bool) {
	if d.index.fields[id] != Date {
		return 0, false
	}
	for i, to := d.of(id); i < to; i++ {
		if at, is := dateOf(d.shape.kinds[i], d.text(&d.record, i)); is && (!ok || at < ms) {
			ms, ok = at, true
		}
	}
	return ms, ok
}

// time returns the earliest date in a field, in milliseconds, or why there is none.
func (d *document) time(field string) (ms int64, why string) {
	n := d.index.names.find(field)
	if n == nil {
		return 0, "no " + field
	}
	first, end := d.of(n.id)
	if first == end {
		return 0, "no " + field
	}
	if t := d.index.fields[n.id]; t != Date {
		return 0, field + " is mapped as " + string(t) + ", not as a date"
	}
	ms, found := d.timeAt(n.id)
	if !found {
		return 0, field + " " + quoted(d.text(&d.record, first)) + " is not a date"
	}
	return ms, ""
}

func (d *document) whole() esq.Document {
	return esq.Document{
		Ref: esq.Ref{Index: d.index.name, ID: d.id()}, Found: true,
		SeqNo: d.seq, PrimaryTerm: primaryTerm, Source: d.json(),
	}
}
