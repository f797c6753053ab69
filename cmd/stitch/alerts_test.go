package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// storedAlert is the nth alert: written n minutes after noon.
func storedAlert(n int, user, host, rule string) mappings.Alert {
	at := time.Date(2026, 3, 10, 12, n, 0, 0, time.UTC)
	return mappings.Alert{
		ID: fmt.Sprintf("%02xc0ffee%024x", n, n), Written: at, Anchor: at, Start: at.Add(-time.Hour), End: at,
		Rule: mappings.Rule{ID: "r-1", Name: rule, Severity: "high", RiskScore: 73},
		Key:  []mappings.KeyValue{{Name: "user.email", Value: esq.Str(user)}},
		Stages: []mappings.Stage{{Stage: "copy", First: at.Add(-time.Hour), Last: at, Count: 1, Documents: []mappings.Document{{
			Index: "logs-x", ID: "d1", Time: at.Add(-time.Hour), Source: "endpoint",
			Columns: map[string][]esq.Value{"file.path": {esq.Str(`E:\plan.dwg`)}, "host.name": {esq.Str(host)}},
		}}}},
		Columns: map[string][]esq.Value{"user.email": {esq.Str(user), esq.Str("second@example.com")}, "host.name": {esq.Str(host)}},
	}
}

// hostileText is what should never reach a terminal as it is.
const hostileText = "ana\x1b[31m\u202egpj.exe\u009b2J\r\n\tend"

func storedAlerts() []mappings.Alert {
	return []mappings.Alert{
		storedAlert(1, "ana@example.com", "pc-1", "Copies at night"),
		storedAlert(2, "bob.with.a.long.name@departments.example.com", "a-machine-with-a-long-name", "Mass download carried off on a USB drive, as the port of 6267ce44 has it"),
		storedAlert(3, hostileText, hostileText, hostileText),
		storedAlert(4, "李小龙@example.com", "主机", "夜间复制"),
	}
}

// alertsOn are the streams of a command and an engine with alerts.
func alertsOn(t *testing.T, alerts ...mappings.Alert) (s streams, out, errs *bytes.Buffer, e *memory.Engine) {
	t.Helper()
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	s = streams{in: strings.NewReader(""), out: out, err: errs, env: func(string) (string, bool) { return "", false }}
	e = memory.New(memory.Options{Now: time.Now})
	var ops []esq.Write
	for _, a := range alerts {
		raw, err := a.Document()
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: mappings.Names{}.AlertIndex(a.Anchor), ID: a.ID}, Source: raw})
	}
	if _, err := e.Bulk(t.Context(), ops, true); err != nil {
		t.Fatal(err)
	}
	return s, out, errs, e
}

func deed(n int, kind, by, text string) mappings.Action {
	a := mappings.Action{ID: fmt.Sprint("a", n), Kind: kind, At: time.Date(2026, 3, 10, 13, n, 0, 0, time.UTC), By: by}
	if kind == mappings.Close {
		a.Reason = text
	} else {
		a.Comment = text
	}
	return a
}

func TestAlertsList(t *testing.T) {
	s, out, _, e := alertsOn(t, storedAlerts()...)
	ids := storedAlerts()
	if _, err := triage.Act(t.Context(), e, mappings.Names{}, ids[0].ID, deed(1, mappings.Acknowledge, "carl", "")); err != nil {
		t.Fatal(err)
	}
	page, err := triage.List(t.Context(), e, mappings.Names{}, triage.Filter{}, triage.Cursor{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{0, 160, 100, 80, 60, leastTerminal} {
		var b strings.Builder
		writeAlertsText(&b, page, width)
		golden(t, filepath.Join("testdata", "alerts", fmt.Sprintf("list-%d.golden", width)), b.String())
		for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
			if width > 0 && cellsOf(line) > width && !strings.HasPrefix(line, "3 alerts of 4") {
				t.Errorf("%d places for %d: %s", cellsOf(line), width, line)
			}
		}
	}
	f := alertsListFlags{limit: 2, output: "text"}
	if err := listAlerts(t.Context(), s, e, mappings.Names{}, f, triage.Cursor{}); err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(out.String(), "2 alerts of 4; more with --after ")
	cursor, err := triage.ParseCursor(strings.TrimSpace(rest))
	if !found || err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	out.Reset()
	f.output = "json"
	if err := listAlerts(t.Context(), s, e, mappings.Names{}, f, cursor); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "alerts", "list.json"), out.String())
	out.Reset()
	f.filter.User, f.output = "nobody", "text"
	if err := listAlerts(t.Context(), s, e, mappings.Names{}, f, triage.Cursor{}); err != nil || out.String() != "no alerts\n" {
		t.Errorf("%v, %s", err, out)
	}
}

func TestAlertsShow(t *testing.T) {
	_, out, _, e := alertsOn(t, storedAlerts()...)
	show := func(prefix, format string) error {
		out.Reset()
		return showAlert(t.Context(), out, e, mappings.Names{}, prefix, format)
	}
	for i, a := range []mappings.Action{
		deed(1, mappings.Acknowledge, "carl", ""),
		deed(2, mappings.Comment, "carl", "asked her\n\tshe says that "+strings.Repeat("it was the backup of the finance department, ", 5)+strings.Repeat("x", 90)),
		deed(3, mappings.Close, "dora", "false_positive"),
	} {
		if _, err := triage.Act(t.Context(), e, mappings.Names{}, storedAlerts()[0].ID, a); err != nil {
			t.Fatal(i, err)
		}
	}
	for name, prefix := range map[string]string{"closed": "01c0", "hostile": "03c0ffee"} {
		if err := show(prefix, "text"); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "alerts", "show-"+name+".golden"), out.String())
	}
	if err := show("03", "json"); err != nil || !json.Valid(out.Bytes()) {
		t.Fatalf("%v, %s", err, out)
	}
	for _, r := range out.String() {
		if r != '\n' && (!unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r)) {
			t.Errorf("%U in the JSON", r)
		}
	}
	var doc struct {
		User struct{ Email any }
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.User.Email != hostileText {
		t.Errorf("%v: the JSON says %q", err, doc.User.Email)
	}
	if err := show("0", "text"); err == nil || !strings.Contains(err.Error(), "several alerts begin with 0") || exitCode(err) != exitProblems {
		t.Errorf("ambiguous: %v", err)
	}
	if err := show("ff", "text"); err == nil || !strings.Contains(err.Error(), "there is no alert ff") || exitCode(err) != exitProblems {
		t.Errorf("unknown: %v", err)
	}
}

func TestAlertsAct(t *testing.T) {
	s, out, errs, e := alertsOn(t, storedAlerts()...)
	do := func(kind string, a mappings.Action, prefixes ...string) (int, string) {
		t.Helper()
		out.Reset()
		errs.Reset()
		for _, v := range verbs() {
			if v.kind == kind {
				err := actOn(t.Context(), s, e, mappings.Names{}, v, prefixes, a)
				code := exitFine
				if err != nil {
					code = exitCode(err)
				}
				return code, fmt.Sprint(out, errs, err)
			}
		}
		t.Fatalf("no verb %s", kind)
		return 0, ""
	}
	for _, tt := range []struct {
		name     string
		a        mappings.Action
		prefixes []string
		code     int
		want     []string
	}{
		{"ack of two, one twice", deed(1, mappings.Acknowledge, "carl", ""), []string{"01", "02c", "01c0"}, exitFine,
			[]string{"acknowledged: 01c0ffee", "Copies at night: user.email ana@example.com\nacknowledged: 02c0ffee"}},
		{"again", deed(2, mappings.Acknowledge, "carl", ""), []string{"01"}, exitFine, []string{"acknowledged already: 01c0ffee"}},
		{"close", deed(3, mappings.Close, "dora", "false_positive"), []string{"01"}, exitFine,
			[]string{"closed: 01c0ffee", "\n  before: acknowledged by carl since 2026-03-10 13:01:00 UTC\n  last:   acknowledge by carl 2026-03-10 13:01:00 UTC\n"}},
		{"ack of what is closed, and of another", deed(4, mappings.Acknowledge, "carl", ""), []string{"01", "03"}, exitProblems,
			[]string{"it is closed by dora since 2026-03-10T13:03:00Z (false_positive): reopen it first", "acknowledged: 03c0ffee"}},
		{"hostile", deed(5, mappings.Comment, "carl", "x"), []string{"03"}, exitFine, []string{"commented on: 03c0ffee", "ana<U+001B>[31m<U+202E>gpj.exe"}},
		{"nothing is done if one is unknown", deed(6, mappings.Comment, "carl", "x"), []string{"02", "zz", "0"}, exitProblems,
			[]string{"there is no alert zz", "several alerts begin with 0"}},
		{"a name that is none", deed(7, mappings.Comment, "carl\x1b", "x"), []string{"02"}, exitUsage, []string{"the name has the character U+001B"}},
		{"reopen", deed(8, mappings.Reopen, "carl", ""), []string{"01"}, exitFine, []string{"reopened: 01c0ffee", "before: closed by dora since 2026-03-10 13:03:00 UTC (false_positive)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, said := do(tt.a.Kind, tt.a, tt.prefixes...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in\n%s", want, said)
				}
			}
			for _, r := range said {
				if r != '\n' && (!unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r)) {
					t.Errorf("%U in what was said", r)
				}
			}
		})
	}
	a, err := triage.Get(t.Context(), e, mappings.Names{}, storedAlerts()[1].ID)
	if err != nil || len(a.Triage.History) != 1 {
		t.Errorf("%v, %+v", err, a.Triage.History)
	}
}

// An answer that did not come: what to do then, and the exit code of a cluster.
func TestAlertsActWithoutAnswer(t *testing.T) {
	s, _, errs, e := alertsOn(t, storedAlerts()...)
	lost := lostAnswers{e}
	err := actOn(t.Context(), s, lost, mappings.Names{}, verbs()[0], []string{"01", "02"}, deed(1, mappings.Acknowledge, "carl", ""))
	if exitCode(err) != exitCluster || !strings.Contains(errs.String(), "asked again with the action id a1 it is done once") || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("%v, %s", err, errs)
	}
}

// lostAnswers is an engine that does what it is told and does not say so.
type lostAnswers struct{ *memory.Engine }

func (l lostAnswers) Bulk(ctx context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	if _, err := l.Engine.Bulk(ctx, ops, refresh); err != nil {
		return nil, err
	}
	return nil, &esq.UnreachableError{Op: "bulk", Err: context.DeadlineExceeded}
}

func TestAlertsUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"frobnicate"}, `unknown command "frobnicate"; stitch alerts has ack, close, comment, list, reopen, show`},
		{[]string{"list", "x"}, "takes no arguments"},
		{[]string{"list", "--status", "done"}, `--status: there is no "done"; there are open, acknowledged, closed, all`},
		{[]string{"list", "--severity", "high,worse"}, `--severity: there is no "worse"; there are low, medium, high, critical`},
		{[]string{"list", "--from", "yesterday"}, `--from: "yesterday" is not a time`},
		{[]string{"list", "--from", "2026-03-02", "--to", "2026-03-02"}, "--to 2026-03-02 is not after --from 2026-03-02"},
		{[]string{"list", "--limit", "0"}, "--limit must be 1 to 10000"},
		{[]string{"list", "--after", "x"}, "--after: read cursor"},
		{[]string{"list", "--output", "xml"}, "--output must be text or json"},
		{[]string{"list"}, "no cluster named"},
		{[]string{"show"}, "name one alert: stitch alerts show ID"},
		{[]string{"show", "a", "b"}, "name one alert"},
		{[]string{"show", "a", "--output", "xml"}, "--output must be text or json"},
		{[]string{"ack"}, "name an alert: stitch alerts ack ID..."},
		{[]string{"close", "a"}, "say why with --reason"},
		{[]string{"comment", "a"}, "give the comment as one argument, in quotes"},
		{[]string{"comment", "a", "two", "words"}, "give the comment as one argument, in quotes"},
		{[]string{"reopen", "a"}, "no cluster named"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Chdir(t.TempDir())
			call{}.run(t, append([]string{"alerts"}, tt.args...)...).want(t, exitUsage, "", tt.want)
		})
	}
	call{}.run(t, "alerts").want(t, exitFine, "Available Commands", "")
	call{}.run(t, "alerts", "list", "--url", "http://127.0.0.1:1").want(t, exitCluster, "", "no answer")
}

func TestAlertsCompletion(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"alerts", ""}, "ack\t"},
		{[]string{"alerts", "list", "--status", ""}, "acknowledged\n"},
		{[]string{"alerts", "close", "--reason", "f"}, "false_positive\n"},
		{[]string{"alerts", "show", ""}, ":4\n"}, // no cluster, no files
	} {
		r := call{}.run(t, append([]string{"__complete"}, tt.args...)...)
		if !strings.Contains(r.out, tt.want) {
			t.Errorf("%q: %q is not in\n%s", tt.args, tt.want, r.out)
		}
	}
	_, _, _, e := alertsOn(t, storedAlerts()...)
	want := []string{
		"03c0ffee000000000000000000000000000003\tana<U+001B>[31m<U+202E>gpj.exe<U…<U+202E>gpj.exe<U+009B>2J<U+000D><U+000A><U+0009>end",
	}
	got := offerAlerts(t.Context(), e, mappings.Names{}, "03")
	if len(got) != 1 || !strings.HasPrefix(got[0], want[0][:20]) || strings.ContainsAny(got[0], "\x1b\n") {
		t.Errorf("offers %q", got)
	}
}

// A table is never wider than it may be, as long as its least columns fit.
func TestTablesFit(t *testing.T) {
	cell := rapid.StringOfN(rapid.SampledFrom([]rune("aé李 \u0301…")), 0, 60, -1)
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 5).Draw(t, "rows")
		var cols []*column
		for i := range rapid.IntRange(1, 7).Draw(t, "columns") {
			c := &column{name: fmt.Sprint("COLUMN ", i), keep: i == 0, rank: rapid.IntRange(0, 9).Draw(t, "rank"), least: rapid.IntRange(0, 20).Draw(t, "least")}
			for range rows {
				c.cells = append(c.cells, printable(cell.Draw(t, "cell")))
			}
			cols = append(cols, c)
		}
		width := rapid.IntRange(0, 200).Draw(t, "width")
		var b strings.Builder
		writeTable(&b, cols, width)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != rows+1 {
			t.Fatalf("%d lines for %d rows", len(lines), rows)
		}
		for _, line := range lines {
			if width > 0 && cellsOf(line) > max(width, cols[0].leastWidth()) {
				t.Errorf("%d places for %d: %q", cellsOf(line), width, line)
			}
		}
	})
}

// Folding loses no character and keeps to the width.
func TestFolded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := printable(rapid.StringOfN(rapid.SampledFrom([]rune("ab é李\u0301")), 0, 200, -1).Draw(t, "line"))
		checkFolded(t, line, rapid.IntRange(2, 40).Draw(t, "width"))
	})
	checkFolded(t, "\u0301 ab李", 3)
}

func checkFolded(t rapid.TB, line string, width int) {
	lines := folded(line, width)
	if diff := cmp.Diff(line, strings.Join(lines, "")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, l := range lines {
		if cellsOf(strings.TrimRight(l, " ")) > width {
			t.Errorf("%d places for %d: %q", cellsOf(l), width, l)
		}
	}
}
