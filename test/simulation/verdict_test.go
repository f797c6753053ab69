package simulation

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stitchdetect/stitch/scheduler"
)

// verdict is how a history ended.
type verdict struct {
	faults, kills                    int
	calls, writes                    int
	expected                         int // alerts
	missing, doubled, stale, differs int
	other                            int
	takeovers                        int
	idle                             int            // runs in which nothing arrived
	forgotten                        int            // processes killed before they had stored such runs
	unnoticed                        int            // rules of which nothing is promised
	begunTwice                       int            // rules of which two versions began at once
	kinds                            map[string]int // of histories
	faulty                           []string       // everything that is wrong, in words
}

func (v *verdict) add(b verdict) {
	v.faults += b.faults
	v.kills += b.kills
	v.calls += b.calls
	v.writes += b.writes
	v.expected += b.expected
	v.missing += b.missing
	v.doubled += b.doubled
	v.stale += b.stale
	v.differs += b.differs
	v.other += b.other
	v.takeovers += b.takeovers
	v.idle += b.idle
	v.forgotten += b.forgotten
	v.unnoticed += b.unnoticed
	v.begunTwice += b.begunTwice
	if v.kinds == nil {
		v.kinds = map[string]int{}
	}
	for kind, n := range b.kinds {
		v.kinds[kind] += n
	}
}

// figures are the numbers in a line.
func (v verdict) figures(histories int) string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(v.kinds)) {
		kinds = append(kinds, fmt.Sprintf("%d with %s", v.kinds[kind], kind))
	}
	return fmt.Sprintf("histories %d (%s), calls %d, faults injected %d, processes killed %d, runs in which nothing arrived %d, processes killed before those were stored %d, leases taken over %d, rules not judged since no run noticed the wrong clock in time %d, nor since two versions began at once %d, alerts expected %d, missing %d, doubled %d, stale %d, different %d, otherwise wrong %d",
		histories, strings.Join(kinds, ", "), v.calls, v.faults, v.kills, v.idle, v.forgotten, v.takeovers, v.unnoticed, v.begunTwice, v.expected, v.missing, v.doubled, v.stale, v.differs, v.other)
}

// kindsOf says what is in a history.
func (w *world) kindsOf(h History) map[string]int {
	some := func(what func(s *subject, d Document) bool) bool {
		return slices.ContainsFunc(w.subjects, func(s *subject) bool {
			return slices.ContainsFunc(h.Documents, func(d Document) bool { return what(s, d) })
		})
	}
	kinds := map[string]int{}
	for kind, is := range map[string]bool{
		"absence":              slices.ContainsFunc(w.subjects, func(s *subject) bool { return s.rules[0].Absent }),
		"several rules":        len(w.subjects) > 1,
		"a lease":              h.looping(),
		"rules that change":    h.changed(),
		"rules that go":        h.some(func(p Process) bool { return len(p.Without) > 0 }),
		"late beyond lateness": some(func(s *subject, d Document) bool { return d.late() > s.lateness }),
		"no ingest field":      some(func(_ *subject, d Document) bool { return !d.stamped() }),
		"clocks set by hours":  h.jumping(),
	} {
		if is {
			kinds[kind] = 1
		}
	}
	return kinds
}

func (v *verdict) wrong(counter *int, format string, args ...any) {
	*counter++
	v.faulty = append(v.faulty, fmt.Sprintf(format, args...))
}

// text is the first of what is wrong.
func (v verdict) text() string {
	const most = 6
	return strings.Join(v.faulty[:min(len(v.faulty), most)], "\n")
}

// simulate lives through a history and judges it.
func simulate(t *testing.T, all map[string]*subject, h History, log *slog.Logger) verdict {
	t.Helper()
	v := verdict{}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, all, h)
		w.watches = watchesOf(h, all)
		c := newConductor(w, h, log)
		processes := slices.Clone(c.waiting)
		c.play()
		v.finish(c, h)
		for _, p := range processes {
			v.faults += len(p.injected) + p.jumped
			v.calls += p.calls
			v.idle += p.idle
			if p.dead {
				v.kills++
				if p.unstored > 0 {
					v.forgotten++
				}
			}
		}
		v.kinds = w.kindsOf(h)
		v.writes = w.store.writes
		v.judge(w, h)
		v.judgeLease(w, h, processes)
		for _, text := range w.wrong {
			v.wrong(&v.other, "%s", text)
		}
	})
	return v
}

// finish lets everything arrive and one more run pass: as many turns as it
// takes until there is nothing left to catch up with.
func (v *verdict) finish(c *conductor, h History) {
	w := c.world
	if h.jumping() {
		// A clock that tells the time notices what another has claimed too soon.
		c.once(Process{Start: w.now, Version: h.last()})
	}
	now := w.now
	for _, d := range h.Documents {
		now = max(now, d.Visible, d.Stamp)
	}
	for _, p := range h.Processes {
		now = max(now, p.Start) + max(p.Offset, 0)
	}
	for _, d := range h.Deeds {
		now = max(now, d.At)
	}
	closed := ms(0)
	for _, s := range w.subjects {
		closed = max(closed, s.settle+s.interval+minute)
		if s.rules[0].Absent {
			// Then the time of the last event is closed, too.
			closed = max(closed, s.settle+s.interval+minute+s.lateness+s.span)
		}
	}
	now += closed
	for range 50 {
		w.advance(now)
		p := c.once(Process{Start: now, Pace: 1, Version: h.last()})
		var overtaken *scheduler.OvertakenError
		if err := p.sum.Err(); errors.As(err, &overtaken) && h.changed() {
			// A version that was brought back counts its runs on from where it was:
			// the first that meets another version's alert fails, and tells the next.
			now += 5 * minute
			continue
		} else if err != nil {
			v.wrong(&v.other, "the last run failed: %v", err)
			return
		}
		if w.caughtUp(h, now.at()) {
			return
		}
		now += 5 * minute
	}
	v.wrong(&v.other, "50 runs without fault were not enough to catch up: %s", w.state())
}

// once lets a process run alone.
func (c *conductor) once(spec Process) *process {
	p := newProcess(c, spec)
	c.waiting = []*process{p}
	c.play()
	return p
}
