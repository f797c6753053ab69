package engines

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Prefix returns a prefix for names of indices, aliases, data streams and
// templates that no other test has: lower-case letters and digits, and a
// hyphen last. When the test ends everything with the prefix is deleted, except
// data streams, with their templates, on a node without the API to delete one
// (a local process of Elasticsearch).
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

// named is how clusters list things.
type named []struct{ Name string }

// clear deletes what has the prefix: in this order, since a template that is in
// use cannot be deleted, and each by its name, since a cluster may forbid to
// delete by pattern.
func (e Engine) clear(ctx context.Context, prefix string) error {
	var found struct {
		Indices    named
		Streams    named `json:"data_streams"`
		Templates  named `json:"index_templates"`
		Components named `json:"component_templates"`
	}
	for _, path := range []string{
		"/_resolve/index/" + prefix + "*?expand_wildcards=all",
		"/_index_template/" + prefix + "*",
		"/_component_template/" + prefix + "*",
	} {
		if err := e.list(ctx, path, &found); err != nil {
			return err
		}
	}
	if err := e.removeAll(ctx, "/", found.Indices); err != nil {
		return err
	}
	if len(found.Streams) > 0 && !e.deletesStreams(ctx) {
		return nil
	}
	return errors.Join(
		e.removeAll(ctx, "/_data_stream/", found.Streams),
		e.removeAll(ctx, "/_index_template/", found.Templates),
		e.removeAll(ctx, "/_component_template/", found.Components),
	)
}

// deletesStreams reports whether the node has the API that deletes data streams.
func (e Engine) deletesStreams(ctx context.Context) bool {
	status, _, err := e.Request(ctx, http.MethodGet, "/_data_stream", "")
	return err == nil && status == http.StatusOK
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

func (e Engine) removeAll(ctx context.Context, path string, all named) error {
	for _, one := range all {
		status, answer, err := e.Request(ctx, http.MethodDelete, path+one.Name, "")
		if err != nil {
			return err
		}
		if status != http.StatusOK && status != http.StatusNotFound {
			return fmt.Errorf("delete %s%s: status %d: %s", path, one.Name, status, answer)
		}
	}
	return nil
}
