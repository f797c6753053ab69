package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/format"
)

func fmtCommand(s streams) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt [--check] PATH...",
		Short: "Write rules and views in their canonical form",
		Long: `Rewrites the .toml files named, and those in folders named: tables and keys in
the order of the reference, one space around =, one empty line between tables.
Values and comments stay as they are spelled, and what a file means stays the
same. The names of the files that changed come on stdout. - formats stdin to
stdout.

With --check nothing is written, and the exit code is 1 if a file would change.`,
		Example: `  stitch fmt my-rules/
  stitch fmt --check my-rules/        # in CI
  stitch fmt - <rule.toml`,
		RunE: func(_ *cobra.Command, paths []string) error {
			if len(paths) == 0 {
				return usage("name files or folders, or - for stdin")
			}
			return formatPaths(s, paths, check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 1 if a file is not in canonical form")
	return cmd
}

func formatPaths(s streams, paths []string, check bool) error {
	if names := missing(paths); len(names) > 0 && !(len(paths) == 1 && paths[0] == "-") {
		return usage("cannot find %s", quotedList(names))
	}
	order := rules.KeyOrder()
	if paths[0] == "-" {
		return formatStream(s, order, check)
	}
	changed, failed := 0, 0
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || name != path && filepath.Ext(name) != ".toml" {
				return err
			}
			differs, err := formatFile(name, order, !check)
			if err != nil {
				failed++
				fmt.Fprintf(s.out, "%s\n", printable(name+": "+err.Error()))
			} else if differs {
				changed++
				fmt.Fprintln(s.out, printable(name))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("format %s: %w", path, err)
		}
	}
	switch {
	case failed > 0:
		return &exitError{exitProblems, fmt.Errorf("%s could not be formatted", count(failed, "file"))}
	case check && changed > 0:
		return &exitError{exitProblems, fmt.Errorf("%s not in canonical form; run stitch fmt %s", count(changed, "file"), strings.Join(paths, " "))}
	}
	return nil
}

func formatStream(s streams, order format.Order, check bool) error {
	text, err := io.ReadAll(s.in)
	if err != nil {
		return fmt.Errorf("read stdin: %w", err)
	}
	out, err := format.Source(string(text), order)
	switch {
	case err != nil:
		return &exitError{exitProblems, fmt.Errorf("stdin: %w", err)}
	case !check:
		_, err = io.WriteString(s.out, out)
		return err
	case out != string(text):
		return &exitError{exitProblems, fmt.Errorf("stdin is not in canonical form")}
	}
	return nil
}

// formatFile reports whether a file is not in canonical form, and brings it
// into it if write says so.
func formatFile(name string, order format.Order, write bool) (differs bool, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return false, err
	}
	out, err := format.Source(string(text), order)
	if err != nil || out == string(text) {
		return false, err
	}
	if write {
		err = replaceFile(name, out)
	}
	return true, err
}

// replaceFile puts another text in a file's place at once: whoever reads the
// file meanwhile, such as a stitch that runs on it, sees one or the other.
func replaceFile(name, text string) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}
