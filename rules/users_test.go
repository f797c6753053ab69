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

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules/people"
)

const (
	annaID  = "588d7c15-8565-448e-bc2d-57f2b7c4c58a"
	annaSID = "S-1-12-1-1485667349-1150190949-4065799612-2328216759"
	janID   = "00000001-0002-0000-0300-000004000000"
)

const peopleCSV = `upn,object_id,sid,sam
anna@n.example;urn:spo:guest#anna@g.example,` + annaID + `,S-1-5-21-1-2-3-1001,N\anna
jan@n.example,` + janID + `,S-1-5-21-1-2-3-1002,N\jan
anna@s.example,,S-1-5-21-9-9-9-1001,S\anna
`

// peopleViews are an agent that knows SIDs and accounts, and a log that knows
// names.
const peopleViews = `
description = "A write"
[[source]]
name = "agent"
index = ["agent-*"]
ingest = ""
[source.columns]
"user.email" = { from = [] }
"user.id" = { from = ["user.object", "user.id"], as = "object_id" }
"user.sid" = { from = "user.id", as = "sid" }
"user.account" = { from = "user.name", domain = "user.domain", as = "account" }
[[source]]
name = "log"
index = ["log-*"]
ingest = ""
[source.columns]
"user.email" = "user.id"
"user.id" = { from = [] }
"user.sid" = { from = [] }
"user.account" = { from = [] }
`

func usersOf(t testing.TB, text string) *people.Map {
	t.Helper()
	m, err := people.ReadCSV("users.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func peopleRule(t testing.TB, text string) *Rule {
	t.Helper()
	set, err := Load([]string{write(t, map[string]string{
		"views/write.toml": peopleViews,
		"rule.toml":        "[rule]\nrule_id = \"r\"\nname = \"R\"\ntype = \"sequence\"\nfrom = \"now-1d\"\ninterval = \"1d\"\n" + text,
	})})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rules[0]
}

const samePerson = `
[[rule.stage]]
id = "a"
query = 'write where event.action == "a"'
[[rule.stage]]
id = "b"
query = 'write where event.action == "b"'
join = '(user.email : a.user.email or user.id == a.user.id)'
[rule.alert]
anchor = "b"
[rule.alert.details]
Emails = "b.user.email"
Ids = "b.user.id"
`

// found is an alert in short.
type found struct {
	Emails, IDs any
	Weak        []string
}

func TestUserMapJoins(t *testing.T) {
	const byName = `log-1 a 01:00:00 {"event":{"action":"a"},"user":{"id":"ANNA@n.example"}}` + "\n"
	anna := func(weak ...string) []found {
		return []found{{"anna@n.example", annaID, append([]string{"a: user.id by the user map (upn)"}, weak...)}}
	}
	for name, test := range map[string]struct {
		documents string
		want      []found
		misses    []UserMisses
	}{
		"by SID": {
			byName + `agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"id":"s-1-5-21-1-2-3-1001","name":"else","domain":"N"}}`,
			anna("b: user.email by the user map (sid)", "b: user.id by the user map (sid)"), nil,
		},
		"by the SID of the object id": {
			byName + `agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"id":"` + annaSID + `"}}`,
			anna("b: user.email by the user map (object_id)"), nil,
		},
		"by object id before SID": {
			byName + `agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"object":"{` + strings.ToUpper(annaID) + `}","id":"S-1-5-21-1-2-3-1002"}}`,
			anna("b: user.email by the user map (object_id)"), nil,
		},
		"by account": {
			byName + `agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"name":"ANNA","domain":"n"}}`,
			anna("b: user.email by the user map (sam)", "b: user.id by the user map (sam)"), nil,
		},
		"by account, written whole": {
			byName + `agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"name":"n\\Anna","domain":"ELSEWHERE"}}`,
			anna("b: user.email by the user map (sam)", "b: user.id by the user map (sam)"), nil,
		},
		"by a second name": {
			`log-1 a 01:00:00 {"event":{"action":"a"},"user":{"id":"urn:spo:guest#anna@g.example"}}` + "\n" +
				`agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"id":"` + annaSID + `"}}`,
			anna("b: user.email by the user map (object_id)"), nil,
		},
		"another domain is another person": {
			byName + `agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"name":"anna","domain":"S"}}`, nil, nil,
		},
		"two domains are nobody's": {
			byName + `agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"name":"anna","domain":["N","S"]}}`, nil, nil,
		},
		"strangers are counted, services and machines are not": {
			byName +
				`agent-1 b1 02:00:00 {"event":{"action":"b"},"user":{"id":"S-1-5-21-1-2-3-2001","name":"anna","domain":"X"}}` + "\n" +
				`agent-1 b2 02:00:00 {"event":{"action":"b"},"user":{"name":"eva","domain":"X"}}` + "\n" +
				`agent-1 b3 02:00:00 {"event":{"action":"b"},"user":{"id":"S-1-5-18","name":"anna","domain":"N"}}` + "\n" +
				`agent-1 b4 02:00:00 {"event":{"action":"b"},"user":{"name":"PC$","domain":"N"}}` + "\n" +
				`agent-1 b5 02:00:00 {"event":{"action":"b"}}` + "\n" +
				`agent-1 b6 02:00:00 {"event":{"action":"b"},"user":{"name":"eva","domain":"X"}}` + "\n" +
				`log-1 b7 02:00:00 {"event":{"action":"b"},"user":{"id":"app@sharepoint"}}` + "\n" +
				`log-1 b8 02:00:00 {"event":{"action":"b"},"user":{"id":"who@n.example"}}`,
			nil,
			[]UserMisses{
				{Stage: "b", View: "write", Source: "agent", Rows: 3, Examples: []string{"S-1-5-21-1-2-3-2001", `x\eva`}},
				{Stage: "b", View: "write", Source: "log", Rows: 1, Examples: []string{"who@n.example"}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := runDay(t, peopleRule(t, samePerson).With(usersOf(t, peopleCSV)), engineOf(t, test.documents))
			var got []found
			for _, a := range result.Alerts {
				got = append(got, found{a.Details["Emails"], a.Details["Ids"], a.Weak})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("alerts (-want +got):\n" + diff)
			}
			if diff := cmp.Diff(test.misses, result.UserMisses); diff != "" {
				t.Error("misses (-want +got):\n" + diff)
			}
		})
	}
}

func TestUserMapCanBeOff(t *testing.T) {
	const documents = `
log-1 a 01:00:00 {"event":{"action":"a"},"user":{"id":"anna@n.example"}}
agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"id":"S-1-5-21-1-2-3-1001"}}
`
	on, off := peopleRule(t, samePerson), peopleRule(t, "user_map = false\n"+samePerson)
	users := usersOf(t, peopleCSV)
	for name, test := range map[string]struct {
		rule *Rule
		want int
	}{"on": {on.With(users), 1}, "off": {off.With(users), 0}, "none": {on.With(nil), 0}, "not given": {on, 0}} {
		if result := runDay(t, test.rule, engineOf(t, documents)); len(result.Alerts) != test.want || test.want == 0 && result.UserMisses != nil {
			t.Errorf("%s: %d alerts, want %d; misses %v", name, len(result.Alerts), test.want, result.UserMisses)
		}
	}
	if on.Fingerprint == off.Fingerprint {
		t.Error("user_map = false does not change the fingerprint")
	}
}

// What a query asks of a person counts for whom the map says it is, arrivals
// included.
func TestUserMapAndQueries(t *testing.T) {
	r := peopleRule(t, `
[[rule.stage]]
id = "a"
query = 'write where user.email : "ANNA@n.example" and not user.id == "`+janID+`"'
`)
	m := engineOf(t, `
agent-1 1 01:00:00 {"user":{"id":"S-1-5-21-1-2-3-1001"}}
agent-1 2 01:00:00 {"user":{"name":"anna","domain":"N"}}
agent-1 3 01:00:00 {"user":{"name":"anna","domain":"S"}}
agent-1 4 01:00:00 {"user":{"id":"S-1-5-21-1-2-3-1002"}}
log-1 5 01:00:00 {"user":{"id":"Anna@N.example"}}
`)
	bound := r.With(usersOf(t, peopleCSV))
	var got []string
	for _, a := range runDay(t, bound, m).Alerts {
		got = append(got, a.Stages[0].Documents[0].ID)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"1", "2", "5"}, got); diff != "" {
		t.Error("documents (-want +got):\n" + diff)
	}
	arrived, err := bound.Arrivals(context.Background(), m, Window{From: day, To: day.Add(24 * time.Hour)})
	if err != nil || arrived.Count < 3 {
		t.Errorf("%d arrivals, %v; want 3 at least", arrived.Count, err)
	}
}

func TestUserMissesAdd(t *testing.T) {
	m := UserMisses{Stage: "copy", View: "file_write", Source: "endpoint", Rows: 2, Examples: []string{"c", "d"}}
	m.Add(UserMisses{Rows: 3, Examples: []string{"d", "b", "a"}})
	want := "view file_write, source endpoint: rows for stage copy whose people the user map does not know: 5, such as a, b, c; add those who are people to it"
	if got := m.Warning(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestUserMapNarrowsRightly holds what the engine is asked against fetching
// everything: the same alerts, whoever is in the map.
func TestUserMapNarrowsRightly(t *testing.T) {
	joins := []string{
		"user.email : a.user.email", "user.email == a.user.email", "user.id == a.user.id", "user.id : a.user.id",
		"(user.email : a.user.email or user.id == a.user.id)", "not user.email == a.user.email", "user.account == a.user.account",
		"user.sid == a.user.sid", "startsWith~(user.email, a.user.email)",
	}
	queries := []string{
		"true", `user.email != null`, `user.id == null`, `not user.email : "anna@n.example"`, `user.email in~ ("JAN@n.example", "x@y")`,
		`user.id == "` + annaID + `"`, `user.id == "` + strings.ToUpper(annaID) + `"`, `user.email like~ "anna@*"`,
		`not (user.id == "` + janID + `" and user.email == "jan@n.example")`, `user.account == "n\\jan"`, `user.account == "N\\jan"`,
		`user.sid : "s-1-5-21-1-2-3-1001"`, `user.sid == "s-1-5-21-1-2-3-1001"`, `user.sid != "S-1-5-18"`,
	}
	anna := map[string][]string{
		"user.object": {"", strings.ToUpper(annaID), "{" + annaID + "}"},
		"user.id":     {"S-1-5-21-1-2-3-1001", annaSID, "s" + annaSID[1:], ""},
		"user.name":   {"", "anna", `n\Anna`},
		"user.domain": {"N", "n"},
	}
	anyone := map[string][]string{
		"user.object": {"", janID, "x"},
		"user.id":     {"", "S-1-5-21-1-2-3-1002", "S-1-5-21-9-9-9-1001", "S-1-5-18", annaID},
		"user.name":   {"", "anna", "JAN", "PC$"},
		"user.domain": {"S", "N", "", "X"},
	}
	names := []string{"ANNA@n.example", "urn:spo:guest#anna@g.example", "anna@n.example", "JAN@n.example", ""}
	line := func(t *rapid.T, i int) string {
		index := rapid.SampledFrom([]string{"agent-1", "log-1"}).Draw(t, "index")
		action := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "action")
		fields := []string{fmt.Sprintf(`"event.action":%q`, action)}
		identities := rapid.SampledFrom([]map[string][]string{anna, anna, anyone}).Draw(t, "person")
		for _, path := range sortedKeys(identities) {
			texts := identities[path]
			if index == "log-1" && path == "user.id" {
				texts = names
			}
			if text := rapid.SampledFrom(texts).Draw(t, path); text != "" {
				fields = append(fields, fmt.Sprintf("%q:%q", path, text))
			}
		}
		return fmt.Sprintf("%s d%d 0%d:00:00 {%s}", index, i, rapid.IntRange(1, 3).Draw(t, "hour"), strings.Join(fields, ","))
	}
	query := func(t *rapid.T, label string) string {
		return rapid.SampledFrom(append([]string{"true", "true", "true", "true", "true", "true"}, queries...)).Draw(t, label)
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := fmt.Sprintf(`
[[rule.stage]]
id = "a"
query = 'write where event.action == "a" and %s'
[[rule.stage]]
id = "b"
query = 'write where event.action == "b" and %s'
join = '%s'
`, query(rt, "query a"), query(rt, "query b"), rapid.SampledFrom(joins).Draw(rt, "join"))
		var lines []string
		for i := range rapid.IntRange(1, 8).Draw(rt, "documents") {
			lines = append(lines, line(rt, i))
		}
		m := engineOf(t, strings.Join(lines, "\n"))
		rule := peopleRule(t, text)
		if rapid.IntRange(0, 7).Draw(rt, "with a map") > 0 {
			rule = rule.With(usersOf(t, peopleCSV))
		}
		asked, err := rule.Run(context.Background(), m, Window{From: day, To: day.Add(24 * time.Hour)})
		if err != nil {
			rt.Fatal(err)
		}
		all, err := rule.Run(context.Background(), unnarrowed{m}, Window{From: day, To: day.Add(24 * time.Hour)})
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(all.Alerts, asked.Alerts, cmp.AllowUnexported(esq.Value{})); diff != "" {
			rt.Fatalf("alerts (-of all documents +of those asked for):\n%s\n%s\n%s", diff, text, strings.Join(lines, "\n"))
		}
	})
}

// unnarrowed answers every question with all documents of the indices.
type unnarrowed struct{ *memory.Engine }

func (u unnarrowed) Search(ctx context.Context, s esq.Search, yield func(esq.Hit) error) (esq.Stats, error) {
	s.Query = esq.MatchAll{}
	return u.Engine.Search(ctx, s, yield)
}

func (u unnarrowed) Count(ctx context.Context, indices []string, _ esq.Query) (int64, esq.Stats, error) {
	return u.Engine.Count(ctx, indices, esq.MatchAll{})
}

// Ask implements [esq.Searcher].
func (u unnarrowed) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	return esq.AskEach(ctx, u, questions)
}
