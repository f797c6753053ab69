package sequence

import "slices"

// solve leaves, in each of the given stages, exactly the rows that stand in a
// chain of the rows there are, and reports whether there is a chain. The
// stages not given must be settled, or independent of those that are.
func (s *state) solve(stages []int) bool {
	if s.cancelled() || !s.settle(stages) {
		return false
	}
	for _, p := range s.pieces(stages) {
		if !s.solvePiece(p) {
			return false
		}
	}
	return true
}

func (s *state) solvePiece(p *piece) bool {
	if len(p.stages) == 1 {
		return true
	}
	if len(p.knots) == 0 && len(p.bonds) == len(p.stages)-1 {
		return s.reduce(p)
	}
	if r, ok := s.ring(p); ok {
		return s.reduceRing(r)
	}
	x, parts := s.parts(p)
	return s.split(p.stages, x, parts)
}

// piece is open stages that depend on each other, directly or not.
type piece struct {
	stages []int
	bonds  []*bond
	// knots are sets of open stages that something depends on together, so that
	// no two of them can be looked at alone.
	knots [][]int
}

// bond is what two open stages must satisfy together.
type bond struct {
	stages [2]int // ascending
	link   *link
	tests  []*test // wide ones whose other stages are settled
	picks  []contest
	cut    *cut   // what an absent stage leaves
	pairs  *pairs // the pairs of rows that the picks allow, once they are known
}

// pieces takes the open stages of those given apart.
func (s *state) pieces(stages []int) []*piece {
	bonds, knots, together := s.ties(stages)
	group := make([]int, s.n)
	for i := range group {
		group[i] = i
	}
	for _, t := range together {
		for _, i := range t[1:] {
			a, b := group[t[0]], group[i]
			for k := range group {
				if group[k] == b {
					group[k] = a
				}
			}
		}
	}
	byGroup := map[int]*piece{}
	var all []*piece
	for _, i := range s.openOf(stages) {
		p := byGroup[group[i]]
		if p == nil {
			p = &piece{}
			byGroup[group[i]] = p
			all = append(all, p)
		}
		p.stages = append(p.stages, i)
	}
	for _, b := range bonds {
		p := byGroup[group[b.stages[0]]]
		p.bonds = append(p.bonds, b)
	}
	for _, k := range knots {
		p := byGroup[group[k[0]]]
		p.knots = append(p.knots, k)
	}
	return all
}

// ties returns the bonds and knots between open stages, and the sets of stages
// that they hold together.
func (s *state) ties(stages []int) (bonds []*bond, knots, together [][]int) {
	open := s.openOf(stages)
	at := map[[2]int]*bond{}
	bondOf := func(a, b int) *bond {
		key := [2]int{min(a, b), max(a, b)}
		if at[key] == nil {
			at[key] = &bond{stages: key, link: s.all.links[a][b]}
			bonds = append(bonds, at[key])
			together = append(together, key[:])
		}
		return at[key]
	}
	for i, b := range open {
		for _, a := range open[:i] {
			if l := s.all.links[a][b]; !s.vacuous(l, s.rows[a], s.rows[b]) {
				bondOf(a, b)
			}
		}
	}
	for i, t := range s.all.wide {
		on := s.openOf(t.stages)
		switch {
		case s.tested[i] || !slices.Contains(open, on[0]):
		case len(on) == 2:
			b := bondOf(on[0], on[1])
			b.tests = append(b.tests, t)
		default:
			knots, together = append(knots, on), append(together, on)
		}
	}
	for stage := range s.n {
		if s.pattern.stages[stage].pick == PickAll || s.picked[stage] {
			continue
		}
		c := s.contest(stage)
		switch {
		case !slices.Contains(open, c.open[0]):
		case len(c.open) == 1:
			b := bondOf(stage, c.open[0])
			b.picks = append(b.picks, c)
		default:
			knots = append(knots, c.open)
			if s.open(stage) {
				c.open = append(slices.Clone(c.open), stage)
			}
			together = append(together, c.open)
		}
	}
	for _, stage := range s.absent {
		if s.judged[stage] {
			continue
		}
		c := s.contest(stage)
		if !slices.Contains(open, c.open[0]) {
			continue
		}
		if cut, ok := s.cut(c); ok {
			if b := bondOf(cut.by, cut.of); len(b.picks) == 0 && b.cut == nil && !s.limitsSpan(b) {
				b.cut = cut
				continue
			}
		}
		knots, together = append(knots, c.open), append(together, c.open)
	}
	return bonds, knots, together
}

// reduce leaves the rows that stand in a chain of a piece whose bonds form a
// tree: from one stage outwards to reach no more rows than needed, back inwards
// so that every row of the first stage has a whole tree behind it, and
// outwards again.
func (s *state) reduce(p *piece) bool {
	order := s.walk(p)
	for _, e := range order {
		s.across(e.bond, e.to, e.from)
	}
	for _, e := range slices.Backward(order) {
		s.across(e.bond, e.from, e.to)
	}
	for _, e := range order {
		s.across(e.bond, e.to, e.from)
	}
	return !s.anyEmpty(p.stages)
}

// step is a bond on the way from the root of a tree to its leaves.
type step struct {
	bond     *bond
	from, to int
}

// walk returns the bonds of a tree from its smallest stage outwards.
func (s *state) walk(p *piece) []step {
	root := slices.MinFunc(p.stages, func(a, b int) int { return len(s.rows[a]) - len(s.rows[b]) })
	return s.walkFrom(p, []int{root})
}

// walkFrom returns the bonds of a tree from the given stages outwards, without
// those between them.
func (s *state) walkFrom(p *piece, roots []int) []step {
	seen := make([]bool, s.n)
	for _, i := range roots {
		seen[i] = true
	}
	var order []step
	for queue := slices.Clone(roots); len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		for _, b := range p.bonds {
			i := slices.Index(b.stages[:], from)
			if i < 0 || seen[b.stages[1-i]] {
				continue
			}
			to := b.stages[1-i]
			seen[to] = true
			order = append(order, step{b, from, to})
			queue = append(queue, to)
		}
	}
	return order
}

// across filters a stage by the other one of a bond.
func (s *state) across(b *bond, stage, partner int) {
	if b.pairs == nil {
		s.narrow(b.link, stage)
	}
	if len(b.tests) > 0 && b.pairs == nil {
		for _, t := range b.tests {
			s.stand(t.stages)
		}
		s.rows[stage], _ = s.semijoin(b.link, stage, s.rows[stage], s.rows[partner], b.tests)
	}
	if b.cut != nil {
		s.acrossCut(b, stage)
	}
	if len(b.picks) == 0 {
		return
	}
	if b.pairs == nil {
		s.narrow(b.link, partner)
		b.pairs = s.pairUp(b)
	}
	s.rows[stage] = b.pairs.filter(slices.Index(b.stages[:], stage), s.rows[stage], s.rows[partner])
}

// pairs is the pairs of rows that a bond with picks allows, from either side.
type pairs [2]map[int32][]int32

func (p *pairs) filter(side int, rows, partners domain) domain {
	return rows.filter(func(row int32) bool { return partners.meets(p[side][row]) })
}

// pairUp returns the pairs of rows that satisfy all of a bond.
func (s *state) pairUp(b *bond) *pairs {
	p := &pairs{{}, {}}
	first := b.picks[0]
	side := slices.Index(b.stages[:], first.stage)
	partner := b.stages[1-side]
	choose := s.chooser(first, partner)
	clones := s.clones(first.stage)
	accepts := s.acceptor(b, side)
	for _, other := range s.rows[partner] {
		for _, best := range choose(other) {
			for _, row := range clones(best) {
				if accepts(row, other) {
					p[side][row] = append(p[side][row], other)
					p[1-side][other] = append(p[1-side][other], row)
				}
			}
		}
	}
	return p
}

// clones returns the function from a representative to the rows of the stage,
// of those that may still stand, that stand for the same.
func (s *state) clones(stage int) func(row int32) []int32 {
	by := map[int32][]int32{}
	for _, row := range s.rows[stage] {
		r := s.tables[stage].representative(row)
		by[r] = append(by[r], row)
	}
	return func(row int32) []int32 { return by[row] }
}

// acceptor returns what, besides the first pick, a pair of rows of a bond must
// satisfy: row of stages[side], other of the other one.
func (s *state) acceptor(b *bond, side int) func(row, other int32) bool {
	var choose func(int32) []int32
	if len(b.picks) > 1 {
		choose = memoized(s.chooser(b.picks[1], b.stages[side]))
	}
	rival := s.tables[b.stages[1-side]]
	return func(row, other int32) bool {
		for _, t := range b.tests {
			s.stand(t.stages)
		}
		if !s.fit(b.link, b.stages[side], row, other) || !s.holdAll(b.tests) {
			return false
		}
		return choose == nil || slices.Contains(choose(row), rival.representative(other))
	}
}

func memoized(f func(int32) []int32) func(int32) []int32 {
	known := map[int32][]int32{}
	return func(row int32) []int32 {
		answer, ok := known[row]
		if !ok {
			answer = f(row)
			known[row] = answer
		}
		return answer
	}
}
