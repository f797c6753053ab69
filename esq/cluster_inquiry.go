package esq

import (
	"cmp"
	"context"
	"slices"
)

// An inquiry is a question on its way to its answer. Most are settled by one
// request; what does not fit into its answer is read page by page from a point
// in time, from the beginning, since the first answer was of another moment.
type inquiry struct {
	op      string
	indices []string
	stats   *Stats
	first   *searchBody // nil: asked page by page at once
	// settle takes the answer to first. It reports false if that is not all.
	settle func(*searchAnswer) (bool, error)
	walk   *walk                       // reads all pages, or
	pages  func(context.Context) error // does
	// nothing, if set, is called where there is no index to ask.
	nothing func() error
}

// carryOut answers an inquiry by itself.
func (c *Cluster) carryOut(ctx context.Context, q inquiry) error {
	if len(q.indices) == 0 {
		return q.noIndex()
	}
	if q.first == nil {
		return c.readPages(ctx, q)
	}
	var answer searchAnswer
	if err := c.search(ctx, q.op, q.indices, *q.first, q.stats, &answer); err != nil {
		return err
	}
	return c.conclude(ctx, q, &answer)
}

// conclude hands over what first was answered with, or all pages.
func (c *Cluster) conclude(ctx context.Context, q inquiry, answer *searchAnswer) error {
	if answer.Shards.Total == 0 {
		return q.noIndex()
	}
	settled, err := q.settle(answer)
	if err != nil || settled {
		return err
	}
	return c.readPages(ctx, q)
}

// readPages reads page by page, from the beginning.
func (c *Cluster) readPages(ctx context.Context, q inquiry) error {
	if q.walk != nil {
		return c.read(ctx, *q.walk, q.stats)
	}
	return q.pages(ctx)
}

func (q inquiry) noIndex() error {
	q.stats.NoIndex = true
	if q.nothing == nil {
		return nil
	}
	return q.nothing()
}

// inquire makes an inquiry of a walk.
func (c *Cluster) inquire(w walk, stats *Stats) inquiry {
	q := inquiry{op: w.op, indices: w.indices, stats: stats, walk: &w}
	parts := c.dialect.limits.parts(orAll(w.query))
	if w.many || len(parts) > 1 {
		return q
	}
	first := w.page(parts[0])
	if w.limit > 0 {
		first.Size = min(first.Size, w.limit)
	}
	q.first = &first
	q.settle = func(answer *searchAnswer) (bool, error) {
		page := answer.Hits.Hits
		total, err := answer.total(w.op)
		if err != nil {
			return false, err
		}
		if n := int64(len(page)); n != total && (w.limit == 0 || len(page) < w.limit) {
			if len(page) == first.Size {
				w.first = max(w.first, min(int(total), c.pages.next(len(page), sizeOf(page))))
				return false, nil
			}
			return false, incomplete(w.op, n, total)
		}
		if err := sourced(w.op, w.source, page); err != nil {
			return false, err
		}
		inPlace(page)
		for i := range page {
			if err := w.visit(&page[i]); err != nil {
				return false, err
			}
		}
		return true, nil
	}
	return q
}

// inPlace orders hits of the same sort values, which the engine leaves to chance.
func inPlace(page []hit) {
	slices.SortStableFunc(page, func(a, b hit) int {
		return cmp.Or(comparePlaces(a.Sort, b.Sort), cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID))
	})
}
