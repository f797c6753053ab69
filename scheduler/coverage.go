package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// RuleCoverage is what is known of a rule's coverage. All of its intervals are
// of arrival time.
type RuleCoverage struct {
	Rule *rules.Rule
	// Start is when coverage begins; zero if the rule has never run in this
	// version.
	Start time.Time
	// CoveredUntil is the end of the time from Start on that has no hole.
	CoveredUntil time.Time
	Covered      []rules.Window
	Holes        []Hole
	Ticket       int64     // of the newest run
	Next         time.Time // when the rule falls due again
	LastRun      *LastRun  // the newest one of the last day; nil if there was none
	// Pending are the chains of a rule with absent stages that cannot be judged
	// yet: what would drop them may still happen, or arrive.
	Pending []rules.Pending
	// Refused is why Pending is not known: the user may not read what the rule
	// reads, and need not, to be told all the rest.
	Refused error
	// Sources is what the sources brought in the runs of the last day.
	Sources []SourceCoverage
	// Err is why the ledger cannot be used, a [*StateError]; nothing else is
	// known then.
	Err error
}

// LastRun is how a run ended.
type LastRun struct {
	Finished time.Time
	Outcome  string // "success" or "failure"
	Error    string // why it failed
}

// SourceCoverage is what one source brought for one stage of a rule.
type SourceCoverage struct {
	Stage, View, Source string
	// Count and Late are of documents as runs met them: one that two runs met,
	// because it arrived about when the first of them ended, counts twice.
	Count   int64
	Late    int64 // arrived more than the rule's lateness after they happened
	NoIndex bool  // at the last run, none of its patterns matched an index
}

// sourcesSince is how far back the sources' counts go.
const sourcesSince = 24 * time.Hour

// Coverage says for each rule what is covered, in the order of the rules. It
// writes nothing. A ledger that cannot be used is in its rule's Err; the error
// returned is that the cluster could not be asked.
func (s *Scheduler) Coverage(ctx context.Context) ([]RuleCoverage, error) {
	now := s.clock.Now().UTC()
	set, _ := s.rules.get()
	list := make([]RuleCoverage, len(set))
	for i, rule := range set {
		c, err := s.coverage(ctx, rule, now)
		if err != nil {
			return nil, fmt.Errorf("coverage of rule %s: %w", rule.Name, err)
		}
		list[i] = c
	}
	return list, nil
}

func (s *Scheduler) coverage(ctx context.Context, rule *rules.Rule, now time.Time) (RuleCoverage, error) {
	c := RuleCoverage{Rule: rule}
	e, err := s.live().book.load(ctx, rule)
	var state *StateError
	if errors.As(err, &state) {
		c.Err = state
		return c, nil
	}
	if err != nil || !e.known() {
		return c, err
	}
	c.Start, c.CoveredUntil, c.Covered = e.Start, e.coveredUntil(), e.Covered
	c.Holes, c.Ticket, c.Next = e.holes(e.Until), e.Ticket, e.next(rule.Schedule)
	if c.Sources, c.LastRun, err = s.sources(ctx, rule, now); err != nil || !rule.Absent {
		return c, err
	}
	if c.Pending, err = s.pending(ctx, rule, e.ledger, now); esq.Refused(err) {
		c.Refused, err = err, nil
	}
	return c, err
}

// pending asks anew which chains wait to be judged.
func (s *Scheduler) pending(ctx context.Context, rule *rules.Rule, l ledger, now time.Time) ([]rules.Pending, error) {
	closed := closed(rule, l.coveredUntil())
	bound, err := s.withUsers(ctx, rule)
	if err != nil {
		return nil, err
	}
	result, err := s.evaluate(ctx, bound, s.engine, rules.Window{From: closed.Add(-rule.Span), To: later(now, closed), Closed: closed})
	if err != nil {
		return nil, fmt.Errorf("look for what is pending: %w", err)
	}
	return result.Pending, nil
}

// sources sums up what the run records of the last day say of a rule's sources,
// and returns what the newest of them says of itself.
func (s *Scheduler) sources(ctx context.Context, rule *rules.Rule, now time.Time) ([]SourceCoverage, *LastRun, error) {
	found, err := s.engine.Find(ctx, []string{s.names.RunPattern()}, esq.And(
		esq.Term{Field: "rule.id", Value: esq.Str(rule.ID)},
		esq.Term{Field: "replay", Value: esq.Boolean(false)},
		esq.Range{Field: "@timestamp", GTE: esq.Str(mappings.Time(now.Add(-sourcesSince)))}), 0)
	if err != nil {
		return nil, nil, fmt.Errorf("read run records: %w", err)
	}
	var last *LastRun
	var list []SourceCoverage
	places := map[SourceCoverage]int{} // by the names alone
	newest := map[int]string{}
	for _, d := range found {
		var rec struct {
			Timestamp string        `json:"@timestamp"`
			Outcome   string        `json:"outcome"`
			Error     string        `json:"error"`
			Sources   []sourceCount `json:"sources"`
		}
		if err := json.Unmarshal(d.Source, &rec); err != nil {
			return nil, nil, fmt.Errorf("read run record %s: %w", stateName(d.Ref), err)
		}
		if at, err := time.Parse(time.RFC3339, rec.Timestamp); err == nil && (last == nil || !at.Before(last.Finished)) {
			last = &LastRun{Finished: at, Outcome: rec.Outcome, Error: rec.Error}
		}
		for _, src := range rec.Sources {
			name := SourceCoverage{Stage: src.Stage, View: src.View, Source: src.Source}
			at, ok := places[name]
			if !ok {
				at = len(list)
				places[name] = at
				list = append(list, name)
			}
			list[at].Count += src.Count
			list[at].Late += src.Late
			if rec.Timestamp >= newest[at] { // all are spelled alike
				newest[at], list[at].NoIndex = rec.Timestamp, src.NoIndex
			}
		}
	}
	return list, last, nil
}
