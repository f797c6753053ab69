package memory_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/test/engines"
)

// pageThrough reads all pages: a line for each document, and one for each page.
func pageThrough(t *testing.T, p esq.Pager, paging esq.Paging, strip string) []string {
	t.Helper()
	var out []string
	for range 100 {
		sheet, err := p.Page(t.Context(), paging)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%d of %d", len(sheet.Documents), sheet.Total))
		for i, d := range sheet.Documents {
			place := sheet.Places[i]
			out = append(out, fmt.Sprintf("%s/%s at %s %s", strings.TrimPrefix(d.Index, strip), d.ID, place.Time.Format(time.RFC3339Nano), place.Key))
			paging.After = &place
		}
		if len(sheet.Documents) == 0 {
			return out
		}
	}
	t.Fatal("the pages have no end")
	return nil
}

// Pages are the same in the embedded engine and in clusters: the newest first,
// those without a time last, those without a key not at all.
func TestPages(t *testing.T) {
	sources := [][]string{{
		`{"@timestamp":"2026-03-01T10:00:00.001Z","a.key":"k1"}`,
		`{"@timestamp":"2026-03-01T10:00:00.000Z","a":{"key":"k3"}}`,
		`{"@timestamp":"2026-03-01T10:00:00.000Z","a.key":"k2","event":{"kind":"x"}}`,
		`{"a.key":"k0"}`,
		`{"@timestamp":"2026-03-01T12:00:00.000Z"}`,
	}, {
		`{"@timestamp":"2026-03-01T10:00:00.000Z","a.key":"k20"}`,
		`{"@timestamp":"2026-04-01T10:00:00.000Z","a.key":"é"}`,
		`{"a.key":"K0"}`,
	}}
	engines.Each(t, func(t *testing.T, node engines.Engine) {
		tw := twins(t, node, sources)
		strip := strings.TrimSuffix(tw.indices[0], "docs-0")
		for size := 1; size <= 9; size++ {
			for _, q := range []esq.Query{nil, esq.Term{Field: "event.kind", Value: esq.Str("x")}, esq.MatchNone{}} {
				paging := esq.Paging{Indices: append(tw.indices, strip+"missing*"), Query: q, Time: "@timestamp", Key: "a.key", Size: size, Fields: []string{"a.key"}}
				if diff := cmp.Diff(pageThrough(t, tw.embedded, paging, strip), pageThrough(t, tw.cluster, paging, strip)); diff != "" {
					t.Errorf("size %d, %v (-embedded +%s):\n%s", size, q, node.Name, diff)
				}
			}
		}
		sheet, err := tw.cluster.Page(t.Context(), esq.Paging{Indices: tw.indices, Time: "@timestamp", Key: "a.key", Size: 1, Fields: []string{"a.key"}})
		if err != nil || string(sheet.Documents[0].Source) != `{"a.key":"é"}` {
			t.Errorf("%v, %+v", err, sheet)
		}
		sheet, err = tw.cluster.Page(t.Context(), esq.Paging{Indices: []string{strip + "missing*"}, Time: "@timestamp", Key: "a.key", Size: 1})
		if err != nil || !sheet.NoIndex || sheet.Total != 0 {
			t.Errorf("no index: %v, %+v", err, sheet)
		}
	})
}

// A document that is written between two pages moves no other.
func TestPagesAreStable(t *testing.T) {
	e := memory.New(memory.Options{Now: atNoon})
	put := func(minute int, key string) {
		t.Helper()
		source := fmt.Sprintf(`{"@timestamp":"2026-03-01T10:%02d:00Z","key":%q}`, minute, key)
		if _, err := e.Bulk(t.Context(), []esq.Write{{Ref: esq.Ref{Index: "i", ID: key}, Source: []byte(source)}}, true); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 6 {
		put(i, fmt.Sprint("k", i))
	}
	paging := esq.Paging{Indices: []string{"i"}, Time: "@timestamp", Key: "key", Size: 2}
	var keys []string
	for range 3 {
		sheet, err := e.Page(t.Context(), paging)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range sheet.Places {
			keys = append(keys, p.Key)
			paging.After = &p
		}
		put(59, "newer"+fmt.Sprint(len(keys)))
	}
	if diff := cmp.Diff([]string{"k5", "k4", "k3", "k2", "k1", "k0"}, keys); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, size := range []int{0, -1, 10_001} {
		paging.Size = size
		if _, err := e.Page(t.Context(), paging); err == nil {
			t.Errorf("a page of %d: no error", size)
		}
	}
}
