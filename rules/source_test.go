package rules

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

var moment = time.Date(2026, time.March, 10, 8, 0, 0, 0, time.UTC)

// shownBack makes a document and looks at it through the view.
func shownBack(t *testing.T, src Source, columns map[string][]esq.Value) error {
	t.Helper()
	index, doc, err := src.Document(columns, moment, moment.Add(time.Hour))
	if err != nil {
		return err
	}
	hit, err := json.Marshal(map[string]any{"_index": index, "_id": "d", "_source": doc})
	if err != nil {
		t.Fatal(err)
	}
	eng := memory.New(memory.Options{Now: time.Now})
	if _, err := eng.Load(strings.NewReader(string(hit)), "d"); err != nil {
		t.Fatal(err)
	}
	return src.Verify(context.Background(), eng, columns)
}

// TestSourceDocuments makes a document of every source of every view with every
// column that it carries: it passes the filter and is shown as it was meant, or
// it is refused, and then only where the mapping cannot be inverted.
func TestSourceDocuments(t *testing.T) {
	set, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"source.ip": "203.0.113.7", "source.address": "203.0.113.7", "volume.root": `E:\`, "volume.drive_letter": `E:\`}
	for _, view := range set.Views() {
		for _, src := range set.Sources(view) {
			t.Run(view+"/"+src.Name, func(t *testing.T) {
				for _, column := range src.Columns() {
					value := values[column]
					if value == "" {
						value = "some text"
					}
					if column == "event.action" { // the filters speak of it
						continue
					}
					err := shownBack(t, src, map[string][]esq.Value{column: {esq.Str(value)}})
					refused := err != nil && (strings.Contains(err.Error(), "never has") || strings.Contains(err.Error(), "shows"))
					if err != nil && !refused || refused && src.Carries(column) && plainColumn(column) {
						t.Errorf("%s: %v", column, err)
					}
				}
			})
		}
	}
}

// plainColumn names columns that every source which carries them has as they
// are.
func plainColumn(column string) bool {
	switch column {
	case "rule.name", "file.name", "file.path", "host.name", "source.ip", "volume.root", "process.executable":
		return true
	}
	return false
}

const inverted = `
description = "d"
[[source]]
name = "s"
index = ["logs-x.y-*"]
filter = 'kind:login and (country:NO or free) and not state:gone and agent:*'
ingest = "arrived"
[source.columns]
"event.action" = { from = "verb", map = { in = "login", out = "logout" } }
"user.id" = { from = "things.id", where = { type = "user" } }
"host.id" = { from = "things.id", where = { type = "host" } }
"source.ip" = { from = ["a.ip", "b.ip"], as = "ip" }
"user.email" = { from = "mail", as = "lower" }
"nothing" = { from = [] }
[[source]]
name = "unlucky"
index = ["x"]
filter = 'kind:login and not kind:login'
[source.columns]
"event.action" = "verb"
`

func invertedSource(t *testing.T, i int) Source {
	t.Helper()
	set, err := Load([]string{write(t, map[string]string{"views/v.toml": inverted, "r.toml": goodStage})})
	if err != nil {
		t.Fatal(err)
	}
	return set.Sources("v")[i]
}

func TestSourceDocument(t *testing.T) {
	src := invertedSource(t, 0)
	columns := map[string][]esq.Value{
		"event.action": {esq.Str("login")},
		"user.id":      {esq.Str("u1"), esq.Str("u2")},
		"host.id":      {esq.Str("h1")},
		"source.ip":    {esq.Str("::ffff:203.0.113.7")},
		"user.email":   {esq.Str("Jane@Contoso.com")},
	}
	index, doc, err := src.Document(columns, moment, moment.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(doc)
	const want = `{"@timestamp":"2026-03-10T08:00:00.000Z","a":{"ip":"::ffff:203.0.113.7"},"agent":"x","arrived":"2026-03-10T09:00:00.000Z",` +
		`"country":"NO","data_stream":{"dataset":"x.y","namespace":"default","type":"logs"},"kind":"login","mail":"Jane@Contoso.com",` +
		`"things":[{"id":"h1","type":"host"},{"id":"u1","type":"user"},{"id":"u2","type":"user"}],"verb":"in"}`
	if index != "logs-x.y-default" || string(got) != want {
		t.Errorf("%s\n got %s\nwant %s", index, got, want)
	}
	if err := shownBack(t, src, columns); err != nil {
		t.Error(err)
	}
}

func TestSourceDocumentRefuses(t *testing.T) {
	for _, test := range []struct {
		source        int
		column, value string
		want          string
	}{
		{0, "nothing", "x", "source s of view v never has nothing"},
		{0, "event.action", "in", `shows event.action as "login", not "in"`},
		{1, "event.action", "x", "does not pass the filter of source unlucky"},
	} {
		err := shownBack(t, invertedSource(t, test.source), map[string][]esq.Value{test.column: {esq.Str(test.value)}})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s = %s: error %v, want one of %q", test.column, test.value, err, test.want)
		}
	}
}

func TestLoadLeavesTestsAlone(t *testing.T) {
	folder := write(t, map[string]string{"r.toml": goodStage, "r.test.toml": "[[test]]\nname = 'x'\n"})
	rule, tests := filepath.Join(folder, "r.toml"), filepath.Join(folder, "r.test.toml")
	for _, paths := range [][]string{{folder}, {rule, tests}} {
		set, err := Load(paths)
		if err != nil || len(set.Rules) != 1 {
			t.Errorf("%q: %v, %v; want one rule", paths, set, err)
		}
	}
}
