package esq_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/esq"
)

func TestPresence(t *testing.T) {
	onEach(t, func(t *testing.T, c *esq.Cluster, prefix string) {
		one := index(t, c, prefix+"one", 1, `{"a":{"type":"keyword"},"text":{"type":"text"}}`)
		two := index(t, c, prefix+"two", 3, `{"a":{"type":"long"}}`)
		put(t, c, one, `1: {"a":"x","text":""}`, `2: {"a":"x"}`, `3: {"a":"y"}`)
		put(t, c, two, `1: {"a":1}`)
		for _, tt := range []struct {
			name    string
			indices []string
			q       esq.Query
			want    esq.Presence
		}{
			{"several", []string{one}, esq.Term{Field: "a", Value: esq.Str("x")}, esq.Presence{Any: true, Shards: 1}},
			{"one", []string{one}, esq.Term{Field: "a", Value: esq.Str("y")}, esq.Presence{Any: true, Shards: 1}},
			{"none", []string{one}, esq.Term{Field: "a", Value: esq.Str("z")}, esq.Presence{Shards: 1}},
			{"an empty text", []string{one}, esq.Exists{Field: "text"}, esq.Presence{Any: true, Shards: 1}},
			{"everything", []string{prefix + "*"}, nil, esq.Presence{Any: true, Shards: 4}},
			{"a pattern of nothing", []string{prefix + "three*"}, nil, esq.Presence{}},
			{"no index", nil, nil, esq.Presence{}},
			{"in the other index only", []string{one, two, prefix + "three*"}, esq.Term{Field: "a", Value: esq.Integer(1)}, esq.Presence{Any: true, Shards: 4}},
		} {
			got, stats, err := c.Presence(t.Context(), tt.indices, tt.q)
			if err != nil || got != tt.want || stats.NoIndex != (tt.want.Shards == 0) {
				t.Errorf("%s: %+v, no index %v, %v; want %+v", tt.name, got, stats.NoIndex, err, tt.want)
			}
		}
		// One type here and another there: the engine cannot make sense of it.
		var refusal *esq.ResponseError
		_, _, err := c.Presence(t.Context(), []string{one, two}, esq.Term{Field: "a", Value: esq.Str("no number")})
		if !errors.As(err, &refusal) || refusal.Status != 400 {
			t.Errorf("a text asked of a number: %v", err)
		}
	})
}

func TestPresenceAsksOnce(t *testing.T) {
	whole := `"timed_out":false,"_shards":{"total":3,"successful":3,"failed":0}`
	for _, tt := range []struct{ name, answer, want string }{
		{"a shard that failed", `{"timed_out":false,"_shards":{"total":3,"successful":2,"failed":1},"hits":{"total":{"value":0,"relation":"eq"}}}`, "2 of 3 shards"},
		{"a time-out", `{"timed_out":true,"_shards":{"total":3,"successful":3,"failed":0},"hits":{"total":{"value":0,"relation":"eq"}}}`, "time-out"},
		{"no count", `{` + whole + `,"hits":{}}`, "did not say"},
		{"something", `{` + whole + `,"hits":{"total":{"value":1,"relation":"gte"}}}`, ""},
	} {
		f := &fake{script: []reply{{body: tt.answer}}}
		p, stats, err := f.open(t).Presence(t.Context(), []string{"a", "b"}, esq.Term{Field: "x", Value: esq.Str("y")})
		if tt.want != "" {
			var partial *esq.PartialError
			if !errors.As(err, &partial) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil || !p.Any || p.Shards != 3 || stats.Requests != 1 || len(f.asked) != 1 {
			t.Errorf("%s: %+v, %+v, %v", tt.name, p, stats, err)
		}
		if body := f.asked[0].Body; member(t, body, "track_total_hits") != "1" || member(t, body, "size") != "0" {
			t.Errorf("body %s", body)
		}
	}
}
