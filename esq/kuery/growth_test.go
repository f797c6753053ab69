package kuery

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// long are texts of any length, by what there is much of.
var long = map[string]func(n int) string{
	"or": func(n int) string {
		return joined(n, " or ", func(i int) string { return fmt.Sprintf("user.name:u%d", i) })
	},
	"and": func(n int) string { return joined(n, " and ", func(i int) string { return fmt.Sprintf("f%d:*", i) }) },
	"lines": func(n int) string {
		return joined(n, "\n  and ", func(i int) string { return fmt.Sprintf("f%d >= %d", i, i) })
	},
	"and and or": func(n int) string {
		return joined(n, " or ", func(i int) string { return fmt.Sprintf("(a:%d and not b:%d)", i, i) })
	},
	"a list": func(n int) string {
		return "a:(" + joined(n, " or ", func(i int) string { return fmt.Sprintf("v%d", i) }) + ")"
	},
	"phrases": func(n int) string {
		return "a:(" + joined(n, " or ", func(i int) string { return fmt.Sprintf(`"%d"`, i) }) + ")"
	},
	"a phrase":  func(n int) string { return `a:"` + strings.Repeat("word ", n) + `"` },
	"escapes":   func(n int) string { return `a:"` + strings.Repeat(`\"\\`, n) + `"` },
	"a word":    func(n int) string { return "a:" + strings.Repeat("x", n) },
	"words":     func(n int) string { return "a:" + strings.Repeat("x ", n) + "y" },
	"wildcards": func(n int) string { return "a:" + strings.Repeat("x*", n) + "y" },
	"wildcards in": func(n int) string {
		return "a:(" + joined(n, " or ", func(i int) string { return fmt.Sprintf("*v%d*", i) }) + ")"
	},
	"white space": func(n int) string { return "a:b" + strings.Repeat(" ", n) + "and" + strings.Repeat("\n", n) + "c:d" },
	"not a query": func(n int) string { return strings.Repeat("a:b or ", n) + ")" },
}

func joined(n int, between string, part func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = part(i)
	}
	return strings.Join(parts, between)
}

// TestMemoryGrowsWithTheText reads, prints and translates texts that are longer
// and longer: four times the text may take about four times the memory, and not
// sixteen.
func TestMemoryGrowsWithTheText(t *testing.T) {
	const n = 2000
	for name, text := range long {
		t.Run(name, func(t *testing.T) {
			few, many := allocated(text(n)), allocated(text(4*n))
			if grew := many / few / (float64(len(text(4*n))) / float64(len(text(n)))); grew > 1.8 && many > 1e6 {
				t.Errorf("%.0f bytes allocated for a text of %d, %.0f for one of %d", few, len(text(n)), many, len(text(4*n)))
			}
		})
	}
}

// TestDepthCostsNoMore nests as deep as may be.
func TestDepthCostsNoMore(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("(a:b or not ", n) + "c:d" + strings.Repeat(")", n) }
	if few, many := allocated(nested(maxHeight/8)), allocated(nested(maxHeight/3)); many > 6*few {
		t.Errorf("%.0f bytes allocated for a depth of %d, %.0f for %d", few, maxHeight/8, many, maxHeight/3)
	}
}

// allocated returns the bytes that it takes to do all there is to a text.
func allocated(text string) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n, err := Parse(text); err == nil {
		Print(n)
		Conjuncts(n)
		Fields(n)
		Literals(n)
		Possible(n, func(string) bool { return true })
		Relax(n, func(string) bool { return true })
		if _, err := Translate(n).MarshalJSON(); err != nil {
			panic(err)
		}
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// TestMemoryPerQuery holds reading and translating to a budget, a clause.
func TestMemoryPerQuery(t *testing.T) {
	text := `event.category:process and host.os.type:windows and process.name:("cmd.exe" or powershell.exe or *sh) and not user.id:("S-1-5-18" or "S-1-5-19")`
	got := testing.AllocsPerRun(100, func() {
		n, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		Translate(n)
	})
	if got > 150 {
		t.Errorf("%.0f allocations, more than 150", got)
	}
	t.Logf("%.0f allocations", got)
}
