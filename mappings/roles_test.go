package mappings_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/mappings"
)

// What the roles are is a promise to whoever has put them on a cluster: a
// release that needs more says so. Package security of test proves them.
func TestRoles(t *testing.T) {
	for _, family := range []string{mappings.Elasticsearch, mappings.OpenSearch} {
		t.Run(family, func(t *testing.T) {
			roles, err := mappings.Names{}.Roles(family, []string{"logs-a-*", "europe:logs-b-*"})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]any{}
			for _, r := range roles {
				got[r.Path(family)] = r.Body(family)
			}
			text, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "roles."+family+".json")
			if *update {
				if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(text)+"\n"); diff != "" {
				t.Errorf("-want +got (-update writes it anew):\n%s", diff)
			}
		})
	}
	if _, err := (mappings.Names{}).Roles("solr", nil); err == nil {
		t.Error("there are roles for an unknown family")
	}
	// Without sources there is no grant on none.
	roles, err := mappings.Names{}.Roles(mappings.Elasticsearch, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		for _, g := range r.Grants {
			if len(g.Indices) == 0 || len(g.Privileges) == 0 {
				t.Errorf("%s grants %v", r.Name, g)
			}
		}
	}
}
