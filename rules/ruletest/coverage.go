package ruletest

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
)

// Coverage is what the tests of a rule notice of its mutations.
type Coverage struct {
	Outcomes []Outcome // in the order of the rule's file
	Killed   int       // noticed by some test
	Total    int       // without those that are harmless
	// Conditions is how many of them remove a condition, Tested how many of these
	// are noticed.
	Conditions, Tested int
	// Stale are the mutations that the test file calls harmless and that are
	// noticed after all, or are none of the rule's.
	Stale []string
}

// Outcome is what became of one mutation.
type Outcome struct {
	*Mutation
	By       string // the test that notices it first, "" for none
	Harmless string // why none need, as the test file says
}

// Unnoticed returns the mutations that no test notices and that are not harmless.
func (c *Coverage) Unnoticed() []Outcome {
	var out []Outcome
	for _, o := range c.Outcomes {
		if o.By == "" && o.Harmless == "" {
			out = append(out, o)
		}
	}
	return out
}

// Coverage runs the tests on every mutation of the rule, several at once. The
// tests are taken to pass on the rule itself. What ctx stops counts as unnoticed.
func (s *Suite) Coverage(ctx context.Context) *Coverage {
	list := mutations(s.RuleFile, s.text)
	outcomes := make([]*Outcome, len(list))
	var pending sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, m := range list {
		slots <- struct{}{}
		pending.Go(func() {
			defer func() { <-slots }()
			outcomes[i] = s.try(ctx, m)
		})
	}
	pending.Wait()
	c := &Coverage{}
	used := map[string]bool{}
	for _, o := range outcomes {
		if o != nil {
			c.add(*o)
			used[o.Name] = used[o.Name] || o.Harmless != ""
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.harmless)) {
		if !used[name] && ctx.Err() == nil {
			c.Stale = append(c.Stale, name)
		}
	}
	return c
}

func (c *Coverage) add(o Outcome) {
	c.Outcomes = append(c.Outcomes, o)
	if o.Harmless != "" {
		return
	}
	c.Total++
	if o.By != "" {
		c.Killed++
	}
	if o.Condition {
		c.Conditions++
		if o.By != "" {
			c.Tested++
		}
	}
}

// try runs the tests on a mutation until one notices; nil if the mutation makes
// no rule.
func (s *Suite) try(ctx context.Context, m *Mutation) *Outcome {
	text, err := m.mutated(s.text)
	if err != nil {
		return nil
	}
	rule, err := s.set.Compile(s.RuleFile, text)
	if err != nil {
		return nil
	}
	o := &Outcome{Mutation: m}
	for _, t := range s.Tests {
		if ctx.Err() != nil {
			return o
		}
		if !t.judge(ctx, rule, m.ignore).OK() {
			o.By = t.Name
			return o
		}
	}
	o.Harmless = s.harmless[m.Name]
	return o
}
