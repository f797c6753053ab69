package esq_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/test/engines"
)

// onEach runs f against a cluster of every engine, with a prefix for its indices.
func onEach(t *testing.T, f func(t *testing.T, c *esq.Cluster, prefix string)) {
	t.Helper()
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		c, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		f(t, c, e.Prefix(t))
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// index creates an index with these mappings' properties.
func index(t *testing.T, c *esq.Cluster, name string, shards int, properties string) string {
	t.Helper()
	body := fmt.Sprintf(`{"settings":{"number_of_shards":%d,"number_of_replicas":0},"mappings":{"properties":%s}}`, shards, properties)
	must(t, c.Do(t.Context(), "PUT", "/"+name, json.RawMessage(body), nil))
	return name
}

// put writes documents "ID: SOURCE" and makes them visible.
func put(t *testing.T, c *esq.Cluster, index string, docs ...string) {
	t.Helper()
	var ops []esq.Write
	for _, doc := range docs {
		id, source, _ := strings.Cut(doc, ": ")
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: index, ID: id}, Source: json.RawMessage(source)})
	}
	outcomes, err := c.Bulk(t.Context(), ops, true)
	must(t, err)
	for _, o := range outcomes {
		must(t, o.Err)
	}
}

func search(ctx context.Context, c esq.Searcher, s esq.Search) ([]esq.Hit, esq.Stats, error) {
	var hits []esq.Hit
	stats, err := c.Search(ctx, s, func(h esq.Hit) error {
		hits = append(hits, h)
		return nil
	})
	return hits, stats, err
}

func group(ctx context.Context, c esq.Searcher, g esq.Grouping) ([]esq.Group, esq.Stats, error) {
	var groups []esq.Group
	stats, err := c.Group(ctx, g, func(g esq.Group) error {
		groups = append(groups, g)
		return nil
	})
	return groups, stats, err
}

func ids(hits []esq.Hit) []string {
	var out []string
	for _, h := range hits {
		out = append(out, h.ID)
	}
	return out
}

func asPartial(t *testing.T, err error) *esq.PartialError {
	t.Helper()
	var partial *esq.PartialError
	if !errors.As(err, &partial) {
		t.Fatalf("error is %T %v, want a PartialError", err, err)
	}
	return partial
}

func asResponse(t *testing.T, err error) *esq.ResponseError {
	t.Helper()
	var refusal *esq.ResponseError
	if !errors.As(err, &refusal) {
		t.Fatalf("error is %T %v, want a ResponseError", err, err)
	}
	return refusal
}

const timeAndKeyword = `{"@timestamp":{"type":"date"},"k":{"type":"keyword"}}`

func TestSearchLosesNothingWhereTimesAreEqual(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		var docs []string
		for i := range 3_000 {
			docs = append(docs, fmt.Sprintf(`%04d: {"@timestamp":"2026-01-01T00:00:00Z","k":"v%d"}`, i, i%1500))
		}
		put(t, c, index(t, c, prefix+"a", 3, timeAndKeyword), docs[:2900]...)
		// The same ids in another index are other documents.
		put(t, c, index(t, c, prefix+"b", 1, timeAndKeyword), docs[2800:]...)
		c.SetPages(700)
		s := esq.Search{Indices: []string{prefix + "*"}, Query: esq.MatchAll{}, Time: "@timestamp", Many: true}
		once, stats, err := search(t.Context(), c, s)
		must(t, err)
		seen := map[esq.Ref]int{}
		for _, h := range once {
			seen[esq.Ref{Index: h.Index, ID: h.ID}]++
		}
		if len(once) != 3_100 || len(seen) != 3_100 || stats.Hits != 3_100 {
			t.Errorf("%d hits, %d documents, %d in stats; want 3,100", len(once), len(seen), stats.Hits)
		}
		if want := 1 + 5 + 1; stats.Requests != want { // open, pages, close
			t.Errorf("%d requests, want %d", stats.Requests, want)
		}
		s.Many = false // so that one page in vain comes before
		again, stats, err := search(t.Context(), c, s)
		must(t, err)
		if want := 1 + 1 + 5 + 1; stats.Requests != want || stats.Hits != 3_100 {
			t.Errorf("%d requests, want %d; %d hits in stats", stats.Requests, want, stats.Hits)
		}
		if !slices.EqualFunc(once, again, func(a, b esq.Hit) bool { return a.Index == b.Index && a.ID == b.ID }) {
			t.Error("the order is another one the second time")
		}
	})
}

func TestSearchWithMoreClausesThanTheEngineTakes(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		var docs []string
		var anyCase, exact []esq.Query
		for i := range 1_500 {
			docs = append(docs, fmt.Sprintf(`%04d: {"@timestamp":"2026-01-01T00:00:%02d.%03dZ","k":["name%d","also%d"]}`, i, i%7, i%1000, i, i))
			anyCase = append(anyCase, esq.Term{Field: "k", Value: esq.Str(fmt.Sprintf("NAME%d", i)), CaseInsensitive: true})
			// Each document is found by two clauses, far apart.
			anyCase = append(anyCase, esq.Term{Field: "k", Value: esq.Str(fmt.Sprintf("ALSO%d", (i+750)%1500)), CaseInsensitive: true})
			exact = append(exact, esq.Term{Field: "k", Value: esq.Str(fmt.Sprintf("name%d", i))})
		}
		put(t, c, index(t, c, prefix+"a", 2, timeAndKeyword), docs...)
		in := []string{prefix + "*"}
		for name, q := range map[string]esq.Query{
			"any case": esq.And(esq.Exists{Field: "k"}, esq.Or(anyCase...)),
			"exact":    esq.And(esq.Exists{Field: "k"}, esq.Or(exact...)),
		} {
			whole, _, err := search(t.Context(), c, esq.Search{Indices: in, Query: esq.MatchAll{}, Time: "@timestamp"})
			must(t, err)
			found, _, err := search(t.Context(), c, esq.Search{Indices: in, Query: q, Time: "@timestamp"})
			must(t, err)
			if diff := cmp.Diff(ids(whole), ids(found)); diff != "" {
				t.Errorf("%s: hits or order (-all +found):\n%s", name, diff)
			}
			n, _, err := c.Count(t.Context(), in, q)
			must(t, err)
			if n != 1_500 {
				t.Errorf("%s: count is %d", name, n)
			}
		}
		_, _, err := group(t.Context(), c, esq.Grouping{Indices: in, Query: esq.Or(anyCase...), By: []string{"k"}})
		if got := asResponse(t, err); got.Type != "too_many_clauses" {
			t.Error(got)
		}
		groups, _, err := group(t.Context(), c, esq.Grouping{Indices: in, Query: esq.Or(exact...), By: []string{"k"}})
		must(t, err)
		if len(groups) != 3_000 {
			t.Errorf("%d groups", len(groups))
		}
	})
}

func TestSearchWithMoreTermsThanTheEngineTakes(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		name := index(t, c, prefix+"a", 1, timeAndKeyword)
		put(t, c, name, `first: {"k":"v0"}`, `last: {"k":"v69999"}`, `other: {"k":"w"}`)
		var values []esq.Value
		var numbers []string
		for i := range 70_000 {
			values = append(values, esq.Str(fmt.Sprintf("v%d", i)))
			numbers = append(numbers, fmt.Sprint(i))
		}
		hits, _, err := search(t.Context(), c, esq.Search{Indices: []string{name}, Query: esq.Terms{Field: "k", Values: values}})
		must(t, err)
		got := ids(hits)
		slices.Sort(got)
		if diff := cmp.Diff([]string{"first", "last"}, got); diff != "" {
			t.Error(diff)
		}
		n, _, err := c.Count(t.Context(), []string{name}, esq.IDs{Values: append(numbers, "last")})
		must(t, err)
		if n != 1 {
			t.Errorf("%d documents by id", n)
		}
	})
}

func TestSearchReadsFieldsHoweverTheyAreSpelled(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		put(t, c, index(t, c, prefix+"a", 1, `{"@timestamp":{"type":"date"},"user":{"properties":{"id":{"type":"keyword"}}}}`),
			`2: {"@timestamp":"2026-01-01T00:00:02.5Z","user.id":"dotted","n":9007199254740993}`,
			`1: {"@timestamp":"2026-01-01T00:00:01Z","user":{"id":["a","b"]},"e":[{"Type":"ip","Address":"::1"},{"Type":"host","Address":"h"}]}`)
		// Without the time and the fields in its mapping, and with finer times.
		put(t, c, index(t, c, prefix+"b", 1, `{"x":{"type":"keyword"}}`), `5: {"x":"no time"}`)
		put(t, c, index(t, c, prefix+"c", 1, `{"@timestamp":{"type":"date_nanos"}}`),
			`3: {"@timestamp":"2026-01-01T00:00:03.123456789Z"}`, `0: {"@timestamp":"2025-01-01T00:00:00Z"}`)
		put(t, c, index(t, c, prefix+"d", 1, `{"@timestamp":{"type":"date","ignore_malformed":true}}`),
			`4: {"@timestamp":"yesterday"}`)
		for _, size := range []int{1, 2, 100} {
			c.SetPages(size)
			hits, stats, err := search(t.Context(), c, esq.Search{
				Indices: []string{prefix + "a", prefix + "b", prefix + "missing", prefix + "c*", prefix + "d", prefix + "nothing*"},
				Query:   esq.MatchAll{}, Time: "@timestamp",
				Fields: []esq.Field{{Path: "user.id"}, {Path: "n"}, {Path: "e.Address", Where: map[string]string{"Type": "ip"}}},
			})
			must(t, err)
			got := ids(hits)
			slices.Sort(got[4:]) // documents without a time are in no order
			if diff := cmp.Diff([]string{"0", "1", "2", "3", "4", "5"}, got); diff != "" {
				t.Errorf("pages of %d: order:\n%s", size, diff)
			}
			want := [][]esq.Value{{esq.Str("a"), esq.Str("b")}, nil, {esq.Str("::1")}}
			if diff := cmp.Diff(want, hits[1].Values, compareValues); diff != "" {
				t.Errorf("values of 1:\n%s", diff)
			}
			want = [][]esq.Value{{esq.Str("dotted")}, {esq.Integer(9007199254740993)}, nil}
			if diff := cmp.Diff(want, hits[2].Values, compareValues); diff != "" {
				t.Errorf("values of 2:\n%s", diff)
			}
			slices.Sort(stats.Broken)
			broken := []string{prefix + "b/5: no @timestamp", prefix + "d/4: @timestamp is not indexed as a date: yesterday"}
			if diff := cmp.Diff(broken, stats.Broken); diff != "" || stats.BrokenCount != 2 {
				t.Errorf("%d broken:\n%s", stats.BrokenCount, diff)
			}
		}
	})
}

func TestSearchStops(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		name := index(t, c, prefix+"a", 1, timeAndKeyword)
		put(t, c, name, `1: {"@timestamp":1}`, `2: {"@timestamp":2}`, `3: {"@timestamp":3}`)
		s := esq.Search{Indices: []string{name}, Time: "@timestamp", Limit: 2}
		hits, stats, err := search(t.Context(), c, s)
		must(t, err)
		if diff := cmp.Diff([]string{"1", "2"}, ids(hits)); diff != "" || stats.Hits != 2 {
			t.Error(diff)
		}
		enough := errors.New("enough")
		stats, err = c.Search(t.Context(), s, func(esq.Hit) error { return enough })
		if !errors.Is(err, enough) || stats.Hits != 1 {
			t.Errorf("%v after %d hits", err, stats.Hits)
		}
	})
}

func TestNoIndexIsNoError(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		closed := index(t, c, prefix+"closed", 1, timeAndKeyword)
		must(t, c.Do(t.Context(), "POST", "/"+closed+"/_close", nil, nil))
		for _, indices := range [][]string{nil, {prefix + "none*"}, {prefix + "none"}, {closed}, {prefix + "clo*"}, {prefix + "none", prefix + "no*"}} {
			_, s1, err1 := search(t.Context(), c, esq.Search{Indices: indices, Query: esq.MatchAll{}, Time: "@timestamp"})
			_, s6, err6 := search(t.Context(), c, esq.Search{Indices: indices, Query: esq.MatchAll{}, Time: "@timestamp", Many: true})
			_, s2, err2 := c.Count(t.Context(), indices, esq.MatchAll{})
			_, s3, err3 := group(t.Context(), c, esq.Grouping{Indices: indices, Query: esq.MatchAll{}, By: []string{"k"}})
			caps, err4 := c.FieldCaps(t.Context(), indices, []string{"k"})
			found, err5 := c.Find(t.Context(), indices, esq.MatchAll{}, 10)
			if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
				t.Errorf("%v: %v", indices, err)
			}
			if !s1.NoIndex || !s2.NoIndex || !s3.NoIndex || !s6.NoIndex || len(caps)+len(found) != 0 {
				t.Errorf("%v: search %v count %v group %v; %v %v", indices, s1.NoIndex, s2.NoIndex, s3.NoIndex, caps, found)
			}
		}
		put(t, c, index(t, c, prefix+"open", 1, timeAndKeyword), `1: {"k":"x"}`)
		hits, stats, err := search(t.Context(), c, esq.Search{Indices: []string{closed, prefix + "none", prefix + "open"}, Query: esq.MatchAll{}})
		must(t, err)
		if len(hits) != 1 || stats.NoIndex {
			t.Errorf("%d hits beside a closed and a missing index; %+v", len(hits), stats)
		}
	})
}

// A listener notes the point in time that was used last.
type listener struct{ pit string }

func (l *listener) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		var body struct{ PIT struct{ ID string } }
		if json.Unmarshal(raw, &body) == nil && body.PIT.ID != "" {
			l.pit = body.PIT.ID
		}
		req.Body = io.NopCloser(bytes.NewReader(raw))
	}
	return http.DefaultTransport.RoundTrip(req)
}

func TestPointInTimeGoneBetweenPages(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		var heard listener
		c, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}, Transport: &heard})
		must(t, err)
		name := index(t, c, e.Prefix(t)+"a", 1, timeAndKeyword)
		put(t, c, name, `1: {"@timestamp":1}`, `2: {"@timestamp":2}`)
		c.SetPages(1)
		n := 0
		_, err = c.Search(t.Context(), esq.Search{Indices: []string{name}, Time: "@timestamp"}, func(esq.Hit) error {
			n++
			if e.Family == esq.OpenSearch {
				body := map[string][]string{"pit_id": {heard.pit}}
				return c.Do(t.Context(), "DELETE", "/_search/point_in_time", body, nil)
			}
			return c.Do(t.Context(), "DELETE", "/_pit", map[string]string{"id": heard.pit}, nil)
		})
		if got := asPartial(t, err); n != 1 || !strings.Contains(got.Reason, "search_context_missing_exception") {
			t.Errorf("%v after %d hits", got, n)
		}
	})
}

func TestIndexGoneBetweenPages(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		name := index(t, c, prefix+"a", 1, timeAndKeyword)
		put(t, c, name, `1: {"@timestamp":1}`, `2: {"@timestamp":2}`)
		c.SetPages(1)
		_, err := c.Search(t.Context(), esq.Search{Indices: []string{name}, Time: "@timestamp"}, func(esq.Hit) error {
			return c.Do(t.Context(), "DELETE", "/"+name, nil, nil)
		})
		asPartial(t, err)
	})
}

// OpenSearch 3 numbers the shards of each index from 0 in _shard_doc.
func TestSearchLosesNothingAcrossIndices(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		var docs []string
		for i := range 10 {
			docs = append(docs, fmt.Sprintf(`%d: {"@timestamp":"2026-01-01T00:00:00Z"}`, i))
		}
		for i := range 4 {
			put(t, c, index(t, c, fmt.Sprintf("%s%d", prefix, i), 1+i%2, timeAndKeyword), docs...)
		}
		for _, size := range []int{1, 3, 7} {
			c.SetPages(size)
			hits, _, err := search(t.Context(), c, esq.Search{Indices: []string{prefix + "*"}, Time: "@timestamp"})
			must(t, err)
			if len(hits) != 40 {
				t.Errorf("pages of %d: %d hits", size, len(hits))
			}
		}
	})
}

func TestGroup(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		put(t, c, index(t, c, prefix+"a", 2, `{"@timestamp":{"type":"date"},"k":{"type":"keyword"},"n":{"type":"long"},"b":{"type":"boolean"},"t":{"type":"text"}}`),
			`1: {"@timestamp":"2026-01-01T00:00:00.001Z","k":["a","b"],"n":[1,9007199254740993],"b":true,"t":"x"}`,
			`2: {"@timestamp":"2026-01-01T00:00:00.002Z","k":"a","n":1}`,
			`3: {"@timestamp":"2026-01-01T00:00:00.003Z","n":1}`,
			`4: {"k":"only"}`,
			`5: {"@timestamp":"2026-01-01T00:00:00.005Z","k":""}`)
		at := func(ms int64) time.Time { return time.UnixMilli(1767225600000 + ms).UTC() }
		none, a, b, one := esq.Value{}, esq.Str("a"), esq.Str("b"), esq.Integer(1)
		want := []esq.Group{
			{Key: []esq.Value{none, one}, Count: 1, First: at(3), Last: at(3)},
			{Key: []esq.Value{esq.Str(""), none}, Count: 1, First: at(5), Last: at(5)},
			{Key: []esq.Value{a, one}, Count: 2, First: at(1), Last: at(2)},
			{Key: []esq.Value{a, esq.Integer(9007199254740993)}, Count: 1, First: at(1), Last: at(1)},
			{Key: []esq.Value{b, one}, Count: 1, First: at(1), Last: at(1)},
			{Key: []esq.Value{b, esq.Integer(9007199254740993)}, Count: 1, First: at(1), Last: at(1)},
			{Key: []esq.Value{esq.Str("only"), none}, Count: 1},
		}
		in := []string{prefix + "*"}
		for _, size := range []int{1, 2, 7, 100} {
			c.SetPages(size)
			got, stats, err := group(t.Context(), c, esq.Grouping{Indices: in, Query: esq.MatchAll{}, By: []string{"k", "n"}, Time: "@timestamp"})
			must(t, err)
			if diff := cmp.Diff(want, got, compareValues); diff != "" || stats.Hits != int64(len(want)) {
				t.Errorf("pages of %d: groups (-want +got):\n%s", size, diff)
			}
		}
		got, _, err := group(t.Context(), c, esq.Grouping{Indices: in, By: []string{"b", "unmapped"}})
		must(t, err)
		want = []esq.Group{{Key: []esq.Value{none, none}, Count: 4}, {Key: []esq.Value{esq.Boolean(true), none}, Count: 1}}
		if diff := cmp.Diff(want, got, compareValues); diff != "" {
			t.Errorf("boolean and unmapped:\n%s", diff)
		}
		got, _, err = group(t.Context(), c, esq.Grouping{Indices: in, Time: "@timestamp"})
		must(t, err)
		if diff := cmp.Diff([]esq.Group{{Key: []esq.Value{}, Count: 5, First: at(1), Last: at(5)}}, got, compareValues); diff != "" {
			t.Errorf("by nothing:\n%s", diff)
		}
		for _, size := range []int{1, 100} {
			c.SetPages(size)
			got, _, err = group(t.Context(), c, esq.Grouping{Indices: in, By: []string{"b"}, Time: "@timestamp", Every: 2 * time.Millisecond})
			must(t, err)
			want = []esq.Group{
				{Key: []esq.Value{none}, Start: at(2), Count: 2, First: at(2), Last: at(3)},
				{Key: []esq.Value{none}, Start: at(4), Count: 1, First: at(5), Last: at(5)},
				{Key: []esq.Value{esq.Boolean(true)}, Start: at(0), Count: 1, First: at(1), Last: at(1)},
			}
			if diff := cmp.Diff(want, got, compareValues); diff != "" {
				t.Errorf("by stretches of time, pages of %d:\n%s", size, diff)
			}
		}
		got, _, err = group(t.Context(), c, esq.Grouping{Indices: in, Time: "@timestamp", Every: time.Hour})
		must(t, err)
		if diff := cmp.Diff([]esq.Group{{Key: []esq.Value{}, Start: at(0), Count: 4, First: at(1), Last: at(5)}}, got, compareValues); diff != "" {
			t.Errorf("by time alone:\n%s", diff)
		}
		_, _, err = group(t.Context(), c, esq.Grouping{Indices: in, By: []string{"t"}})
		if refusal := asResponse(t, err); refusal.Status != 400 || !strings.Contains(refusal.Reason, "fielddata") {
			t.Errorf("text field: %v", refusal)
		}
	})
}

func TestFieldCaps(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		index(t, c, prefix+"a", 1, `{"k":{"type":"keyword"},"o":{"properties":{"n":{"type":"long"}}},"t":{"type":"text"},"off":{"type":"keyword","index":false,"doc_values":false}}`)
		index(t, c, prefix+"b", 1, `{"k":{"type":"text"},"o":{"properties":{"n":{"type":"long"}}}}`)
		got, err := c.FieldCaps(t.Context(), []string{prefix + "*"}, []string{"k", "o.*", "t", "off", "missing", "_id", strings.Repeat("x", 3000)})
		must(t, err)
		want := map[string]esq.FieldCap{
			"k":   {Types: []string{"keyword", "text"}, Searchable: true},
			"o.n": {Types: []string{"long"}, Searchable: true, Aggregatable: true},
			"t":   {Types: []string{"text"}, Searchable: true},
			"off": {Types: []string{"keyword"}},
		}
		if c.Product() == esq.OpenSearch {
			for name, caps := range want {
				caps.Silent = true
				want[name] = caps
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBulkAndGet(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		name := index(t, c, prefix+"a", 1, `{"n":{"type":"long"}}`)
		ref := func(id string) esq.Ref { return esq.Ref{Index: name, ID: id} }
		write := func(ops ...esq.Write) []esq.Outcome {
			t.Helper()
			outcomes, err := c.Bulk(t.Context(), ops, false)
			must(t, err)
			return outcomes
		}
		first := write(
			esq.Write{Ref: ref("1"), Create: true, Source: json.RawMessage("{\n \"n\": 1 }")},
			esq.Write{Ref: ref("1"), Create: true, Source: json.RawMessage(`{"n":1}`)},
			esq.Write{Ref: ref("bad"), Source: json.RawMessage(`{"n":"x"}`)},
			esq.Write{Ref: ref("worse"), Source: json.RawMessage(`{"n":`)},
			esq.Write{Ref: ref("a/b c?%"), Source: json.RawMessage(`{}`)},
		)
		var status []int
		for _, o := range first {
			status = append(status, o.Status)
			if (o.Err == nil) != (o.Status < 300) {
				t.Errorf("status %d with error %v", o.Status, o.Err)
			}
		}
		if diff := cmp.Diff([]int{201, 409, 400, 400, 201}, status); diff != "" {
			t.Error(diff)
		}
		if got := asResponse(t, first[2].Err); !strings.Contains(got.Reason, "[n]") || !strings.Contains(got.Op, "/bad") {
			t.Errorf("mapping error: %v", got)
		}
		docs, err := c.Get(t.Context(), []esq.Ref{ref("1"), ref("2"), {Index: prefix + "none", ID: "1"}, ref("a/b c?%")})
		must(t, err)
		if !docs[0].Found || docs[1].Found || docs[2].Found || !docs[3].Found {
			t.Errorf("found: %+v", docs)
		}
		over := esq.Write{Ref: ref("1"), Match: &docs[0], Source: json.RawMessage(`{"n":2}`)}
		second := write(over)[0]
		if second.Status != 200 || second.Err != nil {
			t.Errorf("write over the version read: %+v", second)
		}
		if stale := write(over)[0]; stale.Status != 409 || stale.Err == nil {
			t.Errorf("write over an old version: %+v", stale)
		}
		docs, err = c.Get(t.Context(), []esq.Ref{ref("1")})
		must(t, err)
		if docs[0].SeqNo != second.SeqNo || docs[0].PrimaryTerm != second.PrimaryTerm || string(docs[0].Source) != `{"n":2}` {
			t.Errorf("stored %+v, written %+v", docs[0], second)
		}
		status = nil
		for _, o := range write(
			esq.Write{Ref: ref("1"), Delete: true, Match: &esq.Document{SeqNo: first[0].SeqNo, PrimaryTerm: first[0].PrimaryTerm}},
			esq.Write{Ref: ref("1"), Delete: true, Match: &docs[0]},
			esq.Write{Ref: ref("1"), Delete: true, Match: &docs[0]},
			esq.Write{Ref: ref("1"), Delete: true},
			esq.Write{Ref: ref("a/b c?%"), Delete: true},
		) {
			status = append(status, o.Status)
			if (o.Err == nil) != (o.Status < 300) {
				t.Errorf("status %d with error %v", o.Status, o.Err)
			}
		}
		if diff := cmp.Diff([]int{409, 200, 409, 404, 200}, status); diff != "" {
			t.Errorf("deletions:\n%s", diff)
		}
		docs, err = c.Get(t.Context(), []esq.Ref{ref("1"), ref("a/b c?%")})
		must(t, err)
		if docs[0].Found || docs[1].Found {
			t.Errorf("deleted and found: %+v", docs)
		}
	})
}

func TestBulkOfManyAndFind(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		var ops []esq.Write
		for i := range 4_100 {
			ops = append(ops, esq.Write{
				Ref:    esq.Ref{Index: fmt.Sprintf("%s%d", prefix, i%2), ID: fmt.Sprintf("%05d", i)},
				Source: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)),
			})
		}
		outcomes, err := c.Bulk(t.Context(), ops, true)
		must(t, err)
		for _, o := range outcomes {
			must(t, o.Err)
		}
		docs, err := c.Find(t.Context(), []string{prefix + "*", prefix + "none"}, esq.MatchAll{}, 0)
		must(t, err)
		if len(docs) != 4_100 || docs[0].ID != "00000" || string(docs[0].Source) != `{"n":0}` || !docs[0].Found || docs[0].PrimaryTerm == 0 {
			t.Errorf("%d documents, first %+v", len(docs), docs[0])
		}
		docs, err = c.Find(t.Context(), []string{prefix + "*"}, esq.MatchAll{}, 150)
		must(t, err)
		if len(docs) != 150 {
			t.Errorf("%d documents, want 150", len(docs))
		}
	})
}

func TestMappingProblemsNameTheirIndex(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		name := index(t, c, prefix+"a", 1, `{"n":{"type":"long"},"@timestamp":{"type":"keyword"}}`)
		put(t, c, name, `1: {"n":1,"@timestamp":"x"}`)
		_, _, err := search(t.Context(), c, esq.Search{Indices: []string{name}, Query: esq.Term{Field: "n", Value: esq.Str("abc")}})
		got := asResponse(t, err)
		if got.Status != 400 || !strings.Contains(got.Reason, name) || !strings.Contains(got.Reason, "abc") {
			t.Errorf("query: %v", got)
		}
		_, _, err = search(t.Context(), c, esq.Search{Indices: []string{name}, Time: "@timestamp"})
		got = asResponse(t, err)
		if got.Status != 400 || !strings.Contains(got.Op, "@timestamp") {
			t.Errorf("time: %v", got)
		}
	})
}

func TestIndexWithoutSource(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		body := json.RawMessage(`{"settings":{"number_of_replicas":0},"mappings":{"_source":{"enabled":false}}}`)
		must(t, c.Do(t.Context(), "PUT", "/"+prefix+"a", body, nil))
		put(t, c, prefix+"a", `1: {"k":"x"}`)
		in := []string{prefix + "a"}
		_, _, err := search(t.Context(), c, esq.Search{Indices: in, Fields: []esq.Field{{Path: "k"}}})
		if got := asResponse(t, err); !strings.Contains(got.Reason, prefix+"a") {
			t.Error(got)
		}
		_, err = c.Find(t.Context(), in, esq.MatchAll{}, 0) // which no engine refuses
		if got := asPartial(t, err); !strings.Contains(got.Reason, prefix+"a") {
			t.Error(got)
		}
		hits, _, err := search(t.Context(), c, esq.Search{Indices: in})
		must(t, err)
		if len(hits) != 1 {
			t.Errorf("%d hits", len(hits))
		}
	})
}

func TestOpenSaysWhatTheClusterIs(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		c, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		must(t, err)
		if c.Product() != e.Family || c.Version() != e.Version || c.Name() == "" || c.UUID() == "" {
			t.Errorf("%s %s %q %q, want %s %s", c.Product(), c.Version(), c.Name(), c.UUID(), e.Family, e.Version)
		}
	})
}

// OpenSearch 3 counts the documents that have words in a text field when it is
// asked for those that have the field.
func TestCountsAnEmptyText(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		name := index(t, c, prefix+"texts", 1, `{"message":{"type":"text"},"@timestamp":{"type":"date"}}`)
		put(t, c, name,
			`1: {"@timestamp":"2024-02-22T10:00:00Z","message":""}`,
			`2: {"@timestamp":"2024-02-22T10:00:01Z","message":"x"}`,
			`3: {"@timestamp":"2024-02-22T10:00:02Z"}`)
		q := esq.Exists{Field: "message"}
		if n, _, err := c.Count(t.Context(), []string{name}, q); err != nil || n != 2 {
			t.Errorf("counted %d, %v; want 2", n, err)
		}
		hits, _, err := search(t.Context(), c, esq.Search{Indices: []string{name}, Query: q, Time: "@timestamp"})
		if err != nil || len(hits) != 2 {
			t.Errorf("found %d, %v; want 2", len(hits), err)
		}
		groups, _, err := group(t.Context(), c, esq.Grouping{Indices: []string{name}, Query: q, Time: "@timestamp"})
		if err != nil || len(groups) != 1 || groups[0].Count != 2 {
			t.Errorf("grouped %v, %v; want one group of 2", groups, err)
		}
	})
}

func TestAnIndexThatNeverSawADocument(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		must(t, c.Do(t.Context(), "PUT", "/"+prefix+"empty", json.RawMessage(`{"settings":{"number_of_replicas":0}}`), nil))
		name := index(t, c, prefix+"full", 1, `{"@timestamp":{"type":"date"}}`)
		put(t, c, name, `1: {"@timestamp":"2024-02-22T10:00:00Z"}`, `2: {"@timestamp":"2024-02-22T10:00:00Z"}`)
		all := []string{prefix + "*"}
		for _, many := range []bool{false, true} {
			hits, _, err := search(t.Context(), c, esq.Search{Indices: all, Query: esq.MatchAll{}, Time: "@timestamp", Many: many})
			if err != nil || len(hits) != 2 {
				t.Errorf("found %d, %v; want 2", len(hits), err)
			}
		}
		found, err := c.Find(t.Context(), all, esq.MatchAll{}, 0)
		if err != nil || len(found) != 2 {
			t.Errorf("found %d documents, %v; want 2", len(found), err)
		}
	})
}
