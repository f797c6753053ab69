package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/test/bench/result"
)

//go:embed rules
var ruleFiles embed.FS

//go:embed once.py
var once string

// detection is the same in both.
type detection struct {
	name       string
	stitch     []string // rule files
	elastalert []string
	result     string // ElastAlert's rule whose alerts are the result
}

type measure struct {
	options
	detection
	ctx    context.Context
	node   *node
	folder string
	feed   *feed
}

// run measures both ways and adds them to the result.
func (m *measure) run(r *result.Result) error {
	table := result.Table{Caption: "CPU of a run: " + m.name, Columns: []string{"", "stitch: s", "from … to", "ElastAlert 2: s", "from … to", "stitch, of ElastAlert's", "alerts"}}
	for _, way := range []struct {
		name    string
		measure func() (ours, theirs result.Sample, err error)
		why     string
	}{
		{"once", m.once, whyOnce},
		{"standing", m.standing, whyStanding},
	} {
		if err := m.prepare(way.name); err != nil {
			return err
		}
		ours, theirs, err := way.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		ratio := ours.Over(theirs)
		table.Rows = append(table.Rows, []string{way.name, fmt.Sprintf("%.4f", ours.Median()), ours.Spread(), fmt.Sprintf("%.4f", theirs.Median()), theirs.Spread(),
			fmt.Sprintf("%.3f (%s)", ratio.Median(), ratio.Spread()), fmt.Sprint(len(m.feed.users))})
		r.Targets = append(r.Targets, result.Target{Reach: "at most a tenth of ElastAlert 2's CPU time per run: " + m.name + ", " + way.name,
			Got: fmt.Sprintf("%.3f of it", ratio.Median()), Met: ratio.Median() <= 0.1, Why: way.why})
	}
	r.Tables = append(r.Tables, table)
	return nil
}

const (
	whyOnce     = "A process that starts reads rules, asks the cluster what it is, takes the lease, reads its checkpoint and writes the record of the run; ElastAlert does less of that, and most of its time is Python's imports."
	whyStanding = "Once it stands, an ElastAlert run is one search and a document for the run and for each alert, twenty milliseconds of Python and HTTP. A run of stitch in which something arrived is a dozen requests, one after the other: what has arrived, the ticket, the evaluation, the alerts that are there and what is remembered of them, alerts with their evidence, memory, the record of the run and the ledger; and it finds once more, six times at this schedule, what arrived in the minute before its slice. Three fifths of its CPU are those requests: sockets, waking threads for each answer, and reading it; a tenth is collecting garbage, a fifth what the run itself does. Tried: alerts that are stored as they should be are not compared again, and are read once with what is remembered of them, not three times."
)

// prepare clears the node and writes the rules and the configurations.
func (m *measure) prepare(way string) error {
	m.feed = &feed{node: m.node, users: map[string]bool{}}
	for _, path := range []string{"/" + index, "/elastalert,elastalert_status,elastalert_silence,elastalert_error,elastalert_past?ignore_unavailable=true",
		"/detections-stitch.*,.ds-detections-stitch.*?ignore_unavailable=true&expand_wildcards=all"} {
		if strings.Contains(path, "*") {
			if err := m.deleteAll(path); err != nil {
				return err
			}
			continue
		}
		if err := m.node.ask(m.ctx, http.MethodDelete, path, nil, nil); err != nil {
			return err
		}
	}
	if err := m.node.ask(m.ctx, http.MethodPut, "/"+index, []byte(mapping), nil); err != nil {
		return err
	}
	if err := m.writeFiles(way); err != nil {
		return err
	}
	for _, cmd := range [][]string{
		{m.options.Stitch, "bootstrap", "--url", m.node.url},
		{filepath.Join(filepath.Dir(m.Python), "elastalert-create-index"), "--config", m.config(), "--index", "elastalert", "--old-index", ""},
	} {
		if out, err := exec.CommandContext(m.ctx, cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("prepare %s: %w: %s", cmd[0], err, out)
		}
	}
	return nil
}

// deleteAll deletes what stitch made, by name, since wildcards are refused.
func (m *measure) deleteAll(pattern string) error {
	var indices map[string]any
	if err := m.node.ask(m.ctx, http.MethodGet, pattern, nil, &indices); err != nil {
		return err
	}
	for name := range indices {
		stream, _, backing := strings.Cut(strings.TrimPrefix(name, ".ds-"), "-20")
		path := "/" + name
		if backing && strings.HasPrefix(name, ".ds-") {
			path = "/_data_stream/" + stream
		}
		if err := m.node.ask(m.ctx, http.MethodDelete, path, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func (m *measure) config() string { return filepath.Join(m.folder, "config.yaml") }

func (m *measure) writeFiles(way string) error {
	interval := "1s"
	if way == "standing" {
		interval = every.String()
	}
	err := errors.Join(os.RemoveAll(m.folder), os.MkdirAll(filepath.Join(m.folder, "stitch"), 0o755), os.MkdirAll(filepath.Join(m.folder, "elastalert"), 0o755))
	for folder, names := range map[string][]string{"stitch": m.detection.stitch, "elastalert": m.detection.elastalert} {
		for _, name := range names {
			text, readErr := ruleFiles.ReadFile("rules/" + name)
			text = []byte(strings.Replace(string(text), "INTERVAL", interval, 1))
			err = errors.Join(err, readErr, os.WriteFile(filepath.Join(m.folder, folder, name), text, 0o644))
		}
	}
	host, port, _ := strings.Cut(strings.TrimPrefix(m.node.url, "http://"), ":")
	config := fmt.Sprintf("rules_folder: %s\nrun_every: {seconds: %d}\nbuffer_time: {minutes: 10}\nes_host: %s\nes_port: %s\nwriteback_index: elastalert\nalert_time_limit: {days: 1}\n",
		filepath.Join(m.folder, "elastalert"), int(every.Seconds()), host, port)
	return errors.Join(err, os.WriteFile(m.config(), []byte(config), 0o644))
}

// once measures whole processes that run what is due and end.
func (m *measure) once() (ours, theirs result.Sample, err error) {
	runStitch := func() (result.Usage, error) {
		return result.Process(m.ctx, m.options.Stitch, "once", "--url", m.node.url, "--rules", filepath.Join(m.folder, "stitch"))
	}
	runElastAlert := func() (result.Usage, error) {
		return result.Process(m.ctx, m.Python, "-c", once, "--config", m.config(), "--verbose")
	}
	err = result.Alternate(m.Rounds, func(counts bool) error {
		if err := m.feed.next(m.ctx, m.documents); err != nil {
			return err
		}
		u, err := runStitch()
		if counts {
			ours = append(ours, u.CPU)
		}
		return err
	}, func(counts bool) error {
		u, err := runElastAlert()
		if counts {
			theirs = append(theirs, u.CPU)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return ours, theirs, m.agree(func() error {
		_, err := runStitch()
		_, err2 := runElastAlert()
		return errors.Join(err, err2)
	})
}

// agree waits until both have found everything there is, doing again meanwhile,
// and fails if they find something else.
func (m *measure) agree(again func() error) error {
	deadline := time.Now().Add(90 * time.Second)
	for {
		stitch, err := m.node.stitched(m.ctx)
		if err != nil {
			return err
		}
		elastalert, err := m.node.elastalerted(m.ctx, m.result)
		if err != nil {
			return err
		}
		left, leftThere := difference(m.feed.users, stitch), difference(m.feed.users, elastalert)
		if left == 0 && leftThere == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("compare alerts: of %d users %d differ in stitch's alerts and %d in ElastAlert's", len(m.feed.users), left, leftThere)
		}
		if err := again(); err != nil {
			return err
		}
	}
}

// difference counts the users that are in one only.
func difference(want, got map[string]bool) int {
	n := 0
	for user := range want {
		if !got[user] {
			n++
		}
	}
	for user := range got {
		if !want[user] {
			n++
		}
	}
	return n
}
