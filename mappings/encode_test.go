package mappings_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// anything draws what documents are made of, and what they are not.
func anything(depth int) *rapid.Generator[any] {
	texts := rapid.OneOf(rapid.StringMatching(`[ -~]{0,8}`), rapid.String(), rapid.SampledFrom([]string{
		`C:\Users\x`, `say "x"`, "<&>", "\u2028", "\u2029", "\x7f", "\x00", "\n", "a\xffb", "\xed\xa0\x80", "ä", "😀",
	}))
	text := rapid.Map(texts, func(s string) any { return s })
	scalar := rapid.OneOf(text, text,
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Int(), func(n int) any { return n }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Float64(), func(f float64) any { return f }),
		rapid.Map(texts, func(s string) any { return esq.Str(s) }),
		rapid.Map(rapid.MapOf(texts, rapid.SliceOf(rapid.Map(texts, esq.Str))), func(m map[string][]esq.Value) any { return m }),
		rapid.SampledFrom([]any{esq.Value{}, esq.Integer(1), esq.Num(0.5), esq.Boolean(true)}),
		rapid.SampledFrom([]any{nil, json.Number("0"), json.Number("-0"), json.Number("12"), json.Number("+1"), json.Number("01"), json.Number("1e3"),
			json.Number(""), json.Number("-7"), json.Number("99999999999999999999"), json.Number("x"), json.Number("1.50"), uint8(3),
			time.Unix(0, 0).UTC(), map[string]any(nil), []any(nil), []string(nil), []map[string]any(nil), []string{}, map[string]string{"b": "<", "a": "1"}}),
		rapid.Map(rapid.SliceOf(texts), func(s []string) any { return s }),
	)
	if depth == 0 {
		return scalar
	}
	object := rapid.MapOf(texts, anything(depth-1))
	return rapid.OneOf(scalar,
		rapid.Map(object, func(o map[string]any) any { return o }),
		rapid.Map(rapid.SliceOf(anything(depth-1)), func(l []any) any { return l }),
		rapid.Map(rapid.SliceOfN(object, 0, 3), func(l []map[string]any) any { return l }),
	)
}

// TestEncode holds what is written by hand to what encoding/json writes.
func TestEncode(t *testing.T) {
	t.Parallel()
	values := anything(3)
	rapid.Check(t, func(t *rapid.T) {
		v := values.Draw(t, "value")
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		failed := enc.Encode(v)
		got, err := mappings.Encode(v)
		switch {
		case (failed != nil) != (err != nil):
			t.Fatalf("%#v: %v, want %v", v, err, failed)
		case err == nil && string(got)+"\n" != want.String():
			t.Fatalf("%#v: %s, want %s", v, got, want.String())
		}
	})
}
