package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/test/bench/result"
)

func TestWrite(t *testing.T) {
	var b strings.Builder
	err := write(&b, []result.Result{
		{Pair: "unheard-of", Title: "Last"},
		{
			Pair: "replay", Title: "Replay", About: []string{"What it is."}, Versions: map[string]string{"b": "2", "a": "1"},
			Time:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Tables: []result.Table{{Caption: "Times:", Columns: []string{"a", "b"}, Rows: [][]string{{"1|2", "3"}}}},
			Targets: []result.Target{
				{Reach: "half", Got: "a third", Met: true},
				{Reach: "all", Got: "some", Why: "It is bound."},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		"| [Replay](#replay) | half | a third | met |\n| [Replay](#replay) | all | some | **missed** |\n",
		"<a id=\"replay\"></a>\n\n## Replay\n\nWhat it is.\n\nTimes:\n\n| a | b |\n|---|---|\n| 1\\|2 | 3 |\n\n**all**: some, missed. It is bound.\n",
		"`test/bench/run replay`, 2026-01-02: 0 cores of ",
		"; a 1, b 2.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Index(got, "## Last") < strings.Index(got, "## Replay") {
		t.Error("a pair that is not in the order comes before one that is")
	}
}
