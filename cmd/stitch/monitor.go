package main

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/scheduler/metrics"
	"github.com/stitchdetect/stitch/scheduler/notify"
)

// heartbeatEvery is how often the holder of the lease writes that it lives.
const heartbeatEvery = time.Minute

// progressEvery is how often the ledgers are read for the metrics. The holder
// of the lease knows of its own runs anyway.
const progressEvery = 5 * time.Minute

// monitor watches a scheduler, for those who ask how it does. The nil one does
// not watch.
type monitor struct {
	metrics *metrics.Metrics
	now     func() time.Time
	news    chan struct{} // has something when the ledgers are to be read anew

	mu       sync.Mutex
	lease    scheduler.LeaseState
	beat     time.Time // when the loop of the lease last came round
	rules    int
	refused  error // why rule files were refused last; nil if they were not
	stopping bool
}

func newMonitor(now func() time.Time) *monitor {
	build := metrics.Build{Version: ownVersion(), Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				build.Commit = s.Value
			}
		}
	}
	return &monitor{metrics: metrics.New(build), now: now, beat: now(), news: make(chan struct{}, 1)}
}

// attach has a scheduler tell the monitor.
func (m *monitor) attach(o *scheduler.Options) {
	if m == nil {
		return
	}
	o.Observe, o.Turned, o.Leased, o.Heartbeat = m.metrics.Observe, m.metrics.Turned, m.leased, heartbeatEvery
	m.loaded(o.Rules, nil)
}

// attachNotifier has a notifier tell the monitor.
func (m *monitor) attachNotifier(o *notify.Options) {
	if m == nil {
		return
	}
	o.Observe = func(a notify.Attempt) { m.metrics.Notified(a.Route, a.Status) }
	o.Pending = m.metrics.NotificationsPending
}

func (m *monitor) leased(l scheduler.LeaseState) {
	m.metrics.Leased(l)
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.Held != m.lease.Held {
		m.lookAgain()
	}
	m.lease, m.beat = l, m.now()
}

// loaded notes that rule files were read, and why they were refused.
func (m *monitor) loaded(set *rules.Set, err error) {
	if m == nil {
		return
	}
	m.metrics.Reloaded(m.now(), err)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = err
	if err == nil {
		m.metrics.SetRules(set)
		m.rules = len(set.Rules)
		m.lookAgain()
	}
}

// stop notes that no run begins any more.
func (m *monitor) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopping = true
}

func (m *monitor) lookAgain() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// follow reads the ledgers for the metrics, so that they say what is covered
// before a rule has its turn, and while another scheduler runs the rules.
func (m *monitor) follow(ctx context.Context, s *scheduler.Scheduler, log *slog.Logger) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.news:
		case <-ticker.C:
		}
		list, err := s.Progress(ctx)
		if err != nil {
			if ctx.Err() == nil {
				log.Warn("metrics of coverage are not up to date", "err", err)
			}
			continue
		}
		m.metrics.SetProgress(list)
	}
}
