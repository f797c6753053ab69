package memory

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

// lined are fields of all kinds, as an engine is told of them.
var lined = []string{"a", "b.c", "b.d.e", "f.g", "flat.x.y", "flat.z", "nested.n"}

// linedEngine has an index i that knows the fields.
func linedEngine(t interface{ Fatal(...any) }) *Engine {
	e := New(Options{
		Mapping: ECS().With(Rule{Field: "flat", Type: Flattened}, Rule{Field: "nested", Type: Nested}),
		Now:     func() time.Time { return time.UnixMilli(math.MaxInt32) },
	})
	if !e.Narrow([]Need{{Indices: []string{"i"}, Filter: esq.MatchAll{}, Query: esq.MatchAll{}, Fields: lined}}) {
		t.Fatal("not narrowed")
	}
	first := `{"_index":"i","_id":"0","_source":{"a":"","b":{"c":"","d":{"e":""}},"f":{"g":""},"flat":{"z":""}}}`
	if _, err := e.Load(strings.NewReader(first), "first"); err != nil {
		t.Fatal(err)
	}
	return e
}

// checkLine says what is wrong with what is read of a source in one pass: where
// it is sure, the source is JSON, and the wanted fields have the values that they
// have in it, before and after the document is kept.
func checkLine(t interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}, e *Engine, r *lineReader, source string) (sure bool) {
	t.Helper()
	line := `{"_index":"i","_id":"1","_source":` + source + `}`
	var c chunk
	e.narrow.prepare(e.indices["i"]) // which learns of what is scanned below
	v := r.read(e, []byte(line), &c)
	// The same source after an action.
	w := r.source(e, action{index: []byte("i"), id: []byte("1")}, bytes.TrimSpace([]byte(source)), &c)
	if v.index != w.index || v.key != w.key || v.time != w.time {
		t.Fatalf("%q in a hit: %v; after an action: %v", source, v, w)
	}
	if v.index == nil {
		return false
	}
	if !json.Valid([]byte(line)) || v.doc == nil || w.doc == nil {
		t.Fatalf("%q was taken for JSON, or is not kept", line)
	}
	if _, _, err := scan(source, v.index); err != nil {
		t.Fatalf("scan refuses %q: %v", source, err)
	}
	whole, err := esq.DecodeSource([]byte(source))
	if err != nil {
		t.Fatalf("%q: %v", source, err)
	}
	kept, after := e.narrow.keep(v.doc), e.narrow.keep(w.doc)
	rebuilt, err := esq.DecodeSource(kept.json())
	if err != nil {
		t.Fatalf("%q became %q: %v", source, kept.json(), err)
	}
	if diff := cmp.Diff(string(kept.json()), string(after.json())); diff != "" {
		t.Fatalf("%q (-in a hit, +after an action):\n%s", source, diff)
	}
	for _, path := range lined {
		f := esq.Field{Path: path}
		want := esq.Extract(whole, f)
		plain := e.names.plain([]esq.Field{f})
		for from, got := range map[string][]esq.Value{"line": plain.of(v.doc)[0], "kept": keptValues(t, kept, f, plain), "rebuilt": esq.Extract(rebuilt, f)} {
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(esq.Value{})); diff != "" {
				t.Fatalf("%s of %q (-whole, +%s):\n%s", path, source, from, diff)
			}
		}
	}
	return true
}

func keptValues(t interface{ Fatal(...any) }, d *document, f esq.Field, plain plainFields) []esq.Value {
	values, err := d.values([]esq.Field{f}, plain)
	if err != nil {
		t.Fatal(err)
	}
	return values[0]
}

func TestLines(t *testing.T) {
	e := linedEngine(t)
	r := newLineReader(e.narrow)
	for range 2 { // what was learned the first time must not matter
		for source, want := range map[string]bool{
			`{}`:                            true,
			`{"x":1,"a":"v","y":[{"a":2}]}`: true,
			`{"a":["v",null,2.50,true],"b":{"c":1e999}}`: true,
			` { "b" : { "c" : 1 , "x" : 2 } } `:          true,
			`{ "b" : { "c" : 1 , "x" : 2 } }`:            true,
			`{"flat":{"x":{"y":"v","o":7},"z":[1,""]}}`:  true,
			`{"flat":{"x":"v"}}`:                         true,
			`{"flat":"v"}`:                               false,
			`{"nested":{"n":1}}`:                         false,
			`{"nested":[]}`:                              false,
			`{"a":"1","a":"2"}`:                          false,
			`{"b":{"c":1},"b":{"d":{"e":2}}}`:            false,
			`{"x":"1","x":"2"}`:                          true,
			`{"b.c":1}`:                                  false,
			`{"b.x":1}`:                                  false,
			`{"x.c":1}`:                                  true,
			`{"b":[{"c":1}]}`:                            false,
			`{"b":7}`:                                    false,
			`{"a":{"x":7}}`:                              false,
			`{"a":[[1]]}`:                                false,
			`{"a":"\u00e4\n","x":"\\"}`:                  true,
			`{"x":12}`:                                   true,
			`{"x":123}`:                                  true,
			`{"x":[1,2]}`:                                true,
			`{"x":[1,2],"y":{"z":"z"}}`:                  true,
			`{"x":[1,2]]}`:                               false,
			`{"x":"v"w}`:                                 false,
			`{"a":01}`:                                   false,
			`{"a":"` + "\xff" + `"}`:                     false,
			`{"\u0061":1}`:                               false,
			`{"a":1,}`:                                   false,
			`{"a":"` + strings.Repeat("long", 2000) + `"}`: true,
			`{`: false,
		} {
			if got := checkLine(t, e, r, source); got != want {
				t.Errorf("%s: sure %v, want %v", source, got, want)
			}
		}
	}
}

// What comes before a line must not matter.
func TestDrawnLines(t *testing.T) {
	sure := 0
	rapid.Check(t, func(t *rapid.T) {
		e := linedEngine(t)
		r := newLineReader(e.narrow)
		for range rapid.IntRange(1, 5).Draw(t, "lines") {
			source := drawJSON(t, 3, true)
			if rapid.IntRange(0, 3).Draw(t, "break") == 0 && len(source) > 0 {
				at := rapid.IntRange(0, len(source)-1).Draw(t, "at")
				source = source[:at] + rapid.SampledFrom([]string{"", `"`, "{", "}", ",", "\\", "\x00", "\xc3", "1"}).Draw(t, "with") + source[at+1:]
			}
			if checkLine(t, e, r, source) {
				sure++
			}
		}
	})
	if sure == 0 {
		t.Error("no line was sure")
	}
}

func FuzzLines(f *testing.F) {
	f.Add(`{"a":1,"b":{"c":"x","d":{"e":[1,2.5e-3,null,true]}}}`, `{"a":1,"x":"\ud83d\ude00ä"}`)
	f.Add(`{"flat":{"x":{"y":1}},"x":[{}]}`, `{"flat":{"x":{"y":1}},"x":[{},2]}`)
	f.Fuzz(func(t *testing.T, first, second string) {
		if bytes.ContainsAny([]byte(first+second), "\n\r") {
			return
		}
		e := linedEngine(t)
		r := newLineReader(e.narrow)
		checkLine(t, e, r, first)
		checkLine(t, e, r, second)
	})
}
