package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/ruletest"
)

// describeAlert is an alert in one line: its time, its key and what speaks for it.
func describeAlert(a ruletest.Alert) string {
	parts := []string{fmt.Sprint(a["kibana.alert.original_time"])}
	stitch, _ := a["stitch"].(map[string]any)
	stages := map[string]bool{}
	var counts []string
	chain, _ := stitch["chain"].([]any)
	for _, s := range chain {
		stage, _ := s.(map[string]any)
		stages[fmt.Sprint(stage["stage"])] = true
		counts = append(counts, fmt.Sprintf("%v %v", stage["stage"], stage["count"]))
	}
	keys, _ := stitch["key"].([]any)
	for _, k := range keys {
		if part, _ := k.(map[string]any); !stages[fmt.Sprint(part["name"])] {
			parts = append(parts, fmt.Sprintf("%v %s", part["name"], shown(part["value"])))
		}
	}
	return printable(strings.Join(append(parts, "("+strings.Join(counts, ", ")+")"), ", "))
}

func stageRows(stages []rules.StageResult) string {
	words := make([]string, len(stages))
	for i, s := range stages {
		words[i] = fmt.Sprintf("%s %s", s.Stage, count(s.Rows, "row"))
		if s.Skipped {
			words[i] = s.Stage + " not asked"
		}
	}
	return strings.Join(words, ", ")
}

// writeCoverage lists what no test notices, by line of the rule.
func (s *suiteReport) writeCoverage(w io.Writer) {
	if s.skipped != "" {
		fmt.Fprintf(w, "  coverage: none, %s\n", s.skipped)
	}
	c := s.coverage
	if c == nil {
		return
	}
	fmt.Fprintf(w, "  coverage: %d of %s made false by a test, %d of %s noticed%s\n",
		c.Tested, count(c.Conditions, "condition"), c.Killed, count(c.Total, "mutation"), score(c.Killed, c.Total))
	unnoticed := c.Unnoticed()
	s.writeMutations(w, "no test makes false, while all else holds:", unnoticed, true)
	s.writeMutations(w, "no test notices:", unnoticed, false)
	for _, name := range c.Stale {
		fmt.Fprintf(w, "    %s: not harmless, or no mutation of the rule: %s\n", printable(s.File), printable(name))
	}
}

// score is a share in words, "" of nothing.
func score(part, whole int) string {
	if whole == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d%%)", 100*part/whole)
}

func (s *suiteReport) writeMutations(w io.Writer, title string, list []ruletest.Outcome, conditions bool) {
	for _, o := range list {
		if o.Condition != conditions {
			continue
		}
		if title != "" {
			fmt.Fprintf(w, "    %s\n", title)
			title = ""
		}
		name := o.Name
		if conditions {
			name = strings.TrimSuffix(name, " removed")
		}
		fmt.Fprintf(w, "      %s:%d: %s\n", printable(s.RuleFile), o.Line, printable(name))
	}
}
