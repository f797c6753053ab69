package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stitchdetect/stitch/scheduler"
)

// processMetrics are the figures that are of no rule.
type processMetrics struct {
	held, token, seen    prometheus.Gauge
	loaded               prometheus.Gauge
	reloads              *prometheus.CounterVec
	reloadOK, reloadedAt prometheus.Gauge
	retries              prometheus.Counter
	notifications        *prometheus.CounterVec
	pending              *prometheus.GaugeVec
}

func newProcessMetrics() processMetrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	p := processMetrics{
		held:       gauge("stitch_lease_held", "1 if this process holds the lease and runs the rules, 0 if it stands by."),
		token:      gauge("stitch_lease_token", "The lease's token as last seen; it rises whenever the lease changes hands."),
		seen:       gauge("stitch_lease_seen_timestamp_seconds", "When the lease was last read or renewed."),
		loaded:     gauge("stitch_rules_loaded", "Rules that are loaded."),
		reloads:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stitch_reloads_total", Help: "Rule files that were read again, by outcome: success or failure."}, []string{"outcome"}),
		reloadOK:   gauge("stitch_reload_successful", "1 if the rule files were right when they were read last, 0 if older rules go on."),
		reloadedAt: gauge("stitch_reload_success_timestamp_seconds", "When rule files were last taken over."),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stitch_request_retries_total", Help: "Requests to the cluster that were repeated.",
		}),
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stitch_notifications_total", Help: "Messages about alerts, by what became of them: sent, failed or refused.",
		}, []string{"route", "status"}),
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "stitch_notifications_pending", Help: "Alerts that a route has yet to be told of.",
		}, []string{"route"}),
	}
	for _, outcome := range []string{"success", "failure"} {
		p.reloads.WithLabelValues(outcome)
	}
	return p
}

func (p processMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		p.held, p.token, p.seen, p.loaded, p.reloads, p.reloadOK, p.reloadedAt, p.retries, p.notifications, p.pending,
	}
}

// Leased notes what is known of the lease. It is for
// [scheduler.Options].Leased.
func (m *Metrics) Leased(l scheduler.LeaseState) {
	held := 0.0
	if l.Held {
		held = 1
	}
	m.process.held.Set(held)
	if l.Err == nil {
		m.process.token.Set(float64(l.Token))
		m.process.seen.Set(seconds(l.At))
	}
}

// Reloaded notes that rule files were read, at the start or later, and why they
// were refused, if they were.
func (m *Metrics) Reloaded(at time.Time, err error) {
	if err != nil {
		m.process.reloads.WithLabelValues("failure").Inc()
		m.process.reloadOK.Set(0)
		return
	}
	m.process.reloads.WithLabelValues("success").Inc()
	m.process.reloadOK.Set(1)
	m.process.reloadedAt.Set(seconds(at))
}

// Retrying counts a request that is repeated.
func (m *Metrics) Retrying() { m.process.retries.Inc() }

// Notified counts a message; its status is sent, failed or refused.
func (m *Metrics) Notified(route, status string) {
	m.process.notifications.WithLabelValues(route, status).Inc()
}

// NotificationsPending notes how many alerts a route has yet to be told of.
func (m *Metrics) NotificationsPending(route string, alerts int64) {
	m.process.pending.WithLabelValues(route).Set(float64(alerts))
}
