package scheduler

import (
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// begin returns the ledger of a rule that is due now for the first time. The
// first due time is cut to the minute, so that a "once" that is called every
// interval, a second sooner or later, finds the rule due each time.
func begin(r *rules.Rule, now time.Time) ledger {
	grain := time.Minute
	if every, ok := r.Schedule.(rules.Every); ok {
		grain = min(grain, time.Duration(every))
	}
	first := now.Truncate(grain)
	start := first.Add(-r.LookBack)
	return ledger{Start: start, First: first, Until: start}
}

// next returns the due time that follows what was tried.
func (l *ledger) next(s rules.Schedule) time.Time { return dueAfter(s, l.First, l.Until) }

// dueAfter returns the first due time after t of a schedule that was first due
// at first.
func dueAfter(s rules.Schedule, first, t time.Time) time.Time {
	if t.Before(first) {
		return first
	}
	if every, ok := s.(rules.Every); ok {
		// Counted from the first, so that runs that start late do not drift.
		interval := time.Duration(every)
		return first.Add((t.Sub(first)/interval + 1) * interval)
	}
	if next := s.Next(t); !next.IsZero() {
		return next
	}
	return t.Add(never) // a cron line such as 30 February
}

// never is how far off a due time lies that does not come.
const never = 100 * 365 * 24 * time.Hour

// longestSlice bounds how much arrival time is searched at once: an hour, or
// twelve intervals of the rule if that is more.
func longestSlice(r *rules.Rule, now time.Time) time.Duration {
	next := dueAfter(r.Schedule, now, now)
	interval := min(dueAfter(r.Schedule, now, next).Sub(next), 365*24*time.Hour)
	return max(time.Hour, 12*interval)
}

// chopper cuts holes of a rule into slices. Those of a windowed rule end when
// it falls due, so that a window that fails does not keep those before it from
// being covered.
func chopper(r *rules.Rule, first, now time.Time) func(rules.Window) []rules.Window {
	longest := longestSlice(r, now)
	cut := func(t time.Time) time.Time { return t.Add(never) }
	if r.Windowed {
		cut = func(t time.Time) time.Time { return dueAfter(r.Schedule, first, t) }
	}
	return func(w rules.Window) []rules.Window { return chop(w, longest, cut) }
}

// windowsDue returns the windows of a windowed rule that fell due after from
// and until to, oldest first.
func windowsDue(r *rules.Rule, first, from, to time.Time) []rules.Window {
	var list []rules.Window
	for due := dueAfter(r.Schedule, first, from); !due.After(to); due = dueAfter(r.Schedule, first, due) {
		list = append(list, windowOf(r, due))
	}
	return list
}

// windowOf is the window of a rule that is due at a time.
func windowOf(r *rules.Rule, due time.Time) rules.Window {
	return rules.Window{From: due.Add(-r.LookBack), To: due}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
