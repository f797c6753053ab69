package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/rules/ruletest"
)

// testsReport is what came of all tests.
type testsReport struct{ suites []*suiteReport }

// testsJSON is the report for machines.
type testsJSON struct {
	Rules []ruleTestsJSON `json:"rules"`
}

type ruleTestsJSON struct {
	Rule     string         `json:"rule"`
	File     string         `json:"file"`
	Tests    []testJSON     `json:"tests"`
	Coverage *mutationsJSON `json:"coverage,omitempty"`
}

type testJSON struct {
	Name    string           `json:"name"`
	File    string           `json:"file"`
	Line    int              `json:"line"`
	OK      bool             `json:"ok"`
	Seconds float64          `json:"seconds"`
	Error   string           `json:"error,omitempty"`
	Want    int              `json:"want"` // alerts
	Got     int              `json:"got"`
	Missing []missingJSON    `json:"missing,omitempty"`
	Extra   []ruletest.Alert `json:"extra,omitempty"`
}

type missingJSON struct {
	Line        int                   `json:"line"`
	Nearest     ruletest.Alert        `json:"nearest,omitempty"`
	Differences []ruletest.Difference `json:"differences,omitempty"`
}

type mutationsJSON struct {
	Killed     int            `json:"killed"`
	Total      int            `json:"total"`
	Conditions int            `json:"conditions"`
	Tested     int            `json:"conditions_tested"`
	Mutations  []mutationJSON `json:"mutations"`
	Stale      []string       `json:"stale,omitempty"`
}

type mutationJSON struct {
	Mutation  string `json:"mutation"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Condition bool   `json:"condition"`
	NoticedBy string `json:"noticed_by,omitempty"`
	Harmless  string `json:"harmless,omitempty"`
}

// write says what came of the tests. The error asks for the exit code.
func (r *testsReport) write(s streams, f testFlags) error {
	var err error
	if f.junit != "" {
		err = r.writeJUnit(f.junit)
	}
	if f.output == "json" {
		enc := json.NewEncoder(s.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = errors.Join(err, enc.Encode(r.json()))
	} else {
		r.writeText(s.out, f)
	}
	if err == nil && r.problems(f) {
		err = &exitError{code: exitProblems}
	}
	return err
}

func (r *testsReport) problems(f testFlags) bool {
	for _, s := range r.suites {
		if s.failed() > 0 || f.require && len(s.Tests) == 0 {
			return true
		}
		if c := s.coverage; f.require && c != nil && len(c.Unnoticed())+len(c.Stale) > 0 {
			return true
		}
	}
	return false
}

func (r *testsReport) json() testsJSON {
	out := testsJSON{Rules: []ruleTestsJSON{}}
	for _, s := range r.suites {
		rule := ruleTestsJSON{Rule: s.Rule.ID, File: s.RuleFile, Tests: []testJSON{}}
		for _, t := range s.results {
			rule.Tests = append(rule.Tests, t.json(s.File))
		}
		if s.coverage != nil {
			rule.Coverage = s.mutations()
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

func (t *testReport) json(file string) testJSON {
	out := testJSON{
		Name: t.Test.Name, File: file, Line: t.Test.Line, OK: t.OK(), Seconds: t.took.Seconds(),
		Want: t.Want, Got: len(t.Alerts), Extra: t.Extra,
	}
	if t.Err != nil {
		out.Error = t.Err.Error()
	}
	for _, m := range t.Missing {
		out.Missing = append(out.Missing, missingJSON{m.Line, m.Nearest, m.Differences})
	}
	return out
}

func (s *suiteReport) mutations() *mutationsJSON {
	c := s.coverage
	out := &mutationsJSON{Killed: c.Killed, Total: c.Total, Conditions: c.Conditions, Tested: c.Tested, Mutations: []mutationJSON{}, Stale: c.Stale}
	for _, o := range c.Outcomes {
		out.Mutations = append(out.Mutations, mutationJSON{o.Name, s.RuleFile, o.Line, o.Condition, o.By, o.Harmless})
	}
	return out
}

// The elements of JUnit's XML, as build servers read it.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string    `xml:"classname,attr"`
		Name    string    `xml:"name,attr"`
		File    string    `xml:"file,attr"`
		Line    int       `xml:"line,attr"`
		Time    string    `xml:"time,attr"`
		Failure *junitWhy `xml:"failure"`
		Error   *junitWhy `xml:"error"`
	}
	junitWhy struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func (r *testsReport) writeJUnit(name string) error {
	var out junitSuites
	for _, s := range r.suites {
		if len(s.results) > 0 {
			out.Suites = append(out.Suites, s.junit())
		}
	}
	text, err := xml.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	if err := os.WriteFile(name, append([]byte(xml.Header), append(text, '\n')...), 0o644); err != nil {
		return &exitError{exitUsage, fmt.Errorf("write JUnit: %w", err)}
	}
	return nil
}

func (s *suiteReport) junit() junitSuite {
	suite := junitSuite{Name: s.Rule.Name, Tests: len(s.results)}
	var sum time.Duration
	for i := range s.results {
		t := &s.results[i]
		sum += t.took
		c := junitCase{Class: s.RuleFile, Name: t.Test.Name, File: s.File, Line: t.Test.Line, Time: seconds(t.took)}
		var why strings.Builder
		t.writeWhy(&why, s.File)
		switch {
		case t.Err != nil:
			suite.Errors++
			c.Error = &junitWhy{t.Err.Error(), why.String()}
		case !t.OK():
			suite.Failures++
			c.Failure = &junitWhy{t.headline(), why.String()}
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Time = seconds(sum)
	return suite
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// writeText says it to a person: each rule's tests, what failed and why, what
// goes unnoticed, and the sum.
func (r *testsReport) writeText(w io.Writer, f testFlags) {
	passed, failed := 0, 0
	for _, s := range r.suites {
		fmt.Fprintln(w, printable(s.RuleFile))
		if len(s.Tests) == 0 {
			fmt.Fprintf(w, "  no tests; stitch test --init %s writes a first one\n", printable(s.RuleFile))
		}
		for i := range s.results {
			t := &s.results[i]
			if t.OK() {
				passed++
				fmt.Fprintf(w, "  ok    %s\n", printable(t.Test.Name))
				continue
			}
			failed++
			fmt.Fprintf(w, "  FAIL  %s\n", printable(t.Test.Name))
			t.writeWhy(w, s.File)
		}
		s.writeCoverage(w)
	}
	fmt.Fprintf(w, "%s, %d passed, %d failed\n", count(passed+failed, "test"), passed, failed)
}

// headline is what failed in one line.
func (t *testReport) headline() string {
	switch {
	case t.Err != nil:
		return t.Err.Error()
	case len(t.Alerts) != t.Want:
		return fmt.Sprintf("%s expected, %d came", count(t.Want, "alert"), len(t.Alerts))
	}
	return "an alert that is expected did not come"
}

// writeWhy says why a test failed, in indented lines; nothing for one that did not.
func (t *testReport) writeWhy(w io.Writer, file string) {
	if t.OK() {
		return
	}
	fmt.Fprintf(w, "        %s:%d: %s\n", printable(file), t.Test.Line, printable(t.headline()))
	for _, m := range t.Missing {
		if m.Nearest == nil {
			fmt.Fprintf(w, "        line %d: no such alert\n", m.Line)
			continue
		}
		fmt.Fprintf(w, "        line %d: no such alert; the nearest differs in\n", m.Line)
		for _, d := range m.Differences {
			fmt.Fprintf(w, "          %s\n            want %s\n            got  %s\n", printable(d.Field), shown(d.Want), shown(d.Got))
		}
	}
	for _, a := range t.Extra {
		fmt.Fprintf(w, "        not expected: %s\n", describeAlert(a))
	}
	if len(t.Alerts) < t.Want && len(t.Stages) > 0 {
		fmt.Fprintf(w, "        the last run's stages: %s\n", stageRows(t.Stages))
	}
}

// shown is a value in JSON.
func shown(v any) string {
	if v == nil {
		return "nothing"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return printable(fmt.Sprint(v))
	}
	return printable(string(text))
}
