package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/stitchdetect/stitch/test/bench/result"
)

// growth measures how the time grows with the rows, of one user and of one
// incident: the combinations grow with their square.
func (m *measure) growth() error {
	table := result.Table{Caption: "How it grows", Columns: []string{"rows of", "rows", "ns/row", "bytes/row", "allocations"}}
	sizes := []int{1_000, 10_000, 100_000, 1_000_000}
	if m.Quick {
		sizes = sizes[:2]
	}
	for _, n := range sizes {
		sh := shape{stages: 3, rows: n, users: 1}
		p, err := sh.pattern()
		if err != nil {
			return err
		}
		rows := sh.make(1)
		var ours runs
		if err := result.Alternate(m.Rounds, func(counts bool) error {
			t, err := take(n, func() error {
				_, err := p.Stitch(m.ctx, rows)
				return err
			})
			ours.add(t, counts)
			return err
		}); err != nil {
			return err
		}
		perRow := ours.seconds.Median() * 1e9 / float64(n)
		m.perRow = append(m.perRow, perRow)
		table.Rows = append(table.Rows, []string{"3 stages, one user", fmt.Sprint(n), fmt.Sprintf("%.0f", perRow),
			fmt.Sprintf("%.0f", ours.last.bytes/float64(n)), fmt.Sprintf("%.0f", ours.last.allocs)})
	}
	m.result.Tables = append(m.result.Tables, table)
	return nil
}

// targets says what was to be reached and how near it came.
func (m *measure) targets() {
	worst, name := 0.0, ""
	for _, n := range slices.Sorted(maps.Keys(m.overJoin)) {
		if r := m.overJoin[n].Median(); r > worst {
			worst, name = r, n
		}
	}
	least, slowest := -1.0, ""
	for _, n := range slices.Sorted(maps.Keys(m.underEQL)) {
		if r := m.underEQL[n].Median(); least < 0 || r < least {
			least, slowest = r, n
		}
	}
	grew := slices.Max(m.perRow) / slices.Min(m.perRow)
	m.result.Targets = append(m.result.Targets,
		result.Target{Reach: "within 2 times of the hash join", Got: fmt.Sprintf("%.2f times at the most (%s)", worst, name), Met: worst <= 2, Why: whyJoin},
		result.Target{Reach: "at least 50 times as fast as eql", Got: fmt.Sprintf("%.0f times at the least (%s)", least, slowest), Met: least >= 50, Why: whyEQL},
		result.Target{Reach: "time grows linearly in rows, never with the number of combinations", Got: fmt.Sprintf("per row %.1f times as much at the most, from the fewest rows to the most", grew),
			Met: grew <= 4, Why: whyGrowth},
	)
}

const (
	whyJoin   = "Both number what rows are joined by, once per column, and then go through numbers in time order. The stitcher also checks the rows, finds out that they can be gone through so, and puts its matches in order. With many keys the join by hand loses more by the allocations of its lists."
	whyEQL    = "Without a longest span eql does little per event, two look-ups in a dictionary: it keeps one sequence per user and finds that there is one, not its rows. Half of the stitcher's time is loading the users' names from the rows and numbering them; the join by hand, which does little else, is not 50 times as fast either. Of many users each is a match, to be listed and put in order. With a longest span, as rules have one, eql goes through all open sequences at every event: there the ratio grows with the users."
	whyGrowth = "Caches: the rows are larger than those of the processor."
)
