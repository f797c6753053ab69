package test

import (
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/kuery"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/test/engines"
)

// planScenario has documents for every stage of both chain rules, and alerts to
// be told apart.
const planScenario = "alert-updated"

// A question is what the planner asks of one source of one stage, and what the
// embedded engine answers.
type question struct {
	Indices []string  `json:"indices"`
	Counted esq.Query `json:"counted,omitempty"` // to see which stage is the rarest
	Query   esq.Query `json:"query"`
	Time    string    `json:"time"`
	Fields  []string  `json:"fields"`
	Hits    []string  `json:"hits"`
}

// stageSource is one source of the view of one stage.
type stageSource struct {
	stage, source string
	filter        string // as JSON: what tells sources of one index apart
	indices       []string
}

// stageSources reads the sources of a rule's stages from the files.
func stageSources(t *testing.T, rule string) []stageSource {
	t.Helper()
	var file struct {
		Rule struct {
			Stage []struct{ ID, Query string }
		}
	}
	if _, err := toml.DecodeFile("../rules/"+rule+".toml", &file); err != nil {
		t.Fatal(err)
	}
	var all []stageSource
	for _, s := range file.Rule.Stage {
		view, _, _ := strings.Cut(s.Query, " ")
		var sources struct {
			Source []struct {
				Name, Filter string
				Index        []string
			}
		}
		if _, err := toml.DecodeFile("../rules/views/"+view+".toml", &sources); err != nil {
			t.Fatal(err)
		}
		for _, src := range sources.Source {
			tree, err := kuery.Parse(src.Filter)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, stageSource{s.ID, src.Name, compact(t, kuery.Translate(tree)), src.Index})
		}
	}
	return all
}

// recorder notes what is asked of each source of each stage.
type recorder struct {
	esq.Searcher
	t       *testing.T
	sources []stageSource
	asked   map[string]*question // by STAGE-SOURCE
	last    int                  // the source that was asked last
}

// of returns the question that a query belongs to; nil stands for what is asked
// about documents without a time.
func (r *recorder) of(indices []string, q esq.Query) *question {
	all, _ := q.(esq.BoolQuery)
	if r.timeless(all) {
		return nil
	}
	at := r.source(indices, q)
	if at < 0 {
		r.t.Fatalf("of which source is the query %s of %v?", compact(r.t, q), indices)
	}
	r.last = at
	name := r.sources[at].stage + "-" + r.sources[at].source
	if r.asked[name] == nil {
		r.asked[name] = &question{Indices: indices}
	}
	return r.asked[name]
}

// source finds the source that a query is of: the one whose filter is among the
// query's own. What can have no hits has no filters; it is of the next source,
// since those of one stage are asked one after the other.
func (r *recorder) source(indices []string, q esq.Query) int {
	all, filtered := q.(esq.BoolQuery)
	if !filtered {
		next := r.last + 1
		if next < len(r.sources) && r.sources[next].stage == r.sources[r.last].stage && slices.Equal(r.sources[next].indices, indices) {
			return next
		}
		return -1
	}
	return slices.IndexFunc(r.sources, func(s stageSource) bool {
		return slices.Equal(s.indices, indices) && slices.ContainsFunc(all.Filter, func(f esq.Query) bool {
			return compact(r.t, f) == s.filter
		})
	})
}

func (r *recorder) timeless(q esq.BoolQuery) bool {
	return slices.ContainsFunc(q.Filter, func(f esq.Query) bool {
		return cmp.Equal(f, esq.Not(esq.Exists{Field: "@timestamp"}))
	})
}

// Count implements [esq.Searcher].
func (r *recorder) Count(ctx context.Context, indices []string, q esq.Query) (int64, esq.Stats, error) {
	if asked := r.of(indices, q); asked != nil {
		asked.Counted = q
	}
	return r.Searcher.Count(ctx, indices, q)
}

// Search implements [esq.Searcher].
func (r *recorder) Search(ctx context.Context, s esq.Search, yield func(esq.Hit) error) (esq.Stats, error) {
	if asked := r.of(s.Indices, s.Query); asked != nil {
		asked.Query, asked.Time, asked.Fields = s.Query, s.Time, pathsOf(s.Fields)
		asked.Hits = hitsOf(r.t, r.Searcher, asked)
	}
	return r.Searcher.Search(ctx, s, yield)
}

// pathsOf names fields as PATH or PATH[KEY=VALUE].
func pathsOf(fields []esq.Field) []string {
	var paths []string
	for _, f := range fields {
		path := f.Path
		for _, key := range slices.Sorted(maps.Keys(f.Where)) {
			path += "[" + key + "=" + f.Where[key] + "]"
		}
		paths = append(paths, path)
	}
	return paths
}

// hitsOf asks an engine one question and returns the documents as INDEX/ID, in
// the order in which they came.
func hitsOf(t *testing.T, engine esq.Searcher, q *question) []string {
	t.Helper()
	hits := []string{}
	_, err := engine.Search(t.Context(), esq.Search{Indices: q.Indices, Query: q.Query, Time: q.Time}, func(h esq.Hit) error {
		hits = append(hits, h.Index+"/"+h.ID)
		return nil
	})
	if err != nil {
		t.Fatalf("ask %s: %v", compact(t, q.Query), err)
	}
	return hits
}

// planned runs a shipped rule over the scenario on the embedded engine and
// returns what was asked, by STAGE-SOURCE.
func planned(t *testing.T, file string, s scenario) map[string]*question {
	t.Helper()
	shipped, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(shipped.Rules, func(r *rules.Rule) bool { return filepath.Base(r.File) == file+".toml" })
	if at < 0 {
		t.Fatalf("no shipped rule %s", file)
	}
	r := &recorder{Searcher: s.embedded(t), t: t, sources: stageSources(t, file), asked: map[string]*question{}}
	result, err := shipped.Rules[at].Run(t.Context(), r, rules.Window{From: s.From, To: s.To})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Alerts) == 0 {
		t.Errorf("%s finds nothing in %s", file, s.name)
	}
	if len(r.asked) != len(r.sources) {
		t.Errorf("%d of %d sources were asked", len(r.asked), len(r.sources))
	}
	return r.asked
}

func chainRules() []string { return []string{"mass_download_usb", "mass_download_usb_6267ce44"} }

func planScenarioOf(t *testing.T) scenario {
	t.Helper()
	all := readScenarios(t)
	at := slices.IndexFunc(all, func(s scenario) bool { return s.name == planScenario })
	if at < 0 {
		t.Fatalf("no scenario %s", planScenario)
	}
	return all[at]
}

// TestPlannedQueries compares what the chain rules ask with
// testdata/languages/RULE-STAGE-SOURCE.json; -update writes these files.
func TestPlannedQueries(t *testing.T) {
	t.Parallel()
	s := planScenarioOf(t)
	var files []string
	for _, rule := range chainRules() {
		for name, asked := range planned(t, rule, s) {
			files = append(files, languages+rule+"-"+name+".json")
			var tree any
			if err := json.Unmarshal([]byte(compact(t, asked)), &tree); err != nil {
				t.Fatal(err)
			}
			golden(t, rule+"-"+name+".json", layout(t, tree, "")+"\n")
		}
	}
	slices.Sort(files)
	there, err := filepath.Glob(languages + "mass_*.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, there); diff != "" {
		t.Errorf("files (-asked +there):\n%s", diff)
	}
}

// TestPlannedQueriesOnClusters asks real clusters the same questions of the
// same documents.
func TestPlannedQueriesOnClusters(t *testing.T) {
	s := planScenarioOf(t)
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		t.Parallel()
		prefix := loadScenarios(t, e, []scenario{s})
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range chainRules() {
			for name, asked := range planned(t, rule, s) {
				if diff := cmp.Diff(asked.Hits, hitsOf(t, scoped{cluster, prefix, s.name}, asked)); diff != "" {
					t.Errorf("%s-%s (-embedded +%s):\n%s", rule, name, e.Name, diff)
				}
			}
		}
	})
}

// Ask implements [esq.Searcher].
func (r *recorder) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	return esq.AskEach(ctx, r, questions)
}
