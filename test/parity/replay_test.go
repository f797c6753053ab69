// Package parity holds the two shipped chain rules to evaluations that share
// no code with stitch: rows of tables with tiny alphabets are drawn, evaluated
// by plain loops, and at the same time written as the documents that the real
// integrations would have indexed and replayed by the scheduler. Both must find
// the same.
package parity

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// shipped returns a rule that stitch brings along.
func shipped(t *testing.T, id string) *rules.Rule {
	t.Helper()
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := set.ByID(id)
	if r == nil {
		t.Fatalf("no shipped rule %s", id)
	}
	return r
}

// checkRounds checks a property in several rounds, each of as many cases as
// -rapid.checks says, and stops at the first that fails. The property returns
// whether its case had a result at all: a test of empty cases would show nothing.
func checkRounds(t *testing.T, rounds int, property func(*rapid.T) (found bool)) {
	t.Helper()
	cases, full := 0, 0
	for range rounds {
		ok := t.Run("round", rapid.MakeCheck(func(t *rapid.T) {
			cases++
			if property(t) {
				full++
			}
		}))
		if !ok {
			return
		}
	}
	t.Logf("%d cases, %d of them with alerts", cases, full)
	if full < cases/5 {
		t.Errorf("only %d of %d cases have alerts: the cases drawn show too little", full, cases)
	}
}

// alert is what is compared of an alert document.
type alert struct {
	Stitch struct {
		Details   map[string]any   `json:"details"`
		Entities  []map[string]any `json:"entities"`
		Retracted *time.Time       `json:"retracted"`
		Key       []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"key"`
		Chain []struct {
			Stage     string `json:"stage"`
			Count     int    `json:"count"`
			Documents []struct {
				Index string `json:"index"`
				ID    string `json:"id"`
			} `json:"documents"`
		} `json:"chain"`
	} `json:"stitch"`
}

// replay runs a rule over documents as the scheduler would have done. A
// document that says when it was ingested is not there before.
func replay(t rapid.TB, rule *rules.Rule, docs []document, from, to time.Time) []alert {
	clock := scheduler.NewVirtualClock(from)
	data := memory.New(memory.Options{Now: clock.Now, Ingest: []string{ingested}})
	if _, err := data.Load(bytes.NewReader(ndjson(docs)), "documents"); err != nil {
		t.Fatal(err)
	}
	engine := struct {
		esq.Searcher
		esq.Store
	}{data, memory.New(memory.Options{Now: clock.Now})}
	ctx := context.Background()
	sched := scheduler.New(scheduler.Options{Rules: &rules.Set{Rules: []*rules.Rule{rule}}, Engine: engine, Clock: clock})
	summary, err := sched.Replay(ctx, from, to)
	if err == nil {
		err = summary.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := engine.Find(ctx, []string{mappings.Names{}.AlertPattern()}, esq.MatchAll{}, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	alerts := make([]alert, len(found))
	for i, d := range found {
		if err := json.Unmarshal(d.Source, &alerts[i]); err != nil {
			t.Fatal(err)
		}
	}
	return alerts
}

// iso is a time as alerts write it.
func iso(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// folded is s with A to Z as a to z: Kusto and stitch fold no other letters.
func folded(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
