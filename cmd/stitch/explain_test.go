package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/explain"
	"github.com/stitchdetect/stitch/scheduler/triage"
	"github.com/stitchdetect/stitch/test/engines"
)

func scenarioData(name string) string {
	return filepath.Join("..", "..", "test", "scenarios", name, "docs.ndjson")
}

const (
	usbRule = "8a30d849"
	at      = "2026-03-10T10:00:00Z"
	jane    = "user=anna.lindqvist@nordwind.example"
)

func TestExplainGolden(t *testing.T) {
	for name, args := range map[string][]string{
		"plan.txt":               {usbRule, "--at", at},
		"plan-grouped.txt":       {"6267ce44", "--at", at},
		"plan-data.txt":          {usbRule, "--at", at, "--data", scenarioData("incident")},
		"dsl-elasticsearch.txt":  {usbRule, "--at", at, "--dsl", "--family", "elasticsearch"},
		"dsl-opensearch.txt":     {usbRule, "--at", at, "--dsl", "--family", "opensearch"},
		"dsl-data.txt":           {usbRule, "--at", at, "--dsl", "--data", scenarioData("incident")},
		"why-not.txt":            {usbRule, "--at", at, "--why-not", jane, "--data", scenarioData("copy-over-a-day-after")},
		"why-not.json":           {usbRule, "--at", at, "--why-not", jane, "--data", scenarioData("copy-over-a-day-after"), "--output", "json"},
		"why-not-odd-values.txt": {usbRule, "--at", at, "--why-not", jane, "--data", scenarioData("copy-other-normal-form")},
	} {
		t.Run(name, func(t *testing.T) {
			r := call{}.run(t, append([]string{"explain"}, args...)...)
			if r.code != exitFine {
				t.Fatalf("exit code %d: %s", r.code, r.err)
			}
			golden(t, filepath.Join("testdata", "explain", name), r.out)
		})
	}
}

// The replay of the files finds the alert, whose requests are then shown.
func TestExplainWhy(t *testing.T) {
	data := scenarioData("incident")
	first := call{}.run(t, "replay", "--data", data, "--rule", "8a30d849-6e54-41a0-9cbb-d8f055b4dd19", "--output", "ndjson")
	alert, err := triage.Decode([]byte(first.out))
	if err != nil {
		t.Fatal(err)
	}
	r := call{}.run(t, "explain", "--why", alert.ID, "--data", data)
	r.want(t, exitFine, "# the rule finds it again, with as many documents of each stage\n", "")
	golden(t, filepath.Join("testdata", "explain", "why.txt"), r.out)
	call{}.run(t, "explain", "--why", "nobody", "--data", data).want(t, exitProblems, "", `no alert "nobody"`)
}

func TestExplainUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "name one rule"},
		{[]string{"nowhere"}, `no rule "nowhere"; there are`},
		{[]string{usbRule, "--why-not", jane}, "say when with --at"},
		{[]string{usbRule, "--why-not", "jane", "--at", at}, "is not COLUMN=VALUE"},
		{[]string{usbRule, "--why-not", "planet=earth", "--at", at, "--data", scenarioData("incident")}, "no stage of the rule has a column planet"},
		{[]string{usbRule, "--family", "lucene", "--dsl"}, `no product "lucene"`},
		{[]string{usbRule, "--family", "opensearch"}, "--family goes with --dsl"},
		{[]string{usbRule, "--why", "x"}, "--why stands alone"},
		{[]string{usbRule, "--output", "yaml"}, "--output must be text or json"},
	} {
		call{}.run(t, append([]string{"explain"}, c.args...)...).want(t, exitUsage, "", c.says)
	}
}

// What is in documents does not reach the terminal as it is.
func TestExplainPrintable(t *testing.T) {
	rule := write(t, "rule.toml", `
[rule]
rule_id = "0b0f4a55-6f0b-4c1c-9d0e-3c7a4b8a2f11"
name = "A rule"
type = "sequence"
index = ["logs-a"]
[[rule.stage]]
id = "one"
query = 'any where event.action == "a\u{202e}b"'
`)
	data := write(t, "d.ndjson", `{"_index":"logs-a","_id":"\u001b[31m","_source":{"@timestamp":"2026-03-10T10:00:00Z","event":{"action":"\u001b]0;x\u0007"},"user":{"name":"jane"}}}`+"\n")
	for _, more := range [][]string{{"--why-not", "user.name=jane"}, {"--dsl"}, nil} {
		r := call{}.run(t, append([]string{"explain", rule, "--at", at, "--data", data}, more...)...)
		if r.code != exitFine || strings.ContainsAny(r.out, "\x1b\x07\u202e") {
			t.Errorf("%v: exit code %d, %q", more, r.code, r.out+r.err)
		}
	}
}

// The requests that are printed are accepted by real engines, and bring what the
// run found.
func TestExplainOnClusters(t *testing.T) {
	shipped, err := filepath.Abs(filepath.Join("..", "..", "rules"))
	if err != nil {
		t.Fatal(err)
	}
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		prefix := e.Prefix(t)
		day := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
		loadDemo(t, e, prefix, day)
		set, err := rules.Load([]string{rulesOf(t, shipped, prefix)})
		if err != nil {
			t.Fatal(err)
		}
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		r := set.ByID("8a30d849-6e54-41a0-9cbb-d8f055b4dd19")
		asked, err := explain.Ask(t.Context(), cluster, cluster.Console(), r, day.AddDate(0, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		brought := int64(0)
		for _, a := range asked {
			if a.Documents == nil || len(a.Requests) != 1 {
				continue
			}
			if got := total(t, e, a.Requests[0].String()); got != *a.Documents {
				t.Errorf("stage %s, %s: the run had %d documents, the request brings %d", a.Stage, a.Source, *a.Documents, got)
			}
			brought += *a.Documents
		}
		if brought == 0 {
			t.Error("no question brought anything")
		}
	})
}

// total sends a request as a console would and returns how many hits it counts.
func total(t *testing.T, e engines.Engine, pasted string) int64 {
	t.Helper()
	head, body, _ := strings.Cut(pasted, "\n")
	method, path, _ := strings.Cut(head, " ")
	var answer struct {
		Hits struct {
			Total struct{ Value int64 }
		}
	}
	if err := json.Unmarshal(e.Must(t, method, "/"+path, body), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Hits.Total.Value
}
