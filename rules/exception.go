package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq/eql"
)

// exceptionFile is what a file of a folder named exceptions says.
type exceptionFile struct {
	Exceptions []exceptionSpec `toml:"exception"`
}

type exceptionSpec struct {
	Rule    any    `toml:"rule"`  // an id, a list of ids, or "*"
	Stage   string `toml:"stage"` // none: every stage that has the columns
	When    string `toml:"when"`
	Owner   string `toml:"owner"`
	Reason  string `toml:"reason"`
	Expires any    `toml:"expires"`
}

// Exception keeps rows out of rules: an allow-list with an owner, a reason and
// an end.
type Exception struct {
	File  string
	Line  int
	Rules []string // ids; "*" means all
	Stage string   // "" means every stage that is not absent and has the columns
	// When is the EQL condition of the rows that are kept out, on a stage's
	// columns.
	When          string
	Owner, Reason string
	// Expires ends the exception: events from then on are matched again. Zero: it
	// never ends.
	Expires time.Time
}

// String says which exception it is.
func (e Exception) String() string { return fmt.Sprintf("%s:%d (%s)", e.File, e.Line, e.Reason) }

// exception is one as read, with what it takes to note problems of it.
type exception struct {
	Exception
	file *file
	path []string
	cond eql.Expr
}

// ExceptionCount is how many rows of a stage an exception kept out.
type ExceptionCount struct {
	Exception string // as [Exception.String] has it
	Stage     string
	Count     int64
	// Expired are rows that it would have kept out, had it not expired before.
	Expired int64
}

func (l *loader) readExceptions(name string, read func(string) ([]byte, error)) {
	f := &file{name: name}
	if text, ok := f.readFile(read); ok {
		var spec exceptionFile
		f.decode(text, &spec)
		for i, s := range spec.Exceptions {
			l.exceptions = append(l.exceptions, f.readException(index(nil, "exception", i), s))
		}
		if len(spec.Exceptions) == 0 && len(f.problems) == 0 {
			f.problemAt(0, "no [[exception]] in this file")
		}
	}
	l.exceptionTexts = append(l.exceptionTexts, f)
}

func (f *file) readException(path []string, s exceptionSpec) *exception {
	key := func(name string) []string { return append(path[:len(path):len(path)], name) }
	e := &exception{file: f, path: path, Exception: Exception{
		File: f.name, Line: f.lines.line(path...), Stage: s.Stage, When: s.When, Owner: s.Owner, Reason: s.Reason,
	}}
	switch v := s.Rule.(type) {
	case string:
		e.Rules = []string{v}
	case []any:
		for _, x := range v {
			id, ok := x.(string)
			if !ok {
				f.problem(key("rule"), "rule must list ids, not %s", kindOf(x))
			}
			e.Rules = append(e.Rules, id)
		}
	}
	if len(e.Rules) == 0 {
		f.problem(path, "an exception needs rule = \"the rule's id\", a list of ids, or \"*\"")
	}
	for name, value := range map[string]string{"owner": s.Owner, "reason": s.Reason, "when": s.When} {
		if strings.TrimSpace(value) == "" {
			f.problem(path, "an exception needs %s = \"...\"", name)
		}
	}
	e.Expires = f.readExpiry(key("expires"), s.Expires)
	if s.When != "" {
		cond, err := eql.ParseExpr(s.When)
		if err != nil {
			f.languageError(key("when"), err)
			return e
		}
		e.cond = cond
		for _, ref := range eql.Refs(cond) {
			if ref.Func != "" {
				f.problem(key("when"), "%s() has no meaning in an exception; name columns", ref.Func)
				e.cond = nil
			}
		}
	}
	return e
}

func (f *file) readExpiry(path []string, value any) time.Time {
	switch v := value.(type) {
	case nil:
		return time.Time{}
	case time.Time:
		// A date without a zone is one of UTC, like all times in rules.
		_, offset := v.Zone()
		if name := v.Location().String(); strings.HasSuffix(name, "-local") {
			v = v.Add(time.Duration(offset) * time.Second)
		}
		return v.UTC()
	}
	f.problem(path, "expires must be a date such as 2027-01-31 or a time such as 2027-01-31T12:00:00Z")
	return time.Time{}
}

// concerns reports whether the exception is for a rule.
func (e *exception) concerns(id string) bool {
	return slices.Contains(e.Rules, id) || slices.Contains(e.Rules, "*")
}

// kept is an exception as a stage applies it.
type kept struct {
	*exception
	program *eql.Program
}

// except binds the exceptions that concern the rule to its stages.
func (c *compiler) except(all []*exception) {
	for _, e := range all {
		if e.cond == nil || !e.concerns(c.spec.RuleID) {
			continue
		}
		bound := false
		for _, s := range c.stages {
			if e.Stage == s.id || e.Stage == "" && !s.absent && s.hasAll(e.cond) {
				c.bindException(s, e)
				bound = true
			}
		}
		if bound || e.Stage == "" && slices.Contains(e.Rules, "*") {
			continue
		}
		if e.Stage != "" {
			c.problemOf(e, "stage", "rule %s has no stage %q%s", c.spec.Name, e.Stage, didYouMean(e.Stage, c.stageIDs()))
		} else {
			c.problemOf(e, "when", "no stage of rule %s has all of these columns", c.spec.Name)
		}
	}
}

// problemOf notes what is wrong with a key of an exception.
func (c *compiler) problemOf(e *exception, key, format string, args ...any) {
	c.ofExceptions = append(c.ofExceptions, func() { e.file.problem(e.key(key), format, args...) })
}

// key is the path of a key of the exception.
func (e *exception) key(name string) []string { return append(e.path[:len(e.path):len(e.path)], name) }

// hasAll reports whether the stage knows every column of a condition; one that
// names its indices itself has any field.
func (s *stage) hasAll(cond eql.Expr) bool {
	for _, ref := range eql.Refs(cond) {
		if s.view != nil && !slices.Contains(s.view.declared, ref.Name) && ref.Name != timeColumn {
			return false
		}
	}
	return true
}

func (c *compiler) bindException(s *stage, e *exception) {
	for _, ref := range eql.Refs(e.cond) {
		s.need(ref.Name)
	}
	program, err := eql.Compile(e.cond, func(ref eql.Ref) (int, error) { return slices.Index(s.columns, ref.Name), nil })
	if err != nil {
		c.ofExceptions = append(c.ofExceptions, func() { e.file.languageError(e.key("when"), err) })
		return
	}
	s.exceptions = append(s.exceptions, kept{e, program})
}

// keptOut reports whether an exception keeps an event out of the stage, and
// counts it, and those that an expired one would have kept out.
func (s *searcher) keptOut(st *stage, e *event) bool {
	out := false
	for _, x := range st.exceptions {
		if !x.program.Holds(eventEnv{e, nil}) {
			continue
		}
		count := s.exceptionCount(x.String(), st.id)
		if x.Expires.IsZero() || e.time < x.Expires.UnixMilli() {
			count.Count++
			out = true
		} else {
			count.Expired++
		}
	}
	return out
}

func (s *searcher) exceptionCount(name, stage string) *ExceptionCount {
	for i := range s.exceptions {
		if x := &s.exceptions[i]; x.Exception == name && x.Stage == stage {
			return x
		}
	}
	s.exceptions = append(s.exceptions, ExceptionCount{Exception: name, Stage: stage})
	return &s.exceptions[len(s.exceptions)-1]
}

// warnOfExpired says which exceptions would have kept rows out, had they not
// ended.
func (s *searcher) warnOfExpired() {
	for _, x := range s.exceptions {
		if x.Expired > 0 {
			s.warn("exception %s has expired and keeps out no more: %d rows of stage %s are matched again; renew it or take it out", x.Exception, x.Expired, x.Stage)
		}
	}
}

// Exceptions returns what keeps rows out of the rule, by stage.
func (r *Rule) Exceptions() map[string][]Exception {
	out := map[string][]Exception{}
	for _, s := range r.plan.stages {
		for _, x := range s.exceptions {
			out[s.id] = append(out[s.id], x.Exception)
		}
	}
	return out
}
