package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules"
)

// Question asks why a rule did not fire for somebody at some time.
type Question struct {
	Keys []rules.Sought // all of them at once
	At   time.Time
	Most int // documents read of each source of a stage; 5,000 if 0
}

// Answer is what was found.
type Answer struct {
	Rule     string         `json:"rule_id"`
	Name     string         `json:"rule"`
	Keys     []rules.Sought `json:"keys"`
	At       time.Time      `json:"at"`
	From     time.Time      `json:"from"` // what was looked at
	To       time.Time      `json:"to"`
	Window   *Window        `json:"window,omitempty"` // of a windowed rule: the one At lies in
	Stages   []StageFound   `json:"stages"`
	Alerts   []Fired        `json:"alerts"`  // for the keys, within a day of At or in the window
	Pending  []Waiting      `json:"pending"` // the same, not yet to be judged
	Near     []Near         `json:"near"`    // the chains that lack least, the nearest first
	Verdict  string         `json:"verdict"`
	Warnings []string       `json:"warnings,omitempty"`
}

// Window is a stretch of time, its end not in it.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// StageFound says what a stage had to choose from.
type StageFound struct {
	Stage    string `json:"stage"`
	View     string `json:"view,omitempty"`
	Absent   bool   `json:"absent,omitempty"`
	Events   int    `json:"events"` // of the view's sources in that time
	Keyed    bool   `json:"keyed"`  // whether they can tell whose they are
	OfKey    int    `json:"of_key"`
	Untold   int    `json:"untold"`   // of Events, those that do not tell whose they are
	Accepted int    `json:"accepted"` // of OfKey and Untold, by the stage's query
}

// Fired is an alert.
type Fired struct {
	ID    string    `json:"id"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Waiting is an alert that a document still to come may prevent.
type Waiting struct {
	Fired
	Deadline time.Time `json:"deadline"`
}

// Near is rows that go together but for what failed.
type Near struct {
	Rows    []Row     `json:"rows"`
	Missing []string  `json:"missing,omitempty"` // stages without any row for it
	Failed  []Failure `json:"failed"`
}

// Row is what stands in a stage's place.
type Row struct {
	Stage     string     `json:"stage"`
	First     time.Time  `json:"first"`
	Last      time.Time  `json:"last"`
	Documents []Document `json:"documents"`
}

// Document names a document.
type Document struct {
	Index  string    `json:"index"`
	ID     string    `json:"id"`
	Source string    `json:"source,omitempty"`
	Time   time.Time `json:"time"`
}

// Failure is a requirement that is not met, and by how much.
type Failure struct {
	Stage       string                `json:"stage,omitempty"`
	Requirement rules.RequirementKind `json:"requirement"`
	Condition   string                `json:"condition,omitempty"` // as the rule has it
	Why         string                `json:"why"`
	Documents   []Document            `json:"documents,omitempty"`
}

// around is how far from a time an alert's events may lie to be about it.
const around = 24 * time.Hour

// WhyNot looks for the chain that lacks least. The error is the engine's, or
// that no stage has a column of a key's name: [UnknownKeyError].
func WhyNot(ctx context.Context, eng esq.Searcher, r *rules.Rule, q Question) (*Answer, error) {
	if q.Most == 0 {
		q.Most = 5_000
	}
	t, err := r.Try(ctx, eng, rules.TrialOptions{At: q.At, Keys: q.Keys, Most: q.Most})
	if err != nil {
		return nil, err
	}
	a := &Answer{Rule: r.ID, Name: r.Name, Keys: q.Keys, At: q.At.UTC(), From: t.From, To: t.To,
		Alerts: []Fired{}, Pending: []Waiting{}, Near: []Near{}}
	stages := t.Stages()
	keyed, ofKey := false, 0
	for _, s := range stages {
		a.Stages = append(a.Stages, StageFound{Stage: s.ID, View: s.View, Absent: s.Absent, Events: s.Events, Keyed: s.Keyed, OfKey: s.OfKey, Untold: s.Untold, Accepted: s.Passing})
		keyed, ofKey = keyed || s.Keyed, ofKey+s.OfKey
		for _, c := range s.Cuts {
			a.Warnings = append(a.Warnings, cutText(c))
		}
	}
	if !keyed {
		return nil, &UnknownKeyError{Keys: q.Keys}
	}
	if err := a.fired(ctx, eng, r, t); err != nil {
		return nil, err
	}
	switch {
	case len(a.Alerts) > 0:
		a.Verdict = fmt.Sprintf("it fires: alert %s, %s to %s", a.Alerts[0].ID, stamp(a.Alerts[0].Start), stamp(a.Alerts[0].End))
	case ofKey == 0:
		a.Verdict = fmt.Sprintf("no document of any stage has %s from %s to %s", keysText(q.Keys), stamp(a.From), stamp(a.To))
	default:
		s := &search{trial: t, stages: stages, at: q.At, requirements: t.Requirements()}
		if err := s.run(ctx, a); err != nil {
			return nil, err
		}
		a.verdict(s)
	}
	return a, nil
}

// UnknownKeyError says that a key names nothing that the rule has.
type UnknownKeyError struct{ Keys []rules.Sought }

func (e *UnknownKeyError) Error() string {
	var names []string
	for _, k := range e.Keys {
		names = append(names, k.Name)
	}
	return fmt.Sprintf("no stage of the rule has a column %s; name one that its views list, like user.email", strings.Join(names, ", "))
}

func keysText(keys []rules.Sought) string {
	var all []string
	for _, k := range keys {
		name := k.Name
		if !strings.Contains(name, ".") {
			name += ".*"
		}
		all = append(all, name+" "+k.Value)
	}
	return strings.Join(all, " and ")
}

func cutText(c rules.Cut) string {
	name := c.Source
	if name == "" {
		name = "its indices"
	}
	return fmt.Sprintf("stage %s: %s has %d documents in that time; looked at %d: those of the key, those that joins lead to and those that its query accepts, from %s to %s at least",
		c.Stage, name, c.There, c.Read, stamp(c.From), stamp(c.To))
}

// fired runs the rule itself and keeps the alerts that are about the keys.
func (a *Answer) fired(ctx context.Context, eng esq.Searcher, r *rules.Rule, t *rules.Trial) error {
	w := rules.Window{From: a.At.Add(-around), To: a.At.Add(around)}
	if r.Windowed {
		w = t.Window
		a.Window = &Window{w.From, w.To}
	}
	result, err := r.Run(ctx, eng, w)
	if err != nil {
		return err
	}
	for _, warning := range result.Warnings {
		if !slices.Contains(a.Warnings, warning) {
			a.Warnings = append(a.Warnings, warning)
		}
	}
	for _, x := range result.Alerts {
		if about(x, t, a.Keys) {
			a.Alerts = append(a.Alerts, Fired{x.ID, x.Start, x.End})
		}
	}
	for _, p := range result.Pending {
		if pendingAbout(p, a.Keys) {
			a.Pending = append(a.Pending, Waiting{Fired{p.ID, p.Start, p.End}, p.Deadline})
		}
	}
	return nil
}

// about reports whether a document of the alert is of whom is looked for, and
// none of those that must tell is of somebody else alone.
func about(x rules.Alert, t *rules.Trial, keys []rules.Sought) bool {
	return slices.ContainsFunc(x.Stages, func(e rules.Evidence) bool {
		return slices.ContainsFunc(e.Documents, func(d rules.Document) bool { return t.IsOf(e.Stage, d.Index, d.ID) })
	}) || len(keys) == 0
}

func pendingAbout(p rules.Pending, keys []rules.Sought) bool {
	for _, k := range keys {
		if !slices.ContainsFunc(p.By, func(by rules.KeyValue) bool { return eql.Fold(by.Value.String()) == eql.Fold(k.Value) }) {
			return false
		}
	}
	return true
}

// verdict sums up in one line.
func (a *Answer) verdict(s *search) {
	switch {
	case len(a.Pending) > 0:
		a.Verdict = fmt.Sprintf("not yet: alert %s can be judged after %s, when nothing can come any more that would drop it", a.Pending[0].ID, stamp(a.Pending[0].Deadline))
	case s.elsewhere != nil:
		first, last := s.elsewhere.Extent()
		a.Verdict = fmt.Sprintf("not at that time; a chain that holds lies from %s to %s", stamp(first), stamp(last))
	case len(a.Near) == 0:
		a.Verdict = "it does not fire, and no rows of any two stages go together"
	default:
		var why []string
		for _, m := range a.Near[0].Missing {
			why = append(why, a.missing(m))
		}
		for _, f := range a.Near[0].Failed {
			why = append(why, f.Why)
		}
		a.Verdict = "it does not fire: " + strings.Join(why, "; ")
	}
}

// missing says what there was for a stage that has no row in the chain.
func (a *Answer) missing(stage string) string {
	i := slices.IndexFunc(a.Stages, func(s StageFound) bool { return s.Stage == stage })
	switch s := a.Stages[i]; {
	case s.Events == 0 && s.View != "":
		return fmt.Sprintf("stage %s: no document of view %s in that time", stage, s.View)
	case s.Events == 0:
		return fmt.Sprintf("stage %s: no document in that time", stage)
	}
	return fmt.Sprintf("stage %s: no row goes with the others", stage)
}
