package kuery_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/kuery"
	"github.com/stitchdetect/stitch/esq/memory"
)

func TestExample(t *testing.T) {
	for query, want := range map[string]map[string]any{
		`a:x`:                    {"a": "x"},
		`a:"x y" and b.c:true`:   {"a": "x y", "b.c": true},
		`a:(x or y) and not b:z`: {"a": "x"},
		`a:* and source.ip:*`:    {"a": "x", "source.ip": "203.0.113.7"},
		`there:*`:                {},
		`a:foo*bar*`:             {"a": "fooxbarx"},
		`n > 5 and m <= 7`:       {"n": int64(6), "m": int64(7)},
		`(free or a:x) and b:y`:  {"a": "x", "b": "y"},
		`*:*`:                    {},
	} {
		node, err := kuery.Parse(query)
		if err != nil {
			if want != nil {
				t.Fatal(err)
			}
			continue
		}
		values, err := kuery.Example(node, func(field string) bool { return field == "there" })
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		got := map[string]any{}
		for field, v := range values {
			got[field] = v.Any()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
		values["there"] = esq.Str("here")
		if !accepted(t, node, values) {
			t.Errorf("%s: does not accept its own example %v", query, got)
		}
	}
}

// accepted reports whether an engine finds a document with the values.
func accepted(t *testing.T, node kuery.Node, values map[string]esq.Value) bool {
	t.Helper()
	hit, err := json.Marshal(map[string]any{"_index": "i", "_id": "d", "_source": values})
	if err != nil {
		t.Fatal(err)
	}
	eng := memory.New(memory.Options{Now: time.Now})
	if _, err := eng.Load(strings.NewReader(string(hit)), "d"); err != nil {
		t.Fatal(err)
	}
	n, _, err := eng.Count(context.Background(), []string{"i"}, kuery.Translate(node))
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}

func TestExampleRefuses(t *testing.T) {
	for query, want := range map[string]string{
		`free`:              "names no field",
		`a*:x`:              "names no field",
		`time > now-1d`:     "no number",
		`free or other`:     "other: names no field",
		`a:{ b:x }`:         "nested",
		`ok:x and (y or z)`: "z: names no field",
	} {
		node, err := kuery.Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kuery.Example(node, func(string) bool { return false }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one of %q", query, err, want)
		}
	}
}
