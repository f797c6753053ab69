package ruletest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/stitchdetect/stitch/rules"
)

// Mutation is a change of a rule that its tests should notice.
type Mutation struct {
	Name string // what it changes, such as "copy.join: a == b removed"
	Line int    // in the rule's file
	// Condition says that it removes a condition: no test makes it false while
	// all else holds, if none notices.
	Condition bool

	edit func(rule map[string]any)
	// ignore accepts the names of expectations that the changed rule cannot meet.
	ignore func(string) bool
}

// mutator collects the mutations of a rule.
type mutator struct {
	rule map[string]any
	file *rules.File
	list []*Mutation
}

// mutations returns the mutations of a rule's file, in its order. Not every one
// of them makes a rule that can be read.
func mutations(name, text string) []*Mutation {
	var spec struct {
		Metadata  any            `toml:"metadata"`
		Rule      map[string]any `toml:"rule"`
		Transform any            `toml:"transform"`
	}
	file, _ := rules.ReadFile(name, text, &spec)
	m := &mutator{rule: spec.Rule, file: file}
	m.ofQuery()
	for i, stage := range stagesOf(m.rule) {
		m.ofStage(i, stage)
	}
	m.ofRule()
	return m.list
}

// mutated returns the text of the rule's file with the mutation in it.
func (m *Mutation) mutated(text string) (string, error) {
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		return "", fmt.Errorf("read rule: %w", err)
	}
	rule, _ := tree["rule"].(map[string]any)
	m.edit(rule)
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(tree); err != nil {
		return "", fmt.Errorf("write rule: %w", err)
	}
	return b.String(), nil
}

func (m *mutator) add(line int, edit func(map[string]any), format string, args ...any) *Mutation {
	mutation := &Mutation{Name: fmt.Sprintf(format, args...), Line: line, edit: edit}
	m.list = append(m.list, mutation)
	return mutation
}

func stagesOf(rule map[string]any) []map[string]any {
	stages, _ := rule["stage"].([]map[string]any)
	return stages
}

// text is a key's string, "" if it is not there or something else.
func text(table map[string]any, key string) string {
	s, _ := table[key].(string)
	return s
}

// ofRule adds the mutations of what is said once for a rule.
func (m *mutator) ofRule() {
	m.window([]string{"rule", "maxspan"}, m.rule, "maxspan", func(rule map[string]any) map[string]any { return rule })
	m.lookBack()
	m.lists([]string{"rule", "index"}, "index", func(rule map[string]any) (map[string]any, string) { return rule, "index" })
	alert, _ := m.rule["alert"].(map[string]any)
	anchor := text(alert, "anchor")
	if anchor == "" && len(stagesOf(m.rule)) > 0 {
		anchor = text(stagesOf(m.rule)[0], "id")
	}
	by, _ := alert["by"].([]any)
	for i, name := range by {
		if name == anchor {
			continue // always part of the key
		}
		mutation := m.add(m.file.Line("rule", "alert", "by"), func(rule map[string]any) {
			dropItem(rule["alert"].(map[string]any), "by", i)
		}, "by: %v removed", name)
		mutation.ignore = func(field string) bool { return field == inKey+fmt.Sprint(name) }
	}
}

// lists adds, for a list of several names, the loss of each.
func (m *mutator) lists(path []string, what string, at func(map[string]any) (map[string]any, string)) {
	table, key := at(m.rule)
	list, _ := table[key].([]any)
	if len(list) < 2 {
		return
	}
	for i, name := range list {
		m.add(m.file.Line(path...), func(rule map[string]any) {
			table, key := at(rule)
			dropItem(table, key, i)
		}, "%s: %v removed", what, name)
	}
}

func dropItem(table map[string]any, key string, i int) {
	list := table[key].([]any)
	table[key] = append(append([]any{}, list[:i]...), list[i+1:]...)
}

// window adds the half and the double of a duration.
func (m *mutator) window(path []string, table map[string]any, what string, at func(map[string]any) map[string]any) {
	key := path[len(path)-1]
	value := text(table, key)
	d, err := rules.ParseDuration(value)
	if err != nil || d == 0 {
		return
	}
	line := m.file.Line(path...)
	m.add(line, func(rule map[string]any) { at(rule)[key] = fmt.Sprintf("%dms", d.Milliseconds()/2) }, "%s halved", what)
	m.add(line, func(rule map[string]any) { at(rule)[key] = fmt.Sprintf("%dms", d.Milliseconds()*2) }, "%s doubled", what)
}

// lookBack halves the window of a rule that looks at windows.
func (m *mutator) lookBack() {
	windowed := false
	for _, stage := range stagesOf(m.rule) {
		summarize, _ := stage["summarize"].(map[string]any)
		windowed = windowed || summarize != nil && summarize["window"] == nil
	}
	d, err := rules.ParseDuration(strings.TrimPrefix(text(m.rule, "from"), "now-"))
	if err != nil || !windowed {
		return
	}
	m.add(m.file.Line("rule", "from"), func(rule map[string]any) {
		rule["from"] = fmt.Sprintf("now-%dms", d.Milliseconds()/2)
	}, "from halved")
}
