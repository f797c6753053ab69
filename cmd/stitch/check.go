package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
)

func checkCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "check [PATH...]",
		Short: "Read rules and views and report every problem",
		Long: `Reads the rules and views of files and folders (the shipped ones by default) and
reports every problem of every file on stdout, as

  file:line: rule: what, and what to do

Exits 0 if there is none, 1 if there are, 2 if a PATH does not exist.`,
		RunE: func(_ *cobra.Command, paths []string) error {
			set, err := rules.Load(paths)
			if err != nil {
				fmt.Fprintln(s.out, printableLines(err.Error()))
				if len(missing(paths)) > 0 {
					return &exitError{code: exitUsage}
				}
				return &exitError{code: exitProblems}
			}
			fmt.Fprintf(s.out, "%s, no problems\n", count(len(set.Rules), "rule"))
			return nil
		},
	}
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
