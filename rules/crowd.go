package rules

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// maxSpans is how many stretches of time a query asks for at the most.
const maxSpans = 64

// focus narrows the fetch of a stage with a window to the combinations and times
// that can hold a burst. It reports false if nothing can.
//
// The engine counts documents by the fields of the by columns and by stretches
// of the window's length, aligned to the clock. A window that is not aligned
// lies within two neighbouring stretches, so a combination that has fewer than
// [grouping.atLeast] documents in every two of them has no burst, and the others
// have theirs there. Documents whose combination the engine cannot tell count
// for all of them.
func (s *searcher) focus(ctx context.Context, f *fetch) (some bool, err error) {
	g := f.stage.group
	if g.atLeast < 2 {
		return true, nil
	}
	c := &crowd{length: g.window.Milliseconds(), counts: map[string]*counted{}, unknown: map[int64]int64{}}
	var questions batch
	for _, src := range f.stage.sources {
		if err := s.countCrowd(ctx, &questions, f, src, c); err != nil {
			return false, err
		}
	}
	if err := s.put(ctx, questions); err != nil {
		var refused *esq.ResponseError
		if errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
			return true, nil // what the engine does not count is fetched whole
		}
		return false, err
	}
	keys, times := c.dense(g.atLeast)
	if len(times) == 0 {
		return false, nil
	}
	f.times = coalesce(times, maxSpans)
	f.time = f.time.within(f.times[0].from, f.times[len(f.times)-1].to)
	f.narrow = append(f.narrow, f.ofCombinations(keys)...)
	return true, nil
}

// within is what s has in common with the times from from up to, but not
// including, to.
func (s span) within(from, to int64) span {
	s.from = max(s.from, from)
	if to <= s.to {
		s.to, s.open = to, true
	}
	return s
}

// countCrowd asks how many documents of a source there are.
func (s *searcher) countCrowd(ctx context.Context, questions *batch, f *fetch, src *source, c *crowd) error {
	caps, err := s.fieldCaps(ctx, f, src)
	if err != nil {
		return err
	}
	group := func(q esq.Query, by []string, each func(esq.Group)) {
		questions.add(esq.Question{Group: &esq.Sorting{
			Grouping: esq.Grouping{Indices: src.index, Query: q, By: by, Time: src.time, Every: f.stage.group.window},
			Yield:    func(g esq.Group) error { each(g); return nil },
		}}, nil, "count for stage %s in %s", f.stage.id, s.sourceName(f.stage, src))
	}
	unknown := func(g esq.Group) { c.unknown[c.stretch(g)] += g.Count }
	query := f.query(src, caps)
	k, ok := f.keys(src, caps)
	if !ok {
		group(query, nil, unknown)
		return nil
	}
	var cut []esq.Query // a value that is not in the index may be the one that counts
	for _, field := range k.fields {
		cut = append(cut, esq.Term{Field: "_ignored", Value: esq.Str(field)})
	}
	group(esq.And(query, esq.Not(esq.Or(cut...))), k.fields, func(g esq.Group) { c.add(k.combination(g.Key), g) })
	if len(cut) > 0 {
		group(esq.And(query, esq.Or(cut...)), nil, unknown)
	}
	return nil
}

// keys are the fields by which the engine can tell the combinations of a
// source's documents apart.
type keys struct {
	stage   *stage
	fields  []string
	columns []keyColumn // parallel to the by columns
}

// keyColumn is a by column in a group's key: the places of its candidates.
type keyColumn struct {
	column
	at []int
}

// keys returns the fields; ok is false if there are columns that the engine
// cannot tell.
func (f *fetch) keys(src *source, caps map[string]esq.FieldCap) (k *keys, ok bool) {
	k = &keys{stage: f.stage}
	for _, by := range f.stage.group.by {
		name := f.stage.columns[by]
		x := keyColumn{column: src.column(name)}
		filled := f.users != nil && f.stage.view != nil && f.mapping(src, caps).filled(name) != nil
		if name == timeColumn || len(x.where) > 0 || x.domain != "" || x.json != nil || filled || src.scattered(name) {
			return nil, false
		}
		for _, field := range x.from {
			if !tellsApart(field, caps) || caps[field].Silent && len(x.from) > 1 {
				return nil, false
			}
			x.at = append(x.at, len(k.fields))
			k.fields = append(k.fields, field)
		}
		k.columns = append(k.columns, x)
	}
	return k, true
}

// tellsApart says that a group of a field's values has the values as they are. A
// field that is not listed may be the leaf of a flattened object; one that no
// index has at all is null in every group.
func tellsApart(field string, caps map[string]esq.FieldCap) bool {
	are := func(c esq.FieldCap, types ...string) bool {
		return !slices.ContainsFunc(c.Types, func(t string) bool { return !slices.Contains(types, t) })
	}
	for _, object := range objectsAround(field) {
		if !are(caps[object], "flattened", "object") {
			return false
		}
	}
	c, mapped := caps[field]
	return !strings.Contains(field, "*") && (!mapped || c.Searchable && c.Aggregatable && are(c, "keyword", "flattened"))
}

// combination turns a group's key into values of the by columns.
func (k *keys) combination(key []esq.Value) []esq.Value {
	out := make([]esq.Value, len(k.columns))
	for i, c := range k.columns {
		for _, at := range c.at {
			v := key[at]
			if k.stage.view != nil {
				v = c.value(v)
			}
			if !v.IsNull() && (k.stage.view == nil || v != esq.Str("")) {
				out[i] = v
				break
			}
		}
	}
	return out
}

// crowd is how many documents there are, by combination and stretch of time.
type crowd struct {
	length  int64               // of a stretch, in ms
	counts  map[string]*counted // by the key's text
	unknown map[int64]int64     // of any combination, by stretch
}

type counted struct {
	key       []esq.Value
	stretches map[int64]int64 // number of the stretch -> documents
}

// stretch is the number of a group's stretch; Start is a multiple of the length.
func (c *crowd) stretch(g esq.Group) int64 { return g.Start.UnixMilli() / c.length }

func (c *crowd) add(key []esq.Value, g esq.Group) {
	id := keyText(key)
	if c.counts[id] == nil {
		c.counts[id] = &counted{key: key, stretches: map[int64]int64{}}
	}
	c.counts[id].stretches[c.stretch(g)] += g.Count
}

// dense returns where two neighbouring stretches have at least n documents of
// one combination: the combinations, nil for any, and the times.
func (c *crowd) dense(n int64) (keys [][]esq.Value, times []span) {
	pair := func(first int64) span {
		return span{from: first * c.length, to: (first + 2) * c.length, open: true}
	}
	anyone := false
	for first := range neighbours(c.unknown) {
		if c.unknown[first]+c.unknown[first+1] >= n {
			times, anyone = append(times, pair(first)), true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.counts)) {
		x, found := c.counts[id], false
		for first := range neighbours(x.stretches) {
			if x.stretches[first]+x.stretches[first+1]+c.unknown[first]+c.unknown[first+1] >= n {
				times, found = append(times, pair(first)), true
			}
		}
		if found {
			keys = append(keys, x.key)
		}
	}
	if anyone {
		return nil, times
	}
	return keys, times
}

// neighbours is the firsts of the pairs of stretches that hold a document.
func neighbours(stretches map[int64]int64) map[int64]bool {
	firsts := map[int64]bool{}
	for s := range stretches {
		firsts[s-1], firsts[s] = true, true
	}
	return firsts
}

// coalesce joins spans that touch, and further the nearest ones until there are
// no more than most.
func coalesce(spans []span, most int) []span {
	slices.SortFunc(spans, func(a, b span) int { return int(min(1, max(-1, a.from-b.from))) })
	for slack := int64(0); ; slack = max(1000, 2*slack) {
		var out []span
		for _, s := range spans {
			if last := len(out) - 1; last >= 0 && s.from-out[last].to <= slack {
				out[last].to = max(out[last].to, s.to)
			} else {
				out = append(out, s)
			}
		}
		if len(out) <= most {
			return out
		}
		spans = out
	}
}

// ofCombinations is the conditions that a document's by columns are those of one
// of the combinations, column by column; nil stands for any.
func (f *fetch) ofCombinations(keys [][]esq.Value) []eql.Expr {
	if len(keys) == 0 {
		return nil
	}
	var out []eql.Expr
	for i, by := range f.stage.group.by {
		column := &eql.Column{Name: f.stage.columns[by]}
		var values valueSet
		for _, key := range keys {
			values.add(false, key[i:i+1])
		}
		if len(values.list) > maxKeys {
			continue
		}
		set := &eql.Column{Func: "all", Name: "counted." + strconv.Itoa(i)}
		f.known[set.Name] = eql.NewSet(values.list)
		var one eql.Expr = &eql.Lookup{Op: eql.In, X: column, Set: set}
		if slices.ContainsFunc(values.list, esq.Value.IsNull) {
			one = &eql.Binary{Op: eql.Or, L: one, R: &eql.Binary{Op: eql.Equals, L: column, R: &eql.Literal{}}}
		}
		out = append(out, one)
	}
	return out
}
