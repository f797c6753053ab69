package rules

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// readRules reads rule files, as many at once as there are processors, and takes
// in what they say in the order of their names. Views and exceptions are read by
// then; what reading a rule finds wrong with an exception is noted after it.
func (l *loader) readRules(names []string, read func(string) ([]byte, error)) {
	all := make([]readRule, len(names))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		wg.Go(func() {
			known := shapes{}
			for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
				all[i] = l.readRule(&file{name: names[i], shapes: known}, read)
			}
		})
	}
	wg.Wait()
	for _, r := range all {
		if r.Rule != nil {
			l.rules = append(l.rules, r.loadedRule)
		}
		for _, note := range r.ofExceptions {
			note()
		}
		l.problems = append(l.problems, r.file.problems...)
	}
}

type loadedRule struct {
	*Rule
	enabled bool
	file    *file
}

// readRule is a rule file as it was read.
type readRule struct {
	loadedRule            // without a rule if it is too wrong to make one of
	ofExceptions []func() // notes what is wrong with exceptions
}

// readRule reads one file, and changes nothing that others read.
func (l *loader) readRule(f *file, read func(string) ([]byte, error)) readRule {
	r := readRule{loadedRule: loadedRule{file: f}}
	text, ok := f.readFile(read)
	if !ok {
		return r
	}
	var spec ruleFile
	// A wrong key does not hide what is wrong with the rest.
	if !f.decode(text, &spec) && spec.Rule.Type == "" {
		return r
	}
	f.rule = spec.Rule.Name
	for i := range f.problems {
		f.problems[i].Rule = f.rule
	}
	c := &compiler{file: f, spec: &spec.Rule, views: l.views, exceptions: l.exceptions}
	r.Rule = c.compileRule()
	r.enabled = spec.Rule.Enabled == nil || *spec.Rule.Enabled
	r.ofExceptions = c.ofExceptions
	return r
}
