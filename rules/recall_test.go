package rules

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// reading counts the hits whose values were read.
type reading struct {
	*memory.Engine
	hits, values int
}

func (r *reading) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	return esq.AskEach(ctx, r, questions)
}

func (r *reading) Search(ctx context.Context, s esq.Search, yield func(esq.Hit) error) (esq.Stats, error) {
	return r.Engine.Search(ctx, s, func(h esq.Hit) error {
		r.hits++
		if len(h.Values) > 0 {
			r.values++
		}
		return yield(h)
	})
}

func TestDocumentsAreReadOnce(t *testing.T) {
	eng := &reading{Engine: engineOf(t, `
logs-alerts i 10:00:00 {"kind":"info","title":"mass","event":{"id":"A"}}
logs-alerts u 10:00:01 {"kind":"user","event":{"id":"A"},"upn":"ann"}`)}
	r, once := partsRule(t, incidentRule), RememberDocuments(eng)
	for run := range 3 {
		result, err := r.Run(t.Context(), once, Window{From: day, To: day.Add(24 * time.Hour)})
		if err != nil || len(result.Alerts) != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
		if eng.values != 2 || eng.hits != 2*(run+1) {
			t.Errorf("run %d: of %d hits the values were read of %d, not of 2", run, eng.hits, eng.values)
		}
	}
}

// What a user map gives an event, and the parts that it is given, are no more
// than that run's.
func TestWhatIsRememberedStaysAsItIs(t *testing.T) {
	m := engineOf(t, `log-1 a 01:00:00 {"event":{"action":"a"},"user":{"id":"ANNA@n.example"}}
agent-1 b 02:00:00 {"event":{"action":"b"},"user":{"id":"`+annaSID+`"}}`)
	plain, again := peopleRule(t, samePerson), RememberDocuments(m)
	for i, want := range []int{0, 1, 0, 1} {
		r := plain
		if want > 0 {
			r = plain.With(usersOf(t, peopleCSV))
		}
		result, err := r.Run(t.Context(), again, Window{From: day, To: day.Add(24 * time.Hour)})
		if err != nil || len(result.Alerts) != want {
			t.Errorf("run %d: %d alerts, %v, want %d", i, len(result.Alerts), err, want)
		}
	}
	parts := partsRule(t, incidentRule)
	whole := RememberDocuments(engineOf(t, `
logs-alerts i 10:00:00 {"kind":"info","title":"mass","event":{"id":"A"}}
logs-alerts u 10:00:01 {"kind":"user","event":{"id":"A"},"upn":"ann"}`))
	for range 2 {
		if _, err := parts.Run(t.Context(), whole, Window{From: day, To: day.Add(24 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	kept := whole.(*remembering).documents
	for _, d := range kept.order {
		if len(d.event.parts) > 0 {
			t.Errorf("%s is remembered with its parts", d.of.id)
		}
	}
}

func TestOnlySoManyDocumentsAreRemembered(t *testing.T) {
	r := RememberDocuments(nil).(*remembering).documents
	stages := []*recall{{r, asked{source: &source{}}}, {r, asked{source: &source{}}}}
	const more = maxRecalled + 10
	for i := range more {
		stages[i%2].put(&recalled{}, "i", strconv.Itoa(i))
	}
	kept := 0
	for i := range more {
		known := stages[i%2].known("i", strconv.Itoa(i))
		if known != (i >= 10) {
			t.Fatalf("document %d of %d: known is %v", i, more, known)
		}
		if known {
			kept++
		}
	}
	if n := len(r.read[stages[0].by]) + len(r.read[stages[1].by]); n != maxRecalled || kept != n {
		t.Errorf("%d are remembered, of which %d are found, not %d", n, kept, maxRecalled)
	}
}
