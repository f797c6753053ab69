package memory

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// Get reads documents by id.
func (e *Engine) Get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	now := e.now().UnixMilli()
	docs := make([]esq.Document, len(refs))
	for i, ref := range refs {
		docs[i].Ref = ref
		if ix := e.indices[ref.Index]; ix != nil {
			if d := ix.named(ref.ID); d != nil && (!d.loaded() || ix.arrival(d) <= now) {
				docs[i] = d.whole()
			}
		}
	}
	return docs, ctx.Err()
}

// Bulk writes or deletes all of ops, which searches see at once. A write to an index that
// is not there creates it.
func (e *Engine) Bulk(ctx context.Context, ops []esq.Write, _ bool) ([]esq.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	outcomes := make([]esq.Outcome, len(ops))
	for i, op := range ops {
		outcomes[i] = e.write(op)
	}
	return outcomes, nil
}

func (e *Engine) write(op esq.Write) esq.Outcome {
	if refusal := refusal(op); refusal != nil {
		return esq.Outcome{Status: refusal.Status, Err: refusal}
	}
	if op.Delete && e.indices[op.Index] == nil {
		refusal := refused(op, http.StatusNotFound, "index_not_found_exception", "no such index ["+op.Index+"]")
		return esq.Outcome{Status: refusal.Status, Err: refusal}
	}
	ix := e.index(op.Index)
	old := ix.named(op.ID)
	if refusal := conflict(op, old); refusal != nil {
		return esq.Outcome{Status: refusal.Status, Err: refusal}
	}
	if op.Delete {
		return ix.take(old)
	}
	d, err := ix.put(op.ID, string(op.Source))
	if err != nil {
		refusal := refused(op, http.StatusBadRequest, "document_parsing_exception", err.Error())
		return esq.Outcome{Status: refusal.Status, Err: refusal}
	}
	status := http.StatusOK
	if old == nil {
		status = http.StatusCreated
	}
	return esq.Outcome{Status: status, SeqNo: d.seq, PrimaryTerm: primaryTerm}
}

func refused(op esq.Write, status int, kind, reason string) *esq.ResponseError {
	return &esq.ResponseError{Op: "write " + op.Index + "/" + op.ID, Status: status, Type: kind, Reason: reason}
}

// refusal is for writes that no index takes.
func refusal(op esq.Write) *esq.ResponseError {
	switch {
	case !validIndexName(op.Index):
		return refused(op, http.StatusBadRequest, "invalid_index_name_exception", "Invalid index name ["+op.Index+"]")
	case op.ID == "":
		return refused(op, http.StatusBadRequest, "illegal_argument_exception", "an id is needed")
	case len(op.ID) > 512:
		return refused(op, http.StatusBadRequest, "illegal_argument_exception", "id is too long, must be no longer than 512 bytes")
	case op.Delete && op.Create:
		return refused(op, http.StatusBadRequest, "illegal_argument_exception", "an operation creates or deletes")
	case op.Create && op.Match != nil:
		return refused(op, http.StatusBadRequest, "action_request_validation_exception", "create operations do not support compare and set")
	}
	return nil
}

// validIndexName knows the rules that every engine has for the names of indices.
func validIndexName(name string) bool {
	return name != "" && len(name) <= 255 && name != "." && name != ".." && name == strings.ToLower(name) &&
		!strings.ContainsAny(name, "\\/*?\"<>| ,#:") && !strings.ContainsAny(name[:1], "-_+")
}

// conflict is for writes that want another document to be there than there is,
// or one to delete.
func conflict(op esq.Write, old *document) *esq.ResponseError {
	const kind = "version_conflict_engine_exception"
	switch {
	case op.Create && old != nil:
		return refused(op, http.StatusConflict, kind, "document already exists")
	case op.Delete && old == nil && op.Match == nil:
		return refused(op, http.StatusNotFound, "", "document does not exist")
	case op.Match == nil:
	case old == nil:
		return refused(op, http.StatusConflict, kind, "document does not exist")
	case old.seq != op.Match.SeqNo || op.Match.PrimaryTerm != primaryTerm:
		return refused(op, http.StatusConflict, kind, fmt.Sprintf("required seqNo [%d], primary term [%d], current document has seqNo [%d] and primary term [%d]",
			op.Match.SeqNo, op.Match.PrimaryTerm, old.seq, primaryTerm))
	}
	return nil
}

// Find returns the documents that match, whole, in the order of index and _id:
// the first of them up to the limit, or all with a limit below 1.
func (e *Engine) Find(ctx context.Context, indices []string, q esq.Query, limit int) ([]esq.Document, error) {
	var all []found
	_, err := e.find(ctx, question{"find " + strings.Join(indices, ","), indices, q, ""}, func(f found) { all = append(all, f) })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, compareFound)
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	docs := make([]esq.Document, 0, len(all))
	for _, f := range all {
		docs = append(docs, f.doc.whole())
	}
	return docs, nil
}
