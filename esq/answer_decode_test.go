package esq_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

var leafFields = []esq.Field{
	{Path: "a"}, {Path: "a.b"}, {Path: "a.b.c"}, {Path: "b"}, {Path: "c.a"}, {Path: "a.b"}, {Path: "ä.b"},
}

// leaves are what DecodeSource and Extract make of a source.
func leaves(t interface{ Fatalf(string, ...any) }, raw []byte, fields []esq.Field) [][]esq.Value {
	source, err := esq.DecodeSource(raw)
	if err != nil {
		t.Fatalf("%q was read, and is no source: %v", raw, err)
	}
	out := make([][]esq.Value, len(fields))
	for i, f := range fields {
		out[i] = esq.Extract(source, f)
	}
	return out
}

func FuzzReadLeaves(f *testing.F) {
	for _, s := range slices.Concat(sources, []string{
		`{"a":{"b":{"c":["x",["y",null],{"d":1}],"d":{}}},"b":[1,true,1.5,123456789012345678901234567890]}`,
		`{"a":[{"b":1},{"b":[2,{"c":3}]},"x"],"c":{"a":"z"},"ä":{"b":"ö"}}`, `{"c.a":1}`, `{"c":{"a":{"x":1},"x.y":2}}`,
	}) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got, ok := esq.ReadLeaves(raw, leafFields); ok {
			if want := leaves(t, raw, leafFields); !reflect.DeepEqual(want, got) {
				t.Errorf("%q: %v, want %v", raw, got, want)
			}
		}
	})
}

// Plain sources, as integrations have them, are read in one pass, and as they
// are by the way that takes all.
func TestPlainSourcesAreReadInOnePass(t *testing.T) {
	object := rapid.Custom(func(t *rapid.T) map[string]any { return plainObject(t, 3) })
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.Marshal(object.Draw(t, "source"))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := esq.ReadLeaves(raw, leafFields)
		if want := leaves(t, raw, leafFields); !ok || !reflect.DeepEqual(want, got) {
			t.Fatalf("%s: %v %v, want %v", raw, ok, got, want)
		}
	})
}

func plainObject(t *rapid.T, depth int) map[string]any {
	out := map[string]any{}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "ä", "d"}), 0, 4, rapid.ID).Draw(t, "keys") {
		out[key] = plainValue(t, depth)
	}
	return out
}

func plainValue(t *rapid.T, depth int) any {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"", "x", "grün", `E:\out`, "a\"b\n"}).Draw(t, "text")
	case 1:
		return rapid.SampledFrom([]float64{0, -1, 1.5, 1e300}).Draw(t, "number")
	case 2:
		return rapid.Bool().Draw(t, "truth")
	case 3:
		return nil
	case 4:
		return plainObject(t, depth-1)
	}
	list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
	for i := range list {
		list[i] = plainValue(t, depth-1)
	}
	return list
}

// What is asked of objects beside others is left to the way that takes all.
func TestConditionsAreNotReadInOnePass(t *testing.T) {
	raw := []byte(`{"e":[{"Type":"ip","Address":"1.2.3.4"}],"x":"y"}`)
	if _, ok := esq.ReadLeaves(raw, []esq.Field{{Path: "e.Address", Where: map[string]string{"Type": "ip"}}, {Path: "x"}}); ok {
		t.Error("an object with a condition")
	}
	if got, ok := esq.ReadLeaves([]byte(`{"x":"y"}`), []esq.Field{{Path: "e.Address", Where: map[string]string{"Type": "ip"}}, {Path: "x"}}); !ok || len(got[1]) != 1 {
		t.Errorf("a document without the object: %v %v", got, ok)
	}
}

var answers = []string{
	`{}`, `null`, `[]`, ``, `{"took":1,"timed_out":true,"terminated_early":true,"_shards":{"total":2,"successful":1,"skipped":0,"failed":1},"num_reduce_phases":2,"pit_id":"x"}`,
	`{"hits":{"total":{"value":3,"relation":"eq"},"max_score":null,"hits":[{"_index":"i","_id":"ä\"","_score":null,"_ignored":["a"],"_source":{"a":1},"sort":[1,"b",null]},
		{"_index":"i","_id":"2","_seq_no":7,"_primary_term":1,"_source":null,"fields":{}}]}}`,
	`{"hits":{"hits":[{"_index":"i","_index":"j"}]}}`, `{"hits":{"hits":null}}`, `{"hits":{"hits":[null]}}`, `{"HITS":{"hits":[{"_ID":"x"}]}}`, `{"took":1.5}`, `{"took":1,"took":2}`,
	`{"aggregations":{"groups":{"buckets":[{"key":{"0":"\u00e9"}}]}}}`, `{"hits":{"hits":[{"_id":"\u00e9","_seq_no":1e2}]}}`, `{"hits":{"hits":[{"_id":"x"`, `{"took":1} x`,
	`{"took":3,"responses":[{"took":1,"status":200,"hits":{"hits":[]}},{"error":{"type":"x"},"status":400}]}`, `{"responses":[null]}`, `{"responses":null,"_shards":{}}`,
}

func FuzzReadAnswer(f *testing.F) {
	for _, s := range answers {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, read := range map[string]func([]byte) (any, any, error, error){"a search": esq.ReadAnswer, "searches": esq.ReadAnswers} {
			got, want, err, wantErr := read(body)
			if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Fatalf("%s, %q: %v, encoding/json says %v", name, body, err, wantErr)
			}
			if err == nil && !reflect.DeepEqual(want, got) {
				t.Errorf("%s, %q:\n%+v, encoding/json says\n%+v", name, body, got, want)
			}
		}
	})
}

// Hits bring the same values whichever way their documents are spelled.
func TestValuesOfHits(t *testing.T) {
	body := `{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":{"value":%d,"relation":"eq"},"hits":[%s]}}`
	var hits []string
	for i, source := range []string{
		`{"a":{"b":"x"},"n":[1,"one"]}`, `{"a":{"b":"x"},"n":2}`, `{"a.b":"x"}`, `{"a":[{"b":"x"},{"b":"\u0078"}]}`, `{"n":null}`, `{}`,
	} {
		hits = append(hits, fmt.Sprintf(`{"_index":"i","_id":"%d","sort":[%d],"_source":%s}`, i, i, source))
	}
	f := fake{script: []reply{{body: fmt.Sprintf(body, len(hits), strings.Join(hits, ","))}}}
	s := onePage
	s.Fields = []esq.Field{{Path: "a.b"}, {Path: "n"}}
	found, _, err := search(t.Context(), f.open(t), s)
	must(t, err)
	var got []string
	for _, h := range found {
		got = append(got, fmt.Sprint(h.ID, h.Values))
	}
	want := []string{"0[[x] [1 one]]", "1[[x] [2]]", "2[[x] []]", "3[[x x] []]", "4[[] []]", "5[[] []]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A document is sent on one line, whatever its own spacing; what is no JSON is
// not sent.
func TestSourcesAreSentOnOneLine(t *testing.T) {
	f := fake{script: []reply{{body: written("a 201", "b 201", "c 201")}}}
	var ops []esq.Write
	for i, source := range []string{`{"a":"x y\n"}`, "{\n \"a\": [1,\t2]\r\n}\n", `{"a":"\u00e9 <&>"}`, `{"a":}`, ``} {
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: "i", ID: string(rune('a' + i))}, Source: json.RawMessage(source)})
	}
	outcomes, err := f.open(t).Bulk(t.Context(), ops, false)
	must(t, err)
	var sent []string
	for i, line := range strings.Split(strings.TrimSuffix(f.asked[0].Body, "\n"), "\n") {
		if i%2 == 1 {
			sent = append(sent, line)
		}
	}
	if diff := cmp.Diff([]string{`{"a":"x y\n"}`, `{"a":[1,2]}`, `{"a":"\u00e9 <&>"}`}, sent); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{201, 201, 201, 400, 400}, statuses(outcomes)); diff != "" {
		t.Error(diff)
	}
}
