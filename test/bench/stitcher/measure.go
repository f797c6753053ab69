package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/stitchdetect/stitch/rules/sequence"
	"github.com/stitchdetect/stitch/test/bench/result"
)

type measure struct {
	options
	ctx    context.Context
	log    io.Writer
	result *result.Result

	overJoin map[string]result.Sample // by what was measured: our time over that of the join
	underEQL map[string]result.Sample // eql's time over ours
	perRow   []float64                // ours, of rows that are more and more: nanoseconds
}

// taken is what a run took.
type taken struct {
	seconds float64 // of CPU
	allocs  float64
	bytes   float64 // allocated
}

// enough is how many rows a measurement goes through at the least: a single run
// over a few thousand is over before its garbage is collected, or just after.
const enough = 400_000

// take runs f over so many rows, again and again until it has gone through enough,
// and says what one run took.
func take(rows int, f func() error) (taken, error) {
	runs := max(1, enough/rows)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	seconds, err := result.CPU(func() error {
		for range runs {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	})
	runtime.ReadMemStats(&after)
	n := float64(runs)
	return taken{seconds / n, float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n}, err
}

// runs is what the rounds of one way to do it took.
type runs struct {
	seconds result.Sample
	last    taken
}

func (r *runs) add(t taken, counts bool) {
	if counts {
		r.seconds = append(r.seconds, t.seconds)
		r.last = t
	}
}

// sides are the stitcher and the join by hand over the same rows.
type sides struct {
	ours, join runs
	matches    int
}

// compare measures the stitcher beside a join. byKey gives the join's name of a
// match.
func compare[K comparable](m *measure, p *sequence.Pattern, rows [][]sequence.Row, join func([][]sequence.Row) map[K]found, byKey func(sequence.Match) K) (sides, error) {
	var got sides
	var matches []sequence.Match
	var joined map[K]found
	stitch := func(counts bool) error {
		t, err := take(count(rows), func() (err error) {
			matches, err = p.Stitch(m.ctx, rows)
			return err
		})
		got.ours.add(t, counts)
		return err
	}
	byHand := func(counts bool) error {
		t, _ := take(count(rows), func() error {
			joined = join(rows)
			return nil
		})
		got.join.add(t, counts)
		return nil
	}
	if err := result.Alternate(m.Rounds, stitch, byHand); err != nil {
		return got, err
	}
	got.matches = len(matches)
	return got, same(matches, joined, byKey)
}

// same compares what was found, row by row.
func same[K comparable](matches []sequence.Match, joined map[K]found, byKey func(sequence.Match) K) error {
	if len(matches) != len(joined) {
		return fmt.Errorf("compare results: %d matches, but the join has %d", len(matches), len(joined))
	}
	for _, match := range matches {
		if f := joined[byKey(match)]; !slices.EqualFunc(f, match.Rows, slices.Equal) {
			return fmt.Errorf("compare results: the rows of %v differ", match.Key)
		}
	}
	return nil
}

func count(rows [][]sequence.Row) int {
	n := 0
	for _, r := range rows {
		n += len(r)
	}
	return n
}

// cells writes what both took, per row.
func (p sides) cells(rows int) []string {
	n := float64(rows)
	ratio := p.ours.seconds.Over(p.join.seconds)
	return []string{
		fmt.Sprint(p.matches),
		fmt.Sprintf("%.2f M", n/p.ours.seconds.Median()/1e6),
		fmt.Sprintf("%.0f", p.ours.last.bytes/n),
		fmt.Sprintf("%.3f", p.ours.last.allocs/n),
		fmt.Sprintf("%.2f M", n/p.join.seconds.Median()/1e6),
		fmt.Sprintf("%.0f", p.join.last.bytes/n),
		fmt.Sprintf("%.2f (%s)", ratio.Median(), ratio.Spread()),
	}
}

func columns(more ...string) []string {
	return append(more, "matches", "rows/s", "bytes/row", "allocations/row", "join: rows/s", "join: bytes/row", "time, of the join's")
}
