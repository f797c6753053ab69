package ruletest

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq/eql"
)

// ofStage adds the mutations of one stage.
func (m *mutator) ofStage(i int, stage map[string]any) {
	id := text(stage, "id")
	path := []string{"rule", "stage", strconv.Itoa(i)}
	key := func(name string) []string { return append(path[:len(path):len(path)], name) }
	at := func(rule map[string]any) map[string]any { return stagesOf(rule)[i] }
	m.dropStage(path, id)
	if event, err := eql.ParseEvent(text(stage, "query")); err == nil && event.Cond != nil {
		m.conditions(key("query"), id+".query", event.Cond, func(rule map[string]any, cond eql.Expr) {
			if cond == nil {
				cond = &eql.Literal{Value: trueValue()}
			}
			at(rule)["query"] = category(event) + " where " + eql.Print(cond)
		})
	}
	if join, err := eql.ParseExpr(text(stage, "join")); err == nil {
		m.conditions(key("join"), id+".join", join, func(rule map[string]any, e eql.Expr) { setExpr(at(rule), "join", e) })
	}
	m.orders(i, key("after"), id, stage)
	m.window(key("within"), stage, id+".within", at)
	if pick := text(stage, "pick"); pick != "" {
		m.add(m.file.Line(key("pick")...), func(rule map[string]any) { delete(at(rule), "pick") }, "%s: pick = %q removed", id, pick)
	}
	m.lists(key("index"), id+".index", func(rule map[string]any) (map[string]any, string) { return at(rule), "index" })
	m.summarize(key("summarize"), id, stage, at)
}

func category(event eql.Event) string {
	for _, c := range event.Category {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return strconv.Quote(event.Category)
		}
	}
	return event.Category
}

// setExpr writes an expression into a table, nothing for none.
func setExpr(table map[string]any, key string, e eql.Expr) {
	if e == nil {
		delete(table, key)
		return
	}
	table[key] = eql.Print(e)
}

func (m *mutator) summarize(path []string, id string, stage map[string]any, at func(map[string]any) map[string]any) {
	summary, _ := stage["summarize"].(map[string]any)
	if summary == nil {
		return
	}
	key := func(name string) []string { return append(path[:len(path):len(path)], name) }
	in := func(rule map[string]any) map[string]any { return at(rule)["summarize"].(map[string]any) }
	if having, err := eql.ParseExpr(text(summary, "having")); err == nil {
		m.conditions(key("having"), id+".having", having, func(rule map[string]any, e eql.Expr) { setExpr(in(rule), "having", e) })
	}
	m.window(key("window"), summary, id+".window", in)
	by, _ := summary["by"].([]any)
	if len(by) < 2 {
		return
	}
	for i, column := range by {
		name, _ := column.(string)
		gone := func(ref string) bool { return ref == id+"."+name }
		mutation := m.add(m.file.Line(key("by")...), func(rule map[string]any) {
			dropItem(in(rule), "by", i)
			forget(rule, gone)
		}, "%s: by %s removed", id, name)
		mutation.ignore = forgotten(m.rule, gone)
	}
}

// orders adds what may become of the times between a stage and those it comes after.
func (m *mutator) orders(i int, path []string, id string, stage map[string]any) {
	line := m.file.Line(path...)
	for _, other := range m.before(i) {
		// Without words of its own the order stands where the stage does.
		m.add(line, func(rule map[string]any) { unorder(rule, i, other) }, "%s: order after %s dropped", id, other)
		m.add(line, func(rule map[string]any) {
			unorder(rule, i, other)
			s := stagesOf(rule)[i]
			turned := "last <= " + other + ".first"
			if join := text(s, "join"); join != "" {
				turned += " and (" + join + ")"
			}
			s["join"] = turned
		}, "%s: order after %s turned", id, other)
	}
	gaps, _ := stage["after"].(map[string]any)
	for _, other := range slices.Sorted(maps.Keys(gaps)) {
		m.window(append(path, other), gaps, id+".after."+other, func(rule map[string]any) map[string]any {
			return stagesOf(rule)[i]["after"].(map[string]any)
		})
	}
}

// before returns the stages that stage i comes after.
func (m *mutator) before(i int) []string { return afterOf(stagesOf(m.rule), i) }

func afterOf(stages []map[string]any, i int) []string {
	switch after := stages[i]["after"].(type) {
	case nil:
		for _, above := range slices.Backward(stages[:i]) {
			if absent, _ := above["absent"].(bool); !absent {
				return []string{text(above, "id")}
			}
		}
	case string:
		return []string{after}
	case []any:
		var ids []string
		for _, id := range after {
			if s, ok := id.(string); ok {
				ids = append(ids, s)
			}
		}
		return ids
	case map[string]any:
		return slices.Sorted(maps.Keys(after))
	}
	return nil
}

// unorder lets stage i come in any order with another, the longest gaps to the
// rest kept.
func unorder(rule map[string]any, i int, other string) {
	s := stagesOf(rule)[i]
	if gaps, ok := s["after"].(map[string]any); ok {
		delete(gaps, other)
		if len(gaps) > 0 {
			return
		}
	}
	rest := []any{}
	if _, ok := s["after"].([]any); ok {
		for _, id := range afterOf(stagesOf(rule), i) {
			if id != other {
				rest = append(rest, id)
			}
		}
	}
	s["after"] = rest
	delete(s, "within")
}

// dropStage adds the rule without a stage and all that speaks of it.
func (m *mutator) dropStage(path []string, id string) {
	if len(stagesOf(m.rule)) < 2 {
		return
	}
	gone := func(ref string) bool { return ref == id || strings.HasPrefix(ref, id+".") }
	mutation := m.add(m.file.Line(path...), func(rule map[string]any) { dropStage(rule, id, gone) }, "stage %s dropped", id)
	lost := forgotten(m.rule, gone)
	mutation.ignore = func(field string) bool {
		kept := strings.HasPrefix(field, inKey) || strings.HasPrefix(field, inStages) || strings.HasPrefix(field, inDetails)
		return !kept || field == inStages+id || lost(field)
	}
}

func dropStage(rule map[string]any, id string, gone func(string) bool) {
	stages := stagesOf(rule)
	for i := range stages {
		if slices.Contains(afterOf(stages, i), id) {
			// Who came after it comes after whom it came after.
			unorder(rule, i, id)
		}
	}
	stages = slices.DeleteFunc(stages, func(s map[string]any) bool { return text(s, "id") == id })
	rule["stage"] = stages
	for _, s := range stages {
		setExpr(s, "join", lessOf(text(s, "join"), gone))
		if event, err := eql.ParseEvent(text(s, "query")); err == nil && event.Cond != nil {
			cond := without(event.Cond, gone)
			if cond == nil {
				cond = &eql.Literal{Value: trueValue()}
			}
			s["query"] = category(event) + " where " + eql.Print(cond)
		}
	}
	forget(rule, gone)
	if alert, ok := rule["alert"].(map[string]any); ok && alert["anchor"] == id {
		alert["anchor"] = text(stages[0], "id")
	}
}

// lessOf is a text's expression without the conditions that speak of what is gone.
func lessOf(text string, gone func(string) bool) eql.Expr {
	e, err := eql.ParseExpr(text)
	if err != nil {
		return nil
	}
	return without(e, gone)
}

func without(e eql.Expr, gone func(string) bool) eql.Expr {
	var kept eql.Expr
	for _, conjunct := range eql.Conjuncts(e) {
		if !speaksOf(conjunct, gone) {
			kept = both(kept, conjunct)
		}
	}
	return kept
}

func speaksOf(e eql.Expr, gone func(string) bool) bool {
	return slices.ContainsFunc(eql.Refs(e), func(r eql.Ref) bool { return gone(r.Name) })
}

// forget takes out of the alert what speaks of columns that are gone.
func forget(rule map[string]any, gone func(string) bool) {
	alert, ok := rule["alert"].(map[string]any)
	if !ok {
		return
	}
	if by, ok := alert["by"].([]any); ok {
		alert["by"] = slices.DeleteFunc(by, func(name any) bool { s, _ := name.(string); return gone(s) })
	}
	if details, ok := alert["details"].(map[string]any); ok {
		forgetIn(details, gone)
	}
	entities, _ := alert["entity"].([]map[string]any)
	for _, e := range entities {
		forgetIn(e, gone)
	}
	entities = slices.DeleteFunc(entities, func(e map[string]any) bool { return len(e) < 2 })
	if alert["entity"] = entities; len(entities) == 0 {
		delete(alert, "entity")
	}
}

// forgetIn takes expressions out of a table and those within it.
func forgetIn(table map[string]any, gone func(string) bool) {
	for key, value := range table {
		switch v := value.(type) {
		case map[string]any:
			forgetIn(v, gone)
			if len(v) == 0 {
				delete(table, key)
			}
		case string:
			if e, err := eql.ParseExpr(v); err == nil && key != "type" && speaksOf(e, gone) {
				delete(table, key)
			}
		}
	}
}

// forgotten accepts the expectations of what [forget] takes out.
func forgotten(rule map[string]any, gone func(string) bool) func(string) bool {
	alert, _ := rule["alert"].(map[string]any)
	lost := map[string]bool{}
	var look func(prefix string, table map[string]any)
	look = func(prefix string, table map[string]any) {
		for key, value := range table {
			switch v := value.(type) {
			case map[string]any:
				look(prefix+key+".", v)
			case string:
				if e, err := eql.ParseExpr(v); err == nil && speaksOf(e, gone) {
					lost[prefix+key] = true
				}
			}
		}
	}
	details, _ := alert["details"].(map[string]any)
	look(inDetails, details)
	return func(field string) bool {
		key, isKey := strings.CutPrefix(field, inKey)
		return isKey && gone(key) || lost[field] || field == "entities"
	}
}
