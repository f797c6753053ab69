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

// users returns the users that an index has documents of, of those that a query
// accepts; none where there is no index. A document names its user in the field.
func (n *node) users(ctx context.Context, index, field, query string) (map[string]int, error) {
	body := fmt.Sprintf(`{"size":0,"query":%s,"aggs":{"users":{"terms":{"field":%q,"size":10000}}}}`, query, field)
	if err := n.ask(ctx, http.MethodPost, "/"+index+"/_refresh?ignore_unavailable=true", nil, nil); err != nil {
		return nil, err
	}
	var answer struct {
		Aggregations struct {
			Users struct {
				Buckets []struct {
					Key   string
					Count int `json:"doc_count"`
				}
			}
		}
	}
	err := n.ask(ctx, http.MethodPost, "/"+index+"/_search?ignore_unavailable=true", []byte(body), &answer)
	users := map[string]int{}
	for _, b := range answer.Aggregations.Users.Buckets {
		users[b.Key] = b.Count
	}
	return users, err
}
