package documents_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/test/bench/documents"
)

const (
	strict = "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84"
	event  = "8a30d849-6e54-41a0-9cbb-d8f055b4dd19"
)

// made writes documents of one day.
func made(t *testing.T, o documents.Options) ([]byte, []documents.Incident) {
	t.Helper()
	var out bytes.Buffer
	incidents, err := documents.Write(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), incidents
}

func TestTheSameSeedMakesTheSameDocuments(t *testing.T) {
	o := documents.Options{Documents: 2000, Incidents: 1, Seed: 7, Late: 0.1, Period: 48 * time.Hour}
	first, planted := made(t, o)
	again, plantedAgain := made(t, o)
	if !bytes.Equal(first, again) || !cmp.Equal(planted, plantedAgain) {
		t.Error("the same options made something else")
	}
	o.Seed++
	if other, _ := made(t, o); bytes.Equal(first, other) {
		t.Error("another seed made the same")
	}
}

func TestLines(t *testing.T) {
	o := documents.Options{Documents: 3000, Incidents: 2, Seed: 3, Late: 0.25, Skew: 0.5, Period: 24 * time.Hour}
	data, _ := made(t, o)
	if got := bytes.Count(data, []byte("\n")); got != o.Documents {
		t.Errorf("%d lines, want %d", got, o.Documents)
	}
	if size := len(data) / o.Documents; size < 1700 || size > 2100 {
		t.Errorf("%d bytes a document, want about 1900", size)
	}
	o.Bulk = true
	bulk, _ := made(t, o)
	if got := bytes.Count(bulk, []byte("\n")); got != 2*o.Documents {
		t.Errorf("%d lines of _bulk, want %d", got, 2*o.Documents)
	}
	late, last := 0, time.Time{}
	for line := range bytes.Lines(data) {
		var hit struct {
			Source struct {
				Time  time.Time `json:"@timestamp"`
				Event struct{ Ingested time.Time }
			} `json:"_source"`
		}
		if err := json.Unmarshal(line, &hit); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if delay := hit.Source.Event.Ingested.Sub(hit.Source.Time); delay < 0 {
			t.Fatalf("arrived before it happened: %s", line)
		} else if delay >= time.Hour-time.Second {
			late++
		}
		if hit.Source.Time.Before(last.Truncate(time.Second)) {
			t.Fatalf("out of order: %s", line)
		}
		last = hit.Source.Time
	}
	if late < 600 || late > 900 {
		t.Errorf("%d of %d are late, want about a quarter", late, o.Documents)
	}
}

func TestRefusals(t *testing.T) {
	for name, o := range map[string]documents.Options{
		"none":        {},
		"too few":     {Documents: 100, Incidents: 1},
		"half a day":  {Documents: 10, Period: 12 * time.Hour},
		"no incident": {Documents: 10, Incidents: -1},
	} {
		if _, err := documents.Write(&bytes.Buffer{}, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The rules find what was planted and nothing else, whichever form it has.
func TestRulesFindWhatWasPlanted(t *testing.T) {
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]documents.Options{
		"hits":   {Documents: 6000, Incidents: 9, Seed: 11, People: 20},
		"bulk":   {Documents: 6000, Incidents: 9, Seed: 12, People: 20, Bulk: true},
		"skewed": {Documents: 6000, Incidents: 9, Seed: 13, People: 20, Skew: 0.9},
	} {
		t.Run(name, func(t *testing.T) {
			o.From, o.Period = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC), 24*time.Hour
			data, planted := made(t, o)
			engine := memory.New(memory.Options{Now: func() time.Time { return o.From.Add(2 * o.Period) }})
			if _, err := engine.Load(bytes.NewReader(data), name); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, i := range planted {
				want = append(want, fmt.Sprint(i.Time, [][]esq.Value{{esq.Str(i.User)}, {esq.Str(i.Host)}}))
			}
			for _, id := range []string{strict, event} {
				result, err := set.ByID(id).Run(t.Context(), engine, rules.Window{From: o.From, To: o.From.Add(o.Period)})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, a := range result.Alerts {
					got = append(got, fmt.Sprint(a.Anchor, [][]esq.Value{a.Columns["user.email"], a.Columns["host.id"]}))
				}
				slices.Sort(want)
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("rule %s (-planted +found):\n%s", id, diff)
				}
			}
		})
	}
}
