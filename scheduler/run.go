package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// runner runs rules: the one way for the loop, for once and for replay.
type runner struct {
	*Scheduler
	clock  Clock
	book   book
	replay bool
	held   *holdings // nil: nothing is kept between turns
	// places has room for the rules that run at once; nil where nothing is held.
	places chan struct{}
	// searcher answers for the documents of sources, for all turns; each has one
	// of its own if nil.
	searcher esq.Searcher
	// tell is told of every evaluation; the scheduler's observer if nil.
	tell func(Report)
}

// maxBacklog is how many slices that are owed are searched in one turn, lest
// they keep the present waiting.
const maxBacklog = 8

// turn runs a rule if it is due, or if it owes something: first what is owed,
// oldest first, then, always, the time since it was last due. It adds what
// became of it to sum, and returns when the rule is to be looked at again: at
// once, if more is owed than a turn takes. A failure is logged here, and
// nowhere else.
//
// With last set, now is a due time whatever the schedule says.
func (r runner) turn(ctx context.Context, rule *rules.Rule, last bool, sum *RuleSummary) (next time.Time, more bool, err error) {
	t := r.beginTurn(rule)
	defer func() { r.endTurn(t, next, err) }()
	e, now, err := r.open(ctx, rule)
	if err != nil {
		r.held.drop(rule)
		sum.Err = err
		r.log.LogAttrs(ctx, slog.LevelError, "run failed", append(ruleAttrs(rule), slog.Any("err", err))...)
		return time.Time{}, false, err
	}
	seen := r.seen(rule, e, now)
	r.noteTurn(t, seen.ledger)
	owed, present := r.plan(rule, seen, now, last)
	sum.Next = nextTurn(rule, seen, now)
	if len(owed)+len(present) == 0 {
		return sum.Next, false, nil
	}
	if report, covered, ok := r.idle(ctx, t, rule, seen, now, owed, present); ok {
		r.note(ctx, t, sum, report, covered)
		sum.Err, sum.Next = nil, nextTurn(rule, covered, now)
		return sum.Next, false, nil
	}
	// What nothing was seen in is searched once more, with the rest.
	owed, present = r.plan(rule, e, now, last)
	e, err = r.search(ctx, t, sum, rule, e, now, last, owed, present)
	if sum.Err = err; err != nil {
		r.held.drop(rule)
		return time.Time{}, false, err
	}
	r.held.keep(rule, e)
	sum.Next = nextTurn(rule, e, now)
	if len(e.holes(now)) > 0 {
		return now, true, nil
	}
	return sum.Next, false, nil
}

// seen is a ledger with what has been looked at in vain since it was stored. If
// the clock has been set back, nobody knows what that was worth.
func (r runner) seen(rule *rules.Rule, e entry, now time.Time) entry {
	h, ok := r.held.of(rule)
	if !ok || h.base.stored != e.stored || h.until().IsZero() {
		return e
	}
	if h.until().After(now) {
		r.held.forgive(rule)
		return e
	}
	return h.with()
}

// search searches slices of a rule, each a run, and returns the ledger as it is
// then and why not all of them are covered.
func (r runner) search(ctx context.Context, t *Turn, sum *RuleSummary, rule *rules.Rule, e entry, now time.Time, last bool, owed, present []rules.Window) (entry, error) {
	tried := e.Until
	rest := max(0, len(owed)-maxBacklog)
	todo := slices.Concat(owed[:len(owed)-rest], present)
	until := todo[len(todo)-1].To
	var failed error
	var covered *Report
	search := r.searcher
	if search == nil {
		search = rules.RememberFields(r.engine)
	}
	for i, w := range todo {
		if w.From.Before(w.To) && e.Covered.has(w) {
			continue // someone else was faster
		}
		v := &visit{runner: r, rule: rule, slice: w, until: until, now: now, last: last && i == len(todo)-1, first: i == 0, entry: e, search: search}
		report := v.run(ctx)
		e = v.entry
		r.note(ctx, t, sum, report, e)
		if report.Err == nil {
			covered = &report
			continue
		}
		if failed == nil {
			failed = report.Err
		}
		if hopeless(ctx, report.Err) {
			break
		}
	}
	if covered != nil && !r.replay && r.cleaningDue(tried, now) {
		r.clean(ctx, rule, e, *covered)
	}
	return e, failed
}

// note tells of a run, after which the ledger is e.
func (r runner) note(ctx context.Context, t *Turn, sum *RuleSummary, report Report, e entry) {
	t.Runs++
	r.noteTurn(t, e.ledger)
	sum.add(report)
	r.logReport(ctx, report)
	if r.tell != nil {
		r.tell(report)
	} else {
		r.observe(report)
	}
}

// nextTurn is when a rule is to be looked at again. Where its ledger reaches
// ahead of the clock it is due at the times of its schedule all the same: what
// is owed by then is searched.
func nextTurn(rule *rules.Rule, e entry, now time.Time) time.Time {
	return earlier(e.next(rule.Schedule), dueAfter(rule.Schedule, e.First, now))
}

// hopeless says that after this failure no other slice can do better now.
func hopeless(ctx context.Context, err error) bool {
	var unreachable *esq.UnreachableError
	var state *StateError
	return ctx.Err() != nil || errors.As(err, &unreachable) || errors.As(err, &state) || errors.Is(err, errClockSetBack)
}

// open reads a rule's ledger and says what the time is. The clock is read after
// the ledger, so that whoever wrote it with the same clock did so before.
func (r runner) open(ctx context.Context, rule *rules.Rule) (e entry, now time.Time, err error) {
	if h, ok := r.held.of(rule); ok {
		e = h.base
	} else if e, err = r.book.load(ctx, rule); err != nil {
		return e, now, err
	}
	now = r.present()
	if !e.known() || e.stored == nil && !r.replay {
		if e.known() {
			r.log.LogAttrs(ctx, slog.LevelInfo, "rule has changed, its coverage goes on", append(ruleAttrs(rule), slog.Time("start", e.Start))...)
		}
		// Where coverage begins is kept before anything is looked at: the time
		// since then is owed, even if the first runs fail.
		e, err = r.book.change(ctx, rule, e, now, func(l *ledger) {
			if !l.known() {
				*l = begin(rule, now)
			}
		})
		if err != nil {
			return e, now, err
		}
		now = r.present() // someone else may have begun it, and covered some of it since
	}
	if e, err = r.giveBack(ctx, rule, e, now); err == nil && !r.held.has(rule, e) {
		r.held.keep(rule, e)
	}
	return e, now, err
}

// present is the time in milliseconds, as documents have it and slices do.
func (r runner) present() time.Time { return r.clock.Now().UTC().Truncate(time.Millisecond) }

// plan returns the slices that are owed, and the present one if the rule is
// due. A present that is too long for one slice is owed for the most part.
func (r runner) plan(rule *rules.Rule, e entry, now time.Time, last bool) (owed, present []rules.Window) {
	chop := chopper(rule, e.First, now)
	l := e.clone()
	if last || !l.next(rule.Schedule).After(now) {
		present = chop(rules.Window{From: l.Until, To: now})
		present = present[max(0, len(present)-1):]
		if last && len(present) == 0 {
			present = []rules.Window{{From: now, To: now}}
		}
		if len(present) > 0 {
			l.reach(present[0].From)
		}
	}
	return l.backlog(now, chop), present
}

func (r runner) record(ctx context.Context, report Report) error {
	if ctx.Err() != nil {
		return nil // abandoned; the error of the run says so
	}
	return writeRecord(ctx, r.engine, r.names, report, r.replay)
}

func (r runner) logReport(ctx context.Context, report Report) {
	attrs := append(ruleAttrs(report.Rule),
		slog.Time("from", report.Slice.From), slog.Time("to", report.Slice.To),
		slog.Duration("took", report.Finished.Sub(report.Started)),
		slog.Int("created", report.Alerts.Created), slog.Int("updated", report.Alerts.Updated),
		slog.Int("unchanged", report.Alerts.Unchanged), slog.Int("retracted", report.Alerts.Retracted))
	if report.Result != nil {
		attrs = append(attrs, slog.Int("requests", report.Result.Stats.Requests), slog.Int64("hits", report.Result.Stats.Hits))
		if len(report.Result.Warnings) > 0 {
			attrs = append(attrs, slog.Any("warnings", report.Result.Warnings))
		}
	}
	if late := report.Late(); late > 0 {
		attrs = append(attrs, slog.Int64("late", late))
	}
	if report.Err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "run failed", append(attrs, slog.Any("err", report.Err))...)
		return
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, "run done", attrs...)
}

func ruleAttrs(r *rules.Rule) []slog.Attr {
	return []slog.Attr{slog.String("rule", r.Name), slog.String("rule_id", r.ID)}
}
