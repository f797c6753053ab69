package mappings

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// Alert is what goes into an alert document.
type Alert struct {
	ID string // the document's _id
	// Written is the time of writing. [Update] keeps the first one.
	Written time.Time
	// Anchor is the time of the row that makes the incident; Start and End are
	// the first and last time of any row.
	Anchor, Start, End time.Time
	// Window is what a windowed rule was evaluated over; zero for other rules.
	Window Window
	// Ticket numbers the run that writes; the newer of two has the greater one.
	// 0 is none.
	Ticket int64
	Rule   Rule
	Key    []KeyValue
	Stages []Stage
	// Details are the rule's own columns: strings, numbers, bools, []any of
	// these and nested maps.
	Details map[string]any
	// Entities are who and what the alert is about, in an order that depends on
	// the evidence alone.
	Entities []Entity
	// Suppression is what the alert stands for beside itself; nil if nothing.
	Suppression *Suppression
	// Columns are the values of the chain's rows by ECS name, distinct, in an
	// order that depends on the evidence alone.
	Columns map[string][]esq.Value
	// Weak says where the chains rest on less than they might, sorted.
	Weak []string
}

// Window is the half-open time [From, To).
type Window struct{ From, To time.Time }

// object is how a window is written; nil for the zero one.
func (w Window) object() object {
	if w == (Window{}) {
		return nil
	}
	return object{"from": Time(w.From), "to": Time(w.To)}
}

// Rule is what an alert says about its rule.
type Rule struct {
	ID             string
	Name           string
	Description    string
	Type           string // "query" or "sequence"
	Severity       string
	RiskScore      int
	Author         []string
	License        string
	Tags           []string
	References     []string
	FalsePositives []string
	Note           string
	Version        int
	Threat         []Threat
	Fingerprint    string
}

// Threat is one tactic with its techniques.
type Threat struct {
	Framework  string
	Tactic     Reference
	Techniques []Technique
}

// Technique is a technique with its subtechniques.
type Technique struct {
	Reference
	Subtechniques []Reference
}

// Reference names an entry of a framework.
type Reference struct{ ID, Name, URL string }

// Entity is one of Microsoft Sentinel's entities.
type Entity struct {
	Type        string
	Identifiers map[string]any // values as in Details
}

// Suppression is alerts that another one stands for, as Kibana has them.
type Suppression struct {
	Terms      []KeyValue // what they have in common
	Start, End time.Time  // of the first and the last of them
	Count      int        // without the one that stands for them
}

// KeyValue is one part of an alert's key: a column's name, or a stage's with
// its row's identity.
type KeyValue struct {
	Name  string
	Value esq.Value
}

// Stage is the evidence of one stage.
type Stage struct {
	Stage       string
	First, Last time.Time
	Count       int // documents, listed or not
	Documents   []Document
	Omitted     int // documents not listed
}

// Document is one document of the evidence.
type Document struct {
	Index, ID string
	Time      time.Time
	Source    string
	Columns   map[string][]esq.Value
}

// Document returns the alert as it is first written. Equal alerts make equal
// bytes.
//
// Fields of ECS and of stitch are nested objects; those of Kibana
// (kibana.alert.*) are dotted keys at the top, where Kibana's own updates of
// an alert's status look for them.
//
// A column that the alert's key names is a scalar, the key's value; every
// other column, and every field that can have several values, is an array even
// when it has one. What has no value is left out, except that stitch.key lists
// every part of the key.
func (a Alert) Document() (json.RawMessage, error) {
	d := a.content()
	written := Time(a.Written)
	d["@timestamp"] = written
	put(d, "event.created", written)
	writing{version: 1, updated: written, ticket: a.Ticket, window: a.Window.object()}.put(d)
	d["kibana.alert.status"] = active
	d["kibana.alert.workflow_status"] = "open"
	return Encode(d)
}

// content is all of the document that depends on neither the time of writing
// nor what has become of the alert.
func (a Alert) content() object {
	d := object{}
	a.putColumns(d)
	reason := a.Reason()
	put(d, "message", reason)
	put(d, "ecs.version", "8.17.0")
	put(d, "event.kind", "signal")
	put(d, "event.module", "stitch")
	put(d, "event.start", Time(a.Start))
	put(d, "event.end", Time(a.End))
	a.Rule.putECS(d)

	d["kibana.alert.uuid"] = a.ID
	d["kibana.alert.reason"] = reason
	d["kibana.alert.start"] = Time(a.Start)
	d["kibana.alert.original_time"] = Time(a.Anchor)
	d["kibana.alert.depth"] = 1
	d["kibana.alert.ancestors"] = a.ancestors()
	a.Rule.putKibana(d)
	if s := a.Suppression; s != nil {
		const suppression = "kibana.alert.suppression."
		d[suppression+"terms"] = keys(s.Terms, "field")
		d[suppression+"start"], d[suppression+"end"] = Time(s.Start), Time(s.End)
		d[suppression+"docs_count"] = s.Count
	}

	put(d, "stitch.rule.fingerprint", a.Rule.Fingerprint)
	put(d, "stitch.key", keys(a.Key, "name"))
	put(d, "stitch.chain", a.chain())
	putList(d, "stitch.weak", a.Weak)
	if len(a.Details) > 0 {
		put(d, "stitch.details", cut(a.Details))
	}
	if len(a.Entities) > 0 {
		put(d, "stitch.entities", a.entities())
	}
	return d
}

// Reason says in one sentence what was found: the rule, whom it concerns, and
// how many documents of each stage speak for it.
func (a Alert) Reason() string {
	stages := make(map[string]bool, len(a.Stages))
	counts := make([]string, len(a.Stages))
	for i, s := range a.Stages {
		stages[s.Stage] = true
		counts[i] = fmt.Sprintf("%s %d", s.Stage, s.Count)
	}
	var whom []string
	for _, kv := range a.Key {
		if !stages[kv.Name] && !kv.Value.IsNull() {
			whom = append(whom, kv.Name+" "+kv.Value.String())
		}
	}
	reason := a.Rule.Name
	if len(whom) > 0 {
		reason += ": " + strings.Join(whom, ", ")
	}
	if len(a.Stages) > 1 {
		reason += " (" + strings.Join(counts, ", ") + ")"
	}
	return reason
}

// Evidence names what speaks for the alert: it changes when documents are added
// or taken away, and not when the rule is reworded, the documents move to
// another index, or time goes by.
func (a Alert) Evidence() (string, error) {
	stages := make([]object, len(a.Stages))
	for i, s := range a.Stages {
		documents := make([]string, len(s.Documents))
		for j, d := range s.Documents {
			documents[j] = d.ID
		}
		stages[i] = object{"stage": s.Stage, "first": Time(s.First), "last": Time(s.Last), "count": s.Count, "documents": documents}
	}
	text, err := Encode(stages)
	if err != nil {
		return "", fmt.Errorf("name evidence of alert %s: %w", a.ID, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:20]), nil
}

// keys are names, under the key name, and values.
func keys(list []KeyValue, name string) []object {
	parts := make([]object, len(list))
	for i, kv := range list {
		parts[i] = object{name: kv.Name, "value": kv.Value}
	}
	return parts
}

func (a Alert) entities() []object {
	list := make([]object, len(a.Entities))
	for i, e := range a.Entities {
		list[i] = object{"type": e.Type}
		for name, v := range e.Identifiers {
			list[i][name] = cut(v)
		}
	}
	return list
}

func (a Alert) chain() []object {
	chain := make([]object, len(a.Stages))
	for i, s := range a.Stages {
		documents := make([]object, len(s.Documents))
		for j, d := range s.Documents {
			documents[j] = d.object()
		}
		chain[i] = object{
			"stage": s.Stage, "first": Time(s.First), "last": Time(s.Last),
			"count": s.Count, "omitted": s.Omitted, "documents": documents,
		}
	}
	return chain
}

func (d Document) object() object {
	o := object{"index": d.Index, "id": d.ID, "timestamp": Time(d.Time)}
	putText(o, "source", d.Source)
	if len(d.Columns) > 0 {
		o["columns"] = d.Columns
	}
	return o
}

func (a Alert) ancestors() []object {
	ancestors := []object{}
	for _, s := range a.Stages {
		for _, d := range s.Documents {
			ancestors = append(ancestors, object{"id": d.ID, "index": d.Index, "type": "event", "depth": 0})
		}
	}
	return ancestors
}

// put sets the field at a dotted path, making the objects on the way.
func put(o object, path string, v any) {
	for {
		head, rest, more := strings.Cut(path, ".")
		if !more {
			break
		}
		inner, ok := o[head].(object)
		if !ok {
			inner = object{}
			o[head] = inner
		}
		o, path = inner, rest
	}
	o[path] = v
}

func putText(o object, path, text string) {
	if text != "" {
		put(o, path, text)
	}
}

func putList(o object, path string, list []string) {
	if len(list) > 0 {
		put(o, path, list)
	}
}
