package scheduler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// cabinet is an engine that keeps documents and answers no questions about
// others. Its methods may be told to fail.
type cabinet struct {
	esq.Searcher

	mu        sync.Mutex
	documents map[esq.Ref]esq.Document
	seqNo     int64
	calls     int            // of all methods
	writes    int            // documents written
	finder    *memory.Engine // the documents as of foundAt
	foundAt   int64

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
	if c.finder == nil || c.foundAt != c.seqNo {
		c.finder, c.foundAt = memory.New(memory.Options{Now: time.Now}), c.seqNo
		var ops []esq.Write
		for ref, d := range c.documents {
			ops = append(ops, esq.Write{Ref: ref, Source: d.Source})
		}
		if _, err := c.finder.Bulk(ctx, ops, true); err != nil {
			return nil, err
		}
	}
	found, err := c.finder.Find(ctx, indices, q, limit)
	for i, d := range found {
		found[i] = c.documents[d.Ref]
	}
	return found, err
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
	if op.Delete {
		if !old.Found {
			return esq.Outcome{Status: http.StatusNotFound, Err: &esq.ResponseError{Op: "bulk", Status: 404}}
		}
		delete(c.documents, op.Ref)
		return esq.Outcome{Status: 200, SeqNo: c.seqNo, PrimaryTerm: 1}
	}
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

// ledger returns what is stored of a rule's ledger, nil if nothing is.
func (c *cabinet) ledger(rule string) map[string]any {
	for name, doc := range c.under("detections-stitch.state") {
		if strings.HasPrefix(name, "detections-stitch.state/ledger-"+rule+"-") {
			return doc
		}
	}
	return nil
}

// coveredUntil returns how far a rule is covered without a hole, "" if it has
// no ledger.
func (c *cabinet) coveredUntil(rule string) string {
	text, _ := c.ledger(rule)["covered_until"].(string)
	return text
}

// read returns a document as it is now.
func (c *cabinet) read(ref esq.Ref) esq.Document {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.documents[ref]
}

// put writes a document, as a person may.
func (c *cabinet) put(ref esq.Ref, source json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(esq.Write{Ref: ref, Source: source})
}

// remove deletes a document, as a person may.
func (c *cabinet) remove(ref esq.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.documents, ref)
	c.seqNo++
}
