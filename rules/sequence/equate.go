package sequence

import (
	"cmp"
	"slices"
)

// tie is an equality between columns of two stages: one that a join states, or
// one that follows from those.
type tie struct {
	ends   [2]columnKeys
	test   *test // nil if it only follows
	weight int
}

// equate chooses, of columns that are equal in every chain, the equalities that
// say so: as many as make a tree. "b.user == a.user and c.user == a.user and c.user
// == b.user" says nothing more than any two of the three do, but three stages
// tied in a ring are far more work than two ties. Equalities are chosen between
// stages that something else ties, too, even where no join states them: then
// nothing but time is left between the others.
//
// It takes columns whose rows have no more than one value, since only then what
// equals the same is equal.
func (q *problem) equate(r rules) {
	var stated []tie
	for i, b := range q.present {
		for _, a := range q.present[:i] {
			for _, t := range r.links[a][b].equal {
				if ends, ok := q.ends(t); ok {
					stated = append(stated, tie{ends: ends, test: t})
				}
			}
		}
	}
	for _, class := range classes(stated) {
		q.span(r, class)
	}
}

// ends returns the columns that an equality is between, if it is between columns
// of single values.
func (q *problem) ends(t *test) (ends [2]columnKeys, ok bool) {
	for i, s := range t.equal.sides {
		if s.column == noColumn {
			return ends, false
		}
		ends[i] = columnKeys{slot{s.stage, s.column}, t.equal.fold}
		if !q.keysOfColumn(ends[i].slot, ends[i].fold).alone() {
			return ends, false
		}
	}
	return ends, true
}

// classes takes equalities apart by the columns that are equal. A class of one
// equality is left out: there is nothing to choose.
func classes(stated []tie) [][]tie {
	forest := newForest[columnKeys]()
	for _, t := range stated {
		forest.unite(t.ends[0], t.ends[1])
	}
	var all [][]tie
	at := map[columnKeys]int{}
	for _, t := range stated {
		root := forest.root(t.ends[0])
		i, ok := at[root]
		if !ok {
			i, at[root] = len(all), len(all)
			all = append(all, nil)
		}
		all[i] = append(all[i], t)
	}
	return slices.DeleteFunc(all, func(class []tie) bool { return len(class) == 1 })
}

// span chooses among the equalities of a class and those that follow from it.
// Those that are stated and not chosen stay, as implied: they still narrow.
func (q *problem) span(r rules, class []tie) {
	var columns []columnKeys
	for _, t := range class {
		t.test.implied = true
		columns = append(columns, t.ends[:]...)
	}
	slices.SortFunc(columns, compareColumns)
	ties := slices.Clone(class)
	ties = append(ties, follow(r, slices.Compact(columns), class)...)
	for i := range ties {
		ties[i].weight = q.weight(r, ties[i])
	}
	slices.SortStableFunc(ties, func(a, b tie) int {
		return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(a.distance(), b.distance()))
	})
	forest := newForest[columnKeys]()
	for _, t := range ties {
		switch {
		case !forest.unite(t.ends[0], t.ends[1]):
		case t.test != nil:
			t.test.implied = false
		default:
			l := r.links[t.ends[0].stage][t.ends[1].stage]
			l.equal = append(l.equal, t.equality())
		}
	}
}

func compareColumns(a, b columnKeys) int {
	return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.column, b.column))
}

// follow returns the equalities that follow from those of a class, between
// stages that something else ties. The columns are sorted.
func follow(r rules, columns []columnKeys, class []tie) []tie {
	var more []tie
	for i, b := range columns {
		for _, a := range columns[:i] {
			ends := [2]columnKeys{a, b}
			stated := slices.ContainsFunc(class, func(t tie) bool { return t.ends == ends })
			if a.stage != b.stage && !stated && !r.links[a.stage][b.stage].empty() {
				more = append(more, tie{ends: ends})
			}
		}
	}
	return more
}

// How much else there is between two stages: what is tied most is tied first.
const (
	tiedAnyhow = iota // conditions, other equalities, limits
	tiedByOrder
	tiedBySpan
	notTied
)

// weight returns what else is between the stages of a tie.
func (q *problem) weight(r rules, t tie) int {
	l := r.links[t.ends[0].stage][t.ends[1].stage]
	if len(l.rest) > 0 || !l.equalImplied() {
		return tiedAnyhow
	}
	weight := notTied
	for _, b := range l.bounds {
		switch {
		case b.implied:
		case b.span:
			weight = min(weight, tiedBySpan)
		case b.limit == unlimited:
			weight = min(weight, tiedByOrder)
		default:
			weight = tiedAnyhow
		}
	}
	return weight
}

func (t tie) distance() int { return t.ends[1].stage - t.ends[0].stage }

// equality returns the test of a tie that is not stated.
func (t tie) equality() *test {
	e := &equality{fold: t.ends[0].fold}
	c := &condition{equal: e}
	for i, end := range t.ends {
		e.sides[i] = side{stage: end.stage, column: end.column}
		c.stages = append(c.stages, end.stage)
		c.columns = append(c.columns, end.slot)
	}
	return newTest(c, false)
}

// forest is disjoint sets.
type forest[T comparable] map[T]T

func newForest[T comparable]() forest[T] { return forest[T]{} }

func (f forest[T]) root(x T) T {
	for {
		up, ok := f[x]
		if !ok {
			return x
		}
		x = up
	}
}

// unite makes one set of two; false if they are one already.
func (f forest[T]) unite(a, b T) bool {
	a, b = f.root(a), f.root(b)
	if a == b {
		return false
	}
	f[b] = a
	return true
}
