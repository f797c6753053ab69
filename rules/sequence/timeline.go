package sequence

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// timeline is rows in order of one of their times, with the other time's
// extremes over any run of them, so that a row inside a box is found without
// looking at all.
type timeline struct {
	rows   []int32
	byLast bool
	points bool    // no row lasts
	at     []int64 // the time they are in order of
	// other is the extremes of the other time: the smallest Last of rows in
	// order of First, the greatest First of rows in order of Last. Without
	// rows that last there are none.
	other extremes
}

// finish puts the rows, which came ascending, in order.
func (l *timeline) finish(t *table) {
	l.points = true
	for _, row := range l.rows {
		l.points = l.points && t.rows[row].First == t.rows[row].Last
	}
	if l.byLast && !l.points {
		slices.SortFunc(l.rows, func(a, b int32) int {
			return cmp.Or(compareEnds(&t.rows[a], &t.rows[b]), cmp.Compare(a, b))
		})
	}
	l.at = make([]int64, len(l.rows))
	for i, row := range l.rows {
		l.at[i] = t.rows[row].First
		if l.byLast {
			l.at[i] = t.rows[row].Last
		}
	}
	if !l.points {
		l.plant(t)
	}
}

func (l *timeline) plant(t *table) {
	others := make([]int64, len(l.rows))
	for i, row := range l.rows {
		others[i] = t.rows[row].Last
		if l.byLast {
			others[i] = t.rows[row].First
		}
	}
	l.other = newExtremes(others, l.byLast)
}

// run returns the range of rows outside of which none lies in the box.
func (l *timeline) run(b box) (from, to int) {
	low, high := b.first.low, min(b.first.high, b.last.high)
	if l.byLast {
		low, high = max(b.first.low, b.last.low), b.last.high
	}
	if l.points {
		low, high = max(b.first.low, b.last.low), min(b.first.high, b.last.high)
	}
	from = sort.Search(len(l.at), func(i int) bool { return l.at[i] >= low })
	if high == math.MaxInt64 {
		return from, len(l.at)
	}
	to = sort.Search(len(l.at), func(i int) bool { return l.at[i] > high })
	return from, max(from, to)
}

// any reports whether some row lies in the box.
func (l *timeline) any(t *table, b box) bool {
	from, to := l.run(b)
	if from == to || l.points {
		return from < to
	}
	switch {
	case !l.byLast && b.last.low <= b.first.low:
		return l.other.over(from, to) <= b.last.high
	case l.byLast && b.first.high >= b.last.high:
		return l.other.over(from, to) >= b.first.low
	}
	return slices.ContainsFunc(l.rows[from:to], func(row int32) bool { return b.has(&t.rows[row]) })
}

// extremes answers what the greatest (or smallest) of a run of numbers is: a
// segment tree.
type extremes struct {
	nodes    []int64 // node i covers nodes 2i and 2i+1; the numbers are the last half
	greatest bool
}

func newExtremes(numbers []int64, greatest bool) extremes {
	n := len(numbers)
	e := extremes{make([]int64, 2*n), greatest}
	copy(e.nodes[n:], numbers)
	for i := n - 1; i > 0; i-- {
		e.nodes[i] = e.of(e.nodes[2*i], e.nodes[2*i+1])
	}
	return e
}

func (e extremes) of(a, b int64) int64 {
	if e.greatest {
		return max(a, b)
	}
	return min(a, b)
}

// over returns the extreme of a run that is not empty.
func (e extremes) over(from, to int) int64 {
	n := len(e.nodes) / 2
	best := e.nodes[n+from]
	for from, to = from+n, to+n; from < to; from, to = from/2, to/2 {
		if from%2 == 1 {
			best = e.of(best, e.nodes[from])
			from++
		}
		if to%2 == 1 {
			to--
			best = e.of(best, e.nodes[to])
		}
	}
	return best
}
