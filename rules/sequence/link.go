package sequence

import (
	"slices"

	"github.com/stitchdetect/stitch/esq/eql"
)

// link is all that must hold between the rows of two stages.
type link struct {
	stages [2]int  // ascending
	equal  []*test // equalities
	rest   []*test // other conditions
	bounds []bound

	hashed bool         // keys are there
	keys   [2][][]int32 // per side and row: the keys under which it joins; unused without equalities
	alone  [2]bool      // no row of the side has more than one key
	// Indices of a side, once they are asked for: of problem.whole and of
	// problem.rivals by equality and time, and of the rivals in order of the pick.
	whole, rivals, picked [2]*index
}

func (l *link) empty() bool {
	return len(l.equal) == 0 && len(l.rest) == 0 && len(l.bounds) == 0
}

// side returns which of the link's sides a stage is.
func (l *link) side(stage int) int {
	if l.stages[0] == stage {
		return 0
	}
	return 1
}

func (l *link) other(stage int) int { return l.stages[1-l.side(stage)] }

// box returns where the times of a partner of a stage's row must lie.
func (l *link) box(stage int, r *Row) box {
	b := box{everywhere, everywhere}
	for _, c := range l.bounds {
		c.narrow(&b, stage, r)
	}
	return b
}

// before reports whether the link puts the stage's row before its partner.
func (l *link) before(stage int) bool {
	return slices.ContainsFunc(l.bounds, func(b bound) bool { return !b.span && b.from == stage })
}

// hash gives every row of both sides its keys.
//
// Rows with several values have a key per combination of them, so at most one
// equality whose rows have several values is hashed; other such equalities are
// left to be tested pair by pair.
func (q *problem) hash(l *link) {
	if l.hashed || len(l.equal) == 0 {
		return
	}
	l.hashed = true
	hashed := l.equal[:0:0]
	many := false
	for _, t := range l.equal {
		sides := [2][][]int32{q.keysOf(t, 0), q.keysOf(t, 1)}
		alone := [2]bool{isAlone(sides[0]), isAlone(sides[1])}
		if several := !alone[0] || !alone[1]; several && many {
			l.rest = append(l.rest, t)
			continue
		} else if several {
			many = true
		}
		for i := range sides {
			if len(hashed) == 0 {
				l.keys[i], l.alone[i] = sides[i], alone[i]
			} else {
				l.keys[i], l.alone[i] = q.combine(l.keys[i], sides[i]), l.alone[i] && alone[i]
			}
		}
		hashed = append(hashed, t)
	}
	l.equal = hashed
}

// keysOf returns per row of one side of an equality the numbers of its values,
// ascending, each once. Rows that stand for the same row share them.
func (q *problem) keysOf(t *test, side int) [][]int32 {
	s := t.equal.sides[side]
	table := q.tables[s.stage]
	keys := make([][]int32, len(table.rows))
	q.env.single = t.single
	for row := range keys {
		if twin := table.representative(int32(row)); !t.single && int(twin) < row {
			keys[row] = keys[twin]
			continue
		}
		q.env.at[s.stage] = int32(row)
		var numbers []int32
		for _, v := range s.program.Values(&q.env) {
			if !v.IsNull() {
				numbers = append(numbers, q.ids.value(eql.Key(v, t.equal.fold)))
			}
		}
		slices.Sort(numbers)
		keys[row] = slices.Compact(numbers)
	}
	return keys
}

func isAlone(keys [][]int32) bool {
	for _, k := range keys {
		if len(k) > 1 {
			return false
		}
	}
	return true
}

// combine returns per row the numbers of the pairs of two keys.
func (q *problem) combine(a, b [][]int32) [][]int32 {
	keys := make([][]int32, len(a))
	for row := range keys {
		for _, x := range a[row] {
			for _, y := range b[row] {
				keys[row] = append(keys[row], q.ids.pair(x, y))
			}
		}
		slices.Sort(keys[row])
	}
	return keys
}

// vacuous reports whether any two rows of the given domains satisfy the link,
// so that its stages do not depend on each other.
func (q *problem) vacuous(l *link, a, b domain) bool {
	q.hash(l)
	if len(l.rest) > 0 {
		return false
	}
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return q.boundsVacuous(l, a, b) && (len(l.equal) == 0 || shareKey(l.keys, a, b))
}

func (q *problem) boundsVacuous(l *link, a, b domain) bool {
	if !slices.ContainsFunc(l.bounds, func(c bound) bool { return !c.implied }) {
		return true
	}
	extents := [2]box{q.extent(l.stages[0], a), q.extent(l.stages[1], b)}
	for _, c := range l.bounds {
		if !c.implied && !c.vacuous(extents[l.side(c.from)], extents[l.side(c.to)]) {
			return false
		}
	}
	return true
}

// extent returns the smallest box that has all rows of a domain. That of all
// rivals is asked for again and again, so it is kept.
func (q *problem) extent(stage int, d domain) box {
	if !d.is(q.rivals[stage]) {
		return q.tables[stage].extent(d)
	}
	if q.extents[stage] == nil {
		b := q.tables[stage].extent(d)
		q.extents[stage] = &b
	}
	return *q.extents[stage]
}

// shareKey reports whether all rows of both domains have one key in common.
func shareKey(keys [2][][]int32, a, b domain) bool {
	for _, key := range keys[0][a[0]] {
		has := func(side int) func(row int32) bool {
			return func(row int32) bool {
				_, found := slices.BinarySearch(keys[side][row], key)
				return !found
			}
		}
		if !slices.ContainsFunc(a, has(0)) && !slices.ContainsFunc(b, has(1)) {
			return true
		}
	}
	return false
}

// fit reports whether a row of a stage and one of the link's other stage
// satisfy the link.
func (q *problem) fit(l *link, stage int, row, partner int32) bool {
	q.hash(l)
	q.cost.pairs++
	other := l.other(stage)
	i := l.side(stage)
	if len(l.equal) > 0 && !overlap(l.keys[i][row], l.keys[1-i][partner]) {
		return false
	}
	if !l.box(stage, &q.tables[stage].rows[row]).has(&q.tables[other].rows[partner]) {
		return false
	}
	q.env.at[stage], q.env.at[other] = row, partner
	return q.holdAll(l.rest)
}

func (q *problem) holdAll(tests []*test) bool {
	for _, t := range tests {
		if !q.holds(t) {
			return false
		}
	}
	return true
}

// overlap reports whether two ascending lists have an element in common.
func overlap(a, b []int32) bool {
	if len(a) == 1 {
		return domain(b).has(a[0])
	}
	if len(b) == 1 {
		return domain(a).has(b[0])
	}
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			return true
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return false
}
