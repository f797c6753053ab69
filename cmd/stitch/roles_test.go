package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Roles are printed without a cluster, for the rules that are loaded.
func TestPrintRoles(t *testing.T) {
	t.Chdir(t.TempDir())
	rule := write(t, "rule.toml", strings.Replace(eventRule, `["events-*"]`, `["events-*", "europe:logs-*"]`, 1))
	r := call{}.run(t, "bootstrap", "--print-roles", "--rules", rule, "--users", "index:people")
	for _, want := range []string{
		"# elasticsearch, runs rules", "\nPUT _security/role/stitch-run\n{\n", "\nPUT _plugins/_security/api/roles/stitch-triage\n{\n",
		`"events-*",` + "\n        " + `"people"`,
	} {
		r.want(t, exitFine, want, "on the remote clusters, give a role of the same name the privileges to read europe:logs-*")
	}

	r = call{}.run(t, "bootstrap", "--print-roles", "--rules", rule, "--product", "opensearch", "--output", "json")
	var got map[string]map[string]struct {
		Cluster []string `json:"cluster_permissions"`
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v: %s", err, r.out)
	}
	if len(got) != 1 || len(got["opensearch"]) != 6 || len(got["opensearch"]["stitch-run"].Cluster) == 0 {
		t.Errorf("got %v", got)
	}
}

// A cluster that is named is asked what it is, and nothing else.
func TestPrintRolesOfTheCluster(t *testing.T) {
	t.Chdir(t.TempDir())
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || r.URL.Path != "/" {
			t.Errorf("it was asked %s %s", r.Method, r.URL)
		}
		return false
	})
	r := call{env: map[string]string{"STITCH_URL": f.URL}}.run(t, "bootstrap", "--print-roles", "--rules", write(t, "rule.toml", eventRule))
	r.want(t, exitFine, "# elasticsearch, ", "")
	if strings.Contains(r.out, "opensearch") {
		t.Errorf("it prints what another product wants:\n%s", r.out)
	}
}

func TestPrintRolesUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--product", "opensearch"}, "--product goes with --print-roles"},
		{[]string{"--rules", "x"}, "--rules goes with --print-roles"},
		{[]string{"--print-roles", "--product", "solr"}, `--product must be elasticsearch or opensearch, not "solr"`},
		{[]string{"--print-roles", "--output", "yaml"}, `--output must be text or json, not "yaml"`},
		{[]string{"--print-roles", "--users", "index:A B"}, "names no index"},
		{[]string{"--print-roles", "--rules", "nowhere"}, "cannot find"},
	} {
		call{}.run(t, append([]string{"bootstrap"}, tt.args...)...).want(t, exitUsage, "", tt.want)
	}
}
