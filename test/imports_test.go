// Package test holds what concerns all packages at once.
package test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/stitchdetect/stitch"

// anything lets a package import every other.
var anything = []string{"*"}

// imports says which package may import which of ours; test files are exempt,
// and so is what lies below test. A package that is not listed may import none.
func imports() map[string][]string {
	return map[string][]string{
		"cmd/stitch":        anything,
		"cmd/stitch/demo":   {},
		"cmd/stitch/page":   {"rules", "rules/explain", "scheduler", "scheduler/triage", "mappings", "esq"},
		"scheduler":         {"rules", "rules/people", "rules/sequence", "esq", "mappings"},
		"scheduler/metrics": {"scheduler", "rules", "esq"},
		"scheduler/triage":  {"esq", "mappings"},
		"scheduler/notify":  {"rules", "rules/schema", "esq", "mappings"},
		"mappings":          {"esq"},
		"rules":             {"rules/people", "rules/schema", "rules/sequence", "esq", "esq/eql", "esq/kuery"},
		"rules/people":      {"esq", "esq/eql"},
		"rules/format":      {},
		"rules/schema":      {},
		"rules/ruletest":    {"rules", "rules/schema", "scheduler", "mappings", "esq", "esq/eql", "esq/kuery", "esq/memory"},
		"rules/elastic":     {"rules/format"},
		"rules/lint":        {"rules", "esq/eql", "esq/kuery"},
		"rules/sequence":    {"esq", "esq/eql"},
		"rules/doctor":      {"rules", "esq"},
		"rules/explain":     {"rules", "esq", "esq/eql"},
		"deploy/sbom":       {},
		"esq":               {},
		"esq/kuery":         {"esq"},
		"esq/eql":           {"esq"},
		"esq/memory":        {"esq"},
		"esq/awssign":       {},

		"mappings/dashboards": {"mappings"},
	}
}

func TestImports(t *testing.T) {
	allowed := imports()
	for path, imported := range packages(t) {
		if path == "test" || strings.HasPrefix(path, "test/") {
			continue
		}
		may, listed := allowed[path]
		if !listed {
			t.Errorf("%s: say in imports what it may import", path)
		}
		for _, other := range imported {
			if strings.HasPrefix(other, "test/") {
				t.Errorf("%s imports %s: that is for tests alone", path, other)
			} else if !slices.Equal(may, anything) && !slices.Contains(may, other) {
				t.Errorf("%s imports %s: it may import only %q", path, other, may)
			}
		}
	}
}

// packages returns the module's packages, each with those of ours that it
// imports, by their paths within the module.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("list packages: %v: %s", err, exit.Stderr)
		}
		t.Fatalf("list packages: %v", err)
	}
	found := map[string][]string{}
	for list := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := list.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("read list of packages: %v", err)
		}
		path, _ := strings.CutPrefix(p.ImportPath, module+"/")
		found[path] = nil
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
				found[path] = append(found[path], ours)
			}
		}
	}
}
