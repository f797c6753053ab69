package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// grid is the length of the windows of the rule that has them, and their phase:
// windows begin and end at multiples of it.
const grid = 5 * time.Second

// settle is what the rules say of how long a document takes to be searchable.
const settle = 5 * time.Second

// ruleFiles are the test's rules by file name; @ stands for the prefix of its
// indices. Events keep well within the lateness that the rules state.
func ruleFiles() map[string]string {
	return map[string]string{
		"views/fault_event.toml": `
description = "An event of the test's own, from two kinds of index"
[[source]]
name = "front"
index = ["@front-*"]
time = "@timestamp"
ingest = "event.ingested"
[[source]]
name = "back"
index = ["@back-*"]
time = "@timestamp"
ingest = "event.ingested"
[source.columns]
"user.name" = "actor.id"
`,
		// Further events add to the alerts that are there.
		"chain.toml": continuous("fault-chain", "sequence") + `
maxspan = "30s"
[[rule.stage]]
id = "open"
query = 'fault_event where event.action == "open"'
[[rule.stage]]
id = "copy"
query = 'fault_event where event.action == "copy"'
join = 'user.name == open.user.name'
[rule.alert]
anchor = "copy"
by = ["copy", "user.name"]
[rule.alert.details]
Files = "open.file.name"
`,
		// A late event can take the place of the one that an alert was made of, so
		// that the alert does not hold any more.
		"nearest.toml": continuous("fault-nearest", "sequence") + `
maxspan = "30s"
[[rule.stage]]
id = "mount"
query = 'fault_event where event.action == "mount"'
pick = "last"
[[rule.stage]]
id = "write"
query = 'fault_event where event.action == "write"'
join = 'user.name == mount.user.name'
[rule.alert]
anchor = "mount"
by = ["mount"]
[rule.alert.details]
Files = "write.file.name"
`,
		"single.toml": continuous("fault-single", "query") + `
language = "kuery"
index = ["@front-*"]
query = 'event.action:"deny"'
`,
		// More evidence than a page of hits holds.
		"crowd.toml": continuous("fault-crowd", "sequence") + `
maxspan = "30s"
[[rule.stage]]
id = "noise"
query = 'fault_event where event.action == "noise"'
[[rule.stage]]
id = "signal"
query = 'fault_event where event.action == "signal"'
join = 'user.name == noise.user.name'
[rule.alert]
anchor = "signal"
by = ["signal"]
`,
		"total.toml": `
[rule]
rule_id = "fault-total"
name = "` + windowedRule + `"
type = "sequence"
interval = "5s"
lateness = "20s"
settle = "5s"
[[rule.stage]]
id = "reads"
query = 'fault_event where event.action == "read"'
[rule.stage.summarize]
by = ["user.name"]
n = "count()"
files = "set(file.name)"
[rule.alert]
by = ["reads"]
[rule.alert.details]
N = "reads.n"
Files = "reads.files"
`,
	}
}

// ruleCount is how many rules there are; windowedRule is the name of the one
// that has windows.
const (
	ruleCount    = 5
	windowedRule = "Fault total"
)

func continuous(id, kind string) string {
	return `
[rule]
rule_id = "` + id + `"
name = "` + strings.ToUpper(id[:1]) + id[1:] + `"
type = "` + kind + `"
interval = "1s"
from = "now-10m"
lateness = "2m"
settle = "5s"
`
}

// writeRules writes the rules for indices with the prefix, and returns their folder.
func writeRules(t *testing.T, prefix string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range ruleFiles() {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.NewReplacer("@front", prefix+"front", "@back", prefix+"back").Replace(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
