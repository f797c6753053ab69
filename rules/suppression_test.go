package rules

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

const suppressed = `[rule]
rule_id = "r"
name = "R"
type = "query"
query = "event.action:a"
index = ["logs-*"]
[rule.alert_suppression]
group_by = ["user.name", "labels.team"]
`

func TestSuppression(t *testing.T) {
	const documents = `
logs-1 1 01:00:00 {"event":{"action":"a"},"user":{"name":"jane"},"labels":{"team":"x"}}
logs-1 2 01:30:00 {"event":{"action":"a"},"user":{"name":"jane"},"labels":{"team":"x"}}
logs-1 3 01:59:59 {"event":{"action":"a"},"user":{"name":"jane"},"labels":{"team":"x"}}
logs-1 4 02:00:00 {"event":{"action":"a"},"user":{"name":"jane"},"labels":{"team":"x"}}
logs-1 5 01:10:00 {"event":{"action":"a"},"user":{"name":"jane"},"labels":{"team":"y"}}
logs-1 6 03:00:00 {"event":{"action":"a"},"user":{"name":"joe"}}
logs-1 7 03:10:00 {"event":{"action":"a"},"user":{"name":"joe"}}
`
	const hour = "duration = { value = 1, unit = \"h\" }\n"
	for name, test := range map[string]struct {
		spec string
		want []string // document and how many others it stands for
	}{
		"an hour":                       {hour, []string{"1 +2", "4 +0", "5 +0", "6 +1"}},
		"those without a value by each": {hour + "missing_fields_strategy = \"doNotSuppress\"\n", []string{"1 +2", "4 +0", "5 +0", "6", "7"}},
		"an interval":                   {"", []string{"1 +0", "2 +0", "3 +1", "5 +0", "6 +0", "7 +0"}},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := Load([]string{write(t, map[string]string{"r.toml": suppressed + test.spec})})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range runDay(t, set.Rules[0], engineOf(t, documents)).Alerts {
				text := a.Stages[0].Documents[0].ID
				if s := a.Suppression; s != nil {
					text += fmt.Sprintf(" +%d", s.Count)
					if !a.End.Equal(s.End) || !a.Start.Equal(s.Start) {
						t.Errorf("%s spans %s to %s and stands for %+v", text, a.Start, a.End, s)
					}
				}
				got = append(got, text)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("(-want +got):\n" + diff)
			}
		})
	}
}

// TestSuppressionInWindows looks at all alerts at once and window by window:
// each window must know what it answers for, whatever lies around it.
func TestSuppressionInWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &suppression{by: []string{"user.name"}, duration: time.Duration(rapid.SampledFrom([]int{1, 60, 600, 3000}).Draw(t, "minutes")) * time.Minute, missing: rapid.Bool().Draw(t, "missing")}
		every := rapid.SampledFrom([]int{5, 55, 400}).Draw(t, "minutes between alerts")
		var all []Alert
		at := day
		for i := range rapid.IntRange(1, 60).Draw(t, "alerts") {
			at = at.Add(time.Duration(rapid.IntRange(0, 2*every).Draw(t, "gap")) * time.Minute)
			a := Alert{ID: fmt.Sprint(i), Anchor: at, Start: at.Add(-time.Minute), End: at, Columns: map[string][]esq.Value{}}
			if user := rapid.SampledFrom([]string{"a", "a", "a", "b", ""}).Draw(t, "user"); user != "" {
				a.Columns["user.name"] = []esq.Value{esq.Str(user)}
			}
			all = append(all, a)
		}
		r := &Rule{suppression: s}
		from := day.Add(time.Duration(rapid.IntRange(0, int(at.Sub(day).Minutes())+1).Draw(t, "from")) * time.Minute)
		w := Window{From: from, To: from.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "long")) * time.Minute)}
		answers := func(a Alert) bool { return !r.meets(w, a.Start, a.End) }
		known := s.around(w)
		near := slices.DeleteFunc(slices.Clone(all), func(a Alert) bool { return !r.meets(known, a.Start, a.End) })
		want, got := slices.DeleteFunc(s.apply(all), answers), slices.DeleteFunc(s.apply(near), answers)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
			t.Fatalf("window %v (-all at once +window):\n%s", w, diff)
		}
	})
}
