package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// writeLicences writes which modules are in any of the binaries, under which
// licences, and the licences' texts, each once.
func writeLicences(w io.Writer, all []contents) error {
	var modules []module
	for _, c := range all {
		modules = append(modules, c.modules...)
	}
	order := func(a, b module) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.version, b.version)) }
	slices.SortFunc(modules, order)
	modules = slices.CompactFunc(modules, func(a, b module) bool { return order(a, b) == 0 })

	out := bufio.NewWriter(w)
	fmt.Fprint(out, "# What stitch is made of\n\nThe binaries hold these modules.\n\n| Module | Version | Licence |\n|---|---|---|\n")
	var texts []string
	under := map[string][]string{}
	for _, m := range modules {
		fmt.Fprintf(out, "| %s | %s | %s |\n", m.path, m.version, m.licence)
		text := strings.TrimSpace(strings.ReplaceAll(m.text, "\r\n", "\n"))
		if under[text] == nil {
			texts = append(texts, text)
		}
		under[text] = append(under[text], m.path)
	}
	for _, text := range texts {
		fmt.Fprintf(out, "\n## %s\n\n```\n%s\n```\n", strings.Join(under[text], ", "), text)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the licences: %w", err)
	}
	return nil
}
