package metrics

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/scheduler"
)

// ruleMetrics are the figures of rules.
type ruleMetrics struct {
	runs, failures, alerts, stageRows              *prometheus.CounterVec
	arrived, late, hits, requests                  *prometheus.CounterVec
	engineSeconds, ownSeconds                      *prometheus.CounterVec
	duration                                       *prometheus.HistogramVec
	scheduleLag, nextDue, coveredUntil, holesCount *prometheus.GaugeVec
}

func newRuleMetrics() ruleMetrics {
	labels := func(more ...string) []string { return append([]string{"rule_id", "rule"}, more...) }
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels(more...))
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels())
	}
	return ruleMetrics{
		runs:          counter("stitch_rule_runs_total", "Runs over a slice of arrival time, by outcome: success or failure.", "outcome"),
		failures:      counter("stitch_rule_failures_total", "Runs that failed, by reason.", "reason"),
		alerts:        counter("stitch_rule_alerts_total", "Alerts, by what was done: created, updated, retracted, unchanged, kept although evidence has gone.", "action"),
		stageRows:     counter("stitch_rule_stage_rows_total", "Rows that a stage brought.", "stage"),
		arrived:       counter("stitch_rule_arrived_documents_total", "Documents that arrived for the rule, as runs met them."),
		late:          counter("stitch_rule_late_documents_total", "Documents that arrived later than the rule's lateness."),
		hits:          counter("stitch_rule_engine_hits_total", "Hits and groups that the engine handed over."),
		requests:      counter("stitch_rule_engine_requests_total", "Requests to the engine."),
		engineSeconds: counter("stitch_rule_engine_seconds_total", "Time that the engine says it took."),
		ownSeconds:    counter("stitch_rule_own_seconds_total", "Time of runs beyond the engine's own: network, stitching, writing."),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "stitch_rule_run_duration_seconds", Help: "How long runs took.", Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 900},
		}, labels()),
		scheduleLag:  gauge("stitch_rule_schedule_lag_seconds", "How much later than due the rule's last turn began."),
		nextDue:      gauge("stitch_rule_next_due_timestamp_seconds", "When the rule falls due again."),
		coveredUntil: gauge("stitch_rule_covered_until_timestamp_seconds", "Until when the rule is covered without a hole, in arrival time."),
		holesCount:   gauge("stitch_rule_holes", "Stretches of time that were due or tried and are not covered."),
	}
}

func (m ruleMetrics) collectors() []prometheus.Collector {
	list := []prometheus.Collector{m.duration}
	for _, c := range m.counters() {
		list = append(list, c)
	}
	for _, g := range m.gauges() {
		list = append(list, g)
	}
	return list
}

func (m ruleMetrics) counters() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{m.runs, m.failures, m.alerts, m.stageRows, m.arrived, m.late, m.hits, m.requests, m.engineSeconds, m.ownSeconds}
}

func (m ruleMetrics) gauges() []*prometheus.GaugeVec {
	return []*prometheus.GaugeVec{m.scheduleLag, m.nextDue, m.coveredUntil, m.holesCount}
}

// begin has the series begin whose first increase matters.
func (m ruleMetrics) begin(l prometheus.Labels) {
	for _, outcome := range []string{"success", "failure"} {
		m.runs.With(with(l, "outcome", outcome))
	}
}

// forget removes all series of a rule.
func (m ruleMetrics) forget(l prometheus.Labels) {
	m.duration.DeletePartialMatch(l)
	for _, c := range m.counters() {
		c.DeletePartialMatch(l)
	}
	for _, g := range m.gauges() {
		g.DeletePartialMatch(l)
	}
}

func with(l prometheus.Labels, name, value string) prometheus.Labels {
	l = maps.Clone(l)
	l[name] = value
	return l
}

func (m ruleMetrics) observe(l prometheus.Labels, r scheduler.Report) {
	took := r.Finished.Sub(r.Started)
	m.duration.With(l).Observe(took.Seconds())
	if r.Err != nil {
		m.failed(l, r.Err)
	} else {
		m.runs.With(with(l, "outcome", "success")).Inc()
	}
	for action, n := range map[string]int{
		"created": r.Alerts.Created, "updated": r.Alerts.Updated, "retracted": r.Alerts.Retracted,
		"unchanged": r.Alerts.Unchanged, "kept": r.Alerts.Kept,
	} {
		m.alerts.With(with(l, "action", action)).Add(float64(n))
	}
	if r.Arrivals != nil {
		m.arrived.With(l).Add(float64(r.Arrivals.Count))
	}
	m.late.With(l).Add(float64(r.Late()))
	if r.Result == nil {
		return
	}
	engine := r.Result.Stats.Took
	m.engineSeconds.With(l).Add(engine.Seconds())
	// Searches side by side may take the engine longer than the run took.
	m.ownSeconds.With(l).Add(max(0, took-engine).Seconds())
	m.hits.With(l).Add(float64(r.Result.Stats.Hits))
	m.requests.With(l).Add(float64(r.Result.Stats.Requests))
	for _, s := range r.Result.Stages {
		m.stageRows.With(with(l, "stage", s.Stage)).Add(float64(s.Rows))
	}
}

// failed counts a run that failed, or a turn that did not come to one.
func (m ruleMetrics) failed(l prometheus.Labels, err error) {
	m.runs.With(with(l, "outcome", "failure")).Inc()
	m.failures.With(with(l, "reason", reason(err))).Inc()
}

// reason is one word for why a run failed.
func reason(err error) string {
	var (
		overtaken   *scheduler.OvertakenError
		write       *scheduler.WriteError
		state       *scheduler.StateError
		unreachable *esq.UnreachableError
		partial     *esq.PartialError
		refused     *esq.ResponseError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "abandoned"
	case errors.As(err, &overtaken):
		return "overtaken"
	case errors.As(err, &write):
		return "write"
	case errors.As(err, &state):
		return "state"
	case errors.As(err, &unreachable):
		return "unreachable"
	case errors.As(err, &partial):
		return "partial"
	case errors.As(err, &refused):
		return "refused"
	}
	return "other"
}

func (m ruleMetrics) turned(l prometheus.Labels, t scheduler.Turn) {
	m.progress(l, t.Progress)
	if !t.Due.IsZero() {
		m.scheduleLag.With(l).Set(max(0, t.Began.Sub(t.Due)).Seconds())
	}
}

func (m ruleMetrics) progress(l prometheus.Labels, p scheduler.Progress) {
	if !p.Next.IsZero() {
		m.nextDue.With(l).Set(seconds(p.Next))
	}
	if !p.CoveredUntil.IsZero() {
		m.coveredUntil.With(l).Set(seconds(p.CoveredUntil))
		m.holesCount.With(l).Set(float64(p.Holes))
	}
}

// seconds is a time as Prometheus has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
