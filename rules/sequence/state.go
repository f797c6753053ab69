package sequence

import "slices"

// state is how far a problem is solved: the rows of each stage that may still
// stand in a chain, and what has been applied to them. A stage is settled when
// one row is left, open while there are more.
type state struct {
	*problem
	rows    []domain
	applied []bool // per stage: it is settled and its partners are filtered by it
	picked  []bool // per stage: its pick is applied
	tested  []bool // per wide test: it is applied
	judged  []bool // per absent stage: the chains it drops are gone
	support support
}

func newState(q *problem) *state {
	return &state{
		problem: q,
		rows:    slices.Clone(q.whole),
		applied: make([]bool, q.n),
		picked:  make([]bool, q.n),
		tested:  make([]bool, len(q.all.wide)),
		judged:  make([]bool, q.n),
		support: q.support.clone(),
	}
}

func (s *state) clone() *state {
	return &state{
		problem: s.problem,
		rows:    slices.Clone(s.rows),
		applied: slices.Clone(s.applied),
		picked:  slices.Clone(s.picked),
		tested:  slices.Clone(s.tested),
		judged:  slices.Clone(s.judged),
		support: s.support.clone(),
	}
}

func (s *state) settled(stage int) bool { return len(s.rows[stage]) == 1 }

func (s *state) open(stage int) bool { return len(s.rows[stage]) > 1 }

// stand puts the rows of the settled stages among the given ones into the
// environment of the tests.
func (s *state) stand(stages []int) {
	for _, i := range stages {
		if s.settled(i) {
			s.env.at[i] = s.rows[i][0]
		}
	}
}

// narrow filters a stage by its link to another one. It goes over the rows of
// the stage or over those the other one leads to, whichever are fewer.
func (s *state) narrow(l *link, stage int) {
	other := l.other(stage)
	rows, partners := s.rows[stage], s.rows[other]
	if len(rows) == 0 || l.empty() || s.support.has(stage, other, rows, partners) {
		return
	}
	before := rows
	if l.fewer(s.problem, partners, rows) {
		if found, ok := s.reachable(s.wholeIndex(l, stage), partners, len(rows)); ok {
			if len(rows) < len(s.whole[stage]) {
				found = found.filter(rows.has)
			}
			rows = found
		}
	}
	var mutual bool
	s.rows[stage], mutual = s.semijoin(l, stage, rows, partners, nil)
	s.support.note(stage, other, before, s.rows[stage], partners, mutual)
}

// fewer reports whether partners are so few that to go through what they lead to
// is less than to go through the rows.
func (l *link) fewer(q *problem, partners, rows domain) bool {
	if q.sweeps(l) {
		return 16*len(partners) < len(rows)
	}
	return len(partners) < len(rows)
}

// spread filters the given stages by one of them, the nearest first. It
// reports whether rows are left everywhere.
func (s *state) spread(from int, stages []int) bool {
	seen := make([]bool, s.n)
	seen[from] = true
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		for _, t := range stages {
			l := s.all.links[queue[0]][t]
			if seen[t] || l.empty() {
				continue
			}
			s.narrow(l, t)
			if len(s.rows[t]) == 0 {
				return false
			}
			seen[t] = true
			queue = append(queue, t)
		}
	}
	return true
}

// settle applies the settled stages among the given ones to the others, and
// every test, pick and absent stage that depends on no more than one open stage.
// It reports whether rows are left everywhere.
func (s *state) settle(stages []int) bool {
	for again := true; again; {
		again = false
		for _, u := range stages {
			if len(s.rows[u]) == 0 {
				return false
			}
			if s.settled(u) && !s.applied[u] {
				s.applied[u] = true
				s.apply(u, stages)
				again = true
			}
		}
		again = s.settleTests() || again
		again = s.settlePicks() || again
		again = s.settleAbsent() || again
	}
	return !s.anyEmpty(s.present)
}

// anyEmpty reports whether some of the stages has no row left.
func (s *state) anyEmpty(stages []int) bool {
	return slices.ContainsFunc(stages, func(i int) bool { return len(s.rows[i]) == 0 })
}

// apply filters the other stages by a settled one.
func (s *state) apply(settled int, stages []int) {
	for _, t := range stages {
		if t != settled && !s.applied[t] {
			s.narrow(s.all.links[settled][t], t)
		}
	}
}

// settleTests applies the wide tests with at most one open stage. It reports
// whether it applied any.
func (s *state) settleTests() bool {
	any := false
	for i, t := range s.all.wide {
		open := s.openOf(t.stages)
		if s.tested[i] || len(open) > 1 {
			continue
		}
		s.tested[i], any = true, true
		on := t.stages[0]
		if len(open) == 1 {
			on = open[0]
		}
		s.stand(t.stages)
		s.rows[on] = s.rows[on].filter(func(row int32) bool {
			s.env.at[on] = row
			return s.holds(t)
		})
	}
	return any
}

// openOf returns which of the stages are open.
func (s *state) openOf(stages []int) []int {
	var open []int
	for _, i := range stages {
		if s.open(i) {
			open = append(open, i)
		}
	}
	return open
}
