package memory_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/test/engines"
)

// Where clusters and the embedded engine are known to differ. Everything else
// must be the same on all of them. "E" is Elasticsearch, "O" OpenSearch.
//
//	what                                             | E   | O    | here
//	wildcard on a leaf of a flattened object         | 400 | hits | hits
//	an empty wildcard there                          | 400 | texts that are empty | none
//	range on such a leaf, open at one side           | 400 on 8, hits on 9 | hits | hits
//	exists on such a leaf or on an object around it  | hits, none | 2: none, hits; 3: as E | as E
//	query_string, wildcard not at the end only, in a
//	  flattened object                               | hits | none | hits
//	the same in a leaf of it                         | hits of all leaves if it begins with *, else none | none | hits
//	too long a keyword                               | its field is in _ignored | it is not | as E
//	a number as a bound or term on a date            | ms  | a text first, so 2024 is a year | ms
//	a text and a number as bounds of one range of dates | 400 | hits | hits
//	case_insensitive, or a range over text, with more
//	  than 1,000 characters                          | 400 | 400 | hits
//	term on a long: a number out of its range        | none | 400 | none
//	more than 1,024 clauses, counting all fields     | from heap | 500 | hits
//	equal numbers, dates, booleans of one document
//	  in a grouping                                  | counted once | each counted | counted once
//	grouping by a flattened object or its leaf       | groups | 400 | groups
//
// Documents that clusters refuse are not made: text in a boolean field, objects
// in the place of scalars, one key twice.

// twin is the same documents in the embedded engine and in a cluster.
type twin struct {
	embedded *memory.Engine
	node     engines.Engine
	cluster  *esq.Cluster
	indices  []string
}

func mapping() memory.Mapping {
	return memory.ECS().With(memory.Rule{Field: "objs", Type: memory.Nested})
}

// twins loads documents, as lines of a bulk request by index, into both.
func twins(t *testing.T, node engines.Engine, docs [][]string) *twin {
	t.Helper()
	cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{node.URL}})
	if err != nil {
		t.Fatal(err)
	}
	tw := &twin{embedded: memory.New(memory.Options{Mapping: mapping(), Now: time.Now}), node: node, cluster: cluster}
	body, err := mapping().Template(node.Family)
	if err != nil {
		t.Fatal(err)
	}
	prefix := node.Prefix(t)
	for i, sources := range docs {
		index := fmt.Sprintf("%sdocs-%d", prefix, i)
		tw.indices = append(tw.indices, index)
		node.Must(t, "PUT", "/"+index, `{"settings":{"number_of_shards":1,"number_of_replicas":0},"mappings":`+string(body)+`}`)
		tw.load(t, index, sources)
	}
	return tw
}

func (tw *twin) load(t *testing.T, index string, sources []string) {
	t.Helper()
	var lines strings.Builder
	for i, source := range sources {
		fmt.Fprintf(&lines, "{\"index\":{\"_index\":%q,\"_id\":\"%s-%d\"}}\n%s\n", index, index[len(index)-1:], i, source)
	}
	if _, err := tw.embedded.Load(strings.NewReader(lines.String()), index); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Errors bool
		Items  []map[string]struct{ Error any }
	}
	decode(t, tw.node.Must(t, "POST", "/_bulk?refresh=true", lines.String()), &answer)
	for i, item := range answer.Items {
		if e := item["index"].Error; e != nil {
			t.Fatalf("%s refuses %s: %v", tw.node.Name, sources[i], e)
		}
	}
}

func decode(t *testing.T, raw []byte, out any) {
	t.Helper()
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
}

// refused stands for an answer of status 400.
var refused = []string{"refused with status 400"}

// tooMany stands for the answer to a query over every field so often that a
// cluster counts too many clauses.
var tooMany = []string{"refused for its many clauses"}

// askCluster returns the ids that each query finds, sorted.
func (tw *twin) askCluster(t *testing.T, queries []esq.Query) [][]string {
	t.Helper()
	var found [][]string
	for chunk := range slices.Chunk(queries, 100) {
		var lines bytes.Buffer
		for _, q := range chunk {
			raw, err := q.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&lines, "{\"index\":%q}\n{\"size\":1000,\"_source\":false,\"query\":%s}\n", strings.Join(tw.indices, ","), raw)
		}
		var answer struct {
			Responses []struct {
				Status int
				Error  any
				Hits   struct {
					Hits []struct {
						ID string `json:"_id"`
					}
				}
			}
		}
		decode(t, tw.node.Must(t, "POST", "/_msearch?max_concurrent_searches=2", lines.String()), &answer)
		for i, r := range answer.Responses {
			if r.Status == 400 {
				found = append(found, refused)
				continue
			}
			if r.Error != nil && strings.Contains(fmt.Sprint(r.Error), "maxClauseCount") {
				found = append(found, tooMany)
				continue
			}
			if r.Error != nil {
				t.Fatalf("%s: %v", text(chunk[i]), r.Error)
			}
			ids := []string{}
			for _, h := range r.Hits.Hits {
				ids = append(ids, h.ID)
			}
			slices.Sort(ids)
			found = append(found, ids)
		}
	}
	return found
}

// askEmbedded is askCluster for the embedded engine.
func (tw *twin) askEmbedded(t *testing.T, queries []esq.Query) [][]string {
	t.Helper()
	var found [][]string
	for _, q := range queries {
		found = append(found, search(t, tw.embedded, tw.indices, q))
	}
	return found
}

func search(t testing.TB, e *memory.Engine, indices []string, q esq.Query) []string {
	t.Helper()
	ids := []string{}
	_, err := e.Search(t.Context(), esq.Search{Indices: indices, Query: q, Time: "@timestamp"}, func(h esq.Hit) error {
		ids = append(ids, h.ID)
		return nil
	})
	if isRefusal(err) {
		return refused
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

func text(q esq.Query) string {
	raw, err := q.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// compare asks both. The embedded engine is asked before and after the cluster,
// since "now" goes on.
func (tw *twin) compare(t *testing.T, queries []esq.Query) {
	t.Helper()
	before := tw.askEmbedded(t, queries)
	want := tw.askCluster(t, queries)
	after := tw.askEmbedded(t, queries)
	hits, differ := 0, map[string]int{}
	for i, q := range queries {
		if len(want[i]) > 0 {
			hits++
		}
		if slices.Equal(want[i], before[i]) || slices.Equal(want[i], after[i]) {
			continue
		}
		if slices.Equal(want[i], tooMany) {
			differ["too many clauses"]++
			continue
		}
		if why := tw.known(q); why != "" {
			differ[why]++
			continue
		}
		t.Errorf("%s\nonly %s finds %v\nonly embedded finds %v", shorter(text(q)), tw.node.Name, without(want[i], before[i]), without(before[i], want[i]))
	}
	t.Logf("%d queries, %d of them with hits; known differences: %v", len(queries), hits, differ)
}

// without returns the first of the ids in all that are not in others.
func without(all, others []string) []string {
	rest := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(others, id) })
	return rest[:min(len(rest), 10)]
}

// shorter leaves out what makes long keywords long.
func shorter(s string) string {
	for _, run := range []string{"x", "😀"} {
		s = strings.ReplaceAll(s, strings.Repeat(run, 100), "...")
	}
	return s
}

func TestDifferentialTrees(t *testing.T) {
	t.Parallel()
	engines.Each(t, func(t *testing.T, node engines.Engine) {
		r := maker{rand.New(rand.NewPCG(1, 1)), time.Now()}
		tw := twins(t, node, [][]string{r.documents(120), r.documents(80)})
		var queries []esq.Query
		for range 400 {
			queries = append(queries, r.tree(3))
		}
		tw.compare(t, queries)
	})
}

// TestDifferentialLeaves asks single questions of all types of fields, also
// those that clusters refuse.
func TestDifferentialLeaves(t *testing.T) {
	t.Parallel()
	engines.Each(t, func(t *testing.T, node engines.Engine) {
		r := maker{rand.New(rand.NewPCG(2, 2)), time.Now()}
		tw := twins(t, node, [][]string{r.documents(100)})
		var queries []esq.Query
		for range 900 {
			queries = append(queries, r.wild())
		}
		tw.compare(t, queries)
	})
}

func TestDifferentialGroupsAndCounts(t *testing.T) {
	t.Parallel()
	engines.Each(t, func(t *testing.T, node engines.Engine) {
		r := maker{rand.New(rand.NewPCG(3, 3)), time.Now()}
		tw := twins(t, node, [][]string{r.documents(120), r.documents(80)})
		for range 25 {
			q := r.tree(1)
			for tw.known(q) != "" {
				q = r.tree(1)
			}
			want, _, err := tw.cluster.Count(t.Context(), tw.indices, q)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := tw.embedded.Count(t.Context(), tw.indices, q)
			if err != nil || got != want {
				t.Errorf("count %s: %s %d, embedded %d, %v", text(q), node.Name, want, got, err)
			}
			g := esq.Grouping{Indices: tw.indices, Query: q, By: r.someOf(groupable(node.Family)), Time: "@timestamp"}
			if diff := cmp.Diff(groups(t, tw.cluster, g), groups(t, tw.embedded, g), cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
				t.Errorf("group by %v of %s (-%s +embedded):\n%s", g.By, text(q), node.Name, diff)
			}
			g.By, g.Every = r.someOf(groupable(node.Family)), []time.Duration{time.Millisecond, time.Minute, 90 * time.Second, 36 * time.Hour}[r.IntN(4)]
			if diff := cmp.Diff(groups(t, tw.cluster, g), groups(t, tw.embedded, g), cmp.Comparer(func(a, b esq.Value) bool { return a == b })); diff != "" {
				t.Errorf("group by %v and %v of %s (-%s +embedded):\n%s", g.By, g.Every, text(q), node.Name, diff)
			}
		}
	})
}

func TestDifferentialFieldCaps(t *testing.T) {
	t.Parallel()
	engines.Each(t, func(t *testing.T, node engines.Engine) {
		r := maker{rand.New(rand.NewPCG(4, 4)), time.Now()}
		tw := twins(t, node, [][]string{r.documents(40), {`{"dyn":{"count":"text","more":true}}`}})
		for _, fields := range [][]string{{"*"}, {"user.*", "message", "nowhere"}, {"dyn.count", "dyn.ratio", "objs", "objs.*", "deep", "_id"}} {
			want, err := tw.cluster.FieldCaps(t.Context(), tw.indices, fields)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tw.embedded.FieldCaps(t.Context(), tw.indices, fields)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Silent" }, cmp.Ignore()), flattenedDiffers(node)); diff != "" {
				t.Errorf("%v (-%s +embedded):\n%s", fields, node.Name, diff)
			}
		}
	})
}

// flattenedDiffers leaves out flattened objects where they are called flat_object.
func flattenedDiffers(node engines.Engine) cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool {
		at, ok := p.Last().(cmp.MapIndex)
		return ok && node.Family == engines.OpenSearch && slices.Contains([]string{"m365_defender.event.additional_fields", raw,
			"m365_defender.event.activity.objects", "o365.audit.Data.flattened"}, strings.TrimSuffix(at.Key().String(), "."))
	}, cmp.Ignore())
}

func groupable(family string) []string {
	fields := []string{"event.action", "user.name", "source.ip", "host.ip", "event.created", "process.pid", "dyn.count",
		"dyn.ratio", "volume.removable", "nowhere.to.be.found", "objs.type"}
	if family == engines.Elasticsearch {
		fields = append(fields, raw+".UserId", raw)
	}
	return fields
}

func groups(t *testing.T, s esq.Searcher, g esq.Grouping) []esq.Group {
	t.Helper()
	var all []esq.Group
	_, err := s.Group(t.Context(), g, func(g esq.Group) error {
		all = append(all, g)
		return nil
	})
	if err != nil {
		t.Fatalf("group by %v: %v", g.By, err)
	}
	return all
}
