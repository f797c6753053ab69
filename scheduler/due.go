package scheduler

import (
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// progress is how far a rule's coverage reaches.
type progress struct {
	Start      time.Time // coverage begins here
	First      time.Time // the first due time; the later ones follow from it
	Checkpoint time.Time // covered until here; Start before the first run
}

// begin returns the progress of a rule that is due now for the first time. The
// first due time is cut to the minute, so that a "once" that is called every
// interval, a second sooner or later, finds the rule due each time.
func begin(r *rules.Rule, now time.Time) progress {
	grain := time.Minute
	if every, ok := r.Schedule.(rules.Every); ok {
		grain = min(grain, time.Duration(every))
	}
	first := now.Truncate(grain)
	start := first.Add(-r.LookBack)
	return progress{Start: start, First: first, Checkpoint: start}
}

// next returns the due time that follows the checkpoint.
func (p progress) next(s rules.Schedule) time.Time { return dueAfter(s, p.First, p.Checkpoint) }

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

// reachBack is how far behind the checkpoint a document may still turn up.
func reachBack(r *rules.Rule) time.Duration { return r.Lateness + r.Settle }

// windows returns what a run at time t is to evaluate, oldest first. t counts
// as a due time itself if last is set, wherever the schedule has its own.
func (p progress) windows(r *rules.Rule, t time.Time, last bool) []rules.Window {
	behind := p.Checkpoint.Add(-reachBack(r))
	if !r.Windowed {
		return []rules.Window{{From: later(p.Start, behind), To: t}}
	}
	var list []rules.Window
	for due := dueAfter(r.Schedule, p.First, behind); !due.After(t); due = dueAfter(r.Schedule, p.First, due) {
		list = append(list, rules.Window{From: due.Add(-r.LookBack), To: due})
	}
	if last && (len(list) == 0 || list[len(list)-1].To.Before(t)) {
		list = append(list, rules.Window{From: t.Add(-r.LookBack), To: t})
	}
	return list
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
