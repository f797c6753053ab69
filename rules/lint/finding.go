// Package lint finds what is not wrong in a rule but probably not meant: each
// finding has a code, a reason and a mend, and can be silenced, with a reason,
// in the rule:
//
//	[rule.lint]
//	join-multiplies = "as the original, one alert for each combination"
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules"
)

// Finding is something about one rule that deserves a look.
type Finding struct {
	Code   string `json:"code"` // one of [Codes]
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"` // 1-based; 0: of the whole file
	RuleID string `json:"rule_id"`
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	Mend   string `json:"mend"`
}

func (f Finding) String() string {
	p := rules.Problem{File: f.File, Line: f.Line, Rule: f.Rule, What: "warning " + f.Code + ": " + f.Reason + "; " + f.Mend}
	return p.String()
}

// Code is a kind of finding.
type Code struct{ Name, About string }

// Codes returns all codes, sorted by name.
func Codes() []Code {
	return []Code{
		{"attack-mismatch", "an ATT&CK technique does not serve the tactic it stands under"},
		{"attack-outdated", "an ATT&CK name, id or reference is not the present one"},
		{"duplicate-name", "two rules have the same name"},
		{"exact-text", "a text field, which is indexed word by word, is compared exactly"},
		{"exception-endless", "an exception never expires"},
		{"exception-expired", "an exception has expired, or will within two weeks"},
		{"exception-idle", "an exception is of a rule that is not there"},
		{"idle-silence", "a code is silenced that finds nothing"},
		{"interval-gap", "the interval is longer than the look-back"},
		{"join-multiplies", "an alert is made for every combination of rows of several stages"},
		{"join-without-key", "no equality ties a stage to another, so every pair is compared"},
		{"lateness-short", "documents come later than the rule expects"},
		{"leading-wildcard", "a pattern begins with a wildcard"},
		{"lone-stage", "no join ties a stage to any other"},
		{"many-windows", "a late document has many windows evaluated again"},
		{"no-tests", "there are no tests beside the rule"},
		{"severity-score", "severity and risk_score contradict each other"},
		{"unknown-field", "a field is named like one of ECS, and ECS has none of that name"},
	}
}

// Check looks at the rules and exceptions of a set as of now. texts returns the
// text of a rule's file, hasTests whether tests lie beside it. The findings are
// ordered by file and line; an error says which file could not be read.
func Check(set *rules.Set, now time.Time, texts func(file string) (string, error), hasTests func(file string) bool) ([]Finding, error) {
	all := exceptions(set, now)
	for _, r := range set.Rules {
		text, err := texts(r.File)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", r.File, err)
		}
		o := readOutline(r, text)
		o.schedule()
		o.severity()
		o.attack()
		o.queries()
		o.chain()
		o.names(set)
		if !hasTests(r.File) {
			o.find("no-tests", nil, "there are no tests beside the rule", "write some; stitch test --init "+r.File+" makes the first")
		}
		all = append(all, o.spoken()...)
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Code, b.Code))
	})
	return all, nil
}

// Silenced reports whether a rule's file silences a code.
func Silenced(r *rules.Rule, text, code string) bool {
	_, silenced := readOutline(r, text).spec.Rule.Lint[code]
	return silenced
}

// outline is what a rule's file says, as far as it is judged.
type outline struct {
	rule     *rules.Rule
	file     *rules.File
	spec     spec
	findings []Finding
}

// spec are the keys that are judged.
type spec struct {
	Rule struct {
		Index  []string       `toml:"index"`
		Query  string         `toml:"query"`
		Threat []any          `toml:"threat"`
		Stages []stage        `toml:"stage"`
		Alert  alert          `toml:"alert"`
		Lint   map[string]any `toml:"lint"`
	} `toml:"rule"`
}

type stage struct {
	ID        string         `toml:"id"`
	Query     string         `toml:"query"`
	Join      string         `toml:"join"`
	Summarize map[string]any `toml:"summarize"`
}

type alert struct {
	Anchor string   `toml:"anchor"`
	By     []string `toml:"by"`
}

// readOutline reads a file that has been loaded as a rule, so that nothing of
// it can be wrong; keys that are not judged do not matter.
func readOutline(r *rules.Rule, text string) *outline {
	o := &outline{rule: r}
	o.file, _ = rules.ReadFile(r.File, text, &o.spec)
	return o
}

func (o *outline) find(code string, path []string, reason, mend string) {
	o.findAt(code, o.file.Line(path...), reason, mend)
}

func (o *outline) findAt(code string, line int, reason, mend string) {
	o.findings = append(o.findings, Finding{
		Code: code, File: o.rule.File, Line: line, RuleID: o.rule.ID, Rule: o.rule.Name, Reason: reason, Mend: mend,
	})
}

// spoken are the findings that the rule does not silence, and those about what
// it silences in vain.
func (o *outline) spoken() []Finding {
	var known []string
	for _, c := range Codes() {
		known = append(known, c.Name)
	}
	found := map[string]bool{}
	for _, f := range o.findings {
		found[f.Code] = true
	}
	silenced := o.spec.Rule.Lint
	kept := slices.DeleteFunc(o.findings, func(f Finding) bool { return silenced[f.Code] != nil })
	o.findings = kept
	for code := range silenced {
		path := []string{"rule", "lint", code}
		switch {
		case !slices.Contains(known, code):
			hint := ""
			if near := eql.Nearest(code, known); near != "" {
				hint = " (did you mean " + near + "?)"
			}
			o.find("idle-silence", path, "there is no code "+code+hint, "correct it or take it out")
		case !found[code] && code != "lateness-short": // that one is found on a cluster only
			o.find("idle-silence", path, code+" is silenced and finds nothing", "take it out")
		}
	}
	return o.findings
}

// names finds rules of the same name.
func (o *outline) names(set *rules.Set) {
	for _, other := range set.Rules {
		if other.ID != o.rule.ID && strings.EqualFold(other.Name, o.rule.Name) {
			o.find("duplicate-name", []string{"rule", "name"}, fmt.Sprintf("rule %s has the same name", other.ID), "give each a name of its own")
			return
		}
	}
}
