package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/lint"
)

type checkFlags struct {
	connection
	output   string
	strict   bool
	measured bool
	users    string
}

func checkCommand(s streams) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [PATH...]",
		Short: "Read rules and views and report every problem, and what is probably not meant",
		Long: `Reads the rules and views of files and folders (the shipped ones by default) and
reports every problem of every file on stdout, as

  file:line: rule: what, and what to do

and, if there is none, warnings of what is probably not meant, as

  file:line: rule: warning CODE: why; what to do

A warning is silenced in the rule, with the reason: [rule.lint] CODE = "reason".
With --measure the cluster that is configured is asked how late documents come.
With --users a user map, a CSV file, is read as strictly.

Codes
` + codesHelp() + `
Exits 0 if there is no problem, 1 if there are, or with --strict if there are
warnings; 2 if a PATH does not exist, 3 if a cluster to measure is not there.`,
		Example: `  stitch check my-rules/
  stitch check --strict --output sarif my-rules/ >stitch.sarif    # in CI
  stitch check --measure my-rules/`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			if !slices.Contains([]string{"text", "json", "sarif"}, f.output) {
				return usage("--output must be text, json or sarif, not %q", f.output)
			}
			return check(cmd.Context(), s, f, paths)
		},
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&f.output, "output", "text", "text, json or sarif")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "exit 1 if there are warnings")
	cmd.Flags().StringVar(&f.users, "users", "", "user map to check: a .csv file")
	cmd.Flags().BoolVar(&f.measured, "measure", false, "ask the cluster how late documents come, and warn where a rule's lateness is shorter")
	return cmd
}

func codesHelp() string {
	var b strings.Builder
	for _, c := range lint.Codes() {
		fmt.Fprintf(&b, "  %-17s %s\n", c.Name, c.About)
	}
	return b.String()
}

// checked is what check found.
type checked struct {
	Rules    int            `json:"rules"`
	Problems rules.Problems `json:"problems"`
	Warnings []lint.Finding `json:"warnings"`
}

func check(ctx context.Context, s streams, f checkFlags, paths []string) error {
	found := checked{Problems: rules.Problems{}, Warnings: []lint.Finding{}}
	set, err := rules.Load(paths)
	if err != nil {
		if !errors.As(err, &found.Problems) {
			return err
		}
	} else {
		found.Rules = len(set.Rules)
		if found.Warnings, err = lint.Check(set, time.Now(), ruleText(paths), hasTests(paths)); err != nil {
			return err
		}
		if f.measured {
			late, err := f.measure(ctx, s, set, ruleText(paths))
			if err != nil {
				return err
			}
			found.Warnings = append(found.Warnings, late...)
		}
	}
	if err := found.write(s, f.output); err != nil {
		return err
	}
	switch {
	case len(missing(paths)) > 0:
		return &exitError{code: exitUsage}
	case len(found.Problems) > 0 || f.strict && len(found.Warnings) > 0:
		return &exitError{code: exitProblems}
	}
	if f.users != "" {
		return checkUsers(ctx, f.users)
	}
	return nil
}

func (c *checked) write(s streams, output string) error {
	switch output {
	case "json":
		return writeJSON(s.out, c)
	case "sarif":
		return writeJSON(s.out, c.sarif())
	}
	for _, p := range c.Problems {
		fmt.Fprintln(s.out, printableLines(p.String()))
	}
	for _, w := range c.Warnings {
		fmt.Fprintln(s.out, printable(w.String()))
	}
	if len(c.Problems) > 0 {
		return nil
	}
	summary := count(c.Rules, "rule") + ", no problems"
	if n := len(c.Warnings); n > 0 {
		summary += ", " + count(n, "warning")
	}
	fmt.Fprintln(s.out, summary)
	return nil
}

// missing returns the paths that name nothing.
func missing(paths []string) []string {
	var names []string
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			names = append(names, path)
		}
	}
	return names
}

func rulesFlag(cmd *cobra.Command, paths *[]string) {
	cmd.Flags().StringArrayVar(paths, "rules", nil, "file or folder of rules, repeatable (default STITCH_RULES, or the shipped rules)")
}

// loadRules loads the rules that are to run: those with the ids, if any are
// named.
func loadRules(paths, ids []string) (*rules.Set, error) {
	if names := missing(paths); len(names) > 0 {
		return nil, usage("rules: cannot find %s", quotedList(names))
	}
	set, err := rules.Load(paths)
	if err != nil {
		var problems rules.Problems
		if errors.As(err, &problems) {
			err = fmt.Errorf("%s in the rules:\n%w", count(len(problems), "problem"), err)
		}
		return nil, &exitError{exitProblems, err}
	}
	if len(set.Rules) == 0 {
		return nil, usage("no rule to run: enabled = false stands in all of them")
	}
	if len(ids) == 0 {
		return set, nil
	}
	kept := &rules.Set{}
	for _, id := range ids {
		r := set.ByID(id)
		if r == nil {
			return nil, usage("no rule with id %q; there are %s", id, strings.Join(set.IDs(), ", "))
		}
		if !slices.Contains(kept.Rules, r) {
			kept.Rules = append(kept.Rules, r)
		}
	}
	return kept, nil
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(quoted, ", ")
}

// count is a number of things in words, whose plural ends in s.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
