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
// not say. With the race detector, all tests of this package then take less
// than a minute and a half of a processor.
const defaultHistories = 100

// thorough reports whether the environment asks for more than the default: then
// what is tried exhaustively is tried with all rules and in all runs.
func thorough() bool { return os.Getenv("STITCH_SIM_HISTORIES") != "" }

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

// TestHistories tries random histories. rapid prints the seed of a failing one
// and keeps it; what is printed last is the history made small, which belongs
// into testdata/histories.
func TestHistories(t *testing.T) {
	all := subjects(t)
	t.Logf("thorough: %v", thorough()) // so that no answer is cached that another number of histories had
	var total verdict
	var failed History
	histories := 0
	byRule := map[string]int{}
	fails := func(h History) bool { return len(judged(t, all, h).faulty) > 0 }
	defer func() {
		t.Log(total.figures(histories))
		t.Logf("alerts by rule: %v", byRule)
		if failed.Rule != "" {
			small := shrink(failed, fails)
			t.Logf("in short:\n%s\n%s", small, judged(t, all, small).text())
		}
	}()
	rapid.Check(t, func(r *rapid.T) {
		h := drawHistory(r, all)
		v := judged(t, all, h)
		histories++
		total.add(v)
		byRule[h.Rule] += v.expected
		if len(v.faulty) > 0 {
			failed = h
			r.Fatal(v.text())
		}
	})
}

// judged lives through a history in silence.
func judged(t *testing.T, all map[string]*subject, h History) verdict {
	return simulate(t, all, h, slog.New(slog.DiscardHandler))
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
			v := simulate(t, all, h, slog.New(slog.NewTextHandler(t.Output(), nil)))
			for _, text := range v.faulty {
				t.Error(text)
			}
		})
	}
}

// smallHistory is an incident in which a report arrives a little late. After
// the second of four runs a document arrives that changes what the incident is,
// and after the third one of its documents comes once more.
func smallHistory(rule string, s *subject) History {
	h := History{Rule: rule}
	for kind := range 4 {
		d := Document{ID: fmt.Sprintf("d%d", kind), Kind: kind, Event: ms(kind+1) * s.step}
		if kind == 1 {
			d.Stamp = s.interval
		}
		d.Stamp = max(d.Stamp, d.Event)
		d.Visible = d.Stamp
		h.Documents = append(h.Documents, d)
	}
	again, other := h.Documents[0], h.Documents[2]
	again.Generation = 1
	other.ID, other.Event = "d4", other.Event+s.step/2
	other.Stamp = other.Event + min(5*s.interval/2, s.lateness)
	again.Stamp = again.Event + min(9*s.interval/2, s.lateness)
	again.Visible, other.Visible = again.Stamp, other.Stamp
	h.Documents = append(h.Documents, again, other)
	end := 5*s.step + 3*s.interval
	for i := range ms(4) {
		h.Processes = append(h.Processes, Process{Start: i * end / 2, Pace: 1})
	}
	return h
}

// TestEveryCall lets every call of every run of a small history fail, in every
// way there is. Unless thorough, it is one rule and its second run.
func TestEveryCall(t *testing.T) {
	all := subjects(t)
	names := []string{"drive"}
	if thorough() {
		names = []string{"pair", "status", "drive", "window"}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := all[name]
			h := smallHistory(name, s)
			var total verdict
			histories := 0
			try := func(faults ...Fault) bool {
				happened := false
				for run := range h.Processes {
					if run != 1 && !thorough() {
						continue
					}
					histories++
					tried := h
					tried.Processes = slices.Clone(h.Processes)
					for i, f := range faults {
						if run+i < len(tried.Processes) {
							tried.Processes[run+i].Faults = []Fault{f}
						}
					}
					v := judged(t, all, tried)
					total.add(v)
					happened = happened || v.faults == len(faults)
					if len(v.faulty) > 0 {
						t.Errorf("%s\nhistory:\n%s", v.text(), tried)
					}
				}
				return happened
			}
			for _, kind := range faultKinds() {
				for call := 1; try(Fault{Call: call, Kind: kind, For: 5 * s.interval}) && !t.Failed(); call++ {
				}
			}
			t.Log(total.figures(histories))
		})
	}
}

// TestAnalystAtEveryCall lets an analyst close or delete an alert, or work on it
// through stitch, or the notifier note something, between any two calls of the
// runs of a small history.
func TestAnalystAtEveryCall(t *testing.T) {
	all := subjects(t)
	const calls = 50 // more than a run of the small history makes
	h := smallHistory("drive", all["drive"])
	var total verdict
	histories := 0
	for _, run := range h.Processes[2:] {
		for call := range ms(calls) {
			for _, deed := range []Deed{{Kind: Close}, {Kind: Close, Alert: 1}, {Kind: Delete}, {Kind: Delete, Alert: 1}, {Kind: Triage}, {Kind: Told}} {
				deed.At = run.Start + call*run.Pace
				h.Deeds = []Deed{deed}
				if deed.Kind == Triage { // a comment first, then other states
					h.Deeds = []Deed{deed, deed, deed, deed}
				}
				v := judged(t, all, h)
				histories++
				total.add(v)
				if len(v.faulty) > 0 {
					t.Fatalf("%s\nhistory:\n%s", v.text(), h)
				}
			}
		}
	}
	t.Log(total.figures(histories))
}

// TestTwoSchedulers lets two processes run at once over a small history: one
// makes some calls, then the other some, then the first goes on to its end and
// the other after it, for all numbers of calls; or, unless thorough, for some.
func TestTwoSchedulers(t *testing.T) {
	all := subjects(t)
	for _, name := range []string{"pair", "drive"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := smallHistory(name, all[name])
			h.Processes = slices.Insert(h.Processes, 2, h.Processes[2])
			var total verdict
			histories := 0
			const calls = 32 // more than a run of the small history makes
			step := 1
			if !thorough() {
				step = 5
			}
			for first := 0; first < calls; first += step {
				for second := 0; second < calls; second += step {
					h.Steps = slices.Concat(slices.Repeat([]int{0}, first), slices.Repeat([]int{1}, second))
					v := judged(t, all, h)
					histories++
					total.add(v)
					if len(v.faulty) > 0 {
						t.Fatalf("%s\nhistory:\n%s", v.text(), h)
					}
				}
			}
			t.Log(total.figures(histories))
		})
	}
}
