package main

import (
	"testing"
	"time"

	"github.com/stitchdetect/stitch/rules/sequence"
)

// TestTheJoinFindsTheSame holds the yardstick to the stitcher's answer: a join
// that finds something else measures nothing.
func TestTheJoinFindsTheSame(t *testing.T) {
	for _, sh := range []shape{
		{name: "few users", stages: 2, rows: 500, users: 5},
		{name: "many users", stages: 3, rows: 500, users: 200},
		{name: "skewed", stages: 6, rows: 2000, users: 20, skewed: true},
	} {
		t.Run(sh.name, func(t *testing.T) {
			p, err := sh.pattern()
			check(t, p, err, sh.make(1), joinSequence, user)
		})
	}
	for _, in := range []incident{{users: 1, files: 50, drives: 1}, {users: 7, files: 20, drives: 3}} {
		p, err := in.pattern()
		check(t, p, err, in.make(), joinIncident, alertAndHost)
	}
}

func check[K comparable](t *testing.T, p *sequence.Pattern, err error, rows [][]sequence.Row, join func([][]sequence.Row) map[K]found, byKey func(sequence.Match) K) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	matches, err := p.Stitch(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	if len(matches) == 0 {
		t.Error("nothing is found")
	}
	if err := same(matches, join(rows), byKey); err != nil {
		t.Error(err)
	}
}

func TestQuery(t *testing.T) {
	got := shape{stages: 2, maxSpan: time.Minute}.query()
	if want := "sequence by user.email with maxspan=60s [s0 where true] [s1 where true]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
