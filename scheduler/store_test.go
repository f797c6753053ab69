package scheduler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/stitchdetect/stitch/esq"
)

// cabinet is an engine that keeps documents and answers no searches. Its
// methods may be told to fail.
type cabinet struct {
	esq.Searcher

	mu        sync.Mutex
	documents map[esq.Ref]esq.Document
	seqNo     int64
	calls     int // of all methods
	writes    int // documents written

	// fail is asked before each call, by its number and kind ("get", "find" or
	// "bulk"), what goes wrong.
	fail func(call int, kind string) failure
	// before is called before each bulk request is carried out.
	before func(ops []esq.Write)
}

type failure int

const (
	nothing failure = iota
	noAnswer
	lostAnswer   // carried out, but the answer never came
	refusedItems // bulk: every item refused
)

var errDown = &esq.UnreachableError{Op: "test", Err: errors.New("down")}

func newCabinet() *cabinet { return &cabinet{documents: map[esq.Ref]esq.Document{}} }

var _ esq.Engine = (*cabinet)(nil)

func (c *cabinet) call(kind string) failure {
	c.calls++
	if c.fail == nil {
		return nothing
	}
	return c.fail(c.calls, kind)
}

func (c *cabinet) Get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.call("get") != nothing {
		return nil, errDown
	}
	out := make([]esq.Document, len(refs))
	for i, ref := range refs {
		out[i] = c.documents[ref]
		out[i].Ref = ref
	}
	return out, nil
}

func (c *cabinet) Find(ctx context.Context, indices []string, q esq.Query, limit int) ([]esq.Document, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.call("find") != nothing {
		return nil, errDown
	}
	wanted, ok := q.(esq.IDs)
	if !ok || len(indices) != 1 {
		return nil, fmt.Errorf("cabinet: cannot answer %T", q)
	}
	prefix := strings.TrimSuffix(indices[0], "*")
	var out []esq.Document
	for ref, d := range c.documents {
		if strings.HasPrefix(ref.Index, prefix) && slices.Contains(wanted.Values, ref.ID) && len(out) < limit {
			out = append(out, d)
		}
	}
	return out, nil
}

func (c *cabinet) Bulk(ctx context.Context, ops []esq.Write, _ bool) ([]esq.Outcome, error) {
	if c.before != nil {
		c.before(ops)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	what := c.call("bulk")
	if what == noAnswer {
		return nil, errDown
	}
	outcomes := make([]esq.Outcome, len(ops))
	for i, op := range ops {
		if what == refusedItems {
			outcomes[i] = esq.Outcome{Status: 400, Err: &esq.ResponseError{Op: "bulk", Status: 400, Type: "x", Reason: "refused"}}
			continue
		}
		outcomes[i] = c.write(op)
	}
	if what == lostAnswer {
		return nil, errDown
	}
	return outcomes, nil
}

func (c *cabinet) write(op esq.Write) esq.Outcome {
	old := c.documents[op.Ref]
	if op.Create && old.Found || op.Match != nil && (!old.Found || op.Match.SeqNo != old.SeqNo) {
		return esq.Outcome{Status: http.StatusConflict, Err: &esq.ResponseError{Op: "bulk", Status: 409, Type: "version_conflict_engine_exception"}}
	}
	c.seqNo++
	c.writes++
	c.documents[op.Ref] = esq.Document{Ref: op.Ref, Found: true, SeqNo: c.seqNo, PrimaryTerm: 1, Source: bytes.Clone(op.Source)}
	return esq.Outcome{Status: 200, SeqNo: c.seqNo, PrimaryTerm: 1}
}

// under returns the documents of the indices with this prefix, decoded, by
// index and id.
func (c *cabinet) under(prefix string) map[string]map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]map[string]any{}
	for ref, d := range c.documents {
		if strings.HasPrefix(ref.Index, prefix) {
			var doc map[string]any
			if err := json.Unmarshal(d.Source, &doc); err != nil {
				panic(err)
			}
			out[ref.Index+"/"+ref.ID] = doc
		}
	}
	return out
}

func (c *cabinet) alerts() map[string]map[string]any { return c.under("detections-stitch.alerts") }

// records returns the run records, oldest first.
func (c *cabinet) records() []map[string]any {
	byID := c.under("detections-stitch.runs")
	var out []map[string]any
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		out = append(out, byID[id])
	}
	return out
}

// checkpoint returns what is stored of a rule's checkpoint, "" if nothing is.
func (c *cabinet) checkpoint(rule string) string {
	doc := c.under("detections-stitch.state")["detections-stitch.state/checkpoint-"+rule]
	text, _ := doc["checkpoint"].(string)
	return text
}
