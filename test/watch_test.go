package test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
)

// A watch never overlooks what Arrivals counts or warns of, and seldom sees what
// Arrivals does not: over a day of logs, slice by slice, for all shipped rules.
func TestWatchSeesWhatArrives(t *testing.T) {
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 9, 17, 0, 0, 0, 0, time.UTC)
	engine := memory.New(memory.Options{Now: func() time.Time { return start.Add(24 * time.Hour) }, Ingest: []string{"event.ingested"}})
	if _, err := engine.Load(bytes.NewReader(demo.Day(start)), "demo"); err != nil {
		t.Fatal(err)
	}
	broken := `{"_index":"logs-m365_defender.event-default","_id":"broken","_source":{"event":{"ingested":"2026-09-17T03:04:00Z"},"m365_defender":{"event":{"category":"AdvancedHunting-CloudAppEvents"}}}}`
	if _, err := engine.Load(strings.NewReader(broken+"\n"), "broken"); err != nil {
		t.Fatal(err)
	}
	quiet, wrongly, slices := 0, 0, 0
	for _, rule := range set.Rules {
		watch := watchOf(t, engine, rule)
		for from := start; from.Before(start.Add(24 * time.Hour)); from = from.Add(97 * time.Minute) {
			slice := rules.Window{From: from, To: from.Add(10 * time.Minute)}
			arrived, err := rule.Arrivals(t.Context(), engine, slice)
			if err != nil {
				t.Fatal(err)
			}
			seen, stats, err := watch.Look(t.Context(), engine, slice, nil)
			if err != nil || stats.Requests != 1 {
				t.Fatalf("%d requests, %v", stats.Requests, err)
			}
			warned := strings.Contains(strings.Join(arrived.Warnings, "\n"), "cannot be found")
			if !seen.Any && (arrived.Count > 0 || warned) {
				t.Errorf("%s, %v: nothing seen of %d documents, %q", rule.Name, slice, arrived.Count, arrived.Warnings)
			}
			slices++
			switch {
			case !seen.Any:
				quiet++
			case arrived.Count == 0 && !warned:
				wrongly++
			}
		}
	}
	t.Logf("%d slices, nothing in %d, wrongly something in %d", slices, quiet, wrongly)
	if quiet < slices/4 || wrongly > slices/100 {
		t.Errorf("of %d slices there is nothing in %d, and wrongly something in %d", slices, quiet, wrongly)
	}
}

func watchOf(t *testing.T, eng esq.Searcher, rule *rules.Rule) *rules.Watch {
	t.Helper()
	known := map[string]map[string]esq.FieldCap{}
	for _, asked := range rule.FieldsAsked() {
		if known[asked.Key()] == nil {
			known[asked.Key()] = map[string]esq.FieldCap{}
		}
		caps, err := eng.FieldCaps(t.Context(), asked.Indices, asked.Fields)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range caps {
			known[asked.Key()][name] = c
		}
	}
	watch, err := rule.Watch(known)
	if err != nil {
		t.Fatal(err)
	}
	return watch
}
