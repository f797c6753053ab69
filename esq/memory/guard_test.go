package memory_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/test/bench/documents"
)

// needsOfShipped are the needs of the two rules that look for copies.
func needsOfShipped(t *testing.T) []memory.Need {
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	var needs []memory.Need
	for _, id := range []string{"6267ce44-1e9d-471b-9f1e-ae76a6b7aa84", "8a30d849-6e54-41a0-9cbb-d8f055b4dd19"} {
		for _, n := range set.ByID(id).Needs(memory.ECS().Expected) {
			needs = append(needs, memory.Need(n))
		}
	}
	return needs
}

// narrowed is an engine that keeps what the needs may find of some data.
func narrowed(t *testing.T, needs []memory.Need, data []byte) *memory.Engine {
	e := memory.New(memory.Options{Now: func() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }})
	if !e.Narrow(needs) {
		t.Fatal("the needs cannot be told")
	}
	if _, err := e.Load(bytes.NewReader(data), "data"); err != nil {
		t.Fatal(err)
	}
	return e
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one found to be dead is counted until it is swept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What loading costs is bounded by documents: in allocations, and in bytes that
// stay. These are budgets, with room for the runtime's own.
func TestCostOfLoading(t *testing.T) {
	needs := needsOfShipped(t)
	var mixed bytes.Buffer
	if _, err := documents.Write(&mixed, documents.Options{Documents: 20_000, Seed: 3, Period: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	var dropped bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&dropped, `{"_index":"logs-m365_defender.event-default","_id":"%d","_source":{"@timestamp":"2026-03-01T00:00:00Z","event":{"action":"other"},"x":%q}}`+"\n", i, strings.Repeat("x", 1500))
	}
	for _, tt := range []struct {
		name   string
		data   []byte
		allocs float64 // a document
		bytes  int64   // that stay, a document
	}{
		{"none is kept", dropped.Bytes(), 0.2, 50},
		{"two fifths are kept", mixed.Bytes(), 0.5, 280},
	} {
		const n = 20_000
		// Less what half of them costs, and with it what does not grow.
		half := bytes.Join(bytes.SplitAfterN(tt.data, []byte("\n"), n/2+1)[:n/2], nil)
		few := testing.AllocsPerRun(3, func() { narrowed(t, needs, half) })
		allocs := (testing.AllocsPerRun(3, func() { narrowed(t, needs, tt.data) }) - few) / (n - n/2)
		before := heap()
		e := narrowed(t, needs, tt.data)
		kept := (heap() - before) / n
		found, _, err := e.Count(t.Context(), []string{"*"}, esq.MatchAll{})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d documents stay, %.2f allocations and %d bytes a document", tt.name, found, allocs, kept)
		if allocs > tt.allocs {
			t.Errorf("%s: %.2f allocations a document, want %.2f at most", tt.name, allocs, tt.allocs)
		}
		if kept > tt.bytes {
			t.Errorf("%s: %d bytes a document stay, want %d at most", tt.name, kept, tt.bytes)
		}
	}
}

// A run looks at what it asks for, whatever else there is: what it allocates does
// not grow with the documents.
func TestCostOfARun(t *testing.T) {
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	cost := func(n int) float64 {
		var data bytes.Buffer
		o := documents.Options{Documents: n, Incidents: 2, Seed: 4, Period: 24 * time.Hour, From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
		if _, err := documents.Write(&data, o); err != nil {
			t.Fatal(err)
		}
		e := narrowed(t, needsOfShipped(t), data.Bytes())
		return testing.AllocsPerRun(3, func() {
			r, err := set.ByID("8a30d849-6e54-41a0-9cbb-d8f055b4dd19").Run(t.Context(), e, rules.Window{From: o.From, To: o.From.Add(o.Period)})
			if err != nil || len(r.Alerts) != 2 {
				t.Fatal(len(r.Alerts), err)
			}
		})
	}
	small, large := cost(1000), cost(8000)
	t.Logf("%.0f allocations among 1,000 documents, %.0f among 8,000", small, large)
	if large > 1.5*small {
		t.Errorf("%.0f allocations among 1,000 documents, %.0f among 8,000", small, large)
	}
}
