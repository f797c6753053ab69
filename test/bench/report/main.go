// Command report writes what the pairs of test/bench measured as BENCHMARKS.md:
//
//	report -out BENCHMARKS.md RESULT.json ...
package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/template"

	"github.com/stitchdetect/stitch/test/bench/result"
)

//go:embed report.md.tmpl
var page string

func main() {
	out := flag.String("out", "BENCHMARKS.md", "file to write")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(out string, paths []string) error {
	var results []result.Result
	for _, path := range paths {
		r, err := result.Read(path)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	var text bytes.Buffer
	if err := write(&text, results); err != nil {
		return err
	}
	return os.WriteFile(out, text.Bytes(), 0o644)
}

// order is that of the sections; a pair that is not listed comes last.
var order = []string{"replay", "cluster", "idle", "stitcher", "parse", "elastalert", "latency"}

// write renders the results as Markdown.
func write(w io.Writer, results []result.Result) error {
	place := func(r result.Result) int {
		if i := slices.Index(order, r.Pair); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(results, func(a, b result.Result) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a.Pair, b.Pair))
	})
	t, err := template.New("report").Funcs(template.FuncMap{
		"row": row, "rule": func(columns []string) string { return strings.Repeat("|---", len(columns)) + "|" },
		"versions": versions, "cell": cell,
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("parse template: %w", err)
	}
	if err := t.Execute(w, results); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\n", " "), "|", "\\|")
}

func row(cells []string) string {
	var b strings.Builder
	for _, c := range cells {
		b.WriteString("| " + cell(c) + " ")
	}
	return b.String() + "|"
}

func versions(of map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		list = append(list, name+" "+of[name])
	}
	return strings.Join(list, ", ")
}
