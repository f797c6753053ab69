package esq

import (
	"context"
	"fmt"
)

// Question is one of several that are put to a [Searcher] together: one of its
// three members is set.
type Question struct {
	Search *Asking
	Count  *Counting
	Group  *Sorting
}

// Asking is a search in a [Question]: Yield is called for every match.
type Asking struct {
	Search
	Yield func(Hit) error
}

// Counting is a count in a [Question]: Yield is called once.
type Counting struct {
	Indices []string
	Query   Query
	Yield   func(int64) error
}

// Sorting is a grouping in a [Question]: Yield is called for every group.
type Sorting struct {
	Grouping
	Yield func(Group) error
}

// QuestionError says which of several questions has no answer. Those before it
// were answered.
type QuestionError struct {
	Question int // its place among those asked
	Err      error
}

func (e *QuestionError) Error() string { return fmt.Sprintf("question %d: %v", e.Question+1, e.Err) }

// Unwrap returns why there is no answer.
func (e *QuestionError) Unwrap() error { return e.Err }

// AskEach is [Searcher.Ask] for a searcher that gains nothing from being asked
// several questions together.
func AskEach(ctx context.Context, s Searcher, questions []Question) ([]Stats, error) {
	all := make([]Stats, len(questions))
	for i, q := range questions {
		var err error
		switch {
		case q.Search != nil:
			all[i], err = s.Search(ctx, q.Search.Search, q.Search.Yield)
		case q.Count != nil:
			var n int64
			if n, all[i], err = s.Count(ctx, q.Count.Indices, q.Count.Query); err == nil {
				err = q.Count.Yield(n)
			}
		case q.Group != nil:
			all[i], err = s.Group(ctx, q.Group.Grouping, q.Group.Yield)
		}
		if err != nil {
			return all, &QuestionError{Question: i, Err: err}
		}
	}
	return all, nil
}
