package sequence

import (
	"math"
	"slices"
	"sort"
)

// end bounds how late a row of an absent stage can begin and still go with a
// chain: so long after a time of the chain's row of some stage.
type end struct {
	stage int
	last  bool // after the row's Last, not its First
	later int64
}

func (e end) of(r *Row) int64 {
	if e.last {
		return plus(r.Last, e.later)
	}
	return plus(r.First, e.later)
}

// endsOf returns all ends of an absent stage. The least of them is the deadline
// of a chain, as far as the stage is concerned.
func (p *Pattern) endsOf(absent int) []end {
	var ends []end
	for _, o := range p.stages[absent].orders {
		switch {
		case o.from == absent:
			ends = append(ends, end{stage: o.to})
		case o.limit != unlimited:
			ends = append(ends, end{o.from, true, o.limit})
		}
	}
	if p.maxSpan == unlimited {
		return ends
	}
	for _, i := range p.stagesThat(false, len(p.stages)) {
		isFirst := !slices.ContainsFunc(p.orders, func(o bound) bool { return o.to == i })
		if isFirst { // a chain begins with one of these
			ends = append(ends, end{stage: i, later: p.maxSpan})
		}
	}
	return ends
}

// until leaves, of a solved state, the chains whose deadline is not after the
// given time, and reports whether there are any.
//
// Of every absent stage some end must have come. Ends are times of one row
// each, so for a choice of them this only filters rows.
func (s *state) until(time int64) bool {
	choices := [][]end{nil}
	for _, stage := range s.absent {
		ends := s.endings[stage]
		if time == math.MaxInt64 || slices.ContainsFunc(ends, func(e end) bool { return s.come(e, time) }) {
			continue
		}
		var longer [][]end
		for _, choice := range choices {
			for _, e := range ends {
				longer = append(longer, append(slices.Clip(choice), e))
			}
		}
		choices = longer
	}
	if len(choices) == 1 && len(choices[0]) == 0 {
		return true
	}
	union := newUnion(s, s.present)
	for _, choice := range choices {
		sub := s.clone()
		sub.filterEnds(choice, func(end int64) bool { return end <= time })
		if sub.solve(sub.present) {
			union.add(sub)
		}
	}
	return union.finish(s)
}

// come reports whether an end is not after the given time whatever the chain.
func (s *state) come(e end, time int64) bool {
	rows := s.tables[e.stage].rows
	return !slices.ContainsFunc(s.rows[e.stage], func(row int32) bool { return e.of(&rows[row]) > time })
}

// filterEnds leaves the rows whose ends are accepted.
func (s *state) filterEnds(ends []end, accept func(end int64) bool) {
	for _, e := range ends {
		rows := s.tables[e.stage].rows
		s.rows[e.stage] = s.rows[e.stage].filter(func(row int32) bool { return accept(e.of(&rows[row])) })
	}
}

// beyond returns what until throws out of a solved state: the chains whose
// deadline is after the given time, and the earliest of these deadlines. ok is
// false if there are none.
func (s *state) beyond(time int64) (left *state, deadline int64, ok bool) {
	if time == math.MaxInt64 || len(s.absent) == 0 {
		return nil, 0, false
	}
	left, deadline = s.clone(), math.MaxInt64
	union := newUnion(s, s.present)
	for _, stage := range s.absent {
		sub := s.clone()
		sub.filterEnds(s.endings[stage], func(end int64) bool { return end > time })
		if sub.solve(sub.present) {
			union.add(sub)
			deadline = min(deadline, sub.earliest())
		}
	}
	return left, deadline, union.finish(left)
}

// earliest returns the earliest deadline of the chains of a solved state.
func (s *state) earliest() int64 {
	var times []int64
	for _, stage := range s.absent {
		for _, e := range s.endings[stage] {
			for _, row := range s.rows[e.stage] {
				times = append(times, e.of(&s.tables[e.stage].rows[row]))
			}
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	i := sort.Search(len(times), func(i int) bool { return s.clone().until(times[i]) })
	if i == len(times) {
		return math.MaxInt64
	}
	return times[i]
}
