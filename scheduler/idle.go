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
func (r runner) idle(ctx context.Context, rule *rules.Rule, seen entry, now time.Time, owed, present []rules.Window) (Report, entry, bool) {
	if len(owed) > 0 || len(present) != 1 || !uneventful(seen, present[0]) {
		return Report{}, seen, false
	}
	v := &visit{runner: r, rule: rule, slice: present[0], until: present[0].To, now: now, entry: seen}
	report := Report{Rule: rule, Slice: v.slice, Window: v.slice, Started: r.clock.Now(), Idle: true}
	out, ok := r.lookout(ctx, rule, now)
	if !ok || !v.seesNothing(ctx, &out, &report) {
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

// seesNothing asks whether anything arrived in the slice, or happened in the
// windows that are due by the clock alone, or has an alert in them. It is false
// if that is not known, or if the indices are not those that the question was
// made for.
func (v *visit) seesNothing(ctx context.Context, out *lookout, report *Report) bool {
	v.closing = v.closes()
	windows := v.windows(&rules.Arrivals{})
	if len(windows) > maxWindowsAtOnce {
		return false
	}
	var others []rules.Sight
	for _, w := range windows {
		others = append(others, rules.Sight{Indices: []string{v.names.AlertPattern()}, Query: within(v.rule, w)})
	}
	presence, stats, ok := v.look(ctx, out, windows, others)
	if !ok {
		if out.watch.Unsure() {
			v.held.renew(v.rule)
		}
		return false
	}
	before := &out.shards[min(len(windows), 1)]
	if *before >= 0 && *before != presence.Shards {
		v.held.drop(v.rule)
		return false
	}
	*before = presence.Shards
	report.Arrivals = out.watch.Nothing(out.footing.noIndex)
	report.Arrivals.Stats = stats
	report.Result = &rules.Result{Stats: stats, Warnings: report.Arrivals.Warnings}
	report.Slice, report.Window, report.Windows = v.slice, v.slice, len(windows)
	return true
}

// look asks for all rules of the ground, if the clock makes nothing due, and else,
// or if there is something, for this one alone. With an answer for all the slice
// ends when that was asked.
func (v *visit) look(ctx context.Context, out *lookout, windows []rules.Window, others []rules.Sight) (p esq.Presence, stats esq.Stats, ok bool) {
	if len(windows) == 0 {
		slice, p, stats, ok := v.arrivedAround(ctx, out, v.entry.next(v.rule.Schedule))
		if ok {
			v.slice, v.until = slice, slice.To
			return p, stats, true
		}
	}
	asked := rules.Window{From: v.slice.From.Add(-v.rule.Settle), To: v.slice.To}
	p, more, err := out.watch.Look(ctx, v.engine, asked, windows, others...)
	stats.Add(more)
	return p, stats, err == nil && !p.Any
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
