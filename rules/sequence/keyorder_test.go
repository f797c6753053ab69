package sequence

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// TestSortByKey compares the order by eight bytes with that of the keys themselves.
func TestSortByKey(t *testing.T) {
	text := rapid.Map(rapid.StringMatching(`(user@)?(x{0,10})[ab\x00\xff]{0,3}`), esq.Str)
	value := rapid.OneOf(text, text, text, rapid.Map(rapid.Int64Range(-2, 2), esq.Integer), rapid.Just(esq.Value{}))
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.SampledFrom([]*rapid.Generator[eql.Value]{text, value}).Draw(t, "first")
		n := rapid.IntRange(1, 2).Draw(t, "length")
		keys := rapid.SliceOfN(rapid.SliceOfN(first, n, n), 0, 40).Draw(t, "keys")
		got, want := slices.Clone(keys), slices.Clone(keys)
		sortByKey(got, func(key *[]eql.Value) []eql.Value { return *key })
		slices.SortFunc(want, func(a, b []eql.Value) int { return slices.CompareFunc(a, b, esq.Compare) })
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("sorted to\n%q, want\n%q", got, want)
		}
	})
}

// TestTextsOfNumbers asks for the texts of numbers that were given to texts, numbers
// and pairs in any order.
func TestTextsOfNumbers(t *testing.T) {
	n := newInterner()
	want := map[int32]string{0: ""}
	for i := range 300 {
		text := fmt.Sprint("text", i)
		want[n.value(esq.Str(text), false)] = text
		if i > 100 {
			want[n.pair(int32(i), 1)] = ""
			want[n.value(esq.Integer(int64(i)), false)] = ""
		}
	}
	for number, text := range want {
		if got, ok := n.textOf(number); got != text || ok != (text != "") {
			t.Errorf("%d: %q, %v, want %q", number, got, ok, text)
		}
	}
}
