package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/ruletest"
)

type testFlags struct {
	run, output, junit          string
	coverage, require, initiate bool

	chosen *regexp.Regexp
}

func testCommand(s streams) *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [PATH...]",
		Short: "Run the tests that lie beside rules",
		Long: `Runs the tests of rules: of the files and folders named, or the shipped rules.
The tests of RULE.toml are in RULE.test.toml: short timelines of documents, and
the alerts that must come of them. They run in the embedded engine with the
scheduler's own code and a virtual clock; nothing is sent anywhere.

--coverage says what no test notices: conditions that no test makes false while
all else holds, and mutations of the rule, such as a stage dropped or a window
halved, with which every test still comes out as expected.

--init writes a first test beside each rule named that has none: an event for
each stage, made of the rule's own conditions. Where it does not fire, the file
says what is missing.

` + exitHelp + `

A test that fails is a problem (1); with --require so is a rule without tests,
and with --coverage a mutation that no test notices.`,
		Example: `  stitch test my-rules/
  stitch test --run 'another user' my-rules/finance.toml
  stitch test --coverage --junit report.xml --require
  stitch test --init my-rules/finance.toml`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			return test(cmd.Context(), s, f, paths)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.run, "run", "", "run only the tests whose name matches this regular expression")
	flags.StringVar(&f.output, "output", "text", "text or json")
	flags.StringVar(&f.junit, "junit", "", "write the results as JUnit XML to this file, too")
	flags.BoolVar(&f.coverage, "coverage", false, "say which conditions and mutations of the rules no test notices")
	flags.BoolVar(&f.require, "require", false, "exit 1 if a rule has no tests or, with --coverage, a mutation goes unnoticed")
	flags.BoolVar(&f.initiate, "init", false, "write a first test that fires beside each rule named that has none")
	complete := cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc("output", complete); err != nil {
		panic(err) // the flag is the one above
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return cmd
}

func test(ctx context.Context, s streams, f testFlags, paths []string) error {
	if f.output != "text" && f.output != "json" {
		return usage("--output must be text or json, not %q", f.output)
	}
	if names := missing(paths); len(names) > 0 {
		return usage("cannot find %s", quotedList(names))
	}
	var err error
	if f.chosen, err = regexp.Compile(f.run); err != nil {
		return usage("--run: %w", err)
	}
	if f.coverage && f.run != "" {
		return usage("--coverage needs all tests; leave out --run")
	}
	if f.initiate {
		return startTests(ctx, s, paths)
	}
	suites, err := loadSuites(paths)
	if err != nil {
		return err
	}
	report := runSuites(ctx, suites, f)
	if ctx.Err() != nil {
		return errors.New("stopped before the end")
	}
	return report.write(s, f)
}

func loadSuites(paths []string) ([]*ruletest.Suite, error) {
	suites, err := ruletest.Load(paths)
	var problems rules.Problems
	if errors.As(err, &problems) {
		err = fmt.Errorf("%s in rules and tests:\n%w", count(len(problems), "problem"), err)
	}
	if err != nil {
		return nil, &exitError{exitProblems, err}
	}
	if len(suites) == 0 {
		return nil, usage("no rules; name rules, or folders of them")
	}
	return suites, nil
}

// suiteReport is what came of a rule's tests.
type suiteReport struct {
	*ruletest.Suite
	results  []testReport
	coverage *ruletest.Coverage // nil if not asked for
	skipped  string             // why there is no coverage though it was asked for
}

type testReport struct {
	ruletest.Result
	took time.Duration
}

func (r *suiteReport) failed() int {
	n := 0
	for _, t := range r.results {
		if !t.OK() {
			n++
		}
	}
	return n
}

// runSuites runs the chosen tests, several at once.
func runSuites(ctx context.Context, suites []*ruletest.Suite, f testFlags) *testsReport {
	report := &testsReport{}
	var pending sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, suite := range suites {
		r := &suiteReport{Suite: suite}
		report.suites = append(report.suites, r)
		for _, t := range suite.Tests {
			if f.chosen.MatchString(t.Name) {
				r.results = append(r.results, testReport{Result: ruletest.Result{Test: t}})
			}
		}
		for i := range r.results {
			slots <- struct{}{}
			pending.Go(func() {
				defer func() { <-slots }()
				began := time.Now()
				r.results[i].Result = suite.Run(ctx, r.results[i].Test)
				r.results[i].took = time.Since(began)
			})
		}
	}
	pending.Wait()
	if f.coverage {
		report.cover(ctx)
	}
	return report
}

// cover asks for the coverage of all rules whose tests pass.
func (r *testsReport) cover(ctx context.Context) {
	for _, s := range r.suites {
		switch {
		case len(s.Tests) == 0:
			s.skipped = "no tests"
		case s.failed() > 0:
			s.skipped = "tests fail; mend them first"
		default:
			s.coverage = s.Coverage(ctx)
		}
	}
}
