package engines_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stitchdetect/stitch/test/engines"
)

func TestEachIndexesAndCleansUp(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		var index, template, stream string
		t.Run("use", func(t *testing.T) {
			prefix := e.Prefix(t)
			index, template, stream = prefix+"events", prefix+"template", prefix+"stream"
			e.Must(t, http.MethodPut, "/_component_template/"+template, `{"template":{}}`)
			e.Must(t, http.MethodPut, "/_index_template/"+template, `{"index_patterns":["`+stream+`"],"composed_of":["`+template+`"],
				"template":{"settings":{"number_of_replicas":0}}}`)
			bulk := `{"create":{"_index":"` + index + `"}}` + "\n" + `{"user":"ann"}` + "\n"
			e.Must(t, http.MethodPost, "/_bulk?refresh=true", bulk)
			var found struct{ Count int }
			if err := json.Unmarshal(e.Must(t, http.MethodGet, "/"+index+"/_count?q=user:ann", ""), &found); err != nil {
				t.Fatal(err)
			}
			if found.Count != 1 {
				t.Errorf("found %d documents, want 1", found.Count)
			}
		})
		for _, path := range []string{"/" + index, "/_index_template/" + template, "/_component_template/" + template} {
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
