package rules

import (
	"context"
	"fmt"
	"math"
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
	slots    []slot         // what details read
	details  []detail
}

// Run evaluates the rule over a window: it searches, stitches and returns the
// alerts, complete or an error, never a part. It reads no clock and writes
// nothing.
func (r *Rule) Run(ctx context.Context, eng esq.Searcher, w Window) (*Result, error) {
	e := &evaluation{
		plan:   &r.plan,
		search: searcher{engine: eng, caps: map[asked]map[string]esq.FieldCap{}},
		time:   r.reach(w),
		rows:   make([][]*row, len(r.plan.stages)),
		sets:   make([][]*eql.Set, len(r.plan.stages)),
		result: make([]StageResult, len(r.plan.stages)),
	}
	whole, err := e.fetch(ctx)
	if err != nil {
		return nil, err
	}
	out := &Result{Stages: e.result, Stats: e.search.stats, Warnings: e.search.warnings}
	if !whole {
		return out, nil
	}
	matches, err := r.plan.pattern.Stitch(ctx, e.rowsOf)
	if err != nil {
		return nil, fmt.Errorf("stitch: %w", err)
	}
	for _, m := range matches {
		if r.Windowed || e.newest(m) >= w.From.UnixMilli() {
			out.Alerts = append(out.Alerts, e.alert(m))
		}
	}
	sortAlerts(out.Alerts)
	return out, nil
}

// reach is the event time a run must look at. A chain whose newest event lies
// in the window began at most a span before it. To show an alert with all its
// chains, everything within a span of its anchor is needed too, and the anchor
// may be a span before the window: hence twice the span.
func (r *Rule) reach(w Window) span {
	from, to := w.From, w.To
	if !r.Windowed {
		from = from.Add(-2 * r.Span)
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
func (e *evaluation) fetch(ctx context.Context) (whole bool, err error) {
	for i, s := range e.stages {
		e.result[i] = StageResult{Stage: s.id, Skipped: true}
	}
	e.rowsOf = make([][]sequence.Row, len(e.stages))
	counts, err := e.counts(ctx)
	if err != nil {
		return false, err
	}
	for range e.stages {
		i := e.next(counts)
		if counts[i] == 0 {
			return false, nil
		}
		if err := e.fetchStage(ctx, i); err != nil || len(e.rows[i]) == 0 {
			return false, err
		}
	}
	return true, nil
}

// counts asks how much each stage would bring by itself. A stage with all(...)
// cannot be asked yet; a rule of one stage need not be.
func (e *evaluation) counts(ctx context.Context) ([]int64, error) {
	counts := make([]int64, len(e.stages))
	for i, s := range e.stages {
		counts[i] = math.MaxInt64
		if len(e.stages) == 1 || len(s.sets) > 0 {
			continue
		}
		n, err := e.search.count(ctx, &fetch{stage: s, time: e.time})
		if err != nil {
			return nil, err
		}
		counts[i] = n
	}
	return counts, nil
}

// next chooses the stage to fetch. Before a stage with all(...) come the
// stages above it, and only these, since they must not be narrowed by what
// comes after them.
func (e *evaluation) next(counts []int64) int {
	limit := len(e.stages)
	for i, s := range e.stages {
		if len(s.sets) > 0 && e.rows[i] == nil {
			limit = i
			break
		}
	}
	best := limit // all above it are there: the stage with all(...) itself
	for i := range limit {
		if e.rows[i] == nil && (best == limit || counts[i] < counts[best]) {
			best = i
		}
	}
	return best
}

func (e *evaluation) fetchStage(ctx context.Context, i int) error {
	s := e.stages[i]
	if err := e.resolveSets(ctx, i); err != nil {
		return err
	}
	n := &narrower{evaluation: e, stage: i, sets: map[string]*eql.Set{}}
	f := &fetch{stage: s, time: e.narrowTime(i), sets: e.sets[i], narrow: n.conditions(), known: n.sets}
	if f.time.from > f.time.to {
		e.rows[i] = []*row{}
		return nil
	}
	events, fetched, err := e.search.events(ctx, f)
	if err != nil {
		return err
	}
	if s.group != nil {
		e.rows[i] = s.group.rows(events)
	} else {
		e.rows[i] = s.eventRows(events)
	}
	e.rowsOf[i] = sequenceRows(e.rows[i])
	e.result[i] = StageResult{Stage: s.id, Documents: fetched, Rows: len(e.rows[i])}
	return nil
}

// resolveSets computes the all(...) of a stage: the column over the rows that
// stand in a chain of the stages above it.
func (e *evaluation) resolveSets(ctx context.Context, i int) error {
	s := e.stages[i]
	if len(s.sets) == 0 {
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
// what has been fetched. A group needs all its events, wherever they are.
func (e *evaluation) narrowTime(i int) span {
	t := e.time
	if e.stages[i].group != nil {
		return t
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
		case b.To == i && e.rows[b.From] != nil:
			earliest, latest := bounds(e.rows[b.From], func(r *row) int64 { return r.last })
			notBefore(earliest)
			if b.Within > 0 {
				notAfter(latest + within)
			}
		case b.From == i && e.rows[b.To] != nil:
			earliest, latest := bounds(e.rows[b.To], func(r *row) int64 { return r.first })
			notAfter(latest)
			if b.Within > 0 {
				notBefore(earliest - within)
			}
		}
	}
	if e.maxSpan > 0 {
		for k := range e.stages {
			if e.rows[k] != nil {
				earliest, _ := bounds(e.rows[k], func(r *row) int64 { return r.last })
				_, latest := bounds(e.rows[k], func(r *row) int64 { return r.first })
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
