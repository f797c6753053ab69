package scheduler

import (
	"errors"
	"fmt"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// Report is one evaluation of a rule over a window, done or failed.
type Report struct {
	Rule              *rules.Rule
	Window            rules.Window
	Started, Finished time.Time
	// Result is what the rule found; nil if the evaluation failed.
	Result *rules.Result
	Alerts Counts // written, also by a run that failed later
	// Err is why the run failed; its window will be covered again.
	Err error
}

// Summary is what became of each rule, in the order of the rules.
type Summary struct{ Rules []RuleSummary }

// RuleSummary is what became of one rule.
type RuleSummary struct {
	Rule     *rules.Rule
	Runs     int // evaluations, failed ones too
	Failures int // failed ones among them
	Alerts   Counts
	// Next is when the rule falls due again; zero if that is not known.
	Next time.Time
	// Err is why the last run failed, nil if it did not: what failed before is
	// covered by a later run that did not.
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

// Err joins the errors of the rules whose last run failed.
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
	s.Err = r.Err
	if r.Err != nil {
		s.Failures++
	}
}
