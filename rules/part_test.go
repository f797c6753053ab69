package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// incidentView has alerts whose users and addresses are documents of their own.
const incidentView = `
description = "Alerts in parts"
identity = ["alert.id"]
[[source]]
name = "hunting"
index = ["logs-alerts"]
filter = 'kind:info'
[source.columns]
"alert.id" = "event.id"
"rule.name" = "title"
"user.email" = "owner"
"source.ip" = { from = [] }
[[source.part]]
on = "event.id"
within = "1h"
filter = 'kind:user'
[source.part.columns]
"user.email" = "upn"
[[source.part]]
on = "event.id"
within = "2h"
index = ["logs-addresses"]
[source.part.columns]
"source.ip" = { from = "address", as = "ip" }
`

const incidentRule = `
[[rule.stage]]
id = "alert"
query = 'incident where rule.name == "mass" and (user.email == "ann" or source.ip == "10.0.0.1")'
`

// partsRule loads a rule over incidentView.
func partsRule(t *testing.T, text string) *Rule {
	t.Helper()
	set, err := Load([]string{write(t, map[string]string{
		"views/incident.toml": incidentView,
		"rule.toml":           "[rule]\nrule_id = \"r\"\nname = \"R\"\ntype = \"sequence\"\nfrom = \"now-1d\"\n" + text,
	})})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rules[0]
}

// assembled is what a test says of an alert: its documents, and what they come to.
type assembled struct{ documents, users, addresses string }

func foundOf(alerts []Alert) []assembled {
	var out []assembled
	for _, a := range alerts {
		var ids []string
		for _, d := range a.Stages[0].Documents {
			ids = append(ids, d.ID)
		}
		first := a.Stages[0].Documents[0].Columns
		if strings.HasPrefix(ids[0], "u") {
			first = a.Stages[0].Documents[1].Columns
		}
		out = append(out, assembled{strings.Join(ids, " "), fmt.Sprint(first["user.email"]), fmt.Sprint(first["source.ip"])})
	}
	return out
}

func TestParts(t *testing.T) {
	const info = `logs-alerts i 10:00:00 {"kind":"info","title":"mass","event":{"id":"A"}}` + "\n"
	for _, test := range []struct {
		name, docs string
		want       []assembled
	}{
		{"one user after the alert", info +
			`logs-alerts u 10:00:01 {"kind":"user","event":{"id":"A"},"upn":"ann"}`,
			[]assembled{{"i u", "[ann]", "[]"}}},
		{"one user before the alert", info +
			`logs-alerts u 09:59:00 {"kind":"user","event":{"id":"A"},"upn":"ann"}`,
			[]assembled{{"u i", "[ann]", "[]"}}},
		{"several users and addresses, each once and normalised", info + `
logs-alerts u1 10:00:01 {"kind":"user","event":{"id":"A"},"upn":["zoe","ann"]}
logs-alerts u2 10:00:02 {"kind":"user","event":{"id":"A"},"upn":["bob","ann"]}
logs-addresses a1 10:00:03 {"event":{"id":"A"},"address":"::ffff:10.0.0.1"}
logs-addresses a2 10:00:04 {"event":{"id":"A"},"address":"10.0.0.1"}`,
			[]assembled{{"i u1 u2 a1 a2", "[ann bob zoe]", "[10.0.0.1]"}}},
		{"only an address", info +
			`logs-addresses a 10:00:03 {"event":{"id":"A"},"address":"10.0.0.1"}`,
			[]assembled{{"i a", "[]", "[10.0.0.1]"}}},
		{"the parts' columns are theirs alone", info +
			`logs-addresses a 10:00:03 {"event":{"id":"A"},"address":"10.0.0.1","owner":"bob","title":"none","user":{"email":"ann"}}`,
			[]assembled{{"i a", "[]", "[10.0.0.1]"}}},
		{"at the limit of each part", info + `
logs-alerts u1 11:00:00 {"kind":"user","event":{"id":"A"},"upn":"ann"}
logs-alerts u2 09:00:00 {"kind":"user","event":{"id":"A"},"upn":"bob"}
logs-addresses a1 12:00:00 {"event":{"id":"A"},"address":"10.0.0.1"}`,
			[]assembled{{"u2 i u1 a1", "[ann bob]", "[10.0.0.1]"}}},
		{"beyond it", info + `
logs-alerts u1 11:00:00.001 {"kind":"user","event":{"id":"A"},"upn":"ann"}
logs-addresses a1 07:59:59.999 {"event":{"id":"A"},"address":"10.0.0.1"}`, nil},
		{"parts of another alert", info + `
logs-alerts u1 10:00:01 {"kind":"user","event":{"id":"B"},"upn":"ann"}
logs-alerts u2 10:00:01 {"kind":"user","event":{"id":"a"},"upn":"ann"}
logs-alerts u3 10:00:01 {"kind":"user","upn":"ann"}
logs-alerts u4 10:00:01 {"kind":"other","event":{"id":"A"},"upn":"ann"}`, nil},
		{"another title", `
logs-alerts i 10:00:00 {"kind":"info","title":"other","event":{"id":"A"}}
logs-alerts u 10:00:01 {"kind":"user","event":{"id":"A"},"upn":"ann"}`, nil},
		{"an alert without an id", `
logs-alerts i 10:00:00 {"kind":"info","title":"mass"}
logs-alerts u 10:00:01 {"kind":"user","upn":"ann"}`, nil},
		{"its own value first", `
logs-alerts i 10:00:00 {"kind":"info","title":"mass","owner":"ann","event":{"id":"A"}}
logs-alerts u 10:00:01 {"kind":"user","event":{"id":"A"},"upn":"abe"}`,
			[]assembled{{"i u", "[ann abe]", "[]"}}},
		{"two documents of one alert share the part", info + `
logs-alerts i2 10:30:00 {"kind":"info","title":"mass","event":{"id":"A"}}
logs-alerts u 10:15:00 {"kind":"user","event":{"id":["A","B"]},"upn":"ann"}`,
			[]assembled{{"i u i2", "[ann]", "[]"}}},
		{"a part that belongs to two alerts", info + `
logs-alerts i2 10:30:00 {"kind":"info","title":"mass","event":{"id":"B"}}
logs-alerts u 10:15:00 {"kind":"user","event":{"id":["A","B"]},"upn":"ann"}`,
			[]assembled{{"i u", "[ann]", "[]"}, {"u i2", "[ann]", "[]"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := partsRule(t, incidentRule)
			got := foundOf(runDay(t, r, engineOf(t, strings.ReplaceAll(test.docs, "\n\n", "\n"))).Alerts)
			if len(got) == 2 && strings.Contains(got[0].documents, "i2") {
				got[0], got[1] = got[1], got[0] // ordered by id, which is a hash
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(assembled{})); diff != "" {
				t.Error("alerts (-want +got):\n" + diff)
			}
		})
	}
}

// TestPartsOwnValueFirst looks at the order in the event, which details sort.
// Evidence that lies in an index of a part's own is looked for there, too.
func TestIndicesOfParts(t *testing.T) {
	want := []string{"logs-addresses", "logs-alerts"}
	if diff := cmp.Diff(want, partsRule(t, incidentRule).Indices()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPartsOwnValueFirst(t *testing.T) {
	r := partsRule(t, incidentRule)
	alerts := runDay(t, r, engineOf(t, `
logs-alerts i 10:00:00 {"kind":"info","title":"mass","owner":["m","ann"],"event":{"id":"A"}}
logs-alerts u 10:00:01 {"kind":"user","event":{"id":"A"},"upn":["z","b","m"]}`)).Alerts
	want := []esq.Value{esq.Str("m"), esq.Str("ann"), esq.Str("b"), esq.Str("z")}
	if diff := cmp.Diff(want, alerts[0].Stages[0].Documents[0].Columns["user.email"], cmp.Comparer(sameValue)); diff != "" {
		t.Error("user.email (-want +got):\n" + diff)
	}
	if source := alerts[0].Stages[0].Documents[1].Source; source != "hunting, part 1" {
		t.Errorf("the second document is of %q", source)
	}
}

func sameValue(a, b esq.Value) bool { return a == b }

// TestPartsAreAskedByID makes more alerts than one question names.
func TestPartsAreAskedByID(t *testing.T) {
	const alerts = maxKeys + 500
	var docs strings.Builder
	for i := range alerts {
		at := day.Add(time.Duration(i) * time.Second).Format("15:04:05")
		fmt.Fprintf(&docs, "logs-alerts i%d %s {\"kind\":\"info\",\"title\":\"mass\",\"event\":{\"id\":\"A%d\"}}\n", i, at, i)
		fmt.Fprintf(&docs, "logs-alerts u%d %s {\"kind\":\"user\",\"event\":{\"id\":\"A%d\"},\"upn\":\"ann\"}\n", i, at, i)
	}
	fmt.Fprintf(&docs, "logs-alerts stray 00:00:05 {\"kind\":\"user\",\"event\":{\"id\":\"B\"},\"upn\":\"ann\"}\n")
	r := partsRule(t, incidentRule)
	result := runDay(t, r, engineOf(t, docs.String()))
	if len(result.Alerts) != alerts {
		t.Errorf("%d alerts, want %d", len(result.Alerts), alerts)
	}
	if got := result.Stages[0].Documents; got != 2*alerts {
		t.Errorf("%d documents fetched, want %d: the stray part is not asked for", got, 2*alerts)
	}
	r.MaxRows = alerts - 1
	var tooMany *TooManyRowsError
	if _, err := r.Run(context.Background(), engineOf(t, docs.String()), Window{From: day, To: day.Add(24 * time.Hour)}); !errors.As(err, &tooMany) {
		t.Errorf("got %v, want too many rows", err)
	}
}

func TestPartsOfOneAlertAreBounded(t *testing.T) {
	var docs strings.Builder
	docs.WriteString(`logs-alerts i 10:00:00 {"kind":"info","title":"mass","event":{"id":"A"}}` + "\n")
	for i := range 5 {
		fmt.Fprintf(&docs, "logs-alerts u%d 10:00:00 {\"kind\":\"user\",\"event\":{\"id\":\"A\"},\"upn\":\"ann\"}\n", i)
	}
	r := partsRule(t, incidentRule)
	r.MaxRows = 4
	var tooMany *TooManyRowsError
	if _, err := r.Run(context.Background(), engineOf(t, docs.String()), Window{From: day, To: day.Add(24 * time.Hour)}); !errors.As(err, &tooMany) {
		t.Errorf("got %v, want too many rows", err)
	}
}

// TestPartsArrive holds late parts to make a run look at their events again.
func TestPartsArrive(t *testing.T) {
	r := partsRule(t, `lateness = "1h"`+incidentRule)
	m := engineOf(t, `
logs-alerts i 10:00:00 {"kind":"info","title":"mass","event":{"id":"A","ingested":"2026-03-10T10:00:30Z"}}
logs-alerts u 10:20:00 {"kind":"user","event":{"id":"A","ingested":"2026-03-10T15:30:00Z"},"upn":"ann"}
logs-alerts v 10:30:00 {"kind":"other","event":{"id":"A","ingested":"2026-03-10T15:30:00Z"},"upn":"ann"}
`)
	got, err := r.Arrivals(context.Background(), m, Window{From: at("15:00"), To: at("16:00")})
	if err != nil {
		t.Fatal(err)
	}
	got.Stats = esq.Stats{}
	want := &Arrivals{
		Count: 1, First: at("09:20"), Last: at("11:20"),
		Sources: []SourceArrivals{
			{Stage: "alert", View: "incident", Source: "hunting"},
			{Stage: "alert", View: "incident", Source: "hunting, part 1", Count: 1, Late: 1, First: at("10:20"), Last: at("10:20")},
			{Stage: "alert", View: "incident", Source: "hunting, part 2", NoIndex: true},
		},
		Warnings: []string{"view incident, source hunting, part 2: no index matches logs-addresses"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("arrivals (-want +got):\n" + diff)
	}
	result, err := r.Run(context.Background(), m, Window{From: got.First, To: got.Last})
	if err != nil || len(result.Alerts) != 1 {
		t.Errorf("the run that looks again: %v, %v", result, err)
	}
}

// TestPartsOfAnAbsentStage waits until the last part of an event that would drop
// the chain must have arrived.
func TestPartsOfAnAbsentStage(t *testing.T) {
	const text = `
lateness = "30m"
index = ["logs-*"]
[[rule.stage]]
id = "login"
query = 'any where event.action == "login"'
index = ["logs-other"]
[[rule.stage]]
id = "none"
absent = true
within = "1h"
query = 'incident where rule.name == "mass"'
join = 'user.email == login.user.name'
`
	r := partsRule(t, text)
	if want := 2*time.Hour + 30*time.Minute; r.Lateness != want {
		t.Errorf("lateness %v, want %v: so long an alert may lack a part", r.Lateness, want)
	}
	m := engineOf(t, `
logs-other l 10:00:00 {"event":{"action":"login"},"user":{"name":"ann"}}
logs-other m 10:00:00 {"event":{"action":"login"},"user":{"name":"bob"}}
logs-alerts i 10:30:00 {"kind":"info","title":"mass","event":{"id":"A"}}
logs-alerts u 11:20:00 {"kind":"user","event":{"id":"A"},"upn":"ann"}
`)
	if alerts := runDay(t, r, m).Alerts; len(alerts) != 1 || alerts[0].Stages[0].Documents[0].ID != "m" {
		t.Errorf("alerts %v, want bob's", alerts)
	}
}

func TestPartsFailWhole(t *testing.T) {
	r := partsRule(t, incidentRule)
	m := failing{engineOf(t, `
logs-alerts i 10:00:00 {"kind":"info","title":"mass","event":{"id":"A"}}
logs-alerts u 10:00:01 {"kind":"user","event":{"id":"A"},"upn":"ann"}`), "logs-addresses"}
	if result, err := r.Run(context.Background(), m, Window{From: day, To: day.Add(24 * time.Hour)}); !errors.Is(err, errFailing) {
		t.Errorf("got %v, %v, want the engine's error", result, err)
	}
}

var errFailing = errors.New("a shard did not answer")

// failing refuses to search an index.
type failing struct {
	*memory.Engine
	index string
}

func (f failing) Search(ctx context.Context, s esq.Search, yield func(esq.Hit) error) (esq.Stats, error) {
	if s.Indices[0] == f.index {
		return esq.Stats{}, errFailing
	}
	return f.Engine.Search(ctx, s, yield)
}

func TestPartProblems(t *testing.T) {
	dir := write(t, map[string]string{"rule.toml": goodStage, "views/v.toml": `
[[source]]
name = "s"
index = ["logs-*"]
[[source.part]]
filter = 'a:('
[[source.part]]
on = "event.*"
within = "soon"
[source.part.columns]
"user.name" = { as = "iq" }
`})
	want := []string{
		`views/v.toml:5: view v: a part without on; add on = "FIELD", the field whose value it shares with its event`,
		`views/v.toml:5: view v: a part without columns; list in [source.part.columns] what it adds to its event`,
		`views/v.toml:5: view v: a part without within; add within = "1h", how far from its event it may be`,
		`views/v.toml:6: view v: filter: column 4: `,
		`views/v.toml:8: view v: on must be one field, not a pattern`,
		`views/v.toml:9: view v: within: `,
		`views/v.toml:11: view v: unknown as = "iq"`,
	}
	got := problemsOf(t, dir)
	if len(got) != len(want) {
		t.Fatalf("got %d problems, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("problem %d:\n got %s\nwant %s", i, got[i], want[i])
		}
	}
}

// Ask implements [esq.Searcher].
func (f failing) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	return esq.AskEach(ctx, f, questions)
}
