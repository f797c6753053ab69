package ruletest

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// Test is one test of a rule, ready to run.
type Test struct {
	Name string
	Line int // in the test file

	start     time.Time
	run       time.Duration // 0: until nothing more can come
	documents []document
	ingest    []string // the fields that say when documents arrived
	count     int      // how many alerts there must be
	expected  []expectation
}

// reader reads one test file.
type reader struct {
	set   *rules.Set
	file  *rules.File
	named map[string]event
	start time.Time
	run   time.Duration
}

// read reads the text of a test file into the suite; problems come back with
// their lines.
func (s *Suite) read(text string) rules.Problems {
	var spec fileSpec
	file, _ := rules.ReadFile(s.File, text, &spec)
	r := &reader{set: s.set, file: file, named: map[string]event{}}
	r.start = r.readStart([]string{"start"}, spec.Start, defaultStart())
	r.run = r.duration([]string{"run"}, spec.Run, 0)
	for name, value := range spec.Events {
		path := []string{"event", name}
		table, ok := value.(map[string]any)
		if !ok {
			file.Problem(path, "event.%s must be a table", name)
			continue
		}
		r.named[name] = flatten(path, table)
	}
	s.harmless = map[string]string{}
	for i, h := range spec.Harmless {
		if h.Mutation == "" || h.Reason == "" {
			file.Problem(index(nil, "harmless", i), "a harmless mutation needs mutation = \"...\", as --coverage writes it, and a reason")
		}
		s.harmless[h.Mutation] = h.Reason
	}
	if len(spec.Tests) == 0 && len(file.Problems()) == 0 {
		file.Problem(nil, "no [[test]]")
	}
	for i, t := range spec.Tests {
		s.Tests = append(s.Tests, r.test(i, t))
	}
	return file.Problems()
}

func index(path []string, name string, i int) []string {
	return append(path[:len(path):len(path)], name, strconv.Itoa(i))
}

func (r *reader) readStart(path []string, value any, otherwise time.Time) time.Time {
	if value == nil {
		return otherwise
	}
	t, err := absolute(value)
	if err != nil {
		r.file.Problem(path, "start: %v", err)
	}
	return t
}

func (r *reader) duration(path []string, text string, otherwise time.Duration) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := rules.ParseDuration(text)
	if err != nil || d == 0 {
		r.file.Problem(path, "%s must be a duration such as 24h, not %q", path[len(path)-1], text)
	}
	return d
}

func (r *reader) test(i int, spec testSpec) *Test {
	path := index(nil, "test", i)
	key := func(name string) []string { return append(path[:len(path):len(path)], name) }
	t := &Test{Name: spec.Name, Line: r.file.Line(path...)}
	if t.Name == "" {
		r.file.Problem(path, "a test without a name; add name = \"...\"")
	}
	t.start = r.readStart(key("start"), spec.Start, r.start)
	t.run = r.duration(key("run"), spec.Run, r.run)
	for _, text := range spec.Events {
		t.documents = append(t.documents, r.documents(named(text, key("events")), t.start)...)
	}
	for n, table := range spec.Event {
		t.documents = append(t.documents, r.documents(flatten(index(path, "event", n), table), t.start)...)
	}
	if len(spec.Events)+len(spec.Event) == 0 {
		r.file.Problem(path, "a test without events; name some with events = [...], or add [[test.event]]")
	}
	t.tell()
	for n, table := range spec.Expected {
		t.expected = append(t.expected, r.expectation(index(path, "alert", n), table, t.start))
	}
	r.count(t, spec, path)
	return t
}

// named is an entry of events: an event's name, and when it happens if that is
// not as it says itself, "copy +26h".
func named(text string, path []string) event {
	e := event{path: path, values: map[string]given{}}
	for i, c := range text {
		if c == ' ' {
			e.values[keyAt] = given{text[i+1:], path}
			text = text[:i]
			break
		}
	}
	e.values[keyLike] = given{text, path}
	return e
}

// tell gives every document an id of its own, and notes how they arrive.
func (t *Test) tell() {
	seen := map[string]int{}
	for i := range t.documents {
		d := &t.documents[i]
		seen[d.id]++
		if n := seen[d.id]; n > 1 {
			d.id = fmt.Sprintf("%s-%d", d.id, n)
		}
		if !slices.Contains(t.ingest, d.ingest) {
			t.ingest = append(t.ingest, d.ingest)
		}
	}
}

// count is how many alerts there must be: as many as are described, unless the
// test says a number.
func (r *reader) count(t *Test, spec testSpec, path []string) {
	switch {
	case spec.Alerts == nil && len(spec.Expected) == 0:
		r.file.Problem(path, "nothing is expected; add [[test.alert]], or alerts = 0")
	case spec.Alerts == nil:
		t.count = len(spec.Expected)
	case *spec.Alerts < len(spec.Expected):
		r.file.Problem(append(path, "alerts"), "alerts = %d, and %d are described", *spec.Alerts, len(spec.Expected))
	default:
		t.count = *spec.Alerts
	}
}
