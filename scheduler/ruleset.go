package scheduler

import (
	"sync"

	"github.com/stitchdetect/stitch/rules"
)

// ruleSet is the rules that run now. It is safe for concurrent use.
type ruleSet struct {
	mu        sync.Mutex
	rules     []*rules.Rule
	exchanged chan struct{} // closed when others take their place
}

func newRuleSet(set *rules.Set) *ruleSet {
	return &ruleSet{rules: set.Rules, exchanged: make(chan struct{})}
}

// get returns the rules, and a channel that is closed once there are others.
func (s *ruleSet) get() (list []*rules.Rule, exchanged <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules, s.exchanged
}

// Exchange puts other rules in the place of those that run. What is in hand
// finishes under the rules it began with; a rule that is in both sets never runs
// beside itself. It may be called at any time, also while another scheduler has
// the lease.
func (s *Scheduler) Exchange(set *rules.Set) {
	s.rules.mu.Lock()
	defer s.rules.mu.Unlock()
	close(s.rules.exchanged)
	s.rules.rules, s.rules.exchanged = set.Rules, make(chan struct{})
}
