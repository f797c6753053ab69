package memory

import (
	"context"

	"github.com/stitchdetect/stitch/esq"
)

// Ask answers questions one after the other: there is no way to save.
func (e *Engine) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	return esq.AskEach(ctx, e, questions)
}
