package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules/people"
	"github.com/stitchdetect/stitch/scheduler"
)

const usersHelp = "user map: a .csv file, or index:NAME"

func usersFlag(cmd *cobra.Command, users *string, byDefault string) {
	cmd.Flags().StringVar(users, "users", "", usersHelp+byDefault)
}

// openUsers returns how the user map that text names is read, nil for "". It
// is read once, so that what is wrong with it is known before any rule runs.
func openUsers(ctx context.Context, text string, eng esq.Searcher) (scheduler.Users, error) {
	if text == "" {
		return nil, nil
	}
	source, err := people.Open(text)
	if err != nil {
		return nil, usage("--users: %w", err)
	}
	if _, err := source.Map(ctx, eng); err != nil {
		return nil, usersError(err)
	}
	return source.Map, nil
}

// usersError says that a file that cannot be opened is wrong usage, and what is
// wrong within a map a problem.
func usersError(err error) error {
	var path *fs.PathError
	var problems people.Problems
	switch {
	case errors.As(err, &path):
		return &exitError{exitUsage, err}
	case errors.As(err, &problems):
		return &exitError{exitProblems, err}
	}
	return err
}

// checkUsers reads the user map that text names, if it is a file: an index can
// be read on its cluster only.
func checkUsers(ctx context.Context, text string) error {
	source, err := people.Open(text)
	if err != nil {
		return usage("--users: %w", err)
	}
	if source.File() == "" {
		return usage("--users: only a file can be checked; an index is read, and checked, by stitch once and stitch run")
	}
	_, err = source.Map(ctx, nil)
	return usersError(err)
}
