package main

import (
	"testing"
	"time"

	"github.com/stitchdetect/stitch/rules/sequence"
	"github.com/stitchdetect/stitch/test/bench/result"
)

// BenchmarkSequence runs chains by user, the stitcher and the join by hand each.
func BenchmarkSequence(b *testing.B) {
	const n = 50_000
	for _, sh := range []shape{
		{name: "2 stages, few users", stages: 2, rows: n, users: 20},
		{name: "6 stages, few users", stages: 6, rows: n, users: 20},
		{name: "2 stages, many users", stages: 2, rows: n, users: n / 5},
		{name: "3 stages, many users", stages: 3, rows: n, users: n / 5},
		{name: "6 stages, skewed", stages: 6, rows: n, users: n / 50, skewed: true},
		{name: "3 stages, few users, span", stages: 3, rows: n, users: 100, maxSpan: time.Minute},
	} {
		p, err := sh.pattern()
		bench(b, sh.name, p, err, sh.make(1), joinSequence)
	}
}

// BenchmarkIncident runs the event-level rule.
func BenchmarkIncident(b *testing.B) {
	for _, in := range []struct {
		name string
		incident
	}{
		{"1 drive", incident{1, 10_000, 1}},
		{"5 drives", incident{1, 10_000, 5}},
		{"20 incidents", incident{20, 1000, 2}},
		{"1,000 incidents", incident{1000, 20, 2}},
	} {
		p, err := in.pattern()
		bench(b, in.name, p, err, in.make(), joinIncident)
	}
}

func bench[K comparable](b *testing.B, name string, p *sequence.Pattern, err error, rows [][]sequence.Row, join func([][]sequence.Row) map[K]found) {
	if err != nil {
		b.Fatal(err)
	}
	run := func(side string, once func() error) {
		b.Run(name+"/"+side, func(b *testing.B) {
			b.ReportAllocs()
			seconds, err := result.CPU(func() error {
				for b.Loop() {
					if err := once(); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(seconds*1e9/float64(b.N)/float64(count(rows)), "cpu-ns/row")
		})
	}
	run("stitcher", func() error {
		_, err := p.Stitch(b.Context(), rows)
		return err
	})
	run("join", func() error {
		join(rows)
		return nil
	})
}
