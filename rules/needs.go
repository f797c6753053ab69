package rules

import (
	"slices"

	"github.com/stitchdetect/stitch/esq"
)

// Need is what a rule without a user map may ever ask of the documents of one
// source: whatever comes of the rule is the same if other documents, and other
// fields of these, are not there.
type Need struct {
	Indices []string
	// Filter accepts every document that may be asked for. Query accepts as many
	// or fewer, if the fields have the types that Needs was told.
	Filter, Query esq.Query
	Fields        []string // dotted names of all that is read or asked for
}

// Needs returns what the rule may ask of each of its sources. The types are
// those that the fields have wherever a document has them.
func (r *Rule) Needs(types func(fields []string) map[string]esq.FieldCap) []Need {
	var needs []Need
	for _, stage := range r.plan.stages {
		f := &fetch{stage: stage}
		for _, src := range stage.sources {
			fields := f.needed(src)
			n := Need{Indices: src.index, Filter: src.filter, Fields: fields}
			// Of what has no time there is a warning.
			n.Query = esq.And(src.filter, esq.Or(f.and(esq.MatchAll{}, src, types(fields)), esq.Not(esq.Exists{Field: src.time})))
			needs = append(needs, n)
			for _, p := range src.parts {
				needs = append(needs, Need{Indices: p.index, Filter: p.filter, Query: p.filter, Fields: f.needed(p.source)})
			}
		}
	}
	return needs
}

// needed are the fields of a source that the stage reads or asks for.
func (f *fetch) needed(src *source) []string {
	fields := append(f.columns(src), src.fields...)
	for _, field := range newReader(f.stage, src).fields {
		fields = append(fields, field.Path)
		for beside := range field.Where {
			fields = append(fields, besideOf(field.Path, beside))
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// besideOf is the field that [esq.Field.Where] means by a key.
func besideOf(path, key string) string {
	if around := objectsAround(path); len(around) > 0 {
		return around[0] + "." + key
	}
	return key
}
