package security

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/test/engines"
	"github.com/stitchdetect/stitch/test/engines/node"
)

// The administrator of every node; test/engines/node/engine makes it.
const (
	adminName     = "admin"
	adminPassword = "Engine-7q.Vt2Lx"
)

// cluster is a node with security and TLS, as its administrator sees it.
type cluster struct {
	family string
	url    string
	ca     *authority
	// cert and key are a client's, by the name of certified.
	cert, key []byte
	admin     *http.Client
}

// certified is the name in the client's certificate.
const certified = "stitch-certified"

// each runs f on a node of each family that is asked for and can be had.
func each(t *testing.T, f func(t *testing.T, c *cluster)) {
	t.Helper()
	for _, e := range []engines.Engine{
		{Name: "es8", Family: mappings.Elasticsearch, Version: "8.19.21"},
		{Name: "os2", Family: mappings.OpenSearch, Version: "2.19.4"},
	} {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			choice, err := engines.FromEnvironment()
			if err != nil {
				t.Fatal(err)
			}
			if !choice.Wants(e) {
				t.Skipf("%s is not asked for", e.Name)
			}
			f(t, start(t, e))
		})
	}
}

// start starts a node, which ends with the test.
func start(t *testing.T, e engines.Engine) *cluster {
	t.Helper()
	for _, tool := range []string{"bash", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			unavailable(t, fmt.Errorf("no nodes with security: %w", err))
		}
	}
	engine, err := filepath.Abs("../engines/node/engine")
	if err != nil {
		t.Fatal(err)
	}
	fetch := exec.CommandContext(t.Context(), engine, "fetch", e.Family, e.Version)
	fetch.Env = append(os.Environ(), "SECURITY=1")
	var trouble bytes.Buffer
	fetch.Stderr = &trouble
	home, err := fetch.Output()
	if err != nil {
		unavailable(t, fmt.Errorf("no nodes with security: %w: %s", err, &trouble))
	}

	c := &cluster{family: e.Family, ca: newAuthority(t)}
	config := t.TempDir()
	if err := os.CopyFS(config, os.DirFS(filepath.Join(strings.TrimSpace(string(home)), "config"))); err != nil {
		t.Fatal(err)
	}
	cert, key := c.ca.issue(t, "node")
	save(t, config, "http.pem", cert)
	save(t, config, "http.key", key)
	save(t, config, "http-ca.pem", c.ca.pem)
	c.cert, c.key = c.ca.issue(t, certified)
	c.admin = c.client(t)

	port := freePort(t)
	c.url = "https://127.0.0.1:" + port
	command := []string{"env", "SECURITY=1", "CONFIG=" + config, engine, "run", e.Family, e.Version, t.TempDir(), port}
	var log tail
	p, err := node.Supervise("", &log, &log, append(command, c.settings(t, config)...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	c.await(t, p, &log)
	return c
}

// settings are those of a node whose certificate is the authority's.
func (c *cluster) settings(t *testing.T, config string) []string {
	if c.family == mappings.Elasticsearch {
		return []string{
			"xpack.security.http.ssl.enabled=true", "xpack.security.http.ssl.certificate=http.pem", "xpack.security.http.ssl.key=http.key",
			"xpack.security.http.ssl.certificate_authorities=http-ca.pem", "xpack.security.http.ssl.client_authentication=required",
		}
	}
	// Whoever shows a certificate needs no password.
	file := filepath.Join(config, "opensearch-security", "config.yml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(text), "clientcert_auth_domain:")
	if !ok {
		t.Fatal("the settings of OpenSearch's security have no clientcert_auth_domain")
	}
	after = strings.Replace(after, "http_enabled: false", "http_enabled: true", 1)
	save(t, filepath.Dir(file), "config.yml", []byte(before+"clientcert_auth_domain:"+after))
	return []string{
		"plugins.security.ssl.http.pemcert_filepath=http.pem", "plugins.security.ssl.http.pemkey_filepath=http.key",
		"plugins.security.ssl.http.pemtrustedcas_filepath=http-ca.pem", "plugins.security.ssl.http.clientauth_mode=OPTIONAL",
	}
}

// client is an administrator's way to talk: on Elasticsearch with a certificate,
// which it asks of everyone.
func (c *cluster) client(t *testing.T) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(c.ca.cert)
	config := &tls.Config{RootCAs: roots}
	if c.family == mappings.Elasticsearch {
		pair, err := tls.X509KeyPair(c.cert, c.key)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// await returns when the node takes requests of its administrator.
func (c *cluster) await(t *testing.T, p *node.Process, log *tail) {
	t.Helper()
	limit := time.Now().Add(3 * time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(limit) {
		status, _, err := c.ask(t, "GET", "/_cluster/health?wait_for_status=yellow&timeout=1s", "")
		if err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-p.Done():
			t.Fatalf("the node ended: %s", log)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-tick.C:
		}
	}
	t.Fatalf("the node is not ready: %s", log)
}

// ask sends an administrator's request.
func (c *cluster) ask(t *testing.T, method, path, body string) (int, []byte, error) {
	return c.askAs(t, adminName, adminPassword, method, path, body)
}

func (c *cluster) askAs(t *testing.T, name, password, method, path, body string) (int, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(name, password)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.admin.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// must sends an administrator's request, which succeeds.
func (c *cluster) must(t *testing.T, method, path string, body any) []byte {
	t.Helper()
	text, isText := body.(string)
	if !isText && body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(raw)
	}
	status, answer, err := c.ask(t, method, path, text)
	if err != nil || status > 299 {
		t.Fatalf("%s %s: %d %s %v", method, path, status, answer, err)
	}
	return answer
}

// give makes users, each with a role of its own, whose name is the user's: all
// at once, since OpenSearch takes a second for each change.
func (c *cluster) give(t *testing.T, roles map[string]mappings.Role) {
	t.Helper()
	type change struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	var users, bodies, owners []change
	for user, role := range roles {
		if role.Name = user; c.family == mappings.Elasticsearch {
			c.must(t, "PUT", role.Path(c.family), role.Body(c.family))
			c.must(t, "PUT", "/_security/user/"+user, map[string]any{"password_hash": userHash, "roles": []string{user}})
			continue
		}
		users = append(users, change{"add", "/" + user, map[string]any{"hash": userHash}})
		bodies = append(bodies, change{"add", "/" + user, role.Body(c.family)})
		owners = append(owners, change{"add", "/" + user, map[string]any{"users": []string{user}}})
	}
	if len(users) > 0 {
		const api = "/_plugins/_security/api/"
		c.must(t, "PATCH", api+"internalusers", users)
		c.must(t, "PATCH", api+"roles", bodies)
		c.must(t, "PATCH", api+"rolesmapping", owners)
	}
}

// closed takes from everyone what OpenSearch's demonstration gives to everyone.
func (c *cluster) closed(t *testing.T) {
	t.Helper()
	if c.family == mappings.OpenSearch {
		c.must(t, "DELETE", "/_plugins/_security/api/rolesmapping/own_index", nil)
	}
}

// The password of all users, and its hash.
const (
	userPassword = adminPassword
	userHash     = "$2a$10$Hbcn3V4DI6RRyFgRummTl.M7JzZSvoZez/M0uFWDnqJYw7DQ/ofoW"
)

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// unavailable ends a test that has no nodes.
func unavailable(t *testing.T, err error) {
	t.Helper()
	choice, choiceErr := engines.FromEnvironment()
	if choiceErr != nil || choice.Required {
		t.Fatal(errors.Join(err, choiceErr))
	}
	t.Skip(err)
}

// tail keeps the end of what was written. It may be used by several goroutines.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	t.kept = t.kept[max(0, len(t.kept)-4<<10):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
