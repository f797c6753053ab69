package rules

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq/eql"
)

// maxWindow is the longest sliding window. A burst is cut if it is longer than
// this, so that no event further away than maxWindow and the window bears on it.
const maxWindow = 24 * time.Hour

// readHaving reads the condition that a group must satisfy.
func (c *compiler) readHaving(s *stage, path []string, spec map[string]any) {
	if spec["having"] == nil {
		return
	}
	at := append(path[:len(path):len(path)], "having")
	text, ok := spec["having"].(string)
	if !ok {
		c.problem(at, "having must be a condition such as 'n >= 50', not %s", kindOf(spec["having"]))
		return
	}
	cond, err := eql.ParseExpr(text)
	if err == nil {
		s.group.having, err = eql.Compile(cond, func(ref eql.Ref) (int, error) {
			if ref.Func != "" {
				return 0, fmt.Errorf("%s() has no meaning in having", ref.Func)
			}
			if i := slices.Index(s.row, ref.Name); i >= 0 {
				s.readOfRow(ref.Name)
				return i, nil
			}
			return 0, fmt.Errorf("the group has no column %q%s; add it to by or as an aggregate", ref.Name, didYouMean(ref.Name, s.row))
		})
	}
	if err != nil {
		c.languageError(at, err)
		return
	}
	growing := &growth{stage: s}
	s.group.atLeast, ok = growing.of(cond)
	if !ok && spec["window"] != nil {
		c.problem(at, "having with a window must stay true when events are added: compare count(), distinct() or dcount() with >= or >, "+
			"columns of by as you like, and join these with and, or")
	}
}

// readWindow reads the length of a sliding window.
func (c *compiler) readWindow(s *stage, path []string, spec map[string]any) {
	if spec["window"] == nil {
		return
	}
	at := append(path[:len(path):len(path)], "window")
	text, ok := spec["window"].(string)
	if !ok {
		c.problem(at, "window must be a duration such as \"1m\", not %s", kindOf(spec["window"]))
		return
	}
	window, err := parseDuration(text)
	switch {
	case err != nil:
		c.problem(at, "window: %v", err)
	case window < time.Millisecond || window > maxWindow:
		c.problem(at, "window must be from 1ms to 24h, not %s", text)
	case spec["having"] == nil:
		c.problem(at, "a window needs having, which says what must come together in it; add having = 'n >= 50' and n = \"count()\"")
	}
	s.group.window = window
}

// growth tells conditions on a group that no further event can make false, and
// how many events one takes at the least.
type growth struct{ *stage }

// of returns the least number of events for which e can hold; ok is false if
// further events could make e false.
func (g *growth) of(e eql.Expr) (atLeast int64, ok bool) {
	if !slices.ContainsFunc(eql.Refs(e), func(ref eql.Ref) bool { return g.aggregate(ref.Name) != nil }) {
		return 0, true // the by columns are the same however many events there are
	}
	b, is := e.(*eql.Binary)
	if !is {
		return 0, false
	}
	switch b.Op {
	case eql.And, eql.Or:
		left, okLeft := g.of(b.L)
		right, okRight := g.of(b.R)
		if b.Op == eql.Or {
			return min(left, right), okLeft && okRight
		}
		return max(left, right), okLeft && okRight
	case eql.Greater, eql.GreaterEqual:
		return g.exceeds(b.L, b.R, b.Op == eql.Greater)
	case eql.Less, eql.LessEqual:
		return g.exceeds(b.R, b.L, b.Op == eql.Less)
	}
	return 0, false
}

// exceeds is the condition that an aggregate is more than a bound, or as much.
func (g *growth) exceeds(what, bound eql.Expr, more bool) (atLeast int64, ok bool) {
	column, isColumn := what.(*eql.Column)
	literal, isLiteral := bound.(*eql.Literal)
	if !isColumn || !isLiteral {
		return 0, false
	}
	a := g.aggregate(column.Name)
	if a == nil || !a.grows() {
		return 0, false
	}
	n, isNumber := literal.Value.Number()
	switch {
	case !isNumber || n > math.MaxInt32 || !g.oneAtMost(a):
		return 0, true
	case more:
		return int64(math.Floor(n)) + 1, true
	}
	return int64(math.Ceil(n)), true
}

func (g *growth) aggregate(name string) *aggregate {
	aggregates := g.group.aggregates
	if i := slices.IndexFunc(aggregates, func(a aggregate) bool { return a.name == name }); i >= 0 {
		return &aggregates[i]
	}
	return nil
}

// grows says that the aggregate is a number that no event makes less.
func (a *aggregate) grows() bool {
	return a.function == "count" || a.function == "distinct" || a.function == "dcount"
}

// oneAtMost says that an event adds one to the aggregate at the most: it counts
// events, or values of a column that has only one in all sources.
func (g *growth) oneAtMost(a *aggregate) bool {
	if a.column < 0 {
		return true
	}
	name := g.columns[a.column]
	for _, c := range identityColumns() {
		if c.name == name && c.of != nil {
			return false // the user map may give an event several
		}
	}
	return !slices.ContainsFunc(g.sources, func(src *source) bool {
		c := src.column(name)
		return !c.single && len(c.from) > 0 || src.scattered(name)
	})
}
