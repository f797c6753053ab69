package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/test/engines"
)

// The demo on a cluster: whoever loads it and runs the shipped rules has the
// alert, and a second load adds nothing.
func TestDemoOnClusters(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		t.Chdir(t.TempDir())
		removeStitch(t, e)
		t.Cleanup(func() { removeStitch(t, e) })
		on := func(args ...string) result {
			return call{env: map[string]string{"STITCH_URL": e.URL}, patient: true}.run(t, args...)
		}
		loaded := on("demo", "--load")
		_, remove, there := strings.Cut(loaded.out, "DELETE /")
		indices, _, _ := strings.Cut(remove, ", then")
		t.Cleanup(func() {
			for _, path := range []string{"/" + indices, "/_index_template/" + demoTemplate} {
				if status, answer, err := e.Request(context.Background(), http.MethodDelete, path, ""); err != nil || status >= 300 {
					t.Errorf("clean up %s: %d %s %v", path, status, answer, err)
				}
			}
		})
		loaded.want(t, exitFine, "Its incident ended minutes ago", "")
		if !there || !strings.Contains(indices, "logs-m365_defender.event-demo") || strings.Contains(indices, "*") {
			t.Fatalf("loaded into %q:\n%s", indices, loaded.out)
		}
		on("bootstrap").want(t, exitFine, "created  index template", "")
		const rule = "8a30d849-6e54-41a0-9cbb-d8f055b4dd19"
		on("once", "--rule", rule).want(t, exitFine, ": 1 new, 0 updated, 0 unchanged\n", "run done")

		before := e.Must(t, http.MethodGet, "/"+indices+"/_count?filter_path=count", "")
		on("demo", "--load").want(t, exitFine, "Loaded ", "")
		if after := e.Must(t, http.MethodGet, "/"+indices+"/_count?filter_path=count", ""); string(before) != string(after) {
			t.Errorf("%s documents before the second load, %s after it", before, after)
		}
	})
}
