package scheduler

import (
	"context"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// idle covers the present slice of a rule with one question, if nothing is owed
// and nothing arrived, and leaves that to be stored later. It reports false
// where a whole run is needed, whatever the reason; nothing has happened then.
func (r runner) idle(ctx context.Context, t *Turn, rule *rules.Rule, seen entry, now time.Time, owed, present []rules.Window) (Report, entry, bool) {
	if len(owed) > 0 || len(present) != 1 || !uneventful(seen, present[0]) {
		return Report{}, seen, false
	}
	v := &visit{runner: r, rule: rule, slice: present[0], until: present[0].To, now: now, entry: seen}
	report := Report{Rule: rule, Slice: v.slice, Window: v.slice, Started: r.clock.Now(), Idle: true}
	out, ok := r.lookout(ctx, rule, now)
	ok = ok && v.seesNothing(ctx, &out, &report)
	t.Began = later(t.Began, v.slice.To) // it may have waited to ask
	if !ok {
		return Report{}, seen, false
	}
	covered := entry{ledger: seen.clone(), stored: seen.stored}
	covered.cover(v.slice)
	report.Finished, report.CoveredUntil = r.clock.Now(), covered.coveredUntil()
	if v.slice.To.Sub(report.Finished) > rule.Settle {
		return Report{}, seen, false // the clock has been set back
	}
	return report, covered, r.held.saw(report, out, r.cleaningDue(seen.Until, now))
}

// uneventful reports whether a ledger has nothing but a slice after all that is
// covered to ask about: no hole, no failure, no run that may have gone astray.
func uneventful(e entry, slice rules.Window) bool {
	return e.stored != nil && len(e.Open) == 0 && len(e.Failures) == 0 &&
		e.coveredUntil().Equal(e.Until) && slice.From.Equal(e.Until) && slice.From.Before(slice.To)
}

// lookout returns the rule's watch, on a footing that is no older than
// storeEvery.
func (r runner) lookout(ctx context.Context, rule *rules.Rule, now time.Time) (lookout, bool) {
	held, ok := r.held.of(rule)
	if !ok {
		return lookout{}, false
	}
	since := moment{at: now.Add(-storeEvery), round: held.anew.round}
	if out := held.lookout; out.watch != nil {
		if stands, err := r.held.basis.holds(ctx, out.footing, r.users, now, since); err != nil || stands {
			return out, err == nil
		}
		// What was seen with the watch before is looked at again.
		r.held.drop(rule)
		return lookout{}, false
	}
	f, err := r.held.basis.stand(ctx, rule, r.users, now, since)
	if err != nil {
		return lookout{}, false
	}
	w, err := f.watch(rule)
	return lookout{watch: w, footing: f, shards: [2]int{-1, -1}}, err == nil
}

// maxWindowsAtOnce bounds the windows of a question.
const maxWindowsAtOnce = 8

// reach has the visit reach until a time, and returns the windows that are due
// by the clock alone then.
func (v *visit) reach(to time.Time) []rules.Window {
	v.slice.To, v.until, v.now = to, to, to
	v.closing = v.closes()
	return v.windows(&rules.Arrivals{})
}

// seesNothing asks whether anything arrived in the slice, or happened in the
// windows that are due by the clock alone, or has an alert in them. It is false
// if that is not known, or if the indices are not those that the question was
// made for. The slice ends when that was asked.
func (v *visit) seesNothing(ctx context.Context, out *lookout, report *Report) bool {
	presence, windows, stats, ok := v.look(ctx, out)
	if !ok {
		if out.watch.Unsure() {
			v.held.renew(v.rule)
		}
		return false
	}
	before := &out.shards[min(windows, 1)]
	if *before >= 0 && *before != presence.Shards {
		v.held.drop(v.rule)
		return false
	}
	*before = presence.Shards
	report.Arrivals = out.watch.Nothing(out.footing.noIndex)
	report.Arrivals.Stats = stats
	report.Result = &rules.Result{Stats: stats, Warnings: report.Arrivals.Warnings}
	report.Slice, report.Window, report.Windows = v.slice, v.slice, windows
	return true
}

// look asks for all rules of the ground, if the clock makes nothing due, and else,
// or if there is something, what is of this one alone. It returns how many windows
// it asked about, too.
func (v *visit) look(ctx context.Context, out *lookout) (p esq.Presence, windows int, stats esq.Stats, ok bool) {
	if len(v.reach(v.slice.To)) == 0 {
		var slice rules.Window
		slice, p, stats, ok = v.arrivedAround(ctx, out, v.entry.next(v.rule.Schedule))
		if ok && len(v.reach(slice.To)) == 0 {
			return p, 0, stats, true
		}
	}
	return v.lookAlone(ctx, out, stats)
}

// lookAlone asks what is of this rule alone, together with other rules that ask at
// the same time what is theirs.
func (v *visit) lookAlone(ctx context.Context, out *lookout, stats esq.Stats) (_ esq.Presence, windows int, _ esq.Stats, ok bool) {
	var q rules.Question
	seen := v.ask(ctx, func(at time.Time) (esq.Looking, bool) {
		q, windows, ok = v.question(out.watch, at)
		return esq.Looking(q.Sight), ok && q.Whole
	})
	if seen == nil { // it may do in parts
		q, windows, ok = v.question(out.watch, v.present())
	} else {
		stats.Add(seen.Stats)
		if seen.Err == nil || !out.watch.Parts(q, seen.Err) {
			return seen.Presence, windows, stats, seen.Err == nil && !seen.Any
		}
	}
	if !ok {
		return esq.Presence{}, windows, stats, false
	}
	p, more, err := out.watch.LookApart(ctx, v.engine, q)
	stats.Add(more)
	return p, windows, stats, err == nil && !p.Any
}

// question is what the visit asks at a time, until which it reaches then. It is
// none if that is about too many windows.
func (v *visit) question(w *rules.Watch, at time.Time) (q rules.Question, windows int, ok bool) {
	due := v.reach(later(at, v.slice.To))
	if len(due) > maxWindowsAtOnce {
		return q, len(due), false
	}
	var others []rules.Sight
	for _, w := range due {
		others = append(others, rules.Sight{Indices: []string{v.names.AlertPattern()}, Query: within(v.rule, w)})
	}
	asked := rules.Window{From: v.slice.From.Add(-v.rule.Settle), To: v.slice.To}
	return w.Question(asked, due, others...), len(due), true
}

// vainly is one run that saw nothing.
func vainly(r Report) vain { return vain{Window: r.Slice, report: r, runs: 1} }

// and is v and what came after it.
func (v vain) and(next vain) vain {
	switch {
	case v.none():
		return next
	case next.none():
		return v
	}
	sum := v.report
	sum.Slice.To, sum.Window.To = next.To, next.To
	sum.Finished, sum.CoveredUntil, sum.Arrivals = next.report.Finished, next.report.CoveredUntil, next.report.Arrivals
	sum.Windows += next.report.Windows
	result := rules.Result{Stats: sum.Result.Stats, Warnings: next.report.Result.Warnings}
	result.Stats.Add(next.report.Result.Stats)
	sum.Result = &result
	return vain{Window: sum.Slice, report: sum, runs: v.runs + next.runs}
}
