package esq_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stitchdetect/stitch/esq"
)

// looked is an answer to a question whether something matches.
func looked(n int) string {
	return fmt.Sprintf(`{"took":2,"timed_out":false,"_shards":{"total":3,"successful":3,"failed":0},"hits":{"total":{"value":%d,"relation":"gte"},"hits":[]},"status":200}`, n)
}

// looks asks of each index by itself.
func looks(indices ...string) []esq.Looking {
	var list []esq.Looking
	for _, index := range indices {
		list = append(list, esq.Looking{Indices: []string{index}, Query: esq.Term{Field: "x", Value: esq.Str(index)}})
	}
	return list
}

// briefly says what was answered: "some", "none", or why nobody knows.
func briefly(seen []esq.Seen) []string {
	var list []string
	for _, s := range seen {
		switch {
		case s.Err != nil:
			list = append(list, s.Err.Error())
		case s.Any:
			list = append(list, "some")
		default:
			list = append(list, fmt.Sprint("none in ", s.Shards))
		}
	}
	return list
}

func TestPresencesAreOneRequest(t *testing.T) {
	f := &fake{script: []reply{responses(looked(0), looked(1), looked(0))}}
	list := slices.Insert(looks("a", "b", "c"), 1, esq.Looking{Query: esq.MatchAll{}})
	seen := esq.PresenceOfEach(t.Context(), f.open(t), list)
	if diff := cmp.Diff([]string{"none in 3", "none in 0", "some", "none in 3"}, briefly(seen)); diff != "" {
		t.Error(diff)
	}
	if !seen[1].Stats.NoIndex || seen[0].Stats.NoIndex || seen[0].Stats.Requests+seen[2].Stats.Requests+seen[3].Stats.Requests != 1 || seen[3].Stats.Took == 0 {
		t.Errorf("%+v", seen)
	}
	if len(f.asked) != 1 || f.asked[0].Path != "/_msearch?max_concurrent_searches=1" {
		t.Fatalf("asked %+v", f.asked)
	}
	lines := strings.Split(strings.TrimSuffix(f.asked[0].Body, "\n"), "\n")
	if len(lines) != 6 || lines[2] != `{"allow_no_indices":true,"allow_partial_search_results":false,"ignore_unavailable":true,"index":["b"]}` {
		t.Fatalf("asked\n%s", f.asked[0].Body)
	}
	// Each asks what it asks alone.
	alone := &fake{script: []reply{{body: looked(0)}}}
	esq.PresenceOfEach(t.Context(), alone.open(t), looks("b"))
	if len(alone.asked) != 1 || !strings.HasPrefix(alone.asked[0].Path, "/b/_search?") || lines[3] != strings.TrimSpace(alone.asked[0].Body) {
		t.Errorf("together %s\nalone %+v", lines[3], alone.asked)
	}
}

// What is wrong with one answer is wrong with no other, and is never taken for
// an answer.
func TestEachPresenceHasItsOwnError(t *testing.T) {
	refused := func(status int, kind string) string {
		return fmt.Sprintf(`{"error":{"type":%q,"reason":"x","root_cause":[{"type":%[1]q,"reason":"x"}]},"status":%d}`, kind, status)
	}
	change := func(old, new string) string { return strings.Replace(looked(0), old, new, 1) }
	for name, bad := range map[string]string{
		"2 of 3 shards":         change(`"successful":3`, `"successful":2`),
		"which shards":          change(`_shards`, `shards`),
		"time-out":              change(`"timed_out":false`, `"timed_out":true`),
		"ended the search":      change(`"took":2`, `"took":2,"terminated_early":true`),
		"did not say":           change(`"total":{"value":0,"relation":"gte"},`, ``),
		"query_shard_exception": refused(400, "query_shard_exception"),
		"security_exception":    refused(403, "security_exception"),
	} {
		f := &fake{script: []reply{responses(looked(1), bad, looked(0))}}
		got := briefly(f.open(t).Presences(t.Context(), looks("a", "b", "c")))
		if got[0] != "some" || got[2] != "none in 3" || !strings.Contains(got[1], name) || !strings.Contains(got[1], "look into b") {
			t.Errorf("%s: %q", name, got)
		}
	}
	for name, whole := range map[string]reply{
		"2 of 3 questions were answered": responses(looked(0), looked(0)),
		"unreadable_answer":              {body: `{"responses":17}`},
		"parsing_exception":              {status: 400, body: `{"error":{"type":"parsing_exception","reason":"x"},"status":400}`},
	} {
		f := &fake{script: []reply{whole}}
		for i, got := range briefly(f.open(t).Presences(t.Context(), looks("a", "b", "c"))) {
			if !strings.Contains(got, name) {
				t.Errorf("question %d, want %s: %s", i, name, got)
			}
		}
	}
	// Only what there was no room for is asked again.
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: []reply{responses(looked(0), refused(429, "es_rejected_execution_exception")), responses(looked(1))}}
		if diff := cmp.Diff([]string{"none in 3", "some"}, briefly(f.open(t).Presences(t.Context(), looks("a", "b")))); diff != "" || len(f.script) > 0 {
			t.Error(diff)
		}
		if n := strings.Count(f.asked[1].Body, "\n"); n != 2 {
			t.Errorf("%d lines the second time, want those of one question", n)
		}
	})
}

// Who may not ask together asks all the same, and does not try again.
func TestPresencesApartWhereTheyMayNotTogether(t *testing.T) {
	f := &fake{script: []reply{{status: http.StatusForbidden, body: `{}`}}}
	for range 8 {
		f.script = append(f.script, reply{body: looked(0)})
	}
	c := f.open(t)
	for range 2 {
		seen := c.Presences(t.Context(), looks("a", "b", "c", "d"))
		if diff := cmp.Diff([]string{"none in 3", "none in 3", "none in 3", "none in 3"}, briefly(seen)); diff != "" {
			t.Error(diff)
		}
	}
	if len(f.asked) != 9 || len(f.script) > 0 {
		t.Errorf("%d requests", len(f.asked))
	}
}

// A hundred questions are one request, the hundred and first begins another;
// what is more than one search is asked by itself.
func TestPresencesBeyondOneRequest(t *testing.T) {
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprint("i", i))
	}
	hundred := responses(slices.Repeat([]string{looked(0)}, 100)...)
	var wide []esq.Query
	for i := range 2000 {
		wide = append(wide, esq.Exists{Field: fmt.Sprint("f", i)})
	}
	f := &fake{script: []reply{hundred, responses(looked(1), looked(0)), {body: looked(0)}, {body: looked(1)}}}
	list := append(looks(append(many, "x", "y")...), esq.Looking{Indices: []string{"w"}, Query: esq.Or(wide...)})
	got := briefly(f.open(t).Presences(t.Context(), list))
	if diff := cmp.Diff([]string{"none in 3", "some", "none in 3", "some"}, got[99:]); diff != "" || len(f.asked) != 4 {
		t.Errorf("%d requests %s", len(f.asked), diff)
	}
}

// On every engine the answers are those to each question alone: also where one
// of them makes no sense to the engine.
func TestPresencesTogetherAndAlone(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		one := index(t, c, prefix+"one", 1, `{"a":{"type":"keyword"},"text":{"type":"text"}}`)
		two := index(t, c, prefix+"two", 3, `{"a":{"type":"long"}}`)
		put(t, c, one, `1: {"a":"x","text":""}`, `2: {"a":"x"}`, `3: {"a":"y"}`)
		put(t, c, two, `1: {"a":1}`)
		is := func(text string) esq.Query { return esq.Term{Field: "a", Value: esq.Str(text)} }
		list := []esq.Looking{
			{Indices: []string{one}, Query: is("x")},
			{Indices: []string{one}, Query: is("z")},
			{Indices: []string{one, two}, Query: is("no number")}, // a long here
			{Indices: []string{one}, Query: esq.Exists{Field: "text"}},
			{Indices: []string{prefix + "*"}},
			{Indices: []string{prefix + "three*"}},
			{},
			{Indices: []string{one, two, prefix + "three*"}, Query: esq.Term{Field: "a", Value: esq.Integer(1)}},
			{Indices: []string{prefix + "one", prefix + "-two*"}, Query: is("y")},
		}
		var want []esq.Seen
		for _, q := range list {
			var s esq.Seen
			s.Presence, s.Stats, s.Err = c.Presence(t.Context(), q.Indices, q.Query)
			want = append(want, s)
		}
		got := c.Presences(t.Context(), list)
		opts := cmp.Options{cmpopts.IgnoreFields(esq.Stats{}, "Requests", "Took"), cmp.Transformer("error", func(err error) string {
			if err == nil {
				return ""
			}
			return fmt.Sprint(asResponse(t, err).Status, asResponse(t, err).Type, asResponse(t, err).Op)
		})}
		if diff := cmp.Diff(want, got, opts); diff != "" || got[2].Err == nil {
			t.Errorf("each alone, and together:\n%s", diff)
		}
	})
}
