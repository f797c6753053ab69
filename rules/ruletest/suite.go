package ruletest

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/rules"
)

// Suite is a rule and the tests beside it.
type Suite struct {
	Rule     *rules.Rule
	RuleFile string
	File     string // of the tests, whether it is there or not
	Tests    []*Test

	set      *rules.Set
	text     string            // of the rule's file
	harmless map[string]string // mutations that may go unnoticed, and why
}

// Load reads rules as [rules.Load] does, and the tests beside them, ordered by
// file; a path may also be that of a test file. Without paths the shipped rules
// are loaded. A rule that is not enabled is tested too, and exceptions, which
// come and go, concern no test. What is wrong, in rules or tests, comes back as
// [rules.Problems].
func Load(paths []string) ([]*Suite, error) {
	of := make([]string, len(paths))
	for i, p := range paths {
		of[i] = ruleOf(p)
	}
	set, err := rules.Load(of)
	if err != nil {
		return nil, err
	}
	read, files, err := listed(of)
	if err != nil {
		return nil, err
	}
	var suites []*Suite
	var problems rules.Problems
	for _, name := range files {
		s, err := readSuite(set, name, read)
		var more rules.Problems
		if errors.As(err, &more) {
			problems = append(problems, more...)
		} else if err != nil {
			return nil, err
		}
		suites = append(suites, s)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return suites, nil
}

func ruleOf(name string) string {
	if rules.IsTest(name) {
		return strings.TrimSuffix(name, ".test.toml") + ".toml"
	}
	return name
}

// testsOf is where the tests of a rule's file lie.
func testsOf(name string) string { return strings.TrimSuffix(name, ".toml") + ".test.toml" }

// listed returns the rule files of paths, or the shipped ones, sorted, and how
// they are read.
func listed(paths []string) (read func(string) ([]byte, error), files []string, err error) {
	if len(paths) == 0 {
		shipped := rules.Shipped()
		names, err := fs.Glob(shipped, "*.toml")
		files = slices.DeleteFunc(names, rules.IsTest)
		return func(name string) ([]byte, error) { return fs.ReadFile(shipped, name) }, files, err
	}
	for _, root := range paths {
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil || entry.IsDir():
			case rules.IsTest(name) || slices.Contains([]string{"views", "exceptions"}, filepath.Base(filepath.Dir(name))):
			case name == root || filepath.Ext(name) == ".toml":
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	slices.Sort(files)
	return os.ReadFile, slices.Compact(files), nil
}

// readSuite reads a rule's file and the tests beside it.
func readSuite(set *rules.Set, name string, read func(string) ([]byte, error)) (*Suite, error) {
	text, err := read(name)
	if err != nil {
		return nil, err
	}
	s := &Suite{RuleFile: name, File: testsOf(name), set: set, text: string(text)}
	if s.Rule, err = set.Compile(name, s.text); err != nil {
		return nil, err
	}
	tests, err := read(s.File)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if problems := s.read(string(tests)); len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b rules.Problem) int { return cmp.Compare(a.Line, b.Line) })
		return s, slices.Compact(problems) // an event may be used by many tests
	}
	return s, nil
}
