package simulation

import (
	"encoding/json"
	"fmt"
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
	Documents []Document
	Processes []Process
	Deeds     []Deed `json:",omitempty"`
	// Retention is how long the state is kept; as long as by default if zero.
	Retention ms `json:",omitempty"`
	// Steps says who goes on when several processes could, call by call; the
	// first of them when it is used up.
	Steps []int `json:",omitempty"`
}

func (h History) String() string {
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Sprintf("%#v", h)
	}
	return string(text)
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

// Process is one run of the scheduler, by a process of its own: nothing but the
// cluster remembers the one before.
type Process struct {
	Start   ms
	Offset  ms      `json:",omitempty"` // of its clock
	Pace    ms      `json:",omitempty"` // what a call to the engine takes
	Changed bool    `json:",omitempty"` // it runs the changed rule
	Faults  []Fault `json:",omitempty"`
}

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
)

func deedKinds() []DeedKind { return []DeedKind{Close, Tag, Note, Delete} }
