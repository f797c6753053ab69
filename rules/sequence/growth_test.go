package sequence

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"
)

// chained is a chain of so many events of one user, each after the one before.
func chained(t testing.TB, stages int) *Pattern {
	spec := Spec{By: []Key{{Stage: "s0", Column: "user", Fold: true}}}
	for s := range stages {
		stage := Stage{ID: fmt.Sprintf("s%d", s), Columns: []string{"user"}}
		if s > 0 {
			before := fmt.Sprintf("s%d", s-1)
			stage.Join = mustParse(t, "user : "+before+".user")
			stage.After = []After{{Stage: before}}
		}
		spec.Stages = append(spec.Stages, stage)
	}
	return mustCompile(t, spec)
}

// turns are n rows of so many users, each user's in the order of the stages over
// and over; of a skewed one the first user has nine of ten.
func turns(stages, n, users int, skewed bool) [][]Row {
	rows := make([][]Row, stages)
	turn := make([]int, users)
	for i := range n {
		u := i % users
		if skewed && i%10 > 0 {
			u = 0
		}
		s := turn[u] % stages
		turn[u]++
		rows[s] = append(rows[s], event(fmt.Sprintf("e%07d", i), int64(i), fmt.Sprintf("user%d@example.com", u)))
	}
	return rows
}

var crowds = []struct {
	name   string
	users  func(n int) int
	skewed bool
	allocs float64 // per row, at the most
	bytes  float64 // per row, at the most
}{
	{"one user", func(int) int { return 1 }, false, 0.02, 55},
	{"few users", func(int) int { return 20 }, false, 0.02, 55},
	{"many users", func(n int) int { return n / 20 }, false, 0.02, 100},
	{"a user with most rows", func(n int) int { return n / 100 }, true, 0.02, 55},
}

// TestWorkPerRowStaysTheSame runs more and more rows of 2 to 6 stages: what is
// looked at per row must not depend on how many there are, nor on whose.
func TestWorkPerRowStaysTheSame(t *testing.T) {
	for stages := 2; stages <= 6; stages++ {
		for _, crowd := range crowds {
			t.Run(fmt.Sprintf("%d stages, %s", stages, crowd.name), func(t *testing.T) {
				p := chained(t, stages)
				for _, n := range []int{1000, 10000, 50000} {
					done, err := p.stitch(context.Background(), turns(stages, n, crowd.users(n), crowd.skewed), math.MaxInt64)
					if err != nil {
						t.Fatal(err)
					}
					if len(done.matches) == 0 {
						t.Fatalf("%d rows: no match", n)
					}
					if work := done.cost.rows + done.cost.pairs + done.cost.evals; work > 5*n {
						t.Errorf("%d rows: %+v is too much work", n, done.cost)
					}
				}
			})
		}
	}
}

// TestMemoryPerRow holds the stitcher to what it may allocate per row.
func TestMemoryPerRow(t *testing.T) {
	const n = 20000
	for _, stages := range []int{2, 6} {
		for _, crowd := range crowds {
			t.Run(fmt.Sprintf("%d stages, %s", stages, crowd.name), func(t *testing.T) {
				allocs, bytes := allocated(t, chained(t, stages), turns(stages, n, crowd.users(n), crowd.skewed))
				if allocs > crowd.allocs || bytes > crowd.bytes {
					t.Errorf("%.3f allocations and %.0f bytes per row, more than %v and %v", allocs, bytes, crowd.allocs, crowd.bytes)
				}
			})
		}
	}
	t.Run("an incident of 10,000 files", func(t *testing.T) {
		allocs, bytes := allocated(t, exfiltration(t, PickAll), incidents(1, 10000, 5, 1))
		if allocs > 0.03 || bytes > 200 {
			t.Errorf("%.3f allocations and %.0f bytes per row, more than 0.03 and 200", allocs, bytes)
		}
	})
}

// allocated returns the allocations and the bytes per row.
func allocated(t *testing.T, p *Pattern, rows [][]Row) (allocs, bytes float64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := p.Stitch(context.Background(), rows); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	n := float64(count(rows))
	return float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n
}

// TestPatternsCompileCheaply bounds what a pattern costs before it runs.
func TestPatternsCompileCheaply(t *testing.T) {
	for stages, most := range map[int]float64{2: 100, 6: 500} {
		if got := testing.AllocsPerRun(10, func() { chained(t, stages) }); got > most {
			t.Errorf("%d stages: %.0f allocations, more than %.0f", stages, got, most)
		}
	}
}
