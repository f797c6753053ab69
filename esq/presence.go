package esq

import (
	"cmp"
	"context"
	"slices"
	"sync"
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

// Looking is a question whether some document matches.
type Looking struct {
	Indices []string
	Query   Query
}

// Seen is the answer to a [Looking]. It is none if Err is set.
type Seen struct {
	Presence
	Stats Stats
	Err   error
}

// PresencesSearcher is an engine that answers several questions whether there
// is something for less than it takes to answer each.
type PresencesSearcher interface {
	// Presences returns an answer for each question, or why there is none to this
	// one; what is asked beside it does not matter. The answers are parallel to the
	// questions.
	Presences(ctx context.Context, list []Looking) []Seen
}

// PresenceOfEach asks several questions as [PresenceOf] asks each, one after the
// other unless the engine can do better. The answers are parallel to them.
func PresenceOfEach(ctx context.Context, eng Searcher, list []Looking) []Seen {
	if can, ok := eng.(PresencesSearcher); ok && len(list) > 1 {
		return can.Presences(ctx, list)
	}
	seen := make([]Seen, len(list))
	for i, q := range list {
		seen[i].Presence, seen[i].Stats, seen[i].Err = PresenceOf(ctx, eng, q.Indices, q.Query)
	}
	return seen
}

// firstMatch asks for the first match and no other.
func firstMatch(part Query) searchBody { return searchBody{Query: part, most: 1} }

// Presence asks for the first match and no other: one request, unless the query
// has more alternatives than the engine takes.
func (c *Cluster) Presence(ctx context.Context, indices []string, q Query) (Presence, Stats, error) {
	var stats Stats
	var p Presence
	if len(indices) == 0 {
		stats.NoIndex = true
		return p, stats, nil
	}
	op := describeLook(indices)
	for _, part := range c.dialect.limits.parts(orAll(q)) {
		var answer searchAnswer
		err := c.search(ctx, op, indices, firstMatch(part), &stats, &answer)
		if err != nil {
			return p, stats, err
		}
		if p, err = answer.presence(op); err != nil || p.Any {
			return p, stats, err
		}
	}
	stats.NoIndex = p.Shards == 0
	return p, stats, nil
}

func describeLook(indices []string) string { return describe("look into", indices) }

// presence is what the answer to [firstMatch] says.
func (a *searchAnswer) presence(op string) (Presence, error) {
	if a.Hits.Total == nil {
		return Presence{}, &PartialError{Op: op, Reason: "the engine did not say whether something matches"}
	}
	return Presence{Any: a.Hits.Total.Value > 0, Shards: a.Shards.Total}, nil
}

// looksAtOnce is how many of the questions of one request the engine works on at
// a time. Who wants more of them at a time has several requests under way.
const looksAtOnce = 1

// Presences puts the questions in as few requests as they need: multi-searches,
// and one of its own for each that is no single search. Where the user may not
// ask so, every question has a request of its own.
func (c *Cluster) Presences(ctx context.Context, list []Looking) []Seen {
	seen := make([]Seen, len(list))
	looks := make([]inquiry, len(list))
	var open, alone []int
	for i, q := range list {
		parts := c.dialect.limits.parts(orAll(q.Query))
		if len(q.Indices) == 0 || len(parts) > 1 {
			alone = append(alone, i)
			continue
		}
		first := firstMatch(parts[0])
		looks[i] = inquiry{op: describeLook(q.Indices), indices: q.Indices, stats: &seen[i].Stats, first: &first}
		open = append(open, i)
	}
	for some := range slices.Chunk(open, maxTogether) {
		if c.apart.Load() || len(some) == 1 || !c.lookTogether(ctx, looks, some, seen) {
			alone = append(alone, some...)
		}
	}
	c.lookAlone(ctx, list, alone, seen)
	return seen
}

// lookTogether puts some of the looks in one request. It reports false, and has
// no answer, if the user may not ask several questions at once.
func (c *Cluster) lookTogether(ctx context.Context, looks []inquiry, some []int, seen []Seen) (allowed bool) {
	outcomes := make([]outcome, len(looks))
	if !c.askTogether(ctx, looks, some, looksAtOnce, outcomes) {
		return false
	}
	for _, i := range some {
		switch o, s := outcomes[i], &seen[i]; {
		case o.err != nil:
			s.Err = o.err
		case o.answer == nil: // the whole request failed, which only the first one has noted
			s.Err = cmp.Or(outcomes[some[0]].err, error(&PartialError{Op: looks[i].op, Reason: "the question was not answered"}))
		default:
			s.Presence, s.Err = o.answer.presence(looks[i].op)
			s.Stats.NoIndex = s.Err == nil && s.Shards == 0
		}
	}
	return true
}

// aloneAtOnce is how many requests of one question each are under way at a time.
const aloneAtOnce = 4

func (c *Cluster) lookAlone(ctx context.Context, list []Looking, alone []int, seen []Seen) {
	var wg sync.WaitGroup
	defer wg.Wait()
	turns := make(chan struct{}, aloneAtOnce)
	for _, i := range alone {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			s := &seen[i]
			s.Presence, s.Stats, s.Err = c.Presence(ctx, list[i].Indices, list[i].Query)
		})
	}
}

var (
	_ PresenceSearcher  = (*Cluster)(nil)
	_ PresencesSearcher = (*Cluster)(nil)
)
