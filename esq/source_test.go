package esq_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

var compareValues = cmp.Comparer(func(a, b esq.Value) bool { return a == b })

func TestExtract(t *testing.T) {
	ip := map[string]string{"Type": "ip"}
	tests := []struct {
		name, source, path string
		where              map[string]string
		want               []any
	}{
		{name: "nested", source: `{"a":{"b":{"c":"x"}}}`, path: "a.b.c", want: []any{"x"}},
		{name: "dotted", source: `{"a.b.c":"x"}`, path: "a.b.c", want: []any{"x"}},
		{name: "dotted inside", source: `{"a":{"b.c":"x"}}`, path: "a.b.c", want: []any{"x"}},
		{name: "dotted outside", source: `{"a.b":{"c":"x"}}`, path: "a.b.c", want: []any{"x"}},
		{name: "nested comes before dotted", source: `{"a.b":1,"a":{"b":2}}`, path: "a.b", want: []any{2, 1}},
		{name: "array of leaves", source: `{"a":{"b":["x",null,"y","x"]}}`, path: "a.b", want: []any{"x", "y", "x"}},
		{name: "array of arrays", source: `{"a":[["x"],[["y"]]]}`, path: "a", want: []any{"x", "y"}},
		{name: "array of objects", source: `{"a":[{"b":1},{"b":[2,3]},{"c":4},5]}`, path: "a.b", want: []any{1, 2, 3}},
		{name: "objects in arrays in arrays", source: `{"a":[[{"b":1}],{"b":2}]}`, path: "a.b", want: []any{1, 2}},
		{name: "object is no leaf", source: `{"a":{"b":{"c":1}}}`, path: "a.b"},
		{name: "objects among leaves", source: `{"a":["x",{"b":1}]}`, path: "a", want: []any{"x"}},
		{name: "leaf is no object", source: `{"a":"x"}`, path: "a.b"},
		{name: "null", source: `{"a":null}`, path: "a"},
		{name: "null inside", source: `{"a":null}`, path: "a.b"},
		{name: "missing", source: `{}`, path: "a.b"},
		{name: "empty string is a value", source: `{"a":""}`, path: "a", want: []any{""}},
		{name: "kinds", source: `{"a":[true,false,1,1.5,1.0,1e3,"1"]}`, path: "a",
			want: []any{true, false, 1, 1.5, 1, 1000, "1"}},
		{name: "whole numbers keep their digits", source: `{"a":9007199254740993}`, path: "a",
			want: []any{json.Number("9007199254740993")}},
		{name: "beyond float64", source: `{"a":1e999}`, path: "a", want: []any{"1e999"}},
		{name: "where", source: `{"e":[{"Type":"ip","Address":"1.2.3.4"},{"Type":"host","Address":"h"},{"Address":"n"}]}`,
			path: "e.Address", where: ip, want: []any{"1.2.3.4"}},
		{name: "where one of several", source: `{"e":[{"Type":["url","ip"],"Address":"1.2.3.4"}]}`,
			path: "e.Address", where: ip, want: []any{"1.2.3.4"}},
		{name: "where fits exactly", source: `{"e":[{"Type":"IP","Address":"1.2.3.4"}]}`, path: "e.Address", where: ip},
		{name: "where looks at the innermost object", source: `{"e":{"Type":"ip","x":{"Address":"1.2.3.4"}}}`,
			path: "e.x.Address", where: ip},
		{name: "where, dotted", source: `{"e.Type":"ip","e.Address":"1.2.3.4","Type":"host"}`,
			path: "e.Address", where: ip, want: []any{"1.2.3.4"}},
		{name: "where, outer dotted", source: `{"e.x":[{"Type":"ip","Address":"1.2.3.4"}]}`,
			path: "e.x.Address", where: ip, want: []any{"1.2.3.4"}},
		{name: "where, leaf dotted and sibling nested", source: `{"e":{"Type":"ip"},"e.Address":"1.2.3.4"}`,
			path: "e.Address", where: ip, want: []any{"1.2.3.4"}},
		{name: "where, leaf nested and sibling dotted", source: `{"e":{"Address":"1.2.3.4"},"e.Type":"ip"}`,
			path: "e.Address", where: ip, want: []any{"1.2.3.4"}},
		{name: "where, dotted key outside does not count for a leaf nested apart", source: `{"e.Type":"ip","f":{"Address":"1.2.3.4"}}`,
			path: "f.Address", where: ip},
		{name: "where with a path of its own", source: `{"e":[{"k":{"t":"ip"},"a":1},{"k.t":"ip","a":2},{"a":3}]}`,
			path: "e.a", where: map[string]string{"k.t": "ip"}, want: []any{1, 2}},
		{name: "where on the outermost object", source: `{"Type":"ip","Address":"1.2.3.4"}`,
			path: "Address", where: ip, want: []any{"1.2.3.4"}},
		{name: "where all", source: `{"e":[{"Type":"ip","v":4,"a":1},{"Type":"ip","v":6,"a":2}]}`,
			path: "e.a", where: map[string]string{"Type": "ip", "v": "6"}, want: []any{2}},
		{name: "no path", source: `{"":1}`, path: ""},
		{name: "odd path", source: `{"a":{"":1},"a.":2}`, path: "a.", want: []any{1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source, err := esq.DecodeSource([]byte(tt.source))
			if err != nil {
				t.Fatal(err)
			}
			got := esq.Extract(source, esq.Field{Path: tt.path, Where: tt.where})
			if diff := cmp.Diff(values(t, tt.want), got, compareValues); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeSourceRefusesWhatIsNoObject(t *testing.T) {
	for _, raw := range []string{``, `[]`, `"x"`, `{"a":`} {
		if _, err := esq.DecodeSource([]byte(raw)); err == nil {
			t.Errorf("%q: no error", raw)
		}
	}
}

// However a document's objects are spelled, the leaves are the same.
func TestExtractIsBlindToSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawObject(t, 3)
		f := esq.Field{Path: drawPath(t)}
		if rapid.Bool().Draw(t, "where?") {
			f.Where = map[string]string{rapid.SampledFrom(names).Draw(t, "key"): rapid.SampledFrom(words).Draw(t, "value")}
		}
		want := esq.Extract(doc, f)
		if diff := cmp.Diff(plainExtract(doc, strings.Split(f.Path, "."), f.Where), want, compareValues); diff != "" {
			t.Fatalf("nested spelling (-plain +got):\n%s", diff)
		}
		respelled := respell(t, doc)
		if diff := cmp.Diff(want, esq.Extract(respelled, f), compareValues); diff != "" {
			t.Fatalf("%v of %v\nrespelled %v\n(-nested +respelled):\n%s", f, doc, respelled, diff)
		}
	})
}

func FuzzExtract(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,{"c":2}]},"a.b":null}`), "a.b", "c", "2")
	f.Add([]byte(`{"":{"":""},".":".."}`), "..", ".", "")
	f.Fuzz(func(t *testing.T, raw []byte, path, key, value string) {
		source, err := esq.DecodeSource(raw)
		if err != nil || len(path)+len(key) > 1_000 { // paths come from rules, not from data
			return
		}
		all := esq.Extract(source, esq.Field{Path: path})
		if slices.ContainsFunc(all, esq.Value.IsNull) {
			t.Errorf("null among %v", all)
		}
		some := esq.Extract(source, esq.Field{Path: path, Where: map[string]string{key: value}})
		for _, v := range some {
			if !slices.Contains(all, v) {
				t.Errorf("%v is there with a condition only", v)
			}
		}
	})
}

var (
	names = []string{"a", "b", "c"}
	words = []string{"x", "y", "z"}
)

func drawPath(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(names), 1, 3).Draw(t, "path"), ".")
}

func drawObject(t *rapid.T, depth int) map[string]any {
	o := map[string]any{}
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(names), func(s string) string { return s }).Draw(t, "keys") {
		o[name] = drawAny(t, depth)
	}
	return o
}

func drawAny(t *rapid.T, depth int) any {
	kind := 0
	if depth > 0 {
		kind = rapid.IntRange(0, 3).Draw(t, "kind")
	}
	switch kind {
	case 1, 2:
		return drawObject(t, depth-1)
	case 3:
		var list []any
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, drawAny(t, depth-1))
		}
		return list
	}
	return rapid.SampledFrom([]any{nil, "x", "y", "z"}).Draw(t, "leaf")
}

// plainExtract is Extract for documents without dotted keys.
func plainExtract(a any, path []string, where map[string]string) []esq.Value {
	var found []esq.Value
	switch a := a.(type) {
	case []any:
		for _, e := range a {
			found = append(found, plainExtract(e, path, where)...)
		}
	case map[string]any:
		if len(path) > 1 {
			return plainExtract(a[path[0]], path[1:], where)
		}
		for key, want := range where {
			if !slices.Contains(plainLeaves(a[key]), esq.Str(want)) {
				return nil
			}
		}
		return plainLeaves(a[path[0]])
	}
	return found
}

func plainLeaves(a any) []esq.Value {
	switch a := a.(type) {
	case string:
		return []esq.Value{esq.Str(a)}
	case []any:
		var found []esq.Value
		for _, e := range a {
			found = append(found, plainLeaves(e)...)
		}
		return found
	}
	return nil
}

// respell moves members of plain objects out into dotted keys, at random.
func respell(t *rapid.T, a map[string]any) map[string]any {
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(a)) {
		switch v := a[key].(type) {
		case map[string]any:
			inner := respell(t, v)
			for _, k := range slices.Sorted(maps.Keys(inner)) {
				if rapid.Bool().Draw(t, "dotted") {
					out[key+"."+k] = inner[k]
					delete(inner, k)
				}
			}
			if len(inner) > 0 {
				out[key] = inner
			}
		case []any:
			out[key] = respellList(t, v)
		default:
			out[key] = v
		}
	}
	return out
}

func respellList(t *rapid.T, list []any) []any {
	var out []any
	for _, e := range list {
		switch e := e.(type) {
		case map[string]any:
			out = append(out, respell(t, e))
		case []any:
			out = append(out, respellList(t, e))
		default:
			out = append(out, e)
		}
	}
	return out
}

func values(t *testing.T, list []any) []esq.Value {
	t.Helper()
	var vs []esq.Value
	for _, a := range list {
		v, ok := esq.ValueOf(a)
		if !ok {
			t.Fatal(fmt.Sprint("no value: ", a))
		}
		vs = append(vs, v)
	}
	return vs
}
