package esq

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConsoleSearch(t *testing.T) {
	for product, least := range map[string]string{Elasticsearch: "", OpenSearch: `,"min_score":0`} {
		c, err := NewConsole(product)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Search(Search{
			Indices: []string{"logs-*", "a b"}, Query: Term{Field: "user.name", Value: Str("x\u202e\x7f\U000e0001é")},
			Time: "@timestamp", Fields: []Field{{Path: "user.name"}}, Limit: 7,
		})
		if err != nil || len(got) != 1 {
			t.Fatalf("%d requests, %v", len(got), err)
		}
		want := ConsoleRequest{
			Method: "GET",
			Path:   "logs-*,a%20b/_search?allow_no_indices=true&allow_partial_search_results=false&ignore_unavailable=true",
			Body: json.RawMessage(`{"size":7,"query":{"term":{"user.name":{"value":"x\u202e\u007f\udb40\udc01é"}}},` +
				`"sort":[{"@timestamp":{"missing":9223372036854,"numeric_type":"date","order":"asc","unmapped_type":"date"}}],` +
				`"_source":{"includes":["@timestamp","user.name"]},"track_total_hits":true` + least + `}`),
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", product, diff, got[0].Body)
		}
		if !json.Valid(got[0].Body) || !strings.HasPrefix(got[0].String(), "GET logs-*,a%20b/_search?") {
			t.Errorf("not to be pasted: %s", got[0])
		}
	}
	if _, err := NewConsole("lucene"); err == nil {
		t.Error("a product that is none")
	}
}

// What goes to a cluster in parts is pasted in parts.
func TestConsoleParts(t *testing.T) {
	c, err := NewConsole(OpenSearch)
	if err != nil {
		t.Fatal(err)
	}
	var many []Query
	for i := range 2 * c.dialect.limits.clauses {
		many = append(many, Prefix{Field: "file.path", Value: fmt.Sprint(i)})
	}
	got, err := c.Count([]string{"logs"}, Or(many...))
	if err != nil || len(got) != 2 {
		t.Errorf("%d requests, want 2; %v", len(got), err)
	}
}
