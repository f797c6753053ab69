package rules

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// visit is a document of these tests, and what a burst counts of it.
type visit struct {
	index, id string
	time      int64
	users     []string // as spelled
	path      string
	names     []string
}

// user is the visit's combination: the first user, without regard to case.
func (v visit) user() string {
	if len(v.users) == 0 {
		return ""
	}
	return strings.ToLower(v.users[0])
}

// file is the visit's path, or else its first name; "" if it has neither.
func (v visit) file() string {
	if v.path != "" {
		return v.path
	}
	if len(v.names) > 0 {
		return v.names[0]
	}
	return ""
}

func (v visit) source() map[string]any {
	fields := map[string]any{"@timestamp": iso(v.time), "event": map[string]any{"action": "visit"}}
	user := "user"
	if strings.HasPrefix(v.index, "logs-b") {
		user = "account"
	}
	fields[user] = map[string]any{"name": v.users}
	fields["file"] = map[string]any{"path": v.path, "name": v.names}
	return fields
}

// visitView has one person's visits in two sources, which count together.
const visitView = `
description = "A visit"
[[source]]
name = "a"
index = ["logs-a-*"]
[source.columns]
"user.name" = { from = "user.name", as = "lower", single = true }
"file.id" = { from = ["file.path", "file.name"], single = true }
"file.name" = "file.name"
[[source]]
name = "b"
index = ["logs-b-*"]
[source.columns]
"user.name" = { from = "account.name", as = "lower", single = true }
"file.id" = { from = ["file.path", "file.name"], single = true }
"file.name" = "file.name"
`

func burstRule(t *testing.T, window, having string) *Rule {
	t.Helper()
	set, err := Load([]string{write(t, map[string]string{"views/visit.toml": visitView, "r.toml": `
[rule]
rule_id = "r"
name = "R"
type = "sequence"
[[rule.stage]]
id = "burst"
query = 'visit where event.action == "visit"'
[rule.stage.summarize]
by = ["user.name"]
n = "count()"
files = "distinct(file.id)"
names = "distinct(file.name)"
window = "` + window + `"
having = '` + having + `'
[rule.alert.details]
First = "burst.first"
Last = "burst.last"
`})})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rules[0]
}

func memoryOf(t rapid.TB, visits []visit) *memory.Engine {
	t.Helper()
	m := memory.New(memory.Options{Now: func() time.Time { return day }})
	var data strings.Builder
	for _, v := range visits {
		line, err := json.Marshal(map[string]any{"_index": v.index, "_id": v.id, "_source": v.source()})
		if err != nil {
			t.Fatal(err)
		}
		data.Write(append(line, '\n'))
	}
	if _, err := m.Load(strings.NewReader(data.String()), "test"); err != nil {
		t.Fatal(err)
	}
	return m
}

// havings are conditions, each with what it means.
var havings = []struct {
	text  string
	holds func(user string, n, files, names int) bool
}{
	{`n >= 3`, func(_ string, n, _, _ int) bool { return n >= 3 }},
	{`n >= 1`, func(_ string, n, _, _ int) bool { return n >= 1 }},
	{`files > 2`, func(_ string, _, files, _ int) bool { return files > 2 }},
	{`3 <= names`, func(_ string, _, _, names int) bool { return names >= 3 }},
	{`n >= 4 or (files >= 2 and n > 2)`, func(_ string, n, files, _ int) bool { return n >= 4 || files >= 2 && n > 2 }},
	{`n >= 3 and user.name != "v"`, func(user string, n, _, _ int) bool { return n >= 3 && user != "v" }},
	{`n >= 5 or user.name == "v"`, func(user string, n, _, _ int) bool { return n >= 5 || user == "v" }},
}

// plainBursts looks at every stretch of time by itself. It returns the ids of the
// events of each burst, as text, by user and day of the first event.
func plainBursts(visits []visit, window int64, holds func(user string, n, files, names int) bool) map[string][][]visit {
	byUser := map[string][]visit{}
	for _, v := range visits {
		byUser[v.user()] = append(byUser[v.user()], v)
	}
	out := map[string][][]visit{}
	for user, own := range byUser {
		for _, b := range together(own, stretches(own, window, func(in []visit) bool {
			files, names := map[string]bool{}, map[string]bool{}
			for _, v := range in {
				if v.file() != "" {
					files[v.file()] = true
				}
				for _, name := range v.names {
					names[name] = true
				}
			}
			return holds(user, len(in), len(files), len(names))
		})) {
			for _, part := range parted(b) {
				id := beginning(user) + " " + iso(part[0].time)[:10]
				out[id] = append(out[id], part)
			}
		}
	}
	return out
}

// stretches returns the sets of events, by position, of all stretches that hold.
func stretches(visits []visit, window int64, holds func([]visit) bool) [][]int {
	var all [][]int
	for _, v := range visits {
		for _, start := range []int64{v.time, v.time - window + 1, v.time - window/2} {
			var at []int
			var in []visit
			for i, o := range visits {
				if o.time >= start && o.time < start+window {
					at, in = append(at, i), append(in, o)
				}
			}
			if len(in) > 0 && holds(in) {
				all = append(all, at)
			}
		}
	}
	return all
}

// together joins sets that share an event.
func together(visits []visit, sets [][]int) [][]visit {
	group := map[int]int{}
	for _, set := range sets {
		for _, i := range set {
			if _, in := group[i]; !in {
				group[i] = i
			}
		}
		for _, i := range set {
			from, to := group[i], group[set[0]]
			for k, g := range group {
				if g == from {
					group[k] = to
				}
			}
		}
	}
	byGroup := map[int][]visit{}
	for i, g := range group {
		byGroup[g] = append(byGroup[g], visits[i])
	}
	return slices.Collect(maps.Values(byGroup))
}

// parted cuts a burst of more than 24 hours by days.
func parted(b []visit) [][]visit {
	slices.SortFunc(b, func(x, y visit) int { return cmp.Or(cmp.Compare(x.time, y.time), cmp.Compare(x.id, y.id)) })
	if b[len(b)-1].time-b[0].time <= 24*time.Hour.Milliseconds() {
		return [][]visit{b}
	}
	byDay := map[string][]visit{}
	for _, v := range b {
		byDay[iso(v.time)[:10]] = append(byDay[iso(v.time)[:10]], v)
	}
	return slices.Collect(maps.Values(byDay))
}

// burstFound is an alert of these tests: its documents, and the bounds of its rows.
type burstFound struct{ documents, firsts, lasts []string }

func expectBursts(bursts map[string][][]visit, w Window) map[string]burstFound {
	out := map[string]burstFound{}
	for id, list := range bursts {
		var f burstFound
		first, last := list[0][0].time, list[0][0].time
		for _, b := range list {
			for _, v := range b {
				f.documents = append(f.documents, v.id)
				first, last = min(first, v.time), max(last, v.time)
			}
			f.firsts = append(f.firsts, iso(b[0].time))
			f.lasts = append(f.lasts, iso(b[len(b)-1].time))
		}
		if !utc(first).After(w.To) && !utc(last).Before(w.From) {
			for _, list := range [][]string{f.documents, f.firsts, f.lasts} {
				slices.Sort(list)
			}
			out[id] = f
		}
	}
	return out
}

func foundBursts(t *rapid.T, r *Rule, eng esq.Searcher, w Window) map[string]burstFound {
	result, err := r.Run(t.Context(), eng, w)
	if err != nil {
		t.Fatal(err)
	}
	texts := func(list any) (out []string) {
		for _, v := range list.([]any) {
			out = append(out, v.(string))
		}
		return out
	}
	out := map[string]burstFound{}
	for _, a := range result.Alerts {
		f := burstFound{firsts: texts(a.Details["First"]), lasts: texts(a.Details["Last"])}
		for _, d := range a.Stages[0].Documents {
			f.documents = append(f.documents, d.ID)
		}
		slices.Sort(f.documents)
		user := ""
		if users := a.Stages[0].Documents[0].Columns["user.name"]; len(users) > 0 {
			user = users[0].String()
		}
		id := beginning(user) + " " + f.firsts[0][:10]
		if out[id].documents != nil {
			t.Errorf("two alerts of %s", id)
		}
		out[id] = f
	}
	return out
}

// beginning keeps of long names the beginning, as alerts do.
func beginning(name string) string { return name[:min(len(name), 20)] }

func drawVisits(t *rapid.T, window int64) []visit {
	some := func(from []string, label string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(from), 0, 2).Draw(t, label)
	}
	long := strings.Repeat("x", 1100) // beyond ignore_above
	var visits []visit
	at := day.UnixMilli()
	for i := range rapid.IntRange(1, 40).Draw(t, "visits") {
		steps := []int64{0, 1, window / 4, window / 3, window - 1, window, window + 1, 2 * window, 8*window + 7}
		at += rapid.SampledFrom(steps).Draw(t, "step")
		v := visit{
			index: rapid.SampledFrom([]string{"logs-a-1", "logs-b-1"}).Draw(t, "index"), id: fmt.Sprintf("v%02d", i), time: at,
			users: []string{"u"},
			path:  rapid.SampledFrom([]string{"", "/1", "/2", "/3", "/4"}).Draw(t, "path"),
			names: some([]string{"1", "2", "3"}, "names"),
		}
		if rapid.IntRange(0, 3).Draw(t, "other users") == 0 {
			v.users = some([]string{"U", "v", "V", long}, "users")
		}
		visits = append(visits, v)
	}
	return visits
}

// TestBurstsAreThePlainOnes holds the sliding window, the counting by the engine
// and the time that a run looks at to an evaluation of every stretch by itself.
func TestBurstsAreThePlainOnes(t *testing.T) {
	t.Parallel()
	cases, found := 0, 0
	for _, window := range []string{"1m", "90ms", "7h", "24h"} {
		for _, having := range havings {
			r := burstRule(t, window, having.text)
			length, err := parseDuration(window)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(window+" "+having.text, rapid.MakeCheck(func(t *rapid.T) {
				visits := drawVisits(t, length.Milliseconds())
				bursts := plainBursts(visits, length.Milliseconds(), having.holds)
				from := visits[rapid.IntRange(0, len(visits)-1).Draw(t, "from")].time + rapid.SampledFrom([]int64{0, 1, -1}).Draw(t, "from beside")
				w := Window{From: utc(from), To: utc(from + rapid.SampledFrom([]int64{0, 1, length.Milliseconds(), 30 * time.Hour.Milliseconds()}).Draw(t, "length"))}
				want := expectBursts(bursts, w)
				cases, found = cases+1, found+len(want)
				// Which documents lie where must not matter.
				rand.New(rand.NewPCG(1, 1)).Shuffle(len(visits), func(i, j int) { visits[i], visits[j] = visits[j], visits[i] })
				got := foundBursts(t, r, memoryOf(t, visits), w)
				if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(burstFound{})); diff != "" {
					t.Fatalf("bursts of %s to %s (-plain +stitch):\n%s", iso(w.From.UnixMilli()), iso(w.To.UnixMilli()), diff)
				}
			}))
		}
	}
	if found < cases/5 {
		t.Errorf("only %d bursts in %d cases: the cases drawn show too little", found, cases)
	}
}

// TestBurstsOfADayAreWhole has a run look at one of two bursts of one day, of
// which the second reaches far into the next: they are one incident.
func TestBurstsOfADayAreWhole(t *testing.T) {
	r := burstRule(t, "7h", "n >= 2")
	at := func(hours float64) int64 { return day.UnixMilli() + int64(hours*3_600_000) }
	var visits []visit
	for i, hours := range []float64{0, 1, 23, 29, 35, 41, 46.9} {
		visits = append(visits, visit{index: "logs-a-1", id: fmt.Sprintf("v%d", i), time: at(hours), users: []string{"u"}})
	}
	for _, seen := range []float64{0, 46.9} { // from the one burst, from the other
		result, err := r.Run(t.Context(), memoryOf(t, visits), Window{From: utc(at(seen)), To: utc(at(seen))})
		if err != nil || len(result.Alerts) != 1 {
			t.Fatalf("%d alerts, %v, want one", len(result.Alerts), err)
		}
		if got := result.Alerts[0].Details["Last"]; !gocmp.Equal(got, []any{iso(at(1)), iso(at(46.9))}) || result.Alerts[0].Stages[0].Count != len(visits) {
			t.Errorf("seen from hour %v, bursts end at %v with %d events", seen, got, result.Alerts[0].Stages[0].Count)
		}
	}
}

func TestLongBurstsAreCut(t *testing.T) {
	r := burstRule(t, "7h", "n >= 2")
	for _, test := range []struct {
		hours []float64
		want  []any
	}{
		{[]float64{20, 26, 32, 38, 44}, []any{"2026-03-10T20:00:00.000Z"}}, // 24 hours
		{[]float64{20, 26, 32, 38, 44.001}, []any{"2026-03-10T20:00:00.000Z", "2026-03-11T02:00:00.000Z"}},
	} {
		var visits []visit
		for i, hours := range test.hours {
			visits = append(visits, visit{index: "logs-a-1", id: fmt.Sprintf("v%d", i), time: day.UnixMilli() + int64(hours*3_600_000), users: []string{"u"}})
		}
		result, err := r.Run(t.Context(), memoryOf(t, visits), Window{From: day, To: day.AddDate(0, 0, 2)})
		if err != nil {
			t.Fatal(err)
		}
		var firsts []any
		for _, a := range result.Alerts {
			firsts = append(firsts, a.Details["First"].([]any)...)
		}
		slices.SortFunc(firsts, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		if diff := gocmp.Diff(test.want, firsts); diff != "" {
			t.Errorf("%v hours: bursts begin (-want +got):\n%s", test.hours, diff)
		}
	}
}

// TestHaving keeps groups without a window, whatever the condition.
func TestHaving(t *testing.T) {
	r := ruleOf(t, `
[[rule.stage]]
id = "a"
query = 'any where event.action != null'
[rule.stage.summarize]
by = ["user.name"]
n = "count()"
files = "set(file.name)"
having = 'n < 3 and files : "x*" and user.name != "w"'
[rule.alert]
by = ["a.user.name"]
`)
	m := engineOf(t, `
logs-1 1 01:00:00 {"event":{"action":"a"},"user":{"name":"u"},"file":{"name":"x1"}}
logs-1 2 02:00:00 {"event":{"action":"a"},"user":{"name":"u"},"file":{"name":"y"}}
logs-1 3 02:00:00 {"event":{"action":"a"},"user":{"name":"v"},"file":{"name":"y"}}
logs-1 4 02:00:00 {"event":{"action":"a"},"user":{"name":"w"},"file":{"name":"x"}}
logs-1 5 02:00:00 {"event":{"action":"a"},"user":{"name":"z"},"file":{"name":["x","x2"]}}
logs-1 6 02:00:00 {"event":{"action":"a"},"user":{"name":"z"},"file":{"name":"x"}}
logs-1 7 02:00:00 {"event":{"action":"a"},"user":{"name":"z"},"file":{"name":"x"}}
`)
	alerts := runDay(t, r, m).Alerts
	if len(alerts) != 1 || alerts[0].By[1].Value != esq.Str("u") {
		t.Errorf("%d alerts, want that of u: %v", len(alerts), alerts)
	}
	if !r.Windowed {
		t.Error("a rule that summarizes without a window is evaluated window by window")
	}
}

// TestBurstsInsideAWindow has a rule with groups of both kinds: it is evaluated
// window by window, and what a burst has outside does not count.
func TestBurstsInsideAWindow(t *testing.T) {
	r := ruleOf(t, `
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[rule.stage.summarize]
by = ["user.name"]
n = "count()"
window = "10m"
having = 'n >= 3'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
[rule.stage.summarize]
by = ["user.name"]
m = "count()"
[rule.alert]
by = ["a"]
[rule.alert.details]
Count = "a.n"
`)
	m := engineOf(t, `
logs-1 1 00:01:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 2 00:05:00 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 3 00:10:59.999 {"event":{"action":"a"},"user":{"name":"u"}}
logs-1 4 00:20:00 {"event":{"action":"b"},"user":{"name":"u"}}
`)
	for minutes, want := range map[int]int{0: 1, 3: 0} {
		w := Window{From: day.Add(time.Duration(minutes) * time.Minute), To: day.Add(time.Hour)}
		result, err := r.Run(t.Context(), m, w)
		if err != nil || len(result.Alerts) != want {
			t.Errorf("from minute %d: %d alerts, %v, want %d", minutes, len(result.Alerts), err, want)
		}
	}
}

func TestWindowProblems(t *testing.T) {
	for _, test := range []struct{ lines, want string }{
		{`window = "1m"`, `a window needs having, which says what must come together in it; add having = 'n >= 50' and n = "count()"`},
		{`window = "25h"` + "\nhaving = 'n > 1'", `window must be from 1ms to 24h, not 25h`},
		{`window = "1 minute"` + "\nhaving = 'n > 1'", `window: "1 minute" is not a duration; write a whole number and one of ms, s, m, h, d, w, like 24h`},
		{`window = 60` + "\nhaving = 'n > 1'", `window must be a duration such as "1m", not a number`},
		{`having = 50`, `having must be a condition such as 'n >= 50', not a number`},
		{`having = 'm > 1'`, `having: column 1: the group has no column "m" (did you mean n?); add it to by or as an aggregate`},
		{`having = 'all(a.n) > 1'`, `having: column 1: all(`},
		{`having = 'n >'`, `having: column 4: `},
	} {
		problems := problemsOf(t, write(t, map[string]string{"r.toml": strings.TrimSpace(goodStage) + "\n[rule.stage.summarize]\nby = [\"user.name\"]\nn = \"count()\"\n" + test.lines + "\n"}))
		if len(problems) != 1 || !strings.Contains(problems[0], test.want) {
			t.Errorf("%s: got %q, want %q", test.lines, problems, test.want)
		}
	}
	for _, having := range []string{`n <= 5`, `n == 5`, `not n > 5`, `s > 5`, `files : "x"`, `n > s`, `n > 5 or s > 5`, `n + 1 > 5`, `n in (5, 6)`} {
		problems := problemsOf(t, write(t, map[string]string{"r.toml": strings.TrimSpace(goodStage) +
			"\n[rule.stage.summarize]\nby = [\"user.name\"]\nn = \"count()\"\ns = \"sum(x)\"\nfiles = \"set(file.name)\"\nwindow = \"1m\"\nhaving = '" + having + "'\n"}))
		if len(problems) != 1 || !strings.Contains(problems[0], "having with a window must stay true when events are added") {
			t.Errorf("%s: got %q", having, problems)
		}
	}
}

// TestTellsApart is which fields the engine can count by.
func TestTellsApart(t *testing.T) {
	caps := map[string]esq.FieldCap{
		"word":        {Types: []string{"keyword"}, Searchable: true, Aggregatable: true},
		"flat":        {Types: []string{"flattened"}, Searchable: true, Aggregatable: true},
		"both":        {Types: []string{"flattened", "object"}, Searchable: true, Aggregatable: true},
		"fobj":        {Types: []string{"flat_object"}, Searchable: true},
		"text":        {Types: []string{"text"}, Searchable: true},
		"mixed":       {Types: []string{"keyword", "long"}, Searchable: true, Aggregatable: true},
		"const":       {Types: []string{"constant_keyword"}, Searchable: true, Aggregatable: true},
		"blind":       {Types: []string{"keyword"}, Aggregatable: true},
		"fobj.listed": {Types: []string{"keyword"}, Searchable: true, Aggregatable: true},
	}
	for field, want := range map[string]bool{
		"word": true, "flat.leaf": true, "flat.deep.leaf": true, "both.leaf": true, "nowhere.at.all": true,
		"fobj.leaf": false, "fobj.deep.leaf": false, "fobj.listed": false, "text": false, "mixed": false, "const": false, "blind": false, "word*": false,
	} {
		if got := tellsApart(field, caps); got != want {
			t.Errorf("%s: got %v", field, got)
		}
	}
}

// TestAtLeast is what lets the engine count before events are fetched.
func TestAtLeast(t *testing.T) {
	for having, want := range map[string]int64{
		`n >= 3`: 3, `n > 3`: 4, `3.5 <= n`: 4, `3 < n`: 4, `files >= 7`: 7, `names >= 7`: 0, `n > 2.5`: 3,
		`n >= 3 and files >= 5`: 5, `n >= 3 or files >= 5`: 3, `n >= 3 or user.name == "u"`: 0, `n >= 3 and user.name != "u"`: 3,
	} {
		t.Run(having, func(t *testing.T) {
			if got := burstRule(t, "1m", having).plan.stages[0].group.atLeast; got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		})
	}
}

func (v visit) String() string { return v.id + "@" + iso(v.time) + " " + v.user() }
