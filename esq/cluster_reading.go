package esq

import (
	"context"
	"fmt"
	"sync"
)

// turns bounds how many requests are on their way for one question, or for
// several that were put together.
type turns chan struct{}

func newTurns() turns { return make(turns, atOnce) }

// take waits for a turn.
func (t turns) take(ctx context.Context, op string) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
}

func (t turns) end() { <-t }

// A reading is a walk over one point in time whose first pages are there.
type reading struct {
	walk  walk
	pit   *pit // nil: there is no index
	merge merge
	stats *Stats
}

// begin opens the point in time of a walk and asks for its first pages. A query
// that goes out in parts is as many walks over it, merged: what several parts
// found has the same place in the order and is visited once.
func (c *Cluster) begin(ctx context.Context, w walk, t turns, stats *Stats) (*reading, error) {
	r := &reading{walk: w, stats: stats, merge: merge{op: w.op}}
	var err error
	if r.pit, err = c.openPIT(ctx, w.op, w.indices, stats); err != nil || r.pit == nil {
		return r, err
	}
	parts := c.dialect.limits.parts(orAll(w.query))
	for _, part := range parts {
		r.merge.cursors = append(r.merge.cursors, newCursor(r.pit, w, part, len(parts), t))
	}
	if err := r.merge.begin(ctx); err != nil {
		r.close(ctx)
		return nil, err
	}
	return r, nil
}

// begin asks for the first page of every cursor.
func (m *merge) begin(ctx context.Context) error {
	errs := make([]error, len(m.cursors))
	var asking sync.WaitGroup
	for i, k := range m.cursors {
		asking.Go(func() { errs[i] = k.fetch(ctx) })
	}
	asking.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// hand visits the documents in their order, and then in that of the dialect's
// tie-breaker, and frees what the walk took.
func (r *reading) hand(ctx context.Context) error {
	defer r.close(ctx)
	for n := 0; r.pit != nil && (r.walk.limit == 0 || n < r.walk.limit); n++ {
		h, err := r.merge.next(ctx)
		if err != nil {
			return err
		}
		if h == nil {
			break
		}
		if err := r.walk.visit(h); err != nil {
			return err
		}
	}
	if r.walk.done == nil {
		return nil
	}
	return r.walk.done()
}

// close frees the point in time and adds up what the pages cost. It may be
// called again.
func (r *reading) close(ctx context.Context) {
	if r.pit == nil {
		return
	}
	for _, k := range r.merge.cursors {
		r.stats.Add(k.cost)
		r.stats.NoIndex = r.stats.NoIndex || k.cost.NoIndex
	}
	r.pit.close(ctx)
	r.pit = nil
}

// read visits the documents of a walk.
func (c *Cluster) read(ctx context.Context, w walk, stats *Stats) error {
	r, err := c.begin(ctx, w, newTurns(), stats)
	if err != nil {
		return err
	}
	return r.hand(ctx)
}

// readAhead begins walks in their order while other questions are asked: no more
// than two of them at a time, until they are handed over.
type readAhead struct {
	cancel context.CancelFunc
	begun  map[int]chan begun // by the place of the question
	free   turns
	under  sync.WaitGroup
}

type begun struct {
	*reading
	err error
}

// readAhead begins what is to be read page by page in any case.
func (c *Cluster) readAhead(ctx context.Context, list []inquiry, t turns) *readAhead {
	ctx, cancel := context.WithCancel(ctx)
	a := &readAhead{cancel: cancel, begun: map[int]chan begun{}, free: newTurns()}
	var start []func()
	for i, q := range list {
		if q.first != nil || q.walk == nil || len(q.indices) == 0 {
			continue
		}
		tell := make(chan begun, 1)
		a.begun[i] = tell
		start = append(start, func() {
			if err := a.free.take(ctx, q.op); err != nil {
				tell <- begun{err: err}
				return
			}
			a.under.Go(func() {
				r, err := c.begin(ctx, *q.walk, t, q.stats)
				tell <- begun{r, err}
			})
		})
	}
	a.under.Go(func() {
		for _, next := range start {
			next()
		}
	})
	return a
}

// has reports whether the walk of a question is begun and not handed over.
func (a *readAhead) has(question int) bool { return a.begun[question] != nil }

// leaves is how many other questions the engine may work on meanwhile.
func (a *readAhead) leaves() int {
	if len(a.begun) == 0 {
		return atOnce
	}
	return atOnce - 1
}

// hand hands over the walk of a question; the walks come in their order.
func (a *readAhead) hand(ctx context.Context, question int) error {
	b := <-a.begun[question]
	defer a.free.end()
	delete(a.begun, question)
	if b.err != nil {
		return b.err
	}
	return b.reading.hand(ctx)
}

// close ends the walks that were not handed over.
func (a *readAhead) close(ctx context.Context) {
	a.cancel()
	a.under.Wait()
	for _, c := range a.begun {
		if b := <-c; b.reading != nil {
			b.close(ctx)
		}
	}
}
