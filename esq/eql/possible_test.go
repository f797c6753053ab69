package eql

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPossible(t *testing.T) {
	for _, tt := range []struct {
		expr   string
		filled string // names, blanks between
		want   bool
	}{
		{`a == "x"`, "a", true},
		{`a == "x"`, "", false},
		{`a == b`, "a", false},
		{`a : b and c == 1`, "a b c", true},
		{`a : b and c == 1`, "a b", false},
		{`a == 1 or b == 1`, "b", true},
		{`a != "x"`, "", true},
		{`not a == "x"`, "", true},
		{`not a != "x"`, "", false},
		{`not (a != "x" or b == 1)`, "a", true},
		{`not (a != "x" or b == 1)`, "b", false},
		{`not (a != "x" and b == 1)`, "", true},
		{`a == null`, "", true},
		{`a != null`, "", false},
		{`a != null`, "a", true},
		{`not a == null`, "", false},
		{`a in ("x", "y")`, "", false},
		{`a not in ("x", "y")`, "", true},
		{`a in~ all(s.b)`, "a", false},
		{`a in~ all(s.b)`, "a s.b", true},
		{`startsWith~(a, b)`, "a", false},
		{`startsWith~(a, b)`, "a b", true},
		{`length(a) > 2`, "", false},
		{`a + b > 2`, "a", false},
		{`a`, "", false},
		{`not a`, "", true},
		{`true`, "", true},
	} {
		e, err := ParseExpr(tt.expr)
		if err != nil {
			t.Fatal(err)
		}
		filled := func(r Ref) bool { return slices.Contains(strings.Fields(tt.filled), r.Name) }
		if got := Possible(e, filled); got != tt.want {
			t.Errorf("%s with %q filled: %v, want %v", tt.expr, tt.filled, got, tt.want)
		}
	}
}

func TestLiterals(t *testing.T) {
	for expr, want := range map[string][]string{
		`a == "x" and (b : "Y" or c in ("z", "w"))`: {"x", "Y", "z", "w"},
		`a != "x" and not b == "y" and c == 3`:      nil,
		`a : "x*" and startsWith(b, "y")`:           nil,
	} {
		e, err := ParseExpr(expr)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, Literals(e)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expr, diff)
		}
	}
}

func TestRelax(t *testing.T) {
	for expr, want := range map[string]string{
		`a == 1 and b == 2`:              "b == 2",
		`a == 1 or b == 2`:               "",
		`a == 1`:                         "",
		`b == 2`:                         "b == 2",
		`a == 1 and b == 2 or b == 3`:    "b == 2 or b == 3",
		`a == 1 and a != null or b == 3`: "",
		`not a == 1 and b == 2`:          "not a == 1 and b == 2",
	} {
		e, err := ParseExpr(expr)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if left := Relax(e, func(r Ref) bool { return r.Name == "b" }); left != nil {
			got = Print(left)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}
