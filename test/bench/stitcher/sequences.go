package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/rules/sequence"
	"github.com/stitchdetect/stitch/test/bench/result"
)

// shapes are the sequences that are measured.
func (m *measure) shapes() []shape {
	rows := 1_000_000
	if m.Quick {
		rows = 20_000
	}
	var all []shape
	for stages := 2; stages <= 6; stages++ {
		all = append(all, shape{name: fmt.Sprintf("%d stages, few users", stages), stages: stages, rows: rows, users: 100})
	}
	for _, stages := range []int{2, 3, 6} {
		all = append(all, shape{name: fmt.Sprintf("%d stages, many users", stages), stages: stages, rows: rows, users: rows / 5})
	}
	for _, stages := range []int{3, 6} {
		all = append(all, shape{name: fmt.Sprintf("%d stages, one user has nine of ten rows", stages), stages: stages, rows: rows, users: rows / 50, skewed: true})
	}
	return all
}

// sequences measures chains of one user in time order.
func (m *measure) sequences() error {
	table := result.Table{Caption: "A chain by user, in time order", Columns: append(columns("rows of"), "faster than eql, of a twentieth of the rows")}
	m.overJoin, m.underEQL = map[string]result.Sample{}, map[string]result.Sample{}
	for _, sh := range m.shapes() {
		fmt.Fprintln(m.log, sh.name)
		cells, err := m.sequence(sh)
		if err != nil {
			return fmt.Errorf("%s: %w", sh.name, err)
		}
		table.Rows = append(table.Rows, cells)
	}
	m.result.Tables = append(m.result.Tables, table)
	return m.spans()
}

func (m *measure) sequence(sh shape) ([]string, error) {
	p, err := sh.pattern()
	if err != nil {
		return nil, err
	}
	rows := sh.make(1)
	got, err := compare(m, p, rows, joinSequence, user)
	if err != nil {
		return nil, err
	}
	m.overJoin[sh.name] = got.ours.seconds.Over(got.join.seconds)
	small := sh // eql takes minutes for what the others take seconds
	small.rows /= 20
	small.users = max(small.users/20, 20)
	faster, err := m.besideEQL(small, p, small.make(1))
	return append(append([]string{sh.name}, got.cells(count(rows))...), faster), err
}

func user(match sequence.Match) string {
	s, _ := match.Key[0].Str()
	return strings.ToLower(s)
}

// spans measures chains within a span, which the join by hand does not know.
func (m *measure) spans() error {
	table := result.Table{Caption: "The same within a longest span, beside eql", Columns: []string{"rows of", "rows", "rows/s", "eql: rows/s", "faster than eql"}}
	rows := 20_000
	if m.Quick {
		rows = 5_000
	}
	for _, sh := range []shape{
		{name: "3 stages, 100 users, within 1 m", stages: 3, rows: rows, users: 100, maxSpan: time.Minute},
		{name: "3 stages, many users, within 10 m", stages: 3, rows: rows, users: rows / 20, maxSpan: 10 * time.Minute},
		{name: "6 stages, many users, within 1 h", stages: 6, rows: rows, users: rows / 20, maxSpan: time.Hour},
	} {
		fmt.Fprintln(m.log, sh.name)
		p, err := sh.pattern()
		if err != nil {
			return err
		}
		faster, ours, eqls, err := m.timeEQL(sh, p, sh.make(1))
		if err != nil {
			return fmt.Errorf("%s: %w", sh.name, err)
		}
		n := float64(sh.rows)
		table.Rows = append(table.Rows, []string{sh.name, fmt.Sprint(sh.rows), fmt.Sprintf("%.2f M", n/ours.Median()/1e6),
			fmt.Sprintf("%.3f M", n/eqls.Median()/1e6), faster})
	}
	m.result.Tables = append(m.result.Tables, table)
	return nil
}
