package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq/memory"
)

// judge runs a rule over the day and writes what it found, a line an alert: its
// documents, and for what is pending, first, the deadline's time of day.
func judge(t *testing.T, r *Rule, m *memory.Engine, w Window) string {
	t.Helper()
	result, err := r.Run(context.Background(), m, w)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, a := range result.Alerts {
		if !a.Window.Closed.IsZero() {
			t.Error("an alert depends on when it was judged")
		}
		var ids []string
		for _, s := range a.Stages {
			for _, d := range s.Documents {
				ids = append(ids, d.ID)
			}
		}
		found = append(found, strings.Join(ids, " "))
	}
	for _, p := range result.Pending {
		found = append(found, p.Deadline.Format("15:04")+"? "+p.By[0].Value.String())
	}
	slices.Sort(found)
	return strings.Join(found, "\n")
}

const stageA = `
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
`

func TestAbsent(t *testing.T) {
	wholeDay := Window{From: day, To: day.Add(24 * time.Hour)}
	until := func(clock string) Window { return Window{From: day, To: at(clock), Closed: at(clock)} }
	for _, test := range []struct {
		name, rule, docs string
		window           Window
		want             string
	}{
		{"nothing like it within an hour", stageA + `
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
within = "1h"
absent = true
`, `
logs-1 a1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 b1 01:30:00 {"event":{"action":"b"},"user":{"name":"u"}}
logs-1 a2 02:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 b2 02:30:00 {"event":{"action":"b"},"user":{"name":"v"}}
logs-1 b3 03:00:01 {"event":{"action":"b"},"user":{"name":"u"}}
`, wholeDay, `a2`},
		{"pending until the hour has passed", stageA + `
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
within = "1h"
absent = true
`, `
logs-1 a1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 a2 02:00:00 {"event":{"action":"a"},"user":{"name":"v"}}
logs-1 a3 02:30:00 {"event":{"action":"a"},"user":{"name":"w"}}
logs-1 b3 02:40:00 {"event":{"action":"b"},"user":{"name":"w"}}
`, until("02:59"), "03:00? logs-1/a2\na1"},
		{"and closed when it has", stageA + `
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
within = "1h"
absent = true
`, `
logs-1 a2 02:00:00 {"event":{"action":"a"},"user":{"name":"v"}}
`, until("03:00"), `a2`},
		{"an event of the absent stage after the window", stageA + `
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
within = "48h"
absent = true
`, `
logs-1 a1 01:00:00 {"event":{"action":"a"}}
logs-1 b1 23:00:00 {"event":{"action":"b"}}
`, Window{From: at("01:00"), To: at("01:00"), Closed: day.Add(72 * time.Hour)}, ``},
		{"between two", stageA + `
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
absent = true
[[rule.stage]]
id = "c"
query = 'any where event.action == "c"'
join = 'user.name == a.user.name'
within = "2h"
`, `
logs-1 a1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 b1 01:30:00 {"event":{"action":"b"},"user":{"name":"u"}}
logs-1 c1 02:00:00 {"event":{"action":"c"},"user":{"name":"u"}}
logs-1 a2 02:30:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 c2 04:00:00 {"event":{"action":"c"},"user":{"name":"u"}}
logs-1 b2 04:00:01 {"event":{"action":"b"},"user":{"name":"u"}}
`, wholeDay, `a2 c2`},
		{"within the span, before or after", stageA + `
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
after = []
absent = true
`, `
logs-1 b1 00:10:00 {"event":{"action":"b"}}
logs-1 a1 01:00:00 {"event":{"action":"a"}}
logs-1 a2 03:00:00 {"event":{"action":"a"}}
logs-1 a3 05:00:00 {"event":{"action":"a"}}
logs-1 b3 05:59:00 {"event":{"action":"b"}}
`, wholeDay, `a2`},
		{"all(...) of an absent stage is not of narrowed rows", stageA + `
[[rule.stage]]
id = "b"
query = 'any where event.action == "b" and host.name in all(a.host.name)'
absent = true
within = "1h"
[[rule.stage]]
id = "c"
query = 'any where event.action == "c"'
join = 'user.name == a.user.name'
after = "a"
`, `
logs-1 a1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"},"host":{"name":"h"}}
logs-1 a2 01:10:00 {"event":{"action":"a"},"user":{"name":"v"},"host":{"name":"i"}}
logs-1 b1 01:30:00 {"event":{"action":"b"},"host":{"name":"i"}}
logs-1 c1 01:40:00 {"event":{"action":"c"},"user":{"name":"u"}}
`, wholeDay, ``},
		{"all(...) below an absent stage", stageA + `
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
absent = true
[[rule.stage]]
id = "c"
query = 'any where event.action == "c" and host.name in all(a.host.name)'
`, `
logs-1 a1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"},"host":{"name":"h"}}
logs-1 a2 01:10:00 {"event":{"action":"a"},"user":{"name":"v"},"host":{"name":"i"}}
logs-1 b1 01:30:00 {"event":{"action":"b"},"user":{"name":"u"}}
logs-1 c1 01:40:00 {"event":{"action":"c"},"host":{"name":"h"}}
logs-1 c2 01:45:00 {"event":{"action":"c"},"host":{"name":"j"}}
`, wholeDay, `a2 c1`},
		{"a window of groups", `
interval = "1d"
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[rule.stage.summarize]
by = ["user.name"]
n = "count()"
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
absent = true
`, `
logs-1 a1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 a2 03:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 b1 02:00:00 {"event":{"action":"b"},"user":{"name":"u"}}
logs-1 a3 01:00:00 {"event":{"action":"a"},"user":{"name":"v"}}
logs-1 b2 02:00:00 {"event":{"action":"b"},"user":{"name":"v"}}
`, Window{From: day, To: day.Add(24 * time.Hour), Closed: day.Add(48 * time.Hour)}, `a1 a2`},
		{"a window that is not closed", `
interval = "1d"
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[rule.stage.summarize]
by = ["user.name"]
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
absent = true
`, `
logs-1 a1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
`, Window{From: day, To: at("12:00"), Closed: at("11:59")}, `12:00? u`},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := ""
			if strings.Contains(test.rule, "after = []") {
				header = "maxspan = \"1h\"\n"
			}
			r := ruleOf(t, header+test.rule)
			if !r.Absent {
				t.Error("the rule does not say that it has absent stages")
			}
			if diff := cmp.Diff(test.want, judge(t, r, engineOf(t, test.docs), test.window)); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAbsentIsNotAskedWithoutChains: no chain, no question about what could drop it.
func TestAbsentIsNotAskedWithoutChains(t *testing.T) {
	r := ruleOf(t, stageA+`
[[rule.stage]]
id = "c"
query = 'any where event.action == "c"'
join = 'user.name == a.user.name'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
within = "1h"
absent = true
`)
	docs := `
logs-1 a1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 b1 02:30:00 {"event":{"action":"b"}}
logs-1 c1 02:00:00 {"event":{"action":"c"},"user":{"name":"%s"}}
`
	for user, want := range map[string]StageResult{
		"v": {Stage: "b", Skipped: true},
		"u": {Stage: "b", Documents: 1, Rows: 1},
	} {
		if got := runDay(t, r, engineOf(t, fmt.Sprintf(docs, user))).Stages[2]; got != want {
			t.Errorf("user %s: %+v, want %+v", user, got, want)
		}
	}
}

// TestAbsentBeyondTheReach: what drops a chain is found though no chain would be
// looked for so far away.
func TestAbsentBeyondTheReach(t *testing.T) {
	r := ruleOf(t, stageA+`
[[rule.stage]]
id = "c"
query = 'any where event.action == "c"'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
within = "1h"
absent = true
`)
	r.Span = time.Hour
	m := engineOf(t, `
logs-1 a 01:00:00 {"event":{"action":"a"}}
logs-1 c 02:59:00 {"event":{"action":"c"}}
logs-1 b 03:30:00 {"event":{"action":"b"}}
`)
	if got := judge(t, r, m, Window{From: at("01:00"), To: at("01:00"), Closed: at("09:00")}); got != "" {
		t.Errorf("found %s, want nothing", got)
	}
}

// TestArrivalsOfAbsentStages: what arrives can drop a chain that has no event
// near it.
func TestArrivalsOfAbsentStages(t *testing.T) {
	r := ruleOf(t, stageA+`
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
within = "2h"
absent = true
`)
	if want := 24 * time.Hour; r.Span != want {
		t.Errorf("span %v, want %v", r.Span, want)
	}
	r.Span = 2 * time.Hour
	m := engineOf(t, `
logs-1 b 05:00:00 {"event":{"action":"b","ingested":"2026-03-10T06:00:30Z"}}
`)
	got, err := r.Arrivals(context.Background(), m, Window{From: at("06:00"), To: at("07:00")})
	if err != nil {
		t.Fatal(err)
	}
	if got.Count != 1 || !got.First.Equal(at("03:00")) || !got.Last.Equal(at("07:00")) {
		t.Errorf("%d arrivals, to be looked at from %v to %v", got.Count, got.First, got.Last)
	}
}

// minuteEvents are events at minutes of the day: their kind, and their user.
type minuteEvent struct {
	minute     int
	kind, user string
}

// TestAbsentHoweverItIsAsked compares runs, over the day and over small windows,
// with what a plain reading of the rule says.
func TestAbsentHoweverItIsAsked(t *testing.T) {
	r := ruleOf(t, stageA+`
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
absent = true
[[rule.stage]]
id = "c"
query = 'any where event.action == "c"'
join = 'user.name == a.user.name'
within = "6m"
[[rule.stage]]
id = "d"
query = 'any where event.action == "d"'
join = 'user.name == a.user.name'
absent = true
within = "5m"
[rule.alert]
by = ["a", "c"]
`)
	r.Span = 6 * time.Minute
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) minuteEvent {
			return minuteEvent{
				rapid.IntRange(0, 40).Draw(t, "minute"), rapid.SampledFrom([]string{"a", "a", "b", "c", "c", "d"}).Draw(t, "kind"),
				rapid.SampledFrom([]string{"u", "u", "v"}).Draw(t, "user"),
			}
		}), 1, 16).Draw(rt, "events")
		var docs strings.Builder
		for i, e := range events {
			fmt.Fprintf(&docs, "logs-1 %s%d 00:%02d:00 {\"event\":{\"action\":%q},\"user\":{\"name\":%q}}\n", e.kind, i, e.minute, e.kind, e.user)
		}
		m := engineOf(t, docs.String())
		closed := rapid.IntRange(0, 50).Draw(rt, "closed")
		from := rapid.IntRange(0, 40).Draw(rt, "from")
		to := from + rapid.IntRange(0, 40).Draw(rt, "to")
		minute := func(n int) time.Time { return day.Add(time.Duration(n) * time.Minute) }
		got := judge(t, r, m, Window{From: minute(from), To: minute(to), Closed: minute(closed)})
		if diff := cmp.Diff(plainly(events, from, to, closed), got); diff != "" {
			rt.Fatalf("from %d to %d, closed %d, of\n%sfound (-want +got):\n%s", from, to, closed, &docs, diff)
		}
	})
}

// plainly reads the rule of TestAbsentHoweverItIsAsked.
func plainly(events []minuteEvent, from, to, closed int) string {
	var found []string
	for i, a := range events {
		for k, c := range events {
			if a.kind != "a" || c.kind != "c" || a.user != c.user || c.minute < a.minute || c.minute > a.minute+6 {
				continue
			}
			dropped := slices.ContainsFunc(events, func(e minuteEvent) bool {
				return e.user == a.user && (e.kind == "b" && a.minute <= e.minute && e.minute <= c.minute ||
					e.kind == "d" && c.minute <= e.minute && e.minute <= c.minute+5)
			})
			switch {
			case dropped || a.minute > to || c.minute < from:
			case c.minute+5 <= closed:
				found = append(found, fmt.Sprintf("a%d c%d", i, k))
			default:
				found = append(found, fmt.Sprintf("00:%02d? logs-1/a%d", c.minute+5, i))
			}
		}
	}
	slices.Sort(found)
	return strings.Join(found, "\n")
}
