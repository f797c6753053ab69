package memory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/test/engines"
)

const raw = "m365_defender.event.raw_event_data"

func isRefusal(err error) bool {
	r, ok := errors.AsType[*esq.ResponseError](err)
	return ok && r.Status == 400
}

// maker makes random documents and queries about them.
type maker struct {
	*rand.Rand
	now time.Time
}

func pick[T any](r maker, from ...T) T { return from[r.IntN(len(from))] }

func (r maker) someOf(from []string) []string {
	from = slices.Clone(from)
	r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:1+r.IntN(2)]
}

func (r maker) word() string {
	return pick(r, "FileDownloaded", "filedownloaded", "File", "alice", "Alice@Example.COM", "alice@example.com", "bob",
		`C:\Users\bob\a b.txt`, `E:\a*b?.txt`, "Straße.txt", "STRASSE.TXT", "straße.txt", "É.txt", "é.txt", "", "true", "5", "1.5",
		"10.0.0.1", "2024-02-01", "日本語", "emoji 😀 here", "new york", "York", "a-b", "don't", "foo:bar", "foo AND bar",
		strings.Repeat("x", 1024), strings.Repeat("x", 1025), strings.Repeat("😀", 512), strings.Repeat("😀", 513))
}

func (r maker) ip() string {
	return pick(r, "10.0.0.1", "10.0.0.2", "10.1.2.3", "192.168.1.1", "::ffff:10.0.0.1", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "::1", "fe80::1")
}

func (r maker) day() string {
	return pick(r, "2024-02-01T10:00:00Z", "2024-02-01T10:00:00.123456789Z", "2024-02-01", "2024-02", "2024", "2024-02-01T23:59:59.999Z",
		"2024-02-29T12:00:00+02:00", "2024-01-31T23:30:00-0100", "2024-02-01T10:00", "2024-02-01T10:30:15,5Z", "1706781600000",
		r.now.Add(-time.Duration(r.IntN(80))*time.Hour-30*time.Minute).UTC().Format(time.RFC3339Nano))
}

// quote writes a string, sometimes with escapes that need not be.
func (r maker) quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return strings.ReplaceAll(string(b), "A", pick(r, "A", `\u0041`))
}

// value writes one value of a field as a document may have it.
func (r maker) value(f string) string {
	if r.IntN(12) == 0 {
		return pick(r, "null", "[]", "[null]")
	}
	one := r.scalar(f)
	if r.IntN(5) == 0 && !slices.Contains([]string{"dyn.count", "dyn.ratio", "process.pid", "volume.removable", "event.created", "@timestamp"}, f) {
		return "[" + one + "," + r.scalar(f) + "]"
	}
	if f == "process.pid" && r.IntN(5) == 0 {
		return pick(r, "[1,5]", "[[7],[9,8]]")
	}
	return one
}

func (r maker) scalar(f string) string {
	switch kindOf(f) {
	case "ip":
		return pick(r, r.quote(r.ip()), r.quote(r.ip()), r.quote(r.ip()), `"not an ip"`, `"10.0.0.0/8"`)
	case "date":
		return pick(r, r.quote(r.day()), r.quote(r.day()), r.quote(r.day()), "1706781600000", "1706781600000.5", `"yesterday"`, `"2024-02-30"`)
	case "long":
		return pick(r, "5", "0", "-3", "1024", `"5"`, "4.7", `"7"`, `"many"`, "9007199254740993", "12345678901234567890")
	case "double":
		return pick(r, "1.5", "0.25", "-2.5", `"1.5"`, "3.0", `"much"`, "1.0E3")
	case "boolean":
		return pick(r, "true", "false", `"true"`, `"false"`, `""`)
	}
	return pick(r, r.quote(r.word()), r.quote(r.word()), r.quote(r.word()), r.quote(r.word()), "5", "1.50", "true")
}

// kindOf says which values suit a field.
func kindOf(f string) string {
	switch f {
	case "source.ip", "host.ip", "custom.peer_ip":
		return "ip"
	case "@timestamp", "event.created", "custom.timestamp":
		return "date"
	case "process.pid", "dyn.count":
		return "long"
	case "dyn.ratio":
		return "double"
	case "volume.removable":
		return "boolean"
	case "message":
		return "text"
	case raw, raw + ".UserId", raw + ".Item.Name", raw + ".Item":
		return "flattened"
	}
	return "keyword"
}

func fields() []string {
	return []string{"event.action", "user.name", "file.path", "user.email", "source.ip", "host.ip", "@timestamp", "event.created",
		"custom.timestamp", "custom.peer_ip", "process.pid", "dyn.count", "dyn.ratio", "volume.removable", "message"}
}

func (r maker) documents(n int) []string {
	// The first decides what the fields are that no rule knows.
	docs := []string{`{"dyn":{"count":1,"ratio":0.5},"custom":{"timestamp":"2024-02-01","peer_ip":"10.9.9.9"},"event.action":"a","user":{"name":"a","email":"a"},"file.path":"a"}`}
	for len(docs) < n {
		docs = append(docs, r.document())
	}
	return docs
}

func (r maker) document() string {
	var members []string
	for _, f := range fields() {
		if r.IntN(3) == 0 {
			continue
		}
		value := r.value(f)
		if f == "message" && r.IntN(2) == 0 {
			value = r.quote(r.word() + " " + r.word() + pick(r, ": ", ", ", "-", " ") + r.word())
		}
		parts := strings.Split(f, ".")
		if len(parts) == 1 || r.IntN(2) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", f, value))
			continue
		}
		// Dotted and nested spellings must not make one key twice.
		members = append(members, fmt.Sprintf("%q:%s", f, value))
	}
	if r.IntN(2) == 0 {
		members = append(members, fmt.Sprintf("%q:%s", raw, r.flattened()))
	}
	if r.IntN(2) == 0 {
		members = append(members, `"objs":`+r.objects())
	}
	if r.IntN(3) == 0 {
		members = append(members, fmt.Sprintf(`"deep":{"er":{"name":%s},"list":[{"name":%s},{"name":%s}]}`,
			r.quote(r.word()), r.quote(r.word()), r.quote(r.word())))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (r maker) flattened() string {
	return fmt.Sprintf(`{"UserId":%s,"Item":{"Name":%s},"n":%s,"list":[%s,{"x":%s}]}`,
		r.quote(r.word()), pick(r, r.quote(r.word()), "null"), pick(r, "5", "1.50", "true"), r.quote(r.word()), r.quote(r.word()))
}

func (r maker) objects() string {
	object := func() string {
		return fmt.Sprintf(`{"type":%s,"value":%s,"n":%d}`, pick(r, `"ip"`, `"account"`, "null"), r.quote(r.word()), r.IntN(4))
	}
	return pick(r, object(), "["+object()+","+object()+"]", "[]")
}

// suiting returns a value that a query may ask of a kind of field.
func (r maker) suiting(kind string) esq.Value {
	switch kind {
	case "ip":
		return esq.Str(pick(r, r.ip(), r.ip(), "10.0.0.0/8", "192.168.1.77/16", "2001:db8::/32", "::/0", "10.0.0.1/32"))
	case "date":
		return pick(r, esq.Str(r.day()), esq.Str(r.day()), esq.Str("2024-02-01||/M"), esq.Str("now-2d/d"), esq.Integer(1706781600000))
	case "long":
		return pick(r, esq.Integer(5), esq.Str("5"), esq.Integer(0), esq.Num(4.7), esq.Integer(4), esq.Str("5.0"), esq.Integer(9007199254740993), esq.Integer(-3))
	case "double":
		return pick(r, esq.Num(1.5), esq.Str("1.5"), esq.Integer(3), esq.Num(-2.5), esq.Integer(1000))
	case "boolean":
		return pick(r, esq.Boolean(true), esq.Boolean(false), esq.Str("true"))
	}
	return pick(r, esq.Str(r.word()), esq.Str(r.word()), esq.Str(r.word()), esq.Integer(5), esq.Num(1.5), esq.Boolean(true))
}

func (r maker) queried() string {
	return pick(r, append(fields(), raw+".UserId", raw+".Item.Name", raw, "deep.er.name", "deep.list.name", "nowhere.to.be.found", "objs.type")...)
}

// tree makes a query that no cluster refuses.
func (r maker) tree(depth int) esq.Query {
	if depth == 0 || r.IntN(4) == 0 {
		return r.leaf()
	}
	if r.IntN(8) == 0 {
		return esq.Nested{Path: "objs", Query: r.inside()}
	}
	some := func(most int) []esq.Query {
		var qs []esq.Query
		for range r.IntN(most + 1) {
			qs = append(qs, r.tree(depth-1))
		}
		return qs
	}
	return esq.BoolQuery{Must: some(1), Filter: some(2), Should: some(3), MustNot: some(1), MinimumShouldMatch: r.IntN(3)}
}

// inside makes a query for the objects of the nested field.
func (r maker) inside() esq.Query {
	return pick[esq.Query](r,
		esq.Term{Field: "objs.type", Value: esq.Str("ip")},
		esq.And(esq.Term{Field: "objs.type", Value: esq.Str("ip")}, esq.Range{Field: "objs.n", GTE: esq.Integer(2)}),
		esq.Not(esq.Term{Field: "objs.type", Value: esq.Str("ip")}),
		esq.Exists{Field: "objs.type"},
		esq.And(esq.Term{Field: "objs.value", Value: esq.Str(r.word())}, esq.Not(esq.Exists{Field: "user.name"})),
		esq.Wildcard{Field: "objs.value", Pattern: "*a*"},
		esq.MultiMatch{Value: esq.Str("2")},
		esq.QueryString{Fields: []string{"objs.t*"}, Query: "acc*"},
	)
}

func (r maker) leaf() esq.Query {
	f := r.queried()
	kind := kindOf(f)
	textual := kind == "keyword" || kind == "text" || kind == "flattened"
	switch r.IntN(11) {
	case 0:
		return esq.Terms{Field: f, Values: []esq.Value{r.suiting(kind), r.suiting(kind), r.suiting(kind)}}
	case 1:
		return esq.Match{Field: f, Value: r.suiting(kind), Phrase: r.IntN(2) == 0}
	case 2:
		return esq.MultiMatch{Value: r.suiting(pick(r, "ip", "long", "date", "keyword", "boolean")), Phrase: r.IntN(2) == 0}
	case 3:
		return esq.Exists{Field: pick(r, f, f, "deep", "deep.er", "objs", "user", "no*", "d*.name")}
	case 4:
		return r.ranges(f, kind)
	case 5:
		return r.bounded()
	case 6:
		if textual {
			return esq.Prefix{Field: f, Value: r.stem(), CaseInsensitive: r.IntN(2) == 0}
		}
	case 7:
		if textual {
			return esq.Wildcard{Field: f, Pattern: r.pattern(), CaseInsensitive: r.IntN(2) == 0}
		}
	case 8:
		if textual {
			return esq.QueryString{Fields: pick(r, []string{f}, []string{f, "user.name"}, []string{"user.*e"}, []string{"user.na*", "message"}), Query: r.lucene()}
		}
		return esq.QueryString{Query: r.lucene()}
	case 9:
		return esq.IDs{Values: []string{fmt.Sprintf("0-%d", r.IntN(50)), fmt.Sprintf("1-%d", r.IntN(50)), "nobody"}}
	}
	if textual && r.IntN(3) == 0 {
		return esq.Term{Field: f, Value: r.short(kind), CaseInsensitive: true}
	}
	return esq.Term{Field: f, Value: r.suiting(kind)}
}

// short is suiting for queries that clusters refuse with very long values, and
// for ranges, whose bounds must be all texts or all numbers on some.
func (r maker) short(kind string) esq.Value {
	for {
		v := r.suiting(kind)
		if len(v.String()) < 500 && (kind != "date" || v.Kind() == esq.String) {
			return v
		}
	}
}

func (r maker) ranges(f, kind string) esq.Query {
	q := esq.Range{Field: f}
	suiting := func() esq.Value {
		if kind == "ip" {
			return esq.Str(r.ip())
		}
		return r.short(kind)
	}
	if kind == "flattened" { // some clusters want both
		return esq.Range{Field: f, GT: suiting(), LTE: suiting()}
	}
	if r.IntN(3) > 0 {
		*pick(r, &q.GT, &q.GTE) = suiting()
	}
	if r.IntN(3) > 0 {
		*pick(r, &q.LT, &q.LTE) = suiting()
	}
	return q
}

// bounded makes a range over times.
func (r maker) bounded() esq.Query {
	bound := func() esq.Value {
		return esq.Str(pick(r, r.day(), r.day(), "now", "now-1d", "now-2d/d", "now+1h-1w/w", "2024-02-01||+1M/d", "2024-01-31||+1M",
			"2024-02||/M", "2024-02-15||-1y/y", "2024-02-01T10:30||/h", "now/M", "2024-02-01||+36h/m", "2024-02-01||/w"))
	}
	q := esq.Range{Field: pick(r, "@timestamp", "event.created", "custom.timestamp"), TimeZone: pick(r, "", "", "+02:00", "-0930", "America/New_York")}
	*pick(r, &q.GT, &q.GTE) = bound()
	if r.IntN(2) == 0 {
		*pick(r, &q.LT, &q.LTE) = bound()
	}
	return q
}

func (r maker) stem() string {
	return pick(r, "F", "file", "ali", "al", "Alice@", `C:\Users`, "STRA", "stra", "É", "1", "", "new", "日", strings.Repeat("x", 100))
}

func (r maker) pattern() string {
	return pick(r, "*", "F*", "*down*", "*DOWN*", "?ob", "a*b*", `E:\\a\*b\?.txt`, `*\\*`, "*.txt", "É*", "?.txt", "", "alice@*.com", "*a?b*", "new york", "*日*", `*\`)
}

// lucene makes a query_string as Kibana writes one.
func (r maker) lucene() string {
	return pick(r, "*", "**", "F*", "file*", "*ile*", "*DOWN*", "ali*", "al?ce", `alice\@example.*`, `C\:\\Users*`, `*.txt`, `\1\0*`, "new york", "new york*",
		`new\ york*`, `*ew\ yor*`, "foo AND bar", "foo OR bar*", "NOT foo*", "foo AND NOT file*", "foo* bar*", `don't*`, `a\-b`, `a\-*`, `*a\-b*`,
		`foo\:ba*`, `"new york"`, "É*", "é*", "straße*", "日*", "(foo OR new) AND york", "+york -new", `emoji 😀*`, "x*", "", "5*", "5", "tru*", "foo \\AND york*")
}

// wild makes a leaf that may not suit its field at all.
func (r maker) wild() esq.Query {
	if r.IntN(20) == 0 {
		return esq.Term{Field: "_ignored", Value: esq.Str(r.queried())}
	}
	f := pick(r, r.queried(), r.queried(), "_id", "_index", raw+".Item", raw+".list", raw+".list.x", "deep", "objs", "objs.n")
	v := r.suiting(pick(r, "ip", "date", "long", "double", "boolean", "keyword"))
	if len(v.String()) > 500 {
		v = esq.Str("x")
	}
	if f == "_index" { // a colon would be another cluster's
		return esq.Wildcard{Field: f, Pattern: pick(r, "*docs*", "nothing*", "?*-0")}
	}
	switch r.IntN(10) {
	case 0:
		return esq.Terms{Field: f, Values: []esq.Value{v, r.suiting("keyword")}}
	case 1:
		return esq.Match{Field: f, Value: v, Phrase: r.IntN(2) == 0}
	case 2:
		return esq.Exists{Field: f}
	case 3:
		return esq.Range{Field: f, GTE: v}
	case 4:
		return esq.Range{Field: f, GT: v, LT: r.short("keyword")}
	case 5:
		return esq.Prefix{Field: f, Value: r.stem(), CaseInsensitive: r.IntN(2) == 0}
	case 6:
		return esq.Wildcard{Field: f, Pattern: r.pattern(), CaseInsensitive: r.IntN(2) == 0}
	case 7:
		return esq.QueryString{Fields: pick(r, []string{f}, []string{f, "user.name"}, []string{"process.*"}, []string{"*"}), Query: r.lucene()}
	case 8:
		return esq.Nested{Path: pick(r, f, "objs"), Query: esq.MatchAll{}}
	}
	return esq.Term{Field: f, Value: v, CaseInsensitive: r.IntN(3) == 0}
}

// known says which of the known differences a query may run into.
func (tw *twin) known(q esq.Query) string {
	opensearch := tw.node.Family == engines.OpenSearch
	flat := func(f string) bool { return strings.HasPrefix(f, raw) }
	switch q := q.(type) {
	case esq.BoolQuery:
		for _, part := range slices.Concat(q.Must, q.Filter, q.Should, q.MustNot) {
			if why := tw.known(part); why != "" {
				return why
			}
		}
	case esq.Term:
		if q.Field == "_ignored" && opensearch {
			return "too long a keyword is not ignored by name"
		}
	case esq.Wildcard:
		if flat(q.Field) && !opensearch {
			return "wildcard on a flattened leaf"
		}
		if flat(q.Field) && q.Pattern == "" {
			return "empty wildcard on a flattened leaf"
		}
	case esq.Range:
		open := q.GT.IsNull() && q.GTE.IsNull() || q.LT.IsNull() && q.LTE.IsNull()
		if flat(q.Field) && tw.node.Name == "es8" && open {
			return "open range on a flattened leaf"
		}
		if opensearch && kindOf(q.Field) == "date" {
			return "number as a bound of dates"
		}
	case esq.Exists:
		if flat(q.Field) && tw.node.Name == "os2" {
			return "exists in a flattened object"
		}
	case esq.QueryString:
		inside := slices.ContainsFunc(q.Fields, func(f string) bool { return flat(f) && f != raw })
		if inside && q.Query == "*" && tw.node.Name == "os2" {
			return "exists in a flattened object"
		}
		if !inner(q.Query) {
			return ""
		}
		if inside || opensearch && (len(q.Fields) == 0 || slices.ContainsFunc(q.Fields, func(f string) bool { return flat(f) || f == "*" })) {
			return "query_string wildcard in a flattened object"
		}
	}
	return ""
}

// inner reports whether a query_string has a wildcard that is not the end of a word.
func inner(query string) bool {
	for word := range strings.FieldsSeq(query) {
		if word != "*" && strings.ContainsAny(strings.TrimSuffix(word, "*"), "*?") {
			return true
		}
	}
	return false
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
