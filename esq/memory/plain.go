package memory

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// A plain document is one of which nothing is kept but its leaves: that is all
// there is to it where no array holds objects and every key stands by itself.

// keep returns a document like d, which still has its texts in a line.
func (n *narrowing) keep(d *document) *document {
	size := len(d.id)
	for i := range d.shape.fields {
		size += len(d.text(&d.record, i))
	}
	if !n.texts.room(size) {
		return n.keepWhole(d)
	}
	kept := document{index: d.index, id: n.texts.at(n.texts.add(d.id)), arrives: d.arrives}
	kept.shape, kept.at = d.shape, n.arena.copy(d.at[:len(d.shape.fields)])
	for i, field := range d.shape.fields {
		kept.at[i] = n.texts.hold(field, d.text(&d.record, i))
	}
	return n.arena.doc(kept)
}

// keepWhole keeps a document with a source, made of its leaves.
func (n *narrowing) keepWhole(d *document) *document {
	whole, err := n.reader.read(d.index, d.id, string(d.rebuilt()), true)
	if err != nil {
		panic(err) // all of it has been read before
	}
	whole.arrives = d.arrives
	return n.arena.keep(whole)
}

// values are those of a field, as [esq.Extract] finds them in a source.
func (d *document) values(f esq.Field) []esq.Value {
	inner := f.Path[:strings.LastIndexByte(f.Path, '.')+1]
	for key, want := range f.Where {
		if !slices.ContainsFunc(d.valuesAt(inner+key), func(v esq.Value) bool { return v.String() == want }) {
			return nil
		}
	}
	return d.valuesAt(f.Path)
}

func (d *document) valuesAt(path string) []esq.Value {
	n := d.index.names.find(path)
	if n == nil {
		return nil
	}
	from, to := d.of(n.id)
	if from == to {
		return nil
	}
	values := make([]esq.Value, 0, to-from)
	for i := from; i < to; i++ {
		values = append(values, valueOf(d.shape.kinds[i], d.text(&d.record, i)))
	}
	return values
}

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
