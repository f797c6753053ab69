package memory

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// A plain document is one of which nothing is kept but its leaves: that is all
// there is to it where no array holds objects and every key stands by itself.

// keep returns a document like d, which still has its texts in a line.
func (n *narrowing) keep(d *document) *document {
	size := len(d.id())
	for i := range d.shape.fields {
		size += len(d.text(&d.record, i))
	}
	if !n.texts.room(size) {
		return n.keepWhole(d)
	}
	kept := document{index: d.index, named: n.texts.add(d.id())}
	kept.shape, kept.at = n.plain.of(d, &n.texts, &n.arena)
	return n.arena.doc(kept)
}

// plainShapes are the shapes of plain documents. What texts a document has in
// fields of which there are few is a part of its shape, as far as there are not too
// many such shapes.
type plainShapes struct {
	known map[string]*shape
	most  int // of them; 0 for maxPlainShapes
	key   []byte
	all   []uint32 // numbers of the leaves' texts
	own   []uint32 // those that are not of the shape
}

// maxPlainShapes is so many that others are rare.
const maxPlainShapes = 1 << 12

// of holds the texts of a document and returns where they are.
func (s *plainShapes) of(d *document, t *texts, a *arena) (*shape, numbers) {
	fields := d.shape.fields
	s.all = slices.Grow(s.all[:0], len(fields))[:len(fields)]
	for i, field := range slices.Backward(fields) {
		s.all[i] = t.hold(field, d.text(&d.record, i))
	}
	found := s.shape(d.shape, t.few, cmp.Or(s.most, maxPlainShapes))
	if found == nil {
		found = s.shape(d.shape, func(fieldID) bool { return false }, math.MaxInt)
	}
	s.own = s.own[:0]
	for i, n := range found.texts {
		if n >= ownText {
			s.own = append(s.own, s.all[i])
		}
	}
	return found, numbersOf(a.copy(s.own))
}

// shape is like another, with the texts in fields of which there are few; nil if
// it is not known and there are enough.
func (s *plainShapes) shape(like *shape, few func(fieldID) bool, enough int) *shape {
	s.key = s.key[:0]
	for i, field := range like.fields {
		s.key = append(binary.LittleEndian.AppendUint32(s.key, uint32(field)), byte(like.kinds[i]))
		if few(field) {
			s.key = binary.LittleEndian.AppendUint32(append(s.key, 1), s.all[i])
		} else {
			s.key = append(s.key, 0)
		}
	}
	if found := s.known[string(s.key)]; found != nil {
		return found
	}
	if len(s.known) >= enough {
		return nil
	}
	made := &shape{fields: like.fields, kinds: like.kinds, texts: make([]uint64, len(like.fields))}
	own := uint64(ownText)
	for i, field := range like.fields {
		if made.texts[i] = uint64(s.all[i]); !few(field) {
			made.texts[i] = own
			own++
		}
	}
	if s.known == nil {
		s.known = map[string]*shape{}
	}
	s.known[string(s.key)] = made
	return made
}

// keepWhole keeps a document with a source, made of its leaves.
func (n *narrowing) keepWhole(d *document) *document {
	whole, err := n.reader.read(d.index, d.id(), string(d.rebuilt()), true)
	if err != nil {
		panic(err) // all of it has been read before
	}
	return n.arena.keep(whole)
}

// plainFields reads fields of plain documents.
type plainFields []plainField

type plainField struct {
	id    fieldID
	known bool // some document has the field
	where []plainWhere
}

type plainWhere struct {
	plainField
	want string
}

func (n *names) plain(fields []esq.Field) plainFields {
	var ps plainFields
	for _, f := range fields {
		p := n.plainField(f.Path)
		inner := f.Path[:strings.LastIndexByte(f.Path, '.')+1]
		for key, want := range f.Where {
			p.where = append(p.where, plainWhere{n.plainField(inner + key), want})
		}
		ps = append(ps, p)
	}
	return ps
}

func (n *names) plainField(path string) plainField {
	at := n.find(path)
	if at == nil {
		return plainField{}
	}
	return plainField{id: at.id, known: true}
}

// of returns the values of each field, as [esq.Extract] finds them in a source.
func (ps plainFields) of(d *document) [][]esq.Value {
	values := make([][]esq.Value, len(ps))
	all := make([]esq.Value, 0, len(d.shape.fields))
	for i, p := range ps {
		if !p.known || slices.ContainsFunc(p.where, func(w plainWhere) bool { return !w.holds(d) }) {
			continue
		}
		start := len(all)
		for at, to := d.of(p.id); at < to; at++ {
			all = append(all, d.value(at))
		}
		if len(all) > start {
			values[i] = all[start:len(all):len(all)]
		}
	}
	return values
}

// holds reports whether a document has the value that is asked for.
func (w plainWhere) holds(d *document) bool {
	if !w.known {
		return false
	}
	for at, to := d.of(w.id); at < to; at++ {
		if v := d.value(at); v.String() == w.want {
			return true
		}
	}
	return false
}

// value is that of a leaf.
func (d *document) value(at int) esq.Value { return valueOf(d.shape.kinds[at], d.text(&d.record, at)) }

func valueOf(kind leafKind, text string) esq.Value {
	switch kind {
	case leafBool:
		return esq.Boolean(text == "true")
	case leafNumber:
		if v, ok := esq.ValueOf(json.Number(text)); ok {
			return v
		}
	}
	return esq.Str(text)
}

// json is the document's source, or what is left of it.
func (d *document) json() []byte {
	if d.body != nil {
		return []byte(d.body.source)
	}
	return d.rebuilt()
}

// rebuilt is a source with the leaves of a plain document.
func (d *document) rebuilt() []byte {
	source := map[string]any{}
	for i := 0; i < len(d.shape.fields); {
		field := d.shape.fields[i]
		var values []json.RawMessage
		for _, to := d.of(field); i < to; i++ {
			values = append(values, written(d.shape.kinds[i], d.text(&d.record, i)))
		}
		inside := source
		keys := strings.Split(d.index.names.all[field].path, ".")
		for _, key := range keys[:len(keys)-1] {
			below, _ := inside[key].(map[string]any)
			if below == nil {
				below = map[string]any{}
				inside[key] = below
			}
			inside = below
		}
		inside[keys[len(keys)-1]] = values
	}
	text, err := json.Marshal(source)
	if err != nil {
		panic(err) // there is nothing in it that is no JSON
	}
	return text
}

func written(kind leafKind, text string) json.RawMessage {
	if kind != leafString {
		return json.RawMessage(text)
	}
	quoted, _ := json.Marshal(text) // a text is always JSON
	return quoted
}
