package sequence

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// TestTextsFold compares folding by eight bytes with folding one by one.
func TestTextsFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[@A-Z\[\x60a-z{\xff]{0,40}`)).Draw(t, "text")
		folded := string(appendFolded(nil, text))
		if want := eql.Fold(text); folded != want {
			t.Errorf("folded to %q, want %q", folded, want)
		}
		if got, want := hasUpper(text), strings.ContainsAny(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"); got != want {
			t.Errorf("upper case letters: %v, want %v", got, want)
		}
	})
}

// TestColumnsAreNumberedAlike compares the numbers of a column, which are given
// in blocks, with those of its values: rows with one text, with none and with
// several lie side by side.
func TestColumnsAreNumberedAlike(t *testing.T) {
	value := rapid.OneOf(
		rapid.Map(rapid.StringMatching(`[aAbB]{1,12}`), esq.Str),
		rapid.Map(rapid.Int64Range(0, 3), esq.Integer),
		rapid.Just(esq.Value{}))
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.SliceOfN(rapid.SliceOfN(value, 0, rapid.SampledFrom([]int{1, 2}).Draw(t, "most")), 0, 3*blockSize).Draw(t, "columns")
		fold := rapid.Bool().Draw(t, "fold")
		rows := make([]Row, len(columns))
		for i := range rows {
			rows[i] = Row{First: int64(i), Last: int64(i), Values: [][]eql.Value{columns[i]}}
		}
		one, err := newTable(rows, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		q := &problem{tables: []*table{one}, ids: newInterner(), columns: map[columnKeys]joinKeys{}}
		keys := q.keysOfColumn(slot{0, 0}, fold)
		for i := range rows {
			want := ascending(q.numbers(columns[i], fold, nil))
			got := keys.of(int32(i))
			if !slices.Equal(got, want) {
				t.Fatalf("row %d: numbers %v, want %v", i, got, want)
			}
		}
	})
}
