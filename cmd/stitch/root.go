package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// The exit codes of all commands.
const (
	exitFine     = 0
	exitProblems = 1 // problems were found
	exitUsage    = 2 // wrong usage or configuration
	exitCluster  = 3 // the cluster could not be reached or refused
)

// exitError is an error with the exit code it asks for.
type exitError struct {
	code int
	err  error // nil: what is to be said has been said
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// run runs one command and returns its exit code. Errors are said here, once.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitFine
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(s.err, "stitch: %s\n", text)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	var unreachable *esq.UnreachableError
	var refused *esq.ResponseError
	var newer *mappings.NewerError
	if errors.As(err, &unreachable) || errors.As(err, &refused) || errors.As(err, &newer) {
		return exitCluster
	}
	var problems rules.Problems
	if errors.As(err, &problems) {
		return exitProblems
	}
	return exitUsage
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "stitch",
		Short:         "Chains of events across Elasticsearch and OpenSearch indices, found on a schedule",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetVersionTemplate("stitch {{.Version}}\n")
	root.AddCommand(
		demoCommand(s), checkCommand(s), replayCommand(s),
		bootstrapCommand(s), runCommand(s), onceCommand(s),
	)
	return root
}

// version is the module's version, and the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			v += " " + setting.Value
		}
	}
	return v
}
