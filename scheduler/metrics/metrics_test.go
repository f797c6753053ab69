package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/scheduler/metrics"
)

func rule(id string) *rules.Rule {
	return &rules.Rule{
		Meta: rules.Meta{ID: id, Name: "Rule " + id, Type: "sequence"}, Schedule: rules.Every(10 * time.Minute),
		LookBack: 20 * time.Minute, Lateness: time.Hour, Fingerprint: "f1",
	}
}

func set(ids ...string) *rules.Set {
	s := &rules.Set{}
	for _, id := range ids {
		s.Rules = append(s.Rules, rule(id))
	}
	return s
}

// site is a scheduler with metrics on the embedded engine.
type site struct {
	*scheduler.Scheduler
	*metrics.Metrics
	evaluate atomic.Value // func() (*rules.Result, error)
}

func newSite(engine esq.Engine, ids ...string) *site {
	s := &site{Metrics: metrics.New(metrics.Build{Version: "v1", Commit: "c", Go: "go1"})}
	loaded := set(ids...)
	s.SetRules(loaded)
	s.Reloaded(time.Now(), nil)
	s.Scheduler = scheduler.New(scheduler.Options{
		Rules: loaded, Engine: engine, Observe: s.Observe, Turned: s.Turned, Leased: s.Leased, Holder: "one",
		Arrivals: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Arrivals, error) {
			now := time.Now()
			return &rules.Arrivals{Count: 3, First: now, Last: now, Sources: []rules.SourceArrivals{{Stage: "s", Count: 3, Late: 2}}}, nil
		},
		Evaluate: func(context.Context, *rules.Rule, esq.Searcher, rules.Window) (*rules.Result, error) {
			time.Sleep(2 * time.Second)
			return s.evaluate.Load().(func() (*rules.Result, error))()
		},
	})
	return s
}

// sample is the value of one series, in the text of Prometheus; "" if there is
// none.
func (s *site) sample(t *testing.T, series string) string {
	t.Helper()
	families, err := s.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			if name != series {
				continue
			}
			switch {
			case m.GetCounter() != nil:
				return fmt.Sprint(m.GetCounter().GetValue())
			case m.GetGauge() != nil:
				return fmt.Sprint(m.GetGauge().GetValue())
			case m.GetHistogram() != nil:
				return fmt.Sprint(m.GetHistogram().GetSampleCount(), " ", m.GetHistogram().GetSampleSum())
			}
		}
	}
	return ""
}

func (s *site) wants(t *testing.T, want map[string]string) {
	t.Helper()
	for series, value := range want {
		if got := s.sample(t, series); got != value {
			t.Errorf("%s is %q, want %q", series, got, value)
		}
	}
}

func at(t time.Time) string { return fmt.Sprint(float64(t.Unix())) }

func TestRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := memory.New(memory.Options{Now: time.Now})
		s := newSite(engine, "a")
		good := &rules.Result{Stats: esq.Stats{Requests: 4, Hits: 5, Took: 500 * time.Millisecond}, Stages: []rules.StageResult{{Stage: "s", Rows: 7}}}
		s.evaluate.Store(func() (*rules.Result, error) { return good, nil })
		begun := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		const of = " rule=Rule a rule_id=a"
		s.wants(t, map[string]string{
			"stitch_rule_runs_total outcome=success" + of: "1", "stitch_rule_runs_total outcome=failure" + of: "0",
			"stitch_rule_run_duration_seconds" + of:            "1 2",
			"stitch_rule_engine_seconds_total" + of:            "0.5",
			"stitch_rule_own_seconds_total" + of:               "1.5",
			"stitch_rule_engine_requests_total" + of:           "4",
			"stitch_rule_engine_hits_total" + of:               "5",
			"stitch_rule_stage_rows_total" + of + " stage=s":   "7",
			"stitch_rule_arrived_documents_total" + of:         "3",
			"stitch_rule_late_documents_total" + of:            "2",
			"stitch_rule_covered_until_timestamp_seconds" + of: at(begun),
			"stitch_rule_next_due_timestamp_seconds" + of:      at(begun.Add(10 * time.Minute)),
			"stitch_rule_schedule_lag_seconds" + of:            "0",
			"stitch_rule_holes" + of:                           "0",
			"stitch_lease_held":                                "1",
			"stitch_lease_token":                               "1",
			"stitch_rules_loaded":                              "1",
		})

		// While it fails, what is covered stands still.
		s.evaluate.Store(func() (*rules.Result, error) {
			return nil, &esq.UnreachableError{Op: "search", Err: errors.New("gone")}
		})
		time.Sleep(10 * time.Minute)
		s.wants(t, map[string]string{
			"stitch_rule_runs_total outcome=success" + of: "1", "stitch_rule_covered_until_timestamp_seconds" + of: at(begun), "stitch_rule_holes" + of: "1",
		})
		if s.sample(t, "stitch_rule_failures_total reason=unreachable"+of) == "" {
			t.Error("failures are not counted")
		}

		// And then it goes on; what was loaded without the rule has nothing of it.
		s.evaluate.Store(func() (*rules.Result, error) { return good, nil })
		time.Sleep(30 * time.Minute)
		s.wants(t, map[string]string{
			"stitch_rule_covered_until_timestamp_seconds" + of: at(begun.Add(40 * time.Minute)), "stitch_rule_holes" + of: "0",
		})
		s.SetRules(set("b"))
		s.Observe(scheduler.Report{Rule: rule("a"), Started: begun, Finished: begun})
		if got, err := testutil.GatherAndCount(s.Gatherer(), "stitch_rule_covered_until_timestamp_seconds", "stitch_rule_run_duration_seconds", "stitch_rule_alerts_total"); err != nil || got != 0 {
			t.Errorf("%d series of a rule that has gone, %v", got, err)
		}
		stop()
		<-done
		s.wants(t, map[string]string{"stitch_lease_held": "0", "stitch_rule_runs_total outcome=success rule=Rule b rule_id=b": "0"})

		// Another process knows what is covered before it runs anything.
		later := newSite(engine, "a")
		list, err := later.Progress(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		later.SetProgress(list)
		later.wants(t, map[string]string{"stitch_rule_covered_until_timestamp_seconds" + of: at(begun.Add(40 * time.Minute)), "stitch_rule_holes" + of: "0"})
	})
}

// A ledger that cannot be read is a failure, though nothing was run.
func TestTurnWithoutARun(t *testing.T) {
	s := newSite(memory.New(memory.Options{Now: time.Now}), "a")
	s.Turned(scheduler.Turn{Progress: scheduler.Progress{Rule: rule("a"), Err: &scheduler.StateError{Document: "x", Reason: "was edited"}}})
	s.wants(t, map[string]string{
		"stitch_rule_runs_total outcome=failure rule=Rule a rule_id=a":  "1",
		"stitch_rule_failures_total reason=state rule=Rule a rule_id=a": "1",
	})
}

func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(filled().Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// filled has a series of every metric.
func filled() *metrics.Metrics {
	m := metrics.New(metrics.Build{Version: "v1", Commit: "c", Go: "go1"})
	m.SetRules(set("a"))
	now := time.Now()
	m.Observe(scheduler.Report{
		Rule: rule("a"), Started: now, Finished: now, Err: errors.New("no"), Arrivals: &rules.Arrivals{},
		Result: &rules.Result{Stages: []rules.StageResult{{Stage: "s"}}},
	})
	m.Turned(scheduler.Turn{Progress: scheduler.Progress{Rule: rule("a"), CoveredUntil: now, Next: now}, Due: now, Began: now})
	m.Reloaded(now, nil)
	m.Leased(scheduler.LeaseState{At: now})
	m.Notified("r", "sent")
	m.NotificationsPending("r", 1)
	return m
}
