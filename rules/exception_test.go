package rules

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exceptedRules = `[rule]
rule_id = "r-1"
name = "R"
type = "sequence"
index = ["logs-*"]
from = "now-1d"
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name : a.user.name'
[[rule.stage]]
id = "c"
absent = true
within = "2h"
query = 'any where event.action == "c"'
join = 'user.name : a.user.name'
[rule.alert]
by = ["b"]
`

// excepted loads the rule above with a file of exceptions beside it.
func excepted(t *testing.T, exceptions string) (*Set, error) {
	t.Helper()
	return Load([]string{write(t, map[string]string{"r.toml": exceptedRules, "exceptions/e.toml": exceptions})})
}

const byBackup = "owner = \"soc\"\nreason = \"backup\"\nwhen = 'user.name : \"BACKUP\"'\n"

func TestExceptions(t *testing.T) {
	const documents = `
logs-1 1 01:00:00 {"event":{"action":"a"},"user":{"name":"backup"}}
logs-1 2 02:00:00 {"event":{"action":"b"},"user":{"name":"backup"}}
logs-1 3 03:00:00 {"event":{"action":"a"},"user":{"name":"jane"}}
logs-1 4 04:00:00 {"event":{"action":"b"},"user":{"name":"jane"}}
logs-1 5 05:00:00 {"event":{"action":"c"},"user":{"name":"jane"}}
`
	// Without a row of stage a, none of stage b is asked for.
	onlyA := []ExceptionCount{{"e.toml:1 (backup)", "a", 1, 0}}
	for name, test := range map[string]struct {
		exceptions string
		alerts     int
		counts     []ExceptionCount
		warning    string
	}{
		"one that ends later": {"[[exception]]\nrule = \"r-1\"\nexpires = 2026-03-11\n" + byBackup, 0,
			onlyA, ""},
		"of all rules, without an end": {"[[exception]]\nrule = \"*\"\n" + byBackup, 0,
			onlyA, ""},
		"of one stage": {"[[exception]]\nrule = [\"r-0\", \"r-1\"]\nstage = \"b\"\n" + byBackup, 0,
			[]ExceptionCount{{"e.toml:1 (backup)", "b", 1, 0}}, ""},
		"expired between the two events": {"[[exception]]\nrule = \"r-1\"\nexpires = 2026-03-10T01:30:00Z\n" + byBackup, 0,
			onlyA, ""},
		"expired": {"[[exception]]\nrule = \"r-1\"\nexpires = 2026-03-10\n" + byBackup, 1,
			[]ExceptionCount{{"e.toml:1 (backup)", "a", 0, 1}, {"e.toml:1 (backup)", "b", 0, 1}},
			"exception e.toml:1 (backup) has expired and keeps out no more: 1 rows of stage b are matched again; renew it or take it out"},
		"of another rule": {"[[exception]]\nrule = \"r-2\"\n" + byBackup, 1, nil, ""},
		"of an absent stage, named": {"[[exception]]\nrule = \"r-1\"\nstage = \"c\"\nowner = \"soc\"\nreason = \"jane\"\nwhen = 'user.name == \"jane\"'\n", 2,
			[]ExceptionCount{{"e.toml:1 (jane)", "c", 1, 0}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := excepted(t, test.exceptions)
			if err != nil {
				t.Fatal(err)
			}
			result := runDay(t, set.Rules[0], engineOf(t, documents))
			if len(result.Alerts) != test.alerts {
				t.Errorf("%d alerts, want %d", len(result.Alerts), test.alerts)
			}
			for i := range result.Exceptions {
				result.Exceptions[i].Exception = filepath.Base(result.Exceptions[i].Exception)
			}
			if diff := cmp.Diff(test.counts, result.Exceptions); diff != "" {
				t.Error("exceptions (-want +got):\n" + diff)
			}
			if said := strings.Join(result.Warnings, "\n"); !strings.Contains(strings.ReplaceAll(said, filepath.Dir(set.Rules[0].File)+string(os.PathSeparator)+"exceptions"+string(os.PathSeparator), ""), test.warning) ||
				test.warning == "" && strings.Contains(said, "expired") {
				t.Errorf("warnings %q, want %q", said, test.warning)
			}
		})
	}
}

func TestExceptionsChangeTheFingerprint(t *testing.T) {
	seen := map[string]string{}
	for name, exceptions := range map[string]string{
		"one":           "[[exception]]\nrule = \"r-1\"\n" + byBackup,
		"of one stage":  "[[exception]]\nrule = \"r-1\"\nstage = \"a\"\n" + byBackup,
		"with an end":   "[[exception]]\nrule = \"r-1\"\nexpires = 2026-03-10\n" + byBackup,
		"of other rule": "[[exception]]\nrule = \"r-2\"\n" + byBackup,
	} {
		set, err := excepted(t, exceptions)
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[set.Rules[0].Fingerprint]; other != "" {
			t.Errorf("%s and %s have the same fingerprint", name, other)
		}
		seen[set.Rules[0].Fingerprint] = name
	}
}

func TestProblemsOfExceptions(t *testing.T) {
	for exceptions, want := range map[string]string{
		"":                                "e.toml: no [[exception]] in this file",
		"[[exception]]\nrule = \"r-1\"\n": "e.toml:1: an exception needs owner = ",
		"[[exception]]\n" + byBackup:      "e.toml:1: an exception needs rule = ",
		"[[exception]]\nrule = \"r-1\"\nstage = \"aa\"\n" + byBackup:                                             `e.toml:3: rule R has no stage "aa" (did you mean a?)`,
		"[[exception]]\nrule = \"r-1\"\nexpires = \"soon\"\n" + byBackup:                                         "e.toml:3: expires must be a date",
		"[[exception]]\nrule = \"r-1\"\nowner = \"a\"\nreason = \"b\"\nwhen = 'user.name =='\n":                  "e.toml:5: when: ",
		"[[exception]]\nrule = \"r-1\"\nowner = \"a\"\nreason = \"b\"\nwhen = 'user.name in all(a.user.name)'\n": "e.toml:5: all() has no meaning in an exception",
		"[[exception]]\nrules = \"r-1\"\n" + byBackup:                                                            `unknown key "exception.0.rules" (did you mean rule?)`,
	} {
		_, err := excepted(t, exceptions)
		var problems Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nwant %s", exceptions, err, want)
		}
	}
	_, err := Load([]string{write(t, map[string]string{
		"r.toml":            "[rule]\nrule_id = \"v\"\nname = \"V\"\ntype = \"sequence\"\n[[rule.stage]]\nid = \"d\"\nquery = 'download where true'\n",
		"exceptions/e.toml": "[[exception]]\nrule = \"v\"\nowner = \"a\"\nreason = \"b\"\nwhen = 'usr.email == \"x\"'\n",
	})})
	if err == nil || !strings.Contains(err.Error(), "e.toml:5: no stage of rule V has all of these columns") {
		t.Error(err)
	}
}
