package sequence

import (
	"cmp"
	"slices"
	"sort"
)

// timeline is rows, each line of them in order of one of their times, with the
// other time's extremes over any run of a line, so that a row inside a box is
// found without looking at all.
type timeline struct {
	rows   []int32
	byLast bool
	points bool    // no row lasts
	at     []int64 // the time they are in order of
	// nodes are the extremes of the other time, of a line at twice its places:
	// the smallest Last of rows in order of First, the greatest First of rows in
	// order of Last. Without rows that last there are none.
	nodes []int64
}

// finish puts the rows of each line, which came ascending, in order.
func (l *timeline) finish(t *table, lines []line) {
	l.points = true
	for _, row := range l.rows {
		l.points = l.points && t.rows[row].First == t.rows[row].Last
	}
	if l.byLast && !l.points {
		for _, line := range lines {
			slices.SortFunc(l.rows[line.from:line.to], func(a, b int32) int {
				return cmp.Or(compareEnds(&t.rows[a], &t.rows[b]), cmp.Compare(a, b))
			})
		}
	}
	l.at = make([]int64, len(l.rows))
	for i, row := range l.rows {
		l.at[i] = t.rows[row].First
		if l.byLast {
			l.at[i] = t.rows[row].Last
		}
	}
	if !l.points {
		l.plant(t, lines)
	}
}

func (l *timeline) plant(t *table, lines []line) {
	l.nodes = make([]int64, 2*len(l.rows))
	for _, line := range lines {
		e := l.other(&line)
		for i, row := range l.rows[line.from:line.to] {
			time := t.rows[row].Last
			if l.byLast {
				time = t.rows[row].First
			}
			e.leaves()[i] = time
		}
		e.grow()
	}
}

// other returns the extremes of the other time of a line.
func (l *timeline) other(line *line) extremes {
	return extremes{l.nodes[2*line.from : 2*line.to], l.byLast}
}

// run returns the range of places in a line outside of which none of its rows
// lies in the box.
func (l *timeline) run(line *line, b box) (from, to int) {
	low, high := b.first.low, min(b.first.high, b.last.high)
	if l.byLast {
		low, high = max(b.first.low, b.last.low), b.last.high
	}
	if l.points {
		low, high = max(b.first.low, b.last.low), min(b.first.high, b.last.high)
	}
	at := l.at[line.from:line.to]
	from, to = 0, len(at)
	if at[0] < low {
		from = sort.Search(to, func(i int) bool { return at[i] >= low })
	}
	if at[to-1] > high {
		to = sort.Search(to, func(i int) bool { return at[i] > high })
	}
	return int(line.from) + from, int(line.from) + max(from, to)
}

// any reports whether some row of a line lies in the box.
func (l *timeline) any(t *table, line *line, b box) bool {
	from, to := l.run(line, b)
	if from == to || l.points {
		return from < to
	}
	start := int(line.from)
	switch {
	case !l.byLast && b.last.low <= b.first.low:
		return l.other(line).over(from-start, to-start) <= b.last.high
	case l.byLast && b.first.high >= b.last.high:
		return l.other(line).over(from-start, to-start) >= b.first.low
	}
	return slices.ContainsFunc(l.rows[from:to], func(row int32) bool { return b.has(&t.rows[row]) })
}

// extremes answers what the greatest (or smallest) of a run of numbers is: a
// segment tree.
type extremes struct {
	nodes    []int64 // node i covers nodes 2i and 2i+1; the numbers are the last half
	greatest bool
}

// leaves is the numbers, to be set before the tree grows.
func (e extremes) leaves() []int64 { return e.nodes[len(e.nodes)/2:] }

// grow sets the nodes above the leaves.
func (e extremes) grow() {
	for i := len(e.nodes)/2 - 1; i > 0; i-- {
		e.nodes[i] = e.of(e.nodes[2*i], e.nodes[2*i+1])
	}
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
