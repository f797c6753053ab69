package memory

// sourceReader reads reduced sources, one after the other, and decides which of
// the documents are kept. Its buffers serve the next document.
type sourceReader struct {
	narrow *narrowing
	doc    document
	body   body
	scan   scanner
	draft  draft
	shapes shapes
}

// admission decides which documents of one index are kept. It does not change:
// when there are new names, the index gets another.
type admission struct {
	names, fields int // how many there were when it was made
	matchers      []matcher
}

// current reports whether the index's admission knows all the names that there
// are. Who takes documents in makes it so; who only reads cannot be sure of any
// document of the index until then.
func (ix *index) current() bool {
	a := ix.admission
	return a != nil && a.names == len(ix.names.all) && a.fields == len(ix.fields)
}

// prepare makes the admission of an index current. The caller may change the index.
func (n *narrowing) prepare(ix *index) {
	if !ix.current() {
		ix.admission = &admission{len(ix.names.all), len(ix.fields), n.compile(ix)}
	}
}

// admits reports whether some need accepts a document.
func (a *admission) admits(d *document) bool { return reaches(1, a.matchers, d, &d.record) }

// read reads a document into the buffers of the one before it. With fixed it
// changes nothing, and fails with errNewField where it would have to.
func (r *sourceReader) read(ix *index, id, text string, fixed bool) (*document, error) {
	d := &r.doc
	r.scan = scanner{raw: text, index: ix, shapes: &r.shapes, decoded: r.scan.decoded[:0], fixed: fixed}
	r.draft = draft{leaves: r.draft.leaves[:0], at: r.draft.at}
	err := r.scan.whole(&r.draft)
	r.body = body{id, text, view(r.scan.decoded), true}
	*d = document{
		index: ix, body: &r.body,
		record: r.draft.record(&r.shapes),
	}
	return d, err
}

// release lets go of the texts of the document that was read last.
func (r *sourceReader) release() {
	r.doc, r.body = document{}, body{}
	r.scan = scanner{decoded: r.scan.decoded[:0]}
}

// verdict is what was found of a document before it is taken in.
type verdict struct {
	index *index // nil: nothing was found
	id    string
	key   identity
	doc   *document // nil: it is not kept
	plain bool      // the document's texts are in its line, and will have to be kept
	time  int64     // of one that is not kept: its @timestamp, or noTime
}

// judge reads a hit without changing the engine. What it finds holds as long as
// the hit's texts do: all fields of the document are known, and a field's type
// never changes. It finds nothing where the document, its index or a name in it is
// new to the engine, or wrong.
func (r *sourceReader) judge(e *Engine, h hit, a *arena) verdict {
	ix := e.indices[string(h.index)]
	if ix == nil || !ix.current() || len(h.id) == 0 {
		return verdict{}
	}
	d, err := r.read(ix, view(h.id), view(h.reduced), true)
	if err != nil {
		return verdict{}
	}
	return r.verdict(e, d, r.narrow.hashes.of(ix.name, d.id()), a)
}

// verdict decides about the document that was read, of an index whose admission
// is current. One that is kept is copied into an arena.
func (r *sourceReader) verdict(e *Engine, d *document, key identity, a *arena) verdict {
	v := verdict{index: d.index, id: d.id(), key: key, time: noTime}
	if d.index.admission.admits(d) {
		v.doc = a.keep(d)
	} else if ms, ok := d.timeAt(r.narrow.timestamp); ok {
		v.time = ms
	}
	return v
}
