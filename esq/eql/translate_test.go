package eql

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/esq"
)

// columnsOf is a Source by name.
type columnsOf map[string]Mapping

func (s columnsOf) Column(name string) Mapping { return s[name] }

func field(name, typ string) Mapping { return Mapping{Fields: []Field{{Name: name, Type: typ}}} }

// someSource has a column for every way of mapping there is.
func someSource() columnsOf {
	return columnsOf{
		"kw":    field("f.kw", "keyword"),
		"kw2":   field("f.kw2", "keyword"),
		"wild":  field("f.wild", "wildcard"),
		"const": field("f.const", "constant_keyword"),
		"flat":  field("f.flat.leaf", "flattened"),
		"fobj":  field("f.fobj.leaf", "flat_object"),
		"un":    field("f.un", ""),
		"text":  field("f.text", "match_only_text"),
		"long":  field("f.long", "long"),
		"byte":  field("f.byte", "byte"),
		"dbl":   field("f.dbl", "double"),
		"scale": field("f.scale", "scaled_float"),
		"date":  field("f.date", "date"),
		"ip":    field("f.ip", "ip"),
		"bool":  field("f.bool", "boolean"),
		"geo":   field("f.geo", "geo_point"),
		"two":   {Fields: []Field{{Name: "f.first", Type: "keyword"}, {Name: "f.second", Type: "flattened"}}},
		"calc":  {Fields: []Field{{Name: "f.calc", Type: "keyword"}}, Inexact: true},
		"one":   {Fields: []Field{{Name: "f.one", Type: "keyword"}}, Single: true},
		"word":  {Fields: []Field{{Name: "f.word", Type: "keyword"}}, Words: someWords},
		"gone":  {Dropped: true},
	}
}

// someWords is a view's map {filed = "FileD", old = "FileD"}, other words unchanged.
func someWords(v Value, fold bool) ([]Value, bool) {
	s, ok := v.Str()
	if !ok {
		return nil, false
	}
	var words []Value
	if equalText(s, "FileD", fold) {
		words = vals("filed", "old")
	}
	if s != "filed" && s != "old" { // those are translated, so no row has them
		words = append(words, v)
	}
	return words, true
}

// madeSource has columns that are not their fields' values alone besides.
func madeSource() columnsOf {
	src := someSource()
	src["spelt"] = Mapping{Fields: []Field{{Name: "f.spelt", Type: "keyword"}}, Inexact: true, Words: someWords}
	src["fill"] = Mapping{Fields: []Field{{Name: "f.fill", Type: "keyword"}}, Filled: someFillings}
	src["given"] = Mapping{Dropped: true, Filled: someFillings}
	return src
}

// someFillings gives "x" by another column, and cannot say what gives "?".
func someFillings(values []Value) ([]Filling, bool) {
	by := Filling{Mapping: field("f.other", "keyword")}
	for _, v := range values {
		switch v {
		case esq.Str("x"):
			by.Values = append(by.Values, esq.Str("by x"))
		case esq.Str("?"):
			return nil, false
		}
	}
	return []Filling{by}, true
}

func someSets(r Ref) *Set {
	switch r.Name {
	case "st.few":
		return NewSet(vals("a.txt", "B.txt", "5"))
	case "st.none":
		return NewSet(nil)
	case "st.many":
		var many []Value
		for i := range maxTerms + 1 {
			many = append(many, esq.Str(fmt.Sprint("v", i)))
		}
		return NewSet(many)
	}
	return nil
}

func TestTranslate(t *testing.T) {
	const (
		all  = `{"match_all":{}}`
		none = `{"match_none":{}}`
	)
	term := func(field, value string) string {
		return `{"term":{"` + field + `":{"value":` + value + `}}}`
	}
	foldTerm := func(field, value string) string {
		return `{"term":{"` + field + `":{"value":` + value + `,"case_insensitive":true}}}`
	}
	or := func(qs ...string) string {
		return `{"bool":{"should":[` + strings.Join(qs, ",") + `],"minimum_should_match":1}}`
	}
	and := func(qs ...string) string { return `{"bool":{"filter":[` + strings.Join(qs, ",") + `]}}` }
	not := func(q string) string { return `{"bool":{"must_not":[` + q + `]}}` }
	exists := func(field string) string { return `{"exists":{"field":"` + field + `"}}` }
	ignored := func(field string) string { return term("_ignored", `"`+field+`"`) }
	present := func(field string) string { return or(exists(field), ignored(field)) }

	tests := []struct {
		text  string
		want  string
		exact bool
	}{
		{`true`, all, true},
		{`1 == 2`, none, true},
		{`kw == "a"`, term("f.kw", `"a"`), true},
		{`"a" == kw`, term("f.kw", `"a"`), true},
		{`kw != "a"`, not(term("f.kw", `"a"`)), true},
		{`not not kw == "a"`, `{"bool":{"must_not":[` + not(term("f.kw", `"a"`)) + `]}}`, true},
		{`kw : "a"`, foldTerm("f.kw", `"a"`), true},
		{`kw : "1-2"`, term("f.kw", `"1-2"`), true},
		{`kw == "5"`, term("f.kw", `"5"`), false}, // the document may have the number 5, which is not "5"
		{`kw != "5"`, all, false},
		{`kw == 5`, present("f.kw"), false},
		{`kw == true`, term("f.kw", `"true"`), false},
		{`kw == "` + strings.Repeat("x", 257) + `"`, or(term("f.kw", `"`+strings.Repeat("x", 257)+`"`), ignored("f.kw")), false},
		{`kw in ("a", "b", "a")`, `{"terms":{"f.kw":["a","b"]}}`, true},
		{`kw not in ("a", "b")`, not(`{"terms":{"f.kw":["a","b"]}}`), true},
		{`kw not in ("a", "5")`, not(term("f.kw", `"a"`)), false},
		{`kw in~ ("a", "A", "1/2")`, or(foldTerm("f.kw", `"a"`), term("f.kw", `"1/2"`)), true},
		{`kw in ("a", kw2)`, or(and(present("f.kw"), present("f.kw2")), term("f.kw", `"a"`)), false},
		{`kw in~ all(st.few)`, or(foldTerm("f.kw", `"B.txt"`), foldTerm("f.kw", `"a.txt"`), term("f.kw", `"5"`)), false},
		{`kw in all(st.none)`, none, true},
		{`kw not in all(st.none)`, all, true},
		{`kw in all(st.many)`, present("f.kw"), false},
		{`kw in all(st.unknown)`, present("f.kw"), false},
		{`kw not in all(st.unknown)`, all, false},
		// texts of which an inexact column may be computed
		{`spelt == "FileD"`, or(foldTerm("f.spelt", `"filed"`), foldTerm("f.spelt", `"old"`)), false},
		{`spelt != "FileD"`, all, false},
		{`spelt == "filed"`, none, true},
		{`spelt == 5`, present("f.spelt"), false},
		{`startsWith(spelt, "F")`, present("f.spelt"), false},
		// columns that are filled by others
		{`fill == "x"`, or(term("f.fill", `"x"`), foldTerm("f.other", `"by x"`)), false},
		{`fill != "x"`, not(term("f.fill", `"x"`)), false},
		{`fill == "y"`, term("f.fill", `"y"`), false},
		{`fill == "?"`, all, false},
		{`fill == null`, not(exists("f.fill")), false},
		{`fill != null`, all, false},
		{`startsWith(fill, "x")`, all, false},
		{`fill < "x"`, all, false},
		{`given : "x"`, foldTerm("f.other", `"by x"`), false},
		{`not given == "x"`, all, false},
		{`given == "y"`, none, true},
		{`given == null`, all, false},
		{`given != null`, all, false},
		// presence
		{`kw != null`, present("f.kw"), false},
		{`kw == null`, not(exists("f.kw")), false},
		{`text != null`, exists("f.text"), true},
		{`flat == null`, all, false},
		{`const == null`, all, false},
		{`fobj != null`, all, false},
		{`geo != null`, all, false},
		{`length(kw) != null`, present("f.kw"), false},
		// patterns
		{`kw : "a*"`, or(`{"wildcard":{"f.kw":{"value":"a*","case_insensitive":true}}}`, ignored("f.kw")), false},
		{`kw like """c:\*"""`, or(`{"wildcard":{"f.kw":{"value":"c:\\\\*"}}}`, ignored("f.kw")), false},
		{`not kw : "g*"`, not(`{"wildcard":{"f.kw":{"value":"g*","case_insensitive":true}}}`), false},
		{`not kw : "1*"`, all, false},
		{`const : "g*"`, `{"wildcard":{"f.const":{"value":"g*","case_insensitive":true}}}`, false},
		{`kw : "*"`, present("f.kw"), false},
		{`flat : "a*"`, exists("f.flat.leaf"), false},
		{`fobj : "a*"`, all, false},
		{`text : "a*"`, exists("f.text"), false},
		{`un : "a*"`, present("f.un"), false},
		{`kw : ("x", "y*")`, or(or(`{"wildcard":{"f.kw":{"value":"y*","case_insensitive":true}}}`, ignored("f.kw")), foldTerm("f.kw", `"x"`)), false},
		{`kw regex "x.*"`, present("f.kw"), false},
		{`startsWith(kw, "x")`, or(`{"prefix":{"f.kw":{"value":"x"}}}`, ignored("f.kw")), false},
		{`startsWith~(flat, "x")`, `{"prefix":{"f.flat.leaf":{"value":"x","case_insensitive":true}}}`, true},
		{`startsWith(flat, "4")`, `{"prefix":{"f.flat.leaf":{"value":"4"}}}`, false},
		{`startsWith("x", kw)`, present("f.kw"), false},
		{`startsWith(kw, kw2)`, and(present("f.kw"), present("f.kw2")), false},
		{`startsWith(kw, null)`, none, true},
		{`startsWith(kw, "")`, present("f.kw"), false},
		{`endsWith(kw, "*.x")`, or(`{"wildcard":{"f.kw":{"value":"*\\*.x"}}}`, ignored("f.kw")), false},
		{`stringContains~(wild, "a?b")`, or(`{"wildcard":{"f.wild":{"value":"*a\\?b*","case_insensitive":true}}}`, ignored("f.wild")), false},
		{`stringContains(text, "a")`, exists("f.text"), false},
		{`cidrMatch(ip, "10.0.0.0/8", "::1/128")`, `{"terms":{"f.ip":["10.0.0.0/8","::1/128"]}}`, true},
		{`not cidrMatch(ip, "10.0.0.0/8")`, not(term("f.ip", `"10.0.0.0/8"`)), true},
		{`cidrMatch(kw, "10.0.0.0/8")`, present("f.kw"), false},
		// other types
		{`text == "a"`, exists("f.text"), false},
		{`un == "a"`, term("f.un", `"a"`), true},
		{`geo == "a"`, all, false},
		{`long == 5`, term("f.long", `5`), false},
		{`long != 5`, all, false},
		{`long == "5"`, or(term("f.long", `5`), ignored("f.long")), false},
		{`long == "x"`, ignored("f.long"), false},
		{`long == 5.7`, or(term("f.long", `5`), ignored("f.long")), false},
		{`long in (1, 2)`, `{"terms":{"f.long":[1,2]}}`, false},
		{`byte == 300`, ignored("f.byte"), false},
		{`long > 5`, or(`{"range":{"f.long":{"gte":5}}}`, ignored("f.long")), false},
		{`5 > long`, or(`{"range":{"f.long":{"lte":5}}}`, ignored("f.long")), false},
		{`byte < 300`, present("f.byte"), false},
		{`long > "5"`, present("f.long"), false},
		{`dbl <= 2.5`, or(`{"range":{"f.dbl":{"lte":2.5}}}`, ignored("f.dbl")), false},
		{`scale > 2.5`, present("f.scale"), false},
		{`long > dbl`, and(present("f.long"), present("f.dbl")), false},
		{`long + 1 > 2`, present("f.long"), false},
		{`kw > "a"`, present("f.kw"), false},
		{`date >= "2026-11-22"`, or(`{"range":{"f.date":{"gte":"2026-11-22T00:00:00.000Z"}}}`, ignored("f.date")), false},
		{`date < "2026-11-22T10:00:00.5Z"`, or(`{"range":{"f.date":{"lte":"2026-11-22T10:00:01.000Z"}}}`, ignored("f.date")), false},
		{`date < "now-1d"`, present("f.date"), false},
		{`date == "2026-11-22T10:00:00Z"`, term("f.date", `"2026-11-22T10:00:00Z"`), false},
		{`date == "yesterday"`, present("f.date"), false},
		{`ip == "10.0.0.1"`, term("f.ip", `"10.0.0.1"`), false},
		{`ip == "x"`, present("f.ip"), false},
		{`ip > "10.0.0.1"`, present("f.ip"), false},
		{`bool`, term("f.bool", `true`), false},
		{`bool == "x"`, present("f.bool"), false},
		// mappings
		{`gone == "a"`, none, true},
		{`gone != "a"`, all, true},
		{`gone == null`, all, true},
		{`gone : "*" or kw == "a"`, term("f.kw", `"a"`), true},
		{`concat(gone, kw) == "a"`, none, true},
		{`not startsWith(gone, "a")`, all, true},
		{`kw in ("a", gone)`, term("f.kw", `"a"`), true},
		{`calc == "a"`, present("f.calc"), false},
		{`calc != "a"`, all, false},
		{`calc == null`, all, false},
		{`one == "a"`, term("f.one", `"a"`), false},
		{`one != "a"`, all, false}, // the first may be another
		{`not startsWith(one, "a")`, all, false},
		{`startsWith(one, "a")`, or(`{"prefix":{"f.one":{"value":"a"}}}`, ignored("f.one")), false},
		{`unmapped == "a"`, all, false},
		{`unmapped == null`, all, false},
		{`matched(st.x) == kw`, present("f.kw"), false},
		{`two == "a"`, or(term("f.first", `"a"`), term("f.second.leaf", `"a"`)), false},
		{`word == "FileD"`, `{"terms":{"f.word":["filed","old","FileD"]}}`, true},
		{`word == "filed"`, none, true},
		{`word : "filed"`, or(foldTerm("f.word", `"filed"`), foldTerm("f.word", `"old"`)), false},
		{`word != "FileD"`, not(`{"terms":{"f.word":["filed","old","FileD"]}}`), true},
		{`word == 5`, present("f.word"), false},
		{`word : "f*"`, present("f.word"), false},
		{`word != null`, present("f.word"), false},
		// logic
		{`kw == "a" and kw2 == "b" and (long > 5 or true)`, and(term("f.kw", `"a"`), term("f.kw2", `"b"`)), true},
		{`not (kw == "a" or length(kw2) > 3)`, not(term("f.kw", `"a"`)), false},
		{`kw == "a" or length(kw2) > 3`, or(term("f.kw", `"a"`), present("f.kw2")), false},
	}
	source := madeSource()
	source["two"] = Mapping{Fields: []Field{{Name: "f.first", Type: "keyword"}, {Name: "f.second.leaf", Type: "flattened"}}}
	for _, tt := range tests {
		e, err := ParseExpr(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		q, exact := Translate(e, source, someSets)
		got, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != tt.want || exact != tt.exact {
			t.Errorf("%s\n got %s, exact %v\nwant %s, exact %v", tt.text, got, exact, tt.want, tt.exact)
		}
	}
}
