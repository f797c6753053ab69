package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testedRule = `[rule]
rule_id = "r-1"
name = "R"
type = "sequence"
index = ["app-*"]
maxspan = "1h"

[[rule.stage]]
id = "a"
query = 'any where action == "in"'

[[rule.stage]]
id = "b"
query = 'any where action == "out"'
join = 'user.name == a.user.name'
`

const testsOfRule = `[event.in]
index = "app-1"
at = "+1m"
action = "in"
"user.name" = "jane"

[event.out]
index = "app-1"
at = "+5m"
action = "out"
"user.name" = "jane"

[[test]]
name = "both"
events = ["in", "out"]

[[test.alert]]
stages = { a = 1, b = 1 }
`

const failingTest = `
[[test]]
name = "another <user>"
events = ["in", "out"]

[[test.alert]]
"user.name" = "joe"
stages = { b = 1 }
`

// tested writes a rule with tests, or without, and returns the rule's file.
func tested(t *testing.T, tests string) string {
	t.Helper()
	rule := write(t, "r.toml", testedRule)
	if tests != "" {
		if err := os.WriteFile(strings.TrimSuffix(rule, ".toml")+".test.toml", []byte(tests), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return rule
}

func TestTest(t *testing.T) {
	rule := tested(t, testsOfRule)
	call{}.run(t, "test", rule).want(t, exitFine, "  ok    both\n1 test, 1 passed, 0 failed\n", "")
	call{}.run(t, "test", filepath.Dir(rule)).want(t, exitFine, "1 passed", "")
	call{}.run(t, "test", strings.TrimSuffix(rule, ".toml")+".test.toml").want(t, exitFine, "1 passed", "")
	call{}.run(t, "test", "--run", "nothing", rule).want(t, exitFine, "0 tests", "")
	call{}.run(t, "check", filepath.Dir(rule)).want(t, exitFine, "1 rule, no problems", "")

	call{}.run(t, "test", "--run", "[", rule).want(t, exitUsage, "", "--run")
	call{}.run(t, "test", "--run", "x", "--coverage", rule).want(t, exitUsage, "", "leave out --run")
	call{}.run(t, "test", "--output", "yaml", rule).want(t, exitUsage, "", "text or json")
	call{}.run(t, "test", "nowhere").want(t, exitUsage, "", `cannot find "nowhere"`)
	call{}.run(t, "test", tested(t, "[[test]]\nname = 1\n")).want(t, exitProblems, "", "r.test.toml:2: test.0.name must be a string, not a number")
}

func TestTestShipped(t *testing.T) {
	call{}.run(t, "test").want(t, exitFine, "mass_download_usb_6267ce44.toml\n  ok    the incident\n", "")
}

func TestTestThatFails(t *testing.T) {
	rule := tested(t, testsOfRule+failingTest)
	const why = `  FAIL  another <user>
        FILE:20: an alert that is expected did not come
        line 24: no such alert; the nearest differs in
          user.name
            want "joe"
            got  ["jane"]
2 tests, 1 passed, 1 failed
`
	tests := strings.TrimSuffix(rule, ".toml") + ".test.toml"
	call{}.run(t, "test", rule).want(t, exitProblems, strings.ReplaceAll(why, "FILE", tests), "")
}

func TestTestForMachines(t *testing.T) {
	rule := tested(t, testsOfRule+failingTest)
	junit := filepath.Join(t.TempDir(), "report.xml")
	r := call{}.run(t, "test", "--output", "json", "--junit", junit, rule)
	var got struct {
		Rules []struct {
			Rule  string
			Tests []struct {
				Name, File string
				Line       int
				OK         bool
				Missing    []struct{ Differences []struct{ Field string } }
			}
		}
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != exitProblems {
		t.Fatalf("exit code %d, %v: %s", r.code, err, r.out)
	}
	tests := got.Rules[0].Tests
	if len(tests) != 2 || !tests[0].OK || tests[1].OK || tests[1].Line != 20 || tests[1].Missing[0].Differences[0].Field != "user.name" {
		t.Errorf("%s", r.out)
	}
	text, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Cases    []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Text string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	suite := report.Suites[0]
	if suite.Tests != 2 || suite.Failures != 1 || suite.Cases[0].Failure != nil || suite.Cases[1].Name != "another <user>" || !strings.Contains(suite.Cases[1].Failure.Text, `want "joe"`) {
		t.Errorf("%s", text)
	}
	if r := (call{}).run(t, "test", "--junit", filepath.Join(junit, "x"), rule); r.code != exitUsage || !strings.Contains(r.err, "write JUnit") {
		t.Errorf("exit code %d, %s", r.code, r.err)
	}
}

func TestTestCoverage(t *testing.T) {
	rule := tested(t, testsOfRule)
	call{}.run(t, "test", "--coverage", rule).want(t, exitFine, "    no test makes false, while all else holds:\n      "+rule+":15: b.join: user.name == a.user.name\n", "")
	call{}.run(t, "test", "--coverage", "--require", rule).want(t, exitProblems, rule+":8: stage a dropped\n", "")
	call{}.run(t, "test", "--coverage", tested(t, testsOfRule+failingTest)).want(t, exitProblems, "coverage: none, tests fail", "")
	r := call{}.run(t, "test", "--coverage", "--output", "json", rule)
	if !strings.Contains(r.out, `"mutation": "stage a dropped"`) || !strings.Contains(r.out, `"noticed_by": "both"`) {
		t.Errorf("%s", r.out)
	}
}

func TestTestInit(t *testing.T) {
	rule := tested(t, "")
	file := strings.TrimSuffix(rule, ".toml") + ".test.toml"
	call{}.run(t, "test", rule).want(t, exitFine, "no tests; stitch test --init "+rule, "")
	call{}.run(t, "test", "--require", rule).want(t, exitProblems, "no tests", "")

	call{}.run(t, "test", "--init", rule).want(t, exitFine, file+": written, fires", "")
	call{}.run(t, "test", rule).want(t, exitFine, "  ok    fires\n", "")
	call{}.run(t, "fmt", "--check", file).want(t, exitFine, "", "")
	call{}.run(t, "test", "--init", rule).want(t, exitFine, file+": has tests already", "")
	call{}.run(t, "test", "--init").want(t, exitUsage, "", "name rules")

	hard := write(t, "r.toml", strings.Replace(testedRule, `action == "out"`, `length(name) == 3`, 1))
	file = strings.TrimSuffix(hard, ".toml") + ".test.toml"
	call{}.run(t, "test", "--init", hard).want(t, exitProblems, file+": written, does not fire yet", "")
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "# - stage b: values for length(name) == 3\n") {
		t.Errorf("%s, %v", text, err)
	}
}
