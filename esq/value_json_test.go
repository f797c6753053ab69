package esq

import (
	"testing"

	"pgregory.net/rapid"
)

// TestTextIsWrittenAsJSONWritesIt compares what is appended with encoding/json.
func TestTextIsWrittenAsJSONWritesIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("a\"\\/<>&\n\t\x00\x7fä\u2028𐀀")))).Draw(t, "text")
		text += rapid.SampledFrom([]string{"", "\xff", "\xe2\x80"}).Draw(t, "broken")
		want, err := marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendText(nil, text)); got != string(want) {
			t.Errorf("%q is written as %s, want %s", text, got, want)
		}
	})
}
