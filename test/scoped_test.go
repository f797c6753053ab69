package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/test/engines"
)

// scopeField is where a document on a shared cluster says whose it is.
const scopeField = "stitch_test.scope"

// scoped shows the documents of one scenario on a cluster that holds many, as
// if they were alone there: under the indices and ids of their files.
type scoped struct {
	esq.Searcher
	prefix string // of the indices
	scope  string
}

func (s scoped) indices(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = s.prefix + n
	}
	return out
}

func (s scoped) query(q esq.Query) esq.Query {
	return esq.And(esq.Term{Field: scopeField, Value: esq.Str(s.scope)}, q)
}

// Search implements [esq.Searcher].
func (s scoped) Search(ctx context.Context, q esq.Search, yield func(esq.Hit) error) (esq.Stats, error) {
	return s.Searcher.Search(ctx, s.search(q), s.unscoped(yield))
}

func (s scoped) search(q esq.Search) esq.Search {
	q.Indices, q.Query = s.indices(q.Indices), s.query(q.Query)
	return q
}

func (s scoped) unscoped(yield func(esq.Hit) error) func(esq.Hit) error {
	return func(h esq.Hit) error {
		h.Index = strings.TrimPrefix(h.Index, s.prefix)
		h.ID = strings.TrimPrefix(h.ID, s.scope+":")
		return yield(h)
	}
}

// Count implements [esq.Searcher].
func (s scoped) Count(ctx context.Context, indices []string, q esq.Query) (int64, esq.Stats, error) {
	return s.Searcher.Count(ctx, s.indices(indices), s.query(q))
}

// Group implements [esq.Searcher].
func (s scoped) Group(ctx context.Context, g esq.Grouping, yield func(esq.Group) error) (esq.Stats, error) {
	return s.Searcher.Group(ctx, s.group(g), yield)
}

func (s scoped) group(g esq.Grouping) esq.Grouping {
	g.Indices, g.Query = s.indices(g.Indices), s.query(g.Query)
	return g
}

// Ask implements [esq.Searcher].
func (s scoped) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	inner := make([]esq.Question, len(questions))
	for i, q := range questions {
		switch {
		case q.Search != nil:
			inner[i].Search = &esq.Asking{Search: s.search(q.Search.Search), Yield: s.unscoped(q.Search.Yield)}
		case q.Count != nil:
			inner[i].Count = &esq.Counting{Indices: s.indices(q.Count.Indices), Query: s.query(q.Count.Query), Yield: q.Count.Yield}
		case q.Group != nil:
			inner[i].Group = &esq.Sorting{Grouping: s.group(q.Group.Grouping), Yield: q.Group.Yield}
		}
	}
	return s.Searcher.Ask(ctx, inner)
}

// FieldCaps implements [esq.Searcher].
func (s scoped) FieldCaps(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	return s.Searcher.FieldCaps(ctx, s.indices(indices), fields)
}

// document is a search hit, as the scenarios' files hold them.
type document struct {
	Index  string          `json:"_index"`
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
}

// loadScenarios brings the documents of all scenarios onto a cluster, under
// indices of their own with the mapping the embedded engine assumes.
func loadScenarios(t *testing.T, e engines.Engine, all []scenario) (prefix string) {
	t.Helper()
	prefix = e.Prefix(t)
	putTemplate(t, e, prefix, "scenarios", "*", 900, memory.ECS())
	// Filebeat's module keeps o365.audit.Data as one string.
	putTemplate(t, e, prefix, "filebeat", "filebeat-*", 901, memory.Mapping{Rules: slices.DeleteFunc(
		memory.ECS().Rules, func(r memory.Rule) bool { return strings.HasPrefix(r.Field, "o365.audit.Data") })})
	var body bytes.Buffer
	for _, s := range all {
		s.putMappings(t, e, prefix)
		for _, d := range s.documents(t) {
			var source map[string]any
			if err := json.Unmarshal(d.Source, &source); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			source["stitch_test"] = map[string]any{"scope": s.name}
			enc := json.NewEncoder(&body)
			for _, line := range []any{map[string]any{"index": map[string]any{"_index": prefix + d.Index, "_id": s.name + ":" + d.ID}}, source} {
				if err := enc.Encode(line); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	var answer struct {
		Errors bool
		Items  []json.RawMessage
	}
	if err := json.Unmarshal(e.Must(t, http.MethodPost, "/_bulk?refresh=true", body.String()), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Errors {
		for _, item := range answer.Items {
			if bytes.Contains(item, []byte(`"error"`)) {
				t.Errorf("%s refused %s", e.Name, item)
			}
		}
		t.FailNow()
	}
	return prefix
}

// putMappings gives the scenario's own indices their own field types.
func (s scenario) putMappings(t *testing.T, e engines.Engine, prefix string) {
	t.Helper()
	for i, pattern := range slices.Sorted(maps.Keys(s.Mapping)) {
		own := s.Mapping[pattern]
		m := memory.Mapping{Rules: slices.DeleteFunc(memory.ECS().Rules, func(r memory.Rule) bool { return own[r.Field] != "" })}
		for _, field := range slices.Sorted(maps.Keys(own)) {
			m = m.With(memory.Rule{Field: field, Type: own[field]})
		}
		putTemplate(t, e, prefix, fmt.Sprintf("%s-%d", s.name, i), pattern, 902, m)
	}
}

func putTemplate(t *testing.T, e engines.Engine, prefix, name, pattern string, priority int, m memory.Mapping) {
	t.Helper()
	mapping, err := m.With(memory.Rule{Field: scopeField, Type: memory.Keyword}).Template(e.Family)
	if err != nil {
		t.Fatal(err)
	}
	e.Must(t, http.MethodPut, "/_index_template/"+prefix+name, fmt.Sprintf(
		`{"index_patterns":["%s%s"],"priority":%d,"template":{"settings":{"number_of_shards":1,"number_of_replicas":0},"mappings":%s}}`,
		prefix, pattern, priority, mapping))
}
