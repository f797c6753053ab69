package sequence

import "math"

// cut is what an absent stage leaves of two open stages when all that it has to
// do with one of them is how their times lie: the other one's row sets a limit
// that the time of this one's must be short of. So the pairs of rows need not be
// gone through.
//
// A time that must be late rather than early is taken negative.
type cut struct {
	contest contest
	by, of  int   // by's rows set the limit for of's
	bound   bound // between the absent stage and of
	limits  map[int32]int64
}

// cut returns the cut of an absent stage that two open stages decide on.
func (s *state) cut(c contest) (*cut, bool) {
	if len(c.open) != 2 {
		return nil, false
	}
	rival := s.withRivals(c)
	for i, of := range c.open {
		by := c.open[1-i]
		bound, ok := rival.onlyBound(s.bondOfRivals(c, of))
		if !ok || !bound.span && bound.limit != unlimited || rival.limitsSpan(s.bondOfRivals(c, by)) {
			continue
		}
		return &cut{contest: c, by: by, of: of, bound: bound}, true
	}
	return nil, false
}

// withRivals returns the state with the rivals as the rows of their stage.
func (s *state) withRivals(c contest) *state {
	rival := s.clone()
	rival.rows[c.stage] = c.rivals
	return rival
}

// bondOfRivals is what binds the rivals to an open stage.
func (s *state) bondOfRivals(c contest, stage int) *bond {
	return &bond{stages: pairOf(c.stage, stage), link: s.own.links[c.stage][stage], tests: s.testsOf(c.stage, stage)}
}

func pairOf(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

// early reports whether the time of the row that is limited is its First, which
// must be early, and not its Last.
func (c *cut) early() bool { return (c.bound.from == c.contest.stage) != c.bound.span }

// time returns the time of a row that is limited.
func (c *cut) time(r *Row) int64 {
	if c.early() {
		return r.First
	}
	return -r.Last
}

// least returns from which time on a rival drops rows.
func (c *cut) least(r *Row) int64 {
	span := int64(0)
	if c.bound.span {
		span = c.bound.limit
	}
	if c.early() {
		return minus(r.Last, span)
	}
	return -plus(r.First, span)
}

// acrossCut filters a stage of a bond by its cut.
func (s *state) acrossCut(b *bond, stage int) {
	c := b.cut
	if c.limits == nil {
		c.limits = s.limits(c)
	}
	rows := s.tables[c.of].rows
	limit := func(row int32) int64 { return c.limits[row] }
	if stage == c.of {
		greatest := s.greatestPartner(b, c.by, limit)
		s.rows[stage] = s.rows[stage].filter(func(row int32) bool { return c.time(&rows[row]) < greatest(row) })
		return
	}
	greatest := s.greatestPartner(b, c.of, func(row int32) int64 { return -c.time(&rows[row]) })
	s.rows[stage] = s.rows[stage].filter(func(row int32) bool { return -limit(row) < greatest(row) })
}

// limits returns the limits that rows set: none where they go with no rival.
func (s *state) limits(c *cut) map[int32]int64 {
	rival := s.withRivals(c.contest)
	rivals := s.tables[c.contest.stage].rows
	greatest := rival.greatestPartner(s.bondOfRivals(c.contest, c.by), c.contest.stage,
		func(row int32) int64 { return -c.least(&rivals[row]) })
	limits := map[int32]int64{}
	for _, row := range s.rows[c.by] {
		if g := greatest(row); g > math.MinInt64 {
			limits[row] = -g
		} else {
			limits[row] = math.MaxInt64
		}
	}
	return limits
}
