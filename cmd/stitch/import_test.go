package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exportedRules = `{"rule_id":"5d0a4b1e-1","name":"Logon of the operator","description":"d","type":"query","language":"kuery","query":"user.name: operator","index":["logs-*"],"severity":"low","risk_score":21}
{"rule_id":"r-2","name":"Ten logons","description":"d","type":"machine_learning","severity":"low","risk_score":21}
{"exported_count":2}
`

func TestImport(t *testing.T) {
	export := write(t, "export.ndjson", exportedRules)
	out := filepath.Join(t.TempDir(), "rules")
	r := call{}.run(t, "import", export, "--out", out, "--output", "json")
	var got []imported
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != exitProblems {
		t.Fatalf("exit code %d, %v\n%s%s", r.code, err, r.out, r.err)
	}
	file := filepath.Join(out, "logon_of_the_operator_5d0a4b1e.toml")
	want := []imported{
		{From: export + ":1", ID: "5d0a4b1e-1", Name: "Logon of the operator", Runs: true, File: file},
		{From: export + ":2", ID: "r-2", Name: "Ten logons", Missing: []string{
			`type "machine_learning" is not run by stitch; it runs query (in kuery) and sequence`,
		}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(imported{})); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
	call{}.run(t, "check", out).want(t, exitFine, "1 rule, no problems, 1 warning\n", "")
	call{}.run(t, "fmt", "--check", out).want(t, exitFine, "", "")
	call{}.run(t, "import", export, "--out", out).want(t, exitProblems, "", file+" is there already")

	call{}.run(t, "import", file).want(t, exitFine, "1 rule: 1 run, 0 do not\n", "")
	call{}.run(t, "import", export).want(t, exitProblems, "does not run  Ten logons", "")
}

func TestImportOfOtherFiles(t *testing.T) {
	call{}.run(t, "import").want(t, exitUsage, "", "name rule files")
	call{}.run(t, "import", "nowhere.ndjson").want(t, exitUsage, "", `cannot find "nowhere.ndjson"`)
	call{}.run(t, "import", write(t, "x.ndjson", "{}\nno JSON\n")).want(t, exitProblems, "", "line 2: not a JSON object")
	call{}.run(t, "import", write(t, "x.ndjson", "{}\n")).want(t, exitProblems, "", "no rule in it")
	broken := write(t, "broken.toml", "[rule\n")
	call{}.run(t, "import", broken).want(t, exitProblems, "does not run  "+broken, "")
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "stitch-import-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
