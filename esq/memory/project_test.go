package memory

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

var projected = []string{"a", "b.c", "b.d.e", "f.g"}

// checkProjection says what is wrong with the projection of a text: what it
// accepts must be JSON, for scan as well, and hold the wanted fields unchanged.
func checkProjection(t interface{ Fatalf(string, ...any) }, text string) (sure bool) {
	p := projector{wanted: wantedOf(projected)}
	reduced, sure := p.line([]byte(text))
	if !sure {
		return false
	}
	ix := newIndex("i", newNames(), ECS().types())
	if _, _, err := scan(text, ix); err != nil {
		t.Fatalf("scan refuses %q: %v", text, err)
	}
	if !json.Valid([]byte(text)) || !json.Valid(reduced) {
		t.Fatalf("%q was taken for JSON, and became %q", text, reduced)
	}
	whole, err := esq.DecodeSource([]byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	part, err := esq.DecodeSource(reduced)
	if err != nil {
		t.Fatalf("%q: %v", reduced, err)
	}
	for _, f := range projected {
		if diff := cmp.Diff(esq.Extract(whole, esq.Field{Path: f}), esq.Extract(part, esq.Field{Path: f}), cmp.AllowUnexported(esq.Value{})); diff != "" {
			t.Fatalf("%s of %q, which became %q (-whole +part):\n%s", f, text, reduced, diff)
		}
	}
	return true
}

func TestProjection(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                     `{}`,
		`{"x":1,"a":"v","y":[{"a":2}]}`:          `{"a":"v"}`,
		` { "b" : { "c" : 1 , "x" : 2 } } `:      `{"b":{"c":1}}`,
		`{"b.c":1,"b":{"x":{"y":"}"}}}`:          `{"b.c":1,"b":{}}`,
		`{"b.d":{"e":[1,"2"],"x":0}}`:            `{"b.d":{"e":[1,"2"]}}`,
		`{"b":[{"c":1},{"x":2},7,[{"c":null}]]}`: `{"b":[{"c":1},{},7,[{"c":null}]]}`,
		`{"a":{"x":{"y":"\u00e4\n"}},"f":"s"}`:   `{"a":{"x":{"y":"\u00e4\n"}},"f":"s"}`,
	} {
		p := projector{wanted: wantedOf(projected)}
		got, ok := p.line([]byte(text))
		if string(got) != want || !ok {
			t.Errorf("%s: got %s, %v, want %s", text, got, ok, want)
		}
		checkProjection(t, text)
	}
	for _, text := range []string{
		``, `{`, `[]`, `{"a":1}}`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":1e}`, `{"a":tru}`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":"\u00g0"}`,
		`{"x":"` + "\xff" + `"}`, `{"x":{"a":[1,]}}`, `{"x":{,}}`, `{"x" 1}`, `{"x":}`, `{"x":nul`, `{"\u0061":1}`, `{"x":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`,
	} {
		p := projector{wanted: wantedOf(projected)}
		if got, ok := p.line([]byte(text)); ok {
			t.Errorf("%q was taken for sure: %s", text, got)
		}
	}
}

func FuzzProjection(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"b":{"c":"x","d":{"e":[1,2.5e-3,null,true]}}}`, `{"b.d":{"e":"\ud83d\ude00ä"},"f":{"x":"\\","g":-0}}`, ` {"f.g" : [ { } , "long enough for a word at once" ] } `,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkProjection(t, text) })
}

func TestProjectionOfDrawnTexts(t *testing.T) {
	sure := 0
	rapid.Check(t, func(r *rapid.T) {
		text := drawJSON(r, 3, true)
		if rapid.IntRange(0, 3).Draw(r, "break") == 0 && len(text) > 0 {
			at := rapid.IntRange(0, len(text)-1).Draw(r, "at")
			text = text[:at] + rapid.SampledFrom([]string{"", `"`, "{", "}", ",", "\\", "\x00", "\xc3", "1"}).Draw(r, "with") + text[at+1:]
		}
		if checkProjection(r, text) {
			sure++
		}
	})
	if sure == 0 {
		t.Error("no text was sure")
	}
}

// drawJSON draws a JSON value, or at the top an object.
func drawJSON(t *rapid.T, depth int, top bool) string {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	switch {
	case top || kind < 3 && depth > 0:
		var members []string
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "b.c", "b.d", "d.e", "b.d.e", "x", "long name of a member", "ä", "f.", ""}).Draw(t, "key")
			members = append(members, `"`+key+`":`+drawJSON(t, depth-1, false))
		}
		return "{" + strings.Join(members, rapid.SampledFrom([]string{",", " , "}).Draw(t, "comma")) + "}"
	case kind < 5 && depth > 0:
		var elements []string
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			elements = append(elements, drawJSON(t, depth-1, false))
		}
		return "[" + strings.Join(elements, ",") + "]"
	}
	return rapid.SampledFrom([]string{`1`, `-2.50`, `1e9`, `true`, `false`, `null`, `""`, `"text"`, `"a \"quoted\" one \\ and \u00e4"`, `"sixteen bytes and more ä of it"`}).Draw(t, "scalar")
}

func wantedOf(fields []string) *want {
	w := &want{}
	for _, f := range fields {
		w.add(f)
	}
	return w
}
