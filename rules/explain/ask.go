package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// Asked is a question to the engine as it can be pasted into a console.
type Asked struct {
	Stage     string               `json:"stage"`
	View      string               `json:"view,omitempty"`
	Source    string               `json:"source,omitempty"`
	Note      string               `json:"note"` // what it is for, and what came of it
	Documents *int64               `json:"documents,omitempty"`
	Requests  []esq.ConsoleRequest `json:"requests"`
}

// Ask runs a rule that is due at a time and returns the questions that it put,
// in their order. What it did not come to ask is there as it would be if nothing
// were known of the other stages.
func Ask(ctx context.Context, eng esq.Searcher, console esq.Console, r *rules.Rule, at time.Time) ([]Asked, error) {
	var put []rules.Asked
	w := due(r, at)
	if _, err := r.RunAsking(ctx, eng, w, func(a rules.Asked) { put = append(put, a) }); err != nil {
		return nil, err
	}
	var out []Asked
	for _, a := range put {
		note := fmt.Sprintf("brought %d", a.Answer)
		if a.Count {
			note = fmt.Sprintf("how many there are: %d", a.Answer)
		}
		x, err := pasted(console, a, note)
		if err != nil {
			return nil, err
		}
		x.Documents = &a.Answer
		out = append(out, x)
	}
	alone, err := r.Questions(ctx, eng, w)
	if err != nil {
		return nil, err
	}
	for _, a := range alone {
		came := slices.ContainsFunc(put, func(p rules.Asked) bool { return !p.Count && p.Stage == a.Stage && p.Source == a.Source })
		if came {
			continue
		}
		x, err := pasted(console, a, "not asked, since another stage has no row; without what rows of others would add")
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// Write returns the questions of a rule that is due at a time as they would be if
// nothing were known of the other stages. eng is asked for its fields alone.
func Write(ctx context.Context, eng esq.Searcher, console esq.Console, r *rules.Rule, at time.Time) ([]Asked, error) {
	l, err := r.Layout(ctx, eng, due(r, at), false)
	if err != nil {
		return nil, err
	}
	questions, err := r.Questions(ctx, eng, due(r, at))
	if err != nil {
		return nil, err
	}
	var out []Asked
	for _, i := range l.Order {
		s := l.Stages[i]
		note := "the documents"
		if more := slices.Concat(s.Narrowed, s.Times); len(more) > 0 {
			note += "; a run adds: " + strings.Join(more, "; ")
		}
		for _, q := range questions {
			if q.Stage != s.ID {
				continue
			}
			x, err := pasted(console, q, note)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
	}
	return out, nil
}

func pasted(console esq.Console, a rules.Asked, note string) (Asked, error) {
	x := Asked{Stage: a.Stage, View: a.View, Source: a.Source, Note: note}
	var err error
	if a.Count {
		x.Requests, err = console.Count(a.Search.Indices, a.Search.Query)
	} else {
		x.Requests, err = console.Search(a.Search)
	}
	if len(x.Requests) > 1 {
		x.Note += fmt.Sprintf("; in %d parts, since it is longer than the engine takes", len(x.Requests))
	}
	return x, err
}

// Fields answers an engine's question for its fields out of what is assumed of
// them, for a rule without an engine; it holds no documents.
type Fields struct {
	Type   func(field string) string // as [esq.FieldCap] has it; "" stands for keyword
	Silent bool                      // see [esq.FieldCap]
}

var _ esq.Searcher = Fields{}

// FieldCaps implements [esq.Searcher].
func (f Fields) FieldCaps(_ context.Context, _, fields []string) (map[string]esq.FieldCap, error) {
	caps := map[string]esq.FieldCap{}
	for _, name := range fields {
		kind := f.Type(name)
		if kind == "" {
			kind = "keyword"
		}
		caps[name] = esq.FieldCap{Types: []string{kind}, Searchable: true, Aggregatable: kind != "text", Silent: f.Silent}
	}
	return caps, nil
}

// Search implements [esq.Searcher].
func (Fields) Search(context.Context, esq.Search, func(esq.Hit) error) (esq.Stats, error) {
	return esq.Stats{NoIndex: true}, nil
}

// Count implements [esq.Searcher].
func (Fields) Count(context.Context, []string, esq.Query) (int64, esq.Stats, error) {
	return 0, esq.Stats{NoIndex: true}, nil
}

// Group implements [esq.Searcher].
func (Fields) Group(context.Context, esq.Grouping, func(esq.Group) error) (esq.Stats, error) {
	return esq.Stats{NoIndex: true}, nil
}

// Ask implements [esq.Searcher].
func (f Fields) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	return esq.AskEach(ctx, f, questions)
}
