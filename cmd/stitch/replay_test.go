package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
)

// event is a line of data.
func event(id, at string) string {
	return fmt.Sprintf(`{"_index":"events-1","_id":%q,"_source":{"@timestamp":%q,"event":{"action":"copy"},"file":{"name":%q}}}`+"\n", id, at, id+".txt")
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// found reads the alerts of an ndjson output: the evidence's id, and when the
// alert was written.
func found(t *testing.T, out string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for line := range strings.Lines(out) {
		var doc struct {
			Written string `json:"@timestamp"`
			Stitch  struct {
				Chain []struct{ Documents []struct{ ID string } }
			}
		}
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		got[doc.Stitch.Chain[0].Documents[0].ID] = doc.Written
	}
	return got
}

// joinedRule joins a copy with the name of the person whom only a map knows.
const joinedRule = `
[rule]
rule_id = "joined"
name = "By one person"
type = "sequence"
from = "now-1d"
interval = "1h"

[[rule.stage]]
id = "download"
query = 'download where event.action == "FileDownloaded"'

[[rule.stage]]
id = "copy"
query = 'file_write where event.action == "creation"'
join = 'user.email : download.user.email'
`

func TestReplayWithUserMap(t *testing.T) {
	const (
		download = `{"_index":"logs-o365.audit-default","_id":"d","_source":{"@timestamp":"2024-02-22T09:00:00Z","event":{"code":"SharePointFileOperation","action":"FileDownloaded"},"user":{"id":"Ana@example.com"}}}` + "\n"
		copied   = `{"_index":"logs-endpoint.events.file-default","_id":"c","_source":{"@timestamp":"2024-02-22T09:10:00Z","event":{"category":"file","action":"creation"},"user":{"id":"S-1-5-21-1-2-3-4"}}}` + "\n"
		entry    = `{"_index":"people","_id":"p","_source":{"upn":"ana@example.com","sid":"S-1-5-21-1-2-3-4"}}` + "\n"
	)
	rule := write(t, "rule.toml", joinedRule)
	args := func(more ...string) []string {
		return append([]string{"replay", "--rules", rule, "--data", "-"}, more...)
	}
	data := call{stdin: download + copied + entry}

	data.run(t, args()...).want(t, exitFine, "", "0 alerts")
	r := data.run(t, args("--users", write(t, "users.csv", "sid,upn\nS-1-5-21-1-2-3-4,ana@example.com\n"))...)
	r.want(t, exitFine, "  weak     copy: user.email by the user map (sid)\n", "1 alert\n")
	data.run(t, args("--users", "index:people")...).want(t, exitFine, "  weak     copy: user.email by the user map (sid)\n", "1 alert\n")

	r = data.run(t, args("--users", write(t, "users.csv", "sid,upn\nS-1-5-21-1-2-3-5,ana@example.com\n"))...)
	r.want(t, exitFine, "", "rows for stage copy whose people the user map does not know: 1, such as S-1-5-21-1-2-3-4")

	broken := write(t, "users.csv", "sid,upn\n5,ana@example.com\n")
	data.run(t, args("--users", broken)...).want(t, exitProblems, "", `users.csv:2: sid: "5" is not the SID of a person`)
	data.run(t, args("--users", "nowhere.csv")...).want(t, exitUsage, "", "read the user map: open nowhere.csv: no such file")
	data.run(t, args("--users", "index:nowhere")...).want(t, exitProblems, "", "nowhere: there is no such index")
	data.run(t, args("--users", "people")...).want(t, exitUsage, "", "neither a file that ends in .csv nor index:NAME")

	call{}.run(t, "check", "--users", broken).want(t, exitProblems, "no problems", `users.csv:2: sid: "5"`)
	call{}.run(t, "check", "--users", write(t, "users.csv", "upn\na@b.example\n")).want(t, exitFine, "no problems", "")
	call{}.run(t, "check", "--users", "index:people").want(t, exitUsage, "no problems", "only a file can be checked")
}

func TestReplay(t *testing.T) {
	rule := write(t, "rule.toml", eventRule)
	cron := write(t, "cron.toml", strings.Replace(eventRule, `interval = "1m"`, `schedule = "CRON_TZ=Europe/Berlin 30 * * * *"`, 1))
	data := event("a", "2024-02-22T10:00:00Z") + event("b", "2024-02-22T10:00:30Z") + event("c", "2024-02-22T10:05:10.500Z")
	for _, tt := range []struct {
		name  string
		args  []string
		stdin string
		want  map[string]string
		err   string
	}{
		{
			name: "the span of the data", stdin: data, args: []string{"--rules", rule, "--data", "-"},
			want: map[string]string{"a": "2024-02-22T10:01:00.000Z", "b": "2024-02-22T10:01:00.000Z", "c": "2024-02-22T10:05:10.501Z"},
			err:  "3 documents, 1 rule, 2024-02-22T10:00:00Z to 2024-02-22T10:05:10.501Z: 3 alerts\n",
		},
		{
			name: "a cron line", stdin: data, args: []string{"--rules", cron, "--data", "-", "--to", "2024-02-22T11:00"},
			want: map[string]string{"a": "2024-02-22T10:30:00.000Z", "b": "2024-02-22T10:30:00.000Z", "c": "2024-02-22T10:30:00.000Z"},
			err:  "to 2024-02-22T11:00:00Z: 3 alerts\n",
		},
		{
			name: "both bounds are in it", stdin: data, args: []string{"--rules", rule, "--data", "-", "--from", "2024-02-22T10:00:30Z", "--to", "2024-02-22T11:05:10.500+01:00"},
			want: map[string]string{"b": "2024-02-22T10:01:30.000Z", "c": "2024-02-22T10:05:10.500Z"},
			err:  "2024-02-22T10:00:30Z to 2024-02-22T10:05:10.5Z: 2 alerts\n",
		},
		{
			name: "what happened later is not there yet", stdin: data, args: []string{"--rules", rule, "--data", "-", "--to", "2024-02-22T10:00:29.999Z"},
			want: map[string]string{"a": "2024-02-22T10:00:29.999Z"}, err: ": 1 alert\n",
		},
		{
			name: "several files, zipped or not", args: []string{"--rules", rule,
				"--data", write(t, "a.ndjson", event("a", "2024-02-22T10:00:00Z")), "--data", write(t, "b.ndjson.gz", zipped(t, event("b", "2024-02-22T10:00:30Z"))),
				write(t, "c.ndjson", event("c", "2024-02-22T10:05:10.500Z"))},
			want: map[string]string{"a": "2024-02-22T10:01:00.000Z", "b": "2024-02-22T10:01:00.000Z", "c": "2024-02-22T10:05:10.501Z"}, err: ": 3 alerts\n",
		},
		{
			name: "zipped on stdin", stdin: zipped(t, event("a", "2024-02-22T10:00:00Z")), args: []string{"--rules", rule, "--data", "-"},
			want: map[string]string{"a": "2024-02-22T10:00:00.001Z"}, err: ": 1 alert\n",
		},
		{
			name:  "as a _bulk request",
			stdin: `{"index":{"_index":"events-1","_id":"a"}}` + "\n" + `{"@timestamp":"2024-02-22T10:00:00Z","event.action":"copy"}` + "\n",
			args:  []string{"--rules", rule, "--data", "-"}, want: map[string]string{"a": "2024-02-22T10:00:00.001Z"}, err: ": 1 alert\n",
		},
		{
			name: "twice the same", stdin: event("a", "2024-02-22T10:00:00Z") + event("a", "2024-02-22T10:00:00Z"), args: []string{"--rules", rule, "--data", "-"},
			want: map[string]string{"a": "2024-02-22T10:00:00.001Z"}, err: "2 documents (1 stood there more than once), ",
		},
		{
			name: "nothing found", stdin: strings.Replace(event("a", "2024-02-22T10:00:00Z"), `"copy"`, `"delete"`, 1), args: []string{"--rules", rule, "--data", "-"},
			want: map[string]string{}, err: ": 0 alerts\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := call{stdin: tt.stdin}.run(t, append([]string{"replay", "--output", "ndjson"}, tt.args...)...)
			if r.code != exitFine || !strings.Contains(r.err, tt.err) {
				t.Errorf("exit code %d, stderr %q, want %q", r.code, r.err, tt.err)
			}
			if diff := cmp.Diff(tt.want, found(t, r.out)); diff != "" {
				t.Errorf("evidence and time of writing (-want +got):\n%s", diff)
			}
			if n := strings.Count(r.err, "\n"); n != 1 {
				t.Errorf("stderr has %d lines:\n%s", n, r.err)
			}
		})
	}
}

// "now" in a query is the time of the run, not that of the machine.
func TestReplayHasItsOwnNow(t *testing.T) {
	rule := write(t, "rule.toml", strings.Replace(eventRule, `"event.action:copy"`, `"event.action:copy and @timestamp >= now-10m"`, 1))
	r := call{stdin: event("a", "2024-02-22T10:00:00Z")}.run(t, "replay", "--rules", rule, "--output", "ndjson", "--data", "-")
	r.want(t, exitFine, `"a"`, ": 1 alert\n")
}

func TestReplayProblems(t *testing.T) {
	rule, broken := write(t, "rule.toml", eventRule), write(t, "broken.toml", brokenRule)
	one := event("a", "2024-02-22T10:00:00Z")
	for _, tt := range []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"broken rules", one, []string{"--rules", broken, "--data", "-"}, "2 problems in the rules:\n" + broken + ":5: Broken: unknown key"},
		{"no JSON", one + "hello\n", []string{"--rules", rule, "--data", "-"}, "stdin:2: "},
		{"no index", `{"a":1}` + "\n", []string{"--rules", rule, "--data", "-"}, "stdin:1: there is no _index"},
		{"cut off", `{"index":{"_index":"a"}}` + "\n", []string{"--rules", rule, "--data", "-"}, "stdin:1: the file ends after an action line"},
		{"not zipped", "", []string{"--rules", rule, "--data", write(t, "x.gz", one)}, "the data is not gzipped"},
		{"zip cut off", "", []string{"--rules", rule, "--data", write(t, "y.gz", zipped(t, one)[:20])}, "unexpected EOF"},
		{"all broken files", "", []string{"--rules", rule, "--data", write(t, "1", "x"), "--data", write(t, "2", "y")}, "/2:1: "},
		{"no documents", "\n", []string{"--rules", rule, "--data", "-"}, "the data holds no documents"},
		{"no time", event("a", "yesterday"), []string{"--rules", rule, "--data", "-"}, "no document has a usable @timestamp; say which time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			call{stdin: tt.stdin}.run(t, append([]string{"replay"}, tt.args...)...).want(t, exitProblems, "", tt.want)
		})
	}
	// The data ends before the time that was asked for begins.
	call{stdin: one}.run(t, "replay", "--rules", rule, "--data", "-", "--from", "2025-01-01").want(t, exitUsage, "", "not after it begins")
}

// A rule that fails is told once and does not stop the others.
func TestReplayOfARuleThatFails(t *testing.T) {
	bad := strings.NewReplacer("Any event", "Bad \x1b[31mevent", "111111111111", "444444444444", "event.action:copy", "bytes:lots").Replace(eventRule)
	bad = strings.ReplaceAll(bad, "\x1b", `\u001b`)
	data := event("a", "2024-02-22T10:00:00Z") + `{"_index":"events-1","_id":"n","_source":{"@timestamp":"2024-02-22T10:10:00Z","bytes":7}}` + "\n"
	r := call{stdin: data}.run(t, "replay", "--rules", write(t, "a.toml", eventRule), "--rules", write(t, "b.toml", bad), "--output", "ndjson", "--data", "-")
	if r.code != exitProblems || strings.Count(r.out, "\n") != 1 || strings.Count(r.err, "failed: ") != 1 {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if !strings.Contains(r.err, "(Bad <U+001B>[31mevent)") {
		t.Errorf("the rule's name is missing or not harmless: %q", r.err)
	}
}

// What a person should know is said once, however many runs and rules there
// are, and is harmless to a terminal.
func TestReplayWarnsOnce(t *testing.T) {
	rule := write(t, "rule.toml", strings.Replace(eventRule, `["events-*"]`, `["events-*", "nothing-*"]`, 1))
	data := event("a", "2024-02-22T10:00:00Z") + event("evil\x1b[2J", "2024-02-22T10:00:00Z")
	for i := range 7 {
		data += event(fmt.Sprint("broken", i), "in the morning")
	}
	data += `{"_index":"events-1","_id":"none","_source":{"event":{"action":"copy"}}}` + "\n"
	data = strings.ReplaceAll(data, `\x1b`, `\u001b`) // as JSON has it
	r := call{stdin: data}.run(t, "replay", "--rules", rule, "--data", "-", "--to", "2024-02-22T12:00")
	r.want(t, exitFine, "ALERT", "8 documents have no usable @timestamp and cannot be found: events-1/broken0, events-1/broken1")
	if n := strings.Count(r.err, "warning: "); n != 1 {
		t.Errorf("%d warnings:\n%s", n, r.err)
	}

	missing := write(t, "missing.toml", strings.Replace(eventRule, "events-*", "nothing-*", 1))
	r = call{stdin: data}.run(t, "replay", "--rules", missing, "--data", "-", "--to", "2024-02-22T12:00")
	r.want(t, exitFine, "", "warning: stage event: no index matches nothing-* (Any event)\n")

	// The shipped rules share views, and so their warnings.
	r = call{stdin: data}.run(t, "replay", "--data", "-")
	r.want(t, exitFine, "", "and 1 more rule)\n")
	var lines []string
	for line := range strings.Lines(r.err) {
		said, _, _ := strings.Cut(line, " (")
		lines = append(lines, said)
	}
	slices.Sort(lines)
	if len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Errorf("said twice:\n%s", r.err)
	}
}

// The same files make the same output, whenever that is.
func TestReplayIsTheSameEveryTime(t *testing.T) {
	start := time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
	day := write(t, "day.ndjson", string(demo.Day(start)))
	args := []string{"replay", "--data", day, "--from", "2025-06-02T13:00", "--to", "2025-06-02T17:00", "--every", "30m", "--output", "ndjson"}
	first := call{}.run(t, args...)
	first.want(t, exitFine, `"@timestamp":"2025-06-02T`, "6141 documents, 5 rules, 2025-06-02T13:00:00Z to 2025-06-02T17:00:00Z: 3 alerts\n")
	if second := (call{}).run(t, args...); second != first {
		t.Errorf("the second time differs:\n%s", cmp.Diff(first.out, second.out))
	}
	one := call{}.run(t, append(args, "--rule", "8a30d849-6e54-41a0-9cbb-d8f055b4dd19")...)
	if one.code != exitFine || !strings.Contains(first.out, one.out) || strings.Count(one.out, "\n") != 1 {
		t.Errorf("one rule: exit code %d\n%s%s", one.code, one.out, one.err)
	}
}

func TestDemo(t *testing.T) {
	r := call{}.run(t, "demo")
	r.want(t, exitFine, "3 alerts, each with what led to it", "")
	golden(t, filepath.Join("testdata", "demo.golden"), r.out)
}

// golden compares what was written with a file, which -update writes anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", name, diff)
	}
}
