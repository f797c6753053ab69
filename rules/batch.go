package rules

import (
	"context"
	"errors"
	"fmt"

	"github.com/stitchdetect/stitch/esq"
)

// batch is questions that do not wait for each other's answers.
type batch struct {
	questions []esq.Question
	ops       []string                      // parallel: what each is for, for errors
	done      []func(esq.Stats)             // parallel: called when it is answered, or nil
	then      []func(context.Context) error // called when all are
}

func (b *batch) add(q esq.Question, done func(esq.Stats), op string, args ...any) {
	b.questions, b.done, b.ops = append(b.questions, q), append(b.done, done), append(b.ops, fmt.Sprintf(op, args...))
}

// put asks the questions and notes what they cost.
func (s *searcher) put(ctx context.Context, b batch) error {
	if len(b.questions) > 0 {
		stats, err := s.engine.Ask(ctx, b.questions)
		if err != nil {
			var which *esq.QuestionError
			if errors.As(err, &which) {
				return fmt.Errorf("%s: %w", b.ops[which.Question], which.Err)
			}
			return fmt.Errorf("%s: %w", b.ops[0], err)
		}
		for i, st := range stats {
			s.note(st)
			if b.done[i] != nil {
				b.done[i](st)
			}
		}
	}
	for _, then := range b.then {
		if err := then(ctx); err != nil {
			return err
		}
	}
	return nil
}
