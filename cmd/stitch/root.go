package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq/eql"
)

// run runs one command and returns its exit code. Errors are said here, once.
func run(ctx context.Context, args []string, s streams) int {
	out := &output{to: s.out}
	s.out = out
	root := newRoot(s)
	root.SetArgs(args)
	code := exitFine
	if err := root.ExecuteContext(ctx); err != nil {
		code = exitCode(err)
		if text := err.Error(); text != "" {
			fmt.Fprintf(s.err, "stitch: %s\n", printableLines(text))
		}
	}
	if err := out.failure(); err != nil {
		fmt.Fprintf(s.err, "stitch: write output: %v\n", err)
		code = max(code, exitProblems)
	}
	return code
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "stitch",
		Short:         "Chains of events across Elasticsearch and OpenSearch indices, found on a schedule",
		Long:          "Chains of events across Elasticsearch and OpenSearch indices, found on a schedule.\n\n" + exitHelp,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetVersionTemplate("stitch {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		demoCommand(s), checkCommand(s), rulesCommand(s), fmtCommand(s), newCommand(s), testCommand(s), schemaCommand(s), importCommand(s), replayCommand(s),
		bootstrapCommand(s), runCommand(s), onceCommand(s), coverageCommand(s), doctorCommand(s), explainCommand(s), notifyCommand(s), alertsCommand(s), pageCommand(s), versionCommand(s),
	)
	root.SetHelpCommand(helpCommand())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.RunE = func(*cobra.Command, []string) error {
			return usage("name a shell: bash, fish, powershell or zsh")
		}
		completion.Args = noArguments
	}
	return root
}

// noSuchCommand refuses what is left over where a command should stand.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Root().Commands() {
		if !c.Hidden {
			known = append(known, c.Name())
		}
	}
	if name := eql.Nearest(args[0], known); name != "" {
		return usage("unknown command %q; did you mean %s?", args[0], name)
	}
	return usage("unknown command %q; there are %s", args[0], strings.Join(known, ", "))
}

// noArguments refuses everything but flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("%s takes no arguments, not %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err == nil {
				err = noSuchCommand(cmd, rest)
			}
			if err != nil {
				return err
			}
			return about.Help()
		},
	}
}
