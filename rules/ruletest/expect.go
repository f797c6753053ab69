package ruletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// expectation is one [[test.alert]]: what matters of an alert, by dotted name.
type expectation struct {
	line   int
	fields map[string]any
}

// The beginnings of names that are not fields of the alert's document.
const (
	inKey     = "by."
	inStages  = "stages."
	inDetails = "details."
)

func (r *reader) expectation(path []string, table map[string]any, start time.Time) expectation {
	x := expectation{line: r.file.Line(path...), fields: map[string]any{}}
	for name, g := range flatten(path, table).values {
		value := g.value
		if name == "at" {
			t, err := moment(value, start)
			if err != nil {
				r.file.Problem(g.path, "at: %v", err)
			}
			name, value = "kibana.alert.original_time", t
		}
		x.fields[name] = plainValue(value)
	}
	if len(x.fields) == 0 {
		r.file.Problem(path, "nothing is said of the alert; add by, stages, details or fields of it, or say alerts = N of the test")
	}
	return x
}

// plainValue is a value as JSON has it, so that what TOML and JSON call a
// number is one thing.
func plainValue(v any) any {
	if t, ok := v.(time.Time); ok {
		return stamp(t)
	}
	text, err := json.Marshal(v)
	var out any
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return fmt.Sprint(v)
	}
	return out
}

// Alert is an alert that a test brought: its document, decoded.
type Alert map[string]any

// lookup returns what an alert has of a dotted name: a key as it stands, as
// Kibana's are, or objects within objects.
func lookup(doc map[string]any, path string) any {
	if v, ok := doc[path]; ok {
		return v
	}
	head, rest, more := strings.Cut(path, ".")
	inner, ok := doc[head].(map[string]any)
	if !more || !ok {
		return nil
	}
	return lookup(inner, rest)
}

// value is what an alert has where an expectation names it.
func (a Alert) value(name string, want any) any {
	if key, ok := strings.CutPrefix(name, inKey); ok {
		for _, part := range objects(lookup(a, "stitch.key")) {
			if part["name"] == key {
				return part["value"]
			}
		}
		return nil
	}
	if stage, ok := strings.CutPrefix(name, inStages); ok {
		return a.stage(stage, want)
	}
	if strings.HasPrefix(name, inDetails) || name == "weak" || name == "entities" {
		name = "stitch." + name
	}
	return lookup(a, name)
}

// stage is how many documents of a stage speak for the alert or, where the
// expectation lists ids, which.
func (a Alert) stage(name string, want any) any {
	for _, s := range objects(lookup(a, "stitch.chain")) {
		if s["stage"] != name {
			continue
		}
		if _, counted := want.(float64); counted {
			return s["count"]
		}
		ids := []any{}
		for _, d := range objects(s["documents"]) {
			ids = append(ids, d["id"])
		}
		return ids
	}
	return nil
}

func objects(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, x := range list {
		if o, ok := x.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

// Difference is a field of an alert that is not as expected. Values are as
// JSON has them, nil where there is none.
type Difference struct {
	Field string `json:"field"`
	Want  any    `json:"want"`
	Got   any    `json:"got"`
}

// differences are the fields in which an alert is not what is expected; names
// that ignore accepts are not looked at.
func (x expectation) differences(a Alert, ignore func(string) bool) []Difference {
	var out []Difference
	for _, name := range slices.Sorted(maps.Keys(x.fields)) {
		if ignore != nil && ignore(name) {
			continue
		}
		want := x.fields[name]
		if got := a.value(name, want); !same(want, got) {
			out = append(out, Difference{name, want, got})
		}
	}
	return out
}

// same compares values: lists in any order, one value like a list of it, and no
// value like an empty list.
func same(want, got any) bool {
	w, g := listOf(want), listOf(got)
	if len(w) != len(g) {
		return false
	}
	left := slices.Clone(g)
	for _, v := range w {
		i := slices.IndexFunc(left, func(x any) bool { return reflect.DeepEqual(v, x) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// pairing finds for each expectation an alert of its own that meets it, as far
// as there are any: -1 for none.
func pairing(expected []expectation, alerts []Alert, ignore func(string) bool) []int {
	taker := make([]int, len(alerts)) // the expectation that has the alert, and 1
	var place func(x int, tried []bool) bool
	place = func(x int, tried []bool) bool {
		for i, a := range alerts {
			if tried[i] || len(expected[x].differences(a, ignore)) > 0 {
				continue
			}
			tried[i] = true
			if taker[i] == 0 || place(taker[i]-1, tried) {
				taker[i] = x + 1
				return true
			}
		}
		return false
	}
	for x := range expected {
		place(x, make([]bool, len(alerts)))
	}
	pairs := make([]int, len(expected))
	for x := range pairs {
		pairs[x] = slices.Index(taker, x+1)
	}
	return pairs
}
