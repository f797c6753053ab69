package esq_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stitchdetect/stitch/esq"
)

// onePage asks for what one answer may hold.
var onePage = esq.Search{Indices: []string{"i"}, Query: esq.MatchAll{}, Time: "t"}

func TestOnePageIsOneRequest(t *testing.T) {
	hits := func(total string, list ...string) string {
		return fmt.Sprintf(`{"took":1,"timed_out":false,"_shards":{"total":3,"successful":3,"failed":0},
			"hits":{"total":{"value":%s,"relation":"eq"},"hits":[%s]}}`, total, strings.Join(list, ","))
	}
	at := func(index, id string, place int) string {
		return fmt.Sprintf(`{"_index":%q,"_id":%q,"sort":[%d],"_source":{}}`, index, id, place)
	}
	f := fake{script: []reply{{body: hits("4", at("b", "1", 1), at("a", "3", 1), at("a", "2", 1), at("a", "1", 2))}}}
	found, stats, err := search(t.Context(), f.open(t), onePage)
	must(t, err)
	if diff := cmp.Diff([]string{"2", "3", "1", "1"}, ids(found)); diff != "" {
		t.Errorf("hits of one time are not in the order of index and id:\n%s", diff)
	}
	if stats.Requests != 1 || stats.Hits != 4 || f.opened != 0 {
		t.Errorf("%+v, %d points in time opened", stats, f.opened)
	}
	if diff := cmp.Diff([]string{"1000", "true", `[{"t":{"missing":9223372036854,"numeric_type":"date","order":"asc","unmapped_type":"date"}}]`},
		[]string{member(t, f.asked[0].Body, "size"), member(t, f.asked[0].Body, "track_total_hits"), member(t, f.asked[0].Body, "sort")}); diff != "" {
		t.Error(diff)
	}

	for name, bad := range map[string]string{
		"fewer hits than there are": hits("2", at("a", "1", 1)),
		"more hits than there are":  hits("0", at("a", "1", 1)),
		"no total":                  strings.Replace(hits("1", at("a", "1", 1)), `"total":{"value"`, `"none":{"value"`, 1),
		"a bound for a total":       strings.Replace(hits("1", at("a", "1", 1)), `"eq"`, `"gte"`, 1),
		"a shard less":              strings.Replace(hits("1", at("a", "1", 1)), `"successful":3`, `"successful":2`, 1),
		"timed out":                 strings.Replace(hits("1", at("a", "1", 1)), `"timed_out":false`, `"timed_out":true`, 1),
		"no source":                 strings.Replace(hits("1", at("a", "1", 1)), `,"_source":{}`, ``, 1),
	} {
		f := fake{script: []reply{{body: bad}}}
		if found, _, err := search(t.Context(), f.open(t), onePage); !isPartial(err) || len(found) > 0 {
			t.Errorf("%s: %d hits, %v", name, len(found), err)
		}
	}
}

// A list is what questions were answered with, in order.
type list []string

func (l *list) search(s esq.Search) esq.Question {
	return esq.Question{Search: &esq.Asking{Search: s, Yield: func(h esq.Hit) error { *l = append(*l, "hit "+h.ID); return nil }}}
}

func (l *list) count(q esq.Query, indices ...string) esq.Question {
	return esq.Question{Count: &esq.Counting{Indices: indices, Query: q, Yield: func(n int64) error {
		*l = append(*l, fmt.Sprint("count ", n))
		return nil
	}}}
}

func (l *list) group(g esq.Grouping) esq.Question {
	return esq.Question{Group: &esq.Sorting{Grouping: g, Yield: func(g esq.Group) error {
		*l = append(*l, fmt.Sprint("group ", g.Key, g.Count))
		return nil
	}}}
}

const counted = `{"took":2,"timed_out":false,"_shards":{"total":3,"successful":3,"failed":0},"hits":{"total":{"value":%d,"relation":"eq"},"hits":[]},"status":200}`

func responses(list ...string) reply {
	return reply{body: `{"took":9,"responses":[` + strings.Join(list, ",") + `]}`}
}

func TestQuestionsGoOutTogether(t *testing.T) {
	groups := `{"took":4,"_shards":{"total":1,"successful":1},"hits":{"hits":[]},"aggregations":{"groups":{"buckets":[{"key":{"0":"k"},"doc_count":2}]}}}`
	f := fake{script: []reply{responses(fmt.Sprintf(counted, 7), page(2, 1, 2), groups)}}
	var got list
	stats, err := f.open(t).Ask(t.Context(), []esq.Question{
		got.count(esq.MatchAll{}, "a", "b*"), got.count(nil), got.search(onePage), got.group(esq.Grouping{Indices: []string{"g"}, By: []string{"k"}}),
	})
	must(t, err)
	if diff := cmp.Diff(list{"count 7", "count 0", "hit 1", "hit 2", "group [k] 2"}, got); diff != "" {
		t.Error(diff)
	}
	if len(stats) != 4 || stats[0].Requests != 1 || stats[0].Took.Milliseconds() != 2 || !stats[1].NoIndex || stats[2].Hits != 2 || stats[3].Requests != 0 || stats[3].Took.Milliseconds() != 4 {
		t.Errorf("stats %+v", stats)
	}
	if len(f.asked) != 1 || f.asked[0].Path != "/_msearch?max_concurrent_searches=2" || f.opened != 0 {
		t.Errorf("asked %+v", f.asked)
	}
	lines := strings.Split(strings.TrimSuffix(f.asked[0].Body, "\n"), "\n")
	if len(lines) != 6 || lines[0] != `{"allow_no_indices":true,"allow_partial_search_results":false,"ignore_unavailable":true,"index":["a","b*"]}` ||
		member(t, lines[3], "size") != "1000" || member(t, lines[5], "aggs") == "" {
		t.Errorf("asked\n%s", f.asked[0].Body)
	}
}

// Each answer must be whole; those before one that is not are handed over.
func TestAnAnswerAmongOthersThatIsNotWhole(t *testing.T) {
	good := fmt.Sprintf(counted, 1)
	change := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, bad := range map[string]string{
		"a shard less":        change(`"successful":3`, `"successful":2`),
		"a shard failed":      change(`"failed":0`, `"failed":1`),
		"no word of shards":   change(`_shards`, `shards`),
		"timed out":           change(`"timed_out":false`, `"timed_out":true`),
		"ended early":         change(`"took":2`, `"took":2,"terminated_early":true`),
		"a bound for a total": change(`"eq"`, `"gte"`),
	} {
		f := fake{script: []reply{responses(good, bad, good)}}
		var got list
		_, err := f.open(t).Ask(t.Context(), []esq.Question{got.count(nil, "a"), got.count(nil, "b"), got.count(nil, "c")})
		var which *esq.QuestionError
		if !isPartial(err) || !errors.As(err, &which) || which.Question != 1 || asPartial(t, err).Op != "count b" || len(got) != 1 {
			t.Errorf("%s: %v, answers %v", name, err, got)
		}
	}
	f := fake{script: []reply{responses(good)}}
	var got list
	if _, err := f.open(t).Ask(t.Context(), []esq.Question{got.count(nil, "a"), got.count(nil, "b")}); !isPartial(err) || len(got) > 0 {
		t.Errorf("an answer is missing: %v, answers %v", err, got)
	}
}

func TestOnlyWhatThereWasNoRoomForIsAskedAgain(t *testing.T) {
	refused := func(status int, kind string) string {
		return fmt.Sprintf(`{"error":{"type":%q,"reason":"x","root_cause":[{"type":%[1]q,"reason":"x"}]},"status":%d}`, kind, status)
	}
	full := refused(429, "es_rejected_execution_exception")
	one, two := fmt.Sprintf(counted, 1), fmt.Sprintf(counted, 2)
	ask := func(t *testing.T, f *fake) (got list, stats []esq.Stats, err error) {
		stats, err = f.open(t).Ask(t.Context(), []esq.Question{got.count(nil, "a"), got.count(nil, "b")})
		return got, stats, err
	}
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: []reply{responses(one, full), responses(refused(503, "x")), responses(two)}}
		got, stats, err := ask(t, f)
		must(t, err)
		if diff := cmp.Diff(list{"count 1", "count 2"}, got); diff != "" || stats[0].Requests+stats[1].Requests != 3 {
			t.Errorf("%+v %s", stats, diff)
		}
		if n := strings.Count(f.asked[2].Body, "\n"); n != 2 {
			t.Errorf("%d lines the last time, want those of one question", n)
		}
		f = &fake{script: []reply{responses(one, full), responses(full), responses(full), responses(full), responses(full)}}
		if got, _, err := ask(t, f); asResponse(t, err).Status != 429 || len(got) != 1 || len(f.script) > 0 {
			t.Errorf("%v, answers %v, not asked %d times", err, got, len(f.script))
		}
		for _, final := range []string{refused(400, "x"), refused(503, "too_many_buckets_exception")} {
			f = &fake{script: []reply{responses(one, final)}}
			if _, _, err := ask(t, f); asResponse(t, err).Op != "count b" || len(f.asked) != 1 {
				t.Errorf("%v after %d requests", err, len(f.asked))
			}
		}
		f = &fake{script: []reply{{status: 503, body: `{}`}, responses(one, two)}}
		if _, _, err := ask(t, f); err != nil || len(f.asked) != 2 {
			t.Errorf("%v after %d requests", err, len(f.asked))
		}
	})
}

// OpenSearch has a privilege for multi-searches: a role that was made before
// there were any here has not got it.
func TestQuestionsGoOutApartWhereTheyMayNotTogether(t *testing.T) {
	one, two := reply{body: fmt.Sprintf(counted, 1)}, reply{body: fmt.Sprintf(counted, 2)}
	f := &fake{script: []reply{{status: http.StatusForbidden, body: `{}`}, one, two, two, one}}
	c := f.open(t)
	var got list
	for range 2 {
		_, err := c.Ask(t.Context(), []esq.Question{got.count(nil, "a"), got.count(nil, "b")})
		must(t, err)
	}
	if diff := cmp.Diff(list{"count 1", "count 2", "count 2", "count 1"}, got); diff != "" || len(f.asked) != 5 {
		t.Errorf("%d requests %s", len(f.asked), diff)
	}
}

// Whatever is asked together is answered as it is alone, on every engine, also
// what does not fit into one answer.
func TestQuestionsTogetherAndAlone(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		var docs []string
		for i := range 40 {
			docs = append(docs, fmt.Sprintf(`%d: {"@timestamp":%d,"k":"v%d"}`, i, i/3, i%5))
		}
		a := index(t, c, prefix+"a", 2, timeAndKeyword)
		put(t, c, a, docs...)
		put(t, c, index(t, c, prefix+"b", 1, timeAndKeyword), docs[:7]...)
		all, few := []string{prefix + "*"}, esq.Term{Field: "k", Value: esq.Str("v1")}
		closed := index(t, c, prefix+"closed", 1, timeAndKeyword)
		must(t, c.Do(t.Context(), "POST", "/"+closed+"/_close", nil, nil))
		var got list
		questions := []esq.Question{
			got.search(esq.Search{Indices: all, Time: "@timestamp"}),
			got.search(esq.Search{Indices: all, Query: few, Time: "@timestamp", Fields: []esq.Field{{Path: "k"}}}),
			got.search(esq.Search{Indices: []string{a}, Time: "@timestamp", Limit: 5}),
			got.search(esq.Search{Indices: []string{a}, Query: few, Time: "@timestamp", Many: true}),
			got.search(esq.Search{Indices: []string{prefix + "none*"}, Time: "@timestamp"}),
			got.count(few, all...), got.count(nil, closed), got.count(nil),
			got.group(esq.Grouping{Indices: all, By: []string{"k"}, Time: "@timestamp"}),
			got.group(esq.Grouping{Indices: []string{a}, Query: few}),
		}
		for _, size := range []int{3, 12, 1000} {
			c.SetPages(size)
			got = nil
			apart, err := esq.AskEach(t.Context(), c, questions)
			must(t, err)
			want := got
			got = nil
			together, err := c.Ask(t.Context(), questions)
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" || len(got) < 40 {
				t.Errorf("pages of %d, apart and together:\n%s", size, diff)
			}
			if diff := cmp.Diff(apart, together, cmpopts.IgnoreFields(esq.Stats{}, "Requests", "Took")); diff != "" {
				t.Errorf("pages of %d, stats:\n%s", size, diff)
			}
		}
		refused := []esq.Question{got.count(nil, a), got.group(esq.Grouping{Indices: []string{a}, By: []string{"_source"}})}
		var which *esq.QuestionError
		if _, err := c.Ask(t.Context(), refused); !errors.As(err, &which) || which.Question != 1 || asResponse(t, err).Status != 400 {
			t.Errorf("a question that no engine takes: %v", err)
		}
	})
}
