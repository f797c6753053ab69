package rules

import (
	"context"
	"errors"

	"github.com/stitchdetect/stitch/esq"
)

// plan is what runs of a rule.
type plan struct{}

// Run evaluates the rule over a window: it searches, stitches and returns the
// alerts, complete or an error, never a part. It reads no clock and writes
// nothing.
func (r *Rule) Run(ctx context.Context, eng esq.Searcher, w Window) (*Result, error) {
	return nil, errors.New("not built yet")
}
