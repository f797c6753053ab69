package memory_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

var noon = time.Date(2024, 2, 15, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// engine returns an engine with documents "ID: SOURCE" in the index "logs-a".
func engine(t testing.TB, docs ...string) *memory.Engine {
	t.Helper()
	e := memory.New(memory.Options{Mapping: mapping(), Now: atNoon})
	put(t, e, "logs-a", docs...)
	return e
}

func put(t testing.TB, e *memory.Engine, index string, docs ...string) {
	t.Helper()
	var ops []esq.Write
	for _, doc := range docs {
		id, source, _ := strings.Cut(doc, ": ")
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: index, ID: id}, Source: json.RawMessage(source)})
	}
	outcomes, err := e.Bulk(t.Context(), ops, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 1024)
	e := engine(t,
		`a: {"@timestamp":"2024-02-01T10:00:00Z","source.ip":"1.2.3.4","message":"Foo-Bar baz","process.pid":5,"ratio":1.5,"volume.removable":true,"user":{"name":"Alice"}}`,
		`b: {"@timestamp":1707991200000,"source":{"ip":["::ffff:1.2.3.4","10.0.0.1"]},"message":["foo","bar qux"],"process":{"pid":"7"},"ratio":"2.5","volume":{"removable":"false"},"user.name":["alice","bob"]}`,
		`c: {"@timestamp":"nonsense","source.ip":"nonsense","process.pid":"nonsense","user.name":"`+long+`"}`,
		`d: {"@timestamp":"2024-02-15","source.ip":"2001:DB8::1","message":"","user.name":"`+long+`a","process.pid":1.7}`,
		`e: {"m365_defender":{"event":{"raw_event_data":{"UserId":"Al@x","Item":{"Name":"x.txt"},"n":1.50,"none":null}}},"objs":[{"type":"ip","value":"1"},{"type":"account","value":"2"}]}`,
		`f: {"user":{"name":"a*b?c\\d"},"deep":[{"x":{"y":1}},{"x.z":2}]}`,
		`g: {}`,
	)
	str, num := esq.Str, esq.Num
	const flat = "m365_defender.event.raw_event_data"
	for _, c := range []struct {
		query esq.Query
		want  string
	}{
		{esq.MatchAll{}, "a b c d e f g"},
		{esq.MatchNone{}, ""},
		{nil, "a b c d e f g"},
		{esq.BoolQuery{}, "a b c d e f g"},
		{esq.BoolQuery{MinimumShouldMatch: 1}, "a b c d e f g"},
		{esq.BoolQuery{Filter: []esq.Query{esq.MatchAll{}}, MinimumShouldMatch: 1}, ""},
		{esq.BoolQuery{Should: []esq.Query{esq.IDs{Values: []string{"a", "b"}}, esq.IDs{Values: []string{"b"}}}, MinimumShouldMatch: 2}, "b"},
		{esq.BoolQuery{Must: []esq.Query{esq.IDs{Values: []string{"a"}}}, Should: []esq.Query{esq.MatchNone{}}}, "a"},
		{esq.Not(esq.Exists{Field: "message"}), "c e f g"},

		{esq.Term{Field: "user.name", Value: str("alice")}, "b"},
		{esq.Term{Field: "user.name", Value: str("ALICE"), CaseInsensitive: true}, "a b"},
		{esq.Term{Field: "user.name", Value: str(long)}, "c"},
		{esq.Term{Field: "user.name", Value: str(long + "a")}, ""},
		{esq.Term{Field: "nowhere", Value: str("x")}, ""},
		{esq.Term{Field: "user", Value: str("x")}, ""},
		{esq.Term{Field: "source.ip", Value: str("1.2.3.4")}, "a b"},
		{esq.Term{Field: "source.ip", Value: str("1.2.0.0/16")}, "a b"},
		{esq.Term{Field: "source.ip", Value: str("2001:db8:0::1")}, "d"},
		{esq.Term{Field: "source.ip", Value: str("::/0")}, "a b d"},
		{esq.Term{Field: "process.pid", Value: str("5.0")}, "a"},
		{esq.Term{Field: "process.pid", Value: num(1)}, "d"},
		{esq.Term{Field: "process.pid", Value: num(1.7)}, ""},
		{esq.Term{Field: "process.pid", Value: str("99999999999999999999")}, ""},
		{esq.Term{Field: "ratio", Value: str("2.5")}, "b"},
		{esq.Term{Field: "volume.removable", Value: str("false")}, "b"},
		{esq.Term{Field: "message", Value: str("foo")}, "a b"},
		{esq.Term{Field: "message", Value: str("Foo")}, ""},
		{esq.Term{Field: "@timestamp", Value: str("2024-02-15")}, "b d"},
		{esq.Term{Field: "@timestamp", Value: str("2024-02")}, "a"},
		{esq.Term{Field: "_id", Value: str("c")}, "c"},
		{esq.Term{Field: "_ignored", Value: str("user.name")}, "d"},
		{esq.Term{Field: "_ignored", Value: str("process.pid")}, "c"},
		{esq.Exists{Field: "_ignored"}, "c d"},
		{esq.Term{Field: "_index", Value: str("logs-*")}, "a b c d e f g"},
		{esq.Term{Field: flat + ".UserId", Value: str("Al@x")}, "e"},
		{esq.Term{Field: flat + ".n", Value: str("1.50")}, "e"},
		{esq.Term{Field: flat, Value: str("x.txt")}, "e"},
		{esq.Terms{Field: "user.name", Values: []esq.Value{str("bob"), str("Alice")}}, "a b"},
		{esq.Terms{Field: "source.ip", Values: []esq.Value{str("10.0.0.0/8"), str("2001:db8::1")}}, "b d"},
		{esq.Terms{Field: "process.pid", Values: []esq.Value{str("5"), num(7)}}, "a b"},
		{esq.Terms{Field: "user.name"}, ""},

		{esq.Match{Field: "message", Value: str("BAZ qux")}, "a b"},
		{esq.Match{Field: "message", Value: str("foo bar"), Phrase: true}, "a"},
		{esq.Match{Field: "message", Value: str("")}, ""},
		{esq.Match{Field: "user.name", Value: str("bob"), Phrase: true}, "b"},
		{esq.MultiMatch{Value: str("bob")}, "b"},
		{esq.MultiMatch{Value: num(5)}, "a"},
		{esq.MultiMatch{Value: str("1.2.3.0/24")}, "a b"},
		{esq.MultiMatch{Value: str("x.txt")}, "e"},
		{esq.MultiMatch{Value: str("foo bar"), Phrase: true}, "a"},

		{esq.QueryString{Query: "*"}, "a b c d e f g"},
		{esq.QueryString{Fields: []string{"message"}, Query: "*"}, "a b d"},
		{esq.QueryString{Fields: []string{"message"}, Query: "FO*"}, "a b"},
		{esq.QueryString{Fields: []string{"message"}, Query: "*oo\\-b*"}, ""},
		{esq.QueryString{Fields: []string{"message"}, Query: "foo\\-b*"}, "a b"},
		{esq.QueryString{Fields: []string{"user.na*"}, Query: "Ali*"}, "a"},
		{esq.QueryString{Fields: []string{"user.name"}, Query: `a\*b\?c\\*`}, "f"},
		{esq.QueryString{Fields: []string{"message"}, Query: "foo AND NOT qux"}, "a"},
		{esq.QueryString{Fields: []string{"message"}, Query: "NOT foo"}, "c d e f g"},
		{esq.QueryString{Fields: []string{"message"}, Query: `"bar baz" OR (qux AND foo)`}, "a b"},
		{esq.QueryString{Query: "5*"}, ""},

		{esq.Exists{Field: "message"}, "a b d"},
		{esq.Exists{Field: "user.name"}, "a b c f"},
		{esq.Exists{Field: "source.ip"}, "a b d"},
		{esq.Exists{Field: "source"}, "a b d"},
		{esq.Exists{Field: "deep.x"}, "f"},
		{esq.Exists{Field: "*ip"}, "a b d"},
		{esq.Exists{Field: flat}, "e"},
		{esq.Exists{Field: flat + ".Item.Name"}, "e"},
		{esq.Exists{Field: flat + ".Item"}, ""},
		{esq.Exists{Field: flat + ".none"}, ""},
		{esq.Exists{Field: "objs.type"}, ""},
		{esq.Exists{Field: "@timestamp"}, "a b d"},

		{esq.Range{Field: "@timestamp", GTE: str("now/d"), LT: str("now")}, "b d"},
		{esq.Range{Field: "@timestamp", GT: str("now-14d"), LTE: str("2024-02")}, ""},
		{esq.Range{Field: "@timestamp", GTE: str("2024-02-01||/M"), LTE: str("2024-02-01||/d")}, "a"},
		{esq.Range{Field: "@timestamp", GTE: str("2024-02-15"), TimeZone: "-01:00"}, "b"},
		{esq.Range{Field: "process.pid", GT: num(1.5), LT: str("7")}, "a"},
		{esq.Range{Field: "process.pid", GT: str("9223372036854775807")}, ""},
		{esq.Range{Field: "process.pid"}, "a b d"},
		{esq.Range{Field: "ratio", GT: num(1.5)}, "b"},
		{esq.Range{Field: "source.ip", GT: str("1.2.3.4"), LTE: str("10.0.0.1")}, "b"},
		{esq.Range{Field: "source.ip", GT: str("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}, ""},
		{esq.Range{Field: "user.name", GTE: str("alice"), LT: str("b")}, "b"},
		{esq.Range{Field: "volume.removable", GT: esq.Boolean(false)}, "a"},

		{esq.Prefix{Field: "user.name", Value: "ALI", CaseInsensitive: true}, "a b"},
		{esq.Prefix{Field: "message", Value: "Foo"}, ""},
		{esq.Wildcard{Field: "user.name", Pattern: `a\*b\?c\\d`}, "f"},
		{esq.Wildcard{Field: "user.name", Pattern: "?O?", CaseInsensitive: true}, "b"},
		{esq.Wildcard{Field: "user.name", Pattern: ""}, ""},

		{esq.Nested{Path: "objs", Query: esq.And(esq.Term{Field: "objs.type", Value: str("ip")}, esq.Term{Field: "objs.value", Value: str("1")})}, "e"},
		{esq.Nested{Path: "objs", Query: esq.And(esq.Term{Field: "objs.type", Value: str("ip")}, esq.Term{Field: "objs.value", Value: str("2")})}, ""},
		{esq.IDs{Values: []string{"a", "nobody"}}, "a"},
	} {
		got := strings.Join(search(t, e, []string{"logs-*"}, c.query), " ")
		if got != c.want {
			t.Errorf("%T %+v finds %q, want %q", c.query, c.query, got, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	e := engine(t, `a: {"user.name":"x","n":1,"f":1.5}`)
	bad := esq.Str("bad")
	for _, q := range []esq.Query{
		esq.Term{Field: "n", Value: bad},
		esq.Term{Field: "f", Value: bad},
		esq.Term{Field: "n", Value: esq.Str("")},
		esq.Term{Field: "n", Value: esq.Integer(1), CaseInsensitive: true},
		esq.Term{Field: "source.ip", Value: bad},
		esq.Term{Field: "source.ip", Value: esq.Str("::ffff:1.2.3.4/100")},
		esq.Term{Field: "source.ip", Value: esq.Str("1.2.3.4/33")},
		esq.Term{Field: "volume.removable", Value: bad},
		esq.Term{Field: "@timestamp", Value: bad},
		esq.Term{Field: "user.name"},
		esq.Terms{Field: "user.name", Values: []esq.Value{{}}},
		esq.Terms{Field: "source.ip", Values: []esq.Value{bad}},
		esq.Match{Field: "n", Value: bad, Phrase: true},
		esq.Match{Field: "n"},
		esq.MultiMatch{},
		esq.Range{Field: "n", GT: bad},
		esq.Range{Field: "@timestamp", GT: esq.Str("now+1x")},
		esq.Range{Field: "@timestamp", GT: esq.Str("now/2d")},
		esq.Range{Field: "@timestamp", GT: esq.Str("now-")},
		esq.Range{Field: "@timestamp", GT: esq.Str("")},
		esq.Range{Field: "@timestamp", GT: esq.Str("now"), TimeZone: "Nowhere/Land"},
		esq.Range{Field: "source.ip", GT: esq.Str("10.0.0.0/8")},
		esq.Range{Field: "_id", GT: bad},
		esq.Prefix{Field: "n", Value: "1"},
		esq.Wildcard{Field: "source.ip", Pattern: "1.*"},
		esq.QueryString{Fields: []string{"n"}, Query: "1*"},
		esq.QueryString{Query: "a:b"},
		esq.QueryString{Query: "AND a"},
		esq.QueryString{Query: "(a"},
		esq.QueryString{Query: `"a`},
		esq.QueryString{Query: "a~2"},
		esq.QueryString{Query: "[a TO b]"},
		esq.Nested{Path: "user", Query: esq.MatchAll{}},
		esq.BoolQuery{Filter: []esq.Query{esq.BoolQuery{MustNot: []esq.Query{esq.Term{Field: "n", Value: bad}}}}},
	} {
		_, _, err := e.Count(t.Context(), []string{"*"}, q)
		if !isRefusal(err) {
			t.Errorf("%T %+v: error %v, want a refusal with status 400", q, q, err)
		}
	}
}

func TestSearchOrderFieldsAndLimit(t *testing.T) {
	t.Parallel()
	e := engine(t, `b: {"@timestamp":"2024-02-01T10:00:00Z","n":1}`, `z: {}`, `a: {"@timestamp":"2024-02-01T10:00:00Z","n":[2,null,3]}`,
		`y: {"@timestamp":"foo"}`, `c: {"@timestamp":["2024-03-01","2024-01-01"],"n":{"x":1}}`)
	put(t, e, "logs-0", `b: {"@timestamp":"2024-02-01T10:00:00.000Z"}`)
	var got []esq.Hit
	s := esq.Search{Indices: []string{"logs-*"}, Query: esq.MatchAll{}, Time: "@timestamp", Fields: []esq.Field{{Path: "n"}}}
	all := func(h esq.Hit) error {
		got = append(got, h)
		return nil
	}
	stats, err := e.Search(t.Context(), s, all)
	if err != nil {
		t.Fatal(err)
	}
	num := func(ns ...int64) [][]esq.Value {
		var vs []esq.Value
		for _, n := range ns {
			vs = append(vs, esq.Integer(n))
		}
		return [][]esq.Value{vs}
	}
	want := []esq.Hit{
		{Index: "logs-a", ID: "c", Values: num()}, {Index: "logs-0", ID: "b", Values: num()},
		{Index: "logs-a", ID: "a", Values: num(2, 3)}, {Index: "logs-a", ID: "b", Values: num(1)},
		{Index: "logs-a", ID: "y", Values: num()}, {Index: "logs-a", ID: "z", Values: num()},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	wantStats := esq.Stats{Requests: 1, Hits: 6, BrokenCount: 2,
		Broken: []string{`logs-a/y: @timestamp "foo" is not a date`, "logs-a/z: no @timestamp"}}
	if diff := cmp.Diff(wantStats, stats); diff != "" {
		t.Error(diff)
	}
	got, s.Limit = nil, 2
	if stats, err = e.Search(t.Context(), s, all); err != nil || len(got) != 2 || stats.Hits != 2 || got[0].ID != "c" {
		t.Errorf("with a limit: %v, %+v, %v", got, stats, err)
	}
	got, s.Limit = nil, 0
	s.Query = esq.Range{Field: "@timestamp", GTE: esq.Str("2024-03-01")}
	if _, err = e.Search(t.Context(), s, all); err != nil || len(got) != 1 || got[0].ID != "c" {
		t.Errorf("by the second date of a document: %v, %v", got, err)
	}
}

func TestIndexPatterns(t *testing.T) {
	t.Parallel()
	e := engine(t, "a: {}")
	put(t, e, "logs-b", "b: {}")
	put(t, e, "other", "o: {}")
	for _, c := range []struct {
		patterns string
		want     string
		none     bool
	}{
		{"*", "a b o", false}, {"_all", "a b o", false}, {"logs-*", "a b", false}, {"logs-a other", "a o", false},
		{"logs-* -*b", "a", false}, {"logs-a,other", "a o", false}, {"nothing*", "", true}, {"nothing logs-b", "b", false}, {"", "", true},
	} {
		q := esq.MatchAll{}
		n, stats, err := e.Count(t.Context(), strings.Fields(c.patterns), q)
		if err != nil || stats.NoIndex != c.none || int(n) != len(strings.Fields(c.want)) {
			t.Errorf("%q: %d, %+v, %v", c.patterns, n, stats, err)
		}
		if got := search(t, e, strings.Fields(c.patterns), q); strings.Join(got, " ") != c.want {
			t.Errorf("%q finds %v, want %s", c.patterns, got, c.want)
		}
	}
}

func TestGroup(t *testing.T) {
	t.Parallel()
	e := engine(t,
		`a: {"@timestamp":"2024-02-01","user.name":["x","y","x"],"source.ip":["10.0.0.9","::ffff:10.0.0.9"],"n":[10,9]}`,
		`b: {"@timestamp":"2024-02-03","user.name":"x","source.ip":"10.0.0.10","n":-1}`,
		`c: {"user.name":"`+strings.Repeat("x", 1025)+`","source.ip":"bad","volume.removable":true}`)
	str, num := esq.Str, esq.Integer
	day := func(d int) time.Time { return time.Date(2024, 2, d, 0, 0, 0, 0, time.UTC) }
	null := esq.Value{}
	for _, c := range []struct {
		by   []string
		want []esq.Group
	}{
		{[]string{"user.name"}, []esq.Group{
			{Key: []esq.Value{null}, Count: 1},
			{Key: []esq.Value{str("x")}, Count: 2, First: day(1), Last: day(3)},
			{Key: []esq.Value{str("y")}, Count: 1, First: day(1), Last: day(1)},
		}},
		{[]string{"source.ip", "volume.removable"}, []esq.Group{
			{Key: []esq.Value{null, esq.Boolean(true)}, Count: 1},
			{Key: []esq.Value{str("10.0.0.9"), null}, Count: 1, First: day(1), Last: day(1)},
			{Key: []esq.Value{str("10.0.0.10"), null}, Count: 1, First: day(3), Last: day(3)},
		}},
		{[]string{"n"}, []esq.Group{
			{Key: []esq.Value{null}, Count: 1},
			{Key: []esq.Value{num(-1)}, Count: 1, First: day(3), Last: day(3)},
			{Key: []esq.Value{num(9)}, Count: 1, First: day(1), Last: day(1)},
			{Key: []esq.Value{num(10)}, Count: 1, First: day(1), Last: day(1)},
		}},
		{[]string{"@timestamp"}, []esq.Group{
			{Key: []esq.Value{null}, Count: 1},
			{Key: []esq.Value{num(day(1).UnixMilli())}, Count: 1, First: day(1), Last: day(1)},
			{Key: []esq.Value{num(day(3).UnixMilli())}, Count: 1, First: day(3), Last: day(3)},
		}},
		{nil, []esq.Group{{Count: 3, First: day(1), Last: day(3)}}},
	} {
		got := groups(t, e, esq.Grouping{Indices: []string{"*"}, Query: esq.MatchAll{}, By: c.by, Time: "@timestamp"})
		if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
			t.Errorf("by %v:\n%s", c.by, diff)
		}
	}
	got := groups(t, e, esq.Grouping{Indices: []string{"*"}, Query: esq.MatchAll{}, By: []string{"user.name"}, Time: "@timestamp", Every: 24 * time.Hour})
	want := []esq.Group{
		{Key: []esq.Value{str("x")}, Start: day(1), Count: 1, First: day(1), Last: day(1)},
		{Key: []esq.Value{str("x")}, Start: day(3), Count: 1, First: day(3), Last: day(3)},
		{Key: []esq.Value{str("y")}, Start: day(1), Count: 1, First: day(1), Last: day(1)},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
		t.Errorf("by stretches of time:\n%s", diff)
	}
	_, err := e.Group(t.Context(), esq.Grouping{Indices: []string{"*"}, Query: esq.MatchAll{}, By: []string{"message"}}, func(esq.Group) error { return nil })
	if !isRefusal(err) {
		t.Errorf("by text: %v, want a refusal", err)
	}
}

func TestFieldCaps(t *testing.T) {
	t.Parallel()
	e := engine(t, `a: {"user.name":"x","n":1,"deep":{"er":{"x":1.5}},"objs":{"type":"t"}}`)
	put(t, e, "logs-b", `b: {"n":"text"}`)
	got, err := e.FieldCaps(t.Context(), []string{"logs-*"}, []string{"user.name", "n", "deep*", "message", "objs", "nowhere", "_id",
		"m365_defender.event.raw_event_data", "m365_defender.event.raw_event_data.UserId"})
	if err != nil {
		t.Fatal(err)
	}
	both := func(types ...string) esq.FieldCap {
		return esq.FieldCap{Types: types, Searchable: true, Aggregatable: true}
	}
	want := map[string]esq.FieldCap{
		"user.name": both("keyword"), "n": both("keyword", "long"), "deep.er.x": both("double"),
		"objs":                               {Types: []string{"nested"}},
		"message":                            {Types: []string{"text"}, Searchable: true},
		"m365_defender.event.raw_event_data": both("flattened"), "m365_defender.event.raw_event_data.UserId": both("flattened"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	now := noon
	e := memory.New(memory.Options{Now: func() time.Time { return now }, Ingest: []string{"event.ingested", "event.created"}})
	load(t, e, `{"_index":"i","_id":"late","_source":{"@timestamp":"2024-02-15T11:00:00Z","event.ingested":"2024-02-15T13:00:00Z"}}
{"_index":"i","_id":"created","_source":{"@timestamp":"2024-02-15T11:00:00Z","event":{"ingested":"broken","created":"2024-02-15T12:00:00.001Z"}}}
{"_index":"i","_id":"plain","_source":{"@timestamp":"2024-02-15T12:30:00Z"}}
{"_index":"i","_id":"timeless","_source":{}}`)
	put(t, e, "i", `written: {"@timestamp":"2030-01-01"}`)
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{0, "timeless written"}, {time.Millisecond, "created timeless written"}, {30 * time.Minute, "created plain timeless written"},
		{time.Hour, "created late plain timeless written"}} {
		now = noon.Add(c.after)
		if got := search(t, e, []string{"i"}, esq.MatchAll{}); strings.Join(got, " ") != c.want {
			t.Errorf("after %v: %v, want %s", c.after, got, c.want)
		}
		docs, err := e.Get(t.Context(), []esq.Ref{{Index: "i", ID: "late"}})
		if err != nil || docs[0].Found != strings.Contains(c.want, "late") {
			t.Errorf("after %v: get %+v, %v", c.after, docs, err)
		}
	}
	first, last, ok := e.Span()
	if !ok || !first.Equal(noon.Add(-time.Hour)) || last.Year() != 2030 {
		t.Errorf("span %v to %v, %v", first, last, ok)
	}
}

// TestAlgebra holds queries to the logic of sets, and the narrowing by time to
// what a plain scan finds.
func TestAlgebra(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := maker{newRand(rapid.Uint64().Draw(rt, "seed")), noon}
		e := memory.New(memory.Options{Mapping: mapping(), Now: atNoon})
		for i, source := range r.documents(30) {
			put(t, e, "logs-a", string(rune('A'+i))+": "+source)
		}
		a, b := r.tree(2), r.tree(2)
		find := func(q esq.Query) []string { return search(t, e, []string{"*"}, q) }
		all, as, bs := find(esq.MatchAll{}), find(a), find(b)
		in := func(ids []string) func(string) bool {
			return func(id string) bool { return slices.Contains(ids, id) }
		}
		want := func(what string, q esq.Query, keep func(string) bool) {
			ids := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !keep(id) })
			if got := find(q); !slices.Equal(got, ids) {
				rt.Errorf("%s: %s finds %v, want %v", what, text(q), got, ids)
			}
			if n, _, err := e.Count(t.Context(), []string{"*"}, q); err != nil || int(n) != len(ids) {
				rt.Errorf("%s: count %d, %v, want %d", what, n, err, len(ids))
			}
		}
		want("and", esq.And(a, b), func(id string) bool { return in(as)(id) && in(bs)(id) })
		want("or", esq.Or(a, b), func(id string) bool { return in(as)(id) || in(bs)(id) })
		want("not", esq.Not(a), func(id string) bool { return !in(as)(id) })
	})
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	e := engine(t, `a: {"@timestamp":"2024-02-01","user.name":"x"}`)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				put(t, e, "logs-a", string(rune('a'+i))+string(rune('0'+j%10))+`: {"@timestamp":"2024-02-02","new`+string(rune('a'+j%20))+`":1}`)
				search(t, e, []string{"logs-*"}, esq.Exists{Field: "@timestamp"})
				groups(t, e, esq.Grouping{Indices: []string{"*"}, Query: esq.MatchAll{}, By: []string{"user.name"}, Time: "@timestamp"})
			}
		})
	}
	all.Wait()
	if n := len(search(t, e, []string{"*"}, esq.MatchAll{})); n != 81 {
		t.Errorf("%d documents, want 81", n)
	}
}
