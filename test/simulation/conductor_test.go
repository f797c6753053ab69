package simulation

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/scheduler"
)

// conductor lets processes go on one call at a time, in an order and at times
// that the history alone decides.
type conductor struct {
	world   *world
	waiting []*process // not yet started, the next first
	running []*process
	steps   []int
	log     *slog.Logger
}

func newConductor(w *world, h History, log *slog.Logger) *conductor {
	c := &conductor{world: w, steps: h.Steps, log: log}
	for _, spec := range h.Processes {
		c.waiting = append(c.waiting, newProcess(w, spec))
	}
	slices.SortStableFunc(c.waiting, func(a, b *process) int { return cmp.Compare(a.Start, b.Start) })
	return c
}

func newProcess(w *world, spec Process) *process {
	return &process{
		Process: spec, world: w, clock: scheduler.NewVirtualClock(spec.Start.at()),
		parked: make(chan struct{}), grant: make(chan struct{}), done: make(chan struct{}),
	}
}

// play goes on until every process has ended.
func (c *conductor) play() {
	for len(c.waiting)+len(c.running) > 0 {
		c.begin()
		awake := c.awake()
		if len(awake) == 0 {
			c.world.advance(c.next())
			continue
		}
		p := awake[c.choose(len(awake))]
		c.world.oldest = c.running[0].began
		c.world.advance(c.world.now + p.Pace)
		p.clock.Set((c.world.now + p.Offset).at())
		p.grant <- struct{}{}
		c.await(p)
	}
}

// begin starts the processes whose time has come.
func (c *conductor) begin() {
	for len(c.waiting) > 0 && c.waiting[0].Start <= c.world.now {
		p := c.waiting[0]
		c.waiting = c.waiting[1:]
		p.began = c.world.now
		p.clock.Set((c.world.now + p.Offset).at())
		c.running = append(c.running, p)
		go p.run(c.log)
		c.await(p)
	}
}

// run is the life of a process.
func (p *process) run(log *slog.Logger) {
	defer close(p.done)
	s := scheduler.New(scheduler.Options{
		Rules: p.world.subject.ruleSet(p.Changed), Engine: p, Clock: p.clock, Logger: log, Concurrency: 1,
		Retention: time.Duration(p.world.retention) * time.Millisecond,
	})
	p.sum, _ = s.Once(context.Background()) // the error is that of the context
}

// await returns when p waits for its next call or has ended.
func (c *conductor) await(p *process) {
	select {
	case <-p.parked:
	case <-p.done:
		c.running = slices.DeleteFunc(c.running, func(q *process) bool { return p == q })
	}
}

func (c *conductor) awake() []*process {
	var out []*process
	for _, p := range c.running {
		if p.wake <= c.world.now {
			out = append(out, p)
		}
	}
	return out
}

// next is when something happens again.
func (c *conductor) next() ms {
	var times []ms
	if len(c.waiting) > 0 {
		times = append(times, c.waiting[0].Start)
	}
	for _, p := range c.running {
		times = append(times, p.wake)
	}
	return slices.Min(times)
}

func (c *conductor) choose(n int) int {
	if n == 1 || len(c.steps) == 0 {
		return 0
	}
	step := c.steps[0]
	c.steps = c.steps[1:]
	return step % n
}
