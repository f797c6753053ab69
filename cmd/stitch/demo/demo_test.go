package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
)

func start() time.Time { return time.Date(2026, 9, 17, 0, 0, 0, 0, time.UTC) }

func TestDayIsTheSameEveryTime(t *testing.T) {
	if !bytes.Equal(demo.Day(start()), demo.Day(start())) {
		t.Error("two days with one start differ")
	}
}

func TestDayIsBelievable(t *testing.T) {
	var last time.Time
	ids := map[string]bool{}
	for line := range bytes.Lines(demo.Day(start())) {
		var hit struct {
			Index  string `json:"_index"`
			ID     string `json:"_id"`
			Source struct {
				Time  time.Time `json:"@timestamp"`
				Event struct {
					Ingested time.Time `json:"ingested"`
				} `json:"event"`
			} `json:"_source"`
		}
		if err := json.Unmarshal(line, &hit); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if hit.Index == "" || hit.ID == "" || ids[hit.ID] {
			t.Errorf("index %q, id %q: missing or used twice", hit.Index, hit.ID)
		}
		ids[hit.ID] = true
		at := hit.Source.Time
		if at.Before(last) {
			t.Errorf("%s: %v comes after %v", hit.ID, at, last)
		}
		last = at
		if at.Before(start()) || hit.Source.Event.Ingested.After(start().Add(24*time.Hour)) {
			t.Errorf("%s: %v, ingested %v, is not of the day", hit.ID, at, hit.Source.Event.Ingested)
		}
		if delay := hit.Source.Event.Ingested.Sub(at.Truncate(time.Second)); delay < 30*time.Second || delay > 20*time.Minute+time.Second {
			t.Errorf("%s: arrived after %v", hit.ID, delay)
		}
	}
	if n := len(ids); n < 4000 || n > 10000 {
		t.Errorf("the day has %d documents", n)
	}
}

// TestDayHoldsOneIncident runs the shipped rules over the day.
func TestDayHoldsOneIncident(t *testing.T) {
	end := start().Add(24 * time.Hour)
	engine := memory.New(memory.Options{Now: func() time.Time { return end }})
	if _, err := engine.Load(bytes.NewReader(demo.Day(start())), "day"); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	evidence := map[string]map[string]int{} // by rule and stage
	for _, rule := range set.Rules {
		result, err := rule.Run(context.Background(), engine, rules.Window{From: start(), To: end})
		if err != nil {
			t.Fatalf("%s: %v", rule.Name, err)
		}
		for _, alert := range result.Alerts {
			if evidence[rule.ID] != nil {
				t.Errorf("%s: more than one alert", rule.Name)
			}
			evidence[rule.ID] = map[string]int{}
			for _, stage := range alert.Stages {
				evidence[rule.ID][stage.Stage] = stage.Count
			}
		}
	}
	want := map[string]map[string]int{
		"6267ce44-1e9d-471b-9f1e-ae76a6b7aa84": {"download": 58, "alert": 1, "copy": 41, "mount": 1},
		"8a30d849-6e54-41a0-9cbb-d8f055b4dd19": {"download": 41, "alert": 1, "copy": 41, "mount": 1},
		"e53ba448-405c-4220-a0c8-a0a0045dd570": {"event": 1},
	}
	if diff := cmp.Diff(want, evidence); diff != "" {
		t.Errorf("documents behind the alerts, -want +got:\n%s", diff)
	}
}
