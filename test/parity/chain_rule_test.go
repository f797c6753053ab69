package parity

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/rules"
)

// TestChainParity holds the event-level rule to its note: the incidents that a
// walk through all events finds are the alerts, with the same documents,
// whether the rule runs all the way or once, at the end, and whether documents
// are there in time or arrive up to a day late.
func TestChainParity(t *testing.T) {
	t.Parallel()
	rule := shipped(t, "8a30d849-6e54-41a0-9cbb-d8f055b4dd19")
	from := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 2)
	checkRounds(t, chainRounds, func(t *rapid.T) bool {
		c := drawChains(t, from.UnixMilli())
		to := to
		if c.writer.late {
			to = to.Add(49 * time.Hour) // by then everything has arrived
		}
		want := c.events.chains(from.UnixMilli(), to.UnixMilli())
		scheduled := *rule
		scheduled.Schedule = rules.Every(rapid.SampledFrom([]time.Duration{1000 * time.Hour, 11 * time.Hour}).Draw(t, "interval"))
		got := map[incident]evidence{}
		for _, a := range replay(t, &scheduled, c.writer.docs, from, to) {
			id, documents := a.incident(t)
			if got[id] != nil {
				t.Errorf("two alerts for %v", id)
			}
			got[id] = documents
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("alerts (-by hand +stitch):\n%s\nevery %v, documents:\n%s", diff, scheduled.Schedule, ndjson(c.writer.docs))
		}
		return len(want) > 0
	})
}

// incident is what the alert is one of, and its documents.
func (a alert) incident(t rapid.TB) (incident, evidence) {
	key := map[string]string{}
	for _, k := range a.Stitch.Key {
		key[k.Name] = k.Value
	}
	documents := evidence{}
	for _, stage := range a.Stitch.Chain {
		for _, d := range stage.Documents {
			documents.add(stage.Stage, d.Index+"/"+d.ID)
		}
		if len(documents[stage.Stage]) != stage.Count {
			t.Errorf("stage %s lists %d documents and counts %d", stage.Stage, len(documents[stage.Stage]), stage.Count)
		}
	}
	return incident{key["alert"], folded(key["download.user.email"]), key["copy.host.id"]}, documents
}
