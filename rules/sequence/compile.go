package sequence

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq/eql"
)

// The names of a row's own times.
const (
	firstColumn = "first"
	lastColumn  = "last"
)

// Compile checks a spec and returns the pattern that runs. The error joins an
// [*Error] for every problem of the spec.
func Compile(spec Spec) (*Pattern, error) {
	c := &compiler{spec: spec, pattern: &Pattern{maxSpan: unlimited}, ids: map[string]int{}}
	c.declare()
	for i := range spec.Stages {
		c.absent(i)
		c.after(i)
		c.join(i)
	}
	c.span()
	c.keys()
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	c.pattern.markImplied()
	return c.pattern, nil
}

type compiler struct {
	spec     Spec
	pattern  *Pattern
	ids      map[string]int
	problems []error
}

func (c *compiler) report(e *Error) { c.problems = append(c.problems, e) }

// declare takes in the stages' IDs and columns.
func (c *compiler) declare() {
	for i, s := range c.spec.Stages {
		c.pattern.stages = append(c.pattern.stages, stage{id: s.ID, columns: slices.Clone(s.Columns), pick: s.Pick, absent: s.Absent})
		if s.ID == "" || strings.Contains(s.ID, ".") {
			c.report(&Error{Stage: s.ID, Problem: BadName, Name: s.ID})
		}
		if _, ok := c.ids[s.ID]; ok {
			c.report(&Error{Stage: s.ID, Problem: Duplicate, Name: s.ID})
		} else {
			c.ids[s.ID] = i
		}
		if s.Pick > PickLast {
			c.report(&Error{Stage: s.ID, Problem: BadPick})
		}
		seen := map[string]bool{}
		for _, column := range s.Columns {
			if seen[column] {
				c.report(&Error{Stage: s.ID, Problem: Duplicate, Name: column})
			}
			seen[column] = true
		}
	}
}

func (c *compiler) after(stage int) {
	s := c.spec.Stages[stage]
	seen := map[string]bool{}
	for i, a := range s.After {
		bad := func(p Problem, name, nearest string) {
			c.report(&Error{Stage: s.ID, Part: PartAfter, Index: i, Problem: p, Name: name, Nearest: nearest})
		}
		other, known := c.ids[a.Stage]
		switch {
		case !known:
			bad(UnknownStage, a.Stage, eql.Nearest(a.Stage, c.earlier(stage)))
		case other == stage:
			bad(NamesItself, a.Stage, "")
		case other > stage:
			bad(NamesLater, a.Stage, "")
		case c.spec.Stages[other].Absent:
			bad(NamesAbsent, a.Stage, "")
		case seen[a.Stage]:
			bad(Duplicate, a.Stage, "")
		case a.Within < 0:
			bad(BadDuration, a.Within.String(), "")
		default:
			c.order(stage, bound{from: other, to: stage, limit: limit(a.Within)})
		}
		seen[a.Stage] = true
	}
}

// order takes in an order that a stage states.
func (c *compiler) order(stage int, b bound) {
	orders := &c.pattern.orders
	if c.spec.Stages[stage].Absent {
		orders = &c.pattern.stages[stage].orders
	}
	*orders = append(*orders, b)
}

// absent checks and takes in what only an absent stage has.
func (c *compiler) absent(stage int) {
	s := c.spec.Stages[stage]
	present := func(s Stage) bool { return !s.Absent }
	bad := func(p Problem) { c.report(&Error{Stage: s.ID, Problem: p}) }
	if s.Absent && !slices.ContainsFunc(c.spec.Stages[:stage], present) {
		bad(NothingAbove)
	}
	if s.Absent && s.Pick != PickAll {
		bad(AbsentPicks)
	}
	if !s.Between {
		return
	}
	next := slices.IndexFunc(c.spec.Stages[stage:], present)
	if next <= 0 { // none, or the stage itself is not absent
		bad(NotBetween)
		return
	}
	c.order(stage, bound{from: stage, to: stage + next, limit: unlimited})
}

// limit turns a duration, of which 0 means none, into a limit.
func limit(d time.Duration) int64 {
	if d == 0 {
		return unlimited
	}
	return d.Milliseconds()
}

func (c *compiler) span() {
	if c.spec.MaxSpan < 0 {
		c.report(&Error{Part: PartMaxSpan, Problem: BadDuration, Name: c.spec.MaxSpan.String()})
	}
	c.pattern.maxSpan = limit(c.spec.MaxSpan)
}

func (c *compiler) keys() {
	for i, k := range c.spec.By {
		stage, ok := c.ids[k.Stage]
		if !ok {
			c.report(&Error{Part: PartBy, Index: i, Problem: UnknownStage, Name: k.Stage,
				Nearest: eql.Nearest(k.Stage, c.earlier(len(c.spec.Stages)))})
			continue
		}
		if c.spec.Stages[stage].Absent {
			c.report(&Error{Part: PartBy, Index: i, Problem: NamesAbsent, Name: k.Stage})
			continue
		}
		column := wholeRow
		if k.Column != "" {
			if column, ok = c.column(stage, k.Column); !ok {
				c.report(&Error{Part: PartBy, Index: i, Problem: UnknownColumn, Name: k.Column,
					Nearest: eql.Nearest(k.Column, c.spec.Stages[stage].Columns)})
			}
		}
		c.pattern.by = append(c.pattern.by, part{slot{stage, column}, k.Fold})
	}
}

// earlier returns the IDs of the stages before the given one that can be named.
func (c *compiler) earlier(stage int) []string {
	ids := make([]string, 0, stage)
	for _, s := range c.spec.Stages[:stage] {
		if !s.Absent {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// column finds a column of a stage, one of the row's own times included.
func (c *compiler) column(stage int, name string) (int, bool) {
	columns := c.spec.Stages[stage].Columns
	if i := slices.Index(columns, name); i >= 0 {
		return i, true
	}
	switch name {
	case firstColumn:
		return len(columns), true
	case lastColumn:
		return len(columns) + 1, true
	}
	return 0, false
}

// join compiles the conjuncts of a stage's join.
func (c *compiler) join(stage int) {
	join := c.spec.Stages[stage].Join
	if join == nil || !c.namesResolve(stage, join) {
		return
	}
	for _, e := range eql.Conjuncts(join) {
		cond, err := c.condition(stage, e)
		if err != nil {
			c.report(&Error{Stage: c.spec.Stages[stage].ID, Part: PartJoin, Span: e.Span(), Problem: BadExpression, Err: err})
			continue
		}
		c.pattern.conditions = append(c.pattern.conditions, cond)
	}
}

func (c *compiler) namesResolve(stage int, join eql.Expr) bool {
	ok := true
	for _, ref := range eql.Refs(join) {
		if _, problem := c.resolve(stage, ref); problem != nil {
			c.report(problem)
			ok = false
		}
	}
	return ok
}

// resolve finds the column that a name in the join of a stage means.
func (c *compiler) resolve(stage int, ref eql.Ref) (slot, *Error) {
	own := c.spec.Stages[stage]
	problem := func(p Problem, name, nearest string) (slot, *Error) {
		return slot{}, &Error{Stage: own.ID, Part: PartJoin, Span: ref.Span, Problem: p, Name: name, Nearest: nearest}
	}
	if ref.Func != "" {
		return problem(BadFunction, ref.Func, "")
	}
	id, rest, dotted := strings.Cut(ref.Name, ".")
	other, isStage := c.ids[id]
	if dotted && isStage && other < stage {
		if c.spec.Stages[other].Absent {
			return problem(NamesAbsent, ref.Name, "")
		}
		if column, ok := c.column(other, rest); ok {
			return slot{other, column}, nil
		}
		return problem(UnknownColumn, ref.Name, prefixed(id, eql.Nearest(rest, c.spec.Stages[other].Columns)))
	}
	if column, ok := c.column(stage, ref.Name); ok {
		return slot{stage, column}, nil
	}
	switch {
	case isStage && other == stage:
		return problem(NamesItself, ref.Name, "")
	case isStage && other > stage:
		return problem(NamesLater, ref.Name, "")
	}
	return problem(UnknownColumn, ref.Name, eql.Nearest(ref.Name, c.visible(stage)))
}

func prefixed(id, column string) string {
	if column == "" {
		return ""
	}
	return id + "." + column
}

// visible returns every name that a stage's join can use.
func (c *compiler) visible(stage int) []string {
	names := slices.Clone(c.spec.Stages[stage].Columns)
	for _, s := range c.spec.Stages[:stage] {
		for _, column := range s.Columns {
			if !s.Absent {
				names = append(names, s.ID+"."+column)
			}
		}
	}
	return names
}

// condition compiles one conjunct, whose names are known to resolve.
func (c *compiler) condition(stage int, e eql.Expr) (*condition, error) {
	program, err := c.program(stage, e)
	if err != nil {
		return nil, err
	}
	cond := &condition{of: stage, program: program, columns: c.columns(stage, e)}
	for _, s := range cond.columns {
		cond.stages = append(cond.stages, s.stage)
	}
	if c.spec.Stages[stage].Absent { // whatever it mentions, it is about which rows count
		cond.stages = append(cond.stages, stage)
		slices.Sort(cond.stages)
	}
	cond.stages = slices.Compact(cond.stages)
	cond.equal, err = c.equality(stage, e)
	return cond, err
}

func (c *compiler) program(stage int, e eql.Expr) (*eql.Program, error) {
	return eql.Compile(e, func(ref eql.Ref) (int, error) {
		s, problem := c.resolve(stage, ref)
		if problem != nil {
			return 0, problem
		}
		return c.slot(s), nil
	})
}

// slot returns the slot number of a column.
func (c *compiler) slot(s slot) int {
	if i := slices.Index(c.pattern.slots, s); i >= 0 {
		return i
	}
	c.pattern.slots = append(c.pattern.slots, s)
	return len(c.pattern.slots) - 1
}

// columns returns the columns that an expression mentions, ascending.
func (c *compiler) columns(stage int, e eql.Expr) []slot {
	var all []slot
	for _, ref := range eql.Refs(e) {
		if s, problem := c.resolve(stage, ref); problem == nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b slot) int {
		return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.column, b.column))
	})
	return slices.Compact(all)
}

// equality returns e as an equality between two stages, or nil if it is none.
func (c *compiler) equality(stage int, e eql.Expr) (*equality, error) {
	eq, ok := eql.AsEquality(e)
	if !ok {
		return nil, nil
	}
	left, okLeft, err := c.side(stage, eq.Left)
	if err != nil || !okLeft {
		return nil, err
	}
	right, okRight, err := c.side(stage, eq.Right)
	if err != nil || !okRight || left.stage == right.stage {
		return nil, err
	}
	if left.stage > right.stage {
		left, right = right, left
	}
	return &equality{sides: [2]side{left, right}, fold: eq.Fold}, nil
}

// side compiles one side of an equality; ok is false if it does not mention
// exactly one stage.
func (c *compiler) side(stage int, e eql.Expr) (s side, ok bool, err error) {
	columns := c.columns(stage, e)
	if len(columns) == 0 || columns[0].stage != columns[len(columns)-1].stage {
		return side{}, false, nil
	}
	s = side{stage: columns[0].stage, column: noColumn}
	if _, plain := e.(*eql.Column); plain {
		s.column = columns[0].column
	}
	s.program, err = c.program(stage, e)
	return s, err == nil, err
}
