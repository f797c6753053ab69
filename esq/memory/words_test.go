package memory

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/test/engines"
)

// wordSamples are texts where words may end at unexpected places.
func wordSamples() []string {
	samples := []string{
		"", "!!!", "Foo-Bar baz", "a:b x.y 1.5 1,5 1.2.3 3:4 x;y 1;2 1.a a.1 x1.5y U.S.A.", "foo_bar __ _a a_ 1_000 _", "it's don’t 'quoted'",
		"café naïve Straße İ ẞ ﬁ é\u0301 \u0301", "日本語 ひらがな カタカナ ｶﾀｶﾅ 한국어 ภาษาไทย", "😀 a😀b ☃ ★ ™ © ⓐ Ⅷ ½ ² №",
		`C:\Users\bob\a b.txt https://example.com/x?y=1&z=2 alice@example.com`, "a\u200bb a\u00adb a\u2028b", strings.Repeat("x", 600),
		strings.Repeat("é", 256), "\u05d0\u05f4\u05d1 \u05d0'\u05d1", "١٢٣ १२३", "a·b a‧b", "#tag $5 @x",
	}
	r := rand.New(rand.NewPCG(1, 2))
	parts := strings.Split("a B é 1 2 _ . , : ; ' - ’ 日 ひ カ 한 ก ँ \u0301 😀 ☃ · / \\ @ \" ( ½ ª", " ")
	parts = append(parts, " ")
	for range 150 {
		var b strings.Builder
		for range 12 {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		samples = append(samples, b.String())
	}
	return samples
}

// TestWordsAreThoseOfTheStandardAnalyzer asks the engines how they analyse.
func TestWordsAreThoseOfTheStandardAnalyzer(t *testing.T) {
	t.Parallel()
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		samples := wordSamples()
		body, err := json.Marshal(map[string]any{"analyzer": "standard", "text": samples})
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Tokens []struct{ Token string }
		}
		if err := json.Unmarshal(e.Must(t, "POST", "/_analyze", string(body)), &answer); err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, token := range answer.Tokens {
			want = append(want, token.Token)
		}
		for _, s := range samples {
			got = append(got, words(s)...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-%s +embedded)\n%s", e.Name, diff)
		}
	})
}
