package doctor

import (
	"context"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// Engine is what the doctor asks: *esq.Cluster or the embedded engine.
type Engine interface {
	esq.Searcher
	// Find returns whole documents, at most limit.
	Find(ctx context.Context, indices []string, q esq.Query, limit int) ([]esq.Document, error)
}

// Site tells of the indices and rights around an engine. What the user may not
// ask is told in Known, never an error; an error is that there is no answer.
type Site interface {
	// Indices returns the indices that each pattern matches, closed ones too,
	// and which of the patterns' clusters are remote.
	Indices(ctx context.Context, patterns []string) (Known[[]Pattern], error)
	// Lacks returns the privileges out of wanted that the user lacks for an
	// index or pattern. Known is false where the engine cannot be asked.
	Lacks(ctx context.Context, index string, wanted []string) (Known[[]string], error)
	// Time returns the engine's time of day.
	Time(ctx context.Context) (Known[time.Time], error)
}

// Known is an answer, or why there is none.
type Known[T any] struct {
	Value T
	Why   string // "" where Value is known
}

// embedded is the site of an engine that has indices and nothing else.
type embedded struct{ engine esq.Searcher }

// Embedded returns the site of an engine without users, nodes or closed indices.
func Embedded(engine esq.Searcher) Site { return embedded{engine} }

// Indices groups the documents by their index.
func (e embedded) Indices(ctx context.Context, patterns []string) (Known[[]Pattern], error) {
	var out []Pattern
	for _, p := range patterns {
		found := Pattern{Pattern: p}
		counts, err := countByIndex(ctx, e.engine, p)
		if err != nil {
			return Known[[]Pattern]{}, err
		}
		found.Indices = counts
		out = append(out, found)
	}
	return Known[[]Pattern]{Value: out}, nil
}

// Lacks returns nothing: everything is allowed.
func (embedded) Lacks(context.Context, string, []string) (Known[[]string], error) {
	return Known[[]string]{}, nil
}

// Time is not known: there is no other clock.
func (embedded) Time(context.Context) (Known[time.Time], error) {
	return Known[time.Time]{Why: "the embedded engine has no clock of its own"}, nil
}

// countByIndex returns the indices that a search of the pattern sees and that
// hold documents, with how many.
func countByIndex(ctx context.Context, engine esq.Searcher, pattern string) ([]Index, error) {
	var out []Index
	g := esq.Grouping{Indices: []string{pattern}, Query: esq.MatchAll{}, By: []string{"_index"}}
	_, err := engine.Group(ctx, g, func(g esq.Group) error {
		out = append(out, Index{Name: g.Key[0].String(), Documents: g.Count})
		return nil
	})
	return out, err
}
