package ruletest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// Result is what came of a test.
type Result struct {
	Test    *Test
	Alerts  []Alert // by time of the incident
	Want    int     // how many there must be
	Missing []Missing
	Extra   []Alert // that nothing describes, where there are too many
	Stages  []rules.StageResult
	Err     error // the rule failed
}

// Missing is an expected alert that did not come.
type Missing struct {
	Line int // in the test file
	// Nearest is the alert that differs least, nil if none is left; Differences
	// are how.
	Nearest     Alert
	Differences []Difference
}

// OK reports whether all came as expected.
func (r Result) OK() bool {
	return r.Err == nil && len(r.Alerts) == r.Want && len(r.Missing) == 0
}

// Run runs a test of the suite.
func (s *Suite) Run(ctx context.Context, t *Test) Result { return t.judge(ctx, s.Rule, nil) }

// judge runs a rule over the test's documents and compares.
func (t *Test) judge(ctx context.Context, rule *rules.Rule, ignore func(string) bool) Result {
	r := Result{Test: t, Want: t.count}
	r.Alerts, r.Stages, r.Err = t.replay(ctx, rule)
	if r.Err != nil {
		return r
	}
	pairs := pairing(t.expected, r.Alerts, ignore)
	var free []Alert
	for i, a := range r.Alerts {
		if !slices.Contains(pairs, i) {
			free = append(free, a)
		}
	}
	for x, i := range pairs {
		if i < 0 {
			r.Missing = append(r.Missing, t.expected[x].missed(free, ignore))
		}
	}
	if len(r.Alerts) > t.count {
		r.Extra = free
	}
	return r
}

// missed says which of the alerts that are left is nearest.
func (x expectation) missed(free []Alert, ignore func(string) bool) Missing {
	m := Missing{Line: x.line}
	for _, a := range free {
		if d := x.differences(a, ignore); m.Nearest == nil || len(d) < len(m.Differences) {
			m.Nearest, m.Differences = a, d
		}
	}
	return m
}

// replay runs a rule as the scheduler would over the test's time and returns
// the alerts that hold at its end, and what the last evaluation's stages brought.
func (t *Test) replay(ctx context.Context, rule *rules.Rule) ([]Alert, []rules.StageResult, error) {
	clock := scheduler.NewVirtualClock(t.start)
	documents := memory.New(memory.Options{Now: clock.Now, Ingest: t.ingest})
	if err := load(documents, t.documents); err != nil {
		return nil, nil, err
	}
	engine := struct {
		esq.Searcher
		esq.Store
	}{documents, memory.New(memory.Options{Now: clock.Now})}
	due, end := t.schedule(rule)
	scheduled := *rule
	scheduled.Schedule = due
	var stages []rules.StageResult
	sched := scheduler.New(scheduler.Options{
		Rules: &rules.Set{Rules: []*rules.Rule{&scheduled}}, Engine: engine, Clock: clock,
		Observe: func(r scheduler.Report) {
			if r.Result != nil && len(r.Result.Stages) > 0 {
				stages = r.Result.Stages
			}
		},
	})
	summary, err := sched.Replay(ctx, t.start, end)
	if err := errors.Join(err, summary.Err()); err != nil {
		return nil, stages, fmt.Errorf("run rule: %w", err)
	}
	alerts, err := holding(ctx, engine)
	return alerts, stages, err
}

// holding reads the alerts that are not taken back.
func holding(ctx context.Context, store esq.Store) ([]Alert, error) {
	found, err := store.Find(ctx, []string{mappings.Names{}.AlertPattern()}, esq.Not(esq.Exists{Field: "stitch.retracted"}), math.MaxInt)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	alerts := make([]Alert, len(found))
	for i, d := range found {
		if err := json.Unmarshal(d.Source, &alerts[i]); err != nil {
			return nil, fmt.Errorf("read alert %s: %w", d.ID, err)
		}
	}
	order := func(a Alert) string {
		return fmt.Sprint(lookup(a, "kibana.alert.original_time"), lookup(a, "kibana.alert.uuid"))
	}
	slices.SortFunc(alerts, func(a, b Alert) int { return cmp.Compare(order(a), order(b)) })
	return alerts, nil
}

// dueTimes is a schedule of some of a rule's due times.
type dueTimes []time.Time

// Next implements [rules.Schedule]; the zero time says that there is none.
func (d dueTimes) Next(t time.Time) time.Time {
	for _, due := range d {
		if due.After(t) {
			return due
		}
	}
	return time.Time{}
}

// schedule is when the rule runs in a test, and the last of these times. A rule
// that looks at windows runs at all its due times. Of any other those are left
// out before which nothing arrived: they find what those before them found.
func (t *Test) schedule(rule *rules.Rule) (rules.Schedule, time.Time) {
	next := t.regular(rule)
	last := t.start
	for _, d := range t.documents {
		last = later(last, later(d.at, d.arrives))
	}
	last = last.Add(rule.Settle)
	if rule.Absent {
		last = last.Add(rule.Span + rule.Lateness)
	}
	end := next(last)
	if t.run > 0 {
		end = t.start.Add(t.run)
	}
	if rule.Windowed {
		return rule.Schedule, end
	}
	var due dueTimes
	for _, d := range t.documents {
		due = append(due, next(d.arrives), next(d.arrives.Add(rule.Settle)))
	}
	slices.SortFunc(due, time.Time.Compare)
	return slices.CompactFunc(due, time.Time.Equal), end
}

// regular returns a function that returns the rule's first due time after one,
// the clock beginning at the test's start.
func (t *Test) regular(rule *rules.Rule) func(time.Time) time.Time {
	return func(after time.Time) time.Time {
		after = later(after, t.start)
		if every, ok := rule.Schedule.(rules.Every); ok {
			interval := time.Duration(every)
			return t.start.Add((after.Sub(t.start)/interval + 1) * interval)
		}
		if due := rule.Schedule.Next(after); !due.IsZero() {
			return due
		}
		return after.Add(24 * time.Hour) // never due: looked at once, at the end
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
