package rules

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/rules/schema"
)

// TestSchemasKnowEveryKey holds the words of the schemas to the types: none is
// missing, but of keys that only Kibana reads, and none is of a key that is gone.
func TestSchemasKnowEveryKey(t *testing.T) {
	for _, test := range []struct {
		file reflect.Type
		keys map[string]schema.Key
	}{
		{reflect.TypeFor[ruleFile](), ruleKeys()},
		{reflect.TypeFor[viewFile](), viewKeys()},
		{reflect.TypeFor[exceptionFile](), exceptionKeys()},
	} {
		var kibana []string
		for _, path := range schema.Paths(reflect.TypeFor[presentationSpec]()) {
			kibana = append(kibana, "rule."+path)
		}
		paths := slices.DeleteFunc(schema.Paths(test.file), func(path string) bool {
			return strings.HasPrefix(path, "metadata.") || strings.HasPrefix(path, "rule.threat.t") || slices.Contains(kibana, path)
		})
		slices.Sort(paths)
		if diff := cmp.Diff(paths, slices.Sorted(maps.Keys(test.keys))); diff != "" {
			t.Errorf("%v (-keys +described):\n%s", test.file, diff)
		}
		for path, key := range test.keys {
			if key.About == "" {
				t.Errorf("nothing is said of %s", path)
			}
		}
	}
}
