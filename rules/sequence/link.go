package sequence

import (
	"slices"
)

// link is all that must hold between the rows of two stages.
type link struct {
	stages [2]int  // ascending
	equal  []*test // equalities
	rest   []*test // other conditions
	bounds []bound

	hashed bool        // keys are there
	keys   [2]joinKeys // per side; unused without equalities
	// Indices of a side, once they are asked for: of problem.whole and of
	// problem.rivals by equality and time, and of the rivals in order of the pick.
	whole, rivals, picked [2]*index
}

func (l *link) empty() bool {
	return len(l.equal) == 0 && len(l.rest) == 0 && len(l.bounds) == 0
}

// equalImplied reports whether the link's equalities, if it has any, follow from
// those of other links.
func (l *link) equalImplied() bool {
	return !slices.ContainsFunc(l.equal, func(t *test) bool { return !t.implied })
}

// implied reports whether all of the link follows from others.
func (l *link) implied() bool {
	return len(l.rest) == 0 && l.equalImplied() && !slices.ContainsFunc(l.bounds, func(b bound) bool { return !b.implied })
}

// side returns which of the link's sides a stage is.
func (l *link) side(stage int) int {
	if l.stages[0] == stage {
		return 0
	}
	return 1
}

func (l *link) keysOf(stage int) *joinKeys { return &l.keys[l.side(stage)] }

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
		sides := [2]joinKeys{q.keysOf(t, 0), q.keysOf(t, 1)}
		if several := !sides[0].alone() || !sides[1].alone(); several && many {
			l.rest = append(l.rest, t)
			continue
		} else if several {
			many = true
		}
		for i := range sides {
			if len(hashed) == 0 {
				l.keys[i] = sides[i]
			} else {
				l.keys[i] = q.combine(l.keys[i], sides[i])
			}
		}
		hashed = append(hashed, t)
	}
	l.equal = hashed
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
	return q.boundsVacuous(l, a, b) && (l.equalImplied() || shareKey(l.keys, a, b))
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
func shareKey(keys [2]joinKeys, a, b domain) bool {
	for _, key := range keys[0].of(a[0]) {
		lacks := func(side int) func(row int32) bool {
			return func(row int32) bool { return !domain(keys[side].of(row)).has(key) }
		}
		if !slices.ContainsFunc(a, lacks(0)) && !slices.ContainsFunc(b, lacks(1)) {
			return true
		}
	}
	return false
}

// fit reports whether a row of a stage and one of the link's other stage
// satisfy the link.
func (q *problem) fit(l *link, stage int, row, partner int32) bool {
	q.hash(l)
	if !q.near(l, stage, row, partner) {
		return false
	}
	q.env.at[stage], q.env.at[l.other(stage)] = row, partner
	return q.holdAll(l.rest)
}

// near is fit as far as the link's equalities and bounds go. The link is hashed.
func (q *problem) near(l *link, stage int, row, partner int32) bool {
	q.cost.pairs++
	i := l.side(stage)
	if len(l.equal) > 0 && !overlap(l.keys[i].of(row), l.keys[1-i].of(partner)) {
		return false
	}
	return l.box(stage, &q.tables[stage].rows[row]).has(&q.tables[l.other(stage)].rows[partner])
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
