package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	_ "embed"

	"github.com/stitchdetect/stitch/rules/sequence"
	"github.com/stitchdetect/stitch/test/bench/result"
)

//go:embed eql_side.py
var eqlSide string

// python is the process with eql in it.
type python struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// startEQL starts a process that has read the query and the rows.
func (m *measure) startEQL(sh shape, rows [][]sequence.Row) (*python, error) {
	path := filepath.Join(m.Data, "stitcher-events.ndjson")
	if err := writeEvents(path, sh.query(), rows); err != nil {
		return nil, fmt.Errorf("write events: %w", err)
	}
	cmd := exec.CommandContext(m.ctx, m.Python, "-c", eqlSide, path)
	cmd.Stderr = m.log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &python{cmd, in, json.NewDecoder(out)}, cmd.Start()
}

// run has eql run once.
func (p *python) run() (seconds float64, sequences [][]string, err error) {
	if _, err := io.WriteString(p.in, "run\n"); err != nil {
		return 0, nil, fmt.Errorf("run eql: %w", err)
	}
	var answer struct {
		Seconds float64
		Found   [][]string
	}
	if err := p.out.Decode(&answer); err != nil {
		return 0, nil, fmt.Errorf("run eql: %w", err)
	}
	return answer.Seconds, answer.Found, nil
}

func (p *python) stop() error {
	return cmp.Or(p.in.Close(), p.cmd.Wait())
}

type event struct {
	ID   string            `json:"id"`
	Type string            `json:"type"`
	Time int64             `json:"time"`
	User map[string]string `json:"user"`
	Host map[string]string `json:"host"`
}

// writeEvents writes the query and, in time order, the rows as events.
func writeEvents(path, query string, rows [][]sequence.Row) error {
	var events []event
	for s := range rows {
		for _, r := range rows[s] {
			events = append(events, event{ID: r.ID, Type: stageName(s), Time: r.First,
				User: map[string]string{"email": r.Values[0][0].String()}, Host: map[string]string{"id": r.Values[1][0].String()}})
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.ID, b.ID)) })
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	out := json.NewEncoder(w)
	if err := out.Encode(query); err != nil {
		return err
	}
	for _, e := range events {
		if err := out.Encode(e); err != nil {
			return err
		}
	}
	return cmp.Or(w.Flush(), f.Close())
}

// besideEQL measures the stitcher beside eql and writes how much faster it is.
func (m *measure) besideEQL(sh shape, p *sequence.Pattern, rows [][]sequence.Row) (string, error) {
	faster, _, _, err := m.timeEQL(sh, p, rows)
	return faster, err
}

func (m *measure) timeEQL(sh shape, p *sequence.Pattern, rows [][]sequence.Row) (faster string, ours, eqls result.Sample, err error) {
	process, err := m.startEQL(sh, rows)
	if err != nil {
		return "", nil, nil, err
	}
	var matches []sequence.Match
	var sequences [][]string
	var mine runs
	err = result.Alternate(m.Rounds, func(counts bool) error {
		t, err := take(count(rows), func() (err error) {
			matches, err = p.Stitch(m.ctx, rows)
			return err
		})
		mine.add(t, counts)
		return err
	}, func(counts bool) error {
		var seconds float64
		var err error
		seconds, sequences, err = process.run()
		if counts {
			eqls = append(eqls, seconds)
		}
		return err
	})
	if err = cmp.Or(err, process.stop()); err != nil {
		return "", nil, nil, err
	}
	ratio := eqls.Over(mine.seconds)
	m.underEQL[sh.name] = ratio
	return fmt.Sprintf("%.0f× (%s)", ratio.Median(), ratio.Spread()), mine.seconds, eqls, sameUsers(rows, matches, sequences)
}

// sameUsers compares whom the stitcher and eql found, and that the rows of eql's
// sequences are among ours.
func sameUsers(rows [][]sequence.Row, matches []sequence.Match, sequences [][]string) error {
	users, ours := map[string]bool{}, map[string]string{}
	for _, match := range matches {
		for s, indices := range match.Rows {
			for _, i := range indices {
				ours[rows[s][i].ID] = user(match)
			}
		}
	}
	for _, sequence := range sequences {
		for _, id := range sequence {
			if ours[id] == "" {
				return fmt.Errorf("compare with eql: %s is in a sequence, and in no match", id)
			}
			users[ours[id]] = true
		}
	}
	if len(users) != len(matches) {
		return fmt.Errorf("compare with eql: %d users have sequences, %d have matches, e.g. %v", len(users), len(matches), slices.Sorted(maps.Keys(users))[:1])
	}
	return nil
}
