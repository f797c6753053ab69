package test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/test/engines"
)

// TestValuesBeyondTheIndex asks clusters for values that their indices do not
// hold: they are found, or, where the documents come by another way, a warning
// counts them.
func TestValuesBeyondTheIndex(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		t.Parallel()
		index := e.Prefix(t) + "beyond"
		flat := `{"type":"flattened","ignore_above":20}`
		if e.Family == engines.OpenSearch {
			flat = `{"type":"flat_object"}`
		}
		e.Must(t, http.MethodPut, "/"+index, `{"settings":{"number_of_shards":1,"number_of_replicas":0},"mappings":{"dynamic":false,"properties":{
			"@timestamp":{"type":"date"},"kind":{"type":"keyword"},"path":{"type":"keyword","ignore_above":20},"flat":`+flat+`,
			"address":{"type":"ip","ignore_malformed":true},"plain":{"type":"keyword","index":false}}}}`)
		long := `E:\\` + strings.Repeat("x", 300)
		var body strings.Builder
		for id, fields := range map[string]string{
			"alone":     `"path":"` + long + `"`,
			"listed":    `"path":["C:\\short","` + long + `"]`,
			"leaf":      `"flat":{"path":"` + long + `"}`,
			"malformed": `"address":"E:\\no address"`,
			"unindexed": `"plain":"` + long + `"`,
			"unmapped":  `"never":"` + long + `"`,
		} {
			fmt.Fprintf(&body, `{"index":{"_index":%q,"_id":%q}}`+"\n"+`{"@timestamp":"2026-03-10T10:00:00Z","kind":%q,%s}`+"\n", index, id, id, fields)
		}
		e.Must(t, http.MethodPost, "/_bulk?refresh=true", body.String())
		cluster, err := esq.Open(context.Background(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		silent := e.Family == engines.OpenSearch
		for _, test := range []struct {
			kind, field string
			found       bool // by the value alone
			warned      bool // when it comes by its kind
		}{
			{"alone", "path", true, false},
			{"listed", "path", !silent, silent},
			{"leaf", "flat.path", silent, !silent}, // a flat_object has no ignore_above
			{"malformed", "address", true, false},
			{"unindexed", "plain", true, false},
			{"unmapped", "never", false, true},
		} {
			t.Run(test.kind, func(t *testing.T) {
				begins := fmt.Sprintf(`startsWith(%s, "E:\\")`, test.field)
				got := len(runOver(t, cluster, index, fmt.Sprintf(`kind == %q and %s`, test.kind, begins)).Alerts) == 1
				if got != test.found {
					t.Errorf("found by the value: %t, want %t", got, test.found)
				}
				result := runOver(t, cluster, index, fmt.Sprintf(`kind == %q and (%s or true)`, test.kind, begins))
				var counted []string
				for _, w := range result.Warnings {
					if strings.HasPrefix(w, "stage a: 1 documents have values in "+test.field+" that may not be found") {
						counted = append(counted, test.field)
					}
				}
				want := map[bool][]string{true: {test.field}}[test.warned]
				if diff := gocmp.Diff(want, counted); diff != "" || len(result.Alerts) != 1 {
					t.Errorf("%d alerts, warnings %q (-want +got):\n%s", len(result.Alerts), result.Warnings, diff)
				}
			})
		}
	})
}

// runOver runs a rule of one condition over an index.
func runOver(t *testing.T, engine esq.Searcher, index, condition string) *rules.Result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rule.toml")
	text := fmt.Sprintf(`[rule]
rule_id = "r"
name = "R"
type = "sequence"
index = [%q]
[[rule.stage]]
id = "a"
query = '''any where %s'''
`, index, condition)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	result, err := set.Rules[0].Run(context.Background(), engine, rules.Window{From: from, To: from.AddDate(0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return result
}
