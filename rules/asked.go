package rules

import (
	"context"

	"github.com/stitchdetect/stitch/esq"
)

// Asked is a question that was put to the engine.
type Asked struct {
	Stage, View, Source string // View and Source are "" where the stage names its indices itself
	// Count says that the question was how much there is, to begin with the rarest
	// stage; else it was for the documents.
	Count  bool
	Search esq.Search
	Answer int64 // documents counted or brought
}

// RunAsking is [Rule.Run] for whoever wants to see the questions, as each is
// answered.
func (r *Rule) RunAsking(ctx context.Context, eng esq.Searcher, w Window, asked func(Asked)) (*Result, error) {
	s := newSearcher(eng, r)
	s.observe = asked
	return r.run(ctx, s, w)
}

func (s *searcher) asked(f *fetch, src *source, a Asked) {
	if s.observe == nil {
		return
	}
	a.Stage, a.Source = f.stage.id, src.name
	if f.stage.view != nil {
		a.View = f.stage.view.name
	}
	s.observe(a)
}

// Questions returns what a run over a window would ask for the documents of each
// stage if nothing were known of the others. The engine is asked for its fields
// alone.
func (r *Rule) Questions(ctx context.Context, eng esq.Searcher, w Window) ([]Asked, error) {
	s := newSearcher(eng, r)
	var out []Asked
	s.observe = func(a Asked) { out = append(out, a) }
	for _, stage := range r.plan.stages {
		for _, src := range stage.sources {
			f := &fetch{stage: stage, time: r.reach(w), users: r.users}
			caps, err := s.fieldCaps(ctx, f, src)
			if err != nil {
				return nil, err
			}
			s.asked(f, src, Asked{Search: esq.Search{
				Indices: src.index, Query: f.query(src, caps), Time: src.time, Fields: newReader(stage, src).fields,
			}})
		}
	}
	return out, nil
}
