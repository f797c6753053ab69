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
	for _, p := range d.places {
		size += int(p.size)
	}
	if !n.texts.room(size) {
		return n.keepWhole(d)
	}
	id := n.texts.add(d.id)
	kept := document{index: d.index, id: n.texts.at(id), arrives: d.arrives, record: record{shape: d.shape, places: n.arena.copy(d.places)}}
	for i, p := range kept.places {
		kept.places[i] = n.texts.hold(d.shape.fields[i], d.text(p))
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
		values = append(values, valueOf(d.shape.kinds[i], d.text(d.places[i])))
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
	if d.source != "" {
		return []byte(d.source)
	}
	return d.rebuilt()
}

// rebuilt is a source with the leaves of a plain document.
func (d *document) rebuilt() []byte {
	source := map[string]any{}
	for i := 0; i < len(d.places); {
		field := d.shape.fields[i]
		var values []json.RawMessage
		for _, to := d.of(field); i < to; i++ {
			values = append(values, written(d.shape.kinds[i], d.text(d.places[i])))
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
