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
	q, err := c.grouping(g, &stats, yield)
	if err == nil {
		err = c.carryOut(ctx, q)
	}
	return stats, err
}

func (c *Cluster) grouping(by Grouping, stats *Stats, yield func(Group) error) (inquiry, error) {
	op := describe("group", by.Indices)
	parts := c.dialect.limits.parts(orAll(by.Query))
	if n := len(parts); n > 1 {
		return inquiry{}, &ResponseError{Op: op, Status: 400, Type: "too_many_clauses", Reason: fmt.Sprintf(
			"the query has %d conditions, more than the %d that are safe in a grouping", leaves(by.Query), c.dialect.limits.clauses)}
	}
	g := grouping{op: op, by: by, query: parts[0], size: c.dialect.limits.groups, stats: stats, yield: yield}
	first := g.body(nil)
	return inquiry{
		op: op, indices: by.Indices, stats: stats, first: &first,
		settle: func(answer *searchAnswer) (bool, error) {
			page, after, err := g.read(answer)
			if err != nil || after != nil {
				return false, err
			}
			return true, g.hand(page)
		},
		pages: func(ctx context.Context) error { return g.walk(ctx, c) },
	}, nil
}

// A grouping reads the pages of a composite aggregation.
type grouping struct {
	op    string
	by    Grouping
	query Query
	size  int
	stats *Stats
	yield func(Group) error
}

// walk hands over the groups of all pages.
func (g *grouping) walk(ctx context.Context, c *Cluster) error {
	p, err := c.openPIT(ctx, g.op, g.by.Indices, g.stats)
	if err != nil || p == nil {
		return err
	}
	defer p.close(ctx)
	var after json.RawMessage
	for more := true; more; more = after != nil {
		answer, err := p.search(ctx, g.body(after), g.stats)
		if err != nil {
			return err
		}
		if answer.Shards.Total == 0 {
			g.stats.NoIndex = true
			return nil
		}
		var page []Group
		if page, after, err = g.read(&answer); err != nil {
			return err
		}
		if err := g.hand(page); err != nil {
			return err
		}
	}
	return nil
}

func (g *grouping) hand(page []Group) error {
	for _, group := range page {
		g.stats.Hits++
		if err := g.yield(group); err != nil {
			return err
		}
	}
	return nil
}

// single says that there is one group, of everything.
func (g *grouping) single() bool { return len(g.by.By) == 0 && g.by.Every == 0 }

// body asks for the page after a place; nil for the first one.
func (g *grouping) body(after json.RawMessage) searchBody {
	if g.single() {
		return searchBody{Query: g.query, TotalHits: true, Aggs: g.bounds()}
	}
	composite := object{"size": g.size, "sources": g.sources()}
	if after != nil {
		composite["after"] = after
	}
	groups := object{"composite": composite}
	if bounds := g.bounds(); bounds != nil {
		groups["aggs"] = bounds
	}
	return searchBody{Query: g.query, Aggs: object{"groups": groups}}
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

// read returns a page, and the place after which there may be more; nil at the
// end.
func (g *grouping) read(answer *searchAnswer) (page []Group, after json.RawMessage, err error) {
	if g.single() {
		page, err = g.all(answer)
		return page, nil, err
	}
	var found struct {
		Groups *struct {
			After   json.RawMessage `json:"after_key"`
			Buckets []bucket        `json:"buckets"`
		} `json:"groups"`
	}
	if err := decodeExact(answer.Aggregations, &found); err != nil {
		return nil, nil, fmt.Errorf("%s: read groups: %w", g.op, err)
	}
	if found.Groups == nil {
		return nil, nil, &PartialError{Op: g.op, Reason: "the answer holds no groups"}
	}
	for _, b := range found.Groups.Buckets {
		group, err := b.group(len(g.by.By), g.by.Every > 0)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: read group: %w", g.op, err)
		}
		page = append(page, group)
	}
	if len(page) < g.size {
		return page, nil, nil
	}
	if len(found.Groups.After) == 0 {
		return nil, nil, &PartialError{Op: g.op, Reason: "the engine does not say where its groups go on"}
	}
	return page, found.Groups.After, nil
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
func (g *grouping) all(answer *searchAnswer) ([]Group, error) {
	n, err := answer.total(g.op)
	if err != nil || n == 0 {
		return nil, err
	}
	var b bucket
	if len(answer.Aggregations) > 0 {
		if err := decodeExact(answer.Aggregations, &b); err != nil {
			return nil, fmt.Errorf("%s: read group: %w", g.op, err)
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
