package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// answers is an engine that is asked the same count only once: rules share
// views, and stages share sources.
type answers struct {
	Engine
	counts map[string]int64
	fields map[string]map[string]esq.FieldCap
}

func newAnswers(engine Engine) *answers {
	return &answers{Engine: engine, counts: map[string]int64{}, fields: map[string]map[string]esq.FieldCap{}}
}

// count returns how many documents match.
func (a *answers) count(ctx context.Context, indices []string, q esq.Query) (int64, error) {
	text, err := json.Marshal(q)
	if err != nil {
		return 0, fmt.Errorf("write query: %w", err)
	}
	key := strings.Join(indices, ",") + " " + string(text)
	if n, ok := a.counts[key]; ok {
		return n, nil
	}
	n, _, err := a.Count(ctx, indices, q)
	if err == nil {
		a.counts[key] = n
	}
	return n, err
}

// caps returns what the indices know of fields.
func (a *answers) caps(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	key := strings.Join(indices, ",") + " " + strings.Join(fields, ",")
	if c, ok := a.fields[key]; ok {
		return c, nil
	}
	c, err := a.FieldCaps(ctx, indices, fields)
	if err == nil {
		a.fields[key] = c
	}
	return c, err
}
