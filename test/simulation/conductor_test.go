package simulation

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// conductor lets calls to the engine go on one at a time, in an order and at
// times that the history alone decides. It lives in a bubble of synctest, which
// tells it when nobody can go on by himself.
type conductor struct {
	world    *world
	log      *slog.Logger
	waiting  []*process // not yet started, the next first
	running  []*process
	steps    []int
	fifo     bool // whoever waits longest goes on when steps is used up
	lease    ms
	numbered int // processes so far

	calls []*call // in the order in which they may go on

	mu     sync.Mutex // of what the processes add to by themselves
	parked []*call
	timers []timer
}

// call is one call to the engine that waits for its turn.
type call struct {
	process *process
	text    string
	began   ms        // when the work that it is part of began
	issued  time.Time // by the process's clock
	fault   Kind
	jump    ms
	grant   chan struct{}
	// gone calls have nobody who waits for them any more. If they wrote, the
	// cluster may carry that out all the same.
	gone  bool
	write func()
}

// timer is a wait of a process.
type timer struct {
	process *process
	at      ms
	c       chan time.Time
}

func newConductor(w *world, h History, log *slog.Logger) *conductor {
	c := &conductor{world: w, steps: h.Steps, fifo: h.looping(), lease: h.Lease, log: log}
	for _, spec := range h.Processes {
		c.waiting = append(c.waiting, newProcess(c, spec))
	}
	slices.SortStableFunc(c.waiting, func(a, b *process) int { return cmp.Compare(a.Start, b.Start) })
	return c
}

// play goes on until every process has ended.
func (c *conductor) play() {
	c.pass(c.world.now)
	for len(c.waiting)+len(c.running) > 0 {
		awake := c.awake()
		if len(awake) == 0 {
			c.pass(c.next())
			continue
		}
		chosen := awake[c.choose(len(awake))]
		c.world.oldest = c.oldest()
		c.pass(c.world.now + chosen.process.Pace)
		c.goOn(chosen)
	}
}

// pass lets time pass: documents arrive, analysts work, waits end, processes
// start and are told to stop.
func (c *conductor) pass(now ms) {
	c.world.writer = nil
	c.world.advance(now)
	for len(c.waiting) > 0 && c.waiting[0].Start <= c.world.now {
		p := c.waiting[0]
		c.waiting = c.waiting[1:]
		p.number, p.began = c.numbered, c.world.now
		c.numbered++
		c.running = append(c.running, p)
		go p.run(c.log)
		c.settle(c.world.now)
	}
	for _, p := range c.running {
		if p.Loop && p.Stop <= c.world.now && p.wake <= c.world.now {
			p.stop()
		}
		for len(p.Reloads) > 0 && p.Reloads[0].At <= c.world.now && p.wake <= c.world.now {
			p.reload()
		}
	}
	c.ring()
	c.settle(c.world.now)
}

// ring ends the waits whose time has come.
func (c *conductor) ring() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timers = slices.DeleteFunc(c.timers, func(t timer) bool {
		if t.due() > c.world.now {
			return false
		}
		t.c <- t.process.Now()
		return true
	})
}

// due is when the timer rings: a process that stands still hears nothing.
func (t timer) due() ms { return max(t.at, t.process.wake) }

// goOn carries out a call and waits until its process can go no further.
func (c *conductor) goOn(chosen *call) {
	c.calls = slices.DeleteFunc(c.calls, func(other *call) bool { return other == chosen })
	chosen.process.offset += chosen.jump
	c.world.writer = chosen
	switch {
	case !chosen.gone:
		chosen.grant <- struct{}{}
		c.settle(chosen.began)
	case chosen.write != nil && !chosen.process.dead:
		chosen.write()
	}
}

// settle waits until nobody can go on by himself, and takes note of the calls
// that wait now and of the processes that have ended. What is new is part of
// work that began at a time.
func (c *conductor) settle(began ms) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortStableFunc(c.parked, func(a, b *call) int {
		return cmp.Or(cmp.Compare(a.process.number, b.process.number), cmp.Compare(a.text, b.text))
	})
	for _, n := range c.parked {
		n.began = began
		n.process.befall(n)
	}
	c.calls = append(c.calls, c.parked...)
	c.parked = nil
	c.calls = slices.DeleteFunc(c.calls, func(n *call) bool { return n.gone && (n.write == nil || n.process.dead) })
	if !c.fifo {
		slices.SortStableFunc(c.calls, func(a, b *call) int { return cmp.Compare(a.process.number, b.process.number) })
	}
	c.running = slices.DeleteFunc(c.running, (*process).ended)
	c.timers = slices.DeleteFunc(c.timers, func(t timer) bool { return t.process.dead || t.process.ended() })
}

// befall numbers a call, and says what befalls it.
func (p *process) befall(n *call) {
	p.calls++
	for _, j := range p.Jumps {
		if j.Call == p.calls {
			n.jump += j.By
			p.jumped++
		}
	}
	for _, f := range p.Faults {
		if f.Call != p.calls {
			continue
		}
		p.injected = append(p.injected, p.world.now)
		n.fault = f.Kind
		if f.Kind == Paused {
			p.wake = p.world.now + f.For
			p.pauses = append(p.pauses, pause{p.world.now, p.wake})
		}
	}
}

func (c *conductor) awake() []*call {
	var out []*call
	for _, n := range c.calls {
		if n.process.wake <= c.world.now {
			out = append(out, n)
		}
	}
	return out
}

// oldest is when the oldest work in hand began.
func (c *conductor) oldest() ms {
	began := ms(math.MaxInt64)
	for _, n := range c.calls {
		began = min(began, n.began)
	}
	return began
}

// next is when something happens again.
func (c *conductor) next() ms {
	next := ms(math.MaxInt64)
	if len(c.waiting) > 0 {
		next = c.waiting[0].Start
	}
	for _, n := range c.calls {
		next = min(next, n.process.wake)
	}
	for _, p := range c.running {
		if p.Loop && !p.stopped {
			next = min(next, max(p.Stop, p.wake))
		}
		if len(p.Reloads) > 0 {
			next = min(next, max(p.Reloads[0].At, p.wake))
		}
	}
	for _, t := range c.timers {
		next = min(next, t.due())
	}
	if next == math.MaxInt64 {
		panic(fmt.Sprintf("%d processes run and nothing will ever happen", len(c.running)))
	}
	return next
}

func (c *conductor) choose(n int) int {
	if n == 1 || len(c.steps) == 0 {
		return 0
	}
	step := c.steps[0]
	c.steps = c.steps[1:]
	return step % n
}
