package scheduler

import (
	"context"
	"sync"
	"time"
)

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// After returns a channel on which something arrives once d has passed.
	After(d time.Duration) <-chan time.Time
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now returns the current time.
func (SystemClock) Now() time.Time { return time.Now() }

// After is [time.After].
func (SystemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// VirtualClock shows a time that is set by hand. It may be used by several
// goroutines at once.
type VirtualClock struct {
	mu      sync.Mutex
	now     time.Time
	waiting []waiter
}

type waiter struct {
	at time.Time
	c  chan time.Time
}

// NewVirtualClock returns a clock that stands at t.
func NewVirtualClock(t time.Time) *VirtualClock { return &VirtualClock{now: t} }

// Now returns the time that was set.
func (v *VirtualClock) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Set moves the clock to t, in either direction, and wakes who waited for it.
func (v *VirtualClock) Set(t time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = t
	var still []waiter
	for _, w := range v.waiting {
		if w.at.After(t) {
			still = append(still, w)
		} else {
			w.c <- t
		}
	}
	v.waiting = still
}

// After returns a channel on which the time arrives once the clock was set to
// d from now, or later.
func (v *VirtualClock) After(d time.Duration) <-chan time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := make(chan time.Time, 1) // so that Set never waits
	if d <= 0 {
		c <- v.now
	} else {
		v.waiting = append(v.waiting, waiter{v.now.Add(d), c})
	}
	return c
}

// maxNap bounds how long a wait trusts the timer: a clock that was set forward,
// or a machine that slept, is noticed after this time.
const maxNap = time.Minute

// waitUntil returns true once the clock shows t or later, or the bell rings, or
// the clock is set back: then t may be far off by mistake. It returns false if
// ctx is done before.
func waitUntil(ctx context.Context, clock Clock, t time.Time, bell <-chan struct{}) bool {
	for before := (time.Time{}); ; {
		now := clock.Now().Round(0) // what the clock shows, not how long it ran
		left := t.Sub(now)
		if left <= 0 || now.Before(before) {
			return ctx.Err() == nil
		}
		before = now
		select {
		case <-ctx.Done():
			return false
		case <-bell:
			return ctx.Err() == nil
		case <-clock.After(min(left, maxNap)):
		}
	}
}
