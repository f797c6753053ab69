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
	for _, l := range d.leaves {
		size += int(l.size)
	}
	if !n.texts.room(size) {
		return n.keepWhole(d)
	}
	id := n.texts.add(d.id)
	kept := document{index: d.index, id: n.texts.at(id.off, id.size), arrives: d.arrives, record: record{leaves: n.arena.copy(d.leaves)}}
	for i, l := range kept.leaves {
		at := n.texts.hold(l.field, d.text(l))
		kept.leaves[i].off, kept.leaves[i].size = at.off, at.size
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
	leaves := d.of(n.id)
	if len(leaves) == 0 {
		return nil
	}
	values := make([]esq.Value, len(leaves))
	for i, l := range leaves {
		values[i] = valueOf(l.kind, d.text(l))
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
	for from := 0; from < len(d.leaves); {
		leaves := d.of(d.leaves[from].field)
		from += len(leaves)
		var values []json.RawMessage
		for _, l := range leaves {
			values = append(values, written(l.kind, d.text(l)))
		}
		inside := source
		keys := strings.Split(d.index.names.all[leaves[0].field].path, ".")
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
