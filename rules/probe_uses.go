package rules

import (
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq/eql"
)

// columnUse is a column of a stage's events and what the rule needs it for.
type columnUse struct {
	name string
	uses []string
}

type columnUses []columnUse

// with returns u and one more use of a column.
func (u columnUses) with(name, use string) columnUses {
	i := slices.IndexFunc(u, func(c columnUse) bool { return c.name == name })
	if i < 0 {
		return append(u, columnUse{name, []string{use}})
	}
	if !slices.Contains(u[i].uses, use) {
		u[i].uses = append(u[i].uses, use)
	}
	return u
}

// uses returns, for each stage, the columns of its events that the rule needs.
func (p *plan) uses() []columnUses {
	out := make([]columnUses, len(p.stages))
	add := func(stage int, column, use string) {
		if name, ok := p.stages[stage].eventColumn(column); ok {
			out[stage] = out[stage].with(name, use)
		}
	}
	for i, s := range p.stages {
		for _, ref := range eql.Refs(s.cond) {
			if ref.Func == "" {
				out[i] = out[i].with(ref.Name, UseQuery)
			}
		}
	}
	for i, s := range p.stages {
		for _, ref := range append(slices.Clone(s.sets), joinRefs(s)...) {
			if at, column := p.place(ref.Name, i); ref.Func == "all" || ref.Func == "" {
				add(at, column, UseJoin)
			}
		}
		if s.group != nil {
			for _, name := range s.row {
				add(i, name, UseSummarize)
			}
		}
	}
	for _, k := range p.keys {
		if i := slices.IndexFunc(p.stages, func(s *stage) bool { return s.id == k.Stage }); i >= 0 && k.Column != "" {
			add(i, k.Column, UseBy)
		}
	}
	for _, s := range p.slots {
		if s.column >= 0 {
			add(s.stage, p.stages[s.stage].row[s.column], UseDetails)
		}
	}
	for i, s := range p.stages {
		if s.view != nil {
			for _, name := range s.view.identity {
				out[i] = out[i].with(name, UseIdentity)
			}
		}
	}
	return out
}

func joinRefs(s *stage) []eql.Ref {
	if s.join == nil {
		return nil
	}
	return eql.Refs(s.join)
}

// place resolves a name in the query or join of a stage to a stage and a column
// of its rows.
func (p *plan) place(name string, owner int) (at int, column string) {
	id, rest, _ := strings.Cut(name, ".")
	if i := slices.IndexFunc(p.stages[:owner], func(s *stage) bool { return s.id == id }); i >= 0 {
		return i, rest
	}
	return owner, name
}

// eventColumn returns the column of the events that a column of the rows is
// made of; ok is false for a count and for the times that every row has.
func (s *stage) eventColumn(column string) (name string, ok bool) {
	if s.group == nil {
		if column == "first" || column == "last" {
			return "", s.declares(column)
		}
		return column, true
	}
	i := slices.Index(s.row, column)
	switch {
	case i < 0:
		return "", false
	case i < len(s.group.by):
		return s.columns[s.group.by[i]], true
	}
	if a := s.group.aggregates[i-len(s.group.by)]; a.column >= 0 {
		return s.columns[a.column], true
	}
	return "", false
}

// StageColumn names a column of the events of a stage.
type StageColumn struct{ Stage, Column string }

// JoinCondition is one of the conditions that a stage's join has together.
type JoinCondition struct {
	Stage   string // whose join it is
	Text    string
	Columns []StageColumn

	expr eql.Expr
	at   func(eql.Ref) (StageColumn, bool)
}

// Possible reports whether some chain may satisfy the condition if only the
// columns that filled accepts ever have a value.
func (j JoinCondition) Possible(filled func(StageColumn) bool) bool {
	return eql.Possible(j.expr, func(ref eql.Ref) bool {
		c, ok := j.at(ref)
		return !ok || filled(c)
	})
}

// Joins returns the conditions of all joins, and those of the queries that speak
// of another stage's rows, in the rule's order. Those of absent stages are left
// out: what cannot be joined there drops no chain.
func (r *Rule) Joins() []JoinCondition {
	var out []JoinCondition
	for i, s := range r.plan.stages {
		if s.absent {
			continue
		}
		var list []eql.Expr
		for _, e := range conjuncts(s.cond) {
			if slices.ContainsFunc(eql.Refs(e), func(ref eql.Ref) bool { return ref.Func != "" }) {
				list = append(list, e)
			}
		}
		for _, e := range append(list, conjuncts(s.join)...) {
			out = append(out, r.plan.joinCondition(i, e))
		}
	}
	return out
}

func conjuncts(e eql.Expr) []eql.Expr {
	if e == nil {
		return nil
	}
	return eql.Conjuncts(e)
}

func (p *plan) joinCondition(owner int, e eql.Expr) JoinCondition {
	j := JoinCondition{Stage: p.stages[owner].id, Text: eql.Print(e), expr: e}
	j.at = func(ref eql.Ref) (StageColumn, bool) {
		i, column := p.place(ref.Name, owner)
		s := p.stages[i]
		if i == owner && ref.Func == "" && s.group != nil && !slices.Contains(s.row, column) {
			return StageColumn{s.id, column}, true // a query speaks of events, a join of rows
		}
		name, ok := s.eventColumn(column)
		return StageColumn{s.id, name}, ok
	}
	for _, ref := range eql.Refs(e) {
		if c, ok := j.at(ref); ok && !slices.Contains(j.Columns, c) {
			j.Columns = append(j.Columns, c)
		}
	}
	return j
}
