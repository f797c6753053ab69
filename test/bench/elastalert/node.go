package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"

	"github.com/stitchdetect/stitch/test/engines"
)

// node is the search node that both ask.
type node struct {
	url, version string
}

// startNode starts Elasticsearch 8; stop ends it.
func startNode(ctx context.Context, log io.Writer) (n *node, stop func(), err error) {
	cmd := exec.CommandContext(ctx, "go", "run", "./test/engines/with", "-serve", "es8")
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start node: %w", err)
	}
	stop = func() { _, _ = in.Close(), cmd.Wait() } // it ends when its input does
	var served engines.Served
	if err := json.NewDecoder(out).Decode(&served); err != nil || served.Missing != "" {
		stop()
		return nil, nil, fmt.Errorf("start node: %w", errors.Join(err, errors.New(served.Missing)))
	}
	n = &node{url: served.URL}
	var info struct{ Version struct{ Number string } }
	if err := n.ask(ctx, http.MethodGet, "/", nil, &info); err != nil {
		stop()
		return nil, nil, err
	}
	n.version = info.Version.Number
	return n, stop, nil
}

// ask sends a request and decodes the answer into answer, if that is not nil. A
// status of 400 and more is an error, but for 404 of a DELETE.
func (n *node) ask(ctx context.Context, method, path string, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, n.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	if resp.StatusCode >= 400 && (method != http.MethodDelete || resp.StatusCode != http.StatusNotFound) {
		return fmt.Errorf("ask %s: %s: %s", path, resp.Status, content)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(content, answer)
}

// search returns the documents of an index that a query accepts, up to 10,000;
// none where there is no index.
func (n *node) search(ctx context.Context, index, query string, documents any) error {
	if err := n.ask(ctx, http.MethodPost, "/"+index+"/_refresh?ignore_unavailable=true", nil, nil); err != nil {
		return err
	}
	body := fmt.Sprintf(`{"size":10000,"query":%s}`, query)
	return n.ask(ctx, http.MethodPost, "/"+index+"/_search?ignore_unavailable=true", []byte(body), documents)
}

// hits is what a search answers, of documents of a kind.
type hits[T any] struct {
	Hits struct {
		Hits []struct {
			Source T `json:"_source"`
		}
	}
}

// stitched returns the users that stitch's alerts are about.
func (n *node) stitched(ctx context.Context) (map[string]bool, error) {
	var answer hits[struct {
		User struct{ Name any } // a text, or a list of them
	}]
	err := n.search(ctx, "detections-stitch.alerts*", `{"match_all":{}}`, &answer)
	users := map[string]bool{}
	for _, h := range answer.Hits.Hits {
		names, several := h.Source.User.Name.([]any)
		if !several {
			names = []any{h.Source.User.Name}
		}
		for _, name := range names {
			users[fmt.Sprint(name)] = true
		}
	}
	return users, err
}

// elastalerted returns the users that ElastAlert's alerts of a rule are about.
func (n *node) elastalerted(ctx context.Context, rule string) (map[string]bool, error) {
	var answer hits[struct {
		Match struct {
			User struct{ Name string }
		} `json:"match_body"`
	}]
	err := n.search(ctx, "elastalert", fmt.Sprintf(`{"term":{"rule_name":%q}}`, rule), &answer)
	users := map[string]bool{}
	for _, h := range answer.Hits.Hits {
		users[h.Source.Match.User.Name] = true
	}
	return users, err
}
