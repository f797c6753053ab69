package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/test/engines"
)

// readonly has a cluster take no alerts, as one does whose disk is full, and
// then nothing at all of stitch's.
func readonly(t *testing.T, e engines.Engine, program string) {
	f := figures{seed: newSeed(t)}
	s := newSite(t, e, program, []string{e.URL}, f.seed, oneNode())
	names := mappings.Names{}
	for _, pattern := range []string{names.AlertPattern(), mappings.DefaultPrefix + ".*"} {
		s.history.arrive(t, s.history.draw(60), 0)
		pause(t, time.Second)
		if run := s.once(t, s.urls); !run.whole() {
			t.Fatalf("before: %s", run)
		}
		covered := s.covered(t)
		s.block(t, pattern, "true")
		s.history.arrive(t, s.history.draw(60), 0)
		pause(t, time.Second)
		run := s.once(t, s.urls)
		f.runs++
		f.failed++
		f.made++
		if run.code == 0 || !strings.Contains(run.log, "read-only") {
			t.Errorf("%s is read-only, and the run says: %s", pattern, run)
		}
		if pattern == names.AlertPattern() {
			s.checkFailed(t, covered)
		}
		s.block(t, pattern, "null")
		pause(t, time.Second)
		run = s.once(t, s.urls)
		f.runs++
		if !run.whole() {
			t.Errorf("writes are allowed again: %s", run)
		}
		if d := s.compare(t); !d.none() {
			t.Errorf("writes are allowed again: %s", d)
		}
	}
	s.conclude(t, f)
}

func (s *site) block(t *testing.T, pattern, value string) {
	t.Helper()
	s.e.Must(t, http.MethodPut, "/"+pattern+"/_settings?expand_wildcards=all", `{"index.blocks.read_only_allow_delete":`+value+`}`)
}

// checkFailed checks that the rules whose alerts were not written are covered
// no farther than before, and have a record that says why.
func (s *site) checkFailed(t *testing.T, before map[string]string) {
	t.Helper()
	reasons := s.failures(t)
	if len(reasons) == 0 {
		t.Error("no run record says that a run failed")
	}
	after := s.covered(t)
	for rule, reason := range reasons {
		if !strings.Contains(reason, "read-only") {
			t.Errorf("the run record of %s says: %s", rule, reason)
		}
		if diff := gocmp.Diff(before[rule], after[rule]); diff != "" {
			t.Errorf("%s is covered until (-before the failure +after):\n%s", rule, diff)
		}
	}
}

// covered is until when each rule is covered, by its id.
func (s *site) covered(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, d := range s.all(t, mappings.Names{}.State(), `{"match_all":{}}`) {
		var state struct {
			Rule         struct{ ID string }
			Checkpoint   string
			CoveredUntil string `json:"covered_until"`
		}
		if err := json.Unmarshal(d, &state); err != nil {
			t.Fatal(err)
		}
		if until := state.CoveredUntil + state.Checkpoint; until != "" {
			out[state.Rule.ID] = until
		}
	}
	if len(out) != ruleCount {
		t.Fatalf("the coverage of %d rules is known, not of %d: %v", len(out), ruleCount, out)
	}
	return out
}

// failures is what the records of failed runs say, the last of each rule.
func (s *site) failures(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, d := range s.all(t, mappings.Names{}.RunPattern(), `{"term":{"outcome":"failure"}}`) {
		var record struct {
			Rule  struct{ ID string }
			Error string
		}
		if err := json.Unmarshal(d, &record); err != nil {
			t.Fatal(err)
		}
		out[record.Rule.ID] = record.Error
	}
	return out
}

// all returns the documents of indices that match.
func (s *site) all(t *testing.T, indices, query string) []json.RawMessage {
	t.Helper()
	s.e.Must(t, http.MethodPost, "/"+indices+"/_refresh", "")
	var answer struct {
		Hits struct {
			Hits []struct {
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	body := fmt.Sprintf(`{"size":10000,"query":%s}`, query)
	if err := json.Unmarshal(s.e.Must(t, http.MethodPost, "/"+indices+"/_search", body), &answer); err != nil {
		t.Fatal(err)
	}
	out := make([]json.RawMessage, len(answer.Hits.Hits))
	for i, h := range answer.Hits.Hits {
		out[i] = h.Source
	}
	return out
}
