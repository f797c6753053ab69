package esq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// A bulk request holds at most so many operations and about so many bytes.
const (
	maxBulkOps   = 2_000
	maxBulkBytes = 5 << 20
)

// Bulk writes ops in as many requests as they need, in order.
//
// Operations that the engine had no room for (429, 503) are tried again, by
// themselves. Where a request's fate is unknown, since the connection broke, it
// is sent again: writing a document under its id twice is writing it once. Only
// then may a creation, or a write over a version, meet its own first attempt; a
// conflict is therefore a success if the stored document is the one to be
// written, and stands otherwise. So is a deletion of what is not there any more.
func (c *Cluster) Bulk(ctx context.Context, ops []Write, refresh bool) ([]Outcome, error) {
	b := bulk{c: c, refresh: refresh, outcomes: make([]Outcome, len(ops))}
	for i, op := range ops {
		if op.Index == "" || op.ID == "" {
			return nil, fmt.Errorf("bulk: operation %d names no index or no id", i)
		}
		lines, err := bulkLines(op)
		if err != nil {
			b.outcomes[i] = refused(http.StatusBadRequest, op, "unreadable_source", err.Error())
			continue
		}
		if b.full(len(lines)) {
			if err := b.flush(ctx); err != nil {
				return nil, err
			}
		}
		b.add(bulkItem{at: i, op: op, lines: lines})
	}
	if err := b.flush(ctx); err != nil {
		return nil, err
	}
	return b.outcomes, nil
}

func refused(status int, op Write, kind, reason string) Outcome {
	return Outcome{Status: status, Err: &ResponseError{
		Op: "write " + op.Index + "/" + op.ID, Status: status, Type: kind, Reason: oneLine(reason),
	}}
}

// bulkLines are an operation's two lines; one, if it deletes.
func bulkLines(op Write) ([]byte, error) {
	verb := "index"
	switch {
	case op.Delete:
		verb = "delete"
	case op.Create:
		verb = "create"
	}
	meta := object{"_index": op.Index, "_id": op.ID}
	if op.Match != nil {
		meta["if_seq_no"], meta["if_primary_term"] = op.Match.SeqNo, op.Match.PrimaryTerm
	}
	head, err := marshal(object{verb: meta})
	if err != nil {
		return nil, fmt.Errorf("write operation: %w", err)
	}
	head = append(head, '\n')
	if op.Delete {
		return head, nil
	}
	if !compact(op.Source) {
		b := bytes.NewBuffer(head)
		if err := json.Compact(b, op.Source); err != nil {
			return nil, fmt.Errorf("read source: %w", err)
		}
		b.WriteByte('\n')
		return b.Bytes(), nil
	}
	return append(append(slices.Grow(head, len(op.Source)+1), op.Source...), '\n'), nil
}

// compact reports whether a source is JSON without any space between its parts.
func compact(source []byte) bool {
	d := quickDecoder{text: string(source)}
	return d.skip(0) && d.at == len(d.text) && !d.spaced
}

// A bulk collects operations into requests.
type bulk struct {
	c        *Cluster
	refresh  bool
	items    []bulkItem // of the request at hand
	bytes    int
	outcomes []Outcome
}

type bulkItem struct {
	at    int // the operation's place
	op    Write
	lines []byte
}

func (b *bulk) full(more int) bool {
	return len(b.items) >= maxBulkOps || len(b.items) > 0 && b.bytes+more > maxBulkBytes
}

func (b *bulk) add(item bulkItem) {
	b.items = append(b.items, item)
	b.bytes += len(item.lines)
}

// flush sends what was collected until every operation has an outcome.
func (b *bulk) flush(ctx context.Context) error {
	items := b.items
	b.items, b.bytes = nil, 0
	retry := b.c.transport.retry
	unknown := false
	for attempt := 1; len(items) > 0; attempt++ {
		lost, err := b.send(ctx, items)
		if err != nil {
			return err
		}
		unknown = unknown || lost
		if unknown {
			if err := b.settle(ctx, items); err != nil {
				return err
			}
		}
		if items = b.postponed(items); len(items) == 0 || attempt >= retry.Attempts {
			return nil
		}
		wait := retry.wait(attempt, 0)
		b.c.transport.retrying()
		b.c.transport.log.WarnContext(ctx, "writes put off by the engine, trying again",
			"writes", len(items), "attempt", attempt, "wait", wait)
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("bulk: %w", err)
		}
	}
	return nil
}

// postponed returns the items that the engine had no room for.
func (b *bulk) postponed(items []bulkItem) []bulkItem {
	var again []bulkItem
	for _, item := range items {
		switch b.outcomes[item.at].Status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			again = append(again, item)
		}
	}
	return again
}

type bulkAnswer struct {
	Items []map[string]struct {
		ID          string `json:"_id"`
		Status      int    `json:"status"`
		SeqNo       int64  `json:"_seq_no"`
		PrimaryTerm int64  `json:"_primary_term"`
		Error       *cause `json:"error"`
	} `json:"items"`
}

// send sends one request and notes every item's outcome. Lost says that an
// attempt of it may have been carried out without an answer.
func (b *bulk) send(ctx context.Context, items []bulkItem) (lost bool, err error) {
	var body bytes.Buffer
	for _, item := range items {
		body.Write(item.lines)
	}
	op := fmt.Sprintf("bulk of %d writes", len(items))
	var cost Stats
	var answer bulkAnswer
	err = b.c.transport.do(ctx, call{op: op, cost: &cost, build: func() esapi.Request {
		req := esapi.BulkRequest{Body: bytes.NewReader(body.Bytes())}
		if b.refresh {
			req.Refresh = "true"
		}
		return req
	}}, &answer)
	if err != nil {
		return false, err
	}
	return cost.Requests > 1, b.note(op, items, answer)
}

// note takes the outcomes out of an answer, which must have one for each item,
// in order.
func (b *bulk) note(op string, items []bulkItem, answer bulkAnswer) error {
	if len(answer.Items) != len(items) {
		return &PartialError{Op: op, Reason: fmt.Sprintf("%d of %d writes were answered for", len(answer.Items), len(items))}
	}
	for i, item := range items {
		for _, r := range answer.Items[i] {
			if r.ID != item.op.ID {
				return &PartialError{Op: op, Reason: fmt.Sprintf("wrote %s, was answered for %s", item.op.ID, r.ID)}
			}
			b.outcomes[item.at] = Outcome{Status: r.Status, SeqNo: r.SeqNo, PrimaryTerm: r.PrimaryTerm}
			if r.Error != nil || r.Status >= 300 {
				b.c.transport.secrets.in(r.Error)
				b.outcomes[item.at] = failedWrite(item.op, r.Status, r.Error)
			}
		}
		if len(answer.Items[i]) != 1 {
			return &PartialError{Op: op, Reason: "a write has no single answer"}
		}
	}
	return nil
}

func failedWrite(op Write, status int, c *cause) Outcome {
	if c == nil {
		c = &cause{}
	}
	return Outcome{Status: status, Err: c.refusal("write "+op.Index+"/"+op.ID, status)}
}

// settle turns conflicts with one's own earlier attempt into successes.
func (b *bulk) settle(ctx context.Context, items []bulkItem) error {
	var refs []Ref
	var mine []bulkItem
	for _, item := range items {
		status := b.outcomes[item.at].Status
		if status == http.StatusConflict || item.op.Delete && status == http.StatusNotFound {
			refs, mine = append(refs, item.op.Ref), append(mine, item)
		}
	}
	docs, err := b.c.Get(ctx, refs)
	if err != nil {
		return fmt.Errorf("look after conflicts: %w", err)
	}
	for i, doc := range docs {
		switch op := mine[i].op; {
		case op.Delete && !doc.Found:
			b.outcomes[mine[i].at] = Outcome{Status: http.StatusOK}
		case !op.Delete && doc.Found && sameJSON(doc.Source, op.Source):
			b.outcomes[mine[i].at] = Outcome{Status: http.StatusCreated, SeqNo: doc.SeqNo, PrimaryTerm: doc.PrimaryTerm}
		}
	}
	return nil
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return errors.Join(decodeExact(a, &x), decodeExact(b, &y)) == nil && reflect.DeepEqual(x, y)
}
