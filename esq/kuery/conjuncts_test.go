package kuery

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConjuncts(t *testing.T) {
	for text, want := range map[string][]string{
		`a:1`:                               {"a:1"},
		`a:1 and (b:2 and c:3) and not d:4`: {"a:1", "b:2", "c:3", "not d:4"},
		`a:1 or b:2`:                        {"a:1 or b:2"},
		`a:1 and (b:2 or c:3)`:              {"a:1", "b:2 or c:3"},
		`not (a:1 and b:2)`:                 {"not (a:1 and b:2)"},
	} {
		var got []string
		for _, c := range Conjuncts(parsed(t, text)) {
			got = append(got, Print(c))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestPossible(t *testing.T) {
	for _, tt := range []struct {
		text, filled string
		want         bool
	}{
		{"a:1", "a", true},
		{"a:1", "b", false},
		{"a:1 and b:2", "a", false},
		{"a:1 or b:2", "b", true},
		{"not a:1", "", true},
		{"a:*", "", false},
		{"a.*:1", "", true},
		{"free", "", true},
		{"a >= 3", "", false},
		{"n:{ a:1 }", "n.a", true},
		{"n:{ a:1 }", "a", false},
	} {
		filled := func(name string) bool { return slices.Contains(strings.Fields(tt.filled), name) }
		if got := Possible(parsed(t, tt.text), filled); got != tt.want {
			t.Errorf("%s with %q filled: %v, want %v", tt.text, tt.filled, got, tt.want)
		}
	}
}

func TestRelax(t *testing.T) {
	for text, want := range map[string]string{
		"a:1 and b:2":                        "b:2",
		"a:1 or b:2":                         "",
		"a:1":                                "",
		"b:2":                                "b:2",
		"(b:1 and a:1) or (b:2 and not a:1)": "b:1 or b:2 and not a:1",
		"(b:1 and a:1) or a:2":               "",
		"b:1 and b > 2 and a:3":              "b:1 and b > 2",
	} {
		got := ""
		if left := Relax(parsed(t, text), func(name string) bool { return name == "b" }); left != nil {
			got = Print(left)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestLiterals(t *testing.T) {
	for text, want := range map[string][]string{
		`a:"x y" and b:(z or w)`:                 {"x y", "z", "w"},
		`a:x* and not b:y and c > 1 and d:*`:     nil,
		`free and n:{ a:x } and e:true and f:12`: {"x", "12"},
	} {
		if diff := cmp.Diff(want, Literals(parsed(t, text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func parsed(t *testing.T, text string) Node {
	t.Helper()
	n, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
