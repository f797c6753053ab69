package rules

import (
	"slices"
	"strings"
)

// readAbsent reads what absent = true means for a stage, and refuses what has
// no meaning with it.
func (c *compiler) readAbsent(s *stage, at []string, i int, spec stageSpec) {
	s.absent = spec.Absent
	if !s.absent {
		return
	}
	key := func(name string) []string { return append(at[:len(at):len(at)], name) }
	if c.above(i) == "" {
		c.problem(key("absent"), "an absent stage needs a stage above it that is not absent: its rows are missed after some row")
	}
	if spec.Pick != "" {
		c.problem(key("pick"), "an absent stage has no row to pick; remove pick")
	}
	if spec.Summarize != nil {
		c.problem(key("summarize"), "an absent stage cannot summarize yet; write the condition on its events into the query")
	}
	below := c.spec.Stages[i+1:]
	next := slices.IndexFunc(below, func(s stageSpec) bool { return !s.Absent })
	s.between = next >= 0 && below[next].After == nil
}

// checkAbsent refuses absent stages whose rows would count however late, so
// that no chain could ever be judged, or however early, so that what a run
// finds would depend on how far it looks.
func (c *compiler) checkAbsent() {
	windowed := slices.ContainsFunc(c.stages, func(s *stage) bool { return s.group != nil && s.group.window == 0 })
	maxSpan, err := parseDuration(c.spec.MaxSpan)
	if windowed || maxSpan > 0 || err != nil && c.spec.MaxSpan != "" {
		return
	}
	for i, s := range c.stages {
		if !s.absent || c.above(i) == "" {
			continue
		}
		at := index([]string{"rule"}, "stage", i)
		limited := s.between
		for _, a := range s.after {
			limited = limited || a.Within > 0
		}
		if !limited {
			c.problem(append(at, "absent"), "nothing says until when stage %s is waited for; add within to it, maxspan to the rule, or a stage below that comes after", s.id)
		}
		if len(s.after) == 0 {
			c.problem(append(at, "after"), "nothing says since when stage %s must be absent; remove after = [], or add maxspan to the rule", s.id)
		}
	}
}

// namesAbsent returns the id of the absent stage that a name, ID or ID.COLUMN,
// speaks of; "" if it speaks of none.
func (c *compiler) namesAbsent(name string) string {
	id, _, _ := strings.Cut(name, ".")
	if i := c.stageIndex(id); i >= 0 && c.stages[i].absent {
		return id
	}
	return ""
}

// noRow is what is wrong with naming an absent stage.
const noRow = "stage %s is absent: there is no row of it to name"
