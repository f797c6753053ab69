package rules

import (
	"slices"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// compileMatchers compiles, for a column that a matched(...) names, the parts
// of the stage's query that speak of it. The joins' part is the stitcher's.
func (s *stage) compileMatchers(column string) error {
	if s.cond == nil || s.group != nil || s.matchers[column] != nil {
		return nil
	}
	programs := []*eql.Program{}
	for _, conjunct := range eql.Conjuncts(s.cond) {
		mentions := func(ref eql.Ref) bool { return ref.Func == "" && ref.Name == column }
		if !slices.ContainsFunc(eql.Refs(conjunct), mentions) {
			continue
		}
		p, err := eql.Compile(conjunct, func(ref eql.Ref) (int, error) {
			if ref.Func == "all" {
				return slices.Index(s.sets, ref), nil
			}
			return slices.Index(s.columns, ref.Name), nil
		})
		if err != nil {
			return err
		}
		programs = append(programs, p)
	}
	if s.matchers == nil {
		s.matchers = map[string][]*eql.Program{}
	}
	s.matchers[column] = programs
	return nil
}

// oneValue is an event of which a column has one of its values only.
type oneValue struct {
	eventEnv
	column int
	value  []esq.Value
}

// Values returns the values of a column.
func (o oneValue) Values(slot int) []esq.Value {
	if slot == o.column {
		return o.value
	}
	return o.eventEnv.Values(slot)
}

// queried keeps the values for which, in some event behind the match, the
// stage's query holds with that value alone.
func (e *evaluation) queried(values []esq.Value, stage, column int, rows []*row) []esq.Value {
	s := e.stages[stage]
	programs := s.matchers[s.row[column]]
	if len(programs) == 0 {
		return values
	}
	satisfies := func(v esq.Value) bool {
		return slices.ContainsFunc(rows, func(r *row) bool {
			if !slices.Contains(r.values[column], v) {
				return false
			}
			env := oneValue{eventEnv{r.events[0], e.sets[stage]}, column, []esq.Value{v}}
			return !slices.ContainsFunc(programs, func(p *eql.Program) bool { return !p.Holds(env) })
		})
	}
	return slices.DeleteFunc(slices.Clone(values), func(v esq.Value) bool { return !satisfies(v) })
}
