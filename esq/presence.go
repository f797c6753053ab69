package esq

import (
	"context"
	"fmt"
)

// Presence is whether there is something.
type Presence struct {
	Any bool // some document matches
	// Shards is how many shards were asked, so that an index that comes or goes
	// can be told; 1 or 0 of an engine that does not say.
	Shards int
}

// PresenceSearcher is an engine that finds out whether there is something for
// less than it takes to count it.
type PresenceSearcher interface {
	Presence(ctx context.Context, indices []string, q Query) (Presence, Stats, error)
}

// PresenceOf asks whether some document matches; an engine that cannot do
// better counts.
func PresenceOf(ctx context.Context, eng Searcher, indices []string, q Query) (Presence, Stats, error) {
	if can, ok := eng.(PresenceSearcher); ok {
		return can.Presence(ctx, indices, q)
	}
	n, stats, err := eng.Count(ctx, indices, q)
	p := Presence{Any: n > 0, Shards: 1}
	if stats.NoIndex {
		p.Shards = 0
	}
	return p, stats, err
}

// presenceBody is a search that counts no further than Most.
type presenceBody struct {
	searchBody
	Most int `json:"track_total_hits"`
}

// Presence asks for the first match and no other: one request, unless the query
// has more alternatives than the engine takes.
func (c *Cluster) Presence(ctx context.Context, indices []string, q Query) (Presence, Stats, error) {
	var stats Stats
	var p Presence
	if len(indices) == 0 {
		stats.NoIndex = true
		return p, stats, nil
	}
	op := describe("look into", indices)
	for _, part := range c.dialect.limits.parts(orAll(q)) {
		body := presenceBody{searchBody: searchBody{Query: part, Source: false}, Most: 1}
		if c.dialect.recount {
			body.MinScore = new(int)
		}
		content, err := marshal(body)
		if err != nil {
			return p, stats, fmt.Errorf("%s: write query: %w", op, err)
		}
		var answer searchAnswer
		if err := c.send(ctx, op, indices, content, false, &stats, &answer); err != nil {
			return p, stats, err
		}
		if answer.Hits.Total == nil {
			return p, stats, &PartialError{Op: op, Reason: "the engine did not say whether something matches"}
		}
		p.Shards = answer.Shards.Total
		if p.Any = answer.Hits.Total.Value > 0; p.Any {
			break
		}
	}
	stats.NoIndex = p.Shards == 0
	return p, stats, nil
}

var _ PresenceSearcher = (*Cluster)(nil)
