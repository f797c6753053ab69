package explain

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// Alert is what an alert's document says of its ground.
type Alert struct {
	ID, Rule, Name string
	Start, End     time.Time
	Window         Window // of a windowed rule, else zero
	Retracted      bool
	Stages         []AlertStage
}

// AlertStage is a stage's part of an alert.
type AlertStage struct {
	Stage     string     `json:"stage"`
	First     time.Time  `json:"first"`
	Last      time.Time  `json:"last"`
	Count     int        `json:"count"`
	Omitted   int        `json:"omitted,omitempty"` // documents that are not listed
	Documents []Document `json:"documents"`
}

// ReadAlert reads an alert's document.
func ReadAlert(document json.RawMessage) (*Alert, error) {
	var d struct {
		Rule  struct{ ID, Name string }
		ID    string `json:"kibana.alert.uuid"`
		Event struct{ Start, End time.Time }

		Stitch struct {
			Window    Window          `json:"window"`
			Retracted json.RawMessage `json:"retracted"`
			Chain     []struct {
				AlertStage
				Documents []struct {
					Document
					Time time.Time `json:"timestamp"`
				} `json:"documents"`
			} `json:"chain"`
		} `json:"stitch"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("read alert document: %w", err)
	}
	a := &Alert{ID: d.ID, Rule: d.Rule.ID, Name: d.Rule.Name, Start: d.Event.Start, End: d.Event.End,
		Window: d.Stitch.Window, Retracted: len(d.Stitch.Retracted) > 0}
	for _, s := range d.Stitch.Chain {
		stage := s.AlertStage
		for _, doc := range s.Documents {
			doc.Document.Time = doc.Time
			stage.Documents = append(stage.Documents, doc.Document)
		}
		a.Stages = append(a.Stages, stage)
	}
	return a, nil
}

// Ground is what an alert rests on, and how to find that again.
type Ground struct {
	Alert     string        `json:"alert"`
	Rule      string        `json:"rule_id"`
	Name      string        `json:"rule"`
	Start     time.Time     `json:"start"`
	End       time.Time     `json:"end"`
	Retracted bool          `json:"retracted,omitempty"` // the alert says that its ground is gone
	Again     string        `json:"again"`               // what the rule finds today
	Stages    []GroundStage `json:"stages"`
}

// GroundStage is one stage of it.
type GroundStage struct {
	AlertStage
	ByID []esq.ConsoleRequest `json:"by_id"` // finds the documents by their names
	By   []Asked              `json:"by"`    // the rule's own questions, narrowed to these documents
}

// Why runs the rule of an alert again over the alert's time, and returns what it
// rests on and the questions that find it.
func Why(ctx context.Context, eng esq.Searcher, console esq.Console, r *rules.Rule, a *Alert) (*Ground, error) {
	g := &Ground{Alert: a.ID, Rule: a.Rule, Name: a.Name, Start: a.Start, End: a.End, Retracted: a.Retracted}
	w := rules.Window{From: a.Start, To: a.End}
	if r.Windowed {
		w = rules.Window{From: a.Window.From, To: a.Window.To}
	}
	var put []rules.Asked
	result, err := r.RunAsking(ctx, eng, w, func(q rules.Asked) {
		if !q.Count {
			put = append(put, q)
		}
	})
	if err != nil {
		return nil, err
	}
	g.Again = found(a, result)
	for _, s := range a.Stages {
		if s.Count == 0 {
			continue // none must be there
		}
		stage, err := groundOf(console, s, put)
		if err != nil {
			return nil, err
		}
		g.Stages = append(g.Stages, stage)
	}
	return g, nil
}

// found compares an alert with what the rule finds now.
func found(a *Alert, result *rules.Result) string {
	i := slices.IndexFunc(result.Alerts, func(x rules.Alert) bool { return x.ID == a.ID })
	if i < 0 {
		return "the rule does not find it any more: documents or the rule have changed"
	}
	for _, e := range result.Alerts[i].Stages {
		k := slices.IndexFunc(a.Stages, func(s AlertStage) bool { return s.Stage == e.Stage })
		if k < 0 || a.Stages[k].Count != e.Count {
			return fmt.Sprintf("the rule finds it again, with %d documents of stage %s", e.Count, e.Stage)
		}
	}
	return "the rule finds it again, with as many documents of each stage"
}

func groundOf(console esq.Console, s AlertStage, put []rules.Asked) (GroundStage, error) {
	out := GroundStage{AlertStage: s}
	field := "@timestamp"
	for _, q := range put {
		ids := idsOf(s, q.Source)
		if q.Stage != s.Stage || len(ids) == 0 {
			continue
		}
		field = q.Search.Time
		q.Search.Query = esq.And(q.Search.Query, esq.Range{
			Field: field, GTE: esq.Str(stamp(s.First)), LTE: esq.Str(stamp(s.Last)),
		})
		note := fmt.Sprintf("%d of the alert's documents", len(ids))
		if s.Omitted == 0 {
			q.Search.Query = esq.And(q.Search.Query, esq.IDs{Values: ids})
		} else {
			note = fmt.Sprintf("the alert's documents, %d of which it does not name", s.Omitted)
		}
		x, err := pasted(console, q, note)
		if err != nil {
			return out, err
		}
		out.By = append(out.By, x)
	}
	var indices []string
	var ids []string
	for _, d := range s.Documents {
		if ids = append(ids, d.ID); !slices.Contains(indices, d.Index) {
			indices = append(indices, d.Index)
		}
	}
	var err error
	out.ByID, err = console.Documents(esq.Search{Indices: indices, Query: esq.IDs{Values: ids}, Time: field})
	return out, err
}

func idsOf(s AlertStage, source string) []string {
	var ids []string
	for _, d := range s.Documents {
		if d.Source == source {
			ids = append(ids, d.ID)
		}
	}
	return ids
}
