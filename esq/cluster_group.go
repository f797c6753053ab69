package esq

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Group calls yield for every bucket of a composite aggregation over one point
// in time. A date in a key is a number, milliseconds since 1970; First and Last
// are exact to the millisecond, and zero where no document of the group has a
// time. A field that the engine cannot aggregate is a [*ResponseError], and so is
// a query with more alternatives than the engine takes: a document that two
// parts of it found could not be told from two documents.
func (c *Cluster) Group(ctx context.Context, g Grouping, yield func(Group) error) (Stats, error) {
	var stats Stats
	op := describe("group", g.Indices)
	if n := len(c.dialect.limits.parts(orAll(g.Query))); n > 1 {
		return stats, &ResponseError{Op: op, Status: 400, Type: "too_many_clauses", Reason: fmt.Sprintf(
			"the query has %d conditions, more than the %d that are safe in a grouping", leaves(g.Query), c.dialect.limits.clauses)}
	}
	p, err := c.openPIT(ctx, op, g.Indices, &stats)
	if err != nil || p == nil {
		return stats, err
	}
	defer p.close(ctx)
	groups := grouping{pit: p, by: g, size: c.dialect.limits.groups}
	groups.query = c.dialect.limits.parts(orAll(g.Query))[0]
	for more := true; more; {
		var page []Group
		if page, more, err = groups.next(ctx); err != nil {
			return stats, err
		}
		for _, group := range page {
			stats.Hits++
			if err := yield(group); err != nil {
				return stats, err
			}
		}
	}
	return stats, nil
}

// A grouping reads the pages of a composite aggregation.
type grouping struct {
	pit   *pit
	by    Grouping
	query Query
	size  int
	after json.RawMessage
}

// bounds are the aggregations for a group's first and last time.
func (g *grouping) bounds() object {
	if g.by.Time == "" {
		return nil
	}
	return object{
		"first": object{"min": object{"field": g.by.Time}},
		"last":  object{"max": object{"field": g.by.Time}},
	}
}

// next returns the next page and whether there may be another.
func (g *grouping) next(ctx context.Context) (page []Group, more bool, err error) {
	if len(g.by.By) == 0 && g.by.Every == 0 {
		page, err = g.all(ctx)
		return page, false, err
	}
	composite := object{"size": g.size, "sources": g.sources()}
	if g.after != nil {
		composite["after"] = g.after
	}
	groups := object{"composite": composite}
	if bounds := g.bounds(); bounds != nil {
		groups["aggs"] = bounds
	}
	answer, err := g.pit.search(ctx, searchBody{Query: g.query, Aggs: object{"groups": groups}})
	if err != nil {
		return nil, false, err
	}
	if answer.Shards.Total == 0 {
		g.pit.cost.NoIndex = true
		return nil, false, nil
	}
	var found struct {
		Groups *struct {
			After   json.RawMessage `json:"after_key"`
			Buckets []bucket        `json:"buckets"`
		} `json:"groups"`
	}
	if err := decodeExact(answer.Aggregations, &found); err != nil {
		return nil, false, fmt.Errorf("%s: read groups: %w", g.pit.op, err)
	}
	if found.Groups == nil {
		return nil, false, &PartialError{Op: g.pit.op, Reason: "the answer holds no groups"}
	}
	for _, b := range found.Groups.Buckets {
		group, err := b.group(len(g.by.By), g.by.Every > 0)
		if err != nil {
			return nil, false, fmt.Errorf("%s: read group: %w", g.pit.op, err)
		}
		page = append(page, group)
	}
	more = len(page) >= g.size
	if more && len(found.Groups.After) == 0 {
		return nil, false, &PartialError{Op: g.pit.op, Reason: "the engine does not say where its groups go on"}
	}
	g.after = found.Groups.After
	return page, more, nil
}

// sources are named by their place, since two of them may be of one field.
func (g *grouping) sources() []object {
	sources := make([]object, len(g.by.By))
	for i, field := range g.by.By {
		terms := object{"field": field, "missing_bucket": true, "order": "asc"}
		sources[i] = object{strconv.Itoa(i): object{"terms": terms}}
	}
	if g.by.Every > 0 {
		stretches := object{"field": g.by.Time, "fixed_interval": fmt.Sprintf("%dms", g.by.Every.Milliseconds()), "order": "asc"}
		sources = append(sources, object{stretchKey: object{"date_histogram": stretches}})
	}
	return sources
}

// stretchKey names the stretch of time in a group's key.
const stretchKey = "stretch"

// all is the one group of everything, for a grouping by nothing.
func (g *grouping) all(ctx context.Context) ([]Group, error) {
	answer, err := g.pit.search(ctx, searchBody{Query: g.query, TotalHits: true, Aggs: g.bounds()})
	if err != nil {
		return nil, err
	}
	n, err := answer.total(g.pit.op)
	if err != nil || n == 0 {
		return nil, err
	}
	var b bucket
	if len(answer.Aggregations) > 0 {
		if err := decodeExact(answer.Aggregations, &b); err != nil {
			return nil, fmt.Errorf("%s: read group: %w", g.pit.op, err)
		}
	}
	b.Count = n
	group, err := b.group(0, false)
	return []Group{group}, err
}

// bucket is one bucket of the answer.
type bucket struct {
	Key   map[string]any `json:"key"`
	Count int64          `json:"doc_count"`
	First metric         `json:"first"`
	Last  metric         `json:"last"`
}

type metric struct {
	Value *float64 `json:"value"` // milliseconds since 1970
}

func (m metric) time() time.Time {
	if m.Value == nil || math.IsInf(*m.Value, 0) {
		return time.Time{}
	}
	return time.UnixMilli(int64(*m.Value)).UTC()
}

// group reads a bucket whose key has width fields, and a stretch of time if
// stretched.
func (b bucket) group(width int, stretched bool) (Group, error) {
	g := Group{Key: make([]Value, width), Count: b.Count, First: b.First.time(), Last: b.Last.time()}
	for i := range width {
		a, there := b.Key[strconv.Itoa(i)]
		v, ok := ValueOf(a)
		if !there || !ok {
			return g, fmt.Errorf("its key has no value at %d: %v", i, b.Key)
		}
		g.Key[i] = v
	}
	if stretched {
		v, _ := ValueOf(b.Key[stretchKey])
		ms, ok := v.Int()
		if !ok {
			return g, fmt.Errorf("its key has no stretch of time: %v", b.Key)
		}
		g.Start = time.UnixMilli(ms).UTC()
	}
	return g, nil
}

// decodeExact decodes JSON and keeps whole numbers whole.
func decodeExact(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(into)
}
