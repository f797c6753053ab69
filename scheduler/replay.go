package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// Replay runs the rules as they would have run from from to to: each is due an
// interval after from and every interval thereafter, or at the times of its
// cron line, and last at to. Whatever is due first runs first, one rule at a
// time, and alerts bear the virtual time as their time of writing.
//
// A replay begins without ledgers and leaves none, so that it may go over a
// cluster's past without touching what the scheduler has covered. Alerts that
// are there already are found again, by their ids. The run at to evaluates all
// the time since from once more, whatever the documents say of their arrival:
// what the engine shows is found, though it may have come later.
//
// If the scheduler's clock is a [VirtualClock], the replay sets that one, so
// that an engine may show at each run what had arrived by then.
//
// The error is that of ctx, or says that to lies before from; what failed of
// each rule is in the summary.
func (s *Scheduler) Replay(ctx context.Context, from, to time.Time) (Summary, error) {
	sum := s.newSummary()
	if to.Before(from) {
		return sum, fmt.Errorf("replay: the end %s is before the beginning %s", to.Format(time.RFC3339), from.Format(time.RFC3339))
	}
	book := heldLedgers{}
	queue := make([]time.Time, len(sum.Rules)) // when each rule is due next, zero when it is done
	for i := range sum.Rules {
		r := sum.Rules[i].Rule
		first := dueAfter(r.Schedule, from, from)
		book[r.ID] = ledger{Start: from, First: first, Until: from}
		queue[i] = earlier(first, to)
	}
	clock, ok := s.clock.(*VirtualClock)
	if !ok {
		clock = NewVirtualClock(from)
	}
	run := runner{Scheduler: s, clock: clock, book: book, replay: true}
	if s.lasting {
		run.searcher = rules.RememberDocuments(s.engine)
	}
	for i := soonest(queue); i >= 0; i = soonest(queue) {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		now, rule := queue[i], sum.Rules[i].Rule
		clock.Set(now)
		last := now.Equal(to)
		// A run that failed is covered by the next; its error is in the summary.
		s.catchUp(ctx, run, rule, last, &sum.Rules[i])
		queue[i] = time.Time{}
		if !last {
			queue[i] = earlier(dueAfter(rule.Schedule, book[rule.ID].First, now), to)
		}
	}
	return sum, ctx.Err()
}

// soonest returns the place of the earliest time, the first of equal ones, -1
// if all are zero.
func soonest(queue []time.Time) int {
	at := -1
	for i, t := range queue {
		if !t.IsZero() && (at < 0 || t.Before(queue[at])) {
			at = i
		}
	}
	return at
}
