package scheduler

import (
	"errors"
	"fmt"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// Report is one run of a rule over a slice of arrival time, done or failed.
type Report struct {
	Rule  *rules.Rule
	Slice rules.Window // of arrival time
	// Window is the event time that was evaluated because of what arrived, from
	// the first to the last; the slice itself if nothing had to be.
	Window            rules.Window
	Windows           int   // evaluated in it
	Ticket            int64 // the run's number, 0 if it got none
	Started, Finished time.Time
	// Idle says that nothing arrived, as one question has shown. The run has
	// written nothing, and is stored later, together with others.
	Idle bool
	// Arrivals is what the slice brought; nil if that could not be asked.
	Arrivals *rules.Arrivals
	// Result sums up what was searched, without the alerts; nil if nothing was.
	Result *rules.Result
	Alerts Counts // written, also by a run that failed later
	// CoveredUntil is how far the rule is covered without a hole, this run
	// included if it did not fail.
	CoveredUntil time.Time
	// Err is why the run failed; its slice will be searched again.
	Err error
}

// Late counts the documents that arrived later than the rule expects.
func (r Report) Late() int64 {
	var n int64
	if r.Arrivals != nil {
		for _, s := range r.Arrivals.Sources {
			n += s.Late
		}
	}
	return n
}

// Summary is what became of each rule, in the order of the rules.
type Summary struct{ Rules []RuleSummary }

// RuleSummary is what became of one rule.
type RuleSummary struct {
	Rule     *rules.Rule
	Runs     int // slices, failed ones too
	Failures int // failed ones among them
	Alerts   Counts
	// Next is when the rule falls due again; zero if that is not known.
	Next time.Time
	// Err is why the last turn of the rule did not cover all it should have, nil
	// if it did: what failed before is covered by a later turn.
	Err error
}

// Alerts sums what was written.
func (s Summary) Alerts() Counts {
	var c Counts
	for _, r := range s.Rules {
		c.add(r.Alerts)
	}
	return c
}

// Err joins the errors of the rules whose last turn failed.
func (s Summary) Err() error {
	var errs []error
	for _, r := range s.Rules {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("rule %s: %w", r.Rule.Name, r.Err))
		}
	}
	return errors.Join(errs...)
}

func (s *RuleSummary) add(r Report) {
	s.Runs++
	s.Alerts.add(r.Alerts)
	if r.Err != nil {
		s.Failures++
	}
}
