package esq

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// searchBody is the body of a search request.
type searchBody struct {
	Size        int               `json:"size"`
	Query       Query             `json:"query"`
	PIT         *pitRef           `json:"pit,omitempty"`
	Sort        []any             `json:"sort,omitempty"`
	SearchAfter []json.RawMessage `json:"search_after,omitempty"`
	Source      any               `json:"_source"`
	SeqNo       bool              `json:"seq_no_primary_term,omitempty"`
	TotalHits   bool              `json:"track_total_hits"`
	MinScore    *int              `json:"min_score,omitempty"`
	Aggs        object            `json:"aggs,omitempty"`

	wanted *leafTree // of each hit's source; nil for none
	most   int       // if set, matches are counted so far and no further
}

// countedBody is a search that counts no further than Most.
type countedBody struct {
	searchBody
	Most int `json:"track_total_hits"`
}

type pitRef struct {
	ID        string `json:"id"`
	KeepAlive string `json:"keep_alive"`
}

// searchAnswer is the answer to a search request.
type searchAnswer struct {
	Took            int64   `json:"took"` // milliseconds
	TimedOut        bool    `json:"timed_out"`
	TerminatedEarly bool    `json:"terminated_early"`
	Shards          *shards `json:"_shards"`
	PIT             string  `json:"pit_id"`
	Hits            struct {
		Total *struct {
			Value    int64  `json:"value"`
			Relation string `json:"relation"`
		} `json:"total"`
		Hits []hit `json:"hits"`
	} `json:"hits"`
	Aggregations json.RawMessage `json:"aggregations"`

	wanted *leafTree
}

// hit is one document in an answer.
type hit struct {
	Index       string            `json:"_index"`
	ID          string            `json:"_id"`
	SeqNo       int64             `json:"_seq_no"`
	PrimaryTerm int64             `json:"_primary_term"`
	Sort        []json.RawMessage `json:"sort"`
	Source      json.RawMessage   `json:"_source"`

	values [][]Value // of the wanted leaves; nil if they were not read
}

// shards counts the shards that were asked and those that answered. A shard
// that was skipped because it cannot hold a match counts as successful.
type shards struct {
	Total      int `json:"total"`
	Successful int `json:"successful"`
	Failed     int `json:"failed"`
}

// whole compares what was asked with what answered. A node that was killed
// shows as fewer successes and no failure.
func (s *shards) whole(op string) error {
	if s == nil {
		return &PartialError{Op: op, Reason: "the answer does not say which shards it is from"}
	}
	if s.Failed > 0 || s.Successful < s.Total {
		return &PartialError{Op: op, Reason: fmt.Sprintf("%d of %d shards answered", s.Successful, s.Total)}
	}
	return nil
}

// written is the body as the engine takes it.
func (c *Cluster) written(op string, body searchBody) ([]byte, error) {
	if body.Source == nil {
		body.Source = false
	}
	if c.dialect.recount {
		body.MinScore = new(int)
	}
	var all any = body
	if body.most > 0 {
		all = countedBody{body, body.most}
	}
	content, err := marshal(all)
	if err != nil {
		return nil, fmt.Errorf("%s: write query: %w", op, err)
	}
	return content, nil
}

// search sends one search request and refuses an answer that is not whole.
// Without indices the body's point in time says where to look.
func (c *Cluster) search(ctx context.Context, op string, indices []string, body searchBody, cost *Stats, answer *searchAnswer) error {
	content, err := c.written(op, body)
	if err != nil {
		return err
	}
	answer.wanted = body.wanted
	return c.send(ctx, op, indices, content, body.Aggs != nil, cost, answer)
}

// send is search with a body that is written already.
func (c *Cluster) send(ctx context.Context, op string, indices []string, content []byte, groups bool, cost *Stats, answer *searchAnswer) error {
	err := c.transport.do(ctx, call{op: op, cost: cost, build: func() esapi.Request {
		req := esapi.SearchRequest{
			Index: escaped(indices), Body: bytes.NewReader(content), AllowPartialSearchResults: esapi.BoolPtr(false),
		}
		if len(indices) > 0 {
			// A point in time has said this already, and may not say it twice.
			req.IgnoreUnavailable, req.AllowNoIndices = esapi.BoolPtr(true), esapi.BoolPtr(true)
		}
		return req
	}}, answer)
	if err != nil {
		return err
	}
	return c.whole(op, groups, cost, answer)
}

// whole notes what an answer took, and refuses one that is not about everything.
func (c *Cluster) whole(op string, groups bool, cost *Stats, answer *searchAnswer) error {
	cost.Took += time.Duration(answer.Took) * time.Millisecond
	if answer.TimedOut {
		return &PartialError{Op: op, Reason: "the engine ran into its time-out"}
	}
	if answer.TerminatedEarly && (!groups || !c.dialect.noisyGroups) {
		return &PartialError{Op: op, Reason: "the engine ended the search early"}
	}
	return answer.Shards.whole(op)
}

// Search calls yield for every hit, of one page if that holds all, else of every
// page of one point in time. Times are compared to the millisecond, since an
// index may hold them as date and another as date_nanos. Documents without a
// time come last and are counted in the answer's Broken.
func (c *Cluster) Search(ctx context.Context, s Search, yield func(Hit) error) (Stats, error) {
	var stats Stats
	err := c.carryOut(ctx, c.searching(s, &stats, yield))
	return stats, err
}

func (c *Cluster) searching(s Search, stats *Stats, yield func(Hit) error) inquiry {
	w := walk{
		op: describeSearch(s), indices: s.Indices, query: s.Query, limit: s.Limit, many: s.Many,
		first: c.pages.first, source: false,
	}
	if len(s.Fields) > 0 {
		w.first, w.wanted = c.pages.some, newLeafTree(s.Fields)
	}
	if s.Time != "" {
		w.order = []any{byTime(s.Time)}
	}
	if len(s.Fields) > 0 || s.Time != "" {
		w.source = object{"includes": sourcePaths(s)}
	}
	w.visit = func(h *hit) error {
		out, err := hitOf(s, h, stats)
		if err != nil {
			return fmt.Errorf("%s: %s/%s: %w", w.op, h.Index, h.ID, err)
		}
		stats.Hits++
		return yield(out)
	}
	return c.inquire(w, stats)
}

func describeSearch(s Search) string {
	op := describe("search", s.Indices)
	if s.Time != "" {
		op += " by " + s.Time
	}
	return op
}

func byTime(field string) object {
	return object{field: object{
		"order": "asc", "missing": json.RawMessage(noTime), "unmapped_type": "date", "numeric_type": "date",
	}}
}

// sourcePaths lists what of the source a search reads: its fields, and what
// their conditions look at.
func sourcePaths(s Search) []string {
	var paths []string
	if s.Time != "" {
		paths = append(paths, s.Time)
	}
	for _, f := range s.Fields {
		paths = append(paths, f.Path)
		parent := f.Path[:strings.LastIndexByte(f.Path, '.')+1]
		for key := range f.Where {
			paths = append(paths, parent+key)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// noTime is the sort value of a document without a time: in 2262, the last
// millisecond that a date_nanos field can be compared with. What _last stands
// for is later, and OpenSearch 3 cannot go on behind that.
const noTime = "9223372036854"

// maxBroken bounds the sample of broken documents in Stats.
const maxBroken = 10

func hitOf(s Search, h *hit, stats *Stats) (Hit, error) {
	out := Hit{Index: h.Index, ID: h.ID, Values: h.values}
	timeless := s.Time != "" && len(h.Sort) > 0 && string(h.Sort[0]) == noTime
	if h.values != nil && !timeless {
		return out, nil
	}
	var source map[string]any
	if len(h.Source) > 0 {
		var err error
		if source, err = DecodeSource(h.Source); err != nil {
			return out, err
		}
	}
	out.Values = make([][]Value, len(s.Fields))
	for i, f := range s.Fields {
		out.Values[i] = Extract(source, f)
	}
	if timeless {
		stats.BrokenCount++
		if len(stats.Broken) < maxBroken {
			stats.Broken = append(stats.Broken, h.Index+"/"+h.ID+": "+noTimeReason(s.Time, source))
		}
	}
	return out, nil
}

func noTimeReason(field string, source map[string]any) string {
	values := Extract(source, Field{Path: field})
	if len(values) == 0 {
		return "no " + field
	}
	return fmt.Sprintf("%s is not indexed as a date: %s", field, oneLine(values[0].String()))
}

// Count returns how many documents match.
func (c *Cluster) Count(ctx context.Context, indices []string, q Query) (int64, Stats, error) {
	var stats Stats
	var count int64
	err := c.carryOut(ctx, c.counting(indices, q, &stats, func(n int64) error { count = n; return nil }))
	return count, stats, err
}

func (c *Cluster) counting(indices []string, query Query, stats *Stats, yield func(int64) error) inquiry {
	q := inquiry{op: describe("count", indices), indices: indices, stats: stats, nothing: func() error { return yield(0) }}
	parts := c.dialect.limits.parts(orAll(query))
	if len(parts) == 1 {
		q.first = &searchBody{Query: parts[0], TotalHits: true}
	}
	q.settle = func(answer *searchAnswer) (bool, error) {
		n, err := answer.total(q.op)
		if err != nil {
			return false, err
		}
		return true, yield(n)
	}
	// The parts overlap, so their counts cannot be added up.
	n := int64(0)
	q.walk = &walk{
		op: q.op, indices: indices, query: query, first: c.pages.most, source: false,
		visit: func(*hit) error { n++; return nil },
		done:  func() error { return yield(n) },
	}
	return q
}

// total returns the exact number of matches.
func (a *searchAnswer) total(op string) (int64, error) {
	if a.Hits.Total == nil || a.Hits.Total.Relation != "eq" {
		return 0, &PartialError{Op: op, Reason: "the engine did not count all matches"}
	}
	return a.Hits.Total.Value, nil
}

func orAll(q Query) Query {
	if q == nil {
		return MatchAll{}
	}
	return q
}

// Find returns whole documents, ordered by index and id. With a limit below 1
// it returns all.
func (c *Cluster) Find(ctx context.Context, indices []string, q Query, limit int) ([]Document, error) {
	var stats Stats
	var found []Document
	w := walk{
		op: describe("find in", indices), indices: indices, query: q, limit: max(limit, 0),
		first: min(c.pages.first, 100), source: true, seqNo: true,
		visit: func(h *hit) error {
			found = append(found, Document{
				Ref: Ref{Index: h.Index, ID: h.ID}, Found: true,
				SeqNo: h.SeqNo, PrimaryTerm: h.PrimaryTerm, Source: h.Source,
			})
			return nil
		},
	}
	err := c.carryOut(ctx, c.inquire(w, &stats))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b Document) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID))
	})
	return found, nil
}
