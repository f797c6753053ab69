package mappings_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/test/engines"
)

const (
	january = "detections-stitch.alerts-2026.01"
	runs    = "detections-stitch.runs-2026.01"
	dayLong = 24 * time.Hour
)

func families() []string { return []string{mappings.Elasticsearch, mappings.OpenSearch} }

// policyWord is how a family calls policies.
func policyWord(family string) string {
	if family == mappings.OpenSearch {
		return "state policy"
	}
	return "lifecycle policy"
}

// What is asked of a cluster is what its makers document, from the first
// bootstrap to the retention that is given up.
func TestLifecycle(t *testing.T) {
	for _, family := range families() {
		t.Run(family, func(t *testing.T) {
			s, cluster := newStandIn(t, family)
			var golden strings.Builder
			step := func(title string, r mappings.Retention, want map[string]string) {
				t.Helper()
				said, requests := s.apply(t, cluster, r)
				golden.WriteString("# " + title + "\n" + lines(requests) + "\n")
				got := map[string]string{}
				for name, action := range said {
					if strings.Contains(name, "policy") {
						got[name] = action
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: said (-want +got):\n%s", title, diff)
				}
			}
			word := policyWord(family)
			alerts, records := word+" detections-stitch.alerts", word+" detections-stitch.runs"
			ofAlerts, ofRecords := word+" of index "+january, word+" of index "+runs

			// Made by an older stitch.
			s.indices[january] = &storedIndex{created: 1767225600000}
			s.indices["detections-stitch.alerts-of-others"] = &storedIndex{}
			step("run records for 30 days", mappings.Retention{Runs: 30 * dayLong}, map[string]string{records: mappings.Created})

			s.index(runs)
			if s.indices[runs].policy != "detections-stitch.runs" {
				t.Errorf("a new index keeps to %q", s.indices[runs].policy)
			}
			step("alerts for 365 days as well", mappings.Retention{Runs: 30 * dayLong, Alerts: 365 * dayLong}, map[string]string{
				alerts: mappings.Created, records: mappings.Kept, ofAlerts: mappings.Created,
			})
			step("the same again", mappings.Retention{Runs: 30 * dayLong, Alerts: 365 * dayLong}, map[string]string{
				alerts: mappings.Kept, records: mappings.Kept,
			})
			if len(s.changes) > 0 {
				t.Errorf("changed again: %q", s.changes)
			}
			want := map[string]string{alerts: mappings.Updated, records: mappings.Kept}
			if family == mappings.OpenSearch {
				want[ofAlerts] = mappings.Updated // Elasticsearch's indices heed it by themselves
			}
			step("alerts for 400 days", mappings.Retention{Runs: 30 * dayLong, Alerts: 400 * dayLong}, want)

			s.indices[runs].policy = "keep-for-the-court"
			step("no retention of alerts any more, and an index with a policy of its own", mappings.Retention{Runs: 30 * dayLong}, map[string]string{
				alerts: mappings.Removed, ofAlerts: mappings.Removed, records: mappings.Kept,
				ofRecords + ", which is its own: keep-for-the-court": mappings.Kept,
			})
			step("no retention at all", mappings.Retention{}, map[string]string{records: mappings.Removed})
			if len(s.policies) > 0 || s.indices[january].policy != "" || s.indices[runs].policy != "keep-for-the-court" {
				t.Errorf("left: policies %v, %+v", s.policies, s.indices[january])
			}
			compareGolden(t, filepath.Join("testdata", "lifecycle."+family+".golden"), golden.String())
		})
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// A policy that someone else made under stitch's name is not written over, nor
// is one of a newer stitch, and nothing else is changed then.
func TestOthersPolicies(t *testing.T) {
	const newer = "stitch: newer [version 99, 0123456789abcdef]"
	for _, family := range families() {
		for name, body := range map[string]object{
			"another's": {"description": "mine", "_meta": object{"owner": "ops"}},
			"newer":     {"description": newer, "_meta": object{"version": 99, "hash": "0123456789abcdef"}},
		} {
			t.Run(family+" "+name, func(t *testing.T) {
				s, cluster := newStandIn(t, family)
				s.policies["detections-stitch.alerts"] = &storedPolicy{body: body, seqNo: 1}
				_, err := mappings.Setup{Family: family, Retention: mappings.Retention{Alerts: 365 * dayLong}}.Apply(t.Context(), cluster)
				var tooNew *mappings.NewerError
				if err == nil || errors.As(err, &tooNew) != (name == "newer") || len(s.changes) > 0 {
					t.Errorf("error %v after %q", err, s.changes)
				}
				if !strings.Contains(err.Error(), policyWord(family)+" detections-stitch.alerts") {
					t.Errorf("the error does not say which: %v", err)
				}
			})
		}
	}
}

// A user who may not see policies can prepare all the rest, but is told if it
// was asked to delete alerts.
func TestPoliciesNotAllowed(t *testing.T) {
	for _, family := range families() {
		t.Run(family, func(t *testing.T) {
			s, cluster := newStandIn(t, family)
			s.apply(t, cluster, mappings.Retention{Runs: 30 * dayLong})
			s.refuse = func(_, path string) int {
				if strings.HasPrefix(path, "/_ilm/policy/") || strings.HasPrefix(path, "/_plugins/_ism/policies/") {
					return http.StatusForbidden
				}
				return 0
			}
			said, requests := s.apply(t, cluster, mappings.Retention{Runs: 40 * dayLong})
			if len(requests) > 0 {
				t.Errorf("changed %q", requests)
			}
			skipped := 0
			for _, action := range said {
				if action == mappings.Skipped {
					skipped++
				}
			}
			if skipped != 2 {
				t.Errorf("said %v", said)
			}
			_, err := mappings.Setup{Family: family, Retention: mappings.Retention{Alerts: 365 * dayLong}}.Apply(t.Context(), cluster)
			if !esq.Refused(err) {
				t.Errorf("alerts were to be deleted: %v", err)
			}
		})
	}
}

// Without ILM or ISM the rest is prepared, and that stitch deletes is said.
func TestNoLifecycle(t *testing.T) {
	for _, family := range families() {
		for _, status := range []int{http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusGone} {
			s, cluster := newStandIn(t, family)
			s.refuse = func(_, path string) int {
				if strings.HasPrefix(path, "/_ilm/") || strings.HasPrefix(path, "/_plugins/") {
					return status
				}
				return 0
			}
			said, _ := s.apply(t, cluster, mappings.Retention{Runs: 30 * dayLong, Alerts: 365 * dayLong})
			absent := 0
			for name, action := range said {
				if action == mappings.Absent && strings.Contains(name, "stitch run deletes old") {
					absent++
				}
			}
			if absent != 2 || s.templates["detections-stitch.alerts"] == nil || strings.Contains(lines(s.changes), "lifecycle") {
				t.Errorf("%s, %d: said %v", family, status, said)
			}
			months := mappings.Months{Admin: cluster, Family: family}
			s.indices[january] = &storedIndex{created: 1767225600000}
			list, err := months.List(t.Context(), true)
			if err != nil || len(list) != 1 || list[0].Policy != "" {
				t.Errorf("%s, %d: %+v, %v", family, status, list, err)
			}
		}
	}
}

// An ISM policy that someone else writes between reading and writing it is read
// again, and not for ever.
func TestPolicyWrittenMeanwhile(t *testing.T) {
	for times, ok := range map[int]bool{1: true, 9: false} {
		s, cluster := newStandIn(t, mappings.OpenSearch)
		left := times
		s.interfere = func() {
			if left--; left >= 0 {
				s.seqNo++
				s.policies["detections-stitch.runs"] = &storedPolicy{body: object{"description": "half", "ism_template": []any{}}, seqNo: s.seqNo}
			}
		}
		_, err := mappings.Setup{Family: mappings.OpenSearch, Retention: mappings.Retention{Runs: 30 * dayLong}}.Apply(t.Context(), cluster)
		if (err == nil) != ok {
			t.Errorf("%d times: %v", times, err)
		}
	}
}

func TestMonth(t *testing.T) {
	for name, want := range map[string]string{
		january:                                   "alerts 2026-01-01 2026-02-01",
		"detections-stitch.runs-2024.12":          "runs 2024-12-01 2025-01-01",
		"detections-stitch.alerts":                "",
		"detections-stitch.alerts-*":              "",
		"detections-stitch.alerts-2026.1":         "",
		"detections-stitch.alerts-2026.13":        "",
		"detections-stitch.alerts-2026.01-copy":   "",
		"detections-stitch.alerts-2026.01,*":      "",
		"detections-stitch.alerts-2026.01.01":     "",
		"xdetections-stitch.alerts-2026.01":       "",
		"detections-stitch.state":                 "",
		"detections-stitch.alerts-12026.01":       "",
		"restored-detections-stitch.runs-2026.01": "",
		"*": "", "_all": "", "": "",
	} {
		m, ok := mappings.Names{}.Month(name)
		got := ""
		if ok {
			got = "runs "
			if m.Alerts {
				got = "alerts "
			}
			got += m.Start.Format(time.DateOnly) + " " + m.End.Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// Months are listed and deleted one by one; what only looks like one stays.
func TestMonthsOnClusters(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		names := mappings.Names{Prefix: e.Prefix(t) + "stitch"}
		months := mappings.Months{Admin: cluster, Family: e.Family, Names: names}
		both := func() []mappings.Month {
			t.Helper()
			alerts, err := months.List(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			records, err := months.List(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			return append(alerts, records...)
		}
		if list := both(); len(list) > 0 {
			t.Errorf("of nothing: %v", list)
		}
		begun := time.Now().Add(-time.Hour)
		old, other := names.Alerts()+"-2026.01", names.Runs()+"-2026.01"
		for _, index := range []string{old, other, old + "-restored", names.Alerts() + "-2026.13"} {
			e.Must(t, http.MethodPut, "/"+index, `{"settings":{"number_of_replicas":0}}`)
		}
		// An alias named as a month is no month.
		e.Must(t, http.MethodPut, "/"+old+"-restored/_alias/"+names.Alerts()+"-2025.01", "")
		list := both()
		if len(list) != 2 || list[0].Index != old || !list[0].Alerts || list[1].Index != other || list[1].Alerts {
			t.Fatalf("listed %+v", list)
		}
		if at := list[0].Created; at.Before(begun) || at.After(time.Now().Add(time.Hour)) || list[0].Policy != "" {
			t.Errorf("made at %v, policy %q", at, list[0].Policy)
		}
		for _, wrong := range []string{names.AlertPattern(), names.Alerts(), old + "-restored", "_all", "*", ""} {
			if err := months.Delete(t.Context(), mappings.Month{Index: wrong}); err == nil {
				t.Errorf("deleted %q", wrong)
			}
		}
		for range 2 { // the second time it has gone
			if err := months.Delete(t.Context(), list[0]); err != nil {
				t.Error(err)
			}
		}
		if list := both(); len(list) != 1 || list[0].Index != other {
			t.Errorf("then listed %+v", list)
		}
	})
}

// Fields that a newer template has are added to an index that an older one
// made; those which have got another type meanwhile are named, and left.
func TestFieldsOfAnotherType(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		names := prepare(t, e)
		index := names.AlertIndex(at("00:00:00.000"))
		e.Must(t, http.MethodDelete, "/_index_template/"+names.Alerts(), "")
		e.Must(t, http.MethodPut, "/"+index, `{"mappings":{"dynamic":false,"_meta":{"version":3,"hash":"older"},"properties":{
			"@timestamp":{"type":"date"},"stitch":{"properties":{"triage":{"properties":{"history":{"properties":{"at":{"type":"keyword"}}}}}}}}}}`)
		var requests []string
		changes, err := mappings.Bootstrap(t.Context(), administer(e, &requests), e.Family, names)
		if err != nil {
			t.Fatal(err)
		}
		want := "mapping of index " + index + ", but for fields that have another type there: stitch.triage.history.at (keyword, not date)"
		if byName(changes)[want] != mappings.Updated {
			t.Errorf("said %v", changes)
		}
		mapping := string(e.Must(t, http.MethodGet, "/"+index+"/_mapping/field/stitch.retracted,stitch.triage.history.by,stitch.triage.history.at", ""))
		for _, field := range []string{`{"retracted":{"type":"date"}}`, `{"by":{"type":"keyword"`, `{"at":{"type":"keyword"}}`} {
			if !strings.Contains(mapping, field) {
				t.Errorf("no %s in %s", field, mapping)
			}
		}
		requests = nil
		if _, err := mappings.Bootstrap(t.Context(), administer(e, &requests), e.Family, names); err != nil || len(requests) > 0 {
			t.Errorf("again: %v, %q", err, requests)
		}
	})
}
