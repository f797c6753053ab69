package scheduler

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestRecordIsMapped holds the run record against its mapping, which is not
// dynamic: what is not in it can be neither searched nor summed up.
func TestRecordIsMapped(t *testing.T) {
	text, err := os.ReadFile("../mappings/runs.json")
	if err != nil {
		t.Fatal(err)
	}
	var template struct{ Mappings mapping }
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	checkMapped(t, "", reflect.TypeFor[runRecord](), template.Mappings)
}

type mapping struct {
	Type       string
	Properties map[string]mapping
}

func checkMapped(t *testing.T, path string, what reflect.Type, m mapping) {
	for what.Kind() == reflect.Slice {
		what = what.Elem()
	}
	if what.Kind() != reflect.Struct {
		if m.Type == "" {
			t.Errorf("%s is not mapped", path)
		}
		return
	}
	for i := range what.NumField() {
		field := what.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		checkMapped(t, strings.TrimPrefix(path+"."+name, "."), field.Type, m.Properties[name])
	}
}
