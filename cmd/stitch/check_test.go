package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/lint"
)

func TestCheckWarns(t *testing.T) {
	rule := write(t, "rule.toml", strings.Replace(eventRule, `event.action:copy`, `event.acton:copy`, 1))
	warning := rule + ":7: Any event: warning unknown-field: ECS has no field event.acton; did you mean event.action? Else silence the code\n"
	r := call{}.run(t, "check", rule)
	r.want(t, exitFine, warning, "")
	r.want(t, exitFine, "warning no-tests: ", "")
	r.want(t, exitFine, "1 rule, no problems, 2 warnings\n", "")
	call{}.run(t, "check", "--strict", rule).want(t, exitProblems, warning, "")

	silent := write(t, "rule.toml", eventRule+"[rule.lint]\nno-tests = \"tried by hand\"\n")
	call{}.run(t, "check", "--strict", silent).want(t, exitFine, "1 rule, no problems\n", "")
	mute := write(t, "rule.toml", eventRule+"[rule.lint]\nno-tests = \" \"\n")
	call{}.run(t, "check", mute).want(t, exitProblems, `:10: Any event: a warning is silenced with the reason, as in no-tests = "why"`, "")
}

func TestCheckForMachines(t *testing.T) {
	rule, broken := write(t, "rule.toml", eventRule), write(t, "broken.toml", brokenRule)
	var found checked
	decode(t, call{}.run(t, "check", "--output", "json", rule), exitFine, &found)
	want := checked{Rules: 1, Problems: rules.Problems{}, Warnings: []lint.Finding{{
		Code: "no-tests", File: rule, RuleID: "0d3a5b1e-61c9-4d0c-9c5a-111111111111", Rule: "Any event",
		Reason: "there are no tests beside the rule", Mend: "write some; stitch test --init " + rule + " makes the first",
	}}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
	found = checked{}
	decode(t, call{}.run(t, "check", "--output", "json", broken), exitProblems, &found)
	if len(found.Problems) != 2 || found.Problems[0].File != broken || found.Problems[0].Line != 5 {
		t.Errorf("problems %+v", found.Problems)
	}

	var log sarifLog
	decode(t, call{}.run(t, "check", "--output", "sarif", broken), exitProblems, &log)
	results := log.Runs[0].Results
	if len(results) != 2 || results[0].Level != "error" || results[0].Locations[0].PhysicalLocation.Region.StartLine != 5 {
		t.Errorf("results %+v", results)
	}
	decode(t, call{}.run(t, "check", "--output", "sarif", rule), exitFine, &log)
	codes := map[string]bool{}
	for _, c := range log.Runs[0].Tool.Driver.Rules {
		codes[c.ID] = true
	}
	for _, r := range log.Runs[0].Results {
		if !codes[r.RuleID] || r.Level != "warning" {
			t.Errorf("result %+v", r)
		}
	}
	call{}.run(t, "check", "--output", "xml").want(t, exitUsage, "", "--output must be text, json or sarif")
}

func decode(t *testing.T, r result, code int, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.out), into); err != nil || r.code != code {
		t.Fatalf("exit code %d, %v\n%s%s", r.code, err, r.out, r.err)
	}
}

func TestCheckMeasures(t *testing.T) {
	call{}.run(t, "check", "--measure").want(t, exitUsage, "", "STITCH_URL")
}
