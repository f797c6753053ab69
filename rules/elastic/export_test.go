package elastic_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/elastic"
)

const export = `{"id":"0b7a","updated_at":"2026-03-01T10:00:00.000Z","created_by":"elastic","revision":3,"immutable":false,"rule_id":"r-1","name":"Logon of the operator","description":"Two\nlines","type":"query","language":"kuery","query":"user.name: \"operator\" and\nevent.action: 'logon'","index":["logs-*"],"from":"now-360s","to":"now","interval":"5m","enabled":true,"severity":"low","risk_score":21.0,"max_signals":100,"filters":[],"exceptions_list":[],"meta":{"from":"1m","kibana_siem_app_url":null},"threat":[{"framework":"MITRE ATT&CK","tactic":{"id":"TA0001","name":"Initial Access","reference":"https://attack.mitre.org/tactics/TA0001/"},"technique":[{"id":"T1078","name":"Valid Accounts","reference":"https://attack.mitre.org/techniques/T1078/","subtechnique":[]}]}],"version":4}

{"rule_id":"r-2","name":"Ten logons","description":"d","type":"threshold","language":"kuery","query":"event.action:logon","index":["logs-*"],"threshold":{"field":["user.name"],"value":10},"severity":"low","risk_score":21}
{"rule_id":"r-3","name":"With exceptions","description":"d","type":"query","query":"a:b","index":["logs-*"],"exceptions_list":[{"id":"x","list_id":"l","type":"detection"}],"severity":"low","risk_score":21,"odd_key":1}
{"list_id":"l","type":"detection","name":"a list"}
{"exported_count":4,"exported_rules_count":3,"missing_rules":[]}
`

func TestRead(t *testing.T) {
	list, others, err := elastic.Read(strings.NewReader(export), rules.KeyOrder())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 || others != 2 {
		t.Fatalf("%d rules and %d other lines, want 3 and 2", len(list), others)
	}
	want := `[rule]
rule_id = "r-1"
name = "Logon of the operator"
description = '''
Two
lines'''
version = 4
enabled = true
type = "query"
language = "kuery"
index = ["logs-*"]
interval = "5m"
from = "now-360s"
to = "now"
max_signals = 100
severity = "low"
risk_score = 21
query = """user.name: \"operator\" and\nevent.action: 'logon'"""

[rule.meta]
from = "1m"

[[rule.threat]]
framework = "MITRE ATT&CK"

[rule.threat.tactic]
id = "TA0001"
name = "Initial Access"
reference = "https://attack.mitre.org/tactics/TA0001/"

[[rule.threat.technique]]
id = "T1078"
name = "Valid Accounts"
reference = "https://attack.mitre.org/techniques/T1078/"
subtechnique = []
`
	want = strings.ReplaceAll(want, `"""user`, `"user`)
	want = strings.ReplaceAll(want, `'logon'"""`, `'logon'"`)
	if diff := cmp.Diff(want, list[0].TOML); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
	for i, problem := range []string{"", `type "threshold" is not run by stitch`, `exceptions_list is not supported`} {
		file := filepath.Join(t.TempDir(), "rule.toml")
		if err := os.WriteFile(file, []byte(list[i].TOML), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := rules.Load([]string{file})
		if (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v, want %q", list[i].ID, err, problem)
		}
		if i == 2 && !strings.Contains(err.Error(), "odd_key") {
			t.Errorf("the unknown key is not named: %v", err)
		}
	}
}

func TestReadNamesTheLine(t *testing.T) {
	_, _, err := elastic.Read(strings.NewReader("{}\nnonsense\n"), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(export)
	f.Fuzz(func(t *testing.T, text string) {
		list, _, err := elastic.Read(strings.NewReader(text), rules.KeyOrder())
		if err == nil {
			return
		}
		if strings.Contains(err.Error(), "report") || list != nil {
			t.Fatal(list, err)
		}
	})
}
