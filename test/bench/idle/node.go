package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// node is a node of OpenSearch 3.
type node struct {
	url, version string
	stop         func()
}

// startNode starts a node, or takes the one whose URL is in the environment.
func startNode(ctx context.Context) (*node, error) {
	if url := os.Getenv("STITCH_TEST_OS3_URL"); url != "" {
		return (&node{url: url, stop: func() {}}).ask(ctx)
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./test/engines/with", "-serve", "os3")
	cmd.Stderr = os.Stderr
	stdin, errIn := cmd.StdinPipe()
	stdout, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	n := &node{stop: func() {
		_ = stdin.Close() // which ends the node
		_ = cmd.Wait()
	}}
	var served struct{ URL, Missing string }
	if err := json.NewDecoder(stdout).Decode(&served); err != nil || served.URL == "" {
		n.stop()
		return nil, fmt.Errorf("start node: %s: %w", served.Missing, err)
	}
	n.url = served.URL
	return n.ask(ctx)
}

func (n *node) ask(ctx context.Context) (*node, error) {
	c, err := esq.Open(ctx, esq.Config{URLs: []string{n.url}})
	if err != nil {
		n.stop()
		return nil, err
	}
	n.version = c.Version()
	return n, nil
}

// call sends a request with a body of JSON.
func (n *node) call(ctx context.Context, method, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, n.url+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusMultipleChoices && res.StatusCode != http.StatusNotFound {
		return fmt.Errorf("%s %s: %s: %s: %w", method, path, res.Status, answer, err)
	}
	return nil
}

// kinds are the data streams that the rules look at.
func kinds() []string { return []string{"sign", "file", "mail", "host"} }

// load prepares the node and fills it with documents of an hour ago.
func (n *node) load(ctx context.Context) error {
	if err := n.clear(ctx); err != nil {
		return err
	}
	var body bytes.Buffer
	for _, kind := range kinds() {
		index := "idle-" + kind + "-1"
		mapping := `{"settings":{"number_of_shards":1,"number_of_replicas":0},"mappings":{"properties":{"@timestamp":{"type":"date"},` +
			`"event":{"properties":{"action":{"type":"keyword"},"ingested":{"type":"date"},"code":{"type":"keyword"}}},` +
			`"user":{"properties":{"name":{"type":"keyword"}}},"host":{"properties":{"id":{"type":"keyword"}}},"file":{"properties":{"name":{"type":"keyword"}}}}}}`
		if err := n.call(ctx, http.MethodPut, "/"+index, mapping); err != nil {
			return err
		}
		for i := range 1000 {
			at := time.Now().Add(-time.Hour - time.Duration(i)*time.Second).UTC().Format(time.RFC3339)
			fmt.Fprintf(&body, `{"index":{"_index":%q}}`+"\n", index)
			fmt.Fprintf(&body, `{"@timestamp":%q,"event":{"action":"a%d","ingested":%q,"code":"c%d"},"user":{"name":"u%d"},"host":{"id":"h%d"},"file":{"name":"f%d"}}`+"\n", at, i%7, at, i%100, i%50, i%20, i)
		}
	}
	if err := n.call(ctx, http.MethodPost, "/_bulk?refresh=true", body.String()); err != nil {
		return err
	}
	return n.prepare(ctx)
}

// disturb writes a document into each index now and then, until ctx is done.
func (n *node) disturb(ctx context.Context, every time.Duration) {
	for ctx.Err() == nil {
		for _, kind := range kinds() {
			at := time.Now().UTC().Format(time.RFC3339Nano)
			// What cannot be written is missed by nobody.
			_ = n.call(ctx, http.MethodPost, "/idle-"+kind+"-1/_doc?refresh=true", fmt.Sprintf(`{"@timestamp":%q,"event":{"action":"noise","ingested":%q}}`, at, at))
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

// clear takes away what an earlier measurement left.
func (n *node) clear(ctx context.Context) error {
	for _, kind := range kinds() {
		if err := n.call(ctx, http.MethodDelete, "/idle-"+kind+"-1", ""); err != nil {
			return err
		}
	}
	return nil
}

// forget takes away all that stitch has written, and prepares the node anew.
func (n *node) forget(ctx context.Context) error {
	for _, index := range []string{mappings.Names{}.State(), mappings.Names{}.RunPattern(), mappings.Names{}.AlertPattern()} {
		if err := n.call(ctx, http.MethodDelete, "/"+index+"?ignore_unavailable=true&expand_wildcards=all", ""); err != nil {
			return err
		}
	}
	return n.prepare(ctx)
}

func (n *node) prepare(ctx context.Context) error {
	c, err := esq.Open(ctx, esq.Config{URLs: []string{n.url}})
	if err != nil {
		return err
	}
	_, err = mappings.Bootstrap(ctx, c, c.Product(), mappings.Names{})
	return err
}
