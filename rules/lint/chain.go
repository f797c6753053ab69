package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq/eql"
)

// chain judges how stages hang together.
func (o *outline) chain() {
	stages := o.spec.Rule.Stages
	if len(stages) < 2 {
		return
	}
	tied, keyed := make([]bool, len(stages)), make([]bool, len(stages))
	for i, s := range stages {
		for _, e := range o.conjuncts(s.Join) {
			_, equality := eql.AsEquality(e)
			o.tie(i, e, tied, keyed, equality)
		}
		if event, err := eql.ParseEvent(s.Query); err == nil && event.Cond != nil {
			o.tie(i, event.Cond, tied, keyed, true) // all(...)
		}
	}
	for i, s := range stages {
		at := []string{"rule", "stage", fmt.Sprint(i)}
		switch {
		case !tied[i]:
			o.find("lone-stage", at, fmt.Sprintf("no join ties stage %s to another: each of its rows stands with every chain that the times allow", s.ID),
				"join it on a person, a machine or a file")
		case !keyed[i]:
			o.find("join-without-key", at, fmt.Sprintf("nothing of stage %s must equal something of another stage, so every pair of rows is compared", s.ID),
				"add an equality to its join")
		}
	}
	o.multiplies()
}

// tie notes the stages that a condition of stage i speaks of.
func (o *outline) tie(i int, e eql.Expr, tied, keyed []bool, equality bool) {
	for _, ref := range eql.Refs(e) {
		id, _, _ := strings.Cut(ref.Name, ".")
		k := slices.IndexFunc(o.spec.Rule.Stages, func(s stage) bool { return s.ID == id })
		if k < 0 || k == i {
			continue
		}
		tied[i], tied[k] = true, true
		if equality || hasEquality(e) {
			keyed[i], keyed[k] = true, true
		}
	}
}

// hasEquality reports whether an equality stands anywhere in e, such as in one
// of several alternatives.
func hasEquality(e eql.Expr) bool {
	if b, ok := e.(*eql.Binary); ok && (b.Op == eql.Or || b.Op == eql.And) {
		return hasEquality(b.L) || hasEquality(b.R)
	}
	_, ok := eql.AsEquality(e)
	return ok
}

func (o *outline) conjuncts(join string) []eql.Expr {
	e, err := eql.ParseExpr(join)
	if err != nil {
		return nil
	}
	return eql.Conjuncts(e)
}

// multiplies finds alerts that are made for each combination of rows.
func (o *outline) multiplies() {
	anchor := o.spec.Rule.Alert.Anchor
	if anchor == "" {
		anchor = o.spec.Rule.Stages[0].ID
	}
	var rows []string
	for _, name := range o.spec.Rule.Alert.By {
		if name != anchor && slices.ContainsFunc(o.spec.Rule.Stages, func(s stage) bool { return s.ID == name }) {
			rows = append(rows, name)
		}
	}
	if len(rows) > 0 {
		o.find("join-multiplies", []string{"rule", "alert", "by"},
			fmt.Sprintf("an alert is made for each row of %s beside each of %s: n rows and m rows make n times m alerts", strings.Join(rows, ", "), anchor),
			"name columns, such as the person and the machine, in by")
	}
}
