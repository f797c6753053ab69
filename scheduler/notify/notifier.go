package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// Clock is where time comes from; [scheduler.SystemClock] is one.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// Options say what a notifier does. Engine and Clock are required.
type Options struct {
	Routes []Route
	Engine esq.Engine
	Names  mappings.Names // of stitch's indices; the default ones if zero
	Clock  Clock
	Logger *slog.Logger // nothing is logged if nil
	// Every is how often it looks for alerts; 10 s if zero.
	Every time.Duration
	// Observe, if set, is told of every attempt when it is over. It may be called
	// by several goroutines at once, and so may Pending.
	Observe func(Attempt)
	// Pending, if set, is told now and then how many alerts a route has yet to be
	// told of.
	Pending func(route string, alerts int64)
}

// Attempt is one message that was sent, or was to be.
type Attempt struct {
	Route  string
	Kind   Kind
	Status string // mappings.Sent, Failed or Refused
	Took   time.Duration
}

// Notifier tells routes of alerts.
type Notifier struct {
	routes  []*Route
	engine  esq.Engine
	names   mappings.Names
	clock   Clock
	log     *slog.Logger
	every   time.Duration
	begun   time.Time // when it was made
	observe func(Attempt)
	pending func(string, int64)

	mu sync.Mutex
	// unnoted are outcomes that could not be written on their alerts yet.
	unnoted map[place]mappings.Notification
}

// place is where an outcome is noted.
type place struct {
	ref   esq.Ref
	route string
}

// New returns a notifier that does nothing yet. Alerts that are written from now
// on are told to routes that were not there before.
func New(o Options) *Notifier {
	n := &Notifier{
		engine: o.Engine, names: o.Names, clock: o.Clock, log: o.Logger, every: o.Every,
		begun: o.Clock.Now().UTC().Truncate(time.Millisecond), observe: o.Observe, pending: o.Pending,
		unnoted: map[place]mappings.Notification{},
	}
	for _, r := range o.Routes {
		n.routes = append(n.routes, &r)
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.every <= 0 {
		n.every = 10 * time.Second
	}
	if n.observe == nil {
		n.observe = func(Attempt) {}
	}
	return n
}

// Run tells routes of alerts until ctx is done. Messages on their way then may
// come to their end until work is done. All goroutines have ended when it
// returns, but for those of services that do not answer.
func (n *Notifier) Run(ctx, work context.Context) {
	var wg sync.WaitGroup
	for _, r := range n.routes {
		wg.Go(func() { n.tend(ctx, work, r) })
	}
	wg.Wait()
}

// tend keeps one route told until ctx is done.
func (n *Notifier) tend(ctx, work context.Context, r *Route) {
	s := newSweeper(n, r)
	failures := 0
	for ctx.Err() == nil {
		done, err := s.sweep(ctx, work)
		wait := n.every
		switch {
		case err != nil && ctx.Err() == nil:
			n.log.LogAttrs(ctx, slog.LevelWarn, "alerts to notify cannot be read or noted", slog.String("route", r.Name), slog.Any("err", err))
			failures++
			wait = routeWait(r.Name, failures)
		case done.failed > 0:
			if done.sent > 0 {
				failures = 0
			}
			failures++
			wait = max(routeWait(r.Name, failures), done.after)
		case done.sent > 0:
			failures = 0
			wait = 0 // there may be more
		}
		if !n.wait(ctx, wait) {
			return
		}
	}
}

// wait returns false if ctx was done before the time has passed.
func (n *Notifier) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-n.clock.After(d):
		return true
	}
}

// Flushed is what became of a route in [Notifier.Flush].
type Flushed struct {
	Route                 string
	Sent, Failed, Pending int64
	Err                   error // the last one, of the service or of the engine
}

// maxFlushFailures is how many messages of a route may fail in a flush.
const maxFlushFailures = 3

// Flush tells the routes of all that is due, each until it fails a few times,
// for at most the given time. What is left is for the next.
func (n *Notifier) Flush(ctx context.Context, most time.Duration) []Flushed {
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := n.clock.After(most)
	go func() {
		select {
		case <-stop:
			cancel()
		case <-limited.Done():
		}
	}()
	out := make([]Flushed, len(n.routes))
	var wg sync.WaitGroup
	for i, r := range n.routes {
		wg.Go(func() { out[i] = n.flush(ctx, limited, r) })
	}
	wg.Wait()
	return out
}

func (n *Notifier) flush(ctx, limited context.Context, r *Route) Flushed {
	s := newSweeper(n, r)
	out := Flushed{Route: r.Name}
	told := map[esq.Ref]bool{}
	for limited.Err() == nil && out.Failed < maxFlushFailures {
		done, err := s.sweep(limited, limited)
		out.Sent += done.sent
		out.Failed += done.failed
		for _, ref := range done.told {
			told[ref] = true
		}
		if done.err != nil {
			out.Err = done.err
		}
		if err != nil {
			if limited.Err() == nil {
				out.Err = err
			}
			break
		}
		if done.sent+done.failed == 0 {
			break
		}
	}
	pending, err := s.left(ctx, told)
	out.Pending = pending
	if out.Err == nil {
		out.Err = err
	}
	return out
}

// Prepare notes from when on new routes are told of alerts, so that those of the
// first run are told.
func (n *Notifier) Prepare(ctx context.Context) error {
	for _, r := range n.routes {
		if _, _, err := n.readWatermark(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
