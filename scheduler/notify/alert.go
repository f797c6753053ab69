package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// Kind is why a route is told of an alert.
type Kind string

// The kinds.
const (
	Created   Kind = "created"   // it is new, or holds again
	Updated   Kind = "updated"   // there is other evidence than the route was told of
	Retracted Kind = "retracted" // it does not hold any more
	Test      Kind = "test"      // none is there: somebody tries the route
)

// Alert is what templates and webhooks have of an alert. Texts in templates are
// made harmless for the service that they go to; a webhook has them as they are.
type Alert struct {
	Kind      Kind      `json:"kind"`
	ID        string    `json:"id"`
	Index     string    `json:"index"`
	Rule      string    `json:"rule"`
	RuleID    string    `json:"rule_id"`
	Severity  string    `json:"severity"` // low, medium, high or critical
	RiskScore int       `json:"risk_score"`
	Reason    string    `json:"reason"`    // the alert in one sentence
	Time      time.Time `json:"time"`      // of the event that makes the incident
	Start     time.Time `json:"start"`     // of the first evidence
	End       time.Time `json:"end"`       // of the last evidence
	Created   time.Time `json:"created"`   // when the alert was first written
	Written   time.Time `json:"written"`   // when its evidence last changed
	Version   int64     `json:"version"`   // rises with each change of the evidence
	Status    string    `json:"status"`    // open, acknowledged or closed
	Users     []string  `json:"users"`     // everyone it names
	Hosts     []string  `json:"hosts"`     // every machine it names
	Addresses []string  `json:"addresses"` // every IP address it names
	Key       []Pair    `json:"key"`       // whom the alert is about, as the rule has it
	Details   []Pair    `json:"details"`   // the rule's own, by dotted names
	Stages    []Stage   `json:"stages"`
	Weak      []string  `json:"weak"` // where it rests on less than it might
}

// Pair is a name and its values.
type Pair struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// maxValues is how many values a line of a message names.
const maxValues = 5

// Text is the values in one line.
func (p Pair) Text() string {
	if more := len(p.Values) - maxValues; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(p.Values[:maxValues], ", "), more)
	}
	return strings.Join(p.Values, ", ")
}

// Stage is how many documents of one stage speak for the alert.
type Stage struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// stored is what a notifier reads of an alert's document.
type stored struct {
	Alert
	retracted bool
}

// readAlert reads an alert document, however its fields are spelled. What is
// missing or garbled in it is empty; only what is no document is an error.
func readAlert(doc esq.Document) (stored, error) {
	source, err := esq.DecodeSource(doc.Source)
	if err != nil {
		return stored{}, fmt.Errorf("read alert %s: %w", doc.ID, err)
	}
	r := reader(source)
	a := Alert{
		ID: doc.ID, Index: doc.Index,
		Rule: r.text("rule.name"), RuleID: r.text("rule.id"),
		Severity: r.text("kibana.alert.severity"), RiskScore: int(r.number("kibana.alert.risk_score")),
		Reason: r.text("kibana.alert.reason"), Status: r.text("kibana.alert.workflow_status"),
		Time: r.time("kibana.alert.original_time"), Start: r.time("event.start"), End: r.time("event.end"),
		Created: r.time("event.created"), Written: r.time("stitch.updated"), Version: r.number("stitch.version"),
		Users: r.texts("related.user"), Hosts: r.texts("related.hosts"), Addresses: r.texts("related.ip"),
		Weak: r.texts("stitch.weak"), Key: r.key(), Details: r.details(), Stages: r.stages(),
	}
	return stored{Alert: a, retracted: len(r.values("stitch.retracted")) > 0}, nil
}

// reader reads fields of a decoded document.
type reader map[string]any

func (r reader) values(path string) []esq.Value { return esq.Extract(r, esq.Field{Path: path}) }

func (r reader) texts(path string) []string {
	values := r.values(path)
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	return texts
}

func (r reader) text(path string) string {
	if texts := r.texts(path); len(texts) > 0 {
		return texts[0]
	}
	return ""
}

func (r reader) number(path string) int64 {
	n, _ := json.Number(r.text(path)).Int64()
	return n
}

func (r reader) time(path string) time.Time {
	t, err := time.Parse(time.RFC3339, r.text(path))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// objects are the objects of a list at a path of two names.
func (r reader) objects(outer, inner string) []reader {
	o, _ := r[outer].(map[string]any)
	list, _ := o[inner].([]any)
	var objects []reader
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

func (r reader) key() []Pair {
	pairs := []Pair{}
	for _, o := range r.objects("stitch", "key") {
		pairs = append(pairs, Pair{o.text("name"), o.texts("value")})
	}
	return pairs
}

func (r reader) stages() []Stage {
	stages := []Stage{}
	for _, o := range r.objects("stitch", "chain") {
		stages = append(stages, Stage{o.text("stage"), o.number("count")})
	}
	return stages
}

func (r reader) details() []Pair {
	stitch, _ := r["stitch"].(map[string]any)
	pairs := []Pair{}
	collect(&pairs, "", stitch["details"])
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	return pairs
}

// collect adds the leaves of a value under their dotted names.
func collect(pairs *[]Pair, name string, value any) {
	object, nested := value.(map[string]any)
	if nested {
		for key, inner := range object {
			collect(pairs, strings.TrimPrefix(name+"."+key, "."), inner)
		}
		return
	}
	texts := reader{"v": value}.texts("v")
	if len(texts) > 0 {
		*pairs = append(*pairs, Pair{name, texts})
	}
}

// sample is an alert that never was, for trying a template or a route.
func sample(now time.Time) Alert {
	now = now.UTC().Truncate(time.Millisecond)
	return Alert{
		Kind: Test, ID: "test", Index: "test", Rule: "Test of a route", RuleID: "test", Severity: "low", RiskScore: 1,
		Reason: "This is a test: there is no such alert", Time: now, Start: now, End: now, Created: now, Written: now,
		Version: 1, Status: "open", Users: []string{}, Hosts: []string{}, Addresses: []string{}, Weak: []string{},
		Key: []Pair{}, Details: []Pair{}, Stages: []Stage{},
	}
}
