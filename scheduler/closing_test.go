package scheduler_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// absenceRule asks for an opened door that is not closed within the hour.
// Events may be two hours late.
const absenceRule = `
[rule]
rule_id = "r"
name = "R"
type = "sequence"
index = ["doors-*"]
interval = "30m"
from = "now-1h"
lateness = "2h"
settle = "1m"
[[rule.stage]]
id = "open"
query = 'any where event.action == "open"'
[[rule.stage]]
id = "close"
absent = true
within = "1h"
query = 'any where event.action == "close"'
join = 'host.id == open.host.id'
`

func TestAbsenceIsJudgedWhenTimeIsClosed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rule.toml")
	if err := os.WriteFile(file, []byte(absenceRule), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	clock := scheduler.NewVirtualClock(day)
	documents := memory.New(memory.Options{Now: clock.Now, Ingest: []string{"event.ingested"}})
	event := func(id, action, host, happened, arrived string) string {
		return `{"_index":"doors-1","_id":"` + id + `","_source":{"@timestamp":"2024-02-22T` + happened + `:00Z","event":{"action":"` + action +
			`","ingested":"2024-02-22T` + arrived + `:00Z"},"host":{"id":"` + host + `"}}}` + "\n"
	}
	data := event("1", "open", "stays", "09:00", "09:00") +
		event("2", "open", "shut", "09:00", "09:00") + event("3", "close", "shut", "09:30", "09:31") +
		event("4", "open", "shut late", "09:00", "09:00") + event("5", "close", "shut late", "10:00", "11:58") +
		event("6", "open", "shut after", "09:00", "09:00") + event("7", "close", "shut after", "10:01", "10:01")
	if _, err := documents.Load(strings.NewReader(data), "doors"); err != nil {
		t.Fatal(err)
	}
	engine := struct {
		esq.Searcher
		esq.Store
	}{documents, memory.New(memory.Options{Now: clock.Now})}
	sched := scheduler.New(scheduler.Options{Rules: set, Engine: engine, Clock: clock})

	for hour := 8 * time.Hour; hour <= 14*time.Hour; hour += 30 * time.Minute {
		clock.Set(day.Truncate(24 * time.Hour).Add(hour))
		once(t, sched)
		found, err := engine.Find(t.Context(), []string{mappings.Names{}.AlertPattern()}, esq.Not(esq.Exists{Field: "stitch.retracted"}), 0)
		if err != nil {
			t.Fatal(err)
		}
		coverage, err := sched.Coverage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// Closed is two hours and a minute behind what is covered.
		alerts, pending := 0, 0
		switch {
		case hour >= 12*time.Hour+30*time.Minute:
			alerts = 2 // "stays" and "shut after"
		case hour >= 12*time.Hour: // "shut late" is known to be shut
			pending = 2
		case hour >= 10*time.Hour:
			pending = 3 // all opened but the one that was shut at once
		case hour > 9*time.Hour:
			pending = 4
		}
		if hour == 9*time.Hour {
			continue // what arrives at nine is searched at half past
		}
		if len(found) != alerts || len(coverage[0].Pending) != pending {
			t.Errorf("at %v: %d alerts and %d pending, want %d and %d", hour, len(found), len(coverage[0].Pending), alerts, pending)
		}
	}
}
