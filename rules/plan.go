package rules

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/sequence"
)

// plan is what runs of a rule.
type plan struct {
	id, name string
	stages   []*stage
	pattern  *sequence.Pattern
	maxSpan  time.Duration
	anchor   int            // stage
	by       []string       // as the rule names them
	keys     []sequence.Key // parallel to by
	slots    []slot         // what details and entities read
	details  []detail
	entities []entity
}

// Run evaluates the rule over a window: it searches, stitches and returns the
// alerts, complete or an error, never a part. It reads no clock and writes
// nothing. Among its errors is [*TooManyRowsError].
func (r *Rule) Run(ctx context.Context, eng esq.Searcher, w Window) (*Result, error) {
	return r.run(ctx, newSearcher(eng, r), w)
}

// run is Run with a searcher of the caller's.
func (r *Rule) run(ctx context.Context, s searcher, w Window) (*Result, error) {
	if r.suppression == nil {
		return r.find(ctx, s, w)
	}
	known := w
	if !r.Windowed {
		known = r.suppression.around(w)
	}
	out, err := r.find(ctx, s, known)
	if err != nil {
		return nil, err
	}
	out.Alerts = slices.DeleteFunc(r.suppression.apply(out.Alerts), func(a Alert) bool { return !r.meets(w, a.Start, a.End) })
	out.Pending = slices.DeleteFunc(out.Pending, func(p Pending) bool { return !r.meets(w, p.Start, p.End) })
	return out, nil
}

// find is run before any alert stands for others.
func (r *Rule) find(ctx context.Context, s searcher, w Window) (*Result, error) {
	e := &evaluation{
		plan:   &r.plan,
		search: s,
		time:   r.reach(w),
		rows:   make([][]*row, len(r.plan.stages)),
		sets:   make([][]*eql.Set, len(r.plan.stages)),
		result: make([]StageResult, len(r.plan.stages)),
	}
	whole, err := e.fetch(ctx)
	if err != nil {
		return nil, err
	}
	e.search.warnOfExpired()
	out := &Result{
		Stages: e.result, Stats: e.search.stats, UserMisses: e.search.unknown, Exceptions: e.search.exceptions,
		Warnings: slices.Concat(e.search.warnings, e.search.unfound.warnings()),
	}
	if !whole {
		return out, nil
	}
	matches, pending, err := r.plan.pattern.Judge(ctx, e.rowsOf, r.closed(w))
	if err != nil {
		return nil, fmt.Errorf("stitch: %w", err)
	}
	for _, m := range matches {
		a := e.alert(m)
		if r.Windowed {
			a.Window = Window{From: w.From, To: w.To}
		}
		if r.meets(w, a.Start, a.End) {
			out.Alerts = append(out.Alerts, a)
		}
	}
	sortAlerts(out.Alerts)
	for _, p := range pending {
		x := e.pendingAlert(p)
		if r.Windowed && x.Deadline.After(w.To) {
			x.Deadline = w.To
		}
		if r.meets(w, x.Start, x.End) {
			out.Pending = append(out.Pending, x)
		}
	}
	slices.SortFunc(out.Pending, func(a, b Pending) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// closed is until when absent stages can be judged. No row of a windowed rule
// counts that is not inside the window.
func (r *Rule) closed(w Window) int64 {
	closed := w.Closed
	if closed.IsZero() {
		closed = w.To
	}
	if !r.Absent || r.Windowed && !closed.Before(w.To) {
		return math.MaxInt64
	}
	return closed.UnixMilli()
}

// meets reports whether a run over w answers for chains from start to end.
func (r *Rule) meets(w Window, start, end time.Time) bool {
	return r.Windowed || !start.After(w.To) && !end.Before(w.From)
}

// reach is the event time a run must look at. An alert that has an event in the
// window has its anchor within a span of it, and all its events within a span
// of the anchor: hence twice the span, to either side. Bursts that begin on one
// day are one anchor, and each may last a day: two days more. How far one must
// look to know a burst whole comes on top, see [Rule.widened].
func (r *Rule) reach(w Window) span {
	from, to := w.From, w.To
	if !r.Windowed {
		beside := 2 * r.Span
		if slices.ContainsFunc(r.plan.stages, r.bursting) {
			beside += 48 * time.Hour
		}
		from, to = from.Add(-beside), to.Add(beside)
	}
	return span{from: from.UnixMilli(), to: to.UnixMilli(), open: r.Windowed}
}

// evaluation is one run of a plan.
type evaluation struct {
	*plan
	search searcher
	time   span
	rows   [][]*row     // per stage, nil until fetched
	sets   [][]*eql.Set // per stage, of its all(...)
	result []StageResult
	rowsOf [][]sequence.Row // rows as the stitcher takes them, made once
}

// fetch brings the rows of every stage, the rarest first, and sends the keys
// and times of what is known along with the next question. It reports false
// if a stage has no row: then there is no chain, and the rest is not asked.
// Absent stages come last, narrowed by the chains there are.
func (e *evaluation) fetch(ctx context.Context) (whole bool, err error) {
	for i, s := range e.stages {
		e.result[i] = StageResult{Stage: s.id, Skipped: true}
	}
	e.rowsOf = make([][]sequence.Row, len(e.stages))
	counts, err := e.counts(ctx)
	if err != nil {
		return false, err
	}
	for e.incomplete() {
		i := e.next(counts)
		if e.stages[i].absent {
			if err := e.resolveSets(ctx, i); err != nil {
				return false, err
			}
			continue
		}
		if counts[i] == 0 {
			return false, nil
		}
		if err := e.fetchStage(ctx, i, e.rows); err != nil || len(e.rows[i]) == 0 {
			return false, err
		}
	}
	return e.fetchAbsent(ctx)
}

// incomplete reports whether a stage that is not absent is still to be fetched.
func (e *evaluation) incomplete() bool {
	for i, s := range e.stages {
		if !s.absent && e.rows[i] == nil {
			return true
		}
	}
	return false
}

// fetchAbsent brings the rows of the absent stages. It reports false if there
// is no chain that they could drop.
func (e *evaluation) fetchAbsent(ctx context.Context) (whole bool, err error) {
	if !e.search.rule.Absent {
		return true, nil
	}
	standing, err := e.pattern.Standing(ctx, e.rowsOf, len(e.stages))
	if err != nil {
		return false, fmt.Errorf("stitch the stages that are not absent: %w", err)
	}
	known := make([][]*row, len(e.stages))
	for i, s := range e.stages {
		if s.absent {
			continue
		}
		for _, r := range standing[i] {
			known[i] = append(known[i], e.rows[i][r])
		}
		if known[i] == nil {
			return false, nil
		}
	}
	for i, s := range e.stages {
		if !s.absent {
			continue
		}
		if err := e.fetchStage(ctx, i, known); err != nil {
			return false, err
		}
	}
	return true, nil
}

// counts asks how much each stage would bring by itself. A stage with all(...)
// cannot be asked yet; an absent one and a rule of one stage need not be.
func (e *evaluation) counts(ctx context.Context) ([]int64, error) {
	counts := make([]int64, len(e.stages))
	var places []int
	var fetches []*fetch
	for i, s := range e.stages {
		counts[i] = math.MaxInt64
		if len(e.stages) == 1 || len(s.sets) > 0 || s.absent {
			continue
		}
		places = append(places, i)
		fetches = append(fetches, &fetch{stage: s, time: e.search.rule.widened(s, e.time), users: e.search.rule.users})
	}
	totals, err := e.search.count(ctx, fetches)
	if err != nil {
		return nil, err
	}
	for k, i := range places {
		counts[i] = totals[k]
	}
	return counts, nil
}

// next chooses the stage to fetch, or the absent stage whose all(...) can be
// resolved. Before a stage with all(...) come the stages above it, and only
// these, since they must not be narrowed by what comes after them.
func (e *evaluation) next(counts []int64) int {
	limit := len(e.stages)
	for i, s := range e.stages {
		if len(s.sets) > 0 && e.sets[i] == nil {
			limit = i
			break
		}
	}
	best := limit // all above it are there: the stage with all(...) itself
	for i := range limit {
		if !e.stages[i].absent && e.rows[i] == nil && (best == limit || e.rarer(i, best, counts)) {
			best = i
		}
	}
	return best
}

// rarer reports whether stage i is to be fetched before stage j. Of two that
// bring the same events, a burst comes later: its events are looked at over a
// longer time.
func (e *evaluation) rarer(i, j int, counts []int64) bool {
	if counts[i] != counts[j] {
		return counts[i] < counts[j]
	}
	return e.search.rule.bursting(e.stages[j]) && !e.search.rule.bursting(e.stages[i])
}

// fetchStage brings the rows of a stage, narrowed by the rows that are known.
func (e *evaluation) fetchStage(ctx context.Context, i int, known [][]*row) error {
	s := e.stages[i]
	if err := e.resolveSets(ctx, i); err != nil {
		return err
	}
	n := &narrower{evaluation: e, stage: i, rows: known, sets: map[string]*eql.Set{}}
	wanted := e.narrowTime(i, known)
	f := &fetch{stage: s, time: e.search.rule.widened(s, wanted), sets: e.sets[i], narrow: n.conditions(), known: n.sets, users: e.search.rule.users}
	if wanted.from > wanted.to {
		e.rows[i] = []*row{}
		return nil
	}
	if s.group != nil && s.group.window > 0 {
		if some, err := e.search.focus(ctx, f); err != nil || !some {
			e.rows[i] = []*row{}
			return err
		}
	}
	events, fetched, err := e.search.events(ctx, f)
	if err != nil {
		return err
	}
	switch {
	case e.search.rule.bursting(s):
		e.rows[i] = touching(s.group.rows(events), wanted)
	case s.group != nil:
		e.rows[i] = s.group.rows(events)
	default:
		e.rows[i] = s.eventRows(events)
	}
	e.rowsOf[i] = sequenceRows(e.rows[i])
	e.result[i] = StageResult{Stage: s.id, Documents: fetched, Rows: len(e.rows[i])}
	return nil
}

// resolveSets computes the all(...) of a stage: the column over the rows that
// stand in a chain of the stages above it, absent ones left out.
func (e *evaluation) resolveSets(ctx context.Context, i int) error {
	s := e.stages[i]
	if len(s.sets) == 0 || e.sets[i] != nil {
		return nil
	}
	standing, err := e.pattern.Standing(ctx, e.rowsOf[:i], i)
	if err != nil {
		return fmt.Errorf("stitch the stages before %s: %w", s.id, err)
	}
	for _, ref := range s.sets {
		k, column := e.resolve(ref.Name)
		var values []esq.Value
		for _, r := range standing[k] {
			values = append(values, e.rows[k][r].values[column]...)
		}
		e.sets[i] = append(e.sets[i], eql.NewSet(values))
	}
	return nil
}

// narrowTime cuts the time to where the stage's events can stand, seen from
// what is known. A group needs all its events, wherever they are; of a burst it
// is the time that some of its events must lie in. An absent
// stage's are needed wherever the chains have them, also where no chain would be
// looked for; loading made sure that the chains bound them.
func (e *evaluation) narrowTime(i int, known [][]*row) span {
	t := e.time
	if e.stages[i].group != nil && !e.search.rule.bursting(e.stages[i]) {
		return t
	}
	if e.stages[i].absent && !e.search.rule.Windowed {
		t = span{from: math.MinInt64, to: math.MaxInt64}
	}
	notBefore := func(ms int64) { t.from = max(t.from, ms) }
	notAfter := func(ms int64) {
		if ms < t.to {
			t.to, t.open = ms, false
		}
	}
	for _, b := range e.pattern.Order() {
		within := b.Within.Milliseconds()
		switch {
		case b.To == i && known[b.From] != nil:
			earliest, latest := bounds(known[b.From], func(r *row) int64 { return r.last })
			notBefore(earliest)
			if b.Within > 0 {
				notAfter(latest + within)
			}
		case b.From == i && known[b.To] != nil:
			earliest, latest := bounds(known[b.To], func(r *row) int64 { return r.first })
			notAfter(latest)
			if b.Within > 0 {
				notBefore(earliest - within)
			}
		}
	}
	for _, o := range e.timeOrders() {
		switch {
		case e.stages[o.owner].absent && o.owner != i:
		case o.before.stage == i && known[o.after.stage] != nil:
			_, latest := bounds(known[o.after.stage], o.after.of)
			notAfter(latest)
		case o.after.stage == i && known[o.before.stage] != nil:
			earliest, _ := bounds(known[o.before.stage], o.before.of)
			notBefore(earliest)
		}
	}
	if e.maxSpan > 0 {
		for k := range e.stages {
			if known[k] != nil {
				earliest, _ := bounds(known[k], func(r *row) int64 { return r.last })
				_, latest := bounds(known[k], func(r *row) int64 { return r.first })
				notBefore(earliest - e.maxSpan.Milliseconds())
				notAfter(latest + e.maxSpan.Milliseconds())
			}
		}
	}
	return t
}

func bounds(rows []*row, of func(*row) int64) (earliest, latest int64) {
	earliest, latest = math.MaxInt64, math.MinInt64
	for _, r := range rows {
		earliest, latest = min(earliest, of(r)), max(latest, of(r))
	}
	return earliest, latest
}

func sequenceRows(rows []*row) []sequence.Row {
	out := make([]sequence.Row, len(rows))
	for i, r := range rows {
		out[i] = sequence.Row{ID: r.identity, First: r.first, Last: r.last, Values: r.values}
	}
	return out
}

// eventRows makes a row of every event, identified across documents where the
// view says how.
func (s *stage) eventRows(events []*event) []*row {
	rows := make([]*row, len(events))
	for i, e := range events {
		rows[i] = &row{identity: s.identity(e), first: e.time, last: e.time, values: e.values, events: []*event{e}}
	}
	return rows
}
