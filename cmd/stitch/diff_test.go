package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const copies = `{"_index":"events-1","_id":"1","_source":{"@timestamp":"2026-03-10T10:00:00Z","event":{"action":"copy"},"user":{"name":"a"}}}
{"_index":"events-1","_id":"2","_source":{"@timestamp":"2026-03-10T11:00:00Z","event":{"action":"copy"},"user":{"name":"b"}}}
{"_index":"events-1","_id":"3","_source":{"@timestamp":"2026-03-10T12:00:00Z","event":{"action":"move"},"user":{"name":"b"}}}
`

func TestReplayDiff(t *testing.T) {
	data, rule := write(t, "day.ndjson", copies), write(t, "rule.toml", eventRule)
	before := call{}.run(t, "replay", "--data", data, "--rules", rule, "--output", "ndjson")
	if before.code != exitFine || strings.Count(before.out, "\n") != 2 {
		t.Fatalf("%+v", before)
	}
	file := write(t, "before.ndjson", before.out)
	call{}.run(t, "replay", "--data", data, "--rules", rule, "--diff", file).want(t, exitFine, "0 added, 0 lost, 0 changed\n", "3 documents, 1 rule")

	// A rule that takes another event and leaves one out; severity is part of an alert.
	other := write(t, "rule.toml", strings.Replace(eventRule, "event.action:copy", "event.action:move or user.name:a", 1)+"severity = \"high\"\n")
	r := call{}.run(t, "replay", "--data", data, "--rules", other, "--diff", file)
	r.want(t, exitProblems, "~ 2026-03-10T10:00:00Z", "2 alerts")
	r.want(t, exitProblems, "    severity\n", "2 alerts")
	r.want(t, exitProblems, "- 2026-03-10T11:00:00Z", "2 alerts")
	r.want(t, exitProblems, "+ 2026-03-10T12:00:00Z", "2 alerts")
	r.want(t, exitProblems, "1 added, 1 lost, 1 changed\n", "2 alerts")

	// Alerts of rules that do not run now are none that are lost.
	third := write(t, "rule.toml", strings.Replace(eventRule, "0d3a5b1e", "1d3a5b1e", 1))
	call{}.run(t, "replay", "--data", data, "--rules", third, "--diff", file).want(t, exitProblems, "2 added, 0 lost, 0 changed\n", "2 alerts")

	var diffs []alertDiff
	decode(t, call{}.run(t, "replay", "--data", data, "--rules", other, "--diff", file, "--output", "json"), exitProblems, &diffs)
	var changes []string
	for _, d := range diffs {
		changes = append(changes, d.Change)
	}
	if diff := cmp.Diff([]string{"changed", "lost", "added"}, changes); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}

func TestDiffOfEvidence(t *testing.T) {
	alert := func(text string) comparedAlert {
		var a comparedAlert
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := alert(`{"kibana.alert.uuid":"1","stitch":{"details":{"Files":["x"],"Drive":"E:"},"chain":[{"stage":"a","count":1,"documents":[{"id":"1"}]},{"stage":"b","count":1,"documents":[{"id":"2"}]}]}}`)
	b := alert(`{"kibana.alert.uuid":"1","stitch":{"details":{"Files":["x","y"],"Drive":"E:"},"weak":["a: x"],"chain":[{"stage":"a","count":2,"documents":[{"id":"1"},{"id":"3"}]},{"stage":"b","count":1,"documents":[{"id":"4"}]}]}}`)
	want := []string{"a: 2 documents, before 1", "b: other documents", "detail Files", "weak"}
	if diff := cmp.Diff(want, changesOf(a, b)); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
	if changes := changesOf(a, a); changes != nil {
		t.Error(changes)
	}
}

func TestReplayRefusesContradictions(t *testing.T) {
	data := write(t, "day.ndjson", copies)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--data", data, "--url", "http://127.0.0.1:1"}, "--data and --url exclude each other"},
		{[]string{"--data", data, "--write"}, "--write is for a cluster"},
		{[]string{"--data", data, "--diff", "index"}, "--diff index is for a cluster"},
		{[]string{"--data", data, "--diff", "nowhere.ndjson"}, "nowhere.ndjson"},
		{[]string{"--data", data, "--every", "often"}, `--every: "often" is no interval`},
		{[]string{"--data", data, "--diff", data, "--output", "ndjson"}, "--output must be text or json"},
		{[]string{"--url", "http://127.0.0.1:1"}, "say since when"},
		{nil, "no data; name NDJSON files"},
	} {
		call{}.run(t, append([]string{"replay"}, test.args...)...).want(t, exitUsage, "", test.want)
	}
	broken := write(t, "broken.ndjson", "{}\nno JSON\n")
	call{}.run(t, "replay", "--data", data, "--rules", write(t, "r.toml", eventRule), "--diff", broken).want(t, exitProblems, "", broken+":2 is not JSON")
}

func TestReplayEvery(t *testing.T) {
	data, rule := write(t, "day.ndjson", copies), write(t, "rule.toml", eventRule)
	r := call{}.run(t, "replay", "--data", data, "--rules", rule, "--every", "6h", "--from", "2026-03-10", "--to", "2026-03-11", "--output", "ndjson")
	if r.code != exitFine || !strings.Contains(r.out, `"@timestamp":"2026-03-10T12:00:00.000Z"`) {
		t.Errorf("%+v", r)
	}
}
