package esq_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
)

// everything is asked page by page.
var everything = esq.Search{Indices: []string{"i"}, Query: esq.MatchAll{}, Time: "t", Many: true}

func TestAnswersThatAreNotWhole(t *testing.T) {
	good := page(2, 1, 2)
	change := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	tests := []struct {
		name    string
		replies []reply
		want    string
	}{
		{"no word of shards", []reply{{body: change(`_shards`, `shards`)}}, "which shards"},
		{"a shard is missing and none failed", []reply{{body: change(`"successful":3`, `"successful":2`)}}, "2 of 3 shards"},
		{"a shard failed", []reply{{body: change(`"failed":0`, `"failed":1`)}}, "shards"},
		{"timed out", []reply{{body: change(`"timed_out":false`, `"timed_out":true`)}}, "time-out"},
		{"ended early", []reply{{body: change(`"took":1`, `"took":1,"terminated_early":true`)}}, "early"},
		{"total is a bound", []reply{{body: change(`"eq"`, `"gte"`)}}, "count"},
		{"no total", []reply{{body: change(`"hits":{"total":`, `"hits":{"nothing":`)}}, "count"},
		{"pages end too soon", []reply{{body: page(3, 1, 2)}, {body: page(3)}}, "2 of 3 hits"},
		{"pages bring too much", []reply{{body: page(2, 1, 2, 3)}}, "3 of 2 hits"},
		{"shard missing on the second page", []reply{{body: page(3, 1, 2)},
			{body: strings.Replace(page(3, 3), `"successful":3`, `"successful":1`, 1)}}, "1 of 3 shards"},
		{"point in time expired", []reply{{body: page(3, 1, 2)}, {status: 404, body: `{"error":{"root_cause":[
			{"type":"search_context_missing_exception","reason":"No search context found for id [1]"}],"type":"search_phase_execution_exception","reason":"all shards failed"}}`}}, "search_context_missing_exception"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fake{script: tt.replies}
			_, _, err := search(t.Context(), f.open(t), everything)
			if got := asPartial(t, err); !strings.Contains(got.Reason, tt.want) || got.Op != "search i by t" {
				t.Errorf("%v, want %q in it", got, tt.want)
			}
			if f.opened != 1 || f.closed != 1 {
				t.Errorf("%d points in time opened, %d closed", f.opened, f.closed)
			}
		})
	}
}

func TestCountsAndGroupsThatAreNotWhole(t *testing.T) {
	counted := `{"took":1,"timed_out":false,"_shards":{"total":3,"successful":3,"failed":0},"hits":{"total":{"value":5,"relation":"eq"},"hits":[]}%s}`
	for name, bad := range map[string]string{
		"shard":   strings.Replace(fmt.Sprintf(counted, ""), `"successful":3`, `"successful":2`, 1),
		"time":    strings.Replace(fmt.Sprintf(counted, ""), `false`, `true`, 1),
		"total":   strings.Replace(fmt.Sprintf(counted, ""), `eq`, `gte`, 1),
		"missing": `{}`,
	} {
		f := fake{script: []reply{{body: bad}, {body: bad}}}
		c := f.open(t)
		_, _, err := c.Count(t.Context(), []string{"i"}, esq.MatchAll{})
		asPartial(t, err)
		if name == "total" { // which a grouping does not need
			continue
		}
		_, _, err = group(t.Context(), c, esq.Grouping{Indices: []string{"i"}, By: []string{"k"}})
		asPartial(t, err)
	}
	for name, aggregations := range map[string]string{
		"none":     ``,
		"no after": `,"aggregations":{"groups":{"buckets":[{"key":{"0":"a"},"doc_count":1}]}}`,
	} {
		f := fake{script: []reply{{body: fmt.Sprintf(counted, aggregations)}}}
		c := f.open(t)
		c.SetPages(1)
		if _, _, err := group(t.Context(), c, esq.Grouping{Indices: []string{"i"}, By: []string{"k"}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// OpenSearch 3 calls a composite aggregation of everything terminated early.
func TestGroupsMayEndEarlyOnOpenSearch(t *testing.T) {
	body := `{"took":1,"terminated_early":true,"_shards":{"total":1,"successful":1},"hits":{"hits":[]},
		"aggregations":{"groups":{"buckets":[{"key":{"0":null},"doc_count":1}]}}}`
	for info, whole := range map[string]bool{os3Info: true, es8Info: false} {
		f := fake{info: info, script: []reply{{body: body}}}
		groups, _, err := group(t.Context(), f.open(t), esq.Grouping{Indices: []string{"i"}, By: []string{"k"}})
		if (err == nil) != whole || whole && len(groups) != 1 {
			t.Errorf("%v, %d groups", err, len(groups))
		}
	}
}

func TestPages(t *testing.T) {
	f := fake{script: []reply{
		{body: page(5, 1, 2)},
		{status: 503, body: `{}`},
		{body: `{"took":`, cut: io.ErrUnexpectedEOF},
		{body: page(0, 3, 4)},
		{body: page(0, 5)},
	}}
	synctest.Test(t, func(t *testing.T) {
		c := f.open(t)
		c.SetPages(2)
		hits, stats, err := search(t.Context(), c, esq.Search{
			Indices: []string{"logs-*", "a b"}, Query: esq.Term{Field: "x", Value: esq.Str("<&>")}, Time: "t", Many: true,
			Fields: []esq.Field{{Path: "e.Address", Where: map[string]string{"Type": "ip"}}, {Path: "t"}, {Path: "n"}},
		})
		must(t, err)
		if diff := cmp.Diff([]string{"1", "2", "3", "4", "5"}, ids(hits)); diff != "" {
			t.Error(diff)
		}
		if stats.Requests != 7 || stats.Hits != 5 || stats.Took.Milliseconds() != 3 {
			t.Errorf("stats %+v", stats)
		}
	})
	var after, total, pits []string
	for _, a := range f.asked {
		if a.Path != "/_search?allow_partial_search_results=false" {
			t.Errorf("path %s", a.Path)
		}
		after = append(after, member(t, a.Body, "search_after"))
		total = append(total, member(t, a.Body, "track_total_hits"))
		pits = append(pits, member(t, a.Body, "pit"))
	}
	if diff := cmp.Diff([]string{"", "[2,2]", "[2,2]", "[2,2]", "[4,4]"}, after); diff != "" {
		t.Errorf("search_after:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"true", "false", "false", "false", "false"}, total); diff != "" {
		t.Errorf("track_total_hits:\n%s", diff)
	}
	if pits[0] != `{"id":"pit0","keep_alive":"5m"}` || pits[1] != `{"id":"pit2","keep_alive":"5m"}` {
		t.Errorf("points in time: %v", pits)
	}
	for name, want := range map[string]string{
		"size":    "2",
		"query":   `{"term":{"x":{"value":"<&>"}}}`,
		"sort":    `[{"t":{"missing":9223372036854,"numeric_type":"date","order":"asc","unmapped_type":"date"}},{"_shard_doc":"asc"}]`,
		"_source": `{"includes":["e.Address","e.Type","n","t"]}`,
	} {
		if got := member(t, f.asked[0].Body, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestPageSizesFollowTheDocuments(t *testing.T) {
	hits := func(n, size int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"_index":"i","_id":"%d","sort":[%d],"_source":{"x":"%s"}}`, i, i, strings.Repeat("x", size)))
		}
		return fmt.Sprintf(`{"_shards":{"total":1,"successful":1},"hits":{"total":{"value":100000,"relation":"eq"},"hits":[%s]}}`, strings.Join(list, ","))
	}
	f := fake{script: []reply{{body: hits(1000, 10)}, {body: hits(4000, 10)}, {body: hits(10, 1<<20)}, {status: 400}}}
	_, _, err := search(t.Context(), f.open(t), everything)
	asResponse(t, err)
	var sizes []string
	for _, a := range f.asked {
		sizes = append(sizes, member(t, a.Body, "size"))
	}
	if diff := cmp.Diff([]string{"1000", "4000", "10000", "7"}, sizes); diff != "" {
		t.Error(diff)
	}
}

func TestPointInTimeIsClosedWhenTheCallerGoes(t *testing.T) {
	f := fake{script: []reply{{body: page(4, 1, 2)}}}
	c := f.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Search(ctx, everything, func(h esq.Hit) error {
		if h.ID == "2" {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || f.closed != 1 {
		t.Errorf("error %v, %d points in time closed", err, f.closed)
	}
	var unreachable *esq.UnreachableError
	if errors.As(err, &unreachable) {
		t.Errorf("a caller that goes is no cluster that does not answer: %v", err)
	}
}

func TestShardsMissingFromThePointInTime(t *testing.T) {
	forPIT := http.Header{"For": {"pit"}}
	f := fake{script: []reply{{header: forPIT, body: `{"id":"x","_shards":{"total":3,"successful":2,"failed":0}}`}}}
	_, _, err := search(t.Context(), f.open(t), everything)
	asPartial(t, err)
	if f.closed != 1 {
		t.Error("not closed")
	}
}

// What OpenSearch says of a point in time of no indices is not what it means,
// and it says the same while their shards are about to start.
func TestNoIndexOnOpenSearch(t *testing.T) {
	refusal := reply{status: 400, header: http.Header{"For": {"pit"}},
		body: `{"error":{"type":"illegal_argument_exception","reason":"invalid id: [null]"},"status":400}`}
	look := func(shards int) reply {
		return reply{body: fmt.Sprintf(`{"_shards":{"total":%d,"successful":%[1]d},"hits":{"hits":[]}}`, shards)}
	}
	for name, test := range map[string]struct {
		script  []reply
		none    bool
		refused bool
	}{
		"no indices":                 {[]reply{refusal, look(0)}, true, false},
		"shards that start":          {[]reply{refusal, look(3), refusal, look(3), {body: page(0)}}, false, false},
		"shards that never do":       {[]reply{refusal, look(3), refusal, look(3), refusal, look(3)}, false, true},
		"shards that cannot be told": {[]reply{refusal, {status: 403, body: `{}`}}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := fake{info: os2Info, script: test.script}
			_, stats, err := search(t.Context(), f.open(t), everything)
			if stats.NoIndex != test.none || (err != nil) != test.refused {
				t.Errorf("NoIndex %v, error %v", stats.NoIndex, err)
			}
			if len(f.script) > 0 {
				t.Errorf("not asked: %+v", f.script)
			}
			want := "/i/_search/point_in_time?allow_no_indices=true&allow_partial_pit_creation=false&ignore_unavailable=true&keep_alive=5m"
			if f.asked[0].Path != want {
				t.Errorf("opened by %s", f.asked[0].Path)
			}
		})
	}
}

func TestPartsAreMerged(t *testing.T) {
	at := func(total int, places ...int) reply {
		return reply{body: strings.ReplaceAll(page(total, places...), `"successful":3`, `"successful":3`)}
	}
	q := esq.Or(esq.Prefix{Field: "x", Value: "a"}, esq.Prefix{Field: "x", Value: "b"}, esq.Prefix{Field: "x", Value: "c"})
	s := everything
	s.Query = q
	f := fake{script: []reply{at(3, 1, 4, 9), at(2, 4, 5), at(4, 2, 4), at(0, 9, 10)}}
	c := f.open(t)
	c.SetMaxClauses(1)
	hits, stats, err := search(t.Context(), c, s)
	must(t, err)
	if diff := cmp.Diff([]string{"1", "2", "4", "5", "9", "10"}, ids(hits)); diff != "" || stats.Hits != 6 {
		t.Error(diff)
	}
	f = fake{script: []reply{at(2, 1, 4), at(2, 5, 3), at(0)}}
	c = f.open(t)
	c.SetMaxClauses(1)
	_, _, err = search(t.Context(), c, s)
	asPartial(t, err)
}

func TestGroupAsks(t *testing.T) {
	first := reply{body: `{"_shards":{"total":1,"successful":1},"hits":{"hits":[]},"aggregations":{"groups":{"after_key":{"0":"a","1":null},
		"buckets":[{"key":{"0":"a","1":null},"doc_count":2,"first":{"value":1.767225600001E12},"last":{"value":null}}]}}}`}
	// A full page may not be the last: all are read again, of one moment.
	f := fake{script: []reply{first, first,
		{body: `{"_shards":{"total":1,"successful":1},"hits":{"hits":[]},"aggregations":{"groups":{"buckets":[]}}}`}}}
	c := f.open(t)
	c.SetPages(1)
	groups, _, err := group(t.Context(), c, esq.Grouping{Indices: []string{"i"}, By: []string{"a", "b"}, Time: "t"})
	must(t, err)
	if len(groups) != 1 || groups[0].First.Nanosecond() != 1e6 || !groups[0].Last.IsZero() {
		t.Errorf("groups %+v", groups)
	}
	want := `{"groups":{"aggs":{"first":{"min":{"field":"t"}},"last":{"max":{"field":"t"}}},` +
		`"composite":{"after":{"0":"a","1":null},"size":1,"sources":[` +
		`{"0":{"terms":{"field":"a","missing_bucket":true,"order":"asc"}}},{"1":{"terms":{"field":"b","missing_bucket":true,"order":"asc"}}}]}}}`
	if diff := cmp.Diff(want, member(t, f.asked[2].Body, "aggs")); diff != "" || f.opened != 1 || f.closed != 1 {
		t.Errorf("%d points in time opened, %d closed %s", f.opened, f.closed, diff)
	}
}

func TestFieldCapsOfAPartAreNone(t *testing.T) {
	f := fake{script: []reply{{body: `{"fields":{},"failed_indices":1,"failures":[{"indices":["a"],"failure":{"error":{"type":"x","reason":"node left"}}}]}`}}}
	_, err := f.open(t).FieldCaps(t.Context(), []string{"a"}, []string{"k"})
	if got := asPartial(t, err); !strings.Contains(got.Reason, "node left") {
		t.Error(got)
	}
}

func TestGetOfAPart(t *testing.T) {
	refs := []esq.Ref{{Index: "i", ID: "1"}, {Index: "i", ID: "2"}}
	tests := map[string]func(error) bool{
		`{"docs":[{"_id":"1","found":true,"_source":{}}]}`:              isPartial,
		`{"docs":[{"_id":"2","found":false},{"_id":"1","found":true}]}`: isPartial,
		`{"docs":[{"_id":"1","found":false},{"_id":"2","error":{"type":"index_closed_exception","reason":"x"}}]}`: func(err error) bool {
			var refusal *esq.ResponseError
			return errors.As(err, &refusal) && refusal.Op == "get i/2"
		},
	}
	for body, want := range tests {
		f := fake{script: []reply{{body: body}}}
		if docs, err := f.open(t).Get(t.Context(), refs); !want(err) {
			t.Errorf("%s: %v, error %v", body, docs, err)
		}
	}
	f := fake{}
	if docs, err := f.open(t).Get(t.Context(), nil); err != nil || len(docs) != 0 {
		t.Errorf("nothing: %v, %v", docs, err)
	}
}

func isPartial(err error) bool {
	var partial *esq.PartialError
	return errors.As(err, &partial)
}

func TestFindAsksForLittle(t *testing.T) {
	f := fake{script: []reply{{body: page(9, 1, 2)}}}
	docs, err := f.open(t).Find(t.Context(), []string{"i"}, nil, 2)
	must(t, err)
	if len(docs) != 2 || len(f.asked) != 1 || member(t, f.asked[0].Body, "size") != "2" ||
		member(t, f.asked[0].Body, "_source") != "true" || member(t, f.asked[0].Body, "seq_no_primary_term") != "true" {
		t.Errorf("%d documents by %v", len(docs), f.asked)
	}
	if !json.Valid(docs[0].Source) {
		t.Errorf("source %s", docs[0].Source)
	}
}
