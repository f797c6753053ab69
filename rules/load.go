package rules

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// shipped is the rules and views that come with stitch.
//
//go:embed *.toml views/*.toml
var shipped embed.FS

// Set is the rules of one load, ordered by name, and the views they stand on.
type Set struct {
	Rules      []*Rule
	Exceptions []Exception // in the order of their files
	views      map[string]*view
}

// ByID returns the rule with the id, or nil.
func (s *Set) ByID(id string) *Rule {
	for _, r := range s.Rules {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// IDs returns the ids of all rules.
func (s *Set) IDs() []string {
	var ids []string
	for _, r := range s.Rules {
		ids = append(ids, r.ID)
	}
	return ids
}

// Load reads rules and views from files and folders: *.toml, and the views in
// a folder named views beside or below them, which stand in for shipped views
// of the same name, and the exceptions in a folder of that name. Without paths the shipped rules are loaded. It loads all
// or nothing; what is wrong comes back as [Problems].
func Load(paths []string) (*Set, error) {
	l := &loader{views: map[string]*view{}, added: map[string]bool{}}
	l.readShipped(len(paths) == 0)
	for _, p := range paths {
		l.collect(p)
	}
	for _, name := range l.viewFiles {
		l.readView(name, os.ReadFile)
	}
	for _, name := range l.exceptionFiles {
		l.readExceptions(name, os.ReadFile)
	}
	l.readRules(l.ruleFiles, os.ReadFile)
	for _, f := range l.exceptionTexts {
		l.problems = append(l.problems, f.problems...)
	}
	l.checkDuplicates()
	if len(l.problems) > 0 {
		slices.SortStableFunc(l.problems, func(a, b Problem) int {
			return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
		})
		return nil, l.problems
	}
	set := &Set{views: l.views}
	for _, e := range l.exceptions {
		set.Exceptions = append(set.Exceptions, e.Exception)
	}
	for _, r := range l.rules {
		if r.enabled {
			set.Rules = append(set.Rules, r.Rule)
		}
	}
	slices.SortFunc(set.Rules, func(a, b *Rule) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return set, nil
}

type loader struct {
	viewFiles, ruleFiles []string
	exceptionFiles       []string
	added                map[string]bool // files, by name
	exceptions           []*exception
	exceptionTexts       []*file // what is wrong in them is known when all rules are read
	views                map[string]*view
	rules                []loadedRule
	problems             Problems
}

// readShipped reads the embedded views, and the rules too if they are wanted.
func (l *loader) readShipped(rules bool) {
	read := func(name string) ([]byte, error) { return shipped.ReadFile(name) }
	views, _ := fs.Glob(shipped, "views/*.toml")
	for _, name := range views {
		l.readView(name, read)
	}
	if rules {
		names, _ := fs.Glob(shipped, "*.toml")
		l.readRules(slices.DeleteFunc(names, IsTest), read)
	}
}

// collect finds the files below a path.
func (l *loader) collect(root string) {
	info, err := os.Stat(root)
	if err != nil {
		f := &file{name: root}
		f.readFile(func(string) ([]byte, error) { return nil, err })
		l.problems = append(l.problems, f.problems...)
		return
	}
	if !info.IsDir() {
		if IsTest(root) { // as in rules/*.toml: no rule, and not wrong
			return
		}
		l.add(root)
		for _, folder := range []string{"views", "exceptions"} {
			beside, _ := filepath.Glob(filepath.Join(filepath.Dir(root), folder, "*.toml"))
			for _, name := range beside {
				l.add(name)
			}
		}
		return
	}
	before := len(l.ruleFiles) + len(l.viewFiles) + len(l.exceptionFiles)
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(name, ".toml") && !IsTest(name) {
			l.add(name)
		}
		return err
	})
	if err != nil {
		l.problems = append(l.problems, Problem{File: root, What: "cannot be read: " + err.Error()})
	} else if len(l.ruleFiles)+len(l.viewFiles)+len(l.exceptionFiles) == before {
		l.problems = append(l.problems, Problem{File: root, What: "no *.toml in this folder; name a folder of rules or a rule's file"})
	}
}

func (l *loader) add(name string) {
	list := &l.ruleFiles
	switch filepath.Base(filepath.Dir(name)) {
	case "views":
		list = &l.viewFiles
	case "exceptions":
		list = &l.exceptionFiles
	}
	if !l.added[name] {
		l.added[name] = true
		*list = append(*list, name)
	}
}

// IsTest reports whether a file's name is that of a rule's tests, RULE.test.toml.
func IsTest(name string) bool { return strings.HasSuffix(name, ".test.toml") }

// Compile reads one rule from the text of its file, on the views of s, whether
// it is enabled or not, and without exceptions. What is wrong comes back as
// [Problems].
func (s *Set) Compile(name, text string) (*Rule, error) {
	l := &loader{views: s.views}
	l.readRules([]string{name}, func(string) ([]byte, error) { return []byte(text), nil })
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	return l.rules[0].Rule, nil
}

func (l *loader) readView(name string, read func(string) ([]byte, error)) {
	f := &file{name: name}
	if text, ok := f.readFile(read); ok {
		id := strings.TrimSuffix(path.Base(filepath.ToSlash(name)), ".toml")
		if v := f.readView(id, text); v != nil {
			l.views[id] = v
		}
	}
	l.problems = append(l.problems, f.problems...)
}

func (l *loader) checkDuplicates() {
	first := map[string]*Rule{}
	for _, r := range l.rules {
		if r.ID == "" {
			continue
		}
		if other := first[r.ID]; other != nil {
			l.problems = append(l.problems, Problem{r.File, r.file.lines.line("rule", "rule_id"), r.Name,
				"rule_id " + r.ID + " is also that of " + other.Name + " in " + other.File + "; give one of them a new one"})
			continue
		}
		first[r.ID] = r.Rule
	}
}

// compileRule checks what a file says and makes the rule that runs.
func (c *compiler) compileRule() *Rule {
	f, spec := c.file, c.spec
	r := &Rule{Meta: c.readMeta(), File: f.name, Lateness: 24 * time.Hour, Settle: time.Minute, MaxRows: 1_000_000, userMap: true}
	c.refuseUnsupported()
	switch spec.Type {
	case "query":
		if spec.Language != "" && spec.Language != "kuery" {
			c.problem([]string{"rule", "language"}, "language %q is not supported; a query rule is written in kuery", spec.Language)
		} else {
			r.plan = c.compileQuery()
		}
	case "sequence":
		r.plan = c.compileSequence()
	case "":
		c.problem([]string{"rule"}, "no type; add type = \"query\" or type = \"sequence\"")
	default:
		c.problem([]string{"rule", "type"}, "type %q is not run by stitch; it runs query (in kuery) and sequence", spec.Type)
	}
	r.Absent = slices.ContainsFunc(r.plan.stages, func(s *stage) bool { return s.absent })
	r.Windowed = slices.ContainsFunc(r.plan.stages, func(s *stage) bool { return s.group != nil && s.group.window == 0 })
	c.readTimes(r)
	r.plan.name, r.plan.id = r.Name, r.ID
	r.Fingerprint = c.fingerprint(r)
	return r
}

func (c *compiler) readMeta() Meta {
	s := c.spec
	require := func(key, value string) {
		if value == "" {
			c.problem([]string{"rule"}, "no %s; add %s = \"...\"", key, key)
		}
	}
	require("name", s.Name)
	require("rule_id", s.RuleID)
	m := Meta{
		ID: s.RuleID, Name: s.Name, Description: s.Description, Type: s.Type, Severity: s.Severity, RiskScore: s.RiskScore,
		Author: s.Author, License: s.License, Tags: s.Tags, References: s.References, FalsePositives: s.FalsePositives,
		Note: s.Note, Setup: s.Setup, Version: max(s.Version, 1), Threat: s.Threat,
	}
	severities := []string{"low", "medium", "high", "critical"}
	if m.Severity == "" {
		m.Severity = "medium"
	} else if !slices.Contains(severities, m.Severity) {
		c.problem([]string{"rule", "severity"}, "severity %q%s must be one of %s", m.Severity, didYouMean(m.Severity, severities), strings.Join(severities, ", "))
	}
	for code, reason := range s.Lint {
		if text, ok := reason.(string); !ok || strings.TrimSpace(text) == "" {
			c.problem([]string{"rule", "lint", code}, "a warning is silenced with the reason, as in %s = \"why\"", code)
		}
	}
	if m.RiskScore < 0 || m.RiskScore > 100 {
		c.problem([]string{"rule", "risk_score"}, "risk_score %d must be from 0 to 100", m.RiskScore)
	}
	return m
}

// refuseUnsupported names every key that would change what the rule finds and
// that stitch cannot honour.
func (c *compiler) refuseUnsupported() {
	s := c.spec
	for key, value := range map[string]any{
		"filters": s.Filters, "exceptions_list": s.ExceptionsList,
		"threshold": s.Threshold, "new_terms": s.NewTerms,
	} {
		if list, ok := value.([]any); ok && len(list) == 0 {
			continue
		}
		if value != nil {
			c.problem([]string{"rule", key}, "%s is not supported, and the rule would find other things without it; put it into the query", key)
		}
	}
	if s.DataViewID != "" && len(s.Index) == 0 {
		c.problem([]string{"rule", "data_view_id"}, "data views are Kibana's; name the indices with index = [...]")
	}
	if s.To != "" && s.To != "now" {
		c.problem([]string{"rule", "to"}, "to = %q is not supported; a run looks up to its due time", s.To)
	}
	if s.Type == "query" && len(s.Stages) > 0 {
		c.problem([]string{"rule", "stage"}, "a query rule has no stages; did you mean type = \"sequence\"?")
	}
	if s.Type == "sequence" && s.Query != nil {
		c.problem([]string{"rule", "query"}, "a sequence has its queries in [[rule.stage]]")
	}
}

func (c *compiler) readTimes(r *Rule) {
	s := c.spec
	duration := func(key, text string, into *time.Duration) {
		if text == "" {
			return
		}
		d, err := parseDuration(text)
		if err != nil {
			c.problem([]string{"rule", key}, "%s: %v", key, err)
			return
		}
		*into = d
	}
	if s.UserMap != nil {
		r.userMap = *s.UserMap
	}
	if s.MaxRows != nil {
		r.MaxRows = *s.MaxRows
		if r.MaxRows < 1 {
			c.problem([]string{"rule", "max_rows"}, "max_rows must be at least 1")
		}
	}
	interval, maxSpan := 5*time.Minute, time.Duration(0)
	duration("interval", s.Interval, &interval)
	duration("maxspan", s.MaxSpan, &maxSpan)
	duration("lateness", s.Lateness, &r.Lateness)
	duration("settle", s.Settle, &r.Settle)
	if interval < time.Second {
		c.problem([]string{"rule", "interval"}, "interval must be at least 1s")
	}
	r.Schedule = Every(interval)
	r.suppression = c.readSuppression(s.AlertSuppression, interval)
	if s.Schedule != "" {
		if s.Interval != "" {
			c.problem([]string{"rule", "schedule"}, "both interval and schedule; keep one")
		}
		schedule, err := parseCron(s.Schedule)
		if err != nil {
			c.problem([]string{"rule", "schedule"}, "schedule: %v", err)
		} else {
			r.Schedule = schedule
		}
	}
	// An absent event is known to be none when its last part would have arrived.
	r.Lateness += r.plan.partReach()
	r.LookBack = interval + time.Minute // Kibana's default: one minute more than the interval
	if r.Windowed {
		r.LookBack = interval
	}
	if s.From != "" {
		lookBack, err := parseLookBack(s.From)
		if err != nil {
			c.problem([]string{"rule", "from"}, "from: %v", err)
		}
		r.LookBack = lookBack
	} else if maxSpan > 0 && !r.Windowed {
		r.LookBack = maxSpan
	}
	if len(r.plan.stages) > 1 {
		r.Span = maxSpan
		if r.Span == 0 {
			r.Span = r.LookBack
		}
	}
	for _, stage := range r.plan.stages {
		for _, a := range stage.after {
			if stage.absent {
				r.Span = max(r.Span, a.Within)
			}
		}
	}
}

// fingerprint hashes what decides which alerts a rule finds and what they say
// of their evidence, not its prose.
func (c *compiler) fingerprint(r *Rule) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	s := c.spec
	views := map[string]string{}
	for _, stage := range r.plan.stages {
		if stage.view != nil {
			views[stage.view.name] = stage.view.text
		}
	}
	var exceptions []any
	for _, stage := range r.plan.stages {
		for _, x := range stage.exceptions {
			exceptions = append(exceptions, stage.id, x.When, x.Expires)
		}
	}
	for _, part := range []any{
		s.RuleID, s.Type, s.Language, s.Query, s.Index, s.From, s.Interval, s.Schedule, s.MaxSpan, s.Lateness,
		s.Stages, s.Alert, s.AlertSuppression, slices.Sorted(maps.Keys(views)), views, exceptions,
	} {
		_ = enc.Encode(part) // strings, maps and lists of them always encode, and a hash takes every write
	}
	if s.UserMap != nil {
		_ = enc.Encode(*s.UserMap)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Shipped returns the files of the rules and views that come with stitch, and
// of their tests.
func Shipped() fs.FS { return shipped }
