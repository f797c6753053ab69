package memory

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func newTestIndex(m Mapping) *index { return newIndex("i", newNames(), m.types()) }

// leavesOf writes a record as "path=text" and, for nested ones, "path{...}".
func leavesOf(d *document, r *record) []string {
	all := []string{}
	for i, field := range r.shape.fields {
		all = append(all, d.index.names.all[field].path+"="+d.text(r, i))
	}
	if r.nested == nil {
		return all
	}
	for _, n := range *r.nested {
		all = append(all, d.index.names.all[n.path].path+"{"+strings.Join(leavesOf(d, &n.record), " ")+"}")
	}
	return all
}

func TestScan(t *testing.T) {
	t.Parallel()
	m := Mapping{Rules: []Rule{{"flat", Flattened}, {"objs", Nested}, {"objs.in", Nested}}}
	for _, c := range []struct {
		source string
		want   []string
	}{
		{` { } `, []string{}},
		{`{"a":{"b":1},"a.c":[true,null,["x"]],"a.b":2.50}`, []string{"a.b=1", "a.b=2.50", "a.c=true", "a.c=x"}},
		{`{"k":"q\"\\\/\b\f\n\r\t\u0041\ud83d\ude00\ud800x\ud800\u0041é"}`, []string{"k=q\"\\/\b\f\n\r\tA😀\ufffdx\ufffdAé"}},
		{`{"k\u0041":"","":1,"x.":2}`, []string{"kA=", "=1", "x.=2"}},
		{`{"flat":{"a.b":"x","a":{"b":5,"c":{}}},"z":1}`, []string{"flat.a.b=x", "flat.a.b=5", "z=1"}},
		{`{"flat":"no object","objs":7,"z":1}`, []string{"z=1"}},
		{`{"objs":[{"t":"a","in":{"x":1}},{"t":["b","c"]}],"z":-0.5e+3}`, []string{"z=-0.5e+3", "objs{objs.t=a objs.in{objs.in.x=1}}", "objs{objs.t=b objs.t=c}"}},
	} {
		ix := newTestIndex(m)
		d, err := ix.put("1", c.source)
		if err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		if diff := cmp.Diff(c.want, leavesOf(d, &d.record)); diff != "" {
			t.Errorf("%s:\n%s", c.source, diff)
		}
	}
}

// FuzzScan holds the scanner to what encoding/json takes for an object.
func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"a":[{"b":-1.5e-3},"\u00e9",true,null]}`, `{"a":{"b":{}}} `, `{"a":01}`, `{"\ud800":"\ud800\ud800"}`, `{,}`, `{"a":1,}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		_, err := newTestIndex(ECS()).put("1", source)
		var object map[string]json.RawMessage
		want := utf8.ValidString(source) && json.Unmarshal([]byte(source), &object) == nil && object != nil
		if strings.Count(source, "{")+strings.Count(source, "[") > maxDepth {
			return
		}
		if want != (err == nil) {
			t.Errorf("%q: error %v, while encoding/json takes it: %v", source, err, want)
		}
	})
}

func FuzzMembers(f *testing.F) {
	f.Add(`{"_index":"i","_source":{"a":"}"},"x":[1,{"y":","}]}`)
	f.Fuzz(func(t *testing.T, line string) {
		members, err := membersOf(line)
		var want map[string]json.RawMessage
		if !utf8.ValidString(line) || json.Unmarshal([]byte(line), &want) != nil || want == nil {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got := map[string]json.RawMessage{}
		for k, v := range members {
			got[k] = json.RawMessage(v)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	})
}

func FuzzDates(f *testing.F) {
	for _, s := range []string{"now-1d/d", "2024-02-01||+1M/M", "2024-02-01T10:00:00.123+01:00", "1706781600000.5", "2024"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at := clock{time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC), time.UTC}
		first, err := at.bound(text, false)
		last, err2 := at.bound(text, true)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%q: %v, but rounded up %v", text, err, err2)
		}
		if err == nil && first > last && !strings.ContainsAny(text, "/-+") {
			t.Errorf("%q: from %d to %d", text, first, last)
		}
	})
}

func FuzzLucene(f *testing.F) {
	for _, s := range []string{`foo AND NOT "b\"ar" -x +y*`, `(a || b*) && !c`, `a\ b\*?c`, `\`, `a:b`, `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		p := &luceneParser{rest: query}
		if _, err := p.parse(); err == nil && p.rest != "" {
			t.Errorf("%q is left of %q", p.rest, query)
		}
	})
}

func TestDates(t *testing.T) {
	t.Parallel()
	at := clock{time.Date(2024, 2, 15, 12, 30, 40, 5e8, time.UTC), time.UTC}
	berlin, err := zoneOf("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text        string
		first, last string
	}{
		{"2024", "2024-01-01T00:00:00Z", "2024-01-01T23:59:59.999Z"},
		{"2024-02", "2024-02-01T00:00:00Z", "2024-02-01T23:59:59.999Z"},
		{"2024-02-01T", "2024-02-01T00:00:00Z", "2024-02-01T23:59:59.999Z"},
		{"2024-02-01T10", "2024-02-01T10:00:00Z", "2024-02-01T10:59:59.999Z"},
		{"2024-02-01T10:00+01", "2024-02-01T09:00:00Z", "2024-02-01T09:00:59.999Z"},
		{"2024-02-01T10:00:01.5Z", "2024-02-01T10:00:01.5Z", "2024-02-01T10:00:01.5Z"},
		{"2024-02-01T10:00:00.123-01:00:30", "2024-02-01T11:00:30.123Z", "2024-02-01T11:00:30.123Z"},
		{"2024-02-01T10:00:00Europe/Paris", "2024-02-01T09:00:00Z", "2024-02-01T09:00:00.999Z"},
		{"now", "2024-02-15T12:30:40.5Z", "2024-02-15T12:30:40.5Z"},
		{"now/w", "2024-02-12T00:00:00Z", "2024-02-18T23:59:59.999Z"},
		{"now-1M/y", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59.999Z"},
		{"2024-01-31||+1M", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"2024-02-29||-1y", "2023-02-28T00:00:00Z", "2023-02-28T00:00:00Z"},
		{"2024-02-01||+1d-1h/H", "2024-02-01T23:00:00Z", "2024-02-01T23:59:59.999Z"},
		{"1706781600000", "2024-02-01T10:00:00Z", "2024-02-01T10:00:00Z"},
	} {
		for up, want := range map[bool]string{false: c.first, true: c.last} {
			ms, err := at.bound(c.text, up)
			if got := time.UnixMilli(ms).UTC().Format(time.RFC3339Nano); err != nil || got != want {
				t.Errorf("%s, up %v: %s, %v, want %s", c.text, up, got, err, want)
			}
		}
	}
	local := clock{at.now, berlin}
	if ms, err := local.bound("2024-07-01||/d", false); err != nil || time.UnixMilli(ms).UTC().Hour() != 22 {
		t.Errorf("in Berlin: %v, %v", time.UnixMilli(ms).UTC(), err)
	}
	for _, bad := range []string{"", "x", "24-01-01", "2024-2-1", "2024-02-30", "2024-02-01 10:00", "2024-02-01T24", "2024-02-01T10:60", "2024-02-01T1",
		"2024-02-01T10:00:00.", "2024-02-01T10:00:00.1234567890", "2024-02-01Z", "2024-02-01t10z", "12024-01-01", "2024-02-01T10:00+19:00", "now+", "now*2d", "now+9999999999999999999d", "1e3"} {
		if ms, err := at.bound(bad, false); err == nil {
			t.Errorf("%q is taken for %v", bad, time.UnixMilli(ms).UTC())
		}
	}
}

func TestWildcards(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"", "", false}, {"?", "é", true}, {"?", "", false}, {"a*b*c", "aXbYbZc", true}, {"a*b", "ab", true}, {"a*b", "abx", false},
		{`\*`, "*", true}, {`\*`, "x", false}, {`a\`, `a\`, true}, {`\\*`, `\x`, true}, {"*?", "", false}, {"**a", "ba", true}, {"*é?", "xéy", true},
	} {
		if got := newWildcard(c.pattern, false).match(c.text); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.text, got)
		}
	}
	if !newWildcard("AbÉ*", true).match("aBÉx") || newWildcard("É", true).match("é") {
		t.Error("case folds beyond ASCII, or not at all")
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	m := Mapping{Rules: []Rule{{"a.b", IP}, {"*.ip", IP}, {"f", Flattened}, {"n", Nested}, {"n.d", Date}, {"a.b", Text}}}
	const tail = `{"strings":{"mapping":{"ignore_above":1024,"type":"keyword"},"match_mapping_type":"string"}},` +
		`{"wholes":{"mapping":{"ignore_malformed":true,"type":"long"},"match_mapping_type":"long"}},` +
		`{"fractions":{"mapping":{"ignore_malformed":true,"type":"double"},"match_mapping_type":"double"}}]`
	want := `{"date_detection":false,"dynamic_templates":[{"*.ip":{"mapping":{"ignore_malformed":true,"type":"ip"},"match_mapping_type":"string","path_match":"*.ip"}},` +
		tail + `,"numeric_detection":false,"properties":{"a":{"properties":{"b":{"ignore_malformed":true,"type":"ip"}}},` +
		`"f":{"type":"flat_object"},"n":{"properties":{"d":{"ignore_malformed":true,"type":"date"}},"type":"nested"}}}`
	got, err := m.Template("opensearch")
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	if _, err := m.Template("solr"); err == nil {
		t.Error("an unknown family is taken")
	}
	if _, err := (Mapping{Rules: []Rule{{"a", Keyword}, {"a.b", Keyword}}}).Template("elasticsearch"); err == nil {
		t.Error("a field below a keyword is taken")
	}
}
