package engines_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/test/engines"
)

// used makes one of everything under a prefix of its own, and returns the paths
// of what it made.
func used(t *testing.T, e engines.Engine) []string {
	prefix := e.Prefix(t)
	paths := []string{"/" + prefix + "events", "/_component_template/" + prefix + "part", "/_index_template/" + prefix + "whole"}
	e.Must(t, http.MethodPut, paths[1], `{"template":{"settings":{"number_of_replicas":0}}}`)
	template := `{"index_patterns":["` + prefix + `*"],"composed_of":["` + prefix + `part"]`
	// A node that cannot delete data streams would keep this one.
	status, _, err := e.Request(t.Context(), http.MethodGet, "/_data_stream", "")
	if err != nil {
		t.Fatal(err)
	}
	if status == http.StatusOK {
		e.Must(t, http.MethodPut, "/_index_template/"+prefix+"streams",
			strings.Replace(template, "*", "stream*", 1)+`,"data_stream":{},"priority":9}`)
		paths = append(paths, "/"+prefix+"stream", "/_index_template/"+prefix+"streams")
		e.Must(t, http.MethodPost, "/"+prefix+"stream/_doc", `{"@timestamp":"2026-01-01T00:00:00Z"}`)
	}
	e.Must(t, http.MethodPut, paths[2], template+"}")
	e.Must(t, http.MethodPost, "/_bulk?refresh=true",
		`{"create":{"_index":"`+prefix+`events"}}`+"\n"+`{"user":"ann"}`+"\n")
	var found struct{ Count int }
	if err := json.Unmarshal(e.Must(t, http.MethodGet, "/"+prefix+"events/_count?q=user:ann", ""), &found); err != nil {
		t.Fatal(err)
	}
	if found.Count != 1 {
		t.Errorf("found %d documents, want 1", found.Count)
	}
	return paths
}

func TestEachLeavesNothingBehind(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		var paths []string
		t.Run("use", func(t *testing.T) { paths = used(t, e) })
		for _, path := range paths {
			status, answer, err := e.Request(t.Context(), http.MethodGet, path, "")
			if err != nil {
				t.Fatal(err)
			}
			if status != http.StatusNotFound {
				t.Errorf("%s is still there: status %d: %s", path, status, answer)
			}
		}
	})
}
