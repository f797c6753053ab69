package memory

import (
	"context"
	"slices"

	"github.com/stitchdetect/stitch/esq"
)

// FieldCaps returns what the indices know of fields, named in full or by
// patterns with *. Objects are known as type "object" or "nested". The leaves
// of flattened objects are known by their full names only.
func (e *Engine) FieldCaps(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	caps := map[string]esq.FieldCap{}
	for _, ix := range e.resolve(indices) {
		c := &compiler{ix: ix}
		for path, t := range c.mapped(fields) {
			cap, known := caps[path]
			if !known {
				cap = esq.FieldCap{Searchable: true, Aggregatable: true}
			}
			if !slices.Contains(cap.Types, string(t)) {
				cap.Types = append(cap.Types, string(t))
				slices.Sort(cap.Types)
			}
			object := t == "object" || t == Nested
			cap.Searchable = cap.Searchable && !object
			cap.Aggregatable = cap.Aggregatable && !object && t != Text && t != metaID
			caps[path] = cap
		}
	}
	return caps, ctx.Err()
}

// mapped returns the types of the fields that names and patterns stand for.
func (c *compiler) mapped(patterns []string) map[string]Type {
	types := map[string]Type{}
	for _, pattern := range patterns {
		if f, ok := c.field(pattern); ok {
			types[f.path] = f.typ
			continue
		}
		for id, t := range c.ix.fields {
			at := c.ix.names.all[id]
			if glob(pattern, at.path) {
				types[at.path] = t
			}
			for up := at.parent; up != nil && up.path != ""; up = up.parent {
				if _, known := c.ix.fields[up.id]; !known && glob(pattern, up.path) {
					types[up.path] = "object"
				}
			}
		}
	}
	return types
}
