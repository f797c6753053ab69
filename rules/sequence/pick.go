package sequence

import (
	"slices"
)

// contest is a stage that picks: which rows there are to pick from, given the
// settled stages, and which open stages the choice depends on. An absent stage
// has one too: which of its rows may count, and which open stages decide.
type contest struct {
	stage  int
	rivals domain
	open   []int // other stages, ascending
	reduce bool  // rivals are fewer than problem.rivals
}

// contest returns the contest of a stage.
func (s *state) contest(stage int) contest {
	c := contest{stage: stage, rivals: s.rivals[stage]}
	for _, t := range s.present {
		if l := s.own.links[stage][t]; t != stage && s.settled(t) && !l.empty() {
			c.rivals = s.narrowRivals(l, c)
		}
	}
	for _, t := range s.wideOf(stage) {
		c.rivals = s.testRivals(t, c)
	}
	c.reduce = len(c.rivals) < len(s.rivals[stage])
	for _, t := range s.present {
		if t != stage && s.open(t) && s.dependsOn(c, t) {
			c.open = append(c.open, t)
		}
	}
	return c
}

// narrowRivals filters the rivals by a settled stage.
func (s *state) narrowRivals(l *link, c contest) domain {
	partners := s.rows[l.other(c.stage)]
	rivals := c.rivals
	if found, ok := s.reachable(s.rivalIndex(l, c.stage), partners, len(rivals)); ok {
		rivals = found.filter(rivals.has)
	}
	rivals, _ = s.semijoin(l, c.stage, rivals, partners, nil)
	return rivals
}

// testRivals filters the rivals by a wide test whose other stages are settled.
func (s *state) testRivals(t *test, c contest) domain {
	if !slices.Contains(t.stages, c.stage) {
		return c.rivals
	}
	for _, i := range t.stages {
		if i != c.stage && s.open(i) {
			return c.rivals
		}
	}
	s.stand(t.stages)
	return c.rivals.filter(func(row int32) bool {
		s.env.at[c.stage] = row
		return s.holds(t)
	})
}

// dependsOn reports whether the row that is picked depends on which of the rows
// of an open stage the chain has.
func (s *state) dependsOn(c contest, stage int) bool {
	l := s.own.links[c.stage][stage]
	a, b := c.rivals, s.rows[stage]
	if l.stages[0] == stage {
		a, b = b, a
	}
	if !s.vacuous(l, a, b) {
		return true
	}
	return len(s.testsOf(c.stage, stage)) > 0
}

// settlePicks applies the picks whose outcome or whose effect concerns no more
// than one stage that is still open. It reports whether it applied any.
func (s *state) settlePicks() bool {
	any := false
	for stage := range s.n {
		if s.pattern.stages[stage].pick == PickAll || s.picked[stage] || len(s.rows[stage]) == 0 {
			continue
		}
		c := s.contest(stage)
		switch {
		case len(c.open) == 0:
			best := s.bestOf(stage, c.rivals)
			s.rows[stage] = s.rows[stage].filter(func(row int32) bool {
				return slices.Contains(best, s.tables[stage].representative(row))
			})
		case len(c.open) == 1 && s.settled(stage):
			s.settlePartner(c)
		default:
			continue
		}
		s.picked[stage], any = true, true
	}
	return any
}

// settlePartner leaves those rows of the one open stage for which the row of
// the settled one is picked.
func (s *state) settlePartner(c contest) {
	partner := c.open[0]
	row := s.tables[c.stage].representative(s.rows[c.stage][0])
	choose := s.chooser(c, partner)
	s.rows[partner] = s.rows[partner].filter(func(p int32) bool {
		return slices.Contains(choose(p), row)
	})
}

// podium collects the best rows of a stage.
type podium struct {
	table *table
	last  bool // the latest are the best, not the earliest
	rows  []int32
}

func (s *state) podium(stage int) *podium {
	return &podium{table: s.tables[stage], last: s.pattern.stages[stage].pick == PickLast}
}

// compare returns a positive number if a is better than b, 0 if they tie.
func (p *podium) compare(a, b int32) int {
	if p.last {
		return compareEnds(&p.table.rows[a], &p.table.rows[b])
	}
	return compareRows(&p.table.rows[b], &p.table.rows[a])
}

func (p *podium) add(row int32) {
	if len(p.rows) > 0 {
		c := p.compare(row, p.rows[0])
		if c < 0 || c == 0 && slices.Contains(p.rows, row) {
			return
		}
		if c > 0 {
			p.rows = nil
		}
	}
	p.rows = append(p.rows, row)
}

// chooser returns the function from a row of the one open stage that a contest
// depends on to the rows that are picked.
func (s *state) chooser(c contest, partner int) func(row int32) []int32 {
	l := s.own.links[c.stage][partner]
	tests := s.testsOf(c.stage, partner)
	x := s.pickIndex(l, c, tests)
	return s.onceEach(partner, func(row int32) []int32 {
		for _, t := range tests {
			s.stand(t.stages)
		}
		s.env.at[partner] = row
		best := s.podium(c.stage)
		b := l.box(partner, &s.tables[partner].rows[row])
		for _, key := range s.keys(l, partner, row) {
			for line := x.first(key); line != nil; line = x.after(line) {
				s.cost.pairs++
				if from, to := x.times.run(line, b); from < to && s.accepts(x, line) {
					s.cost.rows += best.gain(x.times.rows[from:to], b)
				}
			}
		}
		return best.rows
	})
}

// onceEach makes a function of a stage's rows one that is asked once for rows
// that stand for the same.
func (s *state) onceEach(stage int, f func(row int32) []int32) func(row int32) []int32 {
	t := s.tables[stage]
	if t.twin == nil {
		return f
	}
	once := memoized(f)
	return func(row int32) []int32 { return once(t.representative(row)) }
}

// wideOf returns the tests over three stages or more that decide which rows of
// a contest's stage are rivals.
func (s *state) wideOf(stage int) []*test {
	if s.pattern.stages[stage].absent {
		return s.own.apart[stage]
	}
	return s.own.wide
}

// testsOf returns the wide tests of a contest's stage that mention another one.
func (s *state) testsOf(stage, other int) []*test {
	var tests []*test
	for _, t := range s.wideOf(stage) {
		if slices.Contains(t.stages, stage) && slices.Contains(t.stages, other) {
			tests = append(tests, t)
		}
	}
	return tests
}

// pickIndex returns the index of a contest's rivals.
func (s *state) pickIndex(l *link, c contest, tests []*test) *index {
	byLast := s.pattern.stages[c.stage].pick == PickLast
	s.hash(l)
	if c.reduce || len(tests) > 0 {
		return s.newIndex(l, c.stage, c.rivals, slices.Concat(l.rest, tests), byLast)
	}
	at := &l.picked[l.side(c.stage)]
	if *at == nil {
		*at = s.newIndex(l, c.stage, c.rivals, l.rest, byLast)
	}
	return *at
}

// gain adds the best, inside a box, of rows in the order of the pick. It returns
// how many it looked at.
func (p *podium) gain(rows []int32, b box) int {
	for i, row := range rows {
		if p.last {
			row = rows[len(rows)-1-i]
		}
		if len(p.rows) > 0 && p.compare(row, p.rows[0]) < 0 {
			return i + 1
		}
		if b.has(&p.table.rows[row]) {
			p.add(row)
		}
	}
	return len(rows)
}

// bestOf returns the best of some rows of a stage.
func (s *state) bestOf(stage int, rows domain) []int32 {
	best := s.podium(stage)
	for _, row := range rows {
		best.add(row)
	}
	return best.rows
}
