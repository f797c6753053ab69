package scheduler

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// Once runs what is due now, and whatever is owed from before, and returns; a
// rule that never ran is due. A rule
// that fails does not stop the others: its error is in the summary. The error
// is that of ctx, if it was done before all rules had their turn; runs in hand
// then had the grace to finish.
func (s *Scheduler) Once(ctx context.Context) (Summary, error) {
	sum := s.newSummary()
	s.withGrace(ctx, context.WithoutCancel(ctx), func(work context.Context, wg *sync.WaitGroup) {
		wg.Go(func() {
			r := s.holding()
			defer s.release(r)
			r.prepare(work)
			s.onceAll(ctx, work, r, sum)
			for _, rule := range s.storeAll(work, r, sum) {
				// What was not to be stored is looked at again, and stored at once.
				i := slices.IndexFunc(sum.Rules, func(of RuleSummary) bool { return of.Rule == rule })
				s.catchUp(work, s.live(), rule, false, &sum.Rules[i])
			}
		})
	})
	return sum, ctx.Err()
}

// onceAll gives all rules their turns, until ctx is done.
func (s *Scheduler) onceAll(ctx, work context.Context, r runner, sum Summary) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range sum.Rules {
		wg.Go(func() {
			if !acquire(ctx, r.places) {
				return
			}
			defer release(r.places)
			s.catchUp(work, r, sum.Rules[i].Rule, false, &sum.Rules[i])
		})
	}
}

// storeAll stores what nothing arrived in and returns the rules that are to be
// looked at again. What it could not store is no less of a failure than a run's.
func (s *Scheduler) storeAll(ctx context.Context, r runner, sum Summary) []*rules.Rule {
	stored := r.storeVain(ctx)
	stored.complain(ctx)
	for i, of := range sum.Rules {
		if err := stored.failed[of.Rule.ID]; err != nil && of.Err == nil {
			sum.Rules[i].Err = err
		}
	}
	r.cleanHeld(ctx)
	return stored.again
}

// catchUp gives a rule its turns until it owes nothing, or one fails. The error
// is in the summary, and logged.
func (s *Scheduler) catchUp(ctx context.Context, r runner, rule *rules.Rule, last bool, sum *RuleSummary) {
	for more := true; more; last = false {
		_, more, _ = r.turn(ctx, rule, last, sum)
	}
}

// Run runs each rule whenever it is due, until ctx is done, while it holds the
// lease; until it has it, it stands by. Runs in hand then have the grace to
// finish; what is not finished after that is abandoned, and since the ledger
// knows it as a hole, covered by the next run. When the lease is lost they are
// abandoned at once. All goroutines have ended when Run returns. A rule never
// runs beside itself.
func (s *Scheduler) Run(ctx context.Context) {
	t := s.tenant()
	for {
		h, ok := t.take(ctx)
		if !ok {
			return
		}
		s.runHolding(ctx, t, h)
	}
}

// runHolding runs the rules until ctx is done or the lease is lost, and gives
// the lease back unless it is.
func (s *Scheduler) runHolding(ctx context.Context, t tenant, h held) {
	// The lease is kept while runs in hand finish.
	holding, lose := context.WithCancel(context.WithoutCancel(ctx))
	defer lose()
	starting, stop := context.WithCancel(ctx)
	defer stop()
	keeping, release := context.WithCancel(holding)
	defer release()
	kept := make(chan bool)
	token := h.token // which stays, while the rest of h is the keeper's
	go func() {
		var err error
		if h, err = t.keep(keeping, h); err != nil {
			s.log.LogAttrs(ctx, slog.LevelError, "lease lost, runs in hand are abandoned", slog.Int64("token", h.token), slog.Any("err", err))
			t.tell(LeaseState{Token: h.token, Err: err})
			stop()
			lose()
		}
		kept <- err == nil
	}()
	r := s.holding()
	s.withGrace(starting, holding, func(work context.Context, wg *sync.WaitGroup) {
		wg.Go(func() {
			r.prepare(work)
			s.tend(starting, work, r, wg)
		})
		wg.Go(func() { r.storeNowAndThen(starting, work) })
		if s.heartbeat > 0 {
			wg.Go(func() { s.beat(starting, token) })
		}
		if s.beside != nil {
			wg.Go(func() { s.beside(starting, work) })
		}
	})
	if holding.Err() == nil {
		s.storeInTime(holding, r)
	}
	s.release(r)
	release()
	if <-kept {
		t.give(holding, h)
	}
}

// tend keeps a loop going for each rule until ctx is done. When the rules are
// exchanged, every loop ends with its run in hand, and the rule's loop under the
// new set begins after that.
func (s *Scheduler) tend(ctx, work context.Context, r runner, wg *sync.WaitGroup) {
	ended := map[string]chan struct{}{} // by rule: closed when its latest loop has ended
	for ctx.Err() == nil {
		set, exchanged := s.rules.get()
		under, end := context.WithCancel(ctx)
		for _, rule := range set {
			before, done := ended[rule.ID], make(chan struct{})
			ended[rule.ID] = done
			wg.Go(func() {
				defer close(done)
				if before != nil {
					<-before
				}
				s.loop(under, work, r, rule)
			})
		}
		select {
		case <-ctx.Done():
		case <-exchanged:
		}
		end()
	}
}

// How long a rule that failed waits before it is tried again: doubled with each
// failure in a row, and never beyond its next due time.
const (
	firstRetry = 15 * time.Second
	lastRetry  = 15 * time.Minute
)

// loop runs one rule until ctx is done, each run in the context work.
func (s *Scheduler) loop(ctx, work context.Context, r runner, rule *rules.Rule) {
	retry := firstRetry
	for acquire(ctx, r.places) {
		var sum RuleSummary
		next, _, err := r.turn(work, rule, false, &sum)
		release(r.places)
		if err == nil {
			retry = firstRetry
		} else {
			now := s.clock.Now()
			next = earlier(now.Add(retry), dueAfter(rule.Schedule, now, now))
			retry = min(2*retry, lastRetry)
		}
		if !waitUntil(ctx, s.clock, next, r.held.bell(rule)) {
			return
		}
	}
}

// storeInTime stores what nothing arrived in, as far as the grace allows.
func (s *Scheduler) storeInTime(ctx context.Context, r runner) {
	s.withGrace(done(ctx), ctx, func(work context.Context, wg *sync.WaitGroup) {
		wg.Go(func() { r.storeVain(work).complain(work) })
	})
}

// done is a context that is done.
func done(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// withGrace calls start with a context for the work, which outlives ctx by the
// grace but not base, and returns when all goroutines of the group have ended.
func (s *Scheduler) withGrace(ctx, base context.Context, start func(work context.Context, wg *sync.WaitGroup)) {
	work, abandon := context.WithCancel(base)
	defer abandon()
	var wg sync.WaitGroup
	start(work, &wg)
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	select {
	case <-done:
	case <-s.clock.After(s.grace):
		abandon()
		<-done
	}
}

// acquire takes a place, or returns false once ctx is done.
func acquire(ctx context.Context, places chan struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func release(places chan struct{}) { <-places }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
