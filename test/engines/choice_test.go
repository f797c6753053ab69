package engines

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseChoice(t *testing.T) {
	for _, tt := range []struct {
		list string
		want Choice
		runs []string // the engines that it takes in
		fail bool
	}{
		{list: "", runs: []string{"es8", "es9", "os2", "os3"}},
		{list: "all", runs: []string{"es8", "es9", "os2", "os3"}},
		{list: "none", want: Choice{None: true}},
		{list: "required", want: Choice{Required: true}, runs: []string{"es8", "es9", "os2", "os3"}},
		{list: "os3, es8", want: Choice{Names: []string{"os3", "es8"}}, runs: []string{"es8", "os3"}},
		{list: "required,es9", want: Choice{Required: true, Names: []string{"es9"}}, runs: []string{"es9"}},
		{list: "es7", fail: true},
		{list: "none,required", fail: true},
		{list: "none,es8", fail: true},
	} {
		got, err := parseChoice(tt.list)
		if (err != nil) != tt.fail {
			t.Errorf("parseChoice(%q): error %v, want one: %t", tt.list, err, tt.fail)
		}
		if tt.fail {
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("parseChoice(%q) (-want +got):\n%s", tt.list, diff)
		}
		var runs []string
		for _, e := range All() {
			if got.Wants(e) {
				runs = append(runs, e.Name)
			}
		}
		if diff := cmp.Diff(tt.runs, runs); diff != "" {
			t.Errorf("parseChoice(%q) takes in (-want +got):\n%s", tt.list, diff)
		}
	}
}
