package sequence

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

func mustParse(t testing.TB, text string) eql.Expr {
	t.Helper()
	if text == "" {
		return nil
	}
	e, err := eql.ParseExpr(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustCompile(t testing.TB, spec Spec) *Pattern {
	t.Helper()
	p, err := Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// event is a row of one moment with one value per column.
func event(id string, at int64, values ...string) Row {
	r := Row{ID: id, First: at, Last: at}
	for _, v := range values {
		r.Values = append(r.Values, []esq.Value{esq.Str(v)})
	}
	return r
}

// exfiltration is the event-level rule: files downloaded in a mass download are
// copied to a drive.
func exfiltration(t testing.TB, pick Pick) *Pattern {
	day := 24 * time.Hour
	return mustCompile(t, Spec{
		Stages: []Stage{
			{ID: "download", Columns: []string{"user.email", "file.name"}},
			{ID: "alert", Columns: []string{"user.email"}, Join: mustParse(t, "user.email : download.user.email"),
				After: []After{{Stage: "download"}}},
			{ID: "mount", Columns: []string{"host.id", "volume.root"}, Pick: pick},
			{ID: "copy", Columns: []string{"user.email", "file.name", "host.id", "file.path"},
				Join: mustParse(t, "user.email : alert.user.email and file.name : download.file.name and "+
					"host.id == mount.host.id and startsWith~(file.path, mount.volume.root)"),
				After: []After{{"alert", day}, {"mount", 7 * day}}},
		},
		By: []Key{{Stage: "alert"}, {Stage: "alert", Column: "user.email", Fold: true}, {Stage: "mount", Column: "host.id"}},
	})
}

// incidents are rows of some users, each with so many downloads and copies, and
// drives.
func incidents(users, files, drives, alerts int) [][]Row {
	rows := make([][]Row, 4)
	for u := range users {
		mail, host := fmt.Sprintf("user%d@example.com", u), fmt.Sprintf("host%d", u)
		for f := range files {
			name := fmt.Sprintf("file%d.docx", f)
			rows[0] = append(rows[0], event(fmt.Sprintf("d%d.%d", u, f), int64(f), mail, name))
			path := fmt.Sprintf(`%c:\%s`, 'E'+f%drives, name)
			rows[3] = append(rows[3], event(fmt.Sprintf("c%d.%d", u, f), int64(files+1000+f), mail, name, host, path))
		}
		for a := range alerts {
			rows[1] = append(rows[1], event(fmt.Sprintf("a%d.%d", u, a), int64(files+a), mail))
		}
		for d := range drives {
			rows[2] = append(rows[2], event(fmt.Sprintf("m%d.%d", u, d), int64(files+d), host, fmt.Sprintf(`%c:`, 'E'+d)))
		}
	}
	return rows
}

// session is three kinds of events of one user in this order, each in every
// round, no more than span apart.
func session(t testing.TB, span time.Duration) *Pattern {
	stage := func(id, join string, after ...After) Stage {
		return Stage{ID: id, Columns: []string{"user"}, Join: mustParse(t, join), After: after}
	}
	return mustCompile(t, Spec{MaxSpan: span, Stages: []Stage{
		stage("a", ""),
		stage("b", "user == a.user", After{Stage: "a"}),
		stage("c", "user == a.user and user == b.user", After{Stage: "b"}),
	}})
}

// missing is a and c of one user without b between them, or after them.
func missing(t testing.TB, between bool, span time.Duration) *Pattern {
	stage := func(id, join string, after ...After) Stage {
		return Stage{ID: id, Columns: []string{"user"}, Join: mustParse(t, join), After: after}
	}
	b := stage("b", "user == a.user", After{Stage: "a"})
	b.Absent, b.Between = true, between
	c := stage("c", "user == a.user", After{Stage: "a"})
	stages := []Stage{stage("a", ""), b, c}
	if !between {
		b = stage("b", "user == c.user", After{Stage: "c"})
		b.Absent = true
		stages = []Stage{stages[0], c, b}
	}
	return mustCompile(t, Spec{MaxSpan: span, Stages: stages})
}

// sparse is rounds with a stage's row in every third of the earlier half only.
func sparse(stage int) func(n int) [][]Row {
	return func(n int) [][]Row {
		rows := rounds(n)
		rows[stage] = slices.DeleteFunc(rows[stage], func(r Row) bool { return r.First/1000%3 != 0 || r.First > int64(500*n) })
		return rows
	}
}

func rounds(n int) [][]Row {
	rows := make([][]Row, 3)
	for i := range n {
		for s := range rows {
			rows[s] = append(rows[s], event(fmt.Sprintf("%c%d", 'a'+s, i), int64(1000*i+s), "u"))
		}
	}
	return rows
}

func count(rows [][]Row) int {
	n := 0
	for _, r := range rows {
		n += len(r)
	}
	return n
}

var scales = []struct {
	name    string
	pattern func(t testing.TB) *Pattern
	rows    func(n int) [][]Row
	matches func(n int) int
	perRow  int // how much work there may be per row
}{
	{"one incident", func(t testing.TB) *Pattern { return exfiltration(t, PickAll) },
		func(n int) [][]Row { return incidents(1, n, 5, 1) }, func(int) int { return 1 }, 10},
	{"one incident, last mount", func(t testing.TB) *Pattern { return exfiltration(t, PickLast) },
		func(n int) [][]Row { return incidents(1, n, 5, 1) }, func(int) int { return 1 }, 15},
	{"many users", func(t testing.TB) *Pattern { return exfiltration(t, PickLast) },
		func(n int) [][]Row { return incidents(n/10, 10, 2, 1) }, func(n int) int { return n / 10 }, 12},
	{"one user, span is no limit", func(t testing.TB) *Pattern { return session(t, 10000*time.Hour) },
		rounds, func(int) int { return 1 }, 10},
	{"one user, short span", func(t testing.TB) *Pattern { return session(t, 10*time.Second) },
		rounds, func(int) int { return 1 }, 10},
	{"one user, span of half of the time", func(t testing.TB) *Pattern { return session(t, 5000*time.Second) },
		rounds, func(int) int { return 1 }, 10},
	{"one user, nothing between", func(t testing.TB) *Pattern { return missing(t, true, 0) },
		sparse(1), func(int) int { return 1 }, 12},
	{"one user, nothing between, nothing to drop", func(t testing.TB) *Pattern { return missing(t, true, 0) },
		func(n int) [][]Row { rows := sparse(1)(n); rows[1] = nil; return rows }, func(int) int { return 1 }, 8},
	{"one user, nothing after, within a span of all", func(t testing.TB) *Pattern { return missing(t, false, 10000*time.Hour) },
		sparse(2), func(int) int { return 1 }, 10},
}

// TestWorkGrowsWithTheRows counts what is looked at, which must not be a matter
// of combinations.
func TestWorkGrowsWithTheRows(t *testing.T) {
	for _, test := range scales {
		t.Run(test.name, func(t *testing.T) {
			for _, n := range []int{1000, 10000} {
				p, rows := test.pattern(t), test.rows(n)
				done, err := p.stitch(context.Background(), rows, math.MaxInt64)
				if err != nil {
					t.Fatal(err)
				}
				if len(done.matches) != test.matches(n) {
					t.Errorf("%d matches of %d", len(done.matches), n)
				}
				cost := done.cost
				if work := cost.rows + cost.pairs + cost.evals; work > test.perRow*count(rows) {
					t.Errorf("%d rows: %+v is too much work", count(rows), cost)
				}
			}
		})
	}
}

// TestSetsAreMatchedByHash stitches groups that carry large sets, and asks which
// of their values matched.
func TestSetsAreMatchedByHash(t *testing.T) {
	for _, pick := range []Pick{PickAll, PickLast} {
		t.Run(fmt.Sprint(pick), func(t *testing.T) {
			const n = 10000
			p := mustCompile(t, Spec{
				Stages: []Stage{
					{ID: "download", Columns: []string{"files"}, Pick: pick},
					{ID: "copy", Columns: []string{"files"}, Join: mustParse(t, "files : download.files"), Pick: pick},
				},
				By: []Key{{Stage: "download"}, {Stage: "copy"}},
			})
			rows := [][]Row{{event("d", 1)}, {event("c", 2)}}
			var want []esq.Value
			for s := range rows {
				rows[s][0].Values = [][]esq.Value{nil}
				for i := range n {
					v := esq.Str(fmt.Sprintf("file%05d", i+s*n/2))
					rows[s][0].Values[0] = append(rows[s][0].Values[0], v)
					if s == 1 && i < n/2 {
						want = append(want, v)
					}
				}
			}
			matches, err := p.Stitch(context.Background(), rows)
			if err != nil || len(matches) != 1 {
				t.Fatal(matches, err)
			}
			got, cost := p.matched(rows, matches[0], slot{1, 0})
			if !slices.Equal(got, want) {
				t.Errorf("%d values matched, want %d", len(got), len(want))
			}
			if work := cost.rows + cost.pairs + cost.evals; work > 40*n {
				t.Errorf("%+v is too much work", cost)
			}
		})
	}
}

// TestWorkCanBeGivenUp cancels work that would take long.
func TestWorkCanBeGivenUp(t *testing.T) {
	p := exfiltration(t, PickAll)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Stitch(ctx, incidents(1, 10, 1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Stitch: %v, want the context's error", err)
	}
	if _, err := p.Standing(ctx, incidents(1, 10, 1, 1), 2); !errors.Is(err, context.Canceled) {
		t.Errorf("Standing: %v, want the context's error", err)
	}
}

func BenchmarkStitch(b *testing.B) {
	for _, test := range scales {
		for _, n := range []int{1000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", test.name, n), func(b *testing.B) {
				p, rows := test.pattern(b), test.rows(n)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Stitch(context.Background(), rows); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count(rows)), "ns/row")
			})
		}
	}
}
