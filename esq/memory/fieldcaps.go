package memory

import (
	"context"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// FieldCaps returns what the indices know of fields, named in full or by
// patterns with *. The leaves of flattened objects are known by their full
// names only; plain objects and the fields that indices keep of their own
// accord are left out.
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
			cap.Searchable = cap.Searchable && t != Nested
			cap.Aggregatable = cap.Aggregatable && t != Nested && t != Text
			caps[path] = cap
		}
	}
	return caps, ctx.Err()
}

// mapped returns the types of the fields that names and patterns stand for.
func (c *compiler) mapped(patterns []string) map[string]Type {
	types := map[string]Type{}
	for _, pattern := range patterns {
		if f, ok := c.field(pattern); ok && !strings.HasPrefix(pattern, "_") {
			types[f.path] = f.typ
		}
		for id, t := range c.ix.fields {
			if path := c.ix.names.all[id].path; glob(pattern, path) {
				types[path] = t
			}
		}
	}
	return types
}
