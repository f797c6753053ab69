package sequence

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// readTimeline reads rows as a person writes them, one stage a line:
//
//	a: 1 2-4 7=x,y
//
// is a row at 1, one from 2 to 4, and one at 7 whose column v has two values.
// A row's ID is its stage and its times.
func readTimeline(t *testing.T, stages []Stage, text string) [][]Row {
	t.Helper()
	rows := make([][]Row, len(stages))
	for line := range strings.Lines(text) {
		id, list, _ := strings.Cut(strings.TrimSpace(line), ":")
		for s := range stages {
			if stages[s].ID == id {
				for _, word := range strings.Fields(list) {
					rows[s] = append(rows[s], readRow(t, id, word))
				}
			}
		}
	}
	return rows
}

func readRow(t *testing.T, id, word string) Row {
	t.Helper()
	times, values, _ := strings.Cut(word, "=")
	first, last, lasts := strings.Cut(times, "-")
	if !lasts {
		last = first
	}
	r := Row{ID: id + times, Values: [][]esq.Value{nil}}
	var err1, err2 error
	r.First, err1 = strconv.ParseInt(first, 10, 64)
	r.Last, err2 = strconv.ParseInt(last, 10, 64)
	if err1 != nil || err2 != nil {
		t.Fatalf("row %q is not TIME, TIME=VALUE or FROM-TO=VALUE", word)
	}
	for _, v := range strings.FieldsFunc(values, func(r rune) bool { return r == ',' }) {
		r.Values[0] = append(r.Values[0], esq.Str(v))
	}
	return r
}

// writeMatches writes matches as lines of their keys and the rows' IDs.
func writeMatches(rows [][]Row, matches []Match) string {
	var b strings.Builder
	for _, m := range matches {
		var words []string
		for _, k := range m.Key {
			words = append(words, "["+k.String()+"]")
		}
		for s := range m.Rows {
			for _, i := range m.Rows[s] {
				words = append(words, rows[s][i].ID)
			}
		}
		b.WriteString(strings.Join(words, " ") + "\n")
	}
	return b.String()
}

// lines takes the indentation off.
func lines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func TestTimelines(t *testing.T) {
	a := Stage{ID: "a", Columns: []string{"v"}}
	b := func(join string, change ...func(*Stage)) Stage {
		s := Stage{ID: "b", Columns: []string{"v"}, Join: mustParse(t, join), After: []After{{Stage: "a"}}}
		for _, c := range change {
			c(&s)
		}
		return s
	}
	anyOrder := func(s *Stage) { s.After = nil }
	within := func(ms int) func(*Stage) {
		return func(s *Stage) { s.After[0].Within = time.Duration(ms) * time.Millisecond }
	}
	pick := func(p Pick) func(*Stage) { return func(s *Stage) { s.Pick = p } }
	tests := []struct {
		name       string
		spec       Spec
		rows, want string
	}{
		{"order, equal times included",
			Spec{Stages: []Stage{a, b("")}},
			`a: 1 3 5
			 b: 3 0`,
			`a1 a3 b3`},
		{"a row that lasts comes before another when it has ended",
			Spec{Stages: []Stage{a, b("")}},
			`a: 1-4 2-3
			 b: 3-9`,
			`a2-3 b3-9`},
		{"the longest gap",
			Spec{Stages: []Stage{a, b("", within(2))}},
			`a: 1 2
			 b: 4 5`,
			`a2 b4`},
		{"any order",
			Spec{Stages: []Stage{a, b("v == a.v", anyOrder)}},
			`a: 5=x 6=y
			 b: 1=x`,
			`a5 b1`},
		{"== does not fold, : does",
			Spec{Stages: []Stage{a, b("v : a.v"), {ID: "c", Columns: []string{"v"}, Join: mustParse(t, "v == b.v")}}},
			`a: 1=X 1=y
			 b: 2=x 2=Y
			 c: 3=x 3=y`,
			`a1 b2 c3`},
		{"two missing values do not join",
			Spec{Stages: []Stage{a, b("v == a.v")}},
			`a: 1 2=x
			 b: 3 4=x`,
			`a2 b4`},
		{"some value of several is enough",
			Spec{Stages: []Stage{a, b("v == a.v")}},
			`a: 1=x,y 2=z
			 b: 3=y,w`,
			`a1 b3`},
		{"a row with two values that are both met, beside one with none",
			Spec{Stages: []Stage{a, b("v == a.v and startsWith(v, a.v)")}},
			`a: 1=x,y 2
			 b: 3=x 4=y`,
			`a1 b3 b4`},
		{"one match per key, a missing value is a key",
			Spec{Stages: []Stage{a, b("")}, By: []Key{{Stage: "a", Column: "v"}}},
			`a: 1=x 2=y,x 3
			 b: 4`,
			`[] a3 b4
			 [x] a1 a2 b4
			 [y] a2 b4`},
		{"a folded key shows its smallest spelling",
			Spec{Stages: []Stage{a, b("")}, By: []Key{{Stage: "a", Column: "v", Fold: true}}},
			`a: 1=xa 2=Xa 3=XA
			 b: 4`,
			`[XA] a1 a2 a3 b4`},
		{"a row as the key",
			Spec{Stages: []Stage{a, b("")}, By: []Key{{Stage: "b"}}},
			`a: 1 3
			 b: 2 4`,
			`[b2] a1 b2
			 [b4] a1 a3 b4`},
		{"the last row before",
			Spec{Stages: []Stage{picking(a, PickLast), b("")}},
			`a: 1 2 4
			 b: 3 5`,
			`a2 a4 b3 b5`},
		{"the first row after",
			Spec{Stages: []Stage{a, b("", pick(PickFirst))}},
			`a: 1 4
			 b: 2 3 5`,
			`a1 a4 b2 b5`},
		{"the last that joins, not the last",
			Spec{Stages: []Stage{picking(a, PickLast), b("v == a.v")}},
			`a: 1=x 2=y
			 b: 3=x`,
			`a1 b3`},
		{"what is picked is not a matter of the key",
			Spec{Stages: []Stage{picking(a, PickLast), b("")}, By: []Key{{Stage: "a", Column: "v"}}},
			`a: 1=x 2=y
			 b: 3`,
			`[y] a2 b3`},
		{"of a chain no two rows are further apart than the span",
			Spec{MaxSpan: 4 * time.Millisecond, Stages: []Stage{a, b("", anyOrder), {ID: "c", Columns: []string{"v"}}}},
			`a: 1 6
			 b: 3
			 c: 7 5`,
			`a1 a6 b3 c5 c7`},
		{"times as columns",
			Spec{Stages: []Stage{a, b(`first == a.last and v == "x"`)}},
			`a: 1-2 2-3
			 b: 2=x 3=y`,
			`a1-2 b2`},
		{"a condition over three stages",
			Spec{Stages: []Stage{a, b(""), {ID: "c", Columns: []string{"v"}, Join: mustParse(t, "v == concat(a.v, b.v)")}}},
			`a: 1=x 1=y
			 b: 2=y 2=z
			 c: 3=xz 3=zz`,
			`a1 b2 c3`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows := readTimeline(t, test.spec.Stages, test.rows)
			matches, err := mustCompile(t, test.spec).Stitch(context.Background(), rows)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lines(test.want), writeMatches(rows, matches)); diff != "" {
				t.Errorf("matches (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoStages: a pattern without stages has no chains.
func TestNoStages(t *testing.T) {
	p := mustCompile(t, Spec{})
	matches, err := p.Stitch(context.Background(), nil)
	if err != nil || len(matches) != 0 {
		t.Errorf("got %v, %v", matches, err)
	}
}

// TestExfiltration follows the rule that sequence was built for.
func TestExfiltration(t *testing.T) {
	p := exfiltration(t, PickAll)
	rows := [][]Row{
		{event("d1", 1, "eve@x", "a.doc"), event("d2", 2, "EVE@x", "b.doc"), event("d3", 3, "bob@x", "c.doc"), event("d4", 9, "eve@x", "c.doc")},
		{event("alert", 5, "Eve@x")},
		{event("m1", 4, "pc", "E:"), event("m2", 6, "other", "E:"), event("m3", 6, "pc", "F:")},
		{event("c1", 7, "eve@x", "a.doc", "pc", `e:\a.doc`), event("c2", 8, "eve@x", "b.doc", "pc", `F:\b.doc`),
			event("c3", 8, "eve@x", "a.doc", "pc", `C:\a.doc`), event("c4", 9, "eve@x", "c.doc", "pc", `E:\c.doc`)},
	}
	matches, err := p.Stitch(context.Background(), rows)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := writeMatches(rows, matches), "[alert] [Eve@x] [pc] d1 d2 alert m1 m3 c1 c2\n"; got != want {
		t.Fatalf("matches %q, want %q", got, want)
	}
	got := fmt.Sprint(p.Matched(rows, matches[0], 3, 3))
	if want := `[F:\b.doc e:\a.doc]`; got != want {
		t.Errorf("matched(copy.file.path) = %s, want %s", got, want)
	}
}

func TestPlan(t *testing.T) {
	p := exfiltration(t, PickAll)
	day := 24 * time.Hour
	if diff := cmp.Diff([]Bound{{0, 1, 0}, {1, 3, day}, {2, 3, 7 * day}}, p.Order()); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestWrongRows(t *testing.T) {
	p := mustCompile(t, Spec{Stages: []Stage{{ID: "a", Columns: []string{"v"}}}})
	for name, rows := range map[string][][]Row{
		"too few stages":  {},
		"a column lacks":  {{{ID: "r"}}},
		"ends too early":  {{{ID: "r", First: 2, Last: 1, Values: [][]esq.Value{nil}}}},
		"too many stages": {{}, {}},
	} {
		if _, err := p.Stitch(context.Background(), rows); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	stages := func(change func(s []Stage)) Spec {
		s := []Stage{
			{ID: "download", Columns: []string{"user.email", "file.name"}},
			{ID: "copy", Columns: []string{"user.email"}},
			{ID: "mount", Columns: []string{"host.id"}},
		}
		change(s)
		return Spec{Stages: s}
	}
	join := func(text string) Spec {
		return stages(func(s []Stage) { s[1].Join = mustParse(t, text) })
	}
	after := func(a After) Spec {
		return stages(func(s []Stage) { s[1].After = []After{a} })
	}
	by := func(k Key) Spec {
		s := stages(func([]Stage) {})
		s.By = []Key{k}
		return s
	}
	tests := []struct {
		name string
		spec Spec
		want Error
		text string
	}{
		{"unknown own column", join("user.emial == download.user.email"),
			Error{Stage: "copy", Part: PartJoin, Problem: UnknownColumn, Name: "user.emial", Nearest: "user.email"},
			`stage "copy": join: unknown column "user.emial"; did you mean "user.email"?`},
		{"unknown column of a stage", join("user.email == download.user.mail"),
			Error{Stage: "copy", Part: PartJoin, Problem: UnknownColumn, Name: "download.user.mail", Nearest: "download.user.email"}, ""},
		{"a join that names its own stage", join("copy.user.email == download.user.email"),
			Error{Stage: "copy", Part: PartJoin, Problem: NamesItself, Name: "copy.user.email"}, ""},
		{"a join that names a later stage", join("user.email == mount.host.id"),
			Error{Stage: "copy", Part: PartJoin, Problem: NamesLater, Name: "mount.host.id"}, ""},
		{"a set in a join", join("user.email in all(download.user.email)"),
			Error{Stage: "copy", Part: PartJoin, Problem: BadFunction, Name: "all"}, ""},
		{"after an unknown stage", after(After{Stage: "downlaod"}),
			Error{Stage: "copy", Part: PartAfter, Problem: UnknownStage, Name: "downlaod", Nearest: "download"}, ""},
		{"after itself", after(After{Stage: "copy"}),
			Error{Stage: "copy", Part: PartAfter, Problem: NamesItself, Name: "copy"}, ""},
		{"after a later stage", after(After{Stage: "mount"}),
			Error{Stage: "copy", Part: PartAfter, Problem: NamesLater, Name: "mount"}, ""},
		{"a negative gap", after(After{"download", -time.Second}),
			Error{Stage: "copy", Part: PartAfter, Problem: BadDuration, Name: "-1s"}, ""},
		{"a negative span", Spec{MaxSpan: -time.Second},
			Error{Part: PartMaxSpan, Problem: BadDuration, Name: "-1s"}, "maxspan: -1s is negative"},
		{"a key of an unknown stage", by(Key{Stage: "cpoy"}),
			Error{Part: PartBy, Problem: UnknownStage, Name: "cpoy", Nearest: "copy"}, ""},
		{"a key of an unknown column", by(Key{Stage: "mount", Column: "hots.id"}),
			Error{Part: PartBy, Problem: UnknownColumn, Name: "hots.id", Nearest: "host.id"}, ""},
		{"an id twice", stages(func(s []Stage) { s[2].ID = "copy" }),
			Error{Stage: "copy", Problem: Duplicate, Name: "copy"}, ""},
		{"an id with a dot", stages(func(s []Stage) { s[2].ID = "a.b" }),
			Error{Stage: "a.b", Problem: BadName, Name: "a.b"}, ""},
		{"a column twice", stages(func(s []Stage) { s[2].Columns = []string{"x", "x"} }),
			Error{Stage: "mount", Problem: Duplicate, Name: "x"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Compile(test.spec)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if test.want.Part == PartJoin && got.Span == (eql.Span{}) {
				t.Error("the error does not say where in the join")
			}
			got.Span = eql.Span{}
			if *got != test.want {
				t.Errorf("got %+v, want %+v", *got, test.want)
			}
			if test.text != "" && got.Error() != test.text {
				t.Errorf("text %q, want %q", got.Error(), test.text)
			}
		})
	}
}

// TestCompileReportsAll expects every problem of a spec at once.
func TestCompileReportsAll(t *testing.T) {
	_, err := Compile(Spec{
		Stages:  []Stage{{ID: "a", Join: mustParse(t, "x == y")}},
		MaxSpan: -1,
		By:      []Key{{Stage: "b"}},
	})
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) || len(all.Unwrap()) != 4 {
		t.Errorf("got %v, want four problems", err)
	}
}
