package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
)

// noon is the end of what all tests look at.
var noon = time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)

// engineOf holds documents, one a line: INDEX TIME JSON-OBJECT.
func engineOf(t *testing.T, m memory.Mapping, lines string) *memory.Engine {
	t.Helper()
	engine := memory.New(memory.Options{Mapping: m, Now: func() time.Time { return noon }})
	var data strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		index, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		at, source, ok := strings.Cut(rest, " ")
		if !ok {
			continue
		}
		if len(at) == len("15:04:05") {
			at = "2026-03-10T" + at + "Z"
		}
		fmt.Fprintf(&data, `{"_index":%q,"_id":"%d","_source":{"@timestamp":%q,%s}`+"\n", index, i, at, strings.TrimPrefix(source, "{"))
	}
	if _, err := engine.Load(strings.NewReader(data.String()), "test"); err != nil {
		t.Fatal(err)
	}
	return engine
}

// rulesOf loads files, named as they are to be named.
func rulesOf(t *testing.T, files map[string]string) []*rules.Rule {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := rules.Load([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rules
}

const head = "[rule]\nrule_id = \"r\"\nname = \"R\"\ntype = \"sequence\"\nfrom = \"now-1d\"\nlateness = \"1h\"\n"

// thingView has a source that keeps the owner and one that never does.
const thingView = `
description = "A thing that was made"
[[source]]
name = "shop"
index = ["shop-*"]
filter = 'event.kind:thing'
[source.columns]
"user.email" = { from = ["user.email", "owner.mail"] }
"file.name" = { from = [] }
[[source]]
name = "mill"
index = ["mill-*"]
filter = 'event.kind:thing'
[source.columns]
"user.email" = { from = [] }
"file.name" = "file.name"
`

const oneStage = head + "[[rule.stage]]\nid = \"made\"\n"

// A refusing engine says what a cluster says to a user without rights.
type refusing struct{ Engine }

func (refusing) Count(context.Context, []string, esq.Query) (int64, esq.Stats, error) {
	return 0, esq.Stats{}, &esq.ResponseError{Op: "count", Status: 403, Type: "security_exception",
		Reason: "no permissions for [indices:data/read/search] and User [name=stitch]"}
}

// A guarded site has rights that the user lacks, by index.
type guarded struct {
	Site
	lacks map[string][]string
}

func (g guarded) Lacks(_ context.Context, index string, _ []string) (Known[[]string], error) {
	return Known[[]string]{Value: g.lacks[index]}, nil
}

func texts(list []Reason) []string {
	out := []string{}
	for _, r := range list {
		out = append(out, strings.Trim(r.Stage+"/"+r.Source, "/")+": "+r.Why)
	}
	return out
}

func TestVerdicts(t *testing.T) {
	const thing = `{"event":{"kind":"thing","action":"made"},"user":{"email":"a@x"},"file":{"name":"f"}}`
	made := `query = 'thing where event.action == "made"'` + "\n"
	for _, tt := range []struct {
		name    string
		rule    string
		data    string
		mapping memory.Mapping
		engine  func(Engine) Engine
		lacks   map[string][]string
		own     []OwnIndex
		reasons []string // why it cannot fire; none: it can
		quiet   []string
	}{
		{name: "all is well", rule: oneStage + made, data: "shop-1 11:00:00 " + thing},
		{name: "no index", rule: oneStage + made, data: `other 11:00:00 {"n":1}`, reasons: []string{
			"made/shop: no index matches shop-*", "made/mill: no index matches mill-*"}},
		{name: "nothing of the view, ever", rule: oneStage + made, data: `shop-1 11:00:00 {"event":{"kind":"else"}}`, reasons: []string{
			"made/shop: none of 1 documents within 24h, nor any before, passes its filter event.kind:thing", "made/mill: no index matches mill-*"}},
		{name: "a source that ended", rule: oneStage + made, data: "shop-1 2026-03-08T10:00:00Z " + thing, reasons: []string{
			"made/shop: no document within 24h; the newest of its filter is of 2026-03-08T10:00:00Z", "made/mill: no index matches mill-*"}},
		{name: "a rare event of a source that delivers", rule: oneStage + made,
			data:  "shop-1 2026-03-08T10:00:00Z " + thing + "\n" + `shop-1 11:00:00 {"event":{"kind":"else"}}`,
			quiet: []string{"made/shop: no such event; the last was at 2026-03-08T10:00:00Z"}},
		{name: "no matching event lately", rule: oneStage + `query = 'thing where event.action == "sold"'`, data: "shop-1 11:00:00 " + thing,
			quiet: []string{`made/shop: condition event.action == "sold" does not pass the 1 document; values seen: made`}},
		{name: "a single word in another field proves nothing", rule: oneStage + `query = 'thing where event.action == "thing"'`, data: "shop-1 11:00:00 " + thing,
			quiet: []string{`made/shop: condition event.action == "thing" does not pass the 1 document; values seen: made`}},
		{name: "a phrase in another field", rule: oneStage + `query = 'thing where event.action == "Made By Hand"'`,
			data: `shop-1 11:00:00 {"event":{"kind":"thing","action":"made"},"rule":{"name":"made by hand"},"message":"made by hand"}`,
			reasons: []string{`made/shop: condition event.action == "Made By Hand" does not pass the 1 document; values seen: made; ` +
				`"Made By Hand" stands in rule.name`}},
		{name: "the phrase in documents that another condition drops", rule: oneStage + `query = 'thing where event.action == "Made By Hand" and user.email == "b@x"'`,
			data:  `shop-1 11:00:00 {"event":{"kind":"thing","action":"made"},"rule":{"name":"made by hand"},"user":{"email":"a@x"}}`,
			quiet: []string{`made/shop: condition event.action == "Made By Hand" does not pass the 1 document; values seen: made`}},
		{name: "a column that no document has", rule: oneStage + `query = 'thing where event.action == "made" and host.id != null'`, data: "shop-1 11:00:00 " + thing,
			reasons: []string{"made/shop: condition host.id != null can never hold: none of 1 documents has host.id", "made/mill: no index matches mill-*"}},
		{name: "a column that only events have of which there was none", rule: oneStage + `query = 'thing where host.id != null and event.action == "sold"'`, data: "shop-1 11:00:00 " + thing,
			quiet: []string{"made/shop: condition host.id != null does not pass the 1 document; none has host.id"}},
		{name: "a column that the source never has", rule: oneStage + `query = 'thing where length(file.name) > 0'`, data: "shop-1 11:00:00 " + thing,
			reasons: []string{"made/shop: condition length(file.name) > 0 can never hold: this source never has file.name (from = [])", "made/mill: no index matches mill-*"}},
		{name: "a missing column that a condition wants missing", rule: oneStage + `query = 'thing where file.name == null or file.name == "f"'`, data: "shop-1 11:00:00 " + thing},
		{name: "a join that no sources can satisfy", rule: oneStage + made + "[[rule.stage]]\nid = \"again\"\n" + made + `join = "user.email : made.user.email and file.name : made.file.name"`,
			data:    "shop-1 10:00:00 " + thing + "\nshop-1 11:00:00 " + thing,
			reasons: []string{"again: join file.name : made.file.name can never hold: again.file.name is never filled by shop; made.file.name is never filled by shop"}},
		{name: "a join on what only events have of which there was none", rule: oneStage + made + "[[rule.stage]]\nid = \"sold\"\nquery = 'thing where event.action == \"sold\"'\n" + `join = "host.id == made.user.email"`,
			data: "shop-1 10:00:00 " + thing, quiet: []string{`sold/shop: condition event.action == "sold" does not pass the 1 document; values seen: made`}},
		{name: "joins that no sources satisfy together", rule: oneStage + made + "[[rule.stage]]\nid = \"again\"\n" + made + `join = "user.email : made.user.email and file.name : made.file.name"`,
			data:    "shop-1 10:00:00 " + thing + "\nmill-1 11:00:00 " + thing,
			reasons: []string{": each join can hold, but not all of them with the same sources"}},
		{name: "joins by one or the other", rule: oneStage + made + "[[rule.stage]]\nid = \"again\"\n" + made + `join = "user.email : made.user.email or file.name : made.file.name"`,
			data: "shop-1 10:00:00 " + thing + "\nmill-1 11:00:00 " + thing},
		{name: "an absent stage needs nothing", rule: oneStage + made + "[[rule.stage]]\nid = \"gone\"\nabsent = true\nwithin = \"1h\"\nindex = [\"nowhere\"]\nquery = 'any where event.action == \"gone\"'\n",
			data: "shop-1 11:00:00 " + thing},
		{name: "a time that is no date", rule: oneStage + made, data: "shop-1 11:00:00 " + thing + "\nmill-1 11:00:00 " + thing,
			mapping: memory.Mapping{Rules: []memory.Rule{{Field: "@timestamp", Type: memory.Keyword}}},
			reasons: []string{"made/shop: @timestamp is mapped as keyword, and only a date can be searched by time",
				"made/mill: @timestamp is mapped as keyword, and only a date can be searched by time"}},
		{name: "a refusal", rule: oneStage + made, data: "shop-1 11:00:00 " + thing, engine: func(e Engine) Engine { return refusing{e} },
			reasons: []string{"made/shop: the engine refuses the user: no permissions for [indices:data/read/search] and User [name=stitch]", "made/mill: no index matches mill-*"}},
		{name: "no right to see an index", rule: oneStage + made, data: `other 11:00:00 {"n":1}`, lacks: map[string][]string{"shop-*": {"read"}},
			reasons: []string{"made/shop: no index that the user may read matches shop-*", "made/mill: no index matches mill-*"}},
		{name: "no right to write alerts", rule: oneStage + made, data: "shop-1 11:00:00 " + thing,
			lacks: map[string][]string{"alerts-*": {"write"}}, own: []OwnIndex{{Name: "alerts-*", Missing: []string{"read", "write"}}},
			reasons: []string{": the user is refused what a run does with its own indices: no write on alerts-*"}},
		{name: "a kuery rule on a field that is never there", rule: strings.Replace(head, "sequence", "query", 1) + `language = "kuery"` + "\nindex = [\"shop-*\"]\nquery = 'event.kind:thing and nothing.here:x'",
			data: "shop-1 11:00:00 " + thing, reasons: []string{"event: condition nothing.here:x can never hold: none of 1 documents has nothing.here"}},
		{name: "a kuery rule whose field only its own events have", rule: strings.Replace(head, "sequence", "query", 1) + `language = "kuery"` + "\nindex = [\"shop-*\"]\nquery = 'event.kind:thing and ((event.action:sold and nothing.here:x) or (event.action:lent and nothing.else:y))'",
			data: "shop-1 11:00:00 " + thing, quiet: []string{"event: condition event.action:sold and nothing.here:x or event.action:lent and nothing.else:y does not pass the 1 document; " +
				"values seen in event.action: made; none has nothing.else, nothing.here"}},
		{name: "a kuery rule by either field", rule: strings.Replace(head, "sequence", "query", 1) + `language = "kuery"` + "\nindex = [\"shop-*\"]\nquery = '(event.kind:thing or nothing.here:x) and not else.where:y'",
			data: "shop-1 11:00:00 " + thing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := tt.mapping
			if m.Rules == nil {
				m = memory.ECS()
			}
			var engine Engine = engineOf(t, m, tt.data)
			site := guarded{Embedded(engine), tt.lacks}
			if tt.engine != nil {
				engine = tt.engine(engine)
			}
			list := rulesOf(t, map[string]string{"rule.toml": tt.rule, "views/thing.toml": thingView})
			report, err := Examine(t.Context(), engine, site, list, Options{At: noon, Own: tt.own})
			if err != nil {
				t.Fatal(err)
			}
			got := report.Rules[0]
			if got.Fires != (len(tt.reasons) == 0) || report.Fires() != got.Fires {
				t.Errorf("can fire: %v, want %v", got.Fires, len(tt.reasons) == 0)
			}
			if diff := cmp.Diff(append([]string{}, tt.reasons...), texts(got.Reasons)); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(append([]string{}, tt.quiet...), texts(got.Quiet)); diff != "" {
				t.Errorf("quiet (-want +got):\n%s", diff)
			}
		})
	}
}

// What is wrong and stops nothing.
func TestNotes(t *testing.T) {
	long := strings.Repeat("x", 2_000)
	m := memory.ECS().With(memory.Rule{Field: "user.email", Type: memory.Text})
	engine := engineOf(t, m, `
shop-1 10:00:00 {"event":{"kind":"thing","action":"made","ingested":"2026-03-10T10:00:10Z"},"user":{"email":"a@x"},"n":1,"file":{"name":"f"}}
shop-1 10:01:00 {"event":{"kind":"thing","action":"made","ingested":"2026-03-10T10:02:00Z"},"owner":{"mail":"b@x"},"n":2,"file":{"name":"`+long+`"}}
shop-1 10:02:00 {"event":{"kind":"thing","action":"made","ingested":"2026-03-10T11:59:00Z"},"owner":{"mail":"c@x"},"n":3}
shop-1 10:03:00 {"event":{"kind":"thing","action":"made","ingested":"2026-03-10T10:02:58Z"},"n":4}
shop-2 10:04:00 {"event":{"kind":"thing","action":"sold"},"n":"five"}
shop-2 10:05:00 {"event":{"kind":"else"}}
`)
	list := rulesOf(t, map[string]string{
		"rule.toml": oneStage + `query = 'thing where event.action == "made" and n != 9 and user.email : "*@x" and ` + "`file.name`" + ` == null'`,
		"views/thing.toml": `
description = "A thing that was made"
[[source]]
name = "shop"
index = ["shop-*"]
filter = 'event.kind:thing'
[source.columns]
"user.email" = { from = ["user.email", "owner.mail"] }
"file.name" = "file.name"
"n" = "n"
`})
	report, err := Examine(t.Context(), engine, Embedded(engine), list, Options{At: noon})
	if err != nil {
		t.Fatal(err)
	}
	src := report.Rules[0].Stages[0].Sources[0]
	wantFunnel := []Step{
		{Condition: `event.action == "made"`, Count: 4, Exact: true},
		{Condition: "n != 9", Count: 4, Sampled: 4, Passed: 4},
		{Condition: `user.email : "*@x"`, Count: 3, Sampled: 3, Passed: 3},
		{Condition: "file.name == null", Count: 2, Sampled: 2, Passed: 1},
	}
	if diff := cmp.Diff(wantFunnel, src.Funnel); diff != "" {
		t.Errorf("funnel (-want +got):\n%s", diff)
	}
	wantColumns := []string{"event.action 5/5: event.action 5 [keyword]", "n 5/5: n 5 [keyword long]",
		"user.email 3/5: user.email 1 [text] owner.mail 2 [keyword]", "file.name 2/5: file.name 2 [keyword]"}
	var columns []string
	for _, c := range src.Columns {
		text := fmt.Sprintf("%s %d/%d:", c.Name, c.Filled, c.Of)
		for _, f := range c.Fields {
			text += fmt.Sprintf(" %s %d %v", f.Name, f.Filled, f.Types)
		}
		columns = append(columns, text)
	}
	if diff := cmp.Diff(wantColumns, columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	wantNotes := []string{
		"made/shop: n has several types: keyword in shop-2; long in shop-1",
		"made/shop: file.name: 1 document has a value that is not in the index, too long (ignore_above) or malformed; stitch finds it, other queries do not",
		"made/shop: user.email: text where keyword is needed; the engine cannot compare whole values, and stitch reads every document that has one",
		"made/shop: 1 of 5 documents have no event.ingested: when they arrived is not known, and they are found only if they are no later than lateness",
		"made/shop: 1 document was ingested before its event time, up to 2s: clocks differ",
	}
	if diff := cmp.Diff(wantNotes, texts(src.Notes)); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	sec := func(n int) Duration { return Duration(time.Duration(n) * time.Second) }
	wantArrival := &Arrival{Field: "event.ingested", Present: 4, Checked: 5, Of: 4, P50: sec(10), P99: sec(7020), Most: sec(7020), Early: 1, Earliest: sec(2)}
	if diff := cmp.Diff(wantArrival, src.Arrival); diff != "" {
		t.Errorf("arrival (-want +got):\n%s", diff)
	}
	r := report.Rules[0]
	if r.AdviseLateness != Duration(2*time.Hour) || r.AdviseSettle != Duration(time.Minute) {
		t.Errorf("lateness %v and settle %v, want 2h and 1m", time.Duration(r.AdviseLateness), time.Duration(r.AdviseSettle))
	}
}
