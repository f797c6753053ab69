package docs

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/test/engines"
	"github.com/stitchdetect/stitch/test/engines/node"
)

// cluster is a node of this package's own: the pages use the names of stitch's
// indices and of the integrations' as they are.
type cluster struct {
	engine        engines.Engine
	plain, secure string // URLs
	authority     string // PEM file of the authority behind secure
}

// TestPagesOnClusters runs the pages that name a cluster, on both families.
func TestPagesOnClusters(t *testing.T) {
	program := build(t)
	for _, name := range []string{"es8", "os3"} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, name)
			for _, page := range pages(t) {
				blocks, _ := blocksOf(page, read(t, page))
				if needsCluster(page, blocks) {
					t.Run(page, func(t *testing.T) {
						c.clear(t)
						runPage(t, page, blocks, program, c)
					})
				}
			}
		})
	}
}

// newCluster starts a node for this test alone, or ends the test if it is not
// asked for or cannot be had.
func newCluster(t *testing.T, name string) *cluster {
	t.Helper()
	choice, err := engines.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{}
	for _, e := range engines.All() {
		if e.Name == name {
			c.engine = e
		}
	}
	if !choice.Wants(c.engine) {
		t.Skipf("%s is not asked for", name)
	}
	n, err := node.Start(t.Context(), c.engine, t.Logf)
	if err != nil && choice.Required {
		t.Fatal(err)
	} else if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	c.plain, c.engine.URL = n.URL, n.URL
	c.secure, c.authority = secured(t, n.URL)
	return c
}

// secured is a door with TLS to a node that has none: its URL, and the file of
// the authority that signed its certificate.
func secured(t *testing.T, plain string) (secure, authority string) {
	t.Helper()
	to, err := url.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // a program that ends in mid-request is no fault
	door := httptest.NewTLSServer(proxy)
	t.Cleanup(door.Close)
	authority = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: door.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return door.URL, authority
}

// ask sends the request of an http block, written as in Dev Tools.
func (c *cluster) ask(t *testing.T, b block) {
	t.Helper()
	line, body, _ := strings.Cut(b.text, "\n")
	method, path, _ := strings.Cut(line, " ")
	status, answer, err := c.engine.Request(t.Context(), method, "/"+strings.TrimPrefix(strings.TrimSpace(path), "/"), body)
	if err != nil || status >= http.StatusMultipleChoices {
		t.Errorf("%s: %d %s %v", b, status, answer, err)
	}
}

// clear deletes what another page has left.
func (c *cluster) clear(t *testing.T) {
	t.Helper()
	for index := range strings.FieldsSeq(string(c.engine.Must(t, http.MethodGet, "/_cat/indices/logs-*,filebeat-*,detections-*?h=index&expand_wildcards=all", ""))) {
		c.engine.Must(t, http.MethodDelete, "/"+index, "")
	}
	for _, template := range []string{"detections-stitch.alerts", "detections-stitch.runs", "detections-stitch.state", "tutorial"} {
		if status, answer, err := c.engine.Request(t.Context(), http.MethodDelete, "/_index_template/"+template, ""); err != nil || status != http.StatusOK && status != http.StatusNotFound {
			t.Fatalf("delete template %s: %d %s %v", template, status, answer, err)
		}
	}
}
