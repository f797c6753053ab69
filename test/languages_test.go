package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/test/engines"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata/languages from the embedded engine")

const languages = "testdata/languages/"

// A world is one index of testdata/languages/documents.ndjson on some engine.
// Each has its own reading of the fields: in "letters" a is a keyword, in
// "numbers" a number, in "nested" a nested object; "events" are real shapes.
type world struct {
	searcher esq.Searcher
	index    string
	size     int // documents
}

// worldMapping is how a world's fields are typed.
func worldMapping(name string) memory.Mapping {
	if name != "nested" {
		return memory.ECS()
	}
	var rules []memory.Rule
	for _, path := range []string{"user.names", "a", "a.b"} {
		rules = append(rules, memory.Rule{Field: path, Type: memory.Nested})
	}
	return memory.ECS().With(rules...)
}

// worldDocuments are the documents by world, in the order of the file.
func worldDocuments(t *testing.T) map[string][]document {
	t.Helper()
	data, err := os.ReadFile(languages + "documents.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string][]document{}
	for dec := json.NewDecoder(bytes.NewReader(data)); dec.More(); {
		var d document
		if err := dec.Decode(&d); err != nil {
			t.Fatal(err)
		}
		docs[d.Index] = append(docs[d.Index], d)
	}
	return docs
}

// lines writes documents as a bulk request to one index.
func lines(t *testing.T, index string, docs []document) string {
	t.Helper()
	var b strings.Builder
	for _, d := range docs {
		fmt.Fprintf(&b, "{\"index\":{\"_index\":%q,\"_id\":%q}}\n%s\n", index, d.ID, d.Source)
	}
	return b.String()
}

// embeddedWorlds holds each world in an embedded engine of its own.
func embeddedWorlds(t *testing.T) map[string]world {
	t.Helper()
	worlds := map[string]world{}
	for name, docs := range worldDocuments(t) {
		m := memory.New(memory.Options{Mapping: worldMapping(name), Now: time.Now})
		if _, err := m.Load(strings.NewReader(lines(t, name, docs)), name); err != nil {
			t.Fatal(err)
		}
		worlds[name] = world{m, name, len(docs)}
	}
	return worlds
}

// clusterWorlds brings the worlds onto a cluster.
func clusterWorlds(t *testing.T, e engines.Engine) map[string]world {
	t.Helper()
	cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
	if err != nil {
		t.Fatal(err)
	}
	prefix := e.Prefix(t)
	worlds := map[string]world{}
	for name, docs := range worldDocuments(t) {
		index := prefix + name
		mapping, err := worldMapping(name).Template(e.Family)
		if err != nil {
			t.Fatal(err)
		}
		e.Must(t, http.MethodPut, "/"+index, fmt.Sprintf(
			`{"settings":{"number_of_shards":1,"number_of_replicas":0},"mappings":%s}`, mapping))
		var answer struct {
			Errors bool
			Items  []map[string]struct{ Error any }
		}
		if err := json.Unmarshal(e.Must(t, http.MethodPost, "/_bulk?refresh=true", lines(t, index, docs)), &answer); err != nil {
			t.Fatal(err)
		}
		for i, item := range answer.Items {
			if refusal := item["index"].Error; refusal != nil {
				t.Fatalf("%s refuses %s/%s: %v", e.Name, name, docs[i].ID, refusal)
			}
		}
		worlds[name] = world{cluster, index, len(docs)}
	}
	return worlds
}

// TestLanguagesOnClusters asks real clusters what the embedded engine is asked.
func TestLanguagesOnClusters(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		t.Parallel()
		worlds := clusterWorlds(t, e)
		t.Run("kuery", func(t *testing.T) { checkKuery(t, worlds) })
		t.Run("eql", func(t *testing.T) { checkConditions(t, worlds[eqlWorld]) })
	})
}

// find returns the ids of what the query accepts, sorted; ok is false if the
// engine refuses the query as one that its mapping cannot answer.
func (w world) find(t *testing.T, q esq.Query) (ids []string, ok bool) {
	t.Helper()
	ids = []string{}
	_, err := w.searcher.Search(t.Context(), esq.Search{Indices: []string{w.index}, Query: q}, func(h esq.Hit) error {
		ids = append(ids, h.ID)
		return nil
	})
	if refusal, is := errors.AsType[*esq.ResponseError](err); is && refusal.Status == http.StatusBadRequest {
		return nil, false
	}
	if err != nil {
		t.Fatalf("ask %s: %v", compact(t, q), err)
	}
	slices.Sort(ids)
	return ids, true
}

// golden compares got with a file of testdata/languages, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := languages + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// readGolden reads a golden file of JSON.
func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(languages + name)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// oneALine writes an object whose members stand on a line each, in the order of
// their names.
func oneALine[V any](t *testing.T, members map[string]V) string {
	t.Helper()
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(members)) {
		separator := ",\n"
		if i == 0 {
			separator = "{\n"
		}
		fmt.Fprintf(&b, "%s%s: %s", separator, compact(t, name), compact(t, members[name]))
	}
	return b.String() + "\n}\n"
}

// compact writes v as JSON in which <, > and & are themselves.
func compact(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// layout writes decoded JSON for people: what fits on a line stands on one.
func layout(t *testing.T, v any, indent string) string {
	t.Helper()
	line := compact(t, v)
	if len(indent)+len(line) <= 110 {
		return line
	}
	deeper := indent + "  "
	var parts []string
	marks := "[]"
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			parts = append(parts, layout(t, e, deeper))
		}
	case map[string]any:
		marks = "{}"
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, compact(t, key)+": "+layout(t, v[key], deeper))
		}
	default:
		return line
	}
	return marks[:1] + "\n" + deeper + strings.Join(parts, ",\n"+deeper) + "\n" + indent + marks[1:]
}
