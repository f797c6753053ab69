package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/test/bench/site"
)

// measured is what became of the incidents.
type measured struct {
	planted, lost, doubled int
	rate                   float64         // documents a second
	waits                  []time.Duration // sorted; one for each alert
	longest                time.Duration   // of a run
}

// at is the wait that a share of the alerts did not exceed.
func (m measured) at(share float64) time.Duration {
	if len(m.waits) == 0 {
		return math.MaxInt64
	}
	return m.waits[max(0, int(math.Ceil(share*float64(len(m.waits))))-1)]
}

func measure(ctx context.Context, o options, node *site.Site) (m measured, err error) {
	set, err := rules.Load(nil)
	if err != nil {
		return m, err
	}
	write := maker{set, node}
	incidents := make([]*incident, o.incidents)
	for n := range incidents {
		incidents[n] = newIncident(n)
		if err := write.begin(ctx, incidents[n]); err != nil {
			return m, err
		}
	}
	ordinary, err := newBackground(o.rate)
	if err != nil {
		return m, err
	}
	if err := ordinary.warm(ctx, node); err != nil {
		return m, err
	}
	stop, err := startStitch(ctx, o, node)
	if err != nil {
		return m, err
	}
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	var writing, ending, looking error
	ended := make(chan struct{})
	all.Go(func() { m.rate, writing = ordinary.write(work, node, o) })
	var mu sync.Mutex
	all.Go(func() { defer close(ended); ending = endAll(work, o, write, incidents, &mu) })
	all.Go(func() { looking = lookFor(work, node, incidents, &mu, ended) })
	all.Wait()
	log, stopping := stop()
	if err := errors.Join(writing, ending, looking, stopping); err != nil {
		return m, err
	}
	m.planted = len(incidents)
	for _, i := range incidents {
		if i.found.IsZero() {
			m.lost++
			continue
		}
		m.waits = append(m.waits, i.found.Sub(i.written))
		m.doubled += i.alerts - 1
	}
	slices.Sort(m.waits)
	m.longest = longestRun(log)
	return m, nil
}

// endAll writes the last documents, spread over the time at moments that fall on
// every part of the schedule.
func endAll(ctx context.Context, o options, write maker, incidents []*incident, mu *sync.Mutex) error {
	pause := (o.length - o.length/10) / time.Duration(len(incidents))
	began := time.Now().Add(o.length / 20)
	for n, i := range incidents {
		select {
		case <-time.After(time.Until(began.Add(time.Duration(n) * pause))):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := write.end(ctx, i); err != nil {
			return err
		}
		now := time.Now()
		mu.Lock()
		i.written = now
		mu.Unlock()
	}
	return nil
}

// patience is how long an alert is waited for once the last incident is one.
const patience = 90 * time.Second

// lookFor searches for the alerts until there is one of each incident, and then
// for as long as two runs take, since another one might follow.
func lookFor(ctx context.Context, node *site.Site, incidents []*incident, mu *sync.Mutex, ended <-chan struct{}) error {
	var deadline time.Time
	for {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		counts, err := alertsByUser(ctx, node)
		if err != nil {
			return err
		}
		now, missing := time.Now(), 0
		mu.Lock()
		for _, i := range incidents {
			if i.alerts = counts[i.user]; i.alerts > 0 && i.found.IsZero() {
				i.found = now
			}
			if i.found.IsZero() {
				missing++
			}
		}
		mu.Unlock()
		select {
		case <-ended:
		default:
			continue
		}
		if deadline.IsZero() {
			deadline = now.Add(patience)
		}
		if missing == 0 {
			deadline = earlier(deadline, now.Add(2*schedule))
		}
		if now.After(deadline) {
			return nil
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// alertsByUser counts the alerts of each person.
func alertsByUser(ctx context.Context, node *site.Site) (map[string]int, error) {
	status, answer, err := node.Request(ctx, http.MethodPost, "/detections-stitch.alerts-*/_search?ignore_unavailable=true&filter_path=hits.hits._source",
		`{"size":1000,"_source":["stitch.details.Users"],"query":{"match_all":{}}}`)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusServiceUnavailable: // the index has been made, and starts
		return nil, nil
	case status != http.StatusOK:
		return nil, fmt.Errorf("look for alerts: status %d: %.500s", status, answer)
	}
	var found struct {
		Hits struct {
			Hits []struct {
				Source struct {
					Stitch struct{ Details struct{ Users any } }
				} `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	counts := map[string]int{}
	for _, h := range found.Hits.Hits {
		for name := range strings.FieldsSeq(strings.Trim(fmt.Sprint(h.Source.Stitch.Details.Users), "[]")) {
			counts[name]++
		}
	}
	return counts, nil
}

// startStitch prepares the cluster and starts stitch run with the rule at its
// schedule; stop ends it and returns its log.
func startStitch(ctx context.Context, o options, node *site.Site) (stop func() (string, error), err error) {
	folder, err := os.MkdirTemp(o.Data, "latency-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	text, err := fs.ReadFile(os.DirFS("rules"), "mass_download_usb.toml")
	if err != nil {
		return nil, fmt.Errorf("read rule (run from the module's folder): %w", err)
	}
	text = bytes.Replace(text, []byte(`interval = "5m"`), fmt.Appendf(nil, "interval = %q", schedule), 1)
	text = bytes.Replace(text, []byte(`from = "now-10m"`), []byte(`from = "now-1m"`), 1)
	if err := os.WriteFile(filepath.Join(folder, "rule.toml"), text, 0o600); err != nil {
		return nil, fmt.Errorf("write rule: %w", err)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, o.Stitch, args...)
		cmd.Env, cmd.Dir = append(os.Environ(), "STITCH_URL="+node.URL), folder
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		return cmd
	}
	if out, err := command("bootstrap").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("stitch bootstrap: %w: %s", err, out)
	}
	var log bytes.Buffer
	cmd := command("run", "--rules", folder, "--listen", "off")
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start stitch: %w", err)
	}
	return func() (string, error) {
		err := cmd.Process.Signal(syscall.SIGTERM)
		if err == nil {
			err = cmd.Wait()
		}
		if err != nil {
			err = fmt.Errorf("stop stitch: %w: %.2000s", err, log.String())
		}
		return log.String(), errors.Join(err, os.RemoveAll(folder))
	}, nil
}

// longestRun reads how long the longest run took out of stitch's log.
func longestRun(log string) (longest time.Duration) {
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "run done") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if text, is := strings.CutPrefix(word, "took="); is {
				if d, err := time.ParseDuration(text); err == nil {
					longest = max(longest, d)
				}
			}
		}
	}
	return longest
}
