package explain

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// Plan is how a rule is evaluated.
type Plan struct {
	Rule string `json:"rule_id"`
	Name string `json:"rule"`
	Type string `json:"type"`
	// Runs says when it falls due and what a run looks at, in words.
	Runs   []string  `json:"runs"`
	From   time.Time `json:"from"` // the event time that a run would look at
	To     time.Time `json:"to"`
	Alert  []string  `json:"alert"`  // what makes an alert one, in words
	Stages []Stage   `json:"stages"` // in the order in which they are asked
	// Order says where the order comes from.
	Order string `json:"order"`
}

// Stage is one stage of a plan.
type Stage struct {
	Stage    string   `json:"stage"`
	View     string   `json:"view,omitempty"`
	Place    int      `json:"place"` // in the rule, from 1
	Absent   bool     `json:"absent,omitempty"`
	Sources  []Source `json:"sources"`
	Narrowed []string `json:"narrowed,omitempty"` // what is asked of it for the sake of stages asked before
	Times    []string `json:"times,omitempty"`
	Join     []string `json:"join,omitempty"`
	After    []string `json:"after,omitempty"`
	Pick     string   `json:"pick,omitempty"`
	GroupBy  []string `json:"group_by,omitempty"`
	Summary  []string `json:"summary,omitempty"`
	Except   []string `json:"exceptions,omitempty"` // what keeps events out, whatever they are
	Rows     *int64   `json:"rows,omitempty"`       // documents that the engine would bring without narrowing
}

// Source is one source of a stage.
type Source struct {
	Source string      `json:"source,omitempty"`
	Index  []string    `json:"index"`
	Time   string      `json:"time"`
	Ingest string      `json:"ingest,omitempty"`
	Filter []Condition `json:"filter,omitempty"`
	Query  []Condition `json:"query,omitempty"`
	Rows   *int64      `json:"rows,omitempty"`
}

// Condition is a condition and who decides it.
type Condition struct {
	Text   string          `json:"text"`
	Pushed json.RawMessage `json:"pushed"` // what the engine is asked
	Exact  bool            `json:"exact"`  // the engine decides
	Never  bool            `json:"never,omitempty"`
	Why    []string        `json:"why,omitempty"` // stitch decides
}

// Describe lays a rule open as a run that is due at a time would have it. With
// measure the engine is asked how much each stage would bring, else only for
// its fields.
func Describe(ctx context.Context, eng esq.Searcher, r *rules.Rule, at time.Time, measure bool) (*Plan, error) {
	l, err := r.Layout(ctx, eng, due(r, at), measure)
	if err != nil {
		return nil, err
	}
	p := &Plan{Rule: r.ID, Name: r.Name, Type: r.Type, Runs: runs(r, at), From: l.From, To: l.To, Alert: key(l), Order: order(l)}
	for _, i := range l.Order {
		s, err := stageOf(l.Stages[i], i+1)
		if err != nil {
			return nil, err
		}
		p.Stages = append(p.Stages, s)
	}
	return p, nil
}

// due is the window of a run that is due at a time.
func due(r *rules.Rule, at time.Time) rules.Window {
	at = at.UTC().Truncate(time.Millisecond)
	return rules.Window{From: at.Add(-r.LookBack), To: at}
}

// runs says when a rule runs and what a run looks at.
func runs(r *rules.Rule, at time.Time) []string {
	out := []string{fmt.Sprintf("due at its times, next %s and %s", stamp(r.Schedule.Next(at)), stamp(r.Schedule.Next(r.Schedule.Next(at))))}
	if every, ok := r.Schedule.(rules.Every); ok {
		out[0] = "due every " + lasting(time.Duration(every))
	}
	switch {
	case r.Windowed:
		out = append(out, fmt.Sprintf("looks at one window at a time, the %s before it is due; again while late documents come", lasting(r.LookBack)))
	case r.Span > 0:
		out = append(out, fmt.Sprintf("looks at what arrived since the last run, and at all within %s of that, twice the longest chain of %s", lasting(2*r.Span), lasting(r.Span)))
	default:
		out = append(out, "looks at what arrived since the last run")
	}
	out = append(out, fmt.Sprintf("what arrives more than %s after it happened is evaluated, and counted as late; the last %s are looked at again by the next run",
		lasting(r.Lateness), lasting(r.Settle)))
	return append(out, fmt.Sprintf("a stage that brings more than %d rows fails the run", r.MaxRows))
}

// key says what makes an alert one.
func key(l *rules.Layout) []string {
	var parts []string
	for _, k := range l.Key {
		text := k.Name
		if k.Row {
			text = "the row of " + k.Name
		}
		if k.Fold {
			text += " (A to Z folded)"
		}
		parts = append(parts, text)
	}
	identity := "its document's data stream and _id"
	if len(l.Identity) > 0 {
		identity = strings.Join(l.Identity, ", ") + ", or where it has none its document's data stream and _id"
	}
	return []string{
		"one for each " + strings.Join(parts, ", "),
		fmt.Sprintf("%s makes the incident; its row is known by %s", l.Anchor, identity),
		"its id is the hash of the rule's id and these",
	}
}

// order says where the order of the stages comes from.
func order(l *rules.Layout) string {
	switch {
	case len(l.Order) == 1:
		return "one stage"
	case l.Measured:
		return "the rarest stage first, as counted now"
	}
	return "as the rule has them; a run asks the rarest stage first"
}

func stageOf(s rules.StageLayout, place int) (Stage, error) {
	out := Stage{
		Stage: s.ID, View: s.View, Place: place, Absent: s.Absent, Narrowed: s.Narrowed, Times: s.Times,
		Join: s.Join, Pick: s.Pick, GroupBy: s.By, Summary: s.Summary, Except: s.Except, Rows: counted(s.Rows),
	}
	for _, a := range s.After {
		text := a.Stage
		if a.Within > 0 {
			text += " within " + lasting(a.Within)
		}
		out.After = append(out.After, text)
	}
	for _, src := range s.Sources {
		x := Source{Source: src.Name, Index: src.Index, Time: src.Time, Ingest: src.Ingest, Rows: counted(src.Rows)}
		var err error
		if x.Filter, err = conditions(src.Filter); err != nil {
			return out, err
		}
		if x.Query, err = conditions(src.Query); err != nil {
			return out, err
		}
		out.Sources = append(out.Sources, x)
	}
	return out, nil
}

func counted(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func conditions(list []rules.Pushed) ([]Condition, error) {
	var out []Condition
	for _, p := range list {
		text, err := p.Query.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("write query: %w", err)
		}
		_, never := p.Query.(esq.MatchNone)
		out = append(out, Condition{Text: p.Text, Pushed: text, Exact: p.Exact, Never: never, Why: p.Why})
	}
	return out, nil
}
