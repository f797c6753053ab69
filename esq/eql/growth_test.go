package eql

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// long are conditions of any length, by what there is much of. None has more
// operators than an expression may.
var long = map[string]func(n int) string{
	"or": func(n int) string { return joined(n, " or ", func(i int) string { return fmt.Sprintf("a == %d", i) }) },
	"and": func(n int) string {
		return joined(n, " and ", func(i int) string { return fmt.Sprintf("f%d != null", i) })
	},
	"lines": func(n int) string {
		return joined(n, "\n  and ", func(i int) string { return fmt.Sprintf("f%d >= %d", i, i) })
	},
	"and and or": func(n int) string {
		return joined(n, " or ", func(i int) string { return fmt.Sprintf("(a : \"%d\" and not b == %d)", i, i) })
	},
	"in": func(n int) string {
		return "a in (" + joined(n, ", ", func(i int) string { return fmt.Sprintf(`"v%d"`, i) }) + ")"
	},
	"like": func(n int) string {
		return "a like~ (" + joined(n, ", ", func(i int) string { return fmt.Sprintf(`"*v%d?x*"`, i) }) + ")"
	},
	"colons": func(n int) string {
		return "a : (" + joined(n, ", ", func(i int) string { return fmt.Sprintf(`"v%d*"`, i) }) + ")"
	},
	"regex": func(n int) string {
		return "a regex (" + joined(n, ", ", func(i int) string { return fmt.Sprintf(`"v%d.*[a-z]+"`, i) }) + ")"
	},
	"sums": func(n int) string {
		return joined(n, " + ", func(i int) string { return fmt.Sprintf("a%d", i) }) + " > 0"
	},
	"calls": func(n int) string {
		return joined(n, " or ", func(i int) string { return fmt.Sprintf(`startsWith~(a, "%d")`, i) })
	},
	"arguments": func(n int) string {
		return "concat(" + joined(n, ", ", func(i int) string { return fmt.Sprintf("a%d", i) }) + `) == "x"`
	},
	"a string":   func(n int) string { return `a == "` + strings.Repeat("word ", n) + `"` },
	"escapes":    func(n int) string { return `a == "` + strings.Repeat(`\"\\`, n) + `"` },
	"a wildcard": func(n int) string { return `a : "` + strings.Repeat("x*?", n) + `"` },
	"white space": func(n int) string {
		return "a == 1" + strings.Repeat(" ", n) + "and" + strings.Repeat("\n", n) + "b == 2"
	},
	"comments": func(n int) string { return strings.Repeat("/* x */ // y\n", n) + "a == 1" },
	"no expr":  func(n int) string { return strings.Repeat("a == 1 or ", n) + ")" },
}

func joined(n int, between string, part func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = part(i)
	}
	return strings.Join(parts, between)
}

// plain is a source whose columns are keyword fields of their own names.
type plain struct{}

func (plain) Column(name string) Mapping {
	return Mapping{Fields: []Field{{Name: name, Type: "keyword"}}}
}

// TestMemoryGrowsWithTheText reads, prints, translates and compiles texts that
// are longer and longer: four times the text may take about four times the
// memory, and not sixteen.
func TestMemoryGrowsWithTheText(t *testing.T) {
	const n = 1000
	for name, text := range long {
		for step, do := range steps() {
			t.Run(name+"/"+step, func(t *testing.T) {
				few, many := allocated(do, text(n)), allocated(do, text(4*n))
				if grew := many / few / (float64(len(text(4*n))) / float64(len(text(n)))); grew > 1.8 && many > 1e6 {
					t.Errorf("%.0f bytes allocated for a text of %d, %.0f for one of %d", few, len(text(n)), many, len(text(4*n)))
				}
			})
		}
	}
}

// TestDepthCostsNoMore nests as deep as may be.
func TestDepthCostsNoMore(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("(a == 1 or not ", n) + "c == 2" + strings.Repeat(")", n) }
	for step, do := range steps() {
		t.Run(step, func(t *testing.T) {
			if few, many := allocated(do, nested(maxNesting/10)), allocated(do, nested(maxNesting/3)); many > 6*few {
				t.Errorf("%.0f bytes allocated for a depth of %d, %.0f for %d", few, maxNesting/10, many, maxNesting/3)
			}
		})
	}
}

// steps are what is done to an expression.
func steps() map[string]func(Expr) {
	return map[string]func(Expr){
		"parse":     func(Expr) {},
		"print":     func(e Expr) { Print(e) },
		"refs":      func(e Expr) { Refs(e) },
		"conjuncts": func(e Expr) { Conjuncts(e) },
		"literals":  func(e Expr) { Literals(e) },
		"possible":  func(e Expr) { Possible(e, func(Ref) bool { return true }) },
		"relax":     func(e Expr) { Relax(e, func(Ref) bool { return true }) },
		"compile": func(e Expr) {
			if _, err := Compile(e, func(Ref) (int, error) { return 0, nil }); err != nil {
				panic(err)
			}
		},
		"translate": func(e Expr) {
			q, _ := Translate(e, plain{}, func(Ref) *Set { return nil })
			if _, err := q.MarshalJSON(); err != nil {
				panic(err)
			}
		},
	}
}

// allocated returns the bytes that it takes to read a text and do a step.
func allocated(do func(Expr), text string) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if e, err := ParseExpr(text); err == nil {
		do(e)
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// TestMemoryPerCondition holds reading, compiling and translating to a budget.
func TestMemoryPerCondition(t *testing.T) {
	text := `process.name : ("cmd.exe", "powershell*.exe") and not user.id in ("S-1-5-18", "S-1-5-19") and startsWith~(file.path, "C:\\") and length(process.args) > 3`
	got := testing.AllocsPerRun(100, func() {
		e, err := ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Compile(e, func(Ref) (int, error) { return 0, nil }); err != nil {
			t.Fatal(err)
		}
		Translate(e, plain{}, nil)
	})
	if got > 300 {
		t.Errorf("%.0f allocations, more than 300", got)
	}
	t.Logf("%.0f allocations", got)
}
