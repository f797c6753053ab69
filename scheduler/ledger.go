package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// ledger is what is known of a rule's coverage. All its time but Since is
// arrival time: a slice is covered when what became searchable in it has been
// evaluated, whole, and every alert of it is written.
type ledger struct {
	Start time.Time // coverage begins here
	First time.Time // the first due time; the later ones follow from it
	Until time.Time // searched or tried until here; never moves back
	// Covered lies between Start and Until. What else lies there is a hole.
	Covered intervals
	// Failures say why some of the holes are there: sorted, disjoint, nothing
	// of them covered.
	Failures []failure
	// Ticket is the number of the newest run. It only rises.
	Ticket int64
	// Open are runs that may have written what no later run has looked at.
	Open []openTicket
}

// failure is why a slice is not covered.
type failure struct {
	rules.Window
	Reason   string
	Since    time.Time // of the first attempt
	Attempts int
}

// openTicket is a run that is under way, was killed, or ended when a newer one
// had begun.
type openTicket struct {
	Ticket int64
	Since  time.Time
	Done   bool // it writes nothing any more
}

// Hole is a slice of arrival time that is not covered.
type Hole struct {
	From, To time.Time
	Reason   string    // "" if it was never tried
	Since    time.Time // when it was tried first; zero if it was not
	Attempts int
}

// Bounds of what a ledger remembers, so that its document stays small.
const (
	maxFailures = 200
	maxOpen     = 200
	// maxPause is how long a run is expected to lie still and then go on. What
	// it writes until then is found and looked at again.
	maxPause = 24 * time.Hour
)

// reasonAhead is why a slice counts as a hole that had been searched when it
// was still to come.
const reasonAhead = "the clock has been set back: this time was searched before it came"

// known reports whether the rule has ever been due.
func (l *ledger) known() bool { return !l.First.IsZero() }

// coveredUntil is the end of the time from Start on that has no hole.
func (l *ledger) coveredUntil() time.Time {
	if len(l.Covered) > 0 && !l.Covered[0].From.After(l.Start) {
		return l.Covered[0].To
	}
	return l.Start
}

// reach notes that the time until t is, or is about to be, tried.
func (l *ledger) reach(t time.Time) { l.Until = later(l.Until, t) }

// retreat gives back what a clock that was ahead has covered: nothing can have
// arrived after now.
func (l *ledger) retreat(now time.Time) {
	ahead := rules.Window{From: later(now, l.Start), To: l.Until}
	for _, w := range l.Covered.within(ahead) {
		l.Covered = l.Covered.remove(w)
		l.fail(w, reasonAhead, now, 0)
	}
}

// cover notes that a slice was searched and its alerts are written.
func (l *ledger) cover(w rules.Window) {
	w.From = later(w.From, l.Start)
	l.Covered = l.Covered.add(w)
	l.reach(w.To)
	l.clip()
}

// fail notes why a slice could not be covered.
func (l *ledger) fail(w rules.Window, reason string, now time.Time, longest time.Duration) {
	f := failure{Window: w, Reason: reason, Since: now, Attempts: 1}
	kept := make([]failure, 0, len(l.Failures)+1)
	for _, old := range l.Failures {
		if common := overlap(old.Window, w); common.From.Before(common.To) {
			f.Since = earlier(f.Since, old.Since)
			f.Attempts = max(f.Attempts, old.Attempts+1)
		}
		for _, rest := range intervals(nil).add(old.Window).remove(w) {
			part := old
			part.Window = rest
			kept = append(kept, part)
		}
	}
	l.Failures = append(kept, f)
	l.reach(w.To)
	l.clip()
	l.join(longest)
}

// clip takes away the failures of what has been covered.
func (l *ledger) clip() {
	var kept []failure
	for _, f := range l.Failures {
		for _, rest := range l.Covered.gaps(f.Window) {
			part := f
			part.Window = rest
			kept = append(kept, part)
		}
	}
	slices.SortFunc(kept, func(a, b failure) int { return a.From.Compare(b.From) })
	l.Failures = kept
}

// join makes one of neighbours that failed alike, if together they are no
// longer than longest; and of the oldest whatever they are, if there are too
// many.
func (l *ledger) join(longest time.Duration) {
	var joined []failure
	for _, f := range l.Failures {
		last := len(joined) - 1
		if last >= 0 && joined[last].To.Equal(f.From) && joined[last].Reason == f.Reason && f.To.Sub(joined[last].From) <= longest {
			joined[last] = both(joined[last], f)
			continue
		}
		joined = append(joined, f)
	}
	// A failure that is forgotten leaves a hole, only without its reason.
	l.Failures = joined[max(0, len(joined)-maxFailures):]
}

// both is the failure of two adjacent slices.
func both(a, b failure) failure {
	a.To, a.Since, a.Attempts = b.To, earlier(a.Since, b.Since), max(a.Attempts, b.Attempts)
	return a
}

// holes returns what is not covered before t, oldest first, the failures apart
// from what was not tried.
func (l *ledger) holes(t time.Time) []Hole {
	var out []Hole
	for _, gap := range l.Covered.gaps(rules.Window{From: l.Start, To: earlier(l.Until, t)}) {
		untried := intervals{gap}
		for _, f := range l.Failures {
			part := overlap(f.Window, gap)
			if !part.From.Before(part.To) {
				continue
			}
			untried = untried.remove(part)
			out = append(out, Hole{part.From, part.To, f.Reason, f.Since, f.Attempts})
		}
		for _, w := range untried {
			out = append(out, Hole{From: w.From, To: w.To})
		}
	}
	slices.SortFunc(out, func(a, b Hole) int { return a.From.Compare(b.From) })
	return out
}

// stubborn is how often a hole must have failed to wait behind the others.
const stubborn = 4

// backlog returns what is to be searched again before t, in slices, oldest
// first; those that fail time and again come last, lest they keep the others
// from their turn.
func (l *ledger) backlog(t time.Time, chop func(rules.Window) []rules.Window) []rules.Window {
	holes := l.holes(t)
	slices.SortStableFunc(holes, func(a, b Hole) int { return cmp.Compare(min(a.Attempts/stubborn, 1), min(b.Attempts/stubborn, 1)) })
	var out []rules.Window
	for _, h := range holes {
		out = append(out, chop(rules.Window{From: h.From, To: h.To})...)
	}
	return out
}

// take opens a ticket, newer than all before.
func (l *ledger) take(now time.Time) int64 {
	l.Ticket++
	l.Open = slices.DeleteFunc(l.Open, func(o openTicket) bool { return now.Sub(o.Since) > maxPause })
	l.Open = append(l.Open, openTicket{Ticket: l.Ticket, Since: now})
	l.Open = l.Open[max(0, len(l.Open)-maxOpen):]
	return l.Ticket
}

// end notes that the run with this ticket writes nothing any more. If a newer
// one has begun meanwhile, it may have looked at alerts before this one wrote
// them: the ticket stays open until a later run has seen to that.
func (l *ledger) end(ticket int64) {
	for i, o := range l.Open {
		if o.Ticket == ticket {
			l.Open[i].Done = true
		}
	}
	if l.Ticket == ticket {
		l.forget([]int64{ticket})
	}
}

// suspects are the tickets that were open when the run with this ticket began.
func (l *ledger) suspects(ticket int64) []openTicket {
	var out []openTicket
	for _, o := range l.Open {
		if o.Ticket < ticket {
			out = append(out, o)
		}
	}
	return out
}

// forget closes tickets.
func (l *ledger) forget(tickets []int64) {
	l.Open = slices.DeleteFunc(l.Open, func(o openTicket) bool { return slices.Contains(tickets, o.Ticket) })
}

// clone returns a ledger that shares nothing with l.
func (l *ledger) clone() ledger {
	c := *l
	c.Covered, c.Failures, c.Open = slices.Clone(l.Covered), slices.Clone(l.Failures), slices.Clone(l.Open)
	return c
}
