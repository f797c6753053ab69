package triage

import (
	"encoding/json"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// Header is what a list shows of an alert.
type Header struct {
	ID, Index string
	// Written is when it was first written, Updated when its evidence last
	// changed. Times are in UTC.
	Written, Updated time.Time
	// Anchor is the time of the row that makes the incident, Start and End are
	// those of the first and the last document.
	Anchor, Start, End time.Time
	RuleID, RuleName   string
	Severity           string // low, medium, high or critical
	RiskScore          int    // 0 to 100
	Reason             string // in a sentence what was found
	Users, Hosts       []string
	Stages             []StageCount // in the order of the rule
	Retracted          time.Time    // when its evidence was found not to hold; zero if it does
	Triage             mappings.Triage
}

// StageCount is how many documents speak for a stage.
type StageCount struct {
	Stage string
	Count int
}

// Alert is all that a document says.
type Alert struct {
	Header
	Description, RuleType, Note, License      string // of the rule
	RuleVersion                               string
	Tags, Authors, References, FalsePositives []string
	Tactics, Techniques                       []string // names; ids where there are none
	Key                                       []mappings.KeyValue
	// Chain is the evidence, stage by stage in the order of the rule. A stage of
	// which nothing must be there has Count 0.
	Chain       []mappings.Stage
	Details     map[string]any // the rule's own; numbers are json.Number
	Entities    []mappings.Entity
	Weak        []string        // where the chain rests on less than it might
	Window      mappings.Window // of a windowed rule; zero for others
	Suppression *mappings.Suppression
	// Notifications are who was told, or is to be.
	Notifications []mappings.Notification
	Raw           json.RawMessage // the whole document
}

type object = map[string]any

// headerFields are what [readHeader] reads.
func headerFields() []string {
	return []string{
		timeField, idField, "message", "event.start", "event.end", "rule.id", "rule.name",
		"kibana.alert.severity", "kibana.alert.risk_score", "kibana.alert.original_time",
		"kibana.alert.workflow_status", "kibana.alert.workflow_status_updated_at",
		"kibana.alert.workflow_user", "kibana.alert.workflow_reason",
		"user.email", "user.name", "user.id", "related.user", "host.name", "host.hostname", "host.id", "related.hosts",
		"stitch.updated", "stitch.retracted", "stitch.chain.stage", "stitch.chain.count", "stitch.triage",
	}
}

func readHeader(source object, raw json.RawMessage) (Header, error) {
	r := reader(source)
	h := Header{
		ID: r.text(idField), Written: r.time(timeField), Updated: r.time("stitch.updated"),
		Anchor: r.time("kibana.alert.original_time"), Start: r.time("event.start"), End: r.time("event.end"),
		RuleID: r.text("rule.id"), RuleName: r.text("rule.name"),
		Severity: r.text("kibana.alert.severity"), RiskScore: r.whole("kibana.alert.risk_score"),
		Reason: r.text("message"), Retracted: r.time("stitch.retracted"),
		Users: r.firstOf("user.email", "user.name", "user.id", "related.user"),
		Hosts: r.firstOf("host.name", "host.hostname", "host.id", "related.hosts"),
	}
	stages, err := mappings.ReadStages(raw)
	if err != nil {
		return h, err
	}
	for _, s := range stages {
		h.Stages = append(h.Stages, StageCount{s.Stage, s.Count})
	}
	h.Triage, err = mappings.ReadTriage(raw)
	return h, err
}

func readAlert(source object, raw json.RawMessage) (*Alert, error) {
	h, err := readHeader(source, raw)
	if err != nil {
		return nil, err
	}
	r := reader(source)
	a := &Alert{
		Header:      h,
		Description: r.text("rule.description"), RuleType: r.text("kibana.alert.rule.type"),
		Note: r.text("kibana.alert.rule.note"), License: r.text("rule.license"), RuleVersion: r.text("rule.version"),
		Tags: r.texts("kibana.alert.rule.tags"), Authors: r.texts("rule.author"),
		References: r.texts("rule.reference"), FalsePositives: r.texts("kibana.alert.rule.false_positives"),
		Tactics:    r.firstOf("threat.tactic.name", "threat.tactic.id"),
		Techniques: r.firstOf("threat.technique.name", "threat.technique.id"),
		Weak:       r.texts("stitch.weak"),
		Window:     mappings.Window{From: r.time("stitch.window.from"), To: r.time("stitch.window.to")},
		Raw:        raw,
	}
	if a.Chain, err = mappings.ReadStages(raw); err != nil {
		return nil, err
	}
	stitch, _ := source["stitch"].(object)
	a.Details, _ = stitch["details"].(object)
	a.Key = keyOf(stitch["key"], "name")
	for _, e := range objectsOf(stitch["entities"]) {
		a.Entities = append(a.Entities, entityOf(e))
	}
	if a.Notifications, err = mappings.ReadNotifications(raw); err != nil {
		return nil, err
	}
	a.Suppression = suppressionOf(source)
	return a, nil
}

func entityOf(o object) mappings.Entity {
	e := mappings.Entity{Identifiers: map[string]any{}}
	for name, v := range o {
		if name == "type" {
			e.Type, _ = v.(string)
		} else {
			e.Identifiers[name] = v
		}
	}
	return e
}

func suppressionOf(source object) *mappings.Suppression {
	const path = "kibana.alert.suppression."
	r := reader(source)
	count := r.whole(path + "docs_count")
	if count == 0 {
		return nil
	}
	return &mappings.Suppression{
		Terms: keyOf(source[path+"terms"], "field"), Start: r.time(path + "start"), End: r.time(path + "end"), Count: count,
	}
}

// keyOf reads names, under the key name, and values.
func keyOf(list any, name string) []mappings.KeyValue {
	var key []mappings.KeyValue
	for _, part := range objectsOf(list) {
		kv := mappings.KeyValue{}
		kv.Name, _ = part[name].(string)
		kv.Value, _ = esq.ValueOf(part["value"])
		key = append(key, kv)
	}
	return key
}

// objectsOf returns the objects of a list, or the one that stands alone.
func objectsOf(a any) []object {
	switch a := a.(type) {
	case object:
		return []object{a}
	case []any:
		var list []object
		for _, e := range a {
			if o, ok := e.(object); ok {
				list = append(list, o)
			}
		}
		return list
	}
	return nil
}

// reader reads the leaves of a document, however its objects are spelled.
type reader object

func (r reader) texts(path string) []string {
	var texts []string
	for _, v := range esq.Extract(r, esq.Field{Path: path}) {
		texts = append(texts, v.String())
	}
	return texts
}

// firstOf is the values of the first of the fields that has any.
func (r reader) firstOf(paths ...string) []string {
	for _, path := range paths {
		if texts := r.texts(path); len(texts) > 0 {
			return texts
		}
	}
	return nil
}

func (r reader) text(path string) string {
	if texts := r.texts(path); len(texts) > 0 {
		return texts[0]
	}
	return ""
}

func (r reader) time(path string) time.Time {
	t, err := time.Parse(time.RFC3339, r.text(path))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func (r reader) whole(path string) int {
	for _, v := range esq.Extract(r, esq.Field{Path: path}) {
		if n, ok := v.Number(); ok && n > -1e9 && n < 1e9 {
			return int(n)
		}
	}
	return 0
}
