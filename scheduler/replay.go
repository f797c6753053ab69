package scheduler

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// Replay runs the rules as they would have run from from to to: each is due an
// interval after from and every interval thereafter, or at the times of its
// cron line, and last at to. Whatever is due first runs first, rules that are due
// at the same moment side by side, and alerts bear the virtual time as their time
// of writing.
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
	book := &heldLedgers{by: map[string]ledger{}}
	queue := make([]time.Time, len(sum.Rules)) // when each rule is due next, zero when it is done
	for i := range sum.Rules {
		r := sum.Rules[i].Rule
		first := dueAfter(r.Schedule, from, from)
		book.set(r, ledger{Start: from, First: first, Until: from})
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
	for due := soonest(queue); len(due) > 0; due = soonest(queue) {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		now := queue[due[0]]
		clock.Set(now)
		last := now.Equal(to)
		s.replayMoment(ctx, run, sum, due, last)
		for _, i := range due {
			queue[i] = time.Time{}
			if rule := sum.Rules[i].Rule; !last {
				queue[i] = earlier(dueAfter(rule.Schedule, book.of(rule).First, now), to)
			}
		}
	}
	return sum, ctx.Err()
}

// replayMoment runs the rules that are due at one moment, side by side. What
// became of them is told in their order.
func (s *Scheduler) replayMoment(ctx context.Context, run runner, sum Summary, due []int, last bool) {
	places := make(chan struct{}, min(s.concurrency, runtime.GOMAXPROCS(0)))
	told := make([][]Report, len(due))
	var wg sync.WaitGroup
	for at, i := range due {
		places <- struct{}{}
		wg.Go(func() {
			defer release(places)
			of := run
			of.tell = func(r Report) { told[at] = append(told[at], r) }
			// A run that failed is covered by the next; its error is in the summary.
			s.catchUp(ctx, of, sum.Rules[i].Rule, last, &sum.Rules[i])
		})
	}
	wg.Wait()
	for _, reports := range told {
		for _, r := range reports {
			s.observe(r)
		}
	}
}

// soonest returns the places of the earliest time, none if all are zero.
func soonest(queue []time.Time) []int {
	var at []int
	for i, t := range queue {
		switch {
		case t.IsZero() || len(at) > 0 && t.After(queue[at[0]]):
		case len(at) > 0 && t.Equal(queue[at[0]]):
			at = append(at, i)
		default:
			at = append(at[:0], i)
		}
	}
	return at
}
