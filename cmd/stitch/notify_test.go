package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// routesTo writes a file of two routes, to a receiver and to what CHAT names.
func routesTo(t *testing.T, receiver string) string {
	t.Helper()
	file := write(t, "notifications.toml", `
[[route]]
name = "siem"
webhook = "`+receiver+`/hook"
secret_file = "secret"

[[route]]
name = "chat"
service_env = "CHAT"
`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "secret"), []byte(hookSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// stitch notify test says what each service answered, and never a secret.
func TestNotifyTest(t *testing.T) {
	t.Chdir(t.TempDir())
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.URL.Path+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	down := httptest.NewServer(nil)
	down.Close()
	file := routesTo(t, server.URL)
	on := call{env: map[string]string{"CHAT": "generic://jane:TOPSECRET@" + strings.TrimPrefix(down.URL, "http://") + "/TOPSECRET?disabletls=yes"}}
	r := on.run(t, "notify", "test", "--notifications", file)
	r.want(t, exitProblems, "sent     siem in ", "")
	r.want(t, exitProblems, ": 202 Accepted\nfailed   chat after ", "")
	r.want(t, exitProblems, "connection refused\n", "")
	if strings.Contains(r.out+r.err, "TOPSECRET") {
		t.Errorf("a secret is in\n%s%s", r.out, r.err)
	}
	if len(bodies) != 1 || !strings.HasPrefix(bodies[0], `/hook {"type":"alert.test",`) {
		t.Error(bodies)
	}
	on.env["STITCH_NOTIFICATIONS"] = file
	on.run(t, "notify", "test", "siem").want(t, exitFine, "sent     siem in ", "")
	on.run(t, "notify", "test", "chat", "--show").want(t, exitFine, "chat\ntest: low: Test of a route\nThis is a test: there is no such alert\n", "")
	on.run(t, "notify", "test", "siem", "--show").want(t, exitFine, "siem\n{\"type\":\"alert.test\",", "")
	on.run(t, "notify", "test", "mail").want(t, exitUsage, "", `no route "mail"; there are siem, chat`)
	config := write(t, "stitch.toml", "notifications = 'routes.toml'\n")
	if err := os.Rename(file, filepath.Join(filepath.Dir(config), "routes.toml")); err != nil {
		t.Fatal(err)
	}
	delete(on.env, "STITCH_NOTIFICATIONS")
	on.run(t, "notify", "test", "--config", config, "siem").want(t, exitUsage, "", "routes.toml:5: read what secret_file names: ")
	on.run(t, "notify", "test").want(t, exitUsage, "", "no routes; name their file by --notifications")
	on.run(t, "notify", "tset").want(t, exitUsage, "", `unknown command "tset"; did you mean test?`)
}

// stitch once says what became of notifications, also when there is nothing to
// tell.
func TestOnceNotifies(t *testing.T) {
	t.Chdir(t.TempDir())
	f := newFake(t, nil)
	file := routesTo(t, "http://127.0.0.1:1")
	on := call{env: map[string]string{"CHAT": "ntfy://127.0.0.1/topic"}}
	on.run(t, "once", "--url", f.URL, "--rules", write(t, "rule.toml", eventRule), "--notifications", file).
		want(t, exitFine, "ran      Any event: 0 new, 0 updated, 0 unchanged\nnotified siem: 0 sent\nnotified chat: 0 sent\n", "run done")
	if !strings.Contains(f.all(), `detections-stitch.state/route-siem {"kind":"route","format":1,"route":"siem","spans":[{"from":"`) {
		t.Errorf("from when on routes are told is not kept:\n%s", f.all())
	}
}

// Routes that are wrong are told before anything runs.
func TestWrongRoutes(t *testing.T) {
	t.Chdir(t.TempDir())
	file := write(t, "notifications.toml", "[[route]]\nname = 'x'\n")
	for _, command := range []string{"run", "once"} {
		call{}.run(t, command, "--url", newFake(t, nil).URL, "--notifications", file).
			want(t, exitUsage, "", file+":1: a route needs service_file or service_env")
	}
}

// hook is a webhook that takes everything, and the file of a route to it.
type hook struct {
	routes string
	mu     sync.Mutex
	ids    []string
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ids = append(h.ids, r.Header.Get("webhook-id"))
	}))
	t.Cleanup(server.Close)
	h.routes = write(t, "routes.toml", "[[route]]\nname = 'siem'\nwebhook = '"+server.URL+"'\nsecret_file = 'secret'\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(h.routes), "secret"), []byte(hookSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hook) keys() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ids)
}
