package test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/kuery"
)

// kueryHits is what a query finds, over all worlds: documents as WORLD/ID, or
// WORLD/* for all of a world's, and the worlds whose mapping refuses the query.
type kueryHits struct {
	Query   string   `json:"query"`
	Hits    []string `json:"hits"`
	Refused []string `json:"refused,omitempty"`
}

const kueryGolden = "kuery.hits.json"

// goldenQueries are the queries whose translations package kuery compares as
// text, by name.
func goldenQueries(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../esq/kuery/testdata/golden/*.kql")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden queries: %v", err)
	}
	queries := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		queries[strings.TrimSuffix(filepath.Base(path), ".kql")] = string(text)
	}
	return queries
}

// askKuery asks every golden query of every world.
func askKuery(t *testing.T, worlds map[string]world) map[string]kueryHits {
	t.Helper()
	found := map[string]kueryHits{}
	for name, text := range goldenQueries(t) {
		tree, err := kuery.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found[name] = ask(t, worlds, text, kuery.Translate(tree))
	}
	return found
}

func ask(t *testing.T, worlds map[string]world, text string, q esq.Query) kueryHits {
	t.Helper()
	hits := kueryHits{Query: text, Hits: []string{}}
	for _, name := range slices.Sorted(maps.Keys(worlds)) {
		ids, ok := worlds[name].find(t, q)
		switch {
		case !ok:
			hits.Refused = append(hits.Refused, name)
		case len(ids) == worlds[name].size:
			hits.Hits = append(hits.Hits, name+"/*")
		default:
			for _, id := range ids {
				hits.Hits = append(hits.Hits, name+"/"+id)
			}
		}
	}
	return hits
}

// oneSided names the queries that cannot both find and miss a document in
// the worlds that answer them, and says why.
func oneSided() map[string]string {
	return map[string]string{
		"empty":          "asks nothing",
		"everything":     "asks nothing",
		"field-every":    "a match on a field's pattern finds nothing",
		"field-pattern":  "a match on a field's pattern finds nothing",
		"nested-deep":    "a match on a field's pattern finds nothing",
		"nested-pattern": "no nested field is called a*",
		"null":           "engines refuse to look for null",
		"range-dates":    "what it finds depends on the day of the test, so no document is of that time",
	}
}

// TestKueryHitsTellApart holds the documents to being of use: every query finds
// some and misses some.
func TestKueryHitsTellApart(t *testing.T) {
	t.Parallel()
	worlds := embeddedWorlds(t)
	for name, found := range askKuery(t, worlds) {
		hit, missed := len(found.Hits) > 0, false
		for w := range worlds {
			missed = missed || !slices.Contains(found.Hits, w+"/*") && !slices.Contains(found.Refused, w)
		}
		if why, is := oneSided()[name]; is == (hit && missed) {
			t.Errorf("%s finds some: %t, misses some: %t, but is said to be one-sided: %q", name, hit, missed, why)
		}
	}
}

// TestKueryHits compares what the golden queries find on the embedded engine
// with testdata/languages/kuery.hits.json; -update writes that file.
func TestKueryHits(t *testing.T) {
	t.Parallel()
	golden(t, kueryGolden, oneALine(t, askKuery(t, embeddedWorlds(t))))
}

// checkKuery compares what the golden queries find on a cluster with the same file.
func checkKuery(t *testing.T, worlds map[string]world) {
	t.Helper()
	var want map[string]kueryHits
	readGolden(t, kueryGolden, &want)
	if diff := cmp.Diff(want, askKuery(t, worlds)); diff != "" {
		t.Errorf("hits (-%s +cluster):\n%s", kueryGolden, diff)
	}
}
