package rules

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// grouping makes rows of events: one per combination of the by values, or with
// a window one per burst of a combination.
type grouping struct {
	by         []int // event columns
	aggregates []aggregate

	having *eql.Program  // over a row's columns; nil: every group is a row
	window time.Duration // of a sliding window; 0: none, the groups are of all events
	// atLeast is how many events having takes at the least, as far as that is known.
	atLeast int64
}

// aggregate is one named value of a group.
type aggregate struct {
	name     string
	function string
	column   int // event column; -1 for count()
}

// isSet says that the aggregate is a list whatever its size.
func (a aggregate) isSet() bool { return a.function == "set" || a.function == "make_set" }

// values are an event's values that count. To Kusto's make_set and dcount a
// missing text is an empty one, and a value like any other.
func (a aggregate) values(e *event) []esq.Value {
	values := e.values[a.column]
	if len(values) == 0 && (a.function == "make_set" || a.function == "dcount") {
		return []esq.Value{esq.Str("")}
	}
	return values
}

var (
	identifier    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	aggregateText = regexp.MustCompile("^\\s*([a-z_]+)\\s*\\(\\s*`?([^`()\\s]*)`?\\s*\\)\\s*$")
	functions     = []string{"set", "count", "distinct", "min", "max", "sum", "avg", "make_set", "dcount"}
)

func (c *compiler) readGrouping(s *stage, path []string, spec map[string]any) {
	s.group = &grouping{}
	by, ok := spec["by"].([]any)
	if !ok || len(by) == 0 {
		c.problem(path, "summarize needs by = [columns]")
	}
	for _, x := range by {
		column, ok := x.(string)
		if !ok || column == "" {
			c.problem(append(path, "by"), "by must list columns, not %s", kindOf(x))
			continue
		}
		s.need(column)
		s.group.by = append(s.group.by, slices.Index(s.columns, column))
		s.row = append(s.row, column)
	}
	for _, name := range sortedKeys(spec) {
		if name == "by" || name == "window" || name == "having" {
			continue
		}
		at := append(path[:len(path):len(path)], name)
		text, ok := spec[name].(string)
		if !ok {
			c.problem(at, "%s must be an aggregate such as \"set(file.name)\", not %s", name, kindOf(spec[name]))
			continue
		}
		if slices.Contains(s.row, name) || name == "first" || name == "last" {
			c.problem(at, "%s is the name of a column of the group already; choose another", name)
		}
		s.group.aggregates = append(s.group.aggregates, c.readAggregate(s, at, name, text))
		s.row = append(s.row, name)
	}
	c.readHaving(s, path, spec)
	c.readWindow(s, path, spec)
}

func (c *compiler) readAggregate(s *stage, at []string, name, text string) aggregate {
	m := aggregateText.FindStringSubmatch(text)
	if m == nil {
		c.problem(at, "%q is not an aggregate; write FUNCTION(column), FUNCTION one of %s", text, strings.Join(functions, ", "))
		return aggregate{name: name, column: -1}
	}
	a := aggregate{name: name, function: m[1], column: -1}
	switch {
	case !slices.Contains(functions, a.function):
		c.problem(at, "unknown aggregate %s()%s; there are %s", a.function, didYouMean(a.function, functions), strings.Join(functions, ", "))
	case (a.function == "count") != (m[2] == ""):
		c.problem(at, "count() takes no column and every other aggregate takes one: %q", text)
	case m[2] != "":
		s.need(m[2])
		a.column = slices.Index(s.columns, m[2])
	}
	return a
}

// group is a row in the making.
type group struct {
	row    *row
	values []valueSet // per aggregate
	count  int64
}

// rows groups events and keeps the groups for which having holds. An event with
// several values in a by column counts in a group of each, as in a composite
// aggregation; one without a value counts in the group of the missing value.
func (g *grouping) rows(events []*event) []*row {
	rows := []*row{}
	for _, c := range g.combine(events) {
		if g.window > 0 {
			rows = append(rows, g.bursts(c)...)
			continue
		}
		r := g.row(keyText(c.key), c.key, c.events)
		if g.having == nil || g.having.Holds(rowEnv(r.values)) {
			rows = append(rows, r)
		}
	}
	return rows
}

// combination is the events that share one choice of by values.
type combination struct {
	key    []esq.Value // parallel to by; a missing value is null
	events []*event
}

// combine sorts events by their combinations, in the order of their first ones.
func (g *grouping) combine(events []*event) []*combination {
	byID := map[string]*combination{}
	var order []*combination
	for _, e := range events {
		for _, key := range combinations(e, g.by) {
			id := keyText(key)
			c := byID[id]
			if c == nil {
				c = &combination{key: key}
				byID[id] = c
				order = append(order, c)
			}
			c.events = append(c.events, e)
		}
	}
	return order
}

// row makes the row of events, at least one, of a combination.
func (g *grouping) row(id string, key []esq.Value, events []*event) *row {
	x := g.open(id, key)
	for _, e := range events {
		g.add(x, e)
	}
	return g.close(x)
}

// rowEnv lets having see the columns of a row.
type rowEnv [][]esq.Value

// Values returns the values of a column.
func (e rowEnv) Values(slot int) []esq.Value { return e[slot] }

// Set is never asked for: having knows no all(...).
func (e rowEnv) Set(int) *eql.Set { return nil }

func (g *grouping) open(id string, key []esq.Value) *group {
	values := make([][]esq.Value, len(g.by)+len(g.aggregates))
	for i, v := range key {
		if !v.IsNull() {
			values[i] = []esq.Value{v}
		}
	}
	return &group{row: &row{identity: id, values: values}, values: make([]valueSet, len(g.aggregates))}
}

func (g *grouping) add(x *group, e *event) {
	r := x.row
	if x.count == 0 || e.time < r.first {
		r.first = e.time
	}
	if x.count == 0 || e.time > r.last {
		r.last = e.time
	}
	x.count++
	r.events = append(r.events, e)
	for i, a := range g.aggregates {
		if a.column >= 0 {
			x.values[i].add(a.keepsAll(), a.values(e))
		}
	}
}

// keepsAll says that equal values of several events count each.
func (a aggregate) keepsAll() bool { return a.function == "sum" || a.function == "avg" }

func (g *grouping) close(x *group) *row {
	for i, a := range g.aggregates {
		x.row.values[len(g.by)+i] = a.of(x)(x.values[i].sorted())
	}
	return x.row
}

// of returns how the aggregate is computed from the sorted values.
func (a aggregate) of(x *group) func([]esq.Value) []esq.Value {
	one := func(v esq.Value) []esq.Value { return []esq.Value{v} }
	return func(vs []esq.Value) []esq.Value {
		switch a.function {
		case "count":
			return one(esq.Integer(x.count))
		case "distinct", "dcount":
			return one(esq.Integer(int64(len(vs))))
		case "set", "make_set":
			return vs
		}
		if len(vs) == 0 {
			return nil
		}
		switch a.function {
		case "min":
			return vs[:1]
		case "max":
			return vs[len(vs)-1:]
		}
		sum, n := 0.0, 0
		for _, v := range vs {
			if f, ok := v.Number(); ok {
				sum += f
				n++
			}
		}
		if n == 0 {
			return nil
		}
		if a.function == "avg" {
			sum /= float64(n)
		}
		return one(esq.Num(sum))
	}
}

// valueSet collects values, distinct ones or all.
type valueSet struct {
	seen map[esq.Value]struct{}
	list []esq.Value
}

func (s *valueSet) add(all bool, vs []esq.Value) {
	for _, v := range vs {
		if !all {
			if _, ok := s.seen[v]; ok {
				continue
			}
			if s.seen == nil {
				s.seen = map[esq.Value]struct{}{}
			}
			s.seen[v] = struct{}{}
		}
		s.list = append(s.list, v)
	}
}

func (s *valueSet) sorted() []esq.Value {
	slices.SortFunc(s.list, esq.Compare)
	return s.list
}

// combinations is every choice of one value of each column; a column without
// a value has the null value.
func combinations(e *event, columns []int) [][]esq.Value {
	if key := onlyCombination(e, columns); key != nil {
		return [][]esq.Value{key}
	}
	keys := [][]esq.Value{make([]esq.Value, 0, len(columns))}
	for _, c := range columns {
		values := distinct(e.values[c])
		if len(values) == 0 {
			values = []esq.Value{{}}
		}
		next := make([][]esq.Value, 0, len(keys)*len(values))
		for _, key := range keys {
			for _, v := range values {
				next = append(next, append(key[:len(key):len(key)], v))
			}
		}
		keys = next
	}
	return keys
}

// onlyCombination is the combination of an event that has at most one value in
// each column, nil of any other.
func onlyCombination(e *event, columns []int) []esq.Value {
	key := make([]esq.Value, len(columns))
	for i, c := range columns {
		switch values := e.values[c]; len(values) {
		case 0:
		case 1:
			key[i] = values[0]
		default:
			return nil
		}
	}
	return key
}

func distinct(vs []esq.Value) []esq.Value {
	if len(vs) < 2 {
		return vs
	}
	var s valueSet
	s.add(false, vs)
	return s.list
}
