package sequence

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// TestMain makes the properties be checked more often than by default.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "1000"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

var columns = []string{"x", "y", "z", "first", "last"}

// term is a column as a join names it.
type term struct {
	text          string
	stage, column int
}

// drawTerm draws a column of a stage, as seen from the join of another.
func drawTerm(t *rapid.T, from, stage int) term {
	column := rapid.IntRange(0, 2).Draw(t, "column")
	name := columns[column]
	if stage != from {
		name = fmt.Sprintf("s%d.%s", stage, name)
	}
	return term{name, stage, column}
}

func (a term) at() [2]int { return [2]int{a.stage, a.column} }

func someEqual(as, bs []string, fold bool) bool {
	return slices.ContainsFunc(as, func(a string) bool {
		return slices.ContainsFunc(bs, func(b string) bool { return lower(a, fold) == lower(b, fold) })
	})
}

func somePrefix(as, bs []string, fold bool) bool {
	return slices.ContainsFunc(as, func(a string) bool {
		return slices.ContainsFunc(bs, func(b string) bool { return strings.HasPrefix(lower(a, fold), lower(b, fold)) })
	})
}

// drawFact draws a condition for the join of a stage, about the given stages.
func drawFact(t *rapid.T, from int, among []int) fact {
	stages := rapid.SampledFrom(among)
	a, b := drawTerm(t, from, stages.Draw(t, "a")), drawTerm(t, from, stages.Draw(t, "b"))
	if rapid.Bool().Draw(t, "own") {
		a = drawTerm(t, from, from)
	}
	return drawFactOf(t, from, among, a, b)
}

// drawFactOf draws a condition about two columns, and sometimes a third.
func drawFactOf(t *rapid.T, from int, among []int, a, b term) fact {
	stages := rapid.SampledFrom(among)
	both := [][2]int{a.at(), b.at()}
	type values = func(stage, column int) []string
	of := func(v values, x term) []string { return v(x.stage, x.column) }
	switch rapid.SampledFrom([]string{"==", "==", ":", ":", "!=", "prefix", "or", "concat", "in", "literal", "null", "time", "never"}).Draw(t, "kind") {
	case "==":
		return fact{a.text + " == " + b.text, both, func(v values) bool { return someEqual(of(v, a), of(v, b), false) }}
	case ":":
		return fact{a.text + " : " + b.text, both, func(v values) bool { return someEqual(of(v, a), of(v, b), true) }}
	case "!=":
		return fact{a.text + " != " + b.text, both, func(v values) bool { return !someEqual(of(v, a), of(v, b), false) }}
	case "prefix":
		return fact{"startsWith~(" + a.text + ", " + b.text + ")", both, func(v values) bool { return somePrefix(of(v, a), of(v, b), true) }}
	case "or":
		c := drawTerm(t, from, stages.Draw(t, "c"))
		return fact{"(" + a.text + " : " + b.text + " or startsWith(" + a.text + ", " + c.text + "))", append(both, c.at()), func(v values) bool {
			return someEqual(of(v, a), of(v, b), true) || somePrefix(of(v, a), of(v, c), false)
		}}
	case "concat":
		c := drawTerm(t, from, stages.Draw(t, "c"))
		return fact{"concat(" + b.text + ", " + c.text + ") : " + a.text, append(both, c.at()), func(v values) bool {
			return slices.ContainsFunc(of(v, b), func(x string) bool {
				return slices.ContainsFunc(of(v, c), func(y string) bool { return someEqual(of(v, a), []string{x + y}, true) })
			})
		}}
	case "in":
		c := drawTerm(t, from, stages.Draw(t, "c"))
		return fact{a.text + " in (" + b.text + ", " + c.text + ")", append(both, c.at()), func(v values) bool {
			return someEqual(of(v, a), of(v, b), false) || someEqual(of(v, a), of(v, c), false)
		}}
	case "literal":
		return fact{a.text + ` != "a"`, both[:1], func(v values) bool { return !someEqual(of(v, a), []string{"a"}, false) }}
	case "null":
		return fact{"not (" + a.text + " == null)", both[:1], func(v values) bool { return len(of(v, a)) > 0 }}
	case "time":
		a.column, a.text = 3, strings.TrimSuffix(a.text, columns[a.column])+"first"
		b.column, b.text = 4, strings.TrimSuffix(b.text, columns[b.column])+"last"
		return fact{a.text + " >= " + b.text, [][2]int{a.at(), b.at()}, func(v values) bool { return of(v, a)[0] >= of(v, b)[0] }}
	}
	return fact{`"a" == "` + rapid.SampledFrom([]string{"a", "a", "a", "b"}).Draw(t, "constant") + `"`, nil, nil}.constant()
}

func (f fact) constant() fact {
	holds := f.text == `"a" == "a"`
	f.holds = func(func(int, int) []string) bool { return holds }
	return f
}

// drawPattern draws a pattern; a timed one is mostly about order. One stage of so
// many, but for one more, is absent.
func drawPattern(t *rapid.T, n, absent int) brutePattern {
	p := brutePattern{maxSpan: -1}
	facts, unordered, unlimited := 2, 2, 3
	if rapid.IntRange(0, 2).Draw(t, "timed") == 0 {
		facts, unordered, unlimited = 1, 1, 1
	}
	var present []int
	for s := range n {
		stage := bruteStage{absent: s > 0 && rapid.IntRange(0, absent).Draw(t, "absent") == 0}
		among := append(slices.Clone(present), s)
		if !stage.absent {
			stage.pick = rapid.SampledFrom([]Pick{PickAll, PickAll, PickAll, PickFirst, PickLast}).Draw(t, "pick")
			present = append(present, s)
		}
		for range rapid.IntRange(0, facts).Draw(t, "facts") {
			stage.facts = append(stage.facts, drawFact(t, s, among))
		}
		for _, other := range among[:len(among)-1] {
			if rapid.IntRange(0, unordered).Draw(t, "after") == 0 {
				within := rapid.SampledFrom([]int64{-1, -1, 1, 4}).Draw(t, "within")
				stage.after = append(stage.after, bruteAfter{other, within})
			}
		}
		p.stages = append(p.stages, stage)
	}
	for s := range present[len(present)-1] {
		if p.stages[s].absent {
			p.stages[s].between = rapid.Bool().Draw(t, "between")
		}
	}
	if rapid.IntRange(0, unlimited).Draw(t, "limited") == 0 {
		p.maxSpan = rapid.Int64Range(1, 12).Draw(t, "maxspan")
	}
	for range rapid.IntRange(0, 3).Draw(t, "keys") {
		p.by = append(p.by, bruteKey{
			stage:  rapid.SampledFrom(present).Draw(t, "key stage"),
			column: rapid.IntRange(-1, 2).Draw(t, "key column"),
			fold:   rapid.Bool().Draw(t, "key fold"),
		})
	}
	return p
}

// spec returns the pattern as the stitcher takes it.
func (p brutePattern) spec(t interface{ Fatalf(string, ...any) }) Spec {
	ms := func(n int64) time.Duration {
		if n < 0 {
			return 0
		}
		return time.Duration(n) * time.Millisecond
	}
	spec := Spec{MaxSpan: ms(p.maxSpan)}
	for s, from := range p.stages {
		stage := Stage{ID: fmt.Sprintf("s%d", s), Columns: columns[:3], Pick: from.pick, Absent: from.absent, Between: from.between}
		var parts []string
		for _, f := range from.facts {
			parts = append(parts, f.text)
		}
		if len(parts) > 0 {
			join, err := eql.ParseExpr(strings.Join(parts, " and "))
			if err != nil {
				t.Fatalf("parse %q: %v", parts, err)
			}
			stage.Join = join
		}
		for _, a := range from.after {
			stage.After = append(stage.After, After{fmt.Sprintf("s%d", a.stage), ms(a.within)})
		}
		spec.Stages = append(spec.Stages, stage)
	}
	for _, k := range p.by {
		key := Key{Stage: fmt.Sprintf("s%d", k.stage), Fold: k.fold}
		if k.column >= 0 {
			key.Column = columns[k.column]
		}
		spec.By = append(spec.By, key)
	}
	return spec
}

// drawRows draws rows of the s-th stage, which tend to come later than those
// of the stages before.
func drawRows(t *rapid.T, s, most int) []Row {
	values := rapid.SliceOfN(rapid.SampledFrom([]esq.Value{
		esq.Str("a"), esq.Str("a"), esq.Str("A"), esq.Str("b"), esq.Str("B"), esq.Str("ab"), {}}), 0, 3)
	single := rapid.Custom(func(t *rapid.T) []esq.Value {
		if rapid.IntRange(0, 3).Draw(t, "several") == 0 {
			return values.Draw(t, "values")
		}
		return []esq.Value{esq.Str(rapid.SampledFrom([]string{"a", "a", "a", "b", "A"}).Draw(t, "value"))}
	})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Row {
		r := Row{ID: rapid.SampledFrom([]string{"p", "P", "q", "r"}).Draw(t, "id"), First: int64(2*s) + rapid.Int64Range(0, 6).Draw(t, "first")}
		r.Last = r.First + rapid.SampledFrom([]int64{0, 0, 0, 1, 3}).Draw(t, "lasts")
		for range 3 {
			r.Values = append(r.Values, single.Draw(t, "column"))
		}
		return r
	}), most/2, most).Draw(t, "rows")
}

// show writes a pattern for a failure's message.
func (p brutePattern) show() string {
	var b strings.Builder
	for s, stage := range p.stages {
		fmt.Fprintf(&b, "s%d absent %t between %t pick %d after %v:", s, stage.absent, stage.between, stage.pick, stage.after)
		for _, f := range stage.facts {
			fmt.Fprintf(&b, " [%s]", f.text)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "maxspan %d by %v\n", p.maxSpan, p.by)
	return b.String()
}

// drawRing draws a pattern whose stages follow each other, each joined with the
// one before, within a span; and rows over a longer time.
func drawRing(t *rapid.T) (brutePattern, *Pattern, [][]Row) {
	n := rapid.IntRange(3, 4).Draw(t, "stages")
	p := brutePattern{maxSpan: rapid.Int64Range(2, 10).Draw(t, "maxspan")}
	rows := make([][]Row, n)
	for s := range n {
		var stage bruteStage
		if s > 0 {
			stage.after = []bruteAfter{{s - 1, rapid.SampledFrom([]int64{-1, -1, 4}).Draw(t, "within")}}
			if rapid.Bool().Draw(t, "joined") {
				among := make([]int, s+1)
				for i := range among {
					among[i] = i
				}
				stage.facts = []fact{drawFactOf(t, s, among, drawTerm(t, s, s), drawTerm(t, s, s-1))}
			}
		}
		p.stages = append(p.stages, stage)
		rows[s] = drawRows(t, s, 8)
		for i := range rows[s] {
			later := rapid.SampledFrom([]int64{0, 5, 10}).Draw(t, "later")
			rows[s][i].First += later
			rows[s][i].Last += later
		}
	}
	compiled, err := Compile(p.spec(t))
	if err != nil {
		t.Fatalf("compile: %v\n%s", err, p.show())
	}
	return p, compiled, rows
}

// drawAbsent draws a pattern whose stages follow each other, some of them absent,
// with few conditions; and rows over a longer time, few of them of absent stages.
func drawAbsent(t *rapid.T) (brutePattern, *Pattern, [][]Row) {
	n := rapid.IntRange(2, 4).Draw(t, "stages")
	p := brutePattern{maxSpan: rapid.SampledFrom([]int64{-1, 4, 8, 12}).Draw(t, "maxspan")}
	rows := make([][]Row, n)
	present := []int{}
	for s := range n {
		stage := bruteStage{absent: s > 0 && rapid.Bool().Draw(t, "absent")}
		if s > 0 {
			stage.after = []bruteAfter{{present[len(present)-1], rapid.SampledFrom([]int64{-1, -1, 3, 6}).Draw(t, "within")}}
			for range rapid.IntRange(0, 1).Draw(t, "facts") {
				other := rapid.SampledFrom(present).Draw(t, "joined")
				stage.facts = append(stage.facts, drawFactOf(t, s, append(slices.Clone(present), s), drawTerm(t, s, s), drawTerm(t, s, other)))
			}
		}
		most := 7
		if stage.absent {
			most = 3
		} else {
			present = append(present, s)
		}
		p.stages = append(p.stages, stage)
		rows[s] = drawRows(t, 2, most)
		for i := range rows[s] {
			later := rapid.SampledFrom([]int64{0, 5, 10}).Draw(t, "later")
			rows[s][i].First += later
			rows[s][i].Last += later
		}
	}
	for s := range present[len(present)-1] {
		p.stages[s].between = p.stages[s].absent && rapid.IntRange(0, 3).Draw(t, "between") > 0
	}
	if rapid.Bool().Draw(t, "keyed") {
		p.by = []bruteKey{{stage: rapid.SampledFrom(present).Draw(t, "key stage"), column: rapid.IntRange(-1, 0).Draw(t, "key column")}}
	}
	compiled, err := Compile(p.spec(t))
	if err != nil {
		t.Fatalf("compile: %v\n%s", err, p.show())
	}
	return p, compiled, rows
}

// drawEqual draws a pattern whose stages are joined by equal columns, as most
// rules are; and rows with one value per column, or none.
func drawEqual(t *rapid.T) (brutePattern, *Pattern, [][]Row) {
	n := rapid.IntRange(2, 4).Draw(t, "stages")
	p := brutePattern{maxSpan: rapid.SampledFrom([]int64{-1, -1, 6, 12}).Draw(t, "maxspan")}
	fold := rapid.Bool().Draw(t, "fold")
	rows := make([][]Row, n)
	for s := range n {
		stage := bruteStage{pick: rapid.SampledFrom([]Pick{PickAll, PickAll, PickAll, PickFirst, PickLast}).Draw(t, "pick")}
		if s > 0 {
			others := rapid.SliceOfNDistinct(rapid.IntRange(0, s-1), 0, s, rapid.ID[int])
			for _, other := range others.Draw(t, "joined") {
				stage.facts = append(stage.facts, equalFact(drawTerm(t, s, s), drawTerm(t, s, other), fold))
			}
			for _, other := range others.Draw(t, "ordered") {
				stage.after = append(stage.after, bruteAfter{other, rapid.SampledFrom([]int64{-1, -1, 5}).Draw(t, "within")})
			}
		}
		p.stages = append(p.stages, stage)
		rows[s] = drawSingle(t, s, []int{0, 0, 12, 9, 7}[n])
	}
	for range rapid.IntRange(0, 2).Draw(t, "keys") {
		p.by = append(p.by, bruteKey{rapid.IntRange(0, n-1).Draw(t, "key stage"), rapid.IntRange(-1, 2).Draw(t, "key column"), fold})
	}
	compiled, err := Compile(p.spec(t))
	if err != nil {
		t.Fatalf("compile: %v\n%s", err, p.show())
	}
	return p, compiled, rows
}

func equalFact(a, b term, fold bool) fact {
	op := map[bool]string{false: " == ", true: " : "}[fold]
	return fact{a.text + op + b.text, [][2]int{a.at(), b.at()}, func(values func(stage, column int) []string) bool {
		return someEqual(values(a.stage, a.column), values(b.stage, b.column), fold)
	}}
}

// drawSingle draws rows with no more than one value per column.
func drawSingle(t *rapid.T, s, most int) []Row {
	rows := drawRows(t, s, most)
	for i := range rows {
		for c := range rows[i].Values {
			rows[i].Values[c] = nil
			if v := rapid.SampledFrom([]string{"a", "a", "b", "b", "A", "c", ""}).Draw(t, "only value"); v != "" {
				rows[i].Values[c] = []esq.Value{esq.Str(v)}
			}
		}
	}
	return rows
}

func drawCase(t *rapid.T) (brutePattern, *Pattern, [][]Row) {
	n := rapid.IntRange(2, 5).Draw(t, "stages")
	p := drawPattern(t, n, rapid.SampledFrom([]int{1, 2, 1000}).Draw(t, "absence"))
	compiled, err := Compile(p.spec(t))
	if err != nil {
		t.Fatalf("compile: %v\n%s", err, p.show())
	}
	rows := make([][]Row, n)
	for s := range rows {
		rows[s] = drawRows(t, s, []int{0, 0, 12, 9, 6, 4}[n])
	}
	return p, compiled, rows
}

// TestStitchIsExact compares the stitcher with the enumerator.
func TestStitchIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, compiled, rows := drawCase(t)
		compareMatches(t, p, compiled, rows)
	})
}

// TestRingsAreExact is TestStitchIsExact for chains within a span.
func TestRingsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, compiled, rows := drawRing(t)
		compareMatches(t, p, compiled, rows)
	})
}

// TestEqualColumnsAreExact is TestStitchIsExact for stages that are joined by
// equal columns.
func TestEqualColumnsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, compiled, rows := drawEqual(t)
		compareMatches(t, p, compiled, rows)
	})
}

// TestAbsenceIsExact is TestStitchIsExact for chains that few rows drop.
func TestAbsenceIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, compiled, rows := drawAbsent(t)
		compareMatches(t, p, compiled, rows)
	})
}

func compareMatches(t *rapid.T, p brutePattern, compiled *Pattern, rows [][]Row) {
	closed := drawClosed(t)
	matches, pending, err := compiled.Judge(context.Background(), rows, closed)
	if err != nil {
		t.Fatal(err)
	}
	wantMatches, wantPending := p.judged(rows, closed)
	if diff := cmp.Diff(wantMatches, matches, cmpopts.EquateEmpty(), sameValue()); diff != "" {
		t.Fatalf("matches (-want +got):\n%s\n%s", diff, p.show())
	}
	if diff := cmp.Diff(wantPending, pending, cmpopts.EquateEmpty(), sameValue()); diff != "" {
		t.Fatalf("pending (-want +got):\n%s\n%s", diff, p.show())
	}
}

// drawClosed draws until when absent stages are judged: mostly all, or up to
// the midst of the rows.
func drawClosed(t *rapid.T) int64 {
	if rapid.Bool().Draw(t, "all closed") {
		return math.MaxInt64
	}
	return rapid.Int64Range(0, 20).Draw(t, "closed")
}

func sameValue() cmp.Option { return cmp.Comparer(func(a, b esq.Value) bool { return a == b }) }

// TestMatchedIsExact compares the values that satisfied the joins.
func TestMatchedIsExact(t *testing.T) {
	for name, draw := range map[string]func(*rapid.T) (brutePattern, *Pattern, [][]Row){"any": drawCase, "absent": drawAbsent} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p, compiled, rows := draw(t)
				compareMatched(t, p, compiled, rows)
			})
		})
	}
}

func compareMatched(t *rapid.T, p brutePattern, compiled *Pattern, rows [][]Row) {
	closed := drawClosed(t)
	got, _, err := compiled.Judge(context.Background(), rows, closed)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]*bruteMatch{}
	for _, m := range p.matches(rows, func(deadline int64) bool { return deadline <= closed }) {
		want[fmt.Sprint(standing(rows, m.chains, len(p.stages)), p.foldedKey(m.key))] = m
	}
	for _, m := range got {
		var key []string
		for _, v := range m.Key {
			key = append(key, v.String())
		}
		brute := want[fmt.Sprint(m.Rows, p.foldedKey(key))]
		if brute == nil {
			t.Fatalf("match %v is not expected", m)
		}
		for s := range p.stages {
			for c := range 3 {
				got, want := compiled.Matched(rows, m, s, c), p.matched(rows, brute.chains, s, c)
				if !slices.Equal(got, want) {
					t.Fatalf("match %v: matched(s%d.%s) = %v, want %v\n%s", m, s, columns[c], got, want, p.show())
				}
			}
		}
	}
}

func (p brutePattern) foldedKey(key []string) []string {
	folded := slices.Clone(key)
	for i, k := range p.by {
		folded[i] = lower(folded[i], k.fold)
	}
	return folded
}

// TestStandingIsExact compares the rows that stand in chains of fewer stages.
func TestStandingIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, compiled, rows := drawCase(t)
		for n := 1; n <= len(rows); n++ {
			got, err := compiled.Standing(context.Background(), rows, n)
			if err != nil {
				t.Fatal(err)
			}
			want := standing(rows, p.chains(rows, n), n)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("standing of %d (-want +got):\n%s\n%s", n, diff, p.show())
			}
		}
	})
}

// TestOrderOfRowsDoesNotMatter shuffles the rows and expects the same matches.
func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, compiled, rows := drawCase(t)
		shuffled, back := make([][]Row, len(rows)), make([][]int, len(rows))
		for s := range rows {
			order := make([]int, len(rows[s]))
			for i := range order {
				order[i] = i
			}
			back[s] = rapid.Permutation(order).Draw(t, "order")
			for _, i := range back[s] {
				shuffled[s] = append(shuffled[s], rows[s][i])
			}
		}
		want, err := compiled.Stitch(context.Background(), rows)
		if err != nil {
			t.Fatal(err)
		}
		got, err := compiled.Stitch(context.Background(), shuffled)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			for s := range m.Rows {
				for i, row := range m.Rows[s] {
					m.Rows[s][i] = back[s][row]
				}
				slices.Sort(m.Rows[s])
			}
		}
		for _, m := range want {
			for s := range m.Rows {
				slices.Sort(m.Rows[s])
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), sameValue()); diff != "" {
			t.Fatalf("matches of shuffled rows (-in order +shuffled):\n%s", diff)
		}
	})
}
