package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
)

func checkCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "check [PATH...]",
		Short: "Read rules and views and report every problem",
		Long:  "Reads the rules and views of files and folders (the shipped ones by default)\nand reports every problem of every file as file:line: rule: what, and what to do.",
		RunE: func(_ *cobra.Command, paths []string) error {
			set, err := rules.Load(paths)
			if err != nil {
				fmt.Fprintln(s.out, err)
				return &exitError{code: exitProblems}
			}
			fmt.Fprintf(s.out, "%d rules, no problems\n", len(set.Rules))
			return nil
		},
	}
}
