package simulation

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// store holds alerts, run records and state as a cluster does: documents can be
// deleted, and searches see a write after a refresh only.
type store struct {
	now *memory.Engine // what Get sees and what is written over
	// The embedded engine deletes nothing. deleted says at which version a
	// document was when it was deleted.
	deleted map[esq.Ref]esq.Document

	shown    *memory.Engine // what searches see
	versions map[esq.Ref]esq.Document
	pending  []change // not yet shown, oldest first
	writes   int
}

// change is a document that was written or deleted.
type change struct {
	esq.Ref
	at ms
}

// refreshInterval is when searches see a write that asked for no refresh.
const refreshInterval = 1 * second

func newStore() *store {
	return &store{
		now: memory.New(memory.Options{Now: base.Local}), shown: memory.New(memory.Options{Now: base.Local}),
		deleted: map[esq.Ref]esq.Document{}, versions: map[esq.Ref]esq.Document{},
	}
}

func (s *store) isDeleted(r esq.Ref) bool {
	_, gone := s.deleted[r]
	return gone
}

// delete takes a document away.
func (s *store) delete(d esq.Document, now ms) {
	s.deleted[d.Ref] = d
	s.pending = append(s.pending, change{d.Ref, now})
}

// get returns documents as they are now.
func (s *store) get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	docs, err := s.now.Get(ctx, refs)
	for i, d := range docs {
		if s.isDeleted(d.Ref) {
			docs[i] = esq.Document{Ref: d.Ref}
		}
	}
	return docs, err
}

// find returns documents as the last refresh before now left them.
func (s *store) find(ctx context.Context, indices []string, q esq.Query, limit int, now ms) ([]esq.Document, error) {
	if err := s.show(func(c change) bool { return c.at+refreshInterval <= now }); err != nil {
		return nil, err
	}
	docs, err := s.shown.Find(ctx, indices, q, 0)
	if err != nil {
		return nil, err
	}
	docs = slices.DeleteFunc(docs, func(d esq.Document) bool { return !s.versions[d.Ref].Found })
	for i, d := range docs {
		docs[i] = s.versions[d.Ref]
	}
	if limit > 0 && len(docs) > limit {
		docs = docs[:limit]
	}
	return docs, nil
}

// show lets searches see changes.
func (s *store) show(which func(change) bool) error {
	var still []change
	for _, c := range s.pending {
		if !which(c) {
			still = append(still, c)
			continue
		}
		docs, err := s.get(context.Background(), []esq.Ref{c.Ref})
		if err != nil {
			return err
		}
		s.versions[c.Ref] = docs[0]
		if !docs[0].Found {
			continue
		}
		if _, err := s.shown.Bulk(context.Background(), []esq.Write{{Ref: c.Ref, Source: docs[0].Source}}, true); err != nil {
			return err
		}
	}
	s.pending = still
	return nil
}

// bulk carries out a bulk request.
func (s *store) bulk(ops []esq.Write, refresh bool, now ms) ([]esq.Outcome, error) {
	out := make([]esq.Outcome, len(ops))
	indices := map[string]bool{}
	for i, op := range ops {
		o, err := s.write(op, now)
		if err != nil {
			return nil, err
		}
		out[i] = o
		indices[op.Index] = true
	}
	if refresh {
		return out, s.show(func(c change) bool { return indices[c.Index] })
	}
	return out, nil
}

func (s *store) write(op esq.Write, now ms) (esq.Outcome, error) {
	if old, gone := s.deleted[op.Ref]; gone {
		if op.Delete || op.Match != nil {
			err := &esq.ResponseError{Op: "write " + op.ID, Status: http.StatusConflict, Type: "version_conflict_engine_exception", Reason: "document does not exist"}
			return esq.Outcome{Status: err.Status, Err: err}, nil
		}
		op.Create, op.Match = false, &old
	}
	if op.Delete {
		return s.remove(op, now)
	}
	outcomes, err := s.now.Bulk(context.Background(), []esq.Write{op}, true)
	if err != nil {
		return esq.Outcome{}, err
	}
	if outcomes[0].Err == nil {
		s.writes++
		delete(s.deleted, op.Ref)
		s.pending = append(s.pending, change{op.Ref, now})
	}
	return outcomes[0], nil
}

// remove carries out the deletion of a document as it was read.
func (s *store) remove(op esq.Write, now ms) (esq.Outcome, error) {
	docs, err := s.get(context.Background(), []esq.Ref{op.Ref})
	if err != nil {
		return esq.Outcome{}, err
	}
	if op.Match == nil || docs[0].SeqNo != op.Match.SeqNo {
		err := &esq.ResponseError{Op: "delete " + op.ID, Status: http.StatusConflict, Type: "version_conflict_engine_exception", Reason: "another version"}
		return esq.Outcome{Status: err.Status, Err: err}, nil
	}
	s.writes++
	s.delete(docs[0], now)
	return esq.Outcome{Status: http.StatusOK}, nil
}

// all returns the documents of indices as they are now, in the order of index
// and id.
func (s *store) all(t testing.TB, pattern string) []esq.Document {
	t.Helper()
	docs, err := s.now.Find(context.Background(), []string{pattern}, esq.MatchAll{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(docs, func(d esq.Document) bool { return s.isDeleted(d.Ref) })
}
