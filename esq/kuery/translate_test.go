package kuery

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// dsl returns the query that a text becomes, as indented JSON.
func dsl(t *testing.T, text string) string {
	t.Helper()
	raw, err := Translate(mustParse(t, text)).MarshalJSON()
	if err != nil {
		t.Fatalf("write query of %q: %v", text, err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		t.Fatalf("indent query of %q: %v", text, err)
	}
	return b.String() + "\n"
}

// TestTranslateGolden compares each testdata/golden/NAME.kql's translation with
// NAME.json beside it; -update writes the latter anew.
func TestTranslateGolden(t *testing.T) {
	queries, err := filepath.Glob("testdata/golden/*.kql")
	if err != nil || len(queries) == 0 {
		t.Fatalf("no golden queries: %v", err)
	}
	for _, path := range queries {
		name := strings.TrimSuffix(path, ".kql")
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := dsl(t, string(text))
			if *update {
				if err := os.WriteFile(name+".json", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s(-want +got):\n%s", text, diff)
			}
			if printed := dsl(t, Print(mustParse(t, string(text)))); printed != got {
				t.Errorf("%s, printed and read again, becomes another query:\n%s", text, cmp.Diff(got, printed))
			}
		})
	}
}

// TestTranslateLeaves spells out, apart from the golden files, what each kind
// of comparison becomes: the one filter of the whole query.
func TestTranslateLeaves(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"f:a", `{"bool":{"should":[{"match":{"f":"a"}}],"minimum_should_match":1}}`},
		{`f:"a"`, `{"bool":{"should":[{"match_phrase":{"f":"a"}}],"minimum_should_match":1}}`},
		{"f:1", `{"bool":{"should":[{"match":{"f":"1"}}],"minimum_should_match":1}}`},
		{"f:true", `{"bool":{"should":[{"match":{"f":true}}],"minimum_should_match":1}}`},
		{"f:*", `{"bool":{"should":[{"exists":{"field":"f"}}],"minimum_should_match":1}}`},
		{"f:a*", `{"bool":{"should":[{"query_string":{"fields":["f"],"query":"a*","analyze_wildcard":true}}],"minimum_should_match":1}}`},
		{"f >= 1", `{"bool":{"should":[{"range":{"f":{"gte":"1"}}}],"minimum_should_match":1}}`},
		{"a", `{"multi_match":{"lenient":true,"query":"a","type":"best_fields"}}`},
		{`"a"`, `{"multi_match":{"lenient":true,"query":"a","type":"phrase"}}`},
		{"+a*", `{"query_string":{"query":"\\+a*","analyze_wildcard":true}}`},
		{"not a", `{"bool":{"must_not":[{"multi_match":{"lenient":true,"query":"a","type":"best_fields"}}]}}`},
	} {
		got, err := Translate(mustParse(t, c.text)).MarshalJSON()
		if err != nil {
			t.Fatalf("write query of %q: %v", c.text, err)
		}
		if want := `{"bool":{"filter":[` + c.want + `]}}`; string(got) != want {
			t.Errorf("Translate(%q)\ngot  %s\nwant %s", c.text, got, want)
		}
	}
}
