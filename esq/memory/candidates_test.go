package memory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// arrived makes a question about times alone, as rules ask what arrived.
func (r maker) arrived() esq.Query {
	half := func(field string) esq.Query {
		return esq.Range{Field: field, GTE: esq.Str(r.day()), LT: esq.Str(r.day())}
	}
	none := esq.Not(esq.Exists{Field: "event.created"})
	return pick[esq.Query](r,
		half("@timestamp"),
		esq.Or(half("event.created"), esq.And(none, half("@timestamp"))),
		esq.Or(half("event.created"), none),
		esq.And(none, esq.Exists{Field: "@timestamp"}),
		esq.BoolQuery{Should: []esq.Query{half("@timestamp"), half("event.created"), none}, MinimumShouldMatch: 2},
	)
}

// TestCandidates holds what is found by what the engine keeps of questions and
// times to a look at each document by itself, while time goes on, questions come
// again and documents come and go.
func TestCandidates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := maker{newRand(rapid.Uint64().Draw(rt, "seed")), noon}
		now := noon
		e := memory.New(memory.Options{Mapping: mapping(), Now: func() time.Time { return now }, Ingest: []string{pick(r, "event.created", "@timestamp")}})
		var lines []string
		for i, source := range r.documents(pick(r, 100, 100, 700)) {
			lines = append(lines, fmt.Sprintf(`{"_index":"logs-a","_id":"%d","_source":%s}`, i, source))
		}
		load(t, e, strings.Join(lines, "\n"))
		var queries []esq.Query
		for range 4 {
			queries = append(queries, esq.And(r.tree(2), r.tree(1), r.arrived()), esq.And(r.tree(1), r.bounded()), r.arrived())
		}
		for round := range 12 {
			now = noon.Add(time.Duration(r.IntN(2000)-1000) * time.Hour)
			if round%5 == 4 {
				put(t, e, "logs-a", fmt.Sprintf("%d: %s", r.IntN(120), r.document()))
			}
			for _, q := range queries {
				want, err := e.Plainly("logs-a", q)
				if err != nil {
					rt.Fatal(err)
				}
				if got := search(t, e, []string{"logs-a"}, q); !slices.Equal(got, want) {
					rt.Fatalf("round %d: %s finds %v, want %v", round, text(q), got, want)
				}
			}
		}
	})
}

func TestInParts(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, memory.LeastPart, 2*memory.LeastPart - 1, 2 * memory.LeastPart, 2*memory.LeastPart + 1, 5*memory.LeastPart + 77} {
		at := 0
		for _, part := range memory.InParts(n) {
			if part[0] != at || part[0] > part[1] || part[1] < n && part[1]%memory.LeastPart != 0 {
				t.Errorf("of %d: %v", n, memory.InParts(n))
			}
			at = part[1]
		}
		if at != n {
			t.Errorf("of %d: %v", n, memory.InParts(n))
		}
	}
}
