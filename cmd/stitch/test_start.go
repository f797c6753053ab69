package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/format"
	"github.com/stitchdetect/stitch/rules/ruletest"
)

// startTests writes first tests beside the rules that have none.
func startTests(ctx context.Context, s streams, paths []string) error {
	if len(paths) == 0 {
		return usage("--init: name rules; the shipped ones have their tests")
	}
	suites, err := loadSuites(paths)
	if err != nil {
		return err
	}
	failed := false
	for _, suite := range suites {
		if len(suite.Tests) > 0 {
			fmt.Fprintf(s.out, "%s: has tests already\n", printable(suite.File))
			continue
		}
		fires, err := startTest(ctx, suite)
		switch {
		case errors.Is(err, fs.ErrExist):
			return usage("%s is there already; stitch test runs it", suite.File)
		case err != nil:
			return err
		case fires:
			fmt.Fprintf(s.out, "%s: written, fires\n", printable(suite.File))
		default:
			failed = true
			fmt.Fprintf(s.out, "%s: written, does not fire yet; it says what is missing\n", printable(suite.File))
		}
	}
	if failed {
		return &exitError{code: exitProblems}
	}
	return nil
}

// startTest writes a first test file, never over one that is there.
func startTest(ctx context.Context, suite *ruletest.Suite) (fires bool, err error) {
	text, fires, err := suite.Start(ctx)
	if err != nil {
		return false, fmt.Errorf("start a test: %w", err)
	}
	if text, err = format.Source(text, rules.KeyOrder()); err != nil {
		return false, fmt.Errorf("start a test: %w", err)
	}
	file, err := os.OpenFile(suite.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return false, &exitError{exitUsage, fmt.Errorf("start a test: %w", err)}
	}
	_, err = file.WriteString(text)
	return fires, errors.Join(err, file.Close())
}
