package rules

import (
	"context"
	"strings"
	"sync"

	"github.com/stitchdetect/stitch/esq"
)

// RememberFields returns a searcher that asks only once for the same fields of
// the same indices. It is for one turn: what arrives after the first question
// may bring fields of its own, and a slice of time must be asked about with all
// fields of what had arrived by its end.
func RememberFields(s esq.Searcher) esq.Searcher {
	return &remembering{Searcher: s, known: map[string]map[string]esq.FieldCap{}}
}

type remembering struct {
	esq.Searcher
	mu    sync.Mutex
	known map[string]map[string]esq.FieldCap // by indices and fields
	// documents are those that were read; nil where they may change.
	documents *recollection
}

// FieldCaps implements [esq.Searcher]. The answer is shared, and must stay as it
// is.
func (r *remembering) FieldCaps(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	caps, _, err := r.fieldCaps(ctx, indices, fields)
	return caps, err
}

// fieldCaps says whether the engine was asked, too.
func (r *remembering) fieldCaps(ctx context.Context, indices, fields []string) (caps map[string]esq.FieldCap, asked bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := strings.Join(indices, ",") + " " + strings.Join(fields, ",")
	if caps, known := r.known[key]; known {
		return caps, false, nil
	}
	if caps, err = r.Searcher.FieldCaps(ctx, indices, fields); err == nil {
		r.known[key] = caps
	}
	return caps, true, err
}

// askFields asks what fields are, and counts the request if there is one.
func (s *searcher) askFields(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	asked := true
	var caps map[string]esq.FieldCap
	var err error
	if r, remembers := s.engine.(*remembering); remembers {
		caps, asked, err = r.fieldCaps(ctx, indices, fields)
	} else {
		caps, err = s.engine.FieldCaps(ctx, indices, fields)
	}
	if asked {
		s.stats.Requests++
	}
	return caps, err
}
