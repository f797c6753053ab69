package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// extent is how far a rule's coverage reaches, as the store says.
type extent struct{ start, first time.Time }

// all holds every document of a history, whenever it arrives.
func all(t testing.TB, s *subject, documents []Document) *memory.Engine {
	m := memory.New(memory.Options{Now: time.Now})
	for _, d := range documents {
		load(t, m, s, d)
	}
	return m
}

// offline evaluates the rule once over all documents, everything being there,
// and returns the alerts by id. Of a windowed rule it evaluates every window
// that was due from the extent's first to until.
func offline(t testing.TB, s *subject, version *rules.Rule, documents *memory.Engine, x extent, until time.Time) map[string]json.RawMessage {
	t.Helper()
	kept := memory.New(memory.Options{Now: time.Now})
	engine := struct {
		esq.Searcher
		esq.Store
	}{documents, kept}
	rule := *version
	from, to := base.AddDate(-1, 0, 0), base.AddDate(1, 0, 0)
	if rule.Windowed {
		interval := time.Duration(s.interval) * time.Millisecond
		from = x.first.Add(-interval)
		to = x.first.Add(until.Sub(x.first) / interval * interval)
		if to.Before(x.first) {
			return nil
		}
	} else {
		rule.Schedule = rules.Every(to.Sub(from))
	}
	sum, err := scheduler.New(scheduler.Options{Rules: &rules.Set{Rules: []*rules.Rule{&rule}}, Engine: engine}).Replay(context.Background(), from, to)
	if err == nil {
		err = sum.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := kept.Find(context.Background(), []string{mappings.Names{}.AlertPattern()}, esq.MatchAll{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]json.RawMessage{}
	for _, d := range found {
		out[d.ID] = d.Source
	}
	return out
}

// pairs is what the rule "pair" means, said again without any of its code: by
// the first document of each pair, the documents of its pairs.
func pairs(documents []Document) map[string][]string {
	const span = 10 * minute
	sets := map[string]map[string]bool{}
	for _, a := range documents {
		for _, b := range documents {
			if a.Generation == unstamped || b.Generation == unstamped {
				continue // in an index of another view
			}
			if a.Kind != 0 || b.Kind != 1 || a.User != b.User || a.Event > b.Event || b.Event-a.Event > span {
				continue
			}
			if sets[a.ID] == nil {
				sets[a.ID] = map[string]bool{}
			}
			sets[a.ID][placed("a", a)] = true
			sets[a.ID][placed("b", b)] = true
		}
	}
	out := map[string][]string{}
	for id, set := range sets {
		out[id] = slices.Sorted(maps.Keys(set))
	}
	return out
}

// unanswered is what the rule "absent" means, said again without any of its
// code.
func unanswered(documents []Document) map[string][]string {
	const within = 8 * minute
	out := map[string][]string{}
	for _, a := range documents {
		answers := func(b Document) bool {
			return b.Generation != unstamped && b.Kind == 1 && a.User == b.User && a.Event <= b.Event && b.Event-a.Event <= within
		}
		if a.Kind == 0 && a.Generation != unstamped && !slices.ContainsFunc(documents, answers) {
			out[a.ID] = append(out[a.ID], placed("a", a))
			slices.Sort(out[a.ID])
		}
	}
	return out
}

func placed(stage string, d Document) string {
	index, _ := simpleSource(d)
	return fmt.Sprintf("%s:%s/%s", stage, index, d.ID)
}

// evidence is the documents an alert speaks of, and when the alert was.
type evidence struct {
	Stitch struct {
		Chain []struct {
			Stage     string
			Documents []struct{ Index, ID string }
		}
	}
	Event struct{ Start, End time.Time }
}

func evidenceOf(t testing.TB, raw json.RawMessage) evidence {
	t.Helper()
	var e evidence
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatalf("alert %s: %v", raw, err)
	}
	return e
}

// placed names the evidence as pairs does: by the document of the first stage.
func (e evidence) placed() (anchor string, documents []string) {
	for _, stage := range e.Stitch.Chain {
		for _, d := range stage.Documents {
			documents = append(documents, fmt.Sprintf("%s:%s/%s", stage.Stage, d.Index, d.ID))
			if stage.Stage == "a" {
				anchor = d.ID
			}
		}
	}
	slices.Sort(documents)
	return anchor, documents
}

// adds reports whether there is a document, or a copy of one, that another
// evidence does not have in the same stage.
func (e evidence) adds(to evidence) bool {
	left := map[[2]string]int{}
	for _, stage := range to.Stitch.Chain {
		for _, d := range stage.Documents {
			left[[2]string{stage.Stage, d.ID}]++
		}
	}
	for _, stage := range e.Stitch.Chain {
		for _, d := range stage.Documents {
			key := [2]string{stage.Stage, d.ID}
			if left[key]--; left[key] < 0 {
				return true
			}
		}
	}
	return false
}
