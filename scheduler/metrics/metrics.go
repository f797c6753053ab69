// Package metrics keeps the figures of a scheduler for Prometheus: what its
// rules did and how far they have come, who has the lease, whether rule files
// were taken over.
//
// Series of a rule bear its id and its name, and go when the rule does. How
// stale a rule is, is computed where the metrics are read: the time that it is
// covered until is given as a timestamp, which stands still while the rule stays
// uncovered.
package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// Build is which stitch this is.
type Build struct{ Version, Commit, Go string }

// Metrics are the figures of one process. All methods may be called by several
// goroutines at once.
type Metrics struct {
	registry *prometheus.Registry
	rules    ruleMetrics
	process  processMetrics

	mu    sync.Mutex
	names map[string]string // of the rules that run, by id
}

// New returns metrics in a registry of their own, the process's and the Go
// runtime's among them.
func New(b Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), rules: newRuleMetrics(), process: newProcessMetrics(), names: map[string]string{},
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "stitch_build_info", Help: "Which stitch this is; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "goversion": b.Go},
	})
	build.Set(1)
	m.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.rules.collectors()...)
	m.registry.MustRegister(m.process.collectors()...)
	return m
}

// Gatherer gives all metrics.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Handler answers with all metrics in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 30 * time.Second})
}

// SetRules says which rules run. The series of others go, and no run of theirs
// that is still in hand brings them back.
func (m *Metrics) SetRules(set *rules.Set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make(map[string]string, len(set.Rules))
	for _, r := range set.Rules {
		names[r.ID] = r.Name
		m.rules.begin(labelsOf(r))
	}
	for id, name := range m.names {
		if names[id] != name {
			m.rules.forget(prometheus.Labels{"rule_id": id, "rule": name})
		}
	}
	m.names = names
	m.process.loaded.Set(float64(len(names)))
}

// known calls do with the labels of a rule, if it runs.
func (m *Metrics) known(r *rules.Rule, do func(prometheus.Labels)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name, runs := m.names[r.ID]; runs && name == r.Name {
		do(labelsOf(r))
	}
}

// Observe counts a run. It is for [scheduler.Options].Observe.
func (m *Metrics) Observe(r scheduler.Report) {
	m.known(r.Rule, func(l prometheus.Labels) { m.rules.observe(l, r) })
}

// Turned notes how a rule's turn ended. It is for [scheduler.Options].Turned.
func (m *Metrics) Turned(t scheduler.Turn) {
	m.known(t.Rule, func(l prometheus.Labels) {
		if t.Err != nil && t.Runs == 0 {
			m.rules.failed(l, t.Err)
		}
		m.rules.turned(l, t)
	})
}

// SetProgress notes how far rules have come, as the ledgers say. One whose
// ledger says nothing keeps what was known.
func (m *Metrics) SetProgress(list []scheduler.Progress) {
	for _, p := range list {
		m.known(p.Rule, func(l prometheus.Labels) { m.rules.progress(l, p) })
	}
}

func labelsOf(r *rules.Rule) prometheus.Labels {
	return prometheus.Labels{"rule_id": r.ID, "rule": r.Name}
}
