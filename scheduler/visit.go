package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// visit is one run of a rule over one slice of arrival time.
type visit struct {
	runner
	rule  *rules.Rule
	bound *rules.Rule // rule with the user map
	slice rules.Window
	until time.Time // what the turn reaches, once this run is over or not
	now   time.Time
	last  bool // of a replay: whatever the engine shows is looked at
	first bool // of a turn: runs that may have gone astray are looked after
	entry entry
	// search answers for the documents of sources; it remembers their fields for
	// as long as the turn lasts.
	search esq.Searcher

	ticket   int64
	closing  closing
	suspects suspects
	report   Report
}

// run searches the slice, writes what it finds and its record, and adds the
// slice to the ledger, last. A failure is noted in the ledger if that can be.
func (v *visit) run(ctx context.Context) Report {
	v.report = Report{Rule: v.rule, Slice: v.slice, Window: v.slice, Started: v.clock.Now()}
	var err error
	if v.slice.To.Sub(v.report.Started) > v.rule.Settle {
		err = errClockSetBack
	}
	if err == nil {
		err = v.open(ctx)
	}
	if err == nil {
		err = v.work(ctx)
	}
	v.report.Finished = v.clock.Now()
	if err == nil {
		err = v.close(ctx)
	} else if v.ticket > 0 {
		v.report.Err = err
		// The record of a failure is written if it can be.
		err = errors.Join(err, v.record(ctx, v.report))
	}
	if err != nil && v.ticket > 0 && ctx.Err() == nil {
		err = errors.Join(err, v.noteFailure(ctx, err))
	}
	v.report.Err = err
	return v.report
}

// open takes a ticket, before anything is searched.
func (v *visit) open(ctx context.Context) error {
	e, err := v.book.change(ctx, v.rule, v.entry, v.now, func(l *ledger) {
		l.reach(v.until)
		v.ticket = l.take(v.now)
	})
	if err != nil {
		v.ticket = 0
		return err
	}
	v.entry = e
	v.closing = v.closes()
	v.report.Ticket = v.ticket
	v.report.CoveredUntil = e.coveredUntil()
	if v.first && !v.replay {
		v.suspects, err = v.findSuspects(ctx, e.suspects(v.ticket))
	}
	return err
}

// work evaluates what the slice brought, and writes what comes of it.
func (v *visit) work(ctx context.Context) error {
	var err error
	if v.bound, err = v.withUsers(ctx, v.rule); err != nil {
		return err
	}
	asked := rules.Window{From: v.slice.From.Add(-v.rule.Settle), To: v.slice.To}
	arrived, err := v.arrivals(ctx, v.bound, v.search, asked)
	if err != nil {
		return fmt.Errorf("ask what arrived: %w", err)
	}
	v.report.Arrivals = arrived
	v.report.Result = &rules.Result{Stats: arrived.Stats, Warnings: slices.Clone(arrived.Warnings)}
	v.held.verdicts(v.rule).begin()
	if err := v.evaluateAll(ctx, v.windows(arrived)); err != nil {
		return err
	}
	for _, m := range v.report.Result.UserMisses {
		v.report.Result.Warnings = append(v.report.Result.Warnings, m.Warning())
	}
	return v.writer().stamp(ctx, v.suspects.refs, v.suspects.tickets)
}

// windows returns the event time that is to be evaluated, oldest first.
func (v *visit) windows(arrived *rules.Arrivals) []rules.Window {
	var list []rules.Window
	if arrived.Count > 0 {
		list = append(list, v.stretch(arrived))
	}
	if !v.rule.Windowed {
		list = append(list, v.closing.stretch(v.rule)...)
		if v.last && v.replay {
			list = append(list, rules.Window{From: v.entry.Start, To: v.slice.To})
		}
		return merged(append(list, v.suspects.spans...))
	}
	var windows []rules.Window
	for _, span := range list {
		windows = append(windows, v.around(span)...)
	}
	from := v.slice.From
	if !from.After(v.entry.Start) {
		from = from.Add(-time.Nanosecond) // due when coverage begins
	}
	windows = append(windows, windowsDue(v.rule, v.entry.First, from, v.slice.To)...)
	if v.rule.Absent {
		windows = append(windows, windowsDue(v.rule, v.entry.First, v.closing.before, earlier(v.closing.after, v.now))...)
	}
	if v.last && v.replay {
		windows = append(windows, windowOf(v.rule, v.now))
	}
	for _, w := range v.suspects.windows {
		if !w.To.After(v.now) {
			windows = append(windows, w)
		}
	}
	slices.SortFunc(windows, func(a, b rules.Window) int { return a.To.Compare(b.To) })
	return slices.CompactFunc(windows, func(a, b rules.Window) bool { return a.To.Equal(b.To) && a.From.Equal(b.From) })
}

// stretch is the event time of what arrived. A replay answers for nothing that
// was over before it begins.
func (v *visit) stretch(arrived *rules.Arrivals) rules.Window {
	w := rules.Window{From: arrived.First, To: arrived.Last}
	if v.replay {
		w.From, w.To = later(w.From, v.entry.Start), later(w.To, v.entry.Start)
	}
	return w
}

// around returns the windows that have been due and hold some of a closed
// stretch of event time.
func (v *visit) around(span rules.Window) []rules.Window {
	return windowsDue(v.rule, v.entry.First, span.From, earlier(v.now, span.To.Add(v.rule.LookBack)))
}

// merged joins closed stretches of time that touch.
func merged(list []rules.Window) []rules.Window {
	slices.SortFunc(list, func(a, b rules.Window) int { return a.From.Compare(b.From) })
	var out []rules.Window
	for _, w := range list {
		if last := len(out) - 1; last >= 0 && !w.From.After(out[last].To) {
			out[last].To = later(out[last].To, w.To)
			continue
		}
		out = append(out, w)
	}
	return out
}

// evaluateAll evaluates windows one after the other, each with its writes. One
// that brings too many rows is evaluated in halves.
func (v *visit) evaluateAll(ctx context.Context, windows []rules.Window) error {
	if len(windows) > 0 {
		v.report.Window = rules.Window{From: windows[0].From, To: windows[len(windows)-1].To}
	}
	done := map[rules.Window]bool{}
	for len(windows) > 0 {
		w := windows[0]
		windows = windows[1:]
		if done[w] {
			continue
		}
		done[w] = true
		result, err := v.judge(ctx, w)
		var tooMany *rules.TooManyRowsError
		if errors.As(err, &tooMany) && v.divisible(w) {
			middle := w.From.Add(w.To.Sub(w.From) / 2).Truncate(time.Millisecond)
			windows = slices.Insert(windows, 0, rules.Window{From: w.From, To: middle}, rules.Window{From: middle.Add(time.Millisecond), To: w.To})
			continue
		}
		if err != nil {
			return fmt.Errorf("evaluate: %w", err)
		}
		v.note(result)
		again, err := v.keep(ctx, w, result)
		if err != nil {
			return err
		}
		windows = append(windows, again...)
	}
	return nil
}

// divisible reports whether less of event time at once may bring fewer rows:
// not where the rule looks so far around it that half of it is no less.
func (v *visit) divisible(w rules.Window) bool {
	return !v.rule.Windowed && w.To.Sub(w.From) > max(time.Second, v.rule.Span/2)
}

// note sums up what was searched. The alerts themselves are not kept, so that
// a long slice takes no more memory than a short one.
func (v *visit) note(result *rules.Result) {
	sum := v.report.Result
	v.report.Windows++
	sum.Stats.Add(result.Stats)
	for _, s := range result.Stages {
		i := slices.IndexFunc(sum.Stages, func(t rules.StageResult) bool { return t.Stage == s.Stage })
		if i < 0 {
			sum.Stages = append(sum.Stages, s)
			continue
		}
		sum.Stages[i].Documents += s.Documents
		sum.Stages[i].Rows += s.Rows
		sum.Stages[i].Skipped = sum.Stages[i].Skipped && s.Skipped
	}
	for _, m := range result.UserMisses {
		i := slices.IndexFunc(sum.UserMisses, func(n rules.UserMisses) bool {
			return n.Stage == m.Stage && n.View == m.View && n.Source == m.Source
		})
		if i < 0 {
			sum.UserMisses = append(sum.UserMisses, m)
			continue
		}
		sum.UserMisses[i].Add(m)
	}
	for _, x := range result.Exceptions {
		i := slices.IndexFunc(sum.Exceptions, func(y rules.ExceptionCount) bool { return y.Exception == x.Exception && y.Stage == x.Stage })
		if i < 0 {
			sum.Exceptions = append(sum.Exceptions, x)
			continue
		}
		sum.Exceptions[i].Count += x.Count
		sum.Exceptions[i].Expired += x.Expired
	}
	for _, w := range result.Warnings {
		if !slices.Contains(sum.Warnings, w) {
			sum.Warnings = append(sum.Warnings, w)
		}
	}
}

// keep writes what a window holds and retracts what it does not hold any more.
// It returns the windows that are to be evaluated because of that.
func (v *visit) keep(ctx context.Context, w rules.Window, result *rules.Result) (again []rules.Window, err error) {
	writer := v.writer()
	there, err := writer.inWindow(ctx, v.rule, w)
	if err != nil {
		return nil, err
	}
	alerts := result.Alerts
	var known stock
	if !v.rule.Windowed {
		if alerts, known, err = v.whole(ctx, w, alerts, there); err != nil {
			return nil, err
		}
	}
	counts, err := writer.write(ctx, v.documents(alerts), known)
	v.report.Alerts.add(counts)
	if err != nil {
		return nil, unwritten(err)
	}
	retracted, err := writer.retract(ctx, v.rule, w, v.closing.judged(without(there, alerts)), v.clock.Now())
	v.report.Alerts.Retracted += len(retracted)
	if err != nil || !v.rule.Windowed {
		return nil, unwritten(err)
	}
	// An alert is that of the newest window in which it holds. If that is not
	// this one any more, it may be an older one.
	for _, m := range retracted {
		again = append(again, slices.DeleteFunc(v.around(rules.Window{From: m.Start, To: m.End}), func(o rules.Window) bool {
			return !o.To.Before(w.To)
		})...)
	}
	return again, nil
}

func (v *visit) documents(alerts []rules.Alert) []mappings.Alert {
	return documentsOf(v.rule, alerts, v.clock.Now(), v.fence())
}

// whole returns the alerts of a window with all of their evidence. An alert
// may be of events that lie further apart than the rule looks around a window:
// several chains of one incident, such as reports of the same upstream alert
// long after each other. Where what is stored of an alert says so, or what is
// remembered of one that was deleted, the time of that is evaluated, too, until
// nothing reaches outside. The stock is what is stored of them, if it was read
// after the last evaluation.
func (v *visit) whole(ctx context.Context, w rules.Window, alerts []rules.Alert, there []esq.Document) (_ []rules.Alert, known stock, err error) {
	seen, wide := w, w
	ours, lookedUp := map[string]bool{}, map[string]bool{}
	for _, a := range alerts {
		ours[a.ID] = true
	}
	// One that was not found may still hold, with events beside the window only.
	for _, d := range without(there, alerts) {
		ours[d.ID] = true
		stored, err := storedExtent(d)
		if err != nil {
			return nil, known, err
		}
		widen(&wide, w, stored)
	}
	for {
		var unknown []rules.Alert
		for _, a := range alerts {
			if !lookedUp[a.ID] {
				lookedUp[a.ID] = true
				unknown = append(unknown, a)
			}
		}
		documents := v.documents(unknown)
		found, err := v.writer().look(ctx, documents)
		if err != nil {
			return nil, known, err
		}
		known.take(found)
		extents, err := found.extents(documents, v.held.verdicts(v.rule))
		if err != nil {
			return nil, known, err
		}
		for i, a := range unknown {
			widen(&wide, hull(seen, rules.Window{From: a.Start, To: a.End}), extents[i])
		}
		if wide == seen {
			return alerts, known, nil
		}
		result, err := v.judge(ctx, wide)
		if err != nil {
			return nil, known, fmt.Errorf("evaluate: %w", err)
		}
		v.note(result)
		seen, known = wide, stock{}
		alerts = slices.DeleteFunc(result.Alerts, func(a rules.Alert) bool {
			return !ours[a.ID] && (a.Start.After(w.To) || a.End.Before(w.From))
		})
	}
}

// widen makes wide hold an extent, unless that lies in known or is not known
// itself.
func widen(wide *rules.Window, known, extent rules.Window) {
	if extent.From.IsZero() || extent.To.IsZero() || !extent.From.Before(known.From) && !extent.To.After(known.To) {
		return
	}
	*wide = hull(*wide, extent)
}

// hull is the shortest window that holds two.
func hull(a, b rules.Window) rules.Window {
	return rules.Window{From: earlier(a.From, b.From), To: later(a.To, b.To)}
}

// without returns the stored alerts that are not among alerts.
func without(stored []esq.Document, alerts []rules.Alert) []esq.Document {
	holds := make(map[string]bool, len(alerts))
	for _, a := range alerts {
		holds[a.ID] = true
	}
	var out []esq.Document
	for _, d := range stored {
		if !holds[d.ID] {
			out = append(out, d)
		}
	}
	return out
}

// fence is the ticket that this run's alerts bear: none in a replay, which
// writes beside the scheduler and never before it.
func (v *visit) fence() int64 {
	if v.replay {
		return 0
	}
	return v.ticket
}

func (v *visit) writer() alertWriter {
	return alertWriter{store: v.engine, names: v.names, rule: nameOf(v.rule), ticket: v.fence(), gone: v.findGone, keep: v.keepAlert, verdicts: v.held.verdicts(v.rule)}
}

// close writes the record and adds the slice to the ledger. The record comes
// first: what is covered has a record. Where another run has covered time beside
// the slice meanwhile, more would be closed than this run has judged: then it is
// searched again.
func (v *visit) close(ctx context.Context) error {
	covered := v.entry.clone()
	covered.cover(v.slice)
	v.report.CoveredUntil = covered.coveredUntil()
	if err := v.record(ctx, v.report); err != nil {
		return unwritten(err)
	}
	var beside bool
	e, err := v.book.change(ctx, v.rule, v.entry, v.clock.Now(), func(l *ledger) {
		if beside = v.closing.outrun(v.rule, l, v.slice); beside {
			return
		}
		l.cover(v.slice)
		l.end(v.ticket)
		l.forget(v.suspects.settled)
	})
	if err != nil {
		return err
	}
	if v.entry = e; beside {
		return errBeside
	}
	return nil
}

// noteFailure keeps the reason why the slice is not covered.
func (v *visit) noteFailure(ctx context.Context, reason error) error {
	longest := longestSlice(v.rule, v.now)
	e, err := v.book.change(ctx, v.rule, v.entry, v.clock.Now(), func(l *ledger) {
		l.fail(v.slice, bounded(reason.Error()), v.now, longest)
		var overtaken *OvertakenError
		if errors.As(reason, &overtaken) {
			// Whoever wrote with a newer ticket may not have had it from this
			// ledger: the next run must have a newer one still.
			l.Ticket = max(l.Ticket, overtaken.By)
		}
		l.end(v.ticket)
	})
	if err == nil {
		v.entry = e
	}
	return err
}

// suspects are alerts that were written by runs which may have gone astray:
// that ended when a newer one had begun, or of which nobody knows the end.
type suspects struct {
	refs    []esq.Ref
	tickets map[int64]bool
	settled []int64 // tickets of runs that will not write any more
	spans   []rules.Window
	windows []rules.Window
}

// findSuspects looks for the alerts of the open tickets. In a life without
// accidents there are none, and nothing is asked.
func (v *visit) findSuspects(ctx context.Context, open []openTicket) (suspects, error) {
	s := suspects{tickets: map[int64]bool{}}
	if len(open) == 0 {
		return s, nil
	}
	var tickets []int64
	for _, o := range open {
		s.tickets[o.Ticket] = true
		tickets = append(tickets, o.Ticket)
		if o.Done {
			s.settled = append(s.settled, o.Ticket)
		}
	}
	found, err := v.writer().byTickets(ctx, v.rule, tickets)
	if err != nil {
		return s, err
	}
	for _, d := range found {
		m, err := mappings.ReadMark(d.Source)
		if err != nil {
			return s, err
		}
		s.refs = append(s.refs, d.Ref)
		if !m.Start.IsZero() && !m.End.IsZero() {
			s.spans = append(s.spans, rules.Window{From: m.Start, To: m.End})
		}
		if m.Window != (mappings.Window{}) {
			s.windows = append(s.windows, rules.Window{From: m.Window.From, To: m.Window.To})
		}
	}
	return s, nil
}
