package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// figures is what a test did and what came of it.
type figures struct {
	seed                             uint64
	runs, failed, kills, nodes, made int // runs of the program; faults made
	documents, expected              int
	missing, doubled, stale          int // in the end
}

func (f figures) String() string {
	return fmt.Sprintf("seed %d: %d runs (%d failed), %d kills, %d nodes killed, %d faults injected, %d documents; alerts: %d expected, %d missing, %d doubled, %d stale",
		f.seed, f.runs, f.failed, f.kills, f.nodes, f.made, f.documents, f.expected, f.missing, f.doubled, f.stale)
}

// difference is how the alerts in a cluster differ from those that should be there.
type difference struct {
	expected, missing, doubled, stale int
	examples                          []string
}

func (d difference) none() bool { return d.missing+d.doubled+d.stale == 0 }

func (d difference) String() string {
	return fmt.Sprintf("%d alerts expected, %d missing, %d doubled, %d stale: %q", d.expected, d.missing, d.doubled, d.stale, d.examples)
}

func (d *difference) note(n *int, format string, args ...any) {
	*n++
	if len(d.examples) < 6 {
		d.examples = append(d.examples, fmt.Sprintf(format, args...))
	}
}

// offline evaluates the rules over all documents with the embedded engine, and
// returns the alerts by id, without what depends on the time of writing.
func (s *site) offline(t *testing.T) map[string]string {
	t.Helper()
	set, err := rules.Load([]string{s.rules})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range set.Rules {
		if !r.Windowed { // one run at the end
			once := *r
			once.Schedule = rules.Every(1000 * time.Hour)
			set.Rules[i] = &once
		}
	}
	documents := memory.New(memory.Options{Now: time.Now})
	events := s.history.documents()
	from, to := s.history.start.Add(-5*time.Minute).Truncate(grid), s.history.start
	var data bytes.Buffer
	for i, line := range s.history.lines(events, s.history.start) {
		data.Write(line)
		if events[i].time.After(to) {
			to = events[i].time
		}
	}
	if _, err := documents.Load(&data, "history"); err != nil {
		t.Fatal(err)
	}
	engine := struct {
		esq.Searcher
		esq.Store
	}{documents, memory.New(memory.Options{Now: time.Now})}
	summary, err := scheduler.New(scheduler.Options{Rules: set, Engine: engine}).Replay(context.Background(), from, to.Truncate(grid).Add(grid))
	if err == nil {
		err = summary.Err()
	}
	if err != nil {
		t.Fatalf("offline: %v", err)
	}
	found, err := engine.Find(context.Background(), []string{mappings.Names{}.AlertPattern()}, esq.MatchAll{}, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, d := range found {
		if !retracted(t, d.Source) {
			out[d.ID] = content(t, d.Source)
		}
	}
	return out
}

func content(t *testing.T, doc json.RawMessage) string {
	t.Helper()
	bare, err := mappings.WithoutWriting(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(bare)
}

// retracted reports whether an alert says that it does not hold any more.
func retracted(t *testing.T, doc json.RawMessage) bool {
	t.Helper()
	var a struct {
		Stitch struct {
			Retracted *string `json:"retracted"`
		} `json:"stitch"`
	}
	if err := json.Unmarshal(doc, &a); err != nil {
		t.Fatal(err)
	}
	return a.Stitch.Retracted != nil
}

// compare holds the alerts in the cluster against the offline evaluation.
func (s *site) compare(t *testing.T) difference {
	t.Helper()
	s.e.Must(t, http.MethodPost, "/"+mappings.Names{}.AlertPattern()+"/_refresh", "")
	cluster, err := esq.Open(t.Context(), esq.Config{URLs: s.urls})
	if err != nil {
		t.Fatal(err)
	}
	found, err := cluster.Find(t.Context(), []string{mappings.Names{}.AlertPattern()}, esq.MatchAll{}, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	want := s.offline(t)
	d := difference{expected: len(want)}
	seen := map[string]bool{}
	for _, f := range found {
		if retracted(t, f.Source) {
			continue
		}
		got := content(t, f.Source)
		switch expected, ok := want[f.ID]; {
		case seen[f.ID]:
			d.note(&d.doubled, "doubled: %s", got)
		case !ok:
			d.note(&d.stale, "should not be there: %s", got)
		case got != expected:
			d.note(&d.stale, "is  %s\nnot %s", got, expected)
		}
		seen[f.ID] = true
	}
	for id, doc := range want {
		if !seen[id] {
			d.note(&d.missing, "missing: %s", doc)
		}
	}
	return d
}

// conclude has one more run pass, and fails the test if the alerts are not
// then what they should be. It prints the figures.
func (s *site) conclude(t *testing.T, f figures) {
	t.Helper()
	// The last window has to be due, and each rule's next run.
	pause(t, time.Until(time.Now().Truncate(grid).Add(grid+time.Second)))
	run := s.once(t, s.urls)
	f.runs++
	if run.code != 0 || run.ran() != ruleCount {
		t.Errorf("the clean run: %s", run)
	}
	d := s.compare(t)
	f.documents, f.expected, f.missing, f.doubled, f.stale = len(s.history.documents()), d.expected, d.missing, d.doubled, d.stale
	if !d.none() {
		t.Errorf("after a clean run: %s", d)
		s.mended(t)
	}
	t.Logf("%s %s: %s", s.e.Family, s.e.Version, f)
}

// mended says whether further runs would mend what one has not.
func (s *site) mended(t *testing.T) {
	t.Helper()
	for n := range 3 {
		pause(t, grid+time.Second)
		run := s.once(t, s.urls)
		if s.compare(t).none() {
			t.Logf("mended after %d more runs", n+1)
			return
		}
		t.Logf("another run (code %d) mends nothing: %s", run.code, run.out)
	}
}
