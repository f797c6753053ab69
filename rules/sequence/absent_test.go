package sequence

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// writePending writes what is pending as lines of the deadline, the keys and the
// rows' IDs.
func writePending(rows [][]Row, pending []Pending) string {
	text := ""
	for _, p := range pending {
		text += fmt.Sprintf("%d: %s", p.Deadline, writeMatches(rows, []Match{p.Match}))
	}
	return text
}

func TestAbsentTimelines(t *testing.T) {
	ms := time.Millisecond
	a := Stage{ID: "a", Columns: []string{"v"}}
	absent := func(join string, after ...After) Stage {
		return Stage{ID: "x", Columns: []string{"v"}, Join: mustParse(t, join), After: after, Absent: true}
	}
	between := func(s Stage) Stage { s.Between = true; return s }
	b := Stage{ID: "b", Columns: []string{"v"}, Join: mustParse(t, "v == a.v"), After: []After{{Stage: "a"}}}
	by := func(id string) []Key { return []Key{{Stage: id}} }
	tests := []struct {
		name          string
		spec          Spec
		rows          string
		closed        int64
		want, pending string
	}{
		{"a row within drops, one at the same time too",
			Spec{Stages: []Stage{a, absent("v == a.v", After{"a", 3 * ms})}},
			`a: 1=k 2=l 3=m 9=n
			 x: 4=k 6=l 3=m 8=n`, math.MaxInt64,
			`a2 a9`, ``},
		{"what does not join does not drop",
			Spec{Stages: []Stage{a, absent("v == a.v", After{"a", 3 * ms})}},
			`a: 1=k 2=l
			 x: 3=l`, math.MaxInt64,
			`a1`, ``},
		{"until the gap has passed the chain is pending",
			Spec{Stages: []Stage{a, absent("v == a.v", After{"a", 3 * ms})}, By: by("a")},
			`a: 1=k 2=l 3=m 5=n
			 x: 4=l`, 6,
			`[a1] a1
			 [a3] a3`,
			`8: [a5] a5`},
		{"between two rows",
			Spec{Stages: []Stage{a, between(absent("v == a.v", After{Stage: "a"})), b}, By: by("a")},
			`a: 1=k 4=k 5=l
			 x: 3=k
			 b: 2=k 6=k 7=l`, math.MaxInt64,
			`[a1] a1 b2
			 [a4] a4 b6
			 [a5] a5 b7`, ``},
		{"between two rows is closed by the later",
			Spec{Stages: []Stage{a, between(absent("v == a.v", After{Stage: "a"})), b}, By: by("a")},
			`a: 1=k
			 x: 5=k
			 b: 2=k 3=k 4=k 6=k`, 2,
			`[a1] a1 b2`,
			`3: [a1] a1 b3 b4`},
		{"no later than the span allows",
			Spec{MaxSpan: 5 * ms, Stages: []Stage{a, b, absent("v == a.v", After{Stage: "b"})}},
			`a: 1=k 3=k
			 b: 4=k
			 x: 7=k`, 6,
			`a1 b4`, ``},
		{"in any order, within the span",
			Spec{MaxSpan: 2 * ms, Stages: []Stage{a, absent("")}, By: by("a")},
			`a: 1 7 12
			 x: 5 10`, 10,
			`[a1] a1`,
			``},
		{"the last is picked before absence is judged",
			Spec{Stages: []Stage{picking(a, PickLast), between(absent("v == a.v", After{Stage: "a"})), {ID: "b", Columns: []string{"v"}, After: []After{{Stage: "a"}}}}},
			`a: 1=k 3=l
			 x: 4=l
			 b: 5`, math.MaxInt64,
			``, ``},
		{"a condition that is about the chain alone says when a row counts",
			Spec{Stages: []Stage{a, absent(`a.v == "k"`, After{"a", 9 * ms})}},
			`a: 1=k 2=l
			 x: 3`, math.MaxInt64,
			`a2`, ``},
		{"a condition over two rows of the chain",
			Spec{Stages: []Stage{a, {ID: "b", Columns: []string{"v"}}, absent("v == concat(a.v, b.v)", After{"b", 9 * ms})}, By: by("a")},
			`a: 1=k 2=l
			 b: 3=m 3=n
			 x: 4=km 4=lm 4=ln`, math.MaxInt64,
			`[a1] a1 b3`, ``},
		{"two absent stages",
			Spec{Stages: []Stage{a, absent("v == a.v", After{"a", 5 * ms}),
				{ID: "y", Columns: []string{"v"}, Join: mustParse(t, "v == a.v"), After: []After{{"a", 2 * ms}}, Absent: true}}, By: by("a")},
			`a: 1=k 2=l 3=m 4=n
			 x: 2=k
			 y: 3=l 9=m`, 8,
			`[a3] a3`,
			`9: [a4] a4`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows := readTimeline(t, test.spec.Stages, test.rows)
			matches, pending, err := mustCompile(t, test.spec).Judge(context.Background(), rows, test.closed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lines(test.want), writeMatches(rows, matches)); diff != "" {
				t.Errorf("matches (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(lines(test.pending), writePending(rows, pending)); diff != "" {
				t.Errorf("pending (-want +got):\n%s", diff)
			}
		})
	}
}

func picking(s Stage, p Pick) Stage {
	s.Pick = p
	return s
}

// TestUnbounded: without anything that ends the wait, a chain is judged only at
// the end of time.
func TestUnbounded(t *testing.T) {
	p := mustCompile(t, Spec{Stages: []Stage{{ID: "a"}, {ID: "x", Absent: true, After: []After{{Stage: "a"}}}}})
	rows := [][]Row{{{ID: "a1", First: 1, Last: 1}}, nil}
	matches, pending, err := p.Judge(context.Background(), rows, math.MaxInt64-1)
	if err != nil || len(matches) != 0 || len(pending) != 1 || pending[0].Deadline != math.MaxInt64 {
		t.Errorf("matches %v, pending %v, %v", matches, pending, err)
	}
	if matches, err := p.Stitch(context.Background(), rows); err != nil || len(matches) != 1 {
		t.Errorf("at the end: %v, %v", matches, err)
	}
}

// TestMatchedOfJudgedChains: a value that satisfied a join only in a chain that
// was dropped, or is pending, did not match.
func TestMatchedOfJudgedChains(t *testing.T) {
	a := Stage{ID: "a", Columns: []string{"v"}}
	b := Stage{ID: "b", Columns: []string{"v"}, After: []After{{Stage: "a"}}, Join: mustParse(t, "v == a.v")}
	x := Stage{ID: "x", Columns: []string{"v"}, Absent: true, Join: mustParse(t, "a.v == v")}
	between := x
	between.Between, between.After = true, []After{{Stage: "a"}}
	x.After = []After{{"a", 5 * time.Millisecond}, {"b", time.Millisecond}}
	for _, test := range []struct {
		stages []Stage
		rows   string
		closed int64
		want   string
	}{
		{[]Stage{a, between, b}, "a: 1=k,l 5=l \n b: 2=k 6=l", math.MaxInt64, "[k l]"},
		{[]Stage{a, between, b}, "a: 1=k,l 5=l \n b: 2=k 6=l \n x: 4=k", math.MaxInt64, "[k l]"},
		{[]Stage{a, between, b}, "a: 1=k,m 5=l,m \n b: 2=k 6=m,l \n x: 4=k", math.MaxInt64, "[k l m]"},
		{[]Stage{a, between, b}, "a: 1=k,m 5=l \n b: 2=k 6=m,l \n x: 4=k", math.MaxInt64, "[k l]"},
		{[]Stage{a, between, b}, "a: 1=k,m \n b: 2=k 6=m", 4, "[k]"},
		{[]Stage{a, between, b}, "a: 1=k,m \n b: 2=k 6=m", 6, "[k m]"},
		{[]Stage{a, b, x}, "a: 1=l 10=k,m \n b: 11=k 12=m,l", 12, "[k l]"},
	} {
		p, rows := mustCompile(t, Spec{Stages: test.stages}), readTimeline(t, test.stages, test.rows)
		matches, _, err := p.Judge(context.Background(), rows, test.closed)
		if err != nil || len(matches) != 1 {
			t.Fatalf("%s: %v, %v", test.rows, matches, err)
		}
		if got := fmt.Sprint(p.Matched(rows, matches[0], 0, 0)); got != test.want {
			t.Errorf("%s: matched(a.v) = %s, want %s", test.rows, got, test.want)
		}
		absent := slices.IndexFunc(test.stages, func(s Stage) bool { return s.Absent })
		if got := p.Matched(rows, matches[0], absent, 0); len(got) != 0 {
			t.Errorf("%s: matched(x.v) = %s, want none", test.rows, got)
		}
	}
}

func TestAbsentErrors(t *testing.T) {
	stages := func(change func(s []Stage)) Spec {
		s := []Stage{{ID: "a", Columns: []string{"v"}}, {ID: "x", Columns: []string{"v"}, Absent: true}, {ID: "b", Columns: []string{"v"}}}
		change(s)
		return Spec{Stages: s}
	}
	keyed := stages(func([]Stage) {})
	keyed.By = []Key{{Stage: "x", Column: "v"}}
	tests := []struct {
		name string
		spec Spec
		want Error
	}{
		{"the first", stages(func(s []Stage) { s[0].Absent = true }), Error{Stage: "a", Problem: NothingAbove}},
		{"a pick", stages(func(s []Stage) { s[1].Pick = PickLast }), Error{Stage: "x", Problem: AbsentPicks}},
		{"a join that names it", stages(func(s []Stage) { s[2].Join = mustParse(t, "v == x.v") }),
			Error{Stage: "b", Part: PartJoin, Problem: NamesAbsent, Name: "x.v"}},
		{"after it", stages(func(s []Stage) { s[2].After = []After{{Stage: "x"}} }),
			Error{Stage: "b", Part: PartAfter, Problem: NamesAbsent, Name: "x"}},
		{"a key", keyed, Error{Part: PartBy, Problem: NamesAbsent, Name: "x"}},
		{"between of another stage", stages(func(s []Stage) { s[0].Between = true }), Error{Stage: "a", Problem: NotBetween}},
		{"between nothing", stages(func(s []Stage) { s[1].Between, s[2].Absent = true, true }), Error{Stage: "x", Problem: NotBetween}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Compile(test.spec)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want an *Error", err)
			}
			got.Span = test.want.Span
			if *got != test.want {
				t.Errorf("got %+v, want %+v", *got, test.want)
			}
			if got.Error() == "unknown problem" {
				t.Error("the problem has no words")
			}
		})
	}
}

// TestOrderNamesAbsentLast: what is asked of absent stages is told apart by the
// stage, never asked of a chain.
func TestOrderNamesAbsentLast(t *testing.T) {
	p := mustCompile(t, Spec{Stages: []Stage{
		{ID: "a"}, {ID: "x", Absent: true, Between: true, After: []After{{"a", time.Second}}}, {ID: "b", After: []After{{Stage: "a"}}},
	}})
	if got, want := p.Order(), []Bound{{0, 2, 0}, {1, 2, 0}, {0, 1, time.Second}}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if standing, err := p.Standing(context.Background(), [][]Row{{{}}, {{}}, {{}}}, 3); err != nil || len(standing[2]) != 1 {
		t.Errorf("standing %v, %v: absent stages drop nothing yet", standing, err)
	}
}
