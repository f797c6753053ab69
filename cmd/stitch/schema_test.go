package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/stitchdetect/stitch/rules"
)

// TestSchemas holds the schemas in docs to those that the types make.
func TestSchemas(t *testing.T) {
	for kind := range schemas() {
		got := call{}.run(t, "schema", kind)
		file := filepath.Join("..", "..", "docs", "schema", kind+".json")
		want, err := os.ReadFile(file)
		if err != nil || got.code != exitFine || got.out != string(want) {
			t.Errorf("%s is not current, %v; run go run ./cmd/stitch schema %s >docs/schema/%s.json", file, err, kind, kind)
		}
	}
	call{}.run(t, "schema").want(t, exitUsage, "", "name one of exceptions, notifications, rule, test, view")
	call{}.run(t, "schema", "alert").want(t, exitUsage, "", "name one of")
}

// TestShippedFilesSatisfyTheSchemas holds the schemas to the files that load.
func TestShippedFilesSatisfyTheSchemas(t *testing.T) {
	for kind, pattern := range map[string]string{"rule": "*.toml", "view": "views/*.toml", "test": "*.test.toml"} {
		s := compiled(t, kind)
		files, err := fs.Glob(rules.Shipped(), pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, name := range files {
			if kind == "rule" && rules.IsTest(name) {
				continue
			}
			text, err := fs.ReadFile(rules.Shipped(), name)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(parsed(t, string(text))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for kind, text := range map[string]string{
		"rule":          strings.Replace(eventRule, "interval", "intervall", 1),
		"view":          "description = 'x'\n[[source]]\nname = 'a'\nindex = ['b']\n[source.columns]\n'user.id' = { frm = 'x' }\n",
		"exceptions":    "[[exception]]\nrule = '*'\nwhen = 'a == b'\nowner = 'x'\n",
		"test":          "[[test]]\nnme = 'x'\n",
		"notifications": "[[route]]\nname = 'x'\nurl = 'y'\n",
	} {
		if compiled(t, kind).Validate(parsed(t, text)) == nil {
			t.Errorf("%s: the schema takes\n%s", kind, text)
		}
	}
}

func compiled(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(schemas()[kind])
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(kind+".json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(kind + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parsed is a TOML text as JSON has it.
func parsed(t *testing.T, text string) any {
	t.Helper()
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
