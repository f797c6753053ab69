package sequence

import "slices"

// split solves the stages once for each part of one stage's rows, and unites
// what is left.
func (s *state) split(stages []int, x int, parts []domain) bool {
	union := newUnion(s, stages)
	s.again = true
	for _, part := range parts {
		if union.complete() || s.cancelled() {
			break
		}
		sub := s.clone()
		sub.rows[x] = part
		if sub.spread(x, stages) && sub.solve(stages) {
			union.add(sub)
		}
	}
	return union.finish(s)
}

// union collects the rows that stand in a chain.
type union struct {
	stages []int
	rows   []domain // there can be, parallel to stages
	found  [][]bool // parallel to rows
	left   int      // how many are not found yet
}

func newUnion(s *state, stages []int) *union {
	u := &union{stages: stages}
	for _, stage := range stages {
		u.rows = append(u.rows, s.rows[stage])
		u.found = append(u.found, make([]bool, len(s.rows[stage])))
		u.left += len(s.rows[stage])
	}
	return u
}

// add adds the rows of a solved state.
func (u *union) add(s *state) {
	for i, stage := range u.stages {
		for _, row := range s.rows[stage] {
			if at, _ := slices.BinarySearch(u.rows[i], row); !u.found[i][at] {
				u.found[i][at] = true
				u.left--
			}
		}
	}
}

// complete reports whether every row there is has been added.
func (u *union) complete() bool { return u.left == 0 }

// finish puts the rows into the state and reports whether there are any.
func (u *union) finish(s *state) bool {
	for i, stage := range u.stages {
		at := -1
		s.rows[stage] = u.rows[i].filter(func(int32) bool {
			at++
			return u.found[i][at]
		})
	}
	return !s.anyEmpty(u.stages)
}

// parts chooses a stage of a piece that is no tree, and how to take its rows
// apart.
//
// Rows with different keys of a link have nothing to do with each other, so
// parting them costs nothing, and where all rows have one key the link falls
// away. Only when no link parts anything the rows are taken one by one.
func (s *state) parts(p *piece) (stage int, parts []domain) {
	candidates := s.tangled(p)
	for _, x := range candidates {
		for _, b := range p.bonds {
			if !slices.Contains(b.stages[:], x) {
				continue
			}
			byKey := s.partsByKey(b.link, x)
			if len(byKey) > 1 && (parts == nil || len(byKey) < len(parts)) {
				stage, parts = x, byKey
			}
		}
	}
	if parts != nil {
		return stage, parts
	}
	stage = slices.MinFunc(candidates, func(a, b int) int { return len(s.rows[a]) - len(s.rows[b]) })
	for i := range s.rows[stage] {
		parts = append(parts, s.rows[stage][i:i+1])
	}
	return stage, parts
}

// partsByKey takes the rows of a stage apart by their key; nil if the link has
// no equality or rows with several keys.
func (s *state) partsByKey(l *link, stage int) []domain {
	s.hash(l)
	if len(l.equal) == 0 || !l.keys[0].alone() || !l.keys[1].alone() {
		return nil
	}
	var parts []domain
	at := map[int32]int{}
	for _, row := range s.rows[stage] {
		for _, key := range s.keys(l, stage, row) {
			i, ok := at[key]
			if !ok {
				i = len(parts)
				at[key] = i
				parts = append(parts, nil)
			}
			parts[i] = append(parts[i], row)
		}
	}
	return parts
}

// tangled returns the stages that keep a piece from being a tree: those in a
// knot, or else those that are left on a cycle when leaves are taken away.
func (s *state) tangled(p *piece) []int {
	if len(p.knots) > 0 {
		return p.knots[0]
	}
	left := slices.Clone(p.stages)
	for {
		inner := slices.DeleteFunc(slices.Clone(left), func(i int) bool { return degree(p, left, i) < 2 })
		if len(inner) == len(left) {
			return left
		}
		left = inner
	}
}

// degree counts the bonds of a stage to others of those given.
func degree(p *piece, among []int, stage int) int {
	n := 0
	for _, b := range p.bonds {
		if slices.Contains(b.stages[:], stage) && slices.Contains(among, b.stages[0]) && slices.Contains(among, b.stages[1]) {
			n++
		}
	}
	return n
}
