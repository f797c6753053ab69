package test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// TestLateEvidence lets the AlertEvidence of an alert become searchable long
// after everything else: each piece makes the next run look at its alert again,
// adds to what was found, and takes it back where it no longer holds.
func TestLateEvidence(t *testing.T) {
	shipped, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 10, 10, 0, 0, 0, time.UTC)
	clock := scheduler.NewVirtualClock(start)
	data := memory.New(memory.Options{Now: clock.Now, Ingest: []string{"event.ingested"}})
	for _, d := range (scenario{name: "hunting-alert"}).documents(t) {
		if !strings.HasPrefix(d.ID, "e") {
			load(t, data, d)
		}
	}
	// Evidence happens with its alert, at ten, and arrives when it is said.
	for _, e := range []struct{ id, arrives, fields string }{
		{"account", "13:00", `"account":{"upn":"ANNA.lindqvist@nordwind.example"}`},
		{"another", "15:00", `"additional_fields":{"Address":"198.51.100.9"}`},
		{"address", "17:00", `"additional_fields":{"Address":"203.0.113.43"}`},
	} {
		load(t, data, document{Index: "logs-m365_defender.event-default", ID: e.id, Source: json.RawMessage(fmt.Sprintf(
			`{"@timestamp":"2026-03-10T10:00:00Z","event":{"id":"ca5e1b7c30-9d1f-4f0e-8a57-0b9f2d6c4e11_1","ingested":"2026-03-10T%s:00Z"},
			"m365_defender":{"event":{"category":"AdvancedHunting-AlertEvidence",%s}}}`, e.arrives, e.fields))})
	}
	store := newMemory()
	engine := struct {
		esq.Searcher
		esq.Store
	}{data, store}
	rule := shipped.ByID("8a30d849-6e54-41a0-9cbb-d8f055b4dd19")
	for _, step := range []struct {
		at   string
		want []string // the documents of the alert, if it holds
	}{
		{"12:00", nil},
		{"14:00", []string{"a1", "account"}},
		{"16:00", nil}, // the only address is not the download's
		{"18:00", []string{"a1", "account", "address", "another"}},
	} {
		clock.Set(at(t, step.at))
		summary, err := scheduler.New(scheduler.Options{Rules: &rules.Set{Rules: []*rules.Rule{rule}}, Engine: engine, Clock: clock}).Once(context.Background())
		if err == nil {
			err = summary.Err()
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(step.want, alertStage(t, store)); diff != "" {
			t.Errorf("at %s the alert rests on (-want +got):\n%s", step.at, diff)
		}
	}
}

func at(t *testing.T, clock string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", "2026-03-10 "+clock)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func load(t *testing.T, m *memory.Engine, d document) {
	t.Helper()
	line, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Load(strings.NewReader(string(line)), d.ID); err != nil {
		t.Fatal(err)
	}
}

// alertStage are the documents of the stage alert of the one alert that holds.
func alertStage(t *testing.T, store esq.Store) []string {
	t.Helper()
	found, err := store.Find(context.Background(), []string{mappings.Names{}.AlertPattern()}, esq.MatchAll{}, math.MaxInt)
	if err != nil || len(found) > 1 {
		t.Fatalf("%d alerts, %v", len(found), err)
	}
	var ids []string
	for _, d := range found {
		mark, err := mappings.ReadMark(d.Source)
		if err != nil || mark.Retracted {
			return nil
		}
		var a alertFacts
		if err := json.Unmarshal(d.Source, &a); err != nil {
			t.Fatal(err)
		}
		for _, stage := range a.Stitch.Chain {
			if stage.Stage != "alert" {
				continue
			}
			for _, x := range stage.Documents {
				ids = append(ids, x.ID)
			}
		}
	}
	return ids
}
