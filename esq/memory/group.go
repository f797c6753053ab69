package memory

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// Group calls yield for every group of the matches, in the order of the keys,
// null before everything else.
func (e *Engine) Group(ctx context.Context, g esq.Grouping, yield func(esq.Group) error) (esq.Stats, error) {
	op := "group " + strings.Join(g.Indices, ",")
	gs := &groups{by: g.By, time: g.Time, every: g.Every.Milliseconds(), byKey: map[string]*bucket{}}
	stats, err := e.find(ctx, question{op, g.Indices, g.Query, g.Time}, gs.add)
	if err == nil && gs.err != nil {
		stats, err = esq.Stats{}, response(op, gs.err)
	}
	if err != nil {
		return stats, err
	}
	for _, b := range gs.sorted() {
		stats.Hits++
		if err := yield(b.group); err != nil {
			return stats, err
		}
	}
	return stats, ctx.Err()
}

// part is one value of one field in a key: as it is given out, and as bytes
// that order as clusters order keys.
type part struct {
	value esq.Value
	order string
}

type bucket struct {
	parts []part
	group esq.Group
}

type groups struct {
	by    []string
	time  string
	every int64 // ms; 0: not by time
	byKey map[string]*bucket
	err   error
}

// add counts a document once for every combination of its values.
func (g *groups) add(f found) {
	if g.err != nil {
		return
	}
	choices := make([][]part, len(g.by))
	for i, path := range g.by {
		parts, err := f.doc.parts(path)
		if err != nil {
			g.err = err
			return
		}
		choices[i] = parts
	}
	if g.every > 0 {
		choices = append(choices, g.stretches(f.doc))
	}
	g.combine(f, choices, nil)
}

// stretches are those that a document's times lie in; none without a time.
func (g *groups) stretches(d *document) []part {
	times, err := d.parts(g.time)
	if err != nil {
		g.err = err
		return nil
	}
	var stretches []part
	for _, p := range times {
		ms, ok := p.value.Int()
		if !ok {
			continue
		}
		start := ms - (ms%g.every+g.every)%g.every
		if s := (part{esq.Integer(start), ordered(start)}); !slices.ContainsFunc(stretches, s.same) {
			stretches = append(stretches, s)
		}
	}
	return stretches
}

func (g *groups) combine(f found, choices [][]part, chosen []part) {
	if len(choices) == 0 {
		g.count(f, chosen)
		return
	}
	for _, p := range choices[0] {
		g.combine(f, choices[1:], append(chosen, p))
	}
}

func (g *groups) count(f found, chosen []part) {
	var key []byte
	for _, p := range chosen {
		key = binary.AppendUvarint(key, uint64(len(p.order)))
		key = append(key, p.order...)
	}
	b := g.byKey[string(key)]
	if b == nil {
		b = &bucket{parts: slices.Clone(chosen)}
		for _, p := range chosen[:len(g.by)] {
			b.group.Key = append(b.group.Key, p.value)
		}
		if g.every > 0 {
			ms, _ := chosen[len(g.by)].value.Int()
			b.group.Start = time.UnixMilli(ms).UTC()
		}
		g.byKey[string(key)] = b
	}
	b.group.Count++
	if !f.dated {
		return
	}
	t := time.UnixMilli(f.ms).UTC()
	if b.group.First.IsZero() || t.Before(b.group.First) {
		b.group.First = t
	}
	if b.group.Last.IsZero() || t.After(b.group.Last) {
		b.group.Last = t
	}
}

func (g *groups) sorted() []*bucket {
	all := make([]*bucket, 0, len(g.byKey))
	for _, b := range g.byKey {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *bucket) int {
		return slices.CompareFunc(a.parts, b.parts, func(a, b part) int { return strings.Compare(a.order, b.order) })
	})
	return all
}

// parts returns the different values that a document has in a field, or null
// where it has none.
func (d *document) parts(path string) ([]part, error) {
	missing := []part{{}}
	c := &compiler{ix: d.index}
	f, ok := c.field(path)
	if !ok {
		return missing, nil
	}
	switch f.typ {
	case Text, metaID:
		return nil, refuse("Field [%s] of type [%s] can not be grouped by", path, f.typ)
	case metaIndex:
		return []part{textPart(d.index.name)}, nil
	}
	var parts []part
	for _, id := range f.ids {
		for i, to := d.of(id); i < to; i++ {
			if p, ok := f.typ.part(d.shape.kinds[i], d.text(&d.record, i)); ok && !slices.ContainsFunc(parts, p.same) {
				parts = append(parts, p)
			}
		}
	}
	if len(parts) == 0 {
		return missing, nil
	}
	return parts, nil
}

func (p part) same(other part) bool { return p.order == other.order }

// notNull is the first byte of every order but that of null.
const notNull = "\x01"

func textPart(text string) part { return part{esq.Str(text), notNull + text} }

// part reads a leaf of a field as what a cluster gives as its key.
func (t Type) part(kind leafKind, text string) (part, bool) {
	switch t {
	case Keyword:
		text, ok := keywordOf(text)
		return textPart(text), ok
	case IP:
		a, err := parseAddress(text)
		return part{esq.Str(a.String()), notNull + string(a[:])}, err == nil
	case Date:
		ms, ok := dateOf(kind, text)
		return part{esq.Integer(ms), ordered(ms)}, ok
	case Long:
		n, ok := longOf(kind, text)
		return part{esq.Integer(n), ordered(n)}, ok
	case Double:
		f, ok := doubleOf(kind, text)
		return part{esq.Num(f), orderedFloat(f)}, ok
	case Boolean:
		b, ok := boolOf(kind, text)
		return part{esq.Boolean(b), ordered(number(b))}, ok
	}
	return textPart(text), true
}

// ordered writes n so that bytes order as numbers do.
func ordered(n int64) string {
	return notNull + string(binary.BigEndian.AppendUint64(nil, uint64(n)^1<<63))
}

func orderedFloat(f float64) string {
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return notNull + string(binary.BigEndian.AppendUint64(nil, bits))
}
