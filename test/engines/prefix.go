package engines

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Prefix returns a prefix for names of indices, aliases, data streams and
// templates that no other test has: lower-case letters and digits, and a
// hyphen last. When the test ends everything with the prefix is deleted.
func (e Engine) Prefix(t testing.TB) string {
	t.Helper()
	prefix := "t" + strings.ToLower(rand.Text()[:10]) + "-"
	t.Cleanup(func() {
		// The test's own context is over by now.
		if err := e.clear(context.Background(), prefix); err != nil {
			t.Errorf("clean up %s: %v", e.Name, err)
		}
	})
	return prefix
}

// clear deletes all data streams, indices and templates with the prefix. It
// names each, for a cluster may forbid to delete by pattern.
func (e Engine) clear(ctx context.Context, prefix string) error {
	type named []struct{ Name string }
	var resolved struct {
		Indices named
		Streams named `json:"data_streams"`
	}
	if err := e.list(ctx, "/_resolve/index/"+prefix+"*?expand_wildcards=all", &resolved); err != nil {
		return err
	}
	for _, stream := range resolved.Streams {
		if err := e.remove(ctx, "/_data_stream/"+stream.Name); err != nil {
			return err
		}
	}
	// Few at a time, since a request line is bounded.
	for some := range slices.Chunk(resolved.Indices, 20) {
		names := make([]string, len(some))
		for i, index := range some {
			names[i] = index.Name
		}
		if err := e.remove(ctx, "/"+strings.Join(names, ",")+"?ignore_unavailable=true"); err != nil {
			return err
		}
	}
	var templates struct {
		Index     named `json:"index_templates"`
		Component named `json:"component_templates"`
	}
	// Components last: one that a template uses cannot be deleted.
	for _, kind := range []string{"/_index_template/", "/_component_template/"} {
		if err := e.list(ctx, kind+prefix+"*", &templates); err != nil {
			return err
		}
	}
	for _, template := range templates.Index {
		if err := e.remove(ctx, "/_index_template/"+template.Name); err != nil {
			return err
		}
	}
	for _, template := range templates.Component {
		if err := e.remove(ctx, "/_component_template/"+template.Name); err != nil {
			return err
		}
	}
	return nil
}

// list reads the answer into found, which stays as it is if there is nothing.
func (e Engine) list(ctx context.Context, path string, found any) error {
	status, answer, err := e.Request(ctx, http.MethodGet, path, "")
	if err != nil {
		return err
	}
	if status == http.StatusNotFound {
		return nil
	}
	if status != http.StatusOK {
		return fmt.Errorf("list %s: status %d: %s", path, status, answer)
	}
	if err := json.Unmarshal(answer, found); err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	return nil
}

func (e Engine) remove(ctx context.Context, path string) error {
	status, answer, err := e.Request(ctx, http.MethodDelete, path, "")
	if err != nil {
		return err
	}
	if status != http.StatusOK && status != http.StatusNotFound {
		return fmt.Errorf("delete %s: status %d: %s", path, status, answer)
	}
	return nil
}
