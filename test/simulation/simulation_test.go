package simulation

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// defaultHistories is how many histories are tried where the environment does
// not say: half a minute's worth with the race detector.
const defaultHistories = 300

// maxFaulty is how much of what is wrong with a history is printed.
const maxFaulty = 6

// TestMain says how many histories are tried.
func TestMain(m *testing.M) {
	n := defaultHistories
	if text := os.Getenv("STITCH_SIM_HISTORIES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "STITCH_SIM_HISTORIES=%q is no number of histories\n", text)
			os.Exit(2)
		}
	}
	if err := flag.Set("rapid.checks", strconv.Itoa(n)); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestHistories tries random histories. A failing one is shrunk by rapid, which
// prints its seed and keeps it; its text, printed below, belongs into
// testdata/histories.
func TestHistories(t *testing.T) {
	all := subjects(t)
	var total verdict
	histories := 0
	byRule := map[string]int{}
	defer func() {
		t.Log(total.figures(histories))
		t.Logf("alerts by rule: %v", byRule)
	}()
	rapid.Check(t, func(r *rapid.T) {
		h := drawHistory(r, all)
		v := simulate(t, all[h.Rule], h, slog.New(slog.DiscardHandler))
		histories++
		byRule[h.Rule] += v.expected
		total.add(v)
		if len(v.faulty) > 0 {
			r.Fatalf("%s\nhistory:\n%s", strings.Join(v.faulty[:min(len(v.faulty), maxFaulty)], "\n"), h)
		}
	})
}

// TestKeptHistories tries again what once went wrong.
func TestKeptHistories(t *testing.T) {
	all := subjects(t)
	files, err := filepath.Glob("testdata/histories/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var h History
			if err := json.Unmarshal(text, &h); err != nil {
				t.Fatal(err)
			}
			v := simulate(t, all[h.Rule], h, slog.New(slog.NewTextHandler(t.Output(), nil)))
			for _, text := range v.faulty {
				t.Error(text)
			}
		})
	}
}

// smallHistory is an incident in which a report arrives late and a document
// comes twice, seen by three runs.
func smallHistory(rule string, s *subject) History {
	h := History{Rule: rule}
	for kind := range 4 {
		d := Document{ID: fmt.Sprintf("d%d", kind), Kind: kind, Event: ms(kind+1) * s.step}
		d.Stamp = d.Event
		if kind == 1 {
			d.Stamp += min(2*s.interval, s.lateness)
		}
		d.Visible = d.Stamp
		h.Documents = append(h.Documents, d)
	}
	again := h.Documents[0]
	again.Generation, again.Stamp = 1, again.Stamp+min(3*s.interval, s.lateness)
	again.Visible = again.Stamp
	h.Documents = append(h.Documents, again)
	end := 5*s.step + 3*s.interval
	for i := range ms(3) {
		h.Processes = append(h.Processes, Process{Start: i * end / 2, Pace: 1})
	}
	return h
}

// TestEveryCall lets every call of every run of a small history fail, in every
// way there is. The rules are those that make all calls there are.
func TestEveryCall(t *testing.T) {
	all := subjects(t)
	for _, name := range []string{"pair", "status", "drive", "window"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := all[name]
			h := smallHistory(name, s)
			var total verdict
			histories := 0
			try := func(faults ...Fault) bool {
				happened := false
				for run := range h.Processes {
					histories++
					tried := h
					tried.Processes = slices.Clone(h.Processes)
					for i, f := range faults {
						if run+i < len(tried.Processes) {
							tried.Processes[run+i].Faults = []Fault{f}
						}
					}
					v := simulate(t, s, tried, slog.New(slog.DiscardHandler))
					total.add(v)
					happened = happened || v.faults == len(faults)
					if len(v.faulty) > 0 {
						t.Errorf("%s\nhistory:\n%s", strings.Join(v.faulty[:min(len(v.faulty), maxFaulty)], "\n"), tried)
					}
				}
				return happened
			}
			for _, kind := range faultKinds() {
				for call := 1; try(Fault{Call: call, Kind: kind, For: 2*s.interval + s.interval/2}) && !t.Failed(); call++ {
				}
			}
			t.Log(total.figures(histories))
		})
	}
}
