package memory

import "math"

// sourceReader reads reduced sources, one after the other, and decides which of
// the documents are kept. Its buffers serve the next document.
type sourceReader struct {
	narrow *narrowing
	known  map[string]*admission // by index
	doc    document
	body   body
	scan   scanner
	draft  draft
	shapes shapes
}

// admission decides which documents of one index are kept.
type admission struct {
	names, fields int // how many there were when matchers was made
	matchers      []matcher
}

// read reads a document into the buffers of the one before it. With fixed it
// changes nothing, and fails with errNewField where it would have to.
func (r *sourceReader) read(ix *index, id, text string, fixed bool) (*document, error) {
	d := &r.doc
	r.scan = scanner{raw: text, index: ix, shapes: &r.shapes, decoded: r.scan.decoded[:0], fixed: fixed}
	r.draft = draft{leaves: r.draft.leaves[:0]}
	err := r.scan.whole(&r.draft)
	r.body = body{text, view(r.scan.decoded)}
	*d = document{
		index: ix, id: id, body: &r.body, arrives: math.MinInt64,
		record: r.draft.record(&r.shapes, d.at),
	}
	return d, err
}

// release lets go of the texts of the document that was read last.
func (r *sourceReader) release() {
	r.doc, r.body = document{record: record{at: r.doc.at}}, body{}
	r.scan = scanner{decoded: r.scan.decoded[:0]}
}

// admits reports whether some need accepts a document.
func (r *sourceReader) admits(d *document) bool {
	a := r.known[d.index.name]
	if a == nil {
		if r.known == nil {
			r.known = map[string]*admission{}
		}
		a = &admission{}
		r.known[d.index.name] = a
	}
	if a.names != len(d.index.names.all) || a.fields != len(d.index.fields) {
		a.names, a.fields = len(d.index.names.all), len(d.index.fields)
		a.matchers = r.narrow.compile(d.index)
	}
	return reaches(1, a.matchers, d, &d.record)
}

// verdict is what was found of a document before it is taken in.
type verdict struct {
	index *index // nil: nothing was found
	id    string
	key   uint64    // see [narrowing.seen]
	doc   *document // nil: it is not kept
	plain bool      // the document's texts are in its line, and will have to be kept
	time  int64     // of one that is not kept: its @timestamp, or noTime
}

// judge reads a hit without changing the engine. What it finds holds as long as
// the hit's texts do: all fields of the document are known, and a field's type
// never changes. It finds nothing where the document, or its index, is new to the
// engine, or wrong.
func (r *sourceReader) judge(e *Engine, h hit, a *arena) verdict {
	ix := e.indices[string(h.index)]
	if ix == nil || len(h.id) == 0 {
		return verdict{}
	}
	d, err := r.read(ix, view(h.id), view(h.reduced), true)
	if err != nil {
		return verdict{}
	}
	return r.verdict(e, d, r.narrow.key(ix.name, d.id), a)
}

// verdict decides about the document that was read. One that is kept is copied
// into an arena.
func (r *sourceReader) verdict(e *Engine, d *document, key uint64, a *arena) verdict {
	v := verdict{index: d.index, id: d.id, key: key, time: noTime}
	if r.admits(d) {
		v.doc = a.keep(d)
		v.doc.arrives = e.arrival(v.doc)
	} else if ms, ok := d.timeAt(r.narrow.timestamp); ok {
		v.time = ms
	}
	return v
}
