package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq/eql"
)

// noteReads tells each stage which columns of its events decide which chains
// there are: those that its query, a join or an all(...) reads, or that an
// aggregate is made of that one of them reads.
func (c *compiler) noteReads() {
	for _, s := range c.stages {
		for _, ref := range eql.Refs(s.cond) {
			if ref.Func == "" {
				s.read(ref.Name)
			}
		}
		for _, ref := range append(eql.Refs(s.join), s.sets...) {
			id, column, _ := strings.Cut(ref.Name, ".")
			if k := c.stageIndex(id); k >= 0 {
				c.stages[k].readOfRow(column)
			} else {
				s.readOfRow(ref.Name)
			}
		}
	}
}

func (s *stage) readOfRow(column string) {
	if s.group == nil {
		s.read(column)
		return
	}
	switch i := slices.Index(s.row, column); {
	case i < 0: // first or last
	case i < len(s.group.by):
		s.read(column)
	default:
		if a := s.group.aggregates[i-len(s.group.by)]; a.column >= 0 {
			s.read(s.columns[a.column])
		}
	}
}

func (s *stage) read(column string) {
	if !slices.Contains(s.reads, column) {
		s.reads = append(s.reads, column)
	}
}

// weakness is what the sources say about the values that these events lack,
// and which values they owe to the user map.
func (s *stage) weakness(events []*event) []string {
	var notes []string
	for _, name := range s.reads {
		i := slices.Index(s.columns, name)
		for _, e := range events {
			if i < 0 || len(e.values[i]) > 0 {
				continue
			}
			if weak := e.source.column(name).weak; weak != "" {
				notes = append(notes, s.id+": "+weak)
			}
		}
	}
	for _, e := range events {
		for _, given := range e.filled {
			if slices.Contains(s.reads, given.column) {
				notes = append(notes, fmt.Sprintf("%s: %s by the user map (%s)", s.id, given.column, given.by))
			}
		}
	}
	slices.Sort(notes)
	return slices.Compact(notes)
}
