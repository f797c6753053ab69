package triage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// Ten thousand alerts, many of one time, are all listed once, the newest first.
func TestListPages(t *testing.T) {
	const many = 10_000
	var alerts []mappings.Alert
	for i := range many {
		a := alert(i, func(a *mappings.Alert) {
			a.ID = fmt.Sprintf("%032x", (i*7919)%many)
			a.Written = noon().Add(time.Duration(i/50) * time.Minute)
		})
		alerts = append(alerts, a)
	}
	e := engine(t, alerts...)
	var got []triage.Header
	var cursor triage.Cursor
	for range many {
		parsed, err := triage.ParseCursor(cursor.String())
		if err != nil || parsed != cursor {
			t.Fatalf("cursor %q: %+v, %v", cursor, parsed, err)
		}
		page, err := triage.List(t.Context(), e, mappings.Names{}, triage.Filter{}, cursor, triage.MaxSize)
		if err != nil || page.Total != many || len(page.Alerts) != triage.MaxSize {
			t.Fatalf("%d of %d, %v", len(page.Alerts), page.Total, err)
		}
		got = append(got, page.Alerts...)
		if cursor = page.Next; cursor.IsZero() {
			break
		}
	}
	if len(got) != many {
		t.Fatalf("%d alerts, want %d", len(got), many)
	}
	for i := range got[1:] {
		a, b := got[i], got[i+1]
		if a.Written.Before(b.Written) || a.Written.Equal(b.Written) && a.ID >= b.ID {
			t.Fatalf("%v %s before %v %s", a.Written, a.ID, b.Written, b.ID)
		}
	}
}

func TestListOfNothing(t *testing.T) {
	page, err := triage.List(t.Context(), engine(t), mappings.Names{}, triage.Filter{}, triage.Cursor{}, 10)
	if err != nil || page.Total != 0 || len(page.Alerts) != 0 || !page.Next.IsZero() {
		t.Errorf("%+v, %v", page, err)
	}
	// The last page is full, and yet the last.
	page, err = triage.List(t.Context(), engine(t, alert(1), alert(2)), mappings.Names{}, triage.Filter{}, triage.Cursor{}, 2)
	if err != nil || len(page.Alerts) != 2 || !page.Next.IsZero() {
		t.Errorf("%+v, %v", page, err)
	}
	for _, size := range []int{0, -1, triage.MaxSize + 1} {
		if _, err := triage.List(t.Context(), engine(t), mappings.Names{}, triage.Filter{}, triage.Cursor{}, size); err == nil {
			t.Errorf("a page of %d: no error", size)
		}
	}
}

// filterCase is a filter and the alerts of [filtered] that it accepts, in order.
type filterCase struct {
	name   string
	filter triage.Filter
	want   []int
}

func minute(n int) time.Time { return noon().Add(time.Duration(n) * time.Minute) }

func filterCases() []filterCase {
	return []filterCase{
		{"all", triage.Filter{}, []int{3, 2, 1}},
		{"retracted too", triage.Filter{Retracted: true}, []int{4, 3, 2, 1}},
		{"open", triage.Filter{Status: []string{"open"}}, []int{3, 1}},
		{"closed", triage.Filter{Status: []string{"closed"}}, []int{2}},
		{"two states", triage.Filter{Status: []string{"closed", "open"}}, []int{3, 2, 1}},
		{"no such state", triage.Filter{Status: []string{"*"}}, nil},
		{"severity", triage.Filter{Severity: []string{"low", "critical"}}, []int{3}},
		{"rule by id", triage.Filter{Rule: "r-1"}, []int{2, 1}},
		{"rule by name", triage.Filter{Rule: "AT NIGHT"}, []int{2, 1}},
		{"marks mean nothing", triage.Filter{Rule: "% *of* it?"}, []int{3}},
		{"a mark alone", triage.Filter{Rule: "*"}, []int{3}},
		{"user", triage.Filter{User: "USER1@"}, []int{1}},
		{"user with marks", triage.Filter{User: "j*N?"}, []int{3}},
		{"no user with marks", triage.Filter{User: "user?@"}, nil},
		{"host", triage.Filter{Host: "pc-1"}, []int{3, 2, 1}},
		{"other host", triage.Filter{Host: "pc-10"}, []int{3}},
		{"from", triage.Filter{From: minute(2)}, []int{3, 2}},
		{"to", triage.Filter{To: minute(2)}, []int{1}},
		{"from to", triage.Filter{From: minute(2), To: minute(3)}, []int{2}},
		{"a word of the message", triage.Filter{Text: "copies"}, []int{2, 1}},
		{"words", triage.Filter{Text: "copies  user2"}, []int{2}},
		{"a file", triage.Filter{Text: `e:\plan`}, []int{2, 1}},
		{"an address", triage.Filter{Text: "2001:DB8:0::1"}, []int{3}},
		{"an id", triage.Filter{Text: "02020202"}, []int{2}},
		{"a comment", triage.Filter{Text: "backup"}, []int{2}},
		{"a reason", triage.Filter{Text: "false"}, []int{2}},
		{"no syntax", triage.Filter{Text: `"copies OR user2" AND NOT (x`}, nil},
		{"all at once", triage.Filter{Status: []string{"open"}, Severity: []string{"high"}, Rule: "r-1", User: "user1", Host: "pc", Text: "night", From: noon(), To: minute(9)}, []int{1}},
	}
}

// filtered writes four alerts: one as it is, one that is closed, one of another
// rule with odd names, and one that was retracted.
func filtered(t *testing.T, store esq.Store, names mappings.Names) {
	t.Helper()
	other := alert(3, func(a *mappings.Alert) {
		a.Rule.ID, a.Rule.Name, a.Rule.Severity = "r-2", "100% *of* it?", "low"
		a.Columns = map[string][]esq.Value{"user.name": {esq.Str("J*n?")}, "host.hostname": {esq.Str("PC-10")}, "source.ip": {esq.Str("2001:db8::1")}}
		a.Key = nil
	})
	closed, _, _, err1 := mappings.Act(document(t, alert(2)), mappings.Action{
		ID: "1", Kind: mappings.Close, At: noon(), By: "ana", Reason: "false positive", Comment: "the nightly <backup>",
	})
	retracted, err2 := mappings.Retract(document(t, alert(4)), 2, noon())
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	var ops []esq.Write
	for n, raw := range map[int]json.RawMessage{1: document(t, alert(1)), 2: closed, 3: document(t, other), 4: retracted} {
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: names.AlertIndex(noon()), ID: alert(n).ID}, Source: raw})
	}
	write(t, store, ops...)
}

// checkFilters lists what each filter accepts.
func checkFilters(t *testing.T, pager esq.Pager, names mappings.Names) {
	for _, tt := range filterCases() {
		t.Run(tt.name, func(t *testing.T) {
			page, err := triage.List(t.Context(), pager, names, tt.filter, triage.Cursor{}, 10)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, a := range page.Alerts {
				got = append(got, a.ID)
			}
			for _, n := range tt.want {
				want = append(want, alert(n).ID)
			}
			if diff := cmp.Diff(want, got); diff != "" || page.Total != int64(len(want)) {
				t.Errorf("%d alerts (-want +got):\n%s", page.Total, diff)
			}
		})
	}
}

func TestFilters(t *testing.T) {
	e := engine(t)
	filtered(t, e, mappings.Names{})
	checkFilters(t, e, mappings.Names{})
	for name, f := range map[string]triage.Filter{
		"too long":  {Text: string(make([]byte, 2000))},
		"words":     {Text: "a b c d e f g h i j k"},
		"backwards": {From: minute(2), To: minute(2)},
	} {
		if _, err := triage.List(t.Context(), e, mappings.Names{}, f, triage.Cursor{}, 10); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestResolve(t *testing.T) {
	with := func(id string) mappings.Alert { return alert(1, func(a *mappings.Alert) { a.ID = id }) }
	e := engine(t, with("abc1"), with("abc2"), with("ab"), with("x*y"))
	for prefix, want := range map[string]string{"abc1": "abc1", "ab": "ab", "x": "x*y", "x*": "x*y"} {
		if got, err := triage.Resolve(t.Context(), e, mappings.Names{}, prefix); err != nil || got != want {
			t.Errorf("%s: %q, %v", prefix, got, err)
		}
	}
	for _, prefix := range []string{"", "abc3", "*", "y", string(make([]byte, 600))} {
		_, err := triage.Resolve(t.Context(), e, mappings.Names{}, prefix)
		if _, unknown := errors.AsType[*triage.UnknownError](err); !unknown {
			t.Errorf("%q: %v", prefix, err)
		}
	}
	_, err := triage.Resolve(t.Context(), e, mappings.Names{}, "abc")
	if a, is := errors.AsType[*triage.AmbiguousError](err); !is || !slices.Equal(a.IDs, []string{"abc1", "abc2"}) {
		t.Errorf("ambiguous: %v", err)
	}
	if _, err := triage.Get(t.Context(), e, mappings.Names{}, "abc"); err == nil {
		t.Error("a prefix is no id")
	}
}

func TestGet(t *testing.T) {
	a := alert(1, func(a *mappings.Alert) {
		a.Suppression = &mappings.Suppression{Terms: []mappings.KeyValue{{Name: "user.email", Value: esq.Str("x")}}, Start: noon(), End: noon().Add(time.Hour), Count: 3}
		a.Window = mappings.Window{From: noon(), To: noon().Add(time.Hour)}
	})
	e := engine(t, a)
	got, err := triage.Get(t.Context(), e, mappings.Names{}, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := &triage.Alert{
		Header: triage.Header{
			ID: a.ID, Index: "detections-stitch.alerts-2026.03", Written: a.Written, Updated: a.Written, Anchor: a.Anchor, Start: a.Start, End: a.End,
			RuleID: "r-1", RuleName: "Copies at night", Severity: "high", RiskScore: 73,
			Reason: "Copies at night: user.email user1@example.com (download 1, copy 12, scan 0)",
			Users:  []string{"user1@example.com"}, Hosts: []string{"pc-1"},
			Stages: []triage.StageCount{{"download", 1}, {"copy", 12}, {"scan", 0}},
			Triage: mappings.Triage{Status: "open"},
		},
		RuleType: "sequence", Note: "Ask first.", RuleVersion: "2", Tags: []string{"usb"}, Tactics: []string{"Exfiltration"},
		Key: a.Key, Chain: a.Stages, Entities: a.Entities, Weak: a.Weak, Window: a.Window, Suppression: a.Suppression,
		Details: map[string]any{"Drive": "E:", "Files": []any{"a", "b"}, "Count": json.Number("12")},
		Raw:     source(t, e, a),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	summaries := []triage.Summary{
		{"who", []string{"user1@example.com"}, true}, {"host", []string{"pc-1"}, false},
		{"from", []string{"192.0.2.7"}, true}, {"files", []string{`E:\Plan 100%.docx`}, false},
	}
	if diff := cmp.Diff(summaries, got.Summaries()); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
	// The header of a list is that of the alert.
	page, err := triage.List(t.Context(), e, mappings.Names{}, triage.Filter{}, triage.Cursor{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Header, page.Alerts[0]); diff != "" {
		t.Errorf("header (-of the alert +of the list):\n%s", diff)
	}
}

func TestCursors(t *testing.T) {
	for _, text := range []string{"x", "1", ".a", "1.", "1e3.a", "99999999999999999999.a", "9007199254740993.a"} {
		if c, err := triage.ParseCursor(text); err == nil {
			t.Errorf("%q: %+v", text, c)
		}
	}
}

// Whatever was stored as an alert, it is read or said to be no document.
func FuzzDecode(f *testing.F) {
	raw, err := alert(1).Document()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(raw))
	f.Add([]byte(`{"stitch":{"triage":{"history":[{"at":7},"x"]},"key":7,"chain":[{"documents":[{"columns":{"a":[{}]}}]}],"entities":{"type":1},"notifications":[1,{}]}}`))
	f.Add([]byte(`{"stitch.triage.history":{"id":1e400},"kibana":{"alert":{"risk_score":"x","suppression.docs_count":-1}}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := triage.Decode(raw)
		if (a == nil) == (err == nil) {
			t.Fatalf("%v, %v", a, err)
		}
		if a == nil {
			return
		}
		a.Summaries()
		for _, s := range a.Chain {
			for _, d := range s.Documents {
				triage.Telling(d)
			}
		}
	})
}
