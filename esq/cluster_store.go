package esq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// maxGet bounds how many documents are asked for at once.
const maxGet = 500

// Get reads documents by id. One in an index that does not exist is not found;
// any other trouble with one of them is the error of all. An index that was
// made just now cannot be read for a moment: it is asked again.
func (c *Cluster) Get(ctx context.Context, refs []Ref) ([]Document, error) {
	docs := make([]Document, 0, len(refs))
	for chunk := range slices.Chunk(refs, maxGet) {
		some, err := c.getStarted(ctx, chunk)
		if err != nil {
			return nil, err
		}
		docs = append(docs, some...)
	}
	return docs, nil
}

// getStarted asks until the shards have started, as patiently as the retry
// policy is.
func (c *Cluster) getStarted(ctx context.Context, refs []Ref) ([]Document, error) {
	retry := c.transport.retry
	for attempt := 1; ; attempt++ {
		docs, err := c.get(ctx, refs)
		if !starting(err) || attempt >= retry.Attempts {
			return docs, err
		}
		wait := retry.wait(attempt, 0)
		c.transport.retrying()
		c.transport.log.WarnContext(ctx, "index is starting, trying again", "attempt", attempt, "wait", wait, "err", err)
		if err := sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("get: %w", err)
		}
	}
}

// starting reports whether err is about a shard that is not there yet: the one
// that has the document, or its node's picture of where shards are.
func starting(err error) bool {
	var refusal *ResponseError
	return errors.As(err, &refusal) &&
		(refusal.Type == "illegal_index_shard_state_exception" || refusal.Type == "no_shard_available_action_exception")
}

type gotDocument struct {
	Index       string          `json:"_index"`
	ID          string          `json:"_id"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Found       bool            `json:"found"`
	Source      json.RawMessage `json:"_source"`
	Error       *cause          `json:"error"`
}

func (c *Cluster) get(ctx context.Context, refs []Ref) ([]Document, error) {
	type wanted struct {
		Index string `json:"_index"`
		ID    string `json:"_id"`
	}
	op := fmt.Sprintf("get %d documents", len(refs))
	body, err := marshal(object{"docs": mapped(refs, func(r Ref) wanted { return wanted(r) })})
	if err != nil {
		return nil, fmt.Errorf("%s: write ids: %w", op, err)
	}
	var answer struct {
		Docs []gotDocument `json:"docs"`
	}
	err = c.transport.do(ctx, call{op: op, build: func() esapi.Request {
		return esapi.MgetRequest{Body: bytes.NewReader(body)}
	}}, &answer)
	if err != nil {
		return nil, err
	}
	if len(answer.Docs) != len(refs) {
		return nil, &PartialError{Op: op, Reason: fmt.Sprintf("%d of %d documents were answered for", len(answer.Docs), len(refs))}
	}
	docs := make([]Document, len(refs))
	for i, got := range answer.Docs {
		c.transport.secrets.in(got.Error)
		if docs[i], err = got.document(op, refs[i]); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

func (got gotDocument) document(op string, ref Ref) (Document, error) {
	if got.Error != nil {
		refusal := got.Error.refusal(op, http.StatusInternalServerError)
		if refusal.Type == "index_not_found_exception" {
			return Document{Ref: ref}, nil
		}
		refusal.Op = fmt.Sprintf("get %s/%s", ref.Index, ref.ID)
		return Document{}, refusal
	}
	if got.ID != ref.ID {
		return Document{}, &PartialError{Op: op, Reason: fmt.Sprintf("asked for %s, was answered for %s", ref.ID, got.ID)}
	}
	if !got.Found {
		return Document{Ref: ref}, nil
	}
	return Document{
		Ref: Ref{Index: got.Index, ID: got.ID}, Found: true,
		SeqNo: got.SeqNo, PrimaryTerm: got.PrimaryTerm, Source: got.Source,
	}, nil
}
