package rules

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write puts files into a new folder and returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// problemsOf loads a folder and returns its problems, without the folder's name.
func problemsOf(t *testing.T, dir string) []string {
	t.Helper()
	_, err := Load([]string{dir})
	var problems Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatalf("Load: %v is not a list of problems", err)
	}
	var out []string
	for _, p := range problems {
		out = append(out, strings.TrimPrefix(p.String(), dir+string(filepath.Separator)))
	}
	return out
}

func TestShippedRulesLoad(t *testing.T) {
	set, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1dda5d7a-a70f-447c-b34f-a72aede41a45", "571ff456-aa7f-4e48-8a88-39698bb5418f", "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84",
		"8a30d849-6e54-41a0-9cbb-d8f055b4dd19", "e53ba448-405c-4220-a0c8-a0a0045dd570",
	}
	for _, id := range want {
		if set.ByID(id) == nil {
			t.Errorf("rule %s is not there", id)
		}
	}
	if len(set.Rules) != len(want) {
		t.Errorf("got %d rules, want %d", len(set.Rules), len(want))
	}
}

const goodStage = `
[rule]
rule_id = "r-1"
name = "R"
type = "sequence"
index = ["logs-*"]
[[rule.stage]]
id = "a"
query = 'any where user.name != null'
`

func TestProblems(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"not toml", map[string]string{"r.toml": "[rule]\nname = \n"}, []string{
			`r.toml:2: not TOML: expected value but found '\n' instead`,
		}},
		{"everything at once", map[string]string{"r.toml": `[rule]
nmae = "R"
rule_id = 5
type = "query"
severity = "hihg"
risk_score = 101
query = 'a:(b or'
`}, []string{
			`r.toml:1: no name; add name = "..."`,
			`r.toml:1: no rule_id; add rule_id = "..."`,
			`r.toml:1: no index; name at least one index or pattern`,
			`r.toml:2: unknown key "rule.nmae" (did you mean name?); remove it or correct it`,
			`r.toml:3: rule.rule_id must be a string, not a number`,
			`r.toml:5: severity "hihg" (did you mean high?) must be one of low, medium, high, critical`,
			`r.toml:6: risk_score 101 must be from 0 to 100`,
			`r.toml:7: query: column 8: `,
		}},
		{"lines in a long query", map[string]string{"r.toml": `[rule]
rule_id = "r"
name = "R"
type = "query"
index = ["logs-*"]
query = '''
a:b and
c:)
'''
`}, []string{`r.toml:8: R: query: column 3: `}},
		{"unknown view", map[string]string{"r.toml": strings.Replace(goodStage, `index = ["logs-*"]`, "", 1) + `
[[rule.stage]]
id = "b"
query = 'downlod where true'
`}, []string{
			`r.toml:9: R: unknown view "any"`,
			`r.toml:13: R: unknown view "downlod" (did you mean download?)`,
		}},
		{"stages", map[string]string{"r.toml": goodStage + `
[[rule.stage]]
id = "b"
query = 'any where length(user.name) > 3 and lenght(x) > 1'
join = 'user.name == c.user.name'
after = ["z"]
[[rule.stage]]
id = "c"
query = 'any where true'
join = 'user.name == '
absent = true
[rule.alert]
anchor = "q"
by = ["nothing.known"]
[rule.alert.details]
X = "zz.user.name"
`}, []string{
			`r.toml:13: R: query: column 37: `,
			`r.toml:19: R: join: column 14: `,
			`r.toml:20: R: nothing says until when stage c is waited for; add within to it, maxspan to the rule, or a stage below that comes after`,
			`r.toml:22: R: anchor: unknown stage "q"`,
			`r.toml:23: R: by: no stage has a column "nothing.known"`,
			`r.toml:25: R: X: column 1: details name STAGE.COLUMN; "zz" is no stage`,
		}},
		{"joins", map[string]string{"r.toml": goodStage + `
[[rule.stage]]
id = "b"
query = 'any where true'
join = 'user.name == c.user.name'
after = "zz"
[[rule.stage]]
id = "c"
query = 'any where true'
`}, []string{
			`r.toml:14: R: stage "b": join: `,
			`r.toml:15: R: stage "b": after: unknown stage "zz"`,
		}},
		{"absent stages", map[string]string{"r.toml": goodStage + `absent = true
[[rule.stage]]
id = "b"
query = 'any where true'
[[rule.stage]]
id = "c"
query = 'any where true'
absent = true
pick = "last"
within = "1h"
[rule.stage.summarize]
by = ["user.name"]
[[rule.stage]]
id = "d"
query = 'any where user.name in all(c.user.name)'
after = []
[rule.alert]
anchor = "c"
by = ["c", "c.user.name"]
[rule.alert.details]
X = "c.user.name"
`}, []string{
			`r.toml:10: R: an absent stage needs a stage above it that is not absent`,
			`r.toml:18: R: an absent stage has no row to pick; remove pick`,
			`r.toml:20: R: an absent stage cannot summarize yet`,
			`r.toml:24: R: query: column 24: all(c.user.name): stage c is absent: there is no row of it to name`,
			`r.toml:27: R: anchor: stage c is absent`,
			`r.toml:28: R: by: stage c is absent`,
			`r.toml:28: R: by: stage c is absent`,
			`r.toml:30: R: X: column 1: stage c is absent`,
		}},
		{"absent stages without bounds", map[string]string{"r.toml": goodStage + `
[[rule.stage]]
id = "b"
query = 'any where true'
absent = true
[[rule.stage]]
id = "c"
query = 'any where true'
absent = true
after = []
[[rule.stage]]
id = "d"
query = 'any where true'
after = "a"
`}, []string{
			`r.toml:14: R: nothing says until when stage b is waited for`,
			`r.toml:18: R: nothing says until when stage c is waited for`,
			`r.toml:19: R: nothing says since when stage c must be absent`,
		}},
		{"an absent stage is named", map[string]string{"r.toml": goodStage + `
[[rule.stage]]
id = "b"
query = 'any where true'
absent = true
within = "1h"
[[rule.stage]]
id = "c"
query = 'any where true'
join = 'user.name == b.user.name'
after = ["b"]
`}, []string{
			`r.toml:19: R: stage "c": join: "b.user.name" is absent: there is no row of it to name`,
			`r.toml:20: R: stage "c": after: "b" is absent: there is no row of it to name`,
		}},
		{"cycle", map[string]string{"r.toml": strings.Replace(goodStage, `id = "a"`, "id = \"a\"\nafter = \"b\"", 1) + `
[[rule.stage]]
id = "b"
query = 'any where true'
`}, []string{`r.toml:9: R: stage "a": after: "b" names a later stage`}},
		{"summarize", map[string]string{"r.toml": goodStage + `[rule.stage.summarize]
by = ["user.name"]
files = "sett(file.name)"
n = "count(x)"
[[rule.stage]]
id = "b"
query = 'any where file.name in all(a.file.name) and x in all(zz.y)'
join = 'file.name == a.file.name'
`}, []string{
			`r.toml:12: R: unknown aggregate sett() (did you mean set?)`,
			`r.toml:13: R: count() takes no column and every other aggregate takes one: "count(x)"`,
			`r.toml:16: R: query: column 24: all(a.file.name): stage a summarizes and has no column "file.name"`,
			`r.toml:16: R: query: column 50: all(zz.y): unknown stage "zz"`,
			`r.toml:17: R: join: column 14: stage a summarizes and has no column "file.name"`,
		}},
		{"entities", map[string]string{"r.toml": goodStage + `[[rule.alert.entity]]
type = "Acount"
FullName = "a.user.name"
[[rule.alert.entity]]
type = "IP"
[[rule.alert.entity]]
type = "Host"
FullName = 1
HostName = "b.host.name"
`}, []string{
			`r.toml:10: R: an entity needs type = one of Account, Host, IP, URL, AzureResource, CloudApplication, DNS, File, FileHash, IoTDevice, Mailbox, MailCluster, MailMessage, Malware, Process, RegistryKey, RegistryValue, SecurityGroup, SubmissionMail (did you mean Account?)`,
			`r.toml:13: R: an entity without identifiers`,
			`r.toml:17: R: identifier FullName must be a column or an expression, not a number`,
			`r.toml:18: R: HostName: column 1: details name STAGE.COLUMN; "b" is no stage (did you mean a?)`,
		}},
		{"suppression", map[string]string{"r.toml": goodStage + `[rule.alert_suppression]
group_by = ["user.name", "user.nmae"]
missing_fields_strategy = "drop"
duration = { value = 0, unit = "d" }
`}, []string{
			`r.toml:11: R: group_by: no stage has a column "user.nmae"`,
			`r.toml:12: R: missing_fields_strategy must be "suppress" or "doNotSuppress", not "drop"`,
			`r.toml:13: R: duration needs a value of 1 or more and a unit, one of s, m, h`,
		}},
		{"unknown column of a view", map[string]string{"r.toml": `[rule]
rule_id = "r"
name = "R"
type = "sequence"
[[rule.stage]]
id = "alert"
query = 'security_alert where usr.email != null'
[[rule.stage]]
id = "copy"
query = 'file_write where true'
join = 'user.email : alrt.user.email'
`}, []string{
			`r.toml:7: R: query: column 22: unknown column "usr.email" (did you mean user.email?)`,
			`r.toml:11: R: join: column 14: unknown column "alrt.user.email" (did you mean alert?)`,
		}},
		{"views", map[string]string{"views/v.toml": `identity = ["x"]
[[source]]
name = "s"
index = ["Logs-*"]
filter = 'a:'
[source.columns]
"a" = { from = ["b"], as = "ipp" }
"c" = { form = "d" }
"e" = 5
`}, []string{
			`views/v.toml:1: view v: identity names "x", which no source lists as a column`,
			`views/v.toml:4: view v: "Logs-*" cannot be an index pattern`,
			`views/v.toml:5: view v: filter: column 3: `,
			`views/v.toml:7: view v: unknown as = "ipp" (did you mean ip?)`,
			`views/v.toml:8: view v: unknown key "source.0.columns.c.form" (did you mean from?)`,
			`views/v.toml:9: view v: column e must be a field, a list of fields or a table, not a number`,
		}},
		{"what would be found otherwise", map[string]string{"r.toml": `[rule]
rule_id = "r"
name = "R"
type = "threshold"
to = "now-1m"
interval = "5 minutes"
schedule = "x"
from = "1h"
[rule.threshold]
value = 5
`}, []string{
			`r.toml:4: R: type "threshold" is not run by stitch`,
			`r.toml:5: R: to = "now-1m" is not supported`,
			`r.toml:6: R: interval: "5 minutes" is not a duration`,
			`r.toml:7: R: both interval and schedule; keep one`,
			`r.toml:7: R: schedule: not a cron line`,
			`r.toml:8: R: from: "1h" is not a look-back; write it like now-30m`,
			`r.toml:9: R: threshold is not supported`,
		}},
		{"twice", map[string]string{"a.toml": goodStage, "b.toml": goodStage}, []string{
			`b.toml:3: R: rule_id r-1 is also that of R in `,
		}},
		{"empty folder", map[string]string{"notes.txt": ""}, []string{`no *.toml in this folder`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := problemsOf(t, write(t, test.files))
			for i := range got {
				if i < len(test.want) && strings.Contains(got[i], test.want[i]) {
					got[i] = test.want[i] // the rest of the message may be worded otherwise
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("problems (-want +got):\n" + diff)
			}
		})
	}
}
