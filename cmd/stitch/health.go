package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/scheduler"
)

// stuckAfter is how long the loop of the lease may be silent. It comes round
// every few seconds; requests to a cluster that does not answer hold it up for
// minutes, which is no reason to end the process.
const stuckAfter = 20 * time.Minute

// healthy answers whether the process is alive and its loops come round.
func (m *monitor) healthy(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	silent := m.now().Sub(m.beat)
	m.mu.Unlock()
	if silent > stuckAfter {
		http.Error(w, fmt.Sprintf("stuck: the lease has not been looked at for %s; restart it", silent.Round(time.Second)), http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}

// readiness is the answer to /readyz.
type readiness struct {
	Ready  bool                  `json:"ready"`
	Checks map[string]readyCheck `json:"checks"`
}

type readyCheck struct {
	OK bool `json:"ok"`
	// The rest is for those who may ask for everything.
	Reason string `json:"reason,omitempty"`
	Detail any    `json:"detail,omitempty"`
}

type leaseDetail struct {
	Holder string `json:"holder"`
	Token  int64  `json:"token"`
	Held   bool   `json:"held"` // by this process
}

// How often the cluster is asked because of /readyz, at the most, and how long
// for.
const (
	probeEvery   = 5 * time.Second
	probeTimeout = 5 * time.Second
)

// prober asks the cluster for the lease, seldom enough that anyone may cause it.
type prober struct {
	monitor *monitor
	read    func(context.Context) (*scheduler.Lease, error)

	mu    sync.Mutex
	at    time.Time
	lease *scheduler.Lease
	err   error
}

func (p *prober) probe(ctx context.Context) (*scheduler.Lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.monitor.now(); p.at.IsZero() || now.Sub(p.at) >= probeEvery {
		// What is found is for those who ask next, too.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
		defer cancel()
		p.lease, p.err = p.read(ctx)
		p.at = p.monitor.now()
	}
	return p.lease, p.err
}

// ServeHTTP answers whether rules run here, or would if the lease were free.
func (p *prober) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	lease, err := p.probe(r.Context())
	answer := readiness{Ready: true, Checks: p.monitor.checks(lease, err)}
	_, everything := admitted(r)
	for name, c := range answer.Checks {
		answer.Ready = answer.Ready && c.OK
		if !everything {
			answer.Checks[name] = readyCheck{OK: c.OK}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer) // to one who has gone
}

func (m *monitor) checks(lease *scheduler.Lease, err error) map[string]readyCheck {
	m.mu.Lock()
	defer m.mu.Unlock()
	checks := map[string]readyCheck{
		"cluster": {OK: true}, "lease": {OK: true}, "rules": {OK: m.rules > 0, Detail: map[string]int{"loaded": m.rules}},
	}
	var state *scheduler.StateError
	switch {
	case errors.As(err, &state):
		checks["lease"] = readyCheck{Reason: err.Error()}
	case err != nil:
		checks["cluster"] = readyCheck{Reason: err.Error()}
		checks["lease"] = readyCheck{Reason: "not known while the cluster cannot be asked"}
	case lease == nil:
		checks["lease"] = readyCheck{Reason: "nobody has taken it yet"}
	default:
		checks["lease"] = readyCheck{OK: true, Detail: leaseDetail{lease.Holder, lease.Token, m.lease.Held}}
	}
	if m.rules == 0 {
		checks["rules"] = readyCheck{Reason: "no rules are loaded"}
	} else if m.refused != nil {
		c := checks["rules"]
		c.Reason = "changed rule files were refused, those before go on: " + m.refused.Error()
		checks["rules"] = c
	}
	if m.stopping {
		checks["running"] = readyCheck{Reason: "stopping"}
	}
	return checks
}
