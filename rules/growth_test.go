package rules_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/rules"
)

// TestMemoryPerRule holds reading a file, checking it and compiling it to a
// budget.
func TestMemoryPerRule(t *testing.T) {
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for file, most := range map[string]float64{"mass_download_usb.toml": 2500, "m365_mass_download_571ff456.toml": 750} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := testing.AllocsPerRun(10, func() {
			if _, err := set.Compile(file, string(text)); err != nil {
				t.Fatal(err)
			}
		})
		if got > most {
			t.Errorf("%s: %.0f allocations, more than %.0f", file, got, most)
		}
		t.Logf("%s: %.0f allocations", file, got)
	}
}

// TestMemoryPerRuleIsTheSameForMany compiles a rule with a list of n, and of four
// times n words.
func TestMemoryPerRuleIsTheSameForMany(t *testing.T) {
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	allocs := func(n int) float64 {
		var words []string
		for i := range n {
			words = append(words, fmt.Sprintf("w%d", i))
		}
		text := fmt.Sprintf("[rule]\nrule_id = \"r\"\nname = \"n\"\ntype = \"query\"\nlanguage = \"kuery\"\nindex = [\"logs-*\"]\nfrom = \"now-10m\"\nrisk_score = 1\nquery = '''a:(%s)'''\n", strings.Join(words, " or "))
		return testing.AllocsPerRun(5, func() {
			if _, err := set.Compile("r.toml", text); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocs(500), allocs(2000); many > 5*few {
		t.Errorf("%.0f allocations for a list of 500 words, %.0f for one of 2000", few, many)
	}
}
