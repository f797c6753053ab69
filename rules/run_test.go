package rules

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// day is the day of all tests' documents.
var day = time.Date(2026, time.March, 10, 0, 0, 0, 0, time.UTC)

// engineOf holds documents, one a line: INDEX ID TIME-OF-DAY JSON-FIELDS.
func engineOf(t testing.TB, lines string) *memory.Engine {
	t.Helper()
	m := memory.New(memory.Options{Now: func() time.Time { return day }})
	var data strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		parts := strings.Fields(line)
		data.WriteString(`{"_index":"` + parts[0] + `","_id":"` + parts[1] + `","_source":{"@timestamp":"2026-03-10T` + parts[2] + `Z",` +
			strings.TrimPrefix(strings.Join(parts[3:], " "), "{") + "}\n")
	}
	if _, err := m.Load(strings.NewReader(data.String()), "test"); err != nil {
		t.Fatal(err)
	}
	return m
}

// ruleOf loads one rule.
func ruleOf(t *testing.T, text string) *Rule {
	t.Helper()
	set, err := Load([]string{write(t, map[string]string{"rule.toml": "[rule]\nrule_id = \"r\"\nname = \"R\"\ntype = \"sequence\"\nfrom = \"now-1d\"\nindex = [\"logs-*\"]\n" + text})})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rules[0]
}

// runDay runs a rule over a day. What it finds then it must find again, however
// much it remembers of the documents.
func runDay(t *testing.T, r *Rule, m *memory.Engine) *Result {
	t.Helper()
	run := func(eng esq.Searcher) *Result {
		result, err := r.Run(context.Background(), eng, Window{From: day, To: day.Add(24 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	result, remembering := run(m), RememberDocuments(m)
	for _, time := range []string{"first", "second", "third"} {
		again := run(remembering)
		again.Stats.Requests = result.Stats.Requests // without those for fields
		if !reflect.DeepEqual(again, result) {
			t.Errorf("the %s time, remembering, it finds (-plain +remembering):\n%s", time, cmp.Diff(result, again, cmp.Comparer(sameValue)))
		}
	}
	return result
}

func TestMatchedNeedsQueryAndJoin(t *testing.T) {
	r := ruleOf(t, `
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b" and startsWith(file.name, "x")'
join = 'file.name == a.file.name'
[rule.alert]
by = ["a"]
[rule.alert.details]
Names = "matched(b.file.name)"
All = "b.file.name"
`)
	m := engineOf(t, `
logs-1 1 01:00:00 {"event":{"action":"a"},"file":{"name":["x1","y1"]}}
logs-1 2 02:00:00 {"event":{"action":"b"},"file":{"name":["x1","x2","y1"]}}
`)
	want := map[string]any{"Names": []any{"x1"}, "All": []any{"x1", "x2", "y1"}}
	alerts := runDay(t, r, m).Alerts
	if len(alerts) != 1 {
		t.Fatalf("%d alerts, want 1", len(alerts))
	}
	if diff := cmp.Diff(want, alerts[0].Details); diff != "" {
		t.Error("details (-want +got):\n" + diff)
	}
}

func TestSummarize(t *testing.T) {
	r := ruleOf(t, `
interval = "1d"
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[rule.stage.summarize]
by = ["user.name", "host.name"]
n = "count()"
files = "set(file.name)"
distinct = "distinct(file.name)"
kusto_files = "make_set(file.name)"
kusto_count = "dcount(file.name)"
least = "min(size)"
most = "max(size)"
total = "sum(size)"
mean = "avg(size)"
[rule.alert]
by = ["a"]
[rule.alert.details]
User = "a.user.name"
Host = "a.host.name"
N = "a.n"
Files = "a.files"
Distinct = "a.distinct"
KustoFiles = "a.kusto_files"
KustoCount = "a.kusto_count"
Least = "a.least"
Most = "a.most"
Total = "a.total"
Mean = "a.mean"
First = "a.first"
Last = "a.last"
`)
	m := engineOf(t, `
logs-1 1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"},"host":{"name":["h1","h2"]},"file":{"name":"f"},"size":3}
logs-1 2 02:00:00 {"event":{"action":"a"},"user":{"name":"u"},"host":{"name":"h1"},"file":{"name":["f","g"]},"size":3}
logs-1 3 03:00:00 {"event":{"action":"a"},"user":{"name":"u"},"host":{"name":"h1"},"size":6}
logs-1 4 04:00:00 {"event":{"action":"a"},"host":{"name":"h1"}}
`)
	got := map[any]map[string]any{}
	for _, a := range runDay(t, r, m).Alerts {
		got[a.Details["User"].(string)+"@"+a.Details["Host"].(string)] = a.Details
	}
	want := map[any]map[string]any{
		"u@h1": {"User": "u", "Host": "h1", "N": int64(3), "Files": []any{"f", "g"}, "Distinct": int64(2), "KustoFiles": []any{"", "f", "g"}, "KustoCount": int64(3), "Least": int64(3), "Most": int64(6),
			"Total": int64(12), "Mean": int64(4), "First": "2026-03-10T01:00:00.000Z", "Last": "2026-03-10T03:00:00.000Z"},
		"u@h2": {"User": "u", "Host": "h2", "N": int64(1), "Files": []any{"f"}, "Distinct": int64(1), "KustoFiles": []any{"f"}, "KustoCount": int64(1), "Least": int64(3), "Most": int64(3),
			"Total": int64(3), "Mean": int64(3), "First": "2026-03-10T01:00:00.000Z", "Last": "2026-03-10T01:00:00.000Z"},
		"@h1": {"User": "", "Host": "h1", "N": int64(1), "Files": []any{}, "Distinct": int64(0), "KustoFiles": []any{""}, "KustoCount": int64(1), "Least": "", "Most": "",
			"Total": "", "Mean": "", "First": "2026-03-10T04:00:00.000Z", "Last": "2026-03-10T04:00:00.000Z"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("details (-want +got):\n" + diff)
	}
}

func TestWarnings(t *testing.T) {
	r := ruleOf(t, `
[[rule.stage]]
id = "a"
index = ["logs-*"]
query = 'any where user.name == "u"'
[[rule.stage]]
id = "b"
index = ["other-*"]
query = 'any where true'
`)
	m := engineOf(t, `logs-1 1 01:00:00 {"user":{"name":"u"}}`)
	if _, err := m.Load(strings.NewReader(`{"_index":"logs-1","_id":"2","_source":{"user":{"name":"u"},"@timestamp":"yesterday"}}`), "broken"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"stage a: 1 documents have no usable @timestamp and cannot be found: logs-1/2",
		"stage b: no index matches other-*",
	}
	arrivals, err := r.Arrivals(context.Background(), m, Window{From: day, To: day.Add(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, arrivals.Warnings); diff != "" {
		t.Error("warnings (-want +got):\n" + diff)
	}
}

func TestIdentityIsNotOfTheIndex(t *testing.T) {
	for index, want := range map[string]string{
		".ds-logs-o365.audit-default-2026.03.10-000001":         "logs-o365.audit-default",
		"partial-.ds-logs-o365.audit-default-2026.03.10-000001": "logs-o365.audit-default",
		"restored-.ds-logs-a-b-2026.03.10-1000001":              "logs-a-b",
		"filebeat-8.17.0-2026.03.10-000012":                     "filebeat-8.17.0",
		"filebeat-7.17.28-2026.03.10":                           "filebeat-7.17.28",
		"audit-2026-03":                                         "audit",
		"plain":                                                 "plain",
	} {
		if got := stableName(index); got != want {
			t.Errorf("stableName(%q) = %q, want %q", index, got, want)
		}
	}
}

// at is a time of the tests' day.
func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", "2026-03-10 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func TestArrivals(t *testing.T) {
	r := ruleOf(t, `
lateness = "2h"
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b" and user.name in all(a.user.name)'
[[rule.stage]]
id = "c"
index = ["nowhere-*"]
query = 'any where true'
`)
	m := engineOf(t, `
logs-1 early 03:00:00 {"event":{"action":"a","ingested":"2026-03-10T03:00:30Z"}}
logs-1 in    04:10:00 {"event":{"action":"a","ingested":"2026-03-10T05:00:00Z"}}
logs-1 late  01:00:00 {"event":{"action":"a","ingested":"2026-03-10T05:59:59.999Z"}}
logs-1 other 05:10:00 {"event":{"action":"x","ingested":"2026-03-10T05:10:30Z"}}
logs-1 after 05:50:00 {"event":{"action":"a","ingested":"2026-03-10T06:00:00Z"}}
logs-1 plain 03:30:00 {"event":{"action":"b"},"user":{"name":"u"}}
logs-1 past  02:30:00 {"event":{"action":"b"},"user":{"name":"u"}}
`)
	got, err := r.Arrivals(context.Background(), m, Window{From: at("05:00"), To: at("06:00")})
	if err != nil {
		t.Fatal(err)
	}
	got.Stats = esq.Stats{}
	want := &Arrivals{
		Count: 3, First: at("01:00"), Last: at("04:10"),
		Sources: []SourceArrivals{
			{Stage: "a", Count: 2, Late: 1, First: at("01:00"), Last: at("04:10")},
			{Stage: "b", Count: 1, First: at("03:30"), Last: at("03:30")},
			{Stage: "c", NoIndex: true},
		},
		Warnings: []string{"stage c: no index matches nowhere-*"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("arrivals (-want +got):\n" + diff)
	}
}

func TestTooManyRows(t *testing.T) {
	r := ruleOf(t, `
max_rows = 2
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
`)
	m := engineOf(t, `
logs-1 1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 2 02:00:00 {"event":{"action":"b"},"user":{"name":"u"}}
logs-1 3 02:01:00 {"event":{"action":"b"},"user":{"name":"v"}}
logs-1 4 02:02:00 {"event":{"action":"b"},"user":{"name":"w"}}
`)
	window := Window{From: day, To: day.Add(24 * time.Hour)}
	if _, err := r.Run(context.Background(), m, window); err != nil {
		t.Errorf("narrowed by the one user of stage a, but: %v", err)
	}
	r.MaxRows = 1
	if _, err := m.Load(strings.NewReader(`{"_index":"logs-1","_id":"5","_source":{"@timestamp":"2026-03-10T03:00:00Z","event":{"action":"b"},"user":{"name":"u"}}}`), "more"); err != nil {
		t.Fatal(err)
	}
	var tooMany *TooManyRowsError
	if _, err := r.Run(context.Background(), m, window); !errors.As(err, &tooMany) || tooMany.Stage != "b" || tooMany.Max != 1 {
		t.Errorf("got %v, want too many rows in b", err)
	}
}

func TestAnAlertIsWholeHoweverSmallTheWindow(t *testing.T) {
	r := ruleOf(t, `
maxspan = "2h"
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
[rule.alert]
anchor = "b"
`)
	m := engineOf(t, `
logs-1 1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 2 02:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 3 03:00:00 {"event":{"action":"b"},"user":{"name":"u"}}
logs-1 4 09:00:00 {"event":{"action":"b"},"user":{"name":"u"}}
`)
	whole := runDay(t, r, m).Alerts
	if len(whole) != 1 || whole[0].Stages[0].Count != 2 {
		t.Fatalf("over the day: %v", whole)
	}
	for _, w := range []Window{{From: at("01:00"), To: at("01:00")}, {From: at("01:30"), To: at("01:40")}, {From: at("03:00"), To: at("23:00")}} {
		result, err := r.Run(context.Background(), m, w)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, result.Alerts, cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
			t.Errorf("over %v (-whole +got):\n%s", w, diff)
		}
	}
	if result, err := r.Run(context.Background(), m, Window{From: at("03:01"), To: at("08:00")}); err != nil || len(result.Alerts) != 0 {
		t.Errorf("beside the alert: %v, %v", result, err)
	}
}

// recorder notes for which fields the engine was asked.
type recorder struct {
	*memory.Engine
	fields [][]string
}

func (r *recorder) FieldCaps(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	r.fields = append(r.fields, fields)
	return r.Engine.FieldCaps(ctx, indices, fields)
}

func TestTheFieldsOfAllStagesAreAskedForTogether(t *testing.T) {
	r := ruleOf(t, `
[[rule.stage]]
id = "a"
query = 'file_write where event.action == "creation"'
[[rule.stage]]
id = "b"
query = 'file_write where labels.only_here != null'
`)
	r.plan.stages[0].sources = r.plan.stages[0].sources[:1]
	r.plan.stages[1].sources = r.plan.stages[1].sources[:1]
	m := &recorder{Engine: engineOf(t, `logs-1 1 01:00:00 {"user":{"name":"u"}}`)}
	if _, err := r.Run(context.Background(), m, Window{From: day, To: day.Add(24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if len(m.fields) != 1 || !slices.Contains(m.fields[0], "labels.only_here") || !slices.Contains(m.fields[0], "event.action") {
		t.Errorf("asked for %v", m.fields)
	}
}

func TestTheNextWindowsGroupIsAnotherAlert(t *testing.T) {
	text := `
interval = "12h"
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[rule.stage.summarize]
by = ["user.name"]
`
	m := engineOf(t, `
logs-1 1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 2 13:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
`)
	for by, want := range map[string]int{`["user.name"]`: 3, `["user.name", "@timestamp"]`: 2} {
		r := ruleOf(t, strings.Replace(text, `["user.name"]`, by, 1))
		ids := map[string]bool{}
		for _, w := range []Window{
			{From: day, To: day.Add(12 * time.Hour)}, {From: day.Add(12 * time.Hour), To: day.Add(24 * time.Hour)},
			{From: day, To: day.Add(24 * time.Hour)}, {From: day.Add(time.Hour), To: day.Add(12 * time.Hour)},
		} {
			result, err := r.Run(context.Background(), m, w)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range result.Alerts {
				ids[a.ID] = true
			}
		}
		if len(ids) != want {
			t.Errorf("by %s: %d alerts, want %d", by, len(ids), want)
		}
	}
}
