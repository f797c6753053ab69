package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// comparedAlert is what two evaluations of an alert are compared by: what was
// found, not when it was written or what people made of it.
type comparedAlert struct {
	ID       string    `json:"kibana.alert.uuid"`
	Time     time.Time `json:"kibana.alert.original_time"`
	Reason   string    `json:"kibana.alert.reason"`
	Severity string    `json:"kibana.alert.severity"`
	Score    any       `json:"kibana.alert.risk_score"`
	Rule     struct {
		ID string `json:"id"`
	} `json:"rule"`
	Stitch struct {
		Retracted *time.Time     `json:"retracted"`
		Details   map[string]any `json:"details"`
		Entities  []any          `json:"entities"`
		Weak      []string       `json:"weak"`
		Chain     []struct {
			Stage     string           `json:"stage"`
			Count     int              `json:"count"`
			Documents []map[string]any `json:"documents"`
		} `json:"chain"`
	} `json:"stitch"`
}

// alertDiff is what became of one alert.
type alertDiff struct {
	Change  string    `json:"change"` // added, lost, changed
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Reason  string    `json:"reason"`
	Changes []string  `json:"changes,omitempty"` // what is another than before
}

// diffAlerts compares alerts with those before, ordered by time of the incident.
func diffAlerts(before, after []comparedAlert) []alertDiff {
	old := map[string]comparedAlert{}
	for _, a := range before {
		old[a.ID] = a
	}
	diffs := []alertDiff{}
	for _, a := range after {
		was, there := old[a.ID]
		delete(old, a.ID)
		if !there {
			diffs = append(diffs, alertDiff{Change: "added", ID: a.ID, Time: a.Time, Reason: a.Reason})
		} else if changes := changesOf(was, a); len(changes) > 0 {
			diffs = append(diffs, alertDiff{Change: "changed", ID: a.ID, Time: a.Time, Reason: a.Reason, Changes: changes})
		}
	}
	for _, a := range old {
		diffs = append(diffs, alertDiff{Change: "lost", ID: a.ID, Time: a.Time, Reason: a.Reason})
	}
	slices.SortFunc(diffs, func(a, b alertDiff) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	return diffs
}

func changesOf(a, b comparedAlert) []string {
	var changes []string
	note := func(what string, was, is any) {
		if !reflect.DeepEqual(was, is) {
			changes = append(changes, what)
		}
	}
	stages := map[string][2]int{}
	documents := map[string][2]map[string]bool{}
	for side, alert := range []comparedAlert{a, b} {
		for _, s := range alert.Stitch.Chain {
			counts, ids := stages[s.Stage], documents[s.Stage]
			counts[side], ids[side] = s.Count, map[string]bool{}
			for _, d := range s.Documents {
				ids[side][fmt.Sprint(d["id"])] = true
			}
			stages[s.Stage], documents[s.Stage] = counts, ids
		}
	}
	for _, stage := range slices.Sorted(maps.Keys(stages)) {
		if n := stages[stage]; n[0] != n[1] {
			changes = append(changes, fmt.Sprintf("%s: %d documents, before %d", stage, n[1], n[0]))
		} else {
			note(stage+": other documents", documents[stage][0], documents[stage][1])
		}
	}
	details := maps.Clone(a.Stitch.Details)
	if details == nil {
		details = map[string]any{}
	}
	maps.Copy(details, b.Stitch.Details)
	for _, name := range slices.Sorted(maps.Keys(details)) {
		note("detail "+name, a.Stitch.Details[name], b.Stitch.Details[name])
	}
	note("entities", a.Stitch.Entities, b.Stitch.Entities)
	note("weak", a.Stitch.Weak, b.Stitch.Weak)
	note("severity", a.Severity, b.Severity)
	note("risk score", a.Score, b.Score)
	return changes
}

// compared reads alert documents; those that were taken back are left out.
func compared(docs []json.RawMessage) ([]comparedAlert, error) {
	var list []comparedAlert
	for _, doc := range docs {
		var a comparedAlert
		if err := json.Unmarshal(doc, &a); err != nil {
			return nil, fmt.Errorf("read an alert: %w", err)
		}
		if a.Stitch.Retracted == nil {
			list = append(list, a)
		}
	}
	return list, nil
}

// alertsOfFile reads what stitch replay --output ndjson has written of the rules.
func alertsOfFile(name string, set *rules.Set) ([]comparedAlert, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, usage("--diff: %w", err)
	}
	defer file.Close()
	var docs []json.RawMessage
	lines := bufio.NewReader(file)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if text := strings.TrimSpace(string(line)); text != "" {
			if !json.Valid([]byte(text)) {
				return nil, &exitError{exitProblems, fmt.Errorf("--diff: %s:%d is not JSON; it must be what stitch replay --output ndjson has written", name, n)}
			}
			docs = append(docs, json.RawMessage(text))
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	list, err := compared(docs)
	return slices.DeleteFunc(list, func(a comparedAlert) bool { return set.ByID(a.Rule.ID) == nil }), err
}

// alertsOfIndex reads the alerts of the rules that a cluster has, of incidents
// in [from, to].
func alertsOfIndex(ctx context.Context, store esq.Store, set *rules.Set, from, to time.Time) ([]comparedAlert, error) {
	found, err := store.Find(ctx, []string{mappings.Names{}.AlertPattern()}, esq.And(
		alertsOf(set),
		esq.Range{Field: "kibana.alert.original_time", GTE: esq.Str(mappings.Time(from)), LTE: esq.Str(mappings.Time(to))},
	), math.MaxInt)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	docs := make([]json.RawMessage, len(found))
	for i, d := range found {
		docs[i] = d.Source
	}
	return compared(docs)
}

// writeDiff says which alerts are others, a line each and what changed below it.
func writeDiff(out io.Writer, diffs []alertDiff) {
	signs := map[string]string{"added": "+", "lost": "-", "changed": "~"}
	counts := map[string]int{}
	for _, d := range diffs {
		counts[d.Change]++
		fmt.Fprintf(out, "%s %s  %s  %s\n", signs[d.Change], stamp(d.Time), d.ID, printable(d.Reason))
		for _, c := range d.Changes {
			fmt.Fprintf(out, "    %s\n", printable(c))
		}
	}
	fmt.Fprintf(out, "%d added, %d lost, %d changed\n", counts["added"], counts["lost"], counts["changed"])
}
