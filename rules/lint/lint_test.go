package lint_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/lint"
)

const head = `[rule]
rule_id = "r"
name = "R"
severity = "low"
risk_score = 21
index = ["logs-*"]
`

func load(t *testing.T, texts ...string) (*rules.Set, string) {
	t.Helper()
	folder := t.TempDir()
	for i, text := range texts {
		if err := os.WriteFile(filepath.Join(folder, string(rune('a'+i))+".toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := rules.Load([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	return set, folder
}

func readText(file string) (string, error) {
	text, err := os.ReadFile(file)
	return string(text), err
}

func tested(string) bool { return true }

var now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// found are the findings of a file, as "LINE CODE: REASON; MEND".
func found(t *testing.T, text string, hasTests func(string) bool) []string {
	t.Helper()
	set, folder := load(t, text)
	findings, err := lint.Check(set, now, readText, hasTests)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range findings {
		line, ok := strings.CutPrefix(f.String(), filepath.Join(folder, "a.toml")+":")
		if !ok {
			t.Errorf("%s: no place", f)
		}
		out = append(out, line)
	}
	return out
}

func TestCheck(t *testing.T) {
	const query = "type = \"query\"\nquery = '"
	const chain = `type = "sequence"
interval = "5m"
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name : a.user.name'
`
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nothing": {head + query + "user.name:x'", nil},
		"unknown-field": {head + query + "user.nmae:x or process.Ext.code:y or labels.mine:z or file.path.text:a or o365.x:b or user.*:c'", []string{
			"8: R: warning unknown-field: ECS has no field user.nmae; did you mean user.name? Else silence the code",
		}},
		"leading-wildcard": {head + query + "file.path:*.exe or file.name:* or file.name:a*'", []string{
			`8: R: warning leading-wildcard: "*.exe" begins with a wildcard, so the engine reads every value of the field; begin with a letter, or ask for a field that holds just that part`,
		}},
		"leading-wildcard of a stage": {head + strings.Replace(chain, `event.action == "b"`, `file.name : ("*.exe", "a*") and file.path regex ".*x"`, 1), []string{
			`14: R: warning leading-wildcard: "*.exe" begins with a wildcard, so the engine reads every value of the field; begin with a letter, or ask for a field that holds just that part`,
		}},
		"exact-text": {head + strings.Replace(chain, `event.action == "b"`, `message == "b" or message : "c*"`, 1), []string{
			"14: R: warning exact-text: message is indexed word by word, so an exact comparison is decided document by document; compare with a pattern, or use a keyword field",
		}},
		"interval-gap": {head + "interval = \"1h\"\nfrom = \"now-5m\"\n" + query + "user.name:x'", []string{
			`7: R: warning interval-gap: a run looks back 5m and the next comes after 1h; stitch covers the time between, the first run and other engines do not; set from = "now-1h" or more`,
		}},
		"interval-gap of windows": {head + "schedule = \"0 6 * * 1-5\"\nfrom = \"now-1d\"\n" + strings.Replace(chain, "interval = \"5m\"\n", "", 1) + "[rule.stage.summarize]\nby = [\"user.name\"]\n", []string{
			`1: R: warning interval-gap: a run looks back 1d and the next comes after 3d, so events between the windows are never looked at; set from = "now-3d" or more`,
		}},
		"many-windows": {head + chain + "[rule.stage.summarize]\nby = [\"user.name\"]\n", []string{
			"8: R: warning many-windows: the rule sums up windows every 5m and waits 1d for late documents, so up to 288 windows are evaluated again; choose a longer interval, a shorter lateness, or a sliding window in the stage (window, having)",
		}},
		"severity-score": {strings.Replace(head, "risk_score = 21", "risk_score = 73", 1) + query + "user.name:x'", []string{
			"5: R: warning severity-score: severity low goes with a risk_score of 0 to 21, and it is 73; change one of the two",
		}},
		"lone-stage": {head + strings.Replace(chain, "join = 'user.name : a.user.name'", "", 1), []string{
			"9: R: warning lone-stage: no join ties stage a to another: each of its rows stands with every chain that the times allow; join it on a person, a machine or a file",
			"12: R: warning lone-stage: no join ties stage b to another: each of its rows stands with every chain that the times allow; join it on a person, a machine or a file",
		}},
		"join-without-key": {head + strings.Replace(chain, "user.name : a.user.name", "startsWith(file.path, a.file.path)", 1), []string{
			"9: R: warning join-without-key: nothing of stage a must equal something of another stage, so every pair of rows is compared; add an equality to its join",
			"12: R: warning join-without-key: nothing of stage b must equal something of another stage, so every pair of rows is compared; add an equality to its join",
		}},
		"a key in one of several alternatives": {head + strings.Replace(chain, "user.name : a.user.name", "(user.name : a.user.name or user.id == a.user.id)", 1), nil},
		"join-multiplies": {head + chain + "[rule.alert]\nanchor = \"a\"\nby = [\"a\", \"b\"]\n", []string{
			"18: R: warning join-multiplies: an alert is made for each row of b beside each of a: n rows and m rows make n times m alerts; name columns, such as the person and the machine, in by",
		}},
		"attack": {head + query + `user.name:x'
[[rule.threat]]
framework = "MITRE ATT&CK"
[rule.threat.tactic]
id = "TA0010"
name = "Exfiltration"
reference = "https://attack.mitre.org/tactics/TA0010"
[[rule.threat.technique]]
id = "T1078"
name = "Valid accounts"
reference = "https://attack.mitre.org/techniques/T1099/"
[[rule.threat.technique.subtechnique]]
id = "T1052.001"
name = "Exfiltration over USB"
[[rule.threat.technique]]
id = "T1099"
name = "Timestomp"
`, []string{
			"16: R: warning attack-mismatch: T1078 (Valid Accounts) does not serve the tactic TA0010; it serves TA0001, TA0003, TA0004, TA0005; move it or correct the id",
			`17: R: warning attack-outdated: T1078 is called "Valid Accounts"; take that name`,
			"18: R: warning attack-outdated: the page of T1078 is elsewhere; refer to https://attack.mitre.org/techniques/T1078/",
			"20: R: warning attack-mismatch: T1052.001 is no subtechnique of T1078; move it or correct the id",
			"23: R: warning attack-outdated: T1099 is not in ATT&CK 17.0; take the entry that has replaced it",
		}},
		"silenced": {head + query + `user.nmae:x'
[rule.lint]
unknown-field = "a field of ours"
leading-wildcard = "was once needed"
sverity-score = "x"
lateness-short = "we know"
`, []string{
			"11: R: warning idle-silence: leading-wildcard is silenced and finds nothing; take it out",
			"12: R: warning idle-silence: there is no code sverity-score (did you mean severity-score?); correct it or take it out",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := found(t, test.text, tested)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("(-want +got):\n" + diff)
			}
		})
	}
}

func TestTestsAreMissed(t *testing.T) {
	got := found(t, head+"type = \"query\"\nquery = 'user.name:x'", func(string) bool { return false })
	if len(got) != 1 || !strings.Contains(got[0], "no-tests: there are no tests beside the rule; write some; stitch test --init ") {
		t.Error(got)
	}
}

func TestDuplicateNames(t *testing.T) {
	rule := head + "type = \"query\"\nquery = 'user.name:x'\n"
	set, _ := load(t, rule, strings.Replace(rule, `rule_id = "r"`, `rule_id = "s"`, 1))
	findings, err := lint.Check(set, now, readText, tested)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, f := range findings {
		reasons = append(reasons, f.Code+" "+f.Reason)
	}
	want := []string{"duplicate-name rule s has the same name", "duplicate-name rule r has the same name"}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}

func TestExceptions(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "exceptions"), 0o700); err != nil {
		t.Fatal(err)
	}
	const exception = "owner = \"soc\"\nreason = \"x\"\nwhen = 'user.name == \"a\"'\n[[exception]]\nrule = \"r\"\n"
	for name, text := range map[string]string{
		"rule.toml": head + "type = \"query\"\nquery = 'user.name:x'\n",
		"exceptions/e.toml": "[[exception]]\nrule = [\"r\", \"s\"]\nexpires = 2026-03-25\n" + exception + "expires = 2026-03-24\n" + exception +
			"expires = 2026-03-10T12:00:00Z\n" + strings.TrimSuffix(exception, "[[exception]]\nrule = \"r\"\n") + "[[exception]]\nrule = \"*\"\n" + strings.TrimSuffix(exception, "[[exception]]\nrule = \"r\"\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := rules.Load([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	findings, err := lint.Check(set, now, readText, tested)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, f.Code+": "+f.Reason)
	}
	want := []string{
		"exception-idle: there is no rule s",
		"exception-expired: it expires on 2026-03-24",
		"exception-expired: it expired on 2026-03-10",
		"exception-endless: it never expires",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}

func TestLateness(t *testing.T) {
	text := head + "lateness = \"1h\"\ntype = \"query\"\nquery = 'user.name:x'\n"
	set, _ := load(t, text)
	rule := set.Rules[0]
	if _, found := lint.Lateness(rule, text, time.Hour); found {
		t.Error("an hour is not more than an hour")
	}
	f, found := lint.Lateness(rule, text, 90*time.Minute+30*time.Second)
	if want := "documents come up to 1h30m30s late, and the rule expects 1h"; !found || f.Reason != want || f.Line != 7 || f.Mend != `set lateness = "2h"` {
		t.Errorf("%v %+v", found, f)
	}
	if _, found := lint.Lateness(rule, text+"[rule.lint]\nlateness-short = \"known\"\n", 2*time.Hour); found {
		t.Error("found although silenced")
	}
}

func TestShippedRules(t *testing.T) {
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := func(file string) (string, error) {
		text, err := fs.ReadFile(rules.Shipped(), file)
		return string(text), err
	}
	findings, err := lint.Check(set, now, text, tested)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}

func TestCodesAreSorted(t *testing.T) {
	if !slices.IsSortedFunc(lint.Codes(), func(a, b lint.Code) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted")
	}
}
