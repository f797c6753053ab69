package esq_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/esq"
)

// plainSource is what encoding/json makes of a source.
func plainSource(raw []byte) (source map[string]any, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return source, dec.Decode(&source)
}

var sources = []string{
	`{}`, ` { "a" : [ 1 , -2.5e+3, 0, 0.0, true, false, null, "x", [], {} ] } rest`, `{"a":{"b":"c\\d\"\/\n\t\r\b\f"},"a":1}`, `null`, `[]`, `"x"`, ``,
	`{"a":"\u00e9\ud83d\ude00\ud800"}`, "{\"a\":\"\xff\"}", `{"ä":"日本"}`, "{\"a\":\"\x01\"}", `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":1e}`, `{"a":+1}`, `{"a":.5}`,
	`{"a":1,}`, `{"a" 1}`, `{"a":tru}`, `{"a":"x`, `{"a":"x\`, `{"a":"\x"}`, `{a:1}`, `{"a":123456789012345678901234567890}`, `{"a":1 "b":2}`, `{"a":[1,]}`, `{"a":[1 2]}`,
	`{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, `{"a.b":1,"a":{"b":2}}`, `{"":""}`, `{"a":nulll}`, `{"a":0x1}`, `{"a":-0}`,
}

func FuzzDecodeSource(f *testing.F) {
	for _, s := range sources {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, wantErr := plainSource(raw)
		got, err := esq.DecodeSource(raw)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, encoding/json says %v", raw, err, wantErr)
		}
		// go-cmp takes for ever where lists are nested deeply.
		if err == nil && !reflect.DeepEqual(want, got) {
			t.Errorf("%q: %v, encoding/json says %v", raw, got, want)
		}
	})
}

// Reading a page takes so many allocations a hit, and no more for more hits.
func TestAllocationsOfAPage(t *testing.T) {
	body, s := fullPage(200)
	f := &fake{}
	c := f.open(t)
	allocations := testing.AllocsPerRun(5, func() {
		f.script, f.asked = []reply{{body: body}}, nil
		if _, err := c.Search(t.Context(), s, func(esq.Hit) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
	if perHit := allocations / 200; perHit > allocationsOfAHit {
		t.Errorf("%.1f allocations for each hit, %d at most", perHit, allocationsOfAHit)
	}
}
