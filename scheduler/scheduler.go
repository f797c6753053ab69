package scheduler

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/people"
)

// Options say what a scheduler runs, on what. Rules and Engine are required.
type Options struct {
	Rules  *rules.Set
	Engine esq.Engine
	Names  mappings.Names // of stitch's indices; the default ones if zero
	Clock  Clock          // SystemClock if nil
	Logger *slog.Logger   // nothing is logged if nil
	// Concurrency is how many rules run at once; 4 if zero.
	Concurrency int
	// Grace is how long a run in hand may go on after the scheduler was told to
	// stop; 10 s if zero, no time at all if negative.
	Grace time.Duration
	// Holder names this scheduler in the lease; its machine and something random
	// if empty. No two may have the same.
	Holder string
	// LeasePeriod is how long the lease of a scheduler that has died is waited
	// for; 15 s if zero. A healthy one renews it three times as often.
	LeasePeriod time.Duration
	// Retention is how long run records, and what is remembered of the evidence
	// of alerts, are kept once no run needs them; 30 days if zero, for ever if
	// negative.
	Retention time.Duration
	// Version is stitch's own, named in the state that it writes, so that an older
	// one can say which is needed; may be empty.
	Version string
	// Months are the monthly indices; whole ones are deleted when they have passed
	// their retention and the cluster does not look after them itself. None is
	// deleted if nil.
	Months Months
	// AlertRetention is how long alerts are kept; for ever if not positive.
	AlertRetention time.Duration
	// Observe, if set, is told of every evaluation when it is over, one at a
	// time.
	Observe func(Report)
	// Turned, if set, is told of every look at a rule when it is over, due or not,
	// and Leased of every look at the lease; by several goroutines at once.
	Turned func(Turn)
	Leased func(LeaseState)
	// Heartbeat is how often the holder of the lease writes that it lives; never
	// if zero.
	Heartbeat time.Duration
	// Beside, if set, runs beside the rules while [Scheduler.Run] holds the lease.
	// It returns when starting is done, after what it has in hand, and at once
	// when work is.
	Beside func(starting, work context.Context)
	// Lasting says that no document of the sources ever changes, as in files: a
	// replay keeps what it has read of them.
	Lasting bool
	// Users reads the user map, at the beginning of each run; there is none if nil.
	Users Users
	// Arrivals is (*rules.Rule).Arrivals if nil.
	Arrivals Arrivals
	// Evaluate is (*rules.Rule).Run if nil.
	Evaluate Evaluate
}

// Users reads the map that tells which identities are one person's. A run
// without it would be a run over less, and fails.
type Users func(ctx context.Context, eng esq.Searcher) (*people.Map, error)

// Arrivals asks what became searchable for a rule in a slice of time.
type Arrivals func(ctx context.Context, r *rules.Rule, eng esq.Searcher, slice rules.Window) (*rules.Arrivals, error)

// Evaluate runs a rule over a window.
type Evaluate func(ctx context.Context, r *rules.Rule, eng esq.Searcher, w rules.Window) (*rules.Result, error)

// Scheduler runs rules when they are due.
type Scheduler struct {
	rules       *ruleSet
	engine      esq.Engine
	names       mappings.Names
	clock       Clock
	log         *slog.Logger
	concurrency int
	grace       time.Duration
	holder      string
	leasePeriod time.Duration
	retention   time.Duration // not positive: for ever
	version     string
	months      Months
	alertsKept  time.Duration // not positive: for ever
	sweeping    hourly
	beside      func(starting, work context.Context) // may be nil
	lasting     bool                                 // documents never change
	users       Users
	arrivals    Arrivals
	evaluate    Evaluate
	asksRules   bool                     // arrivals and evaluate are the rules' own
	tenure      atomic.Pointer[holdings] // what is held now; nil: nothing

	observing sync.Mutex
	observer  func(Report)
	turned    func(Turn)       // may be nil
	leased    func(LeaseState) // may be nil
	progress  progress
	heartbeat time.Duration // not positive: none

	complaining sync.Mutex
	complaint   string // what was logged last of state that cannot be deleted
}

// New returns a scheduler that does nothing yet.
func New(o Options) *Scheduler {
	s := &Scheduler{
		rules: newRuleSet(o.Rules), engine: o.Engine, names: o.Names, clock: o.Clock, log: o.Logger,
		concurrency: o.Concurrency, grace: o.Grace, holder: o.Holder, leasePeriod: o.LeasePeriod, retention: o.Retention,
		version: o.Version, months: o.Months, alertsKept: o.AlertRetention,
		beside: o.Beside, lasting: o.Lasting, users: o.Users, arrivals: o.Arrivals, evaluate: o.Evaluate, observer: o.Observe,
		turned: o.Turned, leased: o.Leased, heartbeat: o.Heartbeat,
	}
	if s.clock == nil {
		s.clock = SystemClock{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.concurrency <= 0 {
		s.concurrency = 4
	}
	if s.grace == 0 {
		s.grace = 10 * time.Second
	}
	if s.holder == "" {
		s.holder = newHolder()
	}
	if s.leasePeriod <= 0 {
		s.leasePeriod = 15 * time.Second
	}
	if s.retention == 0 {
		s.retention = DefaultRetention
	}
	s.asksRules = s.arrivals == nil && s.evaluate == nil
	if s.arrivals == nil {
		s.arrivals = func(ctx context.Context, r *rules.Rule, eng esq.Searcher, slice rules.Window) (*rules.Arrivals, error) {
			return r.Arrivals(ctx, eng, slice)
		}
	}
	if s.evaluate == nil {
		s.evaluate = func(ctx context.Context, r *rules.Rule, eng esq.Searcher, w rules.Window) (*rules.Result, error) {
			return r.Run(ctx, eng, w)
		}
	}
	return s
}

// withUsers returns a rule as it runs with the user map of this moment.
func (s *Scheduler) withUsers(ctx context.Context, r *rules.Rule) (*rules.Rule, error) {
	if s.users == nil {
		return r, nil
	}
	users, err := s.users(ctx, s.engine)
	if err != nil {
		return nil, err
	}
	return r.With(users), nil
}

// live returns the runner for the present time.
func (s *Scheduler) live() runner {
	return runner{Scheduler: s, clock: s.clock, book: storedLedgers{s.engine, s.names, s.version}}
}

// holding returns the runner of one who runs the rules alone, for a while, and
// keeps what is known of them between their turns. It asks the rules themselves
// whether anything arrived, and nobody else's idea of it.
func (s *Scheduler) holding() runner {
	r := s.live()
	r.places = make(chan struct{}, s.concurrency)
	if s.asksRules {
		r.held = newHoldings(s.engine)
		s.tenure.Store(r.held)
	}
	return r
}

// release ends what [Scheduler.holding] began.
func (s *Scheduler) release(r runner) { s.tenure.CompareAndSwap(r.held, nil) }

func (s *Scheduler) observe(r Report) {
	if s.observer == nil {
		return
	}
	s.observing.Lock()
	defer s.observing.Unlock()
	s.observer(r)
}

// newSummary returns a summary with a line for each rule.
func (s *Scheduler) newSummary() Summary {
	set, _ := s.rules.get()
	sum := Summary{Rules: make([]RuleSummary, len(set))}
	for i, r := range set {
		sum.Rules[i].Rule = r
	}
	return sum
}
