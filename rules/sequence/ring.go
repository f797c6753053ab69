package sequence

import (
	"math"
	"slices"
)

// ring is a piece that is a tree but for one bond, and that bond says nothing
// but how far two rows may be apart, or that one comes before the other. It needs
// no splitting: given a row on the way between the two stages, what is on either
// side of it is chosen apart. Of a span the one side is to begin as late and the
// other to end as early as can be, of an order the other way round.
type ring struct {
	tree *piece
	last bound
	path []step // through the tree from last.from to last.to
}

// ring returns a piece as a ring, if it is one.
func (s *state) ring(p *piece) (*ring, bool) {
	if len(p.knots) > 0 || len(p.bonds) != len(p.stages) {
		return nil, false
	}
	for i, b := range p.bonds {
		last, ok := s.onlyBound(b)
		if !ok || !last.span && last.limit != unlimited {
			continue
		}
		tree := &piece{stages: p.stages, bonds: slices.Delete(slices.Clone(p.bonds), i, i+1)}
		path, ok := s.path(tree, last)
		if ok && !slices.ContainsFunc(path, func(e step) bool { return len(e.bond.picks) > 0 || e.bond.cut != nil || s.limitsSpan(e.bond) }) {
			return &ring{tree, last, path}, true
		}
	}
	return nil, false
}

// onlyBound returns the one bound that a bond comes down to, if it does.
func (s *state) onlyBound(b *bond) (bound, bool) {
	l := b.link
	s.hash(l)
	if len(b.tests) > 0 || len(b.picks) > 0 || b.cut != nil || len(l.rest) > 0 {
		return bound{}, false
	}
	if !l.equalImplied() && !shareKey(l.keys, s.rows[b.stages[0]], s.rows[b.stages[1]]) {
		return bound{}, false
	}
	var left []bound
	for _, c := range l.bounds {
		if !s.idle(c) {
			left = append(left, c)
		}
	}
	if len(left) != 1 {
		return bound{}, false
	}
	return left[0], true
}

// idle reports whether a bound need not be looked at.
func (s *state) idle(c bound) bool {
	return c.implied || c.vacuous(s.extent(c.from, s.rows[c.from]), s.extent(c.to, s.rows[c.to]))
}

// limitsSpan reports whether a bond limits how far its rows are apart other
// than by order.
func (s *state) limitsSpan(b *bond) bool {
	return slices.ContainsFunc(b.link.bounds, func(c bound) bool { return c.span && !s.idle(c) })
}

// path returns the way from one stage of a bound to the other; ok is false if
// the bonds are no tree.
func (s *state) path(tree *piece, last bound) (path []step, ok bool) {
	order := s.walkFrom(tree, []int{last.from})
	if len(order) != len(tree.bonds) {
		return nil, false
	}
	at := last.to
	for _, e := range slices.Backward(order) {
		if e.to == at {
			path = append(path, e)
			at = e.from
		}
	}
	slices.Reverse(path)
	return path, at == last.from
}

// reduceRing leaves the rows that stand in a chain of a ring.
func (s *state) reduceRing(r *ring) bool {
	if !s.reduce(r.tree) {
		return false
	}
	left, right := s.left(r), s.right(r)
	on := []int{r.last.from}
	for _, e := range r.path {
		on = append(on, e.to)
	}
	for i, stage := range on {
		at := -1
		s.rows[stage] = s.rows[stage].filter(func(int32) bool {
			at++
			return r.fits(left[i][at], right[i][at])
		})
	}
	for _, e := range s.walkFrom(r.tree, on) {
		s.across(e.bond, e.to, e.from)
	}
	return !s.anyEmpty(r.tree.stages)
}

// fits reports whether the best on the two sides of a row make a chain.
func (r *ring) fits(left, right int64) bool {
	if r.last.span {
		return -right <= plus(left, r.last.limit)
	}
	return -left <= right
}

// left returns, per stage on the path and row, when the row of the path's first
// stage can begin at the latest; of an order when it can end at the earliest,
// negated.
func (s *state) left(r *ring) [][]int64 {
	rows := s.tables[r.last.from].rows
	var times []int64
	for _, row := range s.rows[r.last.from] {
		if r.last.span {
			times = append(times, rows[row].First)
		} else {
			times = append(times, -rows[row].Last)
		}
	}
	all := [][]int64{times}
	for i, e := range r.path {
		all = append(all, s.carry(e.bond, e.from, all[i], e.to))
	}
	return all
}

// right returns, per stage on the path and row, when the row of the path's last
// stage can end at the earliest, negated; of an order when it can begin at the
// latest.
func (s *state) right(r *ring) [][]int64 {
	rows := s.tables[r.last.to].rows
	var times []int64
	for _, row := range s.rows[r.last.to] {
		if r.last.span {
			times = append(times, -rows[row].Last)
		} else {
			times = append(times, rows[row].First)
		}
	}
	all := [][]int64{times}
	for i, e := range slices.Backward(r.path) {
		all = append(all, s.carry(e.bond, e.to, all[len(r.path)-1-i], e.from))
	}
	slices.Reverse(all)
	return all
}

// carry returns, for each row of one stage of a bond, the greatest number of
// its partners of the other.
func (s *state) carry(b *bond, from int, numbers []int64, to int) []int64 {
	if l := ordersOf(b.link); s.sweeps(&l) && len(l.equal) > 0 && len(l.rest) == 0 && len(b.tests) == 0 {
		if carried, ok := s.sweepGreatest(&l, to, s.rows[to], s.rows[from], numbers); ok {
			return carried
		}
	}
	of := func(row int32) int64 {
		at, _ := slices.BinarySearch(s.rows[from], row)
		return numbers[at]
	}
	greatest := s.greatestPartner(b, from, of)
	carried := make([]int64, len(s.rows[to]))
	for i, row := range s.rows[to] {
		carried[i] = greatest(row)
	}
	return carried
}

// ordersOf returns a link with no bounds but its orders. The bounds left out
// follow from the others.
func ordersOf(l *link) link {
	orders := *l
	orders.bounds = slices.DeleteFunc(slices.Clone(l.bounds), func(c bound) bool { return c.span || c.implied })
	return orders
}

// greatestPartner returns the function from a row of a bond to the greatest
// number of its partners of the given stage.
//
// It goes by the orders alone: they bound one time of the partners, so that
// these are a run of rows in order of that time.
func (s *state) greatestPartner(b *bond, stage int, of func(row int32) int64) func(row int32) int64 {
	l := ordersOf(b.link)
	for _, t := range b.tests {
		s.stand(t.stages)
	}
	x := s.newIndex(&l, stage, s.rows[stage], slices.Concat(l.rest, b.tests), l.before(stage))
	nodes := make([]int64, 2*len(x.times.rows))
	numbers := func(line *line) extremes { return extremes{nodes[2*line.from : 2*line.to], true} }
	for _, line := range x.lines {
		e := numbers(&line)
		for i, row := range x.times.rows[line.from:line.to] {
			e.leaves()[i] = of(row)
		}
		e.grow()
	}
	other := l.other(stage)
	return func(row int32) int64 {
		best := int64(math.MinInt64)
		bounds := l.box(other, &s.tables[other].rows[row])
		s.env.at[other] = row
		for _, key := range s.keys(&l, other, row) {
			for line := x.first(key); line != nil; line = x.after(line) {
				s.cost.pairs++
				if i, j := x.times.run(line, bounds); i < j && s.accepts(x, line) {
					best = max(best, numbers(line).over(i-int(line.from), j-int(line.from)))
				}
			}
		}
		return best
	}
}
