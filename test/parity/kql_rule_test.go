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
// Kusto would return over each day are the details of the alerts, every column, and the entities that Sentinel
// would map them to.
// Where documents arrive late, a day is evaluated again: rows that have changed
// are brought up to date, and none is taken back.
func TestKustoParity(t *testing.T) {
	t.Parallel()
	rule := shipped(t, "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84")
	from := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	checkRounds(t, kustoRounds, func(t *rapid.T) bool {
		days := rapid.SampledFrom([]int{1, 2}).Draw(t, "days")
		c := drawKusto(t, from.UnixMilli(), days)
		runs := days
		if c.writer.late {
			runs += 2 // by then everything has arrived
		}
		want := map[string]string{}
		for now := 1; now <= runs; now++ {
			for i := range now {
				begin := from.AddDate(0, 0, i).UnixMilli()
				maps.Copy(want, c.tables.kusto(begin, begin+day, from.AddDate(0, 0, now).UnixMilli()))
			}
		}
		var got []string
		for _, a := range replay(t, rule, c.writer.docs, from, from.AddDate(0, 0, runs)) {
			row := a.Stitch.Details
			row["Entities"] = a.Stitch.Entities
			got = append(got, text(row))
		}
		slices.Sort(got)
		if diff := gocmp.Diff(slices.Sorted(maps.Values(want)), got); diff != "" {
			t.Fatalf("rows of %d runs (-Kusto +stitch):\n%s\ndocuments:\n%s", runs, diff, ndjson(c.writer.docs))
		}
		return len(want) > 0
	})
}
