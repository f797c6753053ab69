package parity

import (
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestKustoParity holds the port of Sentinel's rule to the rule: the rows that
// Kusto would return over a day are the details of the alerts, every column.
func TestKustoParity(t *testing.T) {
	t.Parallel()
	rule := shipped(t, "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84")
	from := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 1)
	checkRounds(t, kustoRounds, func(t *rapid.T) bool {
		c := drawKusto(t, from.UnixMilli())
		want := c.tables.kusto(from.UnixMilli(), to.UnixMilli())
		var wantRows, gotRows []string
		for _, row := range want {
			wantRows = append(wantRows, text(row))
		}
		for _, a := range replay(t, rule, c.writer.docs, from, to) {
			gotRows = append(gotRows, text(a.Stitch.Details))
		}
		slices.Sort(wantRows)
		slices.Sort(gotRows)
		if diff := gocmp.Diff(wantRows, gotRows); diff != "" {
			t.Fatalf("rows (-Kusto +stitch):\n%s\ndocuments:\n%s", diff, ndjson(c.writer.docs))
		}
		return len(want) > 0
	})
}
