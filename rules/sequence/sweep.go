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

// sweeps reports whether the rows of a link are stitched so: none lasts, and each
// has one key at the most.
func (q *problem) sweeps(l *link) bool {
	q.hash(l)
	return q.tables[l.stages[0]].at != nil && q.tables[l.stages[1]].at != nil &&
		(len(l.equal) == 0 || l.keys[0].alone() && l.keys[1].alone())
}

// swept is one side of a link: when its rows are, and their keys.
type swept struct {
	at   []int64
	keys []int32
}

func (q *problem) swept(l *link, stage int) swept {
	return swept{q.tables[stage].at, l.keys[l.side(stage)].one}
}

// sweep returns the rows of a stage that have a partner, as far as the link's
// equalities and bounds go.
func (q *problem) sweep(l *link, stage int, rows, partners domain) domain {
	if len(l.equal) == 0 {
		return q.sweepTimes(l, stage, rows, partners)
	}
	other := l.other(stage)
	ours, theirs := q.swept(l, stage), q.swept(l, other)
	window, latest, next := l.window(stage), q.noneYet(), 0
	kept := slices.Grow(q.kept[:0], len(rows))
	for _, row := range rows {
		at, key, end := ours.at[row], ours.keys[row], window.end(ours.at[row])
		for ; next < len(partners); next++ {
			partner := partners[next]
			if theirs.at[partner] > end {
				break
			}
			latest[theirs.keys[partner]] = theirs.at[partner]
		}
		if key != 0 && latest[key] >= window.begin(at) {
			kept = append(kept, row)
		}
	}
	for _, partner := range partners[:next] {
		latest[theirs.keys[partner]] = math.MinInt64
	}
	return q.sifted(rows, kept, next)
}

// sweepTimes is sweep for a link without an equality: all have one key.
func (q *problem) sweepTimes(l *link, stage int, rows, partners domain) domain {
	at, partnersAt := q.tables[stage].at, q.tables[l.other(stage)].at
	window, latest, next := l.window(stage), int64(math.MinInt64), 0
	kept := slices.Grow(q.kept[:0], len(rows))
	for _, row := range rows {
		for end := window.end(at[row]); next < len(partners) && partnersAt[partners[next]] <= end; next++ {
			latest = partnersAt[partners[next]]
		}
		if latest >= window.begin(at[row]) {
			kept = append(kept, row)
		}
	}
	return q.sifted(rows, kept, next)
}

// sifted returns what a sweep kept of rows, rows themselves if that is all.
func (q *problem) sifted(rows, kept domain, partners int) domain {
	q.kept = kept
	q.cost.rows += partners
	if len(kept) == len(rows) {
		return rows
	}
	return slices.Clone(kept)
}

// noneYet returns a time per number, all math.MinInt64. Who uses it leaves it as
// it was.
func (q *problem) noneYet() []int64 {
	if more := int(q.ids.last) + 1 - len(q.latest); more > 0 {
		q.latest = append(q.latest, slices.Repeat([]int64{math.MinInt64}, more)...)
	}
	return q.latest
}

// sweepGreatest returns, for each row of a stage, the greatest number of its
// partners, math.MinInt64 if it has none. The numbers are parallel to the
// partners. ok is false if the window that the orders leave has two ends: then
// not all partners up to its end are in it.
func (q *problem) sweepGreatest(l *link, stage int, rows, partners domain, numbers []int64) (found []int64, ok bool) {
	window := l.window(stage)
	if window.low != math.MinInt64 && window.high != math.MaxInt64 {
		return nil, false
	}
	other := l.other(stage)
	ours, theirs := q.swept(l, stage), q.swept(l, other)
	greatest, found := q.noneYet(), make([]int64, len(rows))
	add := func(i int) {
		if key := theirs.keys[partners[i]]; key != 0 {
			greatest[key] = max(greatest[key], numbers[i])
		}
	}
	if window.low == math.MinInt64 {
		next := 0
		for i, row := range rows {
			for end := window.end(ours.at[row]); next < len(partners) && theirs.at[partners[next]] <= end; next++ {
				add(next)
			}
			found[i] = greatest[ours.keys[row]]
		}
	} else {
		next := len(partners) - 1
		for i, row := range slices.Backward(rows) {
			for begin := window.begin(ours.at[row]); next >= 0 && theirs.at[partners[next]] >= begin; next-- {
				add(next)
			}
			found[i] = greatest[ours.keys[row]]
		}
	}
	for _, partner := range partners {
		greatest[theirs.keys[partner]] = math.MinInt64
	}
	q.cost.rows += len(rows) + len(partners)
	return found, true
}
