package parity

import (
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestKustoParity holds the port of Sentinel's rule to the rule: the rows that
// Kusto would return over each day are the details of the alerts, every column.
func TestKustoParity(t *testing.T) {
	t.Parallel()
	rule := shipped(t, "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84")
	from := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	checkRounds(t, kustoRounds, func(t *rapid.T) bool {
		days := rapid.SampledFrom([]int{1, 2}).Draw(t, "days")
		c := drawKusto(t, from.UnixMilli(), days)
		want := map[string]bool{}
		for i := range days {
			begin := from.AddDate(0, 0, i).UnixMilli()
			maps.Copy(want, c.tables.kusto(begin, begin+day))
		}
		var got []string
		for _, a := range replay(t, rule, c.writer.docs, from, from.AddDate(0, 0, days)) {
			got = append(got, text(a.Stitch.Details))
		}
		slices.Sort(got)
		if diff := gocmp.Diff(slices.Sorted(maps.Keys(want)), got); diff != "" {
			t.Fatalf("rows over %d days (-Kusto +stitch):\n%s\ndocuments:\n%s", days, diff, ndjson(c.writer.docs))
		}
		return len(want) > 0
	})
}
