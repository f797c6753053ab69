package main

import (
	"fmt"
	"strconv"

	"github.com/stitchdetect/stitch/test/bench/result"
)

// measured are the figures as they are.
func measured(all []*comparison) result.Table {
	t := result.Table{
		Caption: "Medians, spread in brackets; MB/s are of the file, by wall time",
		Columns: []string{"documents", "incidents", "file", "", "wall s", "CPU s", "peak MB", "MB/s"},
	}
	for _, c := range all {
		for _, row := range []struct {
			name string
			side
		}{{"stitch", c.stitch}, {"DuckDB", c.duck}} {
			t.Rows = append(t.Rows, []string{
				strconv.Itoa(c.documents), strconv.Itoa(c.incidents), fmt.Sprintf("%.2f GB", float64(c.bytes)/1e9), row.name,
				shown(row.wall), shown(row.cpu), shown(row.peak), fmt.Sprintf("%.0f", float64(c.bytes)/1e6/row.wall.Median()),
			})
		}
	}
	return t
}

func shown(s result.Sample) string { return fmt.Sprintf("%.3g (%s)", s.Median(), s.Spread()) }

// ratios are stitch's figures by DuckDB's.
func ratios(all []*comparison) result.Table {
	t := result.Table{Caption: "stitch as a part of DuckDB, round by round", Columns: []string{"documents", "incidents", "wall", "CPU", "peak"}}
	for _, c := range all {
		t.Rows = append(t.Rows, []string{
			strconv.Itoa(c.documents), strconv.Itoa(c.incidents),
			shown(c.stitch.wall.Over(c.duck.wall)), shown(c.stitch.cpu.Over(c.duck.cpu)), shown(c.stitch.peak.Over(c.duck.peak)),
		})
	}
	return t
}

const (
	whyWall = "Loading is most of it and reads every byte once: two workers step over the file, string by string, and what is kept is taken in by a third, on two cores; " +
		"that alone is about what DuckDB's reader costs, which has vector instructions for it. " +
		"The rest is 31 runs of two rules, each of which looks at the weeks around what arrived and brings its alerts up to date, where the SQL looks once. " +
		"A third of the documents are files written on machines, any of which may be the copy until the alert is known. " +
		"Tried: keys and values that come again in the same place compared whole, questions that are the same for both rules asked once, times read once, selections and postings that are made once."
	whyPeak = "Any file written may be the copy of an incident that a later line reveals, so a third of the documents stays in memory until the end. " +
		"Tried: of a document only the leaves in question, each text once where texts repeat, what fields there are, and texts of which there are few, once for all documents of a shape, of times the digits, of a file's name that it ends its path, nothing of documents that no question finds but two hashes and a time, collecting at a fifth of growth while loading and a tenth after."
)

func targets(all []*comparison) []result.Target {
	var targets []result.Target
	for _, c := range all {
		if c.documents < 500_000 && len(all) > 1 || c.incidents > 20 {
			continue
		}
		targets = append(targets,
			target(c, "wall time", c.stitch.wall.Over(c.duck.wall), whyWall),
			target(c, "peak memory", c.stitch.peak.Over(c.duck.peak), whyPeak))
	}
	return targets
}

func target(c *comparison, what string, ratio result.Sample, why string) result.Target {
	t := result.Target{
		Reach: fmt.Sprintf("%d documents: at most half of DuckDB's %s", c.documents, what),
		Got:   fmt.Sprintf("%.2f of it", ratio.Median()), Met: ratio.Median() <= 0.5,
	}
	if !t.Met {
		t.Why = why
	}
	return t
}
