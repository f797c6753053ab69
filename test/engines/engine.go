package engines

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The families of search engines.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
)

// Engine is a search cluster of one node, without security.
type Engine struct {
	Name    string // es8, es9, os2 or os3
	Family  string // Elasticsearch or OpenSearch
	Version string // as the node says it, "8.19.21"
	URL     string // "http://127.0.0.1:9200"; empty until a node runs
}

// All returns the clusters that stitch is tested on, none of them running.
func All() []Engine {
	return []Engine{
		{Name: "es8", Family: Elasticsearch, Version: "8.19.21"},
		{Name: "es9", Family: Elasticsearch, Version: "9.5.3"},
		{Name: "os2", Family: OpenSearch, Version: "2.19.5"},
		{Name: "os3", Family: OpenSearch, Version: "3.8.0"},
	}
}

// URLVariable is the environment variable that holds the URL of a running node.
func (e Engine) URLVariable() string { return e.variable("URL") }

// MissingVariable is the environment variable that says why no node could be
// started, so that every test process need not try again.
func (e Engine) MissingVariable() string { return e.variable("MISSING") }

func (e Engine) variable(what string) string {
	return "STITCH_TEST_" + strings.ToUpper(e.Name) + "_" + what
}

// Image is the Docker image of the engine, as its makers publish it.
func (e Engine) Image() string {
	if e.Family == Elasticsearch {
		return "elasticsearch:" + e.Version
	}
	return "opensearchproject/opensearch:" + e.Version
}

// Request sends one request and returns the answer's status and body. The path
// begins with a slash; a body is JSON, or lines of JSON for a bulk request. The
// error says that there was no answer; a refusal is a status.
func (e Engine) Request(ctx context.Context, method, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("make request: %w", err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", e.Name, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("read answer of %s: %w", e.Name, err)
	}
	return res.StatusCode, answer, nil
}

// Must sends one request as [Engine.Request] does, returns the answer's body,
// and fails the test if there is no answer or its status is not a success. The
// items of a bulk answer are the caller's to check.
func (e Engine) Must(t testing.TB, method, path, body string) []byte {
	t.Helper()
	status, answer, err := e.Request(t.Context(), method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if status < 200 || status > 299 {
		t.Fatalf("%s %s on %s: status %d: %s", method, path, e.Name, status, answer)
	}
	return answer
}

// identify asks the node at e.URL what it is, and returns e with the version
// that it answers. A node of another family or major version is an error.
func (e Engine) identify(ctx context.Context) (Engine, error) {
	status, answer, err := e.Request(ctx, http.MethodGet, "/", "")
	if err != nil {
		return e, err
	}
	if status != http.StatusOK {
		return e, fmt.Errorf("ask %s what it is: status %d: %s", e.URL, status, answer)
	}
	var root struct {
		Version struct{ Number, Distribution string }
	}
	if err := json.Unmarshal(answer, &root); err != nil {
		return e, fmt.Errorf("read what %s is: %w", e.URL, err)
	}
	family := root.Version.Distribution
	if family == "" { // Elasticsearch has no such field
		family = Elasticsearch
	}
	if family != e.Family || major(root.Version.Number) != major(e.Version) {
		return e, fmt.Errorf("%s is %s %s, not %s %s", e.URL, family, root.Version.Number, e.Family, major(e.Version))
	}
	e.Version = root.Version.Number
	return e, nil
}

func major(version string) string {
	before, _, _ := strings.Cut(version, ".")
	return before
}
