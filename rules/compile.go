package rules

import (
	"errors"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/sequence"
)

// compiler turns what a file says into a plan, noting every problem.
type compiler struct {
	*file
	spec   *ruleSpec
	views  map[string]*view
	stages []*stage
	// exceptions of all rules
	exceptions []*exception
	// ofExceptions notes what is wrong with exceptions, which other rules share:
	// to be called when no rule is being compiled.
	ofExceptions []func()
}

func (c *compiler) stageIndex(id string) int {
	return slices.IndexFunc(c.stages, func(s *stage) bool { return s.id == id })
}

// compileQuery makes a plan of a single kuery query: one stage, every document
// an alert.
func (c *compiler) compileQuery() plan {
	src := direct(c.spec.Index)
	c.checkIndex([]string{"rule", "index"}, c.spec.Index)
	if c.spec.Query == nil {
		c.problem([]string{"rule"}, "no query; add query = \"...\"")
	} else {
		src.filter, src.fields = c.readKuery([]string{"rule", "query"}, *c.spec.Query)
		src.node = kueryNode(*c.spec.Query)
	}
	s := &stage{id: "event", sources: []*source{src}, columns: slices.Clone(entityColumns)}
	s.need(timeColumn)
	c.needForSuppression(s)
	c.stages = []*stage{s}
	c.except(c.exceptions)
	s.row = s.columns
	keys := []sequence.Key{{Stage: s.id}}
	return plan{stages: c.stages, pattern: c.compilePattern(keys), by: []string{s.id}, keys: keys}
}

// compileSequence makes a plan of a chain.
func (c *compiler) compileSequence() plan {
	if len(c.spec.Stages) == 0 {
		c.problem([]string{"rule"}, "a sequence without stages; add [[rule.stage]]")
		return plan{}
	}
	for i, spec := range c.spec.Stages {
		c.stages = append(c.stages, c.compileStage(i, spec))
	}
	c.checkAbsent()
	c.except(c.exceptions)
	for i := range c.stages {
		c.needForJoin(i)
		c.checkSets(i)
	}
	p := plan{stages: c.stages, anchor: c.readAnchor()}
	p.keys = c.readBy(&p)
	p.maxSpan, _ = parseDuration(c.spec.MaxSpan) // an error is noted by readTimes
	p.details = c.readDetails([]string{"rule", "alert", "details"}, c.spec.Alert.Details, &p)
	p.entities = c.readEntities([]string{"rule", "alert"}, c.spec.Alert.Entities, &p)
	for _, s := range c.stages {
		if s.view != nil {
			for _, column := range s.view.identity {
				s.need(column)
			}
		}
		if s.group == nil {
			s.row = s.columns
		}
	}
	c.noteReads()
	if len(c.problems) == 0 {
		p.pattern = c.compilePattern(p.keys)
	}
	return p
}

// needForJoin makes the rows of a stage and those before it carry what its
// join speaks of.
func (c *compiler) needForJoin(i int) {
	s, at := c.stages[i], index([]string{"rule"}, "stage", i)
	if s.join == nil {
		return
	}
	path := append(at, "join")
	for _, ref := range eql.Refs(s.join) {
		owner, column := s, ref.Name
		if id, rest, ok := strings.Cut(ref.Name, "."); ok && c.stageIndex(id) >= 0 {
			owner, column = c.stages[c.stageIndex(id)], rest
		} else {
			c.checkColumn(s, path, ref)
		}
		if column == "first" || column == "last" {
			continue
		}
		if !owner.rowColumn(column) {
			c.problemAt(c.lines.textLine(path, ref.Span.Start.Line),
				"join: column %d: stage %s summarizes and has no column %q%s; add it to by or as an aggregate",
				ref.Span.Start.Column, owner.id, column, didYouMean(column, owner.row))
		}
	}
}

// checkSets resolves the all(stage.column) of a stage's query.
func (c *compiler) checkSets(i int) {
	s := c.stages[i]
	path := append(index([]string{"rule"}, "stage", i), "query")
	for _, ref := range s.sets {
		line := c.lines.textLine(path, ref.Span.Start.Line)
		id, column, _ := strings.Cut(ref.Name, ".")
		switch k := c.stageIndex(id); {
		case k < 0:
			c.problemAt(line, "query: column %d: all(%s): unknown stage %q%s", ref.Span.Start.Column, ref.Name, id, didYouMean(id, c.stageIDs()))
		case c.stages[k].absent:
			c.problemAt(line, "query: column %d: all(%s): "+noRow, ref.Span.Start.Column, ref.Name, id)
		case k >= i:
			c.problemAt(line, "query: column %d: all(%s): only stages above this one can be named", ref.Span.Start.Column, ref.Name)
		case !c.stages[k].rowColumn(column):
			c.problemAt(line, "query: column %d: all(%s): stage %s summarizes and has no column %q%s",
				ref.Span.Start.Column, ref.Name, id, column, didYouMean(column, c.stages[k].row))
		}
	}
}

func (c *compiler) stageIDs() []string {
	var ids []string
	for _, s := range c.stages {
		ids = append(ids, s.id)
	}
	return ids
}

// checkColumn refuses a column that neither the view lists nor can be a field
// of its sources: a misspelt column would make a rule that never fires.
func (c *compiler) checkColumn(s *stage, path []string, ref eql.Ref) {
	if s.view == nil || slices.Contains(s.view.declared, ref.Name) {
		return
	}
	first, _, _ := strings.Cut(ref.Name, ".")
	roots := s.view.roots()
	if slices.Contains(roots, first) {
		return
	}
	hint := didYouMean(first, c.stageIDs())
	if hint == "" {
		hint = didYouMean(ref.Name, s.view.declared)
	}
	c.problemAt(c.lines.textLine(path, ref.Span.Start.Line), "%s: column %d: unknown column %q%s; view %s lists %s",
		path[len(path)-1], ref.Span.Start.Column, ref.Name, hint, s.view.name, strings.Join(s.view.declared, ", "))
}

// roots are the first names of the fields that the view's documents can have.
func (v *view) roots() []string {
	roots := slices.Clone(ecsRoots)
	add := func(field string) {
		first, _, _ := strings.Cut(field, ".")
		if !slices.Contains(roots, first) {
			roots = append(roots, first)
		}
	}
	for _, src := range v.sources {
		for _, s := range src.everything() {
			for name, c := range s.columns {
				add(name)
				for _, field := range c.from {
					add(field)
				}
			}
			for _, field := range s.fields {
				add(field)
			}
		}
	}
	return roots
}

// readAnchor finds the stage whose row makes the incident; the first, unless
// the rule says otherwise.
func (c *compiler) readAnchor() int {
	id := c.spec.Alert.Anchor
	if id == "" {
		return 0
	}
	i := c.stageIndex(id)
	if i < 0 {
		c.problem([]string{"rule", "alert", "anchor"}, "anchor: unknown stage %q%s", id, didYouMean(id, c.stageIDs()))
		return 0
	}
	if c.stages[i].absent {
		c.problem([]string{"rule", "alert", "anchor"}, "anchor: "+noRow, id)
		return 0
	}
	return i
}

// readBy resolves what an alert is one of. The anchor's row is always part of it.
func (c *compiler) readBy(p *plan) []sequence.Key {
	anchor := c.stages[p.anchor].id
	names := c.spec.Alert.By
	if !slices.Contains(names, anchor) {
		names = append([]string{anchor}, names...)
	}
	p.by = names
	var keys []sequence.Key
	for _, name := range names {
		key, ok := c.keyOf(name, p.anchor)
		switch absent := c.namesAbsent(name); {
		case absent != "" && name == anchor: // noted already
		case absent != "":
			c.problem([]string{"rule", "alert", "by"}, "by: "+noRow, absent)
		case !ok:
			c.problem([]string{"rule", "alert", "by"}, "by: no stage has a column %q; write a stage's id, STAGE.COLUMN, or a column that a view lists or a query mentions", name)
		}
		keys = append(keys, key)
	}
	return keys
}

// keyOf resolves one entry of by: a stage's row, a stage's column, or a column
// of the anchor or else of the first stage that has it.
func (c *compiler) keyOf(name string, anchor int) (sequence.Key, bool) {
	if c.stageIndex(name) >= 0 {
		return sequence.Key{Stage: name}, true
	}
	if id, column, ok := strings.Cut(name, "."); ok && c.stageIndex(id) >= 0 {
		return c.columnKey(c.stages[c.stageIndex(id)], column)
	}
	candidates := append([]*stage{c.stages[anchor]}, c.stages...)
	for _, s := range candidates {
		if !s.absent && s.knows(name) && s.carries(name) {
			return c.columnKey(s, name)
		}
	}
	return sequence.Key{}, false
}

func (c *compiler) columnKey(s *stage, column string) (sequence.Key, bool) {
	if !s.rowColumn(column) {
		return sequence.Key{}, false
	}
	return sequence.Key{Stage: s.id, Column: column, Fold: c.folds(s, column)}, true
}

// carries reports whether some source of s can have a value in the column.
func (s *stage) carries(name string) bool {
	return slices.ContainsFunc(s.sources, func(src *source) bool {
		return slices.ContainsFunc(src.everything(), func(each *source) bool { return len(each.column(name).from) > 0 })
	})
}

// folds reports whether a join compares the column without regard to case:
// then spellings that differ in case only are one key too.
func (c *compiler) folds(s *stage, column string) bool {
	for _, t := range c.stages {
		if t.absent {
			continue
		}
		for _, eq := range equalities(t.join) {
			if !eq.Fold {
				continue
			}
			for _, ref := range append(eql.Refs(eq.Left), eql.Refs(eq.Right)...) {
				if ref.Name == s.id+"."+column || t == s && ref.Name == column {
					return true
				}
			}
		}
	}
	return false
}

// equalities are those that a join consists of, whether all of them must hold or
// some.
func equalities(join eql.Expr) []eql.Equality {
	var out []eql.Equality
	for _, conjunct := range eql.Conjuncts(join) {
		if eq, ok := eql.AsEquality(conjunct); ok {
			out = append(out, eq)
		} else if either, ok := conjunct.(*eql.Binary); ok && either.Op == eql.Or {
			out = slices.Concat(out, equalities(either.L), equalities(either.R))
		}
	}
	return out
}

// compilePattern hands the stages to the stitcher.
func (c *compiler) compilePattern(by []sequence.Key) *sequence.Pattern {
	spec := sequence.Spec{By: by}
	if c.spec.MaxSpan != "" {
		spec.MaxSpan, _ = parseDuration(c.spec.MaxSpan)
	}
	for _, s := range c.stages {
		spec.Stages = append(spec.Stages, sequence.Stage{
			ID: s.id, Columns: s.row, Join: s.join, After: s.after, Pick: s.pick, Absent: s.absent, Between: s.between,
		})
	}
	pattern, err := sequence.Compile(spec)
	if err != nil {
		c.patternErrors(err)
	}
	return pattern
}

// patternErrors notes the stitcher's errors at their own lines.
func (c *compiler) patternErrors(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			c.patternErrors(e)
		}
		return
	}
	var e *sequence.Error
	if !errors.As(err, &e) {
		c.problem([]string{"rule"}, "%v", err)
		return
	}
	at := []string{"rule"}
	if i := c.stageIndex(e.Stage); i >= 0 {
		at = index(at, "stage", i)
	}
	switch e.Part {
	case sequence.PartJoin:
		c.problemAt(c.lines.textLine(append(at, "join"), max(e.Span.Start.Line, 1)), "%v", err)
	case sequence.PartAfter:
		c.problem(append(at, "after"), "%v", err)
	case sequence.PartMaxSpan:
		c.problem(append(at, "maxspan"), "%v", err)
	case sequence.PartBy:
		c.problem([]string{"rule", "alert", "by"}, "%v", err)
	default:
		c.problem(at, "%v", err)
	}
}
