package dashboards_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/kuery"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/mappings/dashboards"
	"github.com/stitchdetect/stitch/test/engines"
)

var update = flag.Bool("update", false, "write golden files")

type object = map[string]any

// savedObject is a line of a file, its nested JSON read.
type savedObject struct {
	Type, ID   string
	Attributes object
	References []struct{ ID, Name, Type string }
	Version    map[string]string `json:"migrationVersion"`

	source struct {
		Query        struct{ Query, Language string }
		Filter       []any
		IndexRefName string
	}
	state struct {
		Title, Type string
		Aggs        []aggregation
		Params      object
	}
	panels []struct {
		PanelIndex, PanelRefName, Version string
		GridData                          struct {
			X, Y, W, H int
			I          string
		}
	}
}

type aggregation struct {
	ID, Type, Schema string
	Enabled          bool
	Params           object
}

// nested reads JSON out of a string, to the last byte.
func nested(t *testing.T, text any, into any) {
	t.Helper()
	s, ok := text.(string)
	if !ok {
		t.Fatalf("%v is no text", text)
	}
	dec := json.NewDecoder(strings.NewReader(s))
	if err := dec.Decode(into); err != nil || dec.More() {
		t.Fatalf("%s: %v", s, err)
	}
}

func read(t *testing.T, f dashboards.File) []savedObject {
	t.Helper()
	var list []savedObject
	for line := range bytes.Lines(f.Content) {
		var o savedObject
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if meta, ok := o.Attributes["kibanaSavedObjectMeta"].(object); ok {
			nested(t, meta["searchSourceJSON"], &o.source)
		}
		switch o.Type {
		case "visualization":
			nested(t, o.Attributes["visState"], &o.state)
			nested(t, o.Attributes["uiStateJSON"], &object{})
		case "dashboard":
			nested(t, o.Attributes["panelsJSON"], &o.panels)
			nested(t, o.Attributes["optionsJSON"], &object{})
		}
		list = append(list, o)
	}
	return list
}

func files(t *testing.T, names mappings.Names) []dashboards.File {
	t.Helper()
	list, err := dashboards.Files(names)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 {
		t.Fatalf("%d files", len(list))
	}
	return list
}

// The files are the same each time, and as they were reviewed.
func TestFiles(t *testing.T) {
	for i, f := range files(t, mappings.Names{}) {
		if again := files(t, mappings.Names{})[i]; !bytes.Equal(f.Content, again.Content) {
			t.Errorf("%s differs the second time", f.Name)
		}
		golden := filepath.Join("testdata", f.Name)
		if *update {
			if err := os.WriteFile(golden, f.Content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(f.Content)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.Name, diff)
		}
	}
}

// What an object speaks of is in the file, before it, and everything that is
// made is on the board, where nothing lies on anything else.
func TestReferences(t *testing.T) {
	for _, f := range files(t, mappings.Names{}) {
		list := read(t, f)
		seen, used := map[string]bool{}, map[string]bool{}
		for _, o := range list {
			named := map[string]string{}
			for _, r := range o.References {
				if !seen[r.Type+"/"+r.ID] {
					t.Errorf("%s: %s refers to %s %s, which is not before it", f.Name, o.ID, r.Type, r.ID)
				}
				used[r.Type+"/"+r.ID] = true
				named[r.Name] = r.Type
			}
			if seen[o.Type+"/"+o.ID] || o.Version[o.Type] == "" {
				t.Errorf("%s: %s is there twice, or says no version: %v", f.Name, o.ID, o.Version)
			}
			seen[o.Type+"/"+o.ID] = true
			if ref := o.source.IndexRefName; ref != "" && named[ref] != "index-pattern" || ref == "" && (o.Type == "search" || o.Type == "visualization") {
				t.Errorf("%s: the data view of %s is %q", f.Name, o.ID, ref)
			}
			checkBoard(t, o, named)
		}
		for _, o := range list {
			if o.Type != "dashboard" && !used[o.Type+"/"+o.ID] {
				t.Errorf("%s: nothing shows %s", f.Name, o.ID)
			}
		}
	}
}

func checkBoard(t *testing.T, o savedObject, named map[string]string) {
	t.Helper()
	taken := map[[2]int]string{}
	for _, p := range o.panels {
		if named[p.PanelRefName] == "" || p.PanelIndex != p.GridData.I {
			t.Errorf("panel %s refers to %q", p.PanelIndex, p.PanelRefName)
		}
		g := p.GridData
		if g.X < 0 || g.X+g.W > 48 || g.W < 1 || g.H < 1 {
			t.Errorf("panel %s lies outside: %+v", p.PanelIndex, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("panel %s lies on panel %s", p.PanelIndex, other)
				}
				taken[[2]int{x, y}] = p.PanelIndex
			}
		}
	}
}

// ofWhich are the index patterns by the ids of their objects.
func ofWhich(list []savedObject) map[string]string {
	patterns := map[string]string{}
	for _, o := range list {
		if o.Type == "index-pattern" {
			patterns[o.ID] = o.Attributes["title"].(string)
		}
	}
	return patterns
}

func (o savedObject) view() string {
	for _, r := range o.References {
		if r.Type == "index-pattern" {
			return r.ID
		}
	}
	return ""
}

// fieldsOf are the types of the fields of the index templates, by the index
// pattern and the dotted path.
func fieldsOf(t *testing.T, family string) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	note := putter(func(path string, body any) {
		if !strings.HasPrefix(path, "/_index_template/") {
			return
		}
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		var template struct {
			Patterns []string `json:"index_patterns"`
			Template struct{ Mappings object }
		}
		if err := json.Unmarshal(raw, &template); err != nil {
			t.Fatal(err)
		}
		out[template.Patterns[0]] = flat(template.Template.Mappings, "")
	})
	if _, err := mappings.Bootstrap(t.Context(), note, family, mappings.Names{}); err != nil {
		t.Fatal(err)
	}
	return out
}

func flat(mapping object, path string) map[string]string {
	out := map[string]string{}
	if kind, ok := mapping["type"].(string); ok {
		out[path] = kind
	}
	properties, _ := mapping["properties"].(object)
	for name, inner := range properties {
		maps.Copy(out, flat(inner.(object), strings.TrimPrefix(path+"."+name, ".")))
	}
	return out
}

type putter func(path string, body any)

func (p putter) Do(_ context.Context, method, path string, body, _ any) error {
	if method == http.MethodGet {
		return &esq.ResponseError{Op: path, Status: http.StatusNotFound}
	}
	p(path, body)
	return nil
}

// Every field is one of the templates', with a type that does what is asked of
// it.
func TestFieldsAreThere(t *testing.T) {
	fits := map[string][]string{
		"terms": {"keyword", "ip", "boolean"}, "cardinality": {"keyword", "ip"}, "max": {"date", "long", "float"}, "sum": {"long", "float"},
		"date_histogram": {"date"},
	}
	for _, family := range []string{mappings.Elasticsearch, mappings.OpenSearch} {
		fields := fieldsOf(t, family)
		for _, f := range files(t, mappings.Names{}) {
			list := read(t, f)
			patterns := ofWhich(list)
			checked := 0
			for _, o := range list {
				types := fields[patterns[o.view()]]
				if o.Type == "index-pattern" {
					types = fields[o.Attributes["title"].(string)]
					if name := o.Attributes["timeFieldName"].(string); types[name] != "date" {
						t.Errorf("%s: the time of %s is a %q", f.Name, o.ID, types[name])
					}
				}
				for _, a := range o.state.Aggs {
					field, _ := a.Params["field"].(string)
					if a.Type == "count" {
						continue
					}
					checked++
					if !slices.Contains(fits[a.Type], types[field]) {
						t.Errorf("%s: %s: %s of %s, which is a %q", f.Name, o.ID, a.Type, field, types[field])
					}
				}
				columns, _ := o.Attributes["columns"].([]any)
				for _, column := range columns {
					checked++
					if types[column.(string)] == "" {
						t.Errorf("%s: %s: no field %s", f.Name, o.ID, column)
					}
				}
				if o.source.Query.Query == "" {
					continue
				}
				node, err := kuery.Parse(o.source.Query.Query)
				if err != nil || o.source.Query.Language != "kuery" {
					t.Errorf("%s: %s: %v", f.Name, o.ID, err)
					continue
				}
				for _, field := range kuery.Fields(node) {
					checked++
					if types[field] == "" {
						t.Errorf("%s: %s: no field %s", f.Name, o.ID, field)
					}
				}
			}
			if checked < 40 {
				t.Errorf("%s: only %d fields looked at", f.Name, checked)
			}
		}
	}
}

// What stands behind each panel is asked of real nodes, about what a release of
// stitch left on them; every panel shows something.
func TestPanelsShowSomething(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		names := mappings.Names{Prefix: e.Prefix(t) + "stitch"}
		if _, err := mappings.Bootstrap(t.Context(), cluster, e.Family, names); err != nil {
			t.Fatal(err)
		}
		load(t, cluster, names)
		list := read(t, files(t, names)[0])
		patterns := ofWhich(list)
		shown := 0
		for _, o := range list {
			if o.Type != "search" && o.Type != "visualization" {
				continue
			}
			index := patterns[o.view()]
			ids := matching(t, cluster, index, o.source.Query.Query)
			if len(ids) == 0 {
				t.Errorf("%s: nothing matches %s", o.ID, o.source.Query.Query)
			}
			shown++
			if o.Type == "visualization" {
				show(t, e, o, index, ids)
			}
		}
		if shown < 10 {
			t.Errorf("%d searches and panels", shown)
		}
	})
}

// load brings the documents of the first release onto a cluster.
func load(t *testing.T, store esq.Store, names mappings.Names) {
	t.Helper()
	data, err := os.ReadFile("../../test/testdata/upgrade/v1/documents.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var ops []esq.Write
	for line := range bytes.Lines(data) {
		var d struct {
			Index  string          `json:"_index"`
			ID     string          `json:"_id"`
			Source json.RawMessage `json:"_source"`
		}
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		source := bytes.Replace(d.Source, []byte(`"kibana.alert.workflow_status":"closed"`), []byte(`"kibana.alert.workflow_status":"open"`), 1)
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: strings.Replace(d.Index, "upgrade-v1-stitch", names.Prefix, 1), ID: d.ID}, Source: source})
	}
	outcomes, err := store.Bulk(t.Context(), ops, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Err != nil {
			t.Fatalf("%s: %v", ops[i].ID, o.Err)
		}
	}
}

// matching are the ids of what a panel's query accepts.
func matching(t *testing.T, store esq.Store, index, query string) []string {
	t.Helper()
	node, err := kuery.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	found, err := store.Find(t.Context(), []string{index}, kuery.Translate(node), math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range found {
		ids = append(ids, d.ID)
	}
	return ids
}

// show asks what a panel shows of these documents: its buckets, each in the one
// before, and its figures in the innermost.
func show(t *testing.T, e engines.Engine, o savedObject, index string, ids []string) {
	t.Helper()
	figures := object{}
	var buckets []aggregation
	for _, a := range o.state.Aggs {
		switch {
		case a.Schema != "metric":
			buckets = append(buckets, a)
		case a.Type != "count":
			figures[a.ID] = object{a.Type: object{"field": a.Params["field"]}}
		}
	}
	aggs := figures
	for _, a := range slices.Backward(buckets) {
		body := object{"field": a.Params["field"]}
		switch a.Type {
		case "terms":
			body["size"] = a.Params["size"]
			order := a.Params["orderBy"].(string)
			if figures[order] == nil {
				order = "_count"
			}
			body["order"] = object{order: a.Params["order"]}
		case "date_histogram":
			body["fixed_interval"], body["min_doc_count"] = "1h", a.Params["min_doc_count"]
		default:
			t.Fatalf("%s: unknown buckets %s", o.ID, a.Type)
		}
		outer := object{a.Type: body}
		if len(aggs) > 0 {
			outer["aggs"] = aggs
		}
		aggs = object{a.ID: outer}
	}
	asked, err := json.Marshal(object{"size": 0, "query": object{"ids": object{"values": ids}}, "aggs": aggs})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Aggregations object }
	if err := json.Unmarshal(e.Must(t, http.MethodPost, "/"+index+"/_search", string(asked)), &answer); err != nil {
		t.Fatal(err)
	}
	within := answer.Aggregations
	for _, a := range buckets {
		list, _ := within[a.ID].(object)["buckets"].([]any)
		if len(list) == 0 {
			t.Errorf("%s: %s of %v has no buckets", o.ID, a.Type, a.Params["field"])
			return
		}
		within = list[0].(object)
		if n, _ := within["doc_count"].(float64); n < 1 {
			t.Errorf("%s: an empty bucket of %v", o.ID, a.Params["field"])
		}
	}
	for id := range figures {
		if within[id].(object)["value"] == nil {
			t.Errorf("%s: no value in %s", o.ID, fmt.Sprint(figures[id]))
		}
	}
}
