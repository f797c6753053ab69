package main

import (
	"fmt"
	"strings"

	"github.com/stitchdetect/stitch/rules/sequence"
	"github.com/stitchdetect/stitch/test/bench/result"
)

// incidents measures the event-level rule.
func (m *measure) incidents() error {
	table := result.Table{Caption: "The event-level rule: downloads, an alert, drives, copies; joined by user, file, host and the drive's letter", Columns: columns("rows of", "rows")}
	cases := []struct {
		name string
		incident
	}{
		{"one incident, 10,000 downloads and 10,000 copies, 1 drive", incident{1, 10_000, 1}},
		{"one incident, 10,000 downloads and 10,000 copies, 5 drives", incident{1, 10_000, 5}},
		{"20 incidents, each 1,000 and 1,000", incident{20, 1_000, 2}},
		{"1,000 incidents, each 20 and 20", incident{1_000, 20, 2}},
	}
	if m.Quick {
		for i := range cases {
			cases[i].files = min(cases[i].files, 500)
		}
	}
	for _, c := range cases {
		fmt.Fprintln(m.log, c.name)
		p, err := c.pattern()
		if err != nil {
			return err
		}
		rows := c.make()
		got, err := compare(m, p, rows, joinIncident, alertAndHost)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		m.overJoin[c.name] = got.ours.seconds.Over(got.join.seconds)
		table.Rows = append(table.Rows, append([]string{c.name, fmt.Sprint(count(rows))}, got.cells(count(rows))...))
	}
	m.result.Tables = append(m.result.Tables, table)
	return nil
}

func alertAndHost(match sequence.Match) [2]string {
	alert, _ := match.Key[0].Str()
	host, _ := match.Key[2].Str()
	return [2]string{alert, strings.ToLower(host)}
}
