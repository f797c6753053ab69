package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq/memory"
)

const weakView = `
description = "A logon"
[[source]]
name = "full"
index = ["full-*"]
[source.columns]
"user.id" = "user.id"
"user.name" = { from = "user.name", weak = "nobody reads it" }
"source.ip" = "source.ip"
"size" = "size"
[[source]]
name = "poor"
index = ["poor-*"]
[source.columns]
"user.id" = { from = [], weak = "the poor know no id" }
"source.ip" = { from = "source.ip", weak = "no address" }
"size" = { from = "size", weak = "no size" }
`

func weakRule(t *testing.T, text string) *Rule {
	t.Helper()
	set, err := Load([]string{write(t, map[string]string{
		"views/logon.toml": weakView,
		"rule.toml":        "[rule]\nrule_id = \"r\"\nname = \"R\"\ntype = \"sequence\"\nfrom = \"now-1d\"\ninterval = \"1d\"\n" + text,
	})})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rules[0]
}

func weakOf(t *testing.T, r *Rule, m *memory.Engine) []string {
	t.Helper()
	alerts := runDay(t, r, m).Alerts
	if len(alerts) != 1 {
		t.Fatalf("%d alerts, want 1", len(alerts))
	}
	return alerts[0].Weak
}

func TestWeak(t *testing.T) {
	const documents = `
full-1 f1 01:00:00 {"event":{"action":"a"},"user":{"id":"u"},"host":{"name":"h"},"source":{"ip":"192.0.2.1"},"size":1}
poor-1 p1 01:30:00 {"event":{"action":"a"},"host":{"name":"h"},"size":1}
poor-1 p2 02:00:00 {"event":{"action":"b"},"host":{"name":"h"},"source":{"ip":"192.0.2.1"}}
poor-1 p3 02:00:00 {"event":{"action":"b"},"host":{"name":"elsewhere"}}
`
	const stages = `
[rule.alert]
anchor = "b"
[[rule.stage]]
id = "a"
query = 'logon where event.action == "a" and size == 1'
[[rule.stage]]
id = "b"
query = 'logon where event.action == "b"'
`
	for name, test := range map[string]struct {
		rule string
		want []string
	}{
		"a join reads the columns of both, rows outside the chains do not count": {
			stages + `join = 'host.name == a.host.name and (a.user.id == null or user.id == null or source.ip == a.source.ip)'`,
			[]string{"a: no address", "a: the poor know no id", "b: the poor know no id"},
		},
		"what nothing reads is not missed": {stages + `join = 'host.name == a.host.name'`, nil},
		"a query reads": {`
[[rule.stage]]
id = "a"
query = 'logon where event.action == "a" and user.id == null'
[rule.alert]
by = ["a"]
`, []string{"a: the poor know no id"}},
		"an all(...) reads what it names": {strings.TrimRight(stages, "'\n") + ` and not source.ip in all(a.source.ip)'
join = 'host.name != a.host.name'`, []string{"a: no address", "b: no address"}},
		"a group is read by what it is grouped by and by its aggregates": {`
[[rule.stage]]
id = "a"
query = 'logon where event.action == "a"'
[rule.stage.summarize]
by = ["host.name", "user.name"]
ips = "set(source.ip)"
ids = "set(user.id)"
n = "count()"
[[rule.stage]]
id = "b"
query = 'logon where event.action == "b"'
join = 'host.name == a.host.name and source.ip == a.ips and a.n > 0 and a.first < a.last'
`, []string{"a: no address"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, weakOf(t, weakRule(t, test.rule), engineOf(t, documents))); diff != "" {
				t.Error("weak (-want +got):\n" + diff)
			}
		})
	}
}
