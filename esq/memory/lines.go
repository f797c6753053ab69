package memory

import "bytes"

// lineReader reads search hits, and the pairs of lines of _bulk requests, in one
// pass: it notes the wanted leaves as it
// comes by them, and decides of these whether the document is kept. It is sure of
// documents whose fields are all known to their index, each in one place: of one
// that has arrays of objects, or dotted keys, the slower ways have to make sense.
type lineReader struct {
	projector
	narrow *narrowing
	trees  map[string]*tree
	tree   *tree // of the line
	line   uint64
	doc    document
	body   body
	draft  draft
	shapes shapes
	text   scanner // of strings with escapes
}

func newLineReader(n *narrowing) *lineReader {
	return &lineReader{narrow: n, trees: map[string]*tree{}}
}

// read reads a line that is a search hit without changing the engine. What it
// finds, none if it is not sure, is valid until the line changes, but for
// documents that are kept: these lie in the chunk.
func (r *lineReader) read(e *Engine, line []byte, c *chunk) verdict {
	r.begin(line)
	if !r.whole(e) {
		return verdict{}
	}
	return r.judge(e, c)
}

// source reads the line after an action, as read does.
func (r *lineReader) source(e *Engine, a action, line []byte, c *chunk) verdict {
	r.begin(line)
	r.body.id = view(a.id)
	if a.index == nil || !r.of(e, a.index) || !r.open('{') || !r.object(r.tree.root, 0) || r.pos != len(line) {
		return verdict{}
	}
	return r.judge(e, c)
}

func (r *lineReader) begin(line []byte) {
	r.in, r.pos = line, 0
	r.line++
	r.body = body{source: view(line), loaded: true}
	r.doc = document{body: &r.body}
	r.draft.leaves = r.draft.leaves[:0]
	r.text = scanner{raw: r.body.source, decoded: r.text.decoded[:0]}
}

// judge decides about the document that was read.
func (r *lineReader) judge(e *Engine, c *chunk) verdict {
	d := &r.doc
	if d.index == nil || r.body.id == "" {
		return verdict{}
	}
	r.body.decoded, d.record = view(r.text.decoded), r.draft.record(&r.shapes)
	v := verdict{index: d.index, id: r.body.id, key: r.narrow.hashes.of(d.index.name, r.body.id), time: noTime, plain: true}
	if r.tree.of.admits(d) {
		v.doc = c.hold(d)
	} else if ms, ok := d.timeAt(r.narrow.timestamp); ok {
		v.time = ms
	}
	return v
}

// whole reads a hit, in which the index is named before the source.
func (r *lineReader) whole(e *Engine) bool {
	if !r.open('{') {
		return false
	}
	read := false
	for {
		key, ok := r.key()
		if !ok {
			return false
		}
		switch string(key) {
		case "_index":
			ok = r.doc.index == nil && r.index(e)
		case "_id":
			var id []byte
			ok = r.body.id == "" && r.name(&id)
			r.body.id = view(id)
		case "_source":
			ok = !read && r.doc.index != nil && r.take('{') && r.object(r.tree.root, 0)
			read = true
		default:
			ok = r.skip(0)
		}
		if !ok {
			return false
		}
		if r.take(',') {
			continue
		}
		return r.take('}') && r.pos == len(r.in) && read
	}
}

func (r *lineReader) index(e *Engine) bool {
	var named []byte
	return r.name(&named) && r.of(e, named)
}

// of finds the index that is named, and its tree.
func (r *lineReader) of(e *Engine, named []byte) bool {
	if r.tree == nil || r.tree.index.name != string(named) {
		r.tree = r.trees[string(named)]
	}
	var ix *index
	if r.tree != nil {
		ix = r.tree.index
	} else if ix = e.indices[string(named)]; ix == nil {
		return false
	}
	if !ix.current() {
		return false
	}
	if r.tree == nil || r.tree.of != ix.admission {
		r.plant(ix)
	}
	r.doc.index = ix
	return true
}

// maxTrees is of how many indices a reader remembers what their documents hold.
const maxTrees = 32

func (r *lineReader) plant(ix *index) {
	if len(r.trees) == maxTrees {
		clear(r.trees)
	}
	r.tree = r.narrow.grow(ix)
	r.trees[ix.name] = r.tree
}

// object reads the members of an object, after its bracket.
func (r *lineReader) object(b *branch, depth int) bool {
	if depth > projectedDepth {
		return false
	}
	if r.take('}') {
		return true
	}
	for guess := &b.first; ; {
		c, ok := r.member(b, guess)
		if !ok {
			return false
		}
		if c != nil {
			*guess, guess = c, &c.next
		}
		switch {
		case c == nil:
			ok = r.skip(depth + 1)
		case c.as == passed:
			ok = r.pass(c, depth+1)
		case c.as == unsure || c.read == r.line:
			return false
		default:
			c.read = r.line
			ok = r.value(c, depth+1)
		}
		switch {
		case !ok:
			return false
		case r.take(','):
		default:
			return r.take('}')
		}
	}
}

// member reads the key of a member, of which there is a guess. It returns the
// child that the key stands for, nil for one that is stepped over and not worth
// learning.
func (r *lineReader) member(b *branch, guess **branch) (c *branch, ok bool) {
	if c = *guess; c != nil && bytes.HasPrefix(r.in[r.pos:], c.quoted) {
		if r.pos += len(c.quoted); r.pos < len(r.in) && r.in[r.pos] <= ' ' {
			r.space()
		}
		return c, true
	}
	key, ok := r.key()
	if !ok {
		return nil, false
	}
	if c = b.children[string(key)]; c == nil {
		c = r.tree.learn(b, key)
	}
	return c, true
}

// pass steps over a value, all at once if it is as it was before.
func (r *lineReader) pass(c *branch, depth int) bool {
	if len(c.like) > 0 && bytes.HasPrefix(r.in[r.pos:], c.like) {
		r.pos += len(c.like)
		c.misses = 0
		return true
	}
	from := r.pos
	if !r.skip(depth) {
		return false
	}
	c.remember(r.in[from:r.pos])
	return true
}

// value reads what is wanted of a value.
func (r *lineReader) value(c *branch, depth int) bool {
	if r.pos == len(r.in) {
		return false
	}
	switch r.in[r.pos] {
	case '{':
		return c.children != nil && r.take('{') && r.object(c, depth)
	case '[':
		return r.array(c)
	}
	return r.scalar(c)
}

// array reads an array of scalars.
func (r *lineReader) array(c *branch) bool {
	r.take('[')
	if r.take(']') {
		return true
	}
	for r.pos < len(r.in) && r.scalar(c) {
		if !r.take(',') {
			return r.take(']')
		}
	}
	return false
}

func (r *lineReader) scalar(c *branch) bool {
	from := r.pos
	switch r.in[from] {
	case '"':
		return r.string(c)
	case 't':
		return r.word("true") && r.note(c, leafBool, from, len("true"))
	case 'f':
		return r.word("false") && r.note(c, leafBool, from, len("false"))
	case 'n':
		return r.word("null")
	}
	return r.number() && r.note(c, leafNumber, from, r.pos-from)
}

func (r *lineReader) string(c *branch) bool {
	from := r.pos
	plain, ok := r.str()
	switch {
	case !ok:
		return false
	case plain:
		return r.note(c, leafString, from+1, r.pos-from-2)
	}
	r.text.pos = from
	off, size, err := r.text.str()
	return err == nil && r.note(c, leafString, off, size)
}

func (r *lineReader) note(c *branch, kind leafKind, off, size int) bool {
	if c.as != noted {
		return false
	}
	r.draft.leaves = append(r.draft.leaves, leaf{c.id, kind, place{uint32(off), uint32(size)}})
	return true
}

// held is a document that will be kept, with its texts still in a line.
type held struct {
	document
	body body
}

// hold copies a document of a line, but not its texts, into the chunk.
func (c *chunk) hold(d *document) *document {
	from, start := len(c.at), len(c.decoded)
	c.at = append(c.at, d.at.slice(2*len(d.shape.fields))...)
	c.decoded = append(c.decoded, d.body.decoded...)
	c.docs = append(c.docs, held{*d, *d.body})
	h := &c.docs[len(c.docs)-1]
	h.body.decoded = view(c.decoded[start:])
	h.document.body, h.at = &h.body, numbersOf(c.at[from:])
	return &h.document
}
