package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/sequence"
)

// stage is one step of a rule, ready to run.
type stage struct {
	id      string
	sources []*source
	view    *view // nil where the stage names its indices itself

	cond    eql.Expr // nil: every event
	accept  *eql.Program
	sets    []eql.Ref // the all(...) of cond, by set slot
	columns []string  // of an event, what is fetched
	reads   []string  // of them, those that decide which chains there are
	// matchers are the parts of cond that speak of a column, for matched(...).
	matchers map[string][]*eql.Program
	sieves   map[*source][]*eql.Program // the parts of cond that an event without its parts decides

	exceptions []kept

	group *grouping // nil: every event is a row
	// row are the columns of a row: those of the event, or by and the aggregates.
	row []string

	join  eql.Expr
	after []sequence.After
	pick  sequence.Pick

	absent  bool // no such row may exist
	between bool // and only rows before the next stage's row count
}

// need adds a column to what is fetched of an event.
func (s *stage) need(column string) {
	if !slices.Contains(s.columns, column) {
		s.columns = append(s.columns, column)
	}
}

// rowColumn makes sure that a row of s has the column and reports whether it
// can: a group has only what it was grouped by and its aggregates.
func (s *stage) rowColumn(column string) bool {
	if s.group != nil {
		return slices.Contains(s.row, column)
	}
	s.need(column)
	return true
}

// knows reports whether the rule or the view says that s has the column, and
// not merely that a field of that name might be there.
func (s *stage) knows(column string) bool { return slices.Contains(s.rowColumns(), column) }

// compileStage reads what one [[rule.stage]] says. Joins are bound later, when
// all stages are known.
func (c *compiler) compileStage(i int, spec stageSpec) *stage {
	at := index([]string{"rule"}, "stage", i)
	key := func(name string) []string { return append(at[:len(at):len(at)], name) }
	s := &stage{id: spec.ID}
	switch {
	case s.id == "":
		c.problem(at, "stage %d has no id; add id = \"...\"", i+1)
	case !identifier.MatchString(s.id):
		c.problem(key("id"), "stage id %q must be letters, digits and _, so that joins can name it", s.id)
	case c.stageIndex(s.id) >= 0:
		c.problem(key("id"), "a second stage %q; give each its own id", s.id)
	}
	c.readAbsent(s, at, i, spec)
	c.readEvents(s, key("query"), spec)
	if spec.Summarize != nil {
		c.readGrouping(s, key("summarize"), spec.Summarize)
	} else {
		s.need(timeColumn)
	}
	if spec.Join != "" {
		join, err := eql.ParseExpr(spec.Join)
		if err != nil {
			c.languageError(key("join"), err)
		}
		s.join = join
	}
	switch spec.Pick {
	case "":
	case "first":
		s.pick = sequence.PickFirst
	case "last":
		s.pick = sequence.PickLast
	default:
		c.problem(key("pick"), "pick must be \"first\" or \"last\", not %q", spec.Pick)
	}
	s.after = c.readAfter(at, i, spec)
	return s
}

// readEvents binds a stage's query to the view or the indices it names.
func (c *compiler) readEvents(s *stage, path []string, spec stageSpec) {
	if spec.Query == "" {
		c.problem(path[:len(path)-1], "stage %s has no query; add query = 'VIEW where CONDITION'", s.id)
		return
	}
	event, err := eql.ParseEvent(spec.Query)
	if err != nil {
		c.languageError(path, err)
		return
	}
	s.cond = event.Cond
	patterns := spec.Index
	if len(patterns) == 0 && c.views[event.Category] == nil {
		patterns = c.spec.Index
	}
	if len(patterns) > 0 {
		c.checkIndex(append(path[:len(path)-1:len(path)-1], "index"), patterns)
		src := direct(patterns)
		if event.Category != "any" { // EQL's event category
			src.filter = esq.Term{Field: "event.category", Value: esq.Str(event.Category)}
			src.fields = []string{"event.category"}
		}
		s.sources = []*source{src}
		s.columns = slices.Clone(entityColumns)
	} else if v := c.views[event.Category]; v != nil {
		s.view, s.sources = v, v.sources
		s.columns = slices.Clone(v.declared)
	} else {
		known := sortedKeys(c.views)
		c.problemAt(c.lines.textLine(path, event.CategorySpan.Start.Line),
			"unknown view %q%s; there are %s (or name the stage's index)", event.Category, didYouMean(event.Category, known), strings.Join(known, ", "))
		return
	}
	for _, ref := range eql.Refs(s.cond) {
		if ref.Func == "" {
			c.checkColumn(s, path, ref)
			s.need(ref.Name)
		}
	}
	if s.accept, err = s.compile(s.cond); err == nil {
		err = s.compileSieves()
	}
	if err != nil {
		c.languageError(path, err)
	}
}

// compile compiles the stage's condition, or a part of it.
func (s *stage) compile(cond eql.Expr) (*eql.Program, error) {
	return eql.Compile(cond, func(ref eql.Ref) (int, error) {
		switch ref.Func {
		case "":
			return slices.Index(s.columns, ref.Name), nil
		case "all":
			if !slices.Contains(s.sets, ref) {
				s.sets = append(s.sets, ref)
			}
			return slices.Index(s.sets, ref), nil
		}
		return 0, fmt.Errorf("%s() has no meaning in a query", ref.Func)
	})
}

// above is the id of the stage above that is not absent; "" if there is none.
func (c *compiler) above(i int) string {
	for _, s := range slices.Backward(c.spec.Stages[:i]) {
		if !s.Absent {
			return s.ID
		}
	}
	return ""
}

// readAfter resolves after and within; without either a stage comes after the
// one above it that is not absent.
func (c *compiler) readAfter(at []string, i int, spec stageSpec) []sequence.After {
	path := append(at[:len(at):len(at)], "after")
	var after []sequence.After
	switch v := spec.After.(type) {
	case nil:
		if above := c.above(i); above != "" {
			after = []sequence.After{{Stage: above}}
		}
	case string:
		after = []sequence.After{{Stage: v}}
	case []any:
		for _, x := range v {
			id, ok := x.(string)
			if !ok {
				c.problem(path, "after must list stage ids, not %s", kindOf(x))
			}
			after = append(after, sequence.After{Stage: id})
		}
	case map[string]any:
		for _, id := range sortedKeys(v) {
			text, _ := v[id].(string)
			gap, err := parseDuration(text)
			if err != nil {
				c.problem(path, "after.%s: %v", id, err)
			}
			after = append(after, sequence.After{Stage: id, Within: gap})
		}
	default:
		c.problem(path, "after must be a stage id, a list of ids or a table of ids and longest gaps, not %s", kindOf(v))
	}
	if spec.Within != "" {
		c.bound(append(at[:len(at):len(at)], "within"), i, spec.Within, after)
	}
	return after
}

// bound limits the hop from the stage before.
func (c *compiler) bound(path []string, i int, text string, after []sequence.After) {
	gap, err := parseDuration(text)
	if err != nil {
		c.problem(path, "within: %v", err)
		return
	}
	for k := range after {
		if after[k].Stage == c.above(i) {
			after[k].Within = gap
			return
		}
	}
	c.problem(path, "within bounds the hop from the stage above, which this stage does not come after; write after = {STAGE = %q} instead", text)
}
