package mappings

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// The states of an alert's workflow, as Kibana has them.
const (
	Open         = "open"
	Acknowledged = "acknowledged"
	Closed       = "closed"
)

// What analysts do about an alert.
const (
	Acknowledge = "acknowledge"
	Close       = "close"
	Reopen      = "reopen"
	Comment     = "comment"
)

// MaxHistory is how many actions one alert takes.
const MaxHistory = 1000

// Action is what someone did about an alert.
type Action struct {
	// ID is given by who asks for it: the same action asked for twice, since the
	// first answer was lost, is done once.
	ID      string
	Kind    string // Acknowledge, Close, Reopen or Comment
	At      time.Time
	By      string
	From    string // the state before; set by [Act]
	Reason  string // of closing
	Comment string
}

// Triage is what analysts have made of an alert.
type Triage struct {
	Status   string    // of the workflow: Open if nothing else is said
	StatusAt time.Time // zero if it was never changed
	StatusBy string
	Reason   string   // of closing
	History  []Action // in the order in which they were done
}

// ActionError says that an action does not fit the alert as it is.
type ActionError struct{ Reason string }

func (e *ActionError) Error() string { return e.Reason }

const (
	statusPath   = "kibana.alert.workflow_status"
	statusAtPath = "kibana.alert.workflow_status_updated_at"
	statusByPath = "kibana.alert.workflow_user"
	reasonPath   = "kibana.alert.workflow_reason"
	historyPath  = "stitch.triage.history"
)

// ReadTriage reads what analysts have made of a stored alert, by stitch or by
// any other tool that writes Kibana's fields. What is garbled is left out; only
// what is no document at all is an error.
func ReadTriage(stored json.RawMessage) (Triage, error) {
	o, err := decode(stored)
	if err != nil {
		return Triage{}, fmt.Errorf("read triage: %w", err)
	}
	return triageOf(o), nil
}

func triageOf(o object) Triage {
	t := Triage{
		Status: textAt(o, statusPath), StatusAt: instant(textAt(o, statusAtPath)),
		StatusBy: textAt(o, statusByPath), Reason: textAt(o, reasonPath),
	}
	if t.Status == "" {
		t.Status = Open
	}
	for _, entry := range historyOf(o) {
		e, ok := entry.(object)
		if !ok {
			continue
		}
		t.History = append(t.History, Action{
			ID: textAt(e, "id"), Kind: textAt(e, "action"), At: instant(textAt(e, "at")), By: textAt(e, "by"),
			From: textAt(e, "from"), Reason: textAt(e, "reason"), Comment: textAt(e, "comment"),
		})
	}
	return t
}

// Act does an action about a stored alert: it sets Kibana's fields and adds to
// the history. changed is false, and doc is stored, if the very action, or one
// that says the same of the state of things, is done already. One that does not
// fit is an [*ActionError].
func Act(stored json.RawMessage, a Action) (doc json.RawMessage, after Triage, changed bool, err error) {
	o, err := decode(stored)
	if err != nil {
		return nil, Triage{}, false, fmt.Errorf("triage alert: %w", err)
	}
	before := triageOf(o)
	done, err := before.has(a)
	if err == nil && !done {
		err = before.admit(a)
	}
	if err != nil {
		return nil, before, false, err
	}
	if done || before.says(a) {
		return stored, before, false, nil
	}
	a.From = before.Status
	a.put(o)
	if doc, err = Encode(o); err != nil {
		return nil, before, false, fmt.Errorf("triage alert: %w", err)
	}
	return doc, triageOf(o), true, nil
}

// has reports whether the very action was done before.
func (t Triage) has(a Action) (bool, error) {
	for _, done := range t.History {
		if done.ID != a.ID || a.ID == "" {
			continue
		}
		if done.Kind != a.Kind || done.By != a.By || done.Reason != a.Reason || done.Comment != a.Comment {
			return false, &ActionError{"the action id " + a.ID + " is that of another action: " + done.String()}
		}
		return true, nil
	}
	return false, nil
}

// admit fails if the action does not fit the state of things.
func (t Triage) admit(a Action) error {
	switch {
	case len(t.History) >= MaxHistory:
		return &ActionError{fmt.Sprintf("there are %d entries in its history, and no more are taken", MaxHistory)}
	case a.Kind == Acknowledge && t.Status == Closed:
		return &ActionError{"it is closed" + t.whose() + ": reopen it first"}
	case a.Kind == Reopen && t.Status == Open:
		return &ActionError{"it is open" + t.whose()}
	case a.Kind != Acknowledge && a.Kind != Close && a.Kind != Reopen && a.Kind != Comment:
		return &ActionError{fmt.Sprintf("there is no action %q", a.Kind)}
	}
	return nil
}

// says reports whether the state of things is what the action would make it,
// by the same person.
func (t Triage) says(a Action) bool {
	switch a.Kind {
	case Acknowledge:
		return t.Status == Acknowledged && t.StatusBy == a.By
	case Close:
		return t.Status == Closed && t.StatusBy == a.By && t.Reason == a.Reason
	}
	return false
}

// whose is who made the state what it is, when and why, as far as is known.
func (t Triage) whose() string {
	text := ""
	if t.StatusBy != "" {
		text += " by " + t.StatusBy
	}
	if !t.StatusAt.IsZero() {
		text += " since " + t.StatusAt.Format(time.RFC3339)
	}
	if t.Reason != "" {
		text += " (" + t.Reason + ")"
	}
	return text
}

// String says it in a line: who did what when.
func (a Action) String() string {
	text := a.Kind + " by " + a.By + " at " + a.At.UTC().Format(time.RFC3339)
	if more := a.Reason + a.Comment; more != "" {
		text += " (" + more + ")"
	}
	return text
}

// put does the action in a document.
func (a Action) put(o object) {
	at := Time(a.At)
	if status := a.leadsTo(); status != "" {
		setDotted(o, statusPath, status)
		setDotted(o, statusAtPath, at)
		setDotted(o, statusByPath, a.By)
		remove(o, reasonPath)
	}
	if a.Kind == Close && a.Reason != "" {
		setDotted(o, reasonPath, a.Reason)
	}
	entry := object{"id": a.ID, "action": a.Kind, "at": at, "by": a.By, "from": a.From}
	putText(entry, "reason", a.Reason)
	putText(entry, "comment", a.Comment)
	history := append(historyOf(o), entry)
	remove(o, historyPath)
	put(o, historyPath, history)
}

// leadsTo is the state after the action; "" if that is the one before.
func (a Action) leadsTo() string {
	switch a.Kind {
	case Acknowledge:
		return Acknowledged
	case Close:
		return Closed
	case Reopen:
		return Open
	}
	return ""
}

// historyOf returns the entries of the history, whatever they are.
func historyOf(o object) []any {
	switch history := valueAt(o, historyPath).(type) {
	case nil:
		return nil
	case []any:
		return slices.Clone(history)
	default:
		return []any{history}
	}
}

// valueAt returns what stands at a dotted path, however its objects are
// spelled; nil if nothing does.
func valueAt(o object, path string) any {
	if v := o[path]; v != nil {
		return v
	}
	for i, c := range path {
		if inner, ok := o[path[:i]].(object); ok && c == '.' {
			if v := valueAt(inner, path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// textAt is the first of the values at a dotted path as text; "" for none.
func textAt(o object, path string) string {
	values := esq.Extract(o, esq.Field{Path: path})
	if len(values) == 0 {
		return ""
	}
	return values[0].String()
}
