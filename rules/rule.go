package rules

import (
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules/people"
)

// Rule is a rule that runs: checked, bound to its views, never changed after
// loading.
type Rule struct {
	Meta
	File string // where it was read from, for messages

	// Schedule says when the rule falls due.
	Schedule Schedule
	// LookBack is how far before its due time a run begins to look (Elastic's
	// "from": now-LookBack).
	LookBack time.Duration
	// Lateness is how long after its event time a document may still arrive
	// and be found.
	Lateness time.Duration
	// Settle is how long a document may take to become searchable after its
	// ingest stamp.
	Settle time.Duration
	// Windowed rules (those with a summarize that has no window of its own) are
	// evaluated window by window, [due-LookBack, due); the others continuously.
	Windowed bool
	// Span is the longest time between two events of one chain: maxspan, or
	// LookBack where the rule sets none; 0 for single-event rules. What an
	// absent stage waits for is no further away either.
	Span time.Duration
	// Absent says that the rule has absent stages, so that some chains cannot be
	// judged when their last event is there; see [Window.Closed].
	Absent bool
	// MaxRows is how many rows a stage may bring; with more a run fails.
	MaxRows int
	// Fingerprint changes when the rule's meaning does: its queries, its
	// stages, its views.
	Fingerprint string

	plan        plan
	suppression *suppression // nil: every alert stands for itself
	userMap     bool         // user_map in the file: whether With has an effect
	users       *people.Map  // nil: none
}

// Indices returns the names and patterns of all indices that the rule looks at,
// those of its sources' parts too, sorted.
func (r *Rule) Indices() []string {
	var list []string
	for _, stage := range r.plan.stages {
		for _, src := range stage.sources {
			list = append(list, src.index...)
			for _, p := range src.parts {
				list = append(list, p.index...)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Meta is what a rule says about itself, as it goes into its alerts.
type Meta struct {
	ID             string // a UUID, rule_id in the file
	Name           string
	Description    string
	Type           string // "query" or "sequence"
	Severity       string // low, medium, high, critical
	RiskScore      int    // 0 to 100
	Author         []string
	License        string
	Tags           []string
	References     []string
	FalsePositives []string
	Note, Setup    string
	Version        int
	Threat         []Threat
}

// Threat is one ATT&CK tactic with its techniques.
type Threat struct {
	Framework  string      `toml:"framework"`
	Tactic     Reference   `toml:"tactic"`
	Techniques []Technique `toml:"technique"`
}

// Technique is an ATT&CK technique with its subtechniques.
type Technique struct {
	Reference
	Subtechniques []Reference `toml:"subtechnique"`
}

// Reference names an ATT&CK entry.
type Reference struct {
	ID   string `toml:"id"`
	Name string `toml:"name"`
	URL  string `toml:"reference"`
}

// Schedule says when a rule falls due. It has the shape of cron.Schedule.
type Schedule interface {
	// Next returns the first due time after t.
	Next(t time.Time) time.Time
}

// Every is a fixed interval. A rule with one falls due an interval after it
// was last due, wherever that was.
type Every time.Duration

// String is the interval in words.
func (e Every) String() string { return "every " + FormatDuration(time.Duration(e)) }

// Next returns t plus the interval.
func (e Every) Next(t time.Time) time.Time { return t.Add(time.Duration(e)) }

// Window is a stretch of time.
//
// For a windowed rule a run answers for the half-open event time [From, To).
// For every other rule it finds all alerts that have an event in [From, To],
// with all their other events, before and after.
type Window struct {
	From, To time.Time
	// Closed is the event time up to which, it included, everything has arrived;
	// zero means To. Only chains that no event after it can drop become alerts,
	// and the others are pending. It matters to rules with absent stages alone,
	// and from one run of a rule to the next it must not go back.
	Closed time.Time
}

// Result is what a run of a rule over a window found.
type Result struct {
	Alerts []Alert // ordered by ID
	// Pending is what may become an alert, or more of one, but cannot be judged
	// by Window.Closed; ordered by ID.
	Pending []Pending
	Stages  []StageResult
	Stats   esq.Stats // of all searches
	// Exceptions are those that kept rows out, or would have but for their end.
	Exceptions []ExceptionCount
	// Warnings are things that did not make the answer less than whole but
	// that a person should know: an index pattern that matches nothing, a
	// document without a time.
	Warnings []string
	// UserMisses says where the user map did not know people, by source; empty
	// without a map.
	UserMisses []UserMisses
}

// StageResult is what one stage brought.
type StageResult struct {
	Stage     string
	Documents int64 // fetched from the engine
	Rows      int   // accepted, and grouped where the stage summarizes
	Skipped   bool  // not asked, because another stage was empty or there was no chain
}

// Pending is chains that hold unless an event of an absent stage still comes.
type Pending struct {
	ID         string     // of the alert that they would make or be part of
	By         []KeyValue // its key, as in the alert
	Start, End time.Time  // of the chains' events
	// Deadline is the earliest event time after which nothing can drop one of
	// the chains any more. A run closed at it has the chain's alert.
	Deadline time.Time
}

// Alert is one incident with its evidence. Equal evidence makes an equal
// Alert, on every engine.
type Alert struct {
	// ID is the hash of the rule, the anchor row's identity and the by values.
	ID string
	// Anchor is the time of the row that makes the incident; its month names
	// the index.
	Anchor time.Time
	// Start and End are the first and last time of any row.
	Start, End time.Time
	// Window is what a windowed rule was evaluated over; zero for every other.
	Window Window
	// By is the alert's key in words, parallel to the rule's by: name and value.
	By []KeyValue
	// Stages is the evidence, in the order of the rule's stages, absent ones left
	// out.
	Stages []Evidence
	// Details are the rule's own columns, [rule.alert.details]: strings, int64,
	// float64, bool, []any of these, and nested maps.
	Details map[string]any
	// Entities are who and what the alert is about, [[rule.alert.entity]], in the
	// rule's order.
	Entities []Entity
	// Suppression is what the alert stands for beside itself; nil unless the rule
	// has alert_suppression. Start and End then span all of it.
	Suppression *Suppression
	// Columns are the values of the views' columns over all rows of the chain,
	// by ECS name, sorted and distinct; the anchor's values come first.
	Columns map[string][]esq.Value
	// Weak says where the chains rest on less than they might, "STAGE: NOTE",
	// sorted and distinct: the notes that sources have for values that rows of
	// theirs lack.
	Weak []string
}

// Entity is one of Microsoft Sentinel's entities: its type and its identifiers,
// strings or other values as in Details.
type Entity struct {
	Type        string
	Identifiers map[string]any
}

// KeyValue is one part of an alert's key.
type KeyValue struct {
	Name  string
	Value esq.Value
}

// Evidence is what one stage contributes to an alert.
type Evidence struct {
	Stage       string
	First, Last time.Time
	// Count is the number of documents behind the stage's rows.
	Count int
	// Documents are the oldest of them, at most [MaxDocuments]; Omitted is how
	// many are not listed.
	Documents []Document
	Omitted   int
}

// Document is one document of an alert's evidence.
type Document struct {
	Index, ID string
	Time      time.Time
	Source    string // the view's source that carries it, "" without a view
	// Columns are the stage's columns that have a value; long values are cut.
	Columns map[string][]esq.Value
}
