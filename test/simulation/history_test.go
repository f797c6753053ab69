package simulation

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// base is time 0 of all histories: half an hour before the end of a month, so
// that alerts lie in the indices of two.
var base = time.Date(2024, time.February, 29, 23, 30, 0, 0, time.UTC)

// ms is a time within a history, or a duration, in milliseconds.
type ms int64

const (
	second = ms(1000)
	minute = 60 * second
	hour   = 60 * minute
)

// at is the instant that t stands for.
func (t ms) at() time.Time { return base.Add(time.Duration(t) * time.Millisecond) }

func (t ms) String() string { return (time.Duration(t) * time.Millisecond).String() }

func msOf(d time.Duration) ms { return ms(d.Milliseconds()) }

// History is all that happens: nothing else decides how a simulation ends.
type History struct {
	Rule      string
	Also      []string `json:",omitempty"` // rules that run beside it, over the same documents
	Documents []Document
	Processes []Process
	// Lease is the period of the lease that the processes with Loop share.
	Lease ms     `json:",omitempty"`
	Deeds []Deed `json:",omitempty"`
	// Retention is how long the state is kept; as long as by default if zero.
	Retention ms `json:",omitempty"`
	// Steps says who goes on when several calls wait, call by call. When it is
	// used up it is the first of them, and with a lease the one that waits
	// longest.
	Steps []int `json:",omitempty"`
}

func (h History) String() string {
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Sprintf("%#v", h)
	}
	return string(text)
}

// names are those of all rules of the history.
func (h History) names() []string { return append([]string{h.Rule}, h.Also...) }

func (h History) some(what func(Process) bool) bool { return slices.ContainsFunc(h.Processes, what) }

// looping reports whether some of the processes run until they are stopped.
func (h History) looping() bool { return h.some(func(p Process) bool { return p.Loop }) }

// jumping reports whether some clock is wrong by more than settle allows.
func (h History) jumping() bool {
	return h.some(func(p Process) bool { return len(p.Jumps) > 0 || max(p.Offset, -p.Offset) >= minute })
}

// changed reports whether some process runs the rules in another version.
func (h History) changed() bool {
	return h.some(func(p Process) bool { return p.runs(func(v int) bool { return v > 0 }) })
}

// redefined reports whether some process runs rules that mean something else.
func (h History) redefined() bool {
	return h.some(func(p Process) bool { return p.runs(func(v int) bool { return v == otherMeaning }) })
}

// last is the version of the rules that is there in the end.
func (h History) last() int {
	version, start := 0, ms(0)
	for _, p := range h.Processes {
		for _, r := range p.versions() {
			if r.At >= start {
				version, start = r.Version, r.At
			}
		}
	}
	return version
}

// Document is one event and its way into the index.
type Document struct {
	ID         string
	Generation int `json:",omitempty"` // of the backing index
	Kind       int // of the rule's kinds
	User       int `json:",omitempty"`
	Host       int `json:",omitempty"`
	Name       int `json:",omitempty"`
	Event      ms  // when it happened
	Stamp      ms  // what its ingest field says
	Visible    ms  // when searches begin to see it
}

// What a generation means, apart from the number of the backing index.
const (
	// unstamped documents lie in an index of a source without an ingest field.
	unstamped = 2
	// bare documents lie beside the others and lack the ingest field.
	bare = 3
)

// stamped reports whether the document's ingest field is there.
func (d Document) stamped() bool { return d.Generation != unstamped && d.Generation != bare }

// arrives is when the document counts as arrived.
func (d Document) arrives() ms {
	if d.stamped() {
		return d.Stamp
	}
	return d.Visible
}

// late is how long after its event the document arrives.
func (d Document) late() ms { return d.arrives() - d.Event }

// Process is one process of the scheduler: nothing but the cluster remembers
// the one before.
type Process struct {
	Start   ms
	Loop    bool     `json:",omitempty"` // it runs on under the lease, and is stopped at Stop
	Stop    ms       `json:",omitempty"`
	Offset  ms       `json:",omitempty"` // of its clock
	Jumps   []Jump   `json:",omitempty"` // of its clock
	Pace    ms       `json:",omitempty"` // what a call to the engine takes
	Version int      `json:",omitempty"` // of the rules: see sameMeaning and otherMeaning
	Reloads []Reload `json:",omitempty"` // while it runs, the first first
	Without []string `json:",omitempty"` // the rules that it does not know
	Faults  []Fault  `json:",omitempty"`
}

// Jump sets a process's clock forward or back while a call is under way.
type Jump struct {
	Call int // the first is 1
	By   ms
}

// Reload gives a process with Loop the rules in another version.
type Reload struct {
	At      ms
	Version int
}

// versions are those in which the process runs the rules, by when they begin.
func (p Process) versions() []Reload { return append([]Reload{{p.Start, p.Version}}, p.Reloads...) }

// runs reports whether the process runs the rules in a version some time.
func (p Process) runs(is func(version int) bool) bool {
	return slices.ContainsFunc(p.versions(), func(r Reload) bool { return is(r.Version) })
}

// Versions of the rules, beside 0, which is that of testdata/rules.
const (
	// sameMeaning is a version with another fingerprint.
	sameMeaning = 1
	// otherMeaning is the version of testdata/changed.
	otherMeaning = 2
)

// Fault befalls one call of a process to the engine.
type Fault struct {
	Call int // the first is 1
	Kind Kind
	For  ms `json:",omitempty"` // of a pause
}

// Kind says what goes wrong.
type Kind string

const (
	// Refused: an error status, nothing was done.
	Refused Kind = "refused"
	// Unreachable: no answer, nothing was done.
	Unreachable Kind = "unreachable"
	// Lost: it was done, but the answer never came.
	Lost Kind = "lost"
	// Partial: some of the answer came, then the news that it is not whole.
	// Half of a bulk request was done and no answer came.
	Partial Kind = "partial"
	// Items: every other item of a bulk request was refused.
	Items Kind = "items"
	// Killed: the process died before the call.
	Killed Kind = "killed"
	// KilledHalfWay: the process died and half of the bulk request was done.
	KilledHalfWay Kind = "killed half-way"
	// KilledAfter: the process died when all was done, before the answer came.
	KilledAfter Kind = "killed after"
	// Paused: the process stands still for a while before the call.
	Paused Kind = "paused"
)

func faultKinds() []Kind {
	return []Kind{Refused, Unreachable, Lost, Partial, Items, Killed, KilledHalfWay, KilledAfter, Paused}
}

// Deed is something an analyst does to an alert.
type Deed struct {
	At    ms
	Alert int // the place among the alerts that are there, modulo their number
	Kind  DeedKind
}

// DeedKind says what the analyst does.
type DeedKind string

const (
	Close  DeedKind = "close"
	Tag    DeedKind = "tag"
	Note   DeedKind = "note"
	Delete DeedKind = "delete"
	Triage DeedKind = "triage" // by stitch: a comment, or another state
	Told   DeedKind = "told"   // not an analyst, but the notifier
)

func deedKinds() []DeedKind { return []DeedKind{Close, Tag, Note, Delete, Triage, Told} }
