package sequence

import (
	"math"
	"slices"
)

// Rows that do not last are stitched without an index: both sides of a link are
// gone through once, in time order. A row's partners are those with its key
// whose times lie in a window that moves on with it, so of the partners before
// the window's end the latest per key is enough.

// window is where the time of a partner must lie, relative to that of a row;
// neither lasts.
type window struct{ low, high int64 } // milliseconds; math.MinInt64 and math.MaxInt64: no limit

// window returns where the partners of a stage's rows must lie.
func (l *link) window(stage int) window {
	b := l.box(stage, &Row{})
	return window{max(b.first.low, b.last.low), min(b.first.high, b.last.high)}
}

// begin and end return the window around a time. No row's time is
// math.MinInt64; see [table.at].
func (w window) begin(t int64) int64 {
	if w.low == math.MinInt64 {
		return math.MinInt64 + 1
	}
	return shift(t, w.low)
}

func (w window) end(t int64) int64 {
	if w.high == math.MaxInt64 {
		return math.MaxInt64
	}
	return shift(t, w.high)
}

// shift adds without overflow.
func shift(t, by int64) int64 {
	if by < 0 {
		return minus(t, -by)
	}
	return plus(t, by)
}

// sweeps reports whether neither side of a link has rows that last.
func (q *problem) sweeps(l *link) bool {
	return q.tables[l.stages[0]].at != nil && q.tables[l.stages[1]].at != nil
}

// sweep returns the rows of a stage that have a partner, as far as the link's
// equalities and bounds go.
func (q *problem) sweep(l *link, stage int, rows, partners domain) domain {
	other := l.other(stage)
	at, partnersAt := q.tables[stage].at, q.tables[other].at
	window, latest, next := l.window(stage), q.noneYet(), 0
	kept := rows.filter(func(row int32) bool {
		for end := window.end(at[row]); next < len(partners) && partnersAt[partners[next]] <= end; next++ {
			for _, key := range q.keys(l, other, partners[next]) {
				latest[key] = partnersAt[partners[next]]
			}
		}
		begin := window.begin(at[row])
		for _, key := range q.keys(l, stage, row) {
			if latest[key] >= begin {
				return true
			}
		}
		return false
	})
	for _, partner := range partners[:next] {
		for _, key := range q.keys(l, other, partner) {
			latest[key] = math.MinInt64
		}
	}
	q.cost.rows += next
	return kept
}

// noneYet returns a time per number, all math.MinInt64. Who uses it leaves it as
// it was.
func (q *problem) noneYet() []int64 {
	if more := int(q.ids.last) + 1 - len(q.latest); more > 0 {
		q.latest = append(q.latest, slices.Repeat([]int64{math.MinInt64}, more)...)
	}
	return q.latest
}
