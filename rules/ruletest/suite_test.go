package ruletest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/ruletest"
)

// TestShipped runs the tests of the shipped rules. Every rule has some, and
// they notice every mutation but those that are harmless.
func TestShipped(t *testing.T) {
	suites, err := ruletest.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range suites {
		t.Run(s.RuleFile, func(t *testing.T) {
			if len(s.Tests) == 0 {
				t.Errorf("no %s", s.File)
			}
			for _, test := range s.Tests {
				if r := s.Run(context.Background(), test); !r.OK() {
					t.Errorf("%s:%d: %s: %d of %d alerts, missing %+v, error %v", s.File, test.Line, test.Name, len(r.Alerts), r.Want, r.Missing, r.Err)
				}
			}
			if t.Failed() || testing.Short() {
				return
			}
			c := s.Coverage(context.Background())
			for _, o := range c.Unnoticed() {
				t.Errorf("%s:%d: no test notices: %s", s.RuleFile, o.Line, o.Name)
			}
			if len(c.Stale) > 0 {
				t.Errorf("%s: not harmless: %q", s.File, c.Stale)
			}
		})
	}
}

// rule is a chain of two stages over indices of its own.
const rule = `[rule]
rule_id = "r-1"
name = "R"
type = "sequence"
index = ["app-*"]
interval = "10m"
maxspan = "1h"

[[rule.stage]]
id = "a"
query = 'any where action : "in" and not user.name in ("root", "admin")'

[[rule.stage]]
id = "b"
query = 'any where action == "out" and bytes > 10'
join = 'user.name == a.user.name'
`

// events are what the tests of rule build on.
const events = `start = "2026-02-01T00:00:00Z"

[event.in]
index = "app-1"
at = "+1m"
action = "in"
"user.name" = "jane"

[event.out]
index = "app-1"
at = "+5m"
action = "out"
bytes = 11
user.name = "jane"
`

// write puts a rule and its tests into a folder and returns the rule's file.
func write(t *testing.T, rule, tests string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "r.toml")
	for file, text := range map[string]string{name: rule, strings.TrimSuffix(name, ".toml") + ".test.toml": tests} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

func load(t *testing.T, rule, tests string) *ruletest.Suite {
	t.Helper()
	suites, err := ruletest.Load([]string{write(t, rule, tests)})
	if err != nil {
		t.Fatal(err)
	}
	return suites[0]
}

// outcome is a result as the tests below state it.
type outcome struct {
	OK      bool
	Alerts  int
	Missing []ruletest.Missing
	Extra   int
}

func TestRun(t *testing.T) {
	diff := func(field string, want, got any) ruletest.Difference {
		return ruletest.Difference{Field: field, Want: want, Got: got}
	}
	for _, test := range []struct {
		name, text string
		want       outcome
	}{
		{"as expected", `events = ["in", "out"]
[[test.alert]]
at = "+1m"
stages = { a = 1, b = ["out"] }
"kibana.alert.rule.name" = "R"
"user.name" = "jane"
`, outcome{OK: true, Alerts: 1}},
		{"at another time", `events = ["in +10m", "out +20m"]
[[test.alert]]
at = "2026-02-01T00:10:00Z"
`, outcome{OK: true, Alerts: 1}},
		{"too far apart", `events = ["in", "out +1h 1m 1s"]
alerts = 0
`, outcome{OK: true}},
		{"late", `events = ["in"]
alerts = 1
[[test.event]]
like = "out"
arrives = "+20h"
`, outcome{OK: true, Alerts: 1}},
		{"not arrived by the end", `events = ["in"]
alerts = 0
run = "2h"
[[test.event]]
like = "out"
arrives = "+20h"
`, outcome{OK: true}},
		{"many", `events = ["in"]
[[test.event]]
like = "out"
repeat = 20
every = "1s"
"file.name" = "f-{n}"
[[test.alert]]
stages = { b = 20 }
"file.name" = ["f-1", "f-2", "f-3", "f-4", "f-5", "f-6", "f-7", "f-8", "f-9", "f-10", "f-11", "f-12", "f-13", "f-14", "f-15", "f-16", "f-17", "f-18", "f-19", "f-20"]
`, outcome{OK: true, Alerts: 1}},
		{"a raw document", `events = ["in"]
alerts = 1
[[test.event]]
index = "app-2"
at = "+2m"
document = { action = "out", bytes = 99, user = { name = "jane" } }
`, outcome{OK: true, Alerts: 1}},
		{"without a column", `events = ["in"]
alerts = 0
[[test.event]]
like = "out"
without = ["bytes"]
`, outcome{OK: true}},
		{"none came", `events = ["in"]
[[test.alert]]
at = "+1m"
`, outcome{Missing: []ruletest.Missing{{Line: 19}}}},
		{"too many", `events = ["in", "in", "out"]
[[test.alert]]
stages = { a = ["in"] }
`, outcome{Alerts: 2, Extra: 1}},
		{"another than expected", `events = ["in", "out"]
[[test.alert]]
stages = { a = 1, b = 2 }
"user.name" = "joe"
`, outcome{Alerts: 1, Missing: []ruletest.Missing{{Line: 19, Differences: []ruletest.Difference{
			diff("stages.b", 2.0, 1.0), diff("user.name", "joe", []any{"jane"})}}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := load(t, rule, events+"\n[[test]]\nname = 'x'\n"+test.text)
			r := s.Run(context.Background(), s.Tests[0])
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			got := outcome{OK: r.OK(), Alerts: len(r.Alerts), Missing: r.Missing, Extra: len(r.Extra)}
			for i := range got.Missing {
				got.Missing[i].Nearest = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"not TOML", "[[test]\n", []string{":2: not TOML: expected end of table array name delimiter ']', but got '\\n' instead"}},
		{"nothing", "", []string{": no [[test]]"}},
		{"everything at once", `begin = 1
run = "soon"
[event.one]
like = "two"
[event.two]
like = "one"
[[test]]
[[test]]
name = "x"
events = ["three", "one"]
alerts = 1
[[test.event]]
view = "downlod"
at = "+5"
[[test.event]]
view = "download"
at = "+5m"
"file.nam" = "x"
[[test.event]]
view = "download"
source = "o366"
at = "+5m"
[[test.event]]
at = "+5m"
[[test.event]]
view = "download"
source = "o365"
at = "+5m"
repeat = 0
"user.id" = "x"
[[test.alert]]
[[test.alert]]
at = "noon"
[[harmless]]
mutation = "x"
`, []string{
			`:1: unknown key "begin"; remove it or correct it`,
			`:2: run must be a duration such as 24h, not "soon"`,
			`:6: event one is like itself`,
			`:7: a test without a name; add name = "..."`,
			`:7: a test without events; name some with events = [...], or add [[test.event]]`,
			`:7: nothing is expected; add [[test.alert]], or alerts = 0`,
			`:10: no event "three"; there are one, two`,
			`:11: alerts = 1, and 2 are described`,
			`:14: at: "+5" is not a time; write it like +5m or -1d 2h`,
			`:18: view download lists no column "file.nam" (did you mean file.name?)`,
			`:21: view download has no source "o366" (did you mean o365?)`,
			`:23: an event of no view and no index; add view = "...", or index = "..." and document`,
			`:29: repeat must be a number from 1 to 100000`,
			`source o365 of view download never has user.id; leave it out, or choose another source`,
			`nothing is said of the alert`,
			`:33: at: noon is not a time`,
			`:34: a harmless mutation needs mutation`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ruletest.Load([]string{write(t, rule, test.text)})
			var problems rules.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error %v, want problems", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no problem %q", want)
				}
			}
			if t.Failed() {
				t.Log(err)
			}
		})
	}
}

func TestCoverage(t *testing.T) {
	s := load(t, rule, events+`
[[harmless]]
mutation = "a.query: action : \"in\" without folding"
reason = "never written otherwise"

[[harmless]]
mutation = "b.query: bytes > 10 removed"
reason = "not true"

[[test]]
name = "both"
events = ["in", "out"]
alerts = 1

[[test]]
name = "a small one"
events = ["in"]
alerts = 0
[[test.event]]
like = "out"
bytes = 10

[[test]]
name = "another user"
events = ["in"]
alerts = 0
[[test.event]]
like = "out"
"user.name" = "joe"
`)
	c := s.Coverage(context.Background())
	var got []string
	for _, o := range c.Unnoticed() {
		got = append(got, o.Name)
	}
	want := []string{
		`a.query: user.name not in ("root", "admin") removed`,
		`a.query: user.name in ("root", "admin") without "root"`,
		`a.query: user.name in ("root", "admin") without "admin"`,
		`b.query: action == "out" removed`,
		`b: order after a dropped`,
		`maxspan halved`,
		`maxspan doubled`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unnoticed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b.query: bytes > 10 removed"}, c.Stale); diff != "" {
		t.Errorf("stale (-want +got):\n%s", diff)
	}
	if c.Conditions != 5 || c.Tested != 3 || c.Total-c.Killed != len(want) {
		t.Errorf("%d of %d conditions, %d of %d mutations", c.Tested, c.Conditions, c.Killed, c.Total)
	}
}

func TestStart(t *testing.T) {
	shipped, err := ruletest.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(shipped, load(t, rule, events+"[[test]]\nname = 'x'\nevents = ['in']\nalerts = 0\n")) {
		text, fires, err := s.Start(context.Background())
		if err != nil || !fires {
			t.Errorf("%s: fires %v, %v\n%s", s.RuleFile, fires, err, text)
			continue
		}
		if s.RuleFile != "" && filepath.IsAbs(s.RuleFile) {
			again := load(t, rule, text)
			if r := again.Run(context.Background(), again.Tests[0]); !r.OK() || len(r.Alerts) == 0 {
				t.Errorf("%s: its first test: %+v", s.RuleFile, r)
			}
		}
	}
}

func TestStartSaysWhatIsMissing(t *testing.T) {
	impossible := strings.Replace(rule, `bytes > 10`, `length(file.name) == 3 and cidrMatch(source.ip, "10.0.0.0/8")`, 1)
	s := load(t, impossible, events+"[[test]]\nname = 'x'\nevents = ['in']\nalerts = 0\n")
	text, fires, err := s.Start(context.Background())
	if err != nil || fires {
		t.Fatalf("fires %v, %v", fires, err)
	}
	for _, want := range []string{"# - stage b: values for length(file.name) == 3\n", `# - stage b: values for cidrMatch(source.ip, "10.0.0.0/8")`, "\n[event.b]\n", "\n#[[test]]\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestDocs runs the tests that the documentation shows on the rule that it shows.
func TestDocs(t *testing.T) {
	block := func(page string) string {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(text), "```toml\n")
		section, _, ok := strings.Cut(section, "```\n")
		if !ok {
			t.Fatalf("no TOML on %s", page)
		}
		return section
	}
	s := load(t, block("rules.md"), block("rule-tests.md"))
	for _, test := range s.Tests {
		if r := s.Run(context.Background(), test); !r.OK() {
			t.Errorf("%s: %d of %d alerts, missing %+v, error %v", test.Name, len(r.Alerts), r.Want, r.Missing, r.Err)
		}
	}
}
