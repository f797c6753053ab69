package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// browsed is what some pages of a stitch that runs with these arguments answer.
func browsed(t *testing.T, env map[string]string, args []string, paths ...string) (map[string]*http.Response, map[string]string, result) {
	t.Helper()
	t.Chdir(t.TempDir())
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	answers, bodies := map[string]*http.Response{}, map[string]string{}
	var asking sync.WaitGroup
	var once sync.Once
	f := newFake(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/" { // it listens, and answers once it has begun
			once.Do(func() {
				asking.Go(func() {
					defer stop()
					for _, path := range paths {
						answers[path], bodies[path] = ask(t, "GET", "http://"+address+path, "", "X-User", "anna")
					}
				})
			})
		}
		return false
	})
	args = append(args, "--url", f.URL, "--rules", write(t, "rule.toml", eventRule), "--listen", address)
	r := call{env: env}.runContext(ctx, args...)
	asking.Wait()
	if written := f.all(); args[0] == "page" && written != "" {
		t.Errorf("a page that runs no rules has written %s", written)
	}
	return answers, bodies, r
}

const eventRuleID = "0d3a5b1e-61c9-4d0c-9c5a-111111111111"

// The page is where rules run, and where none do.
func TestPageIsServed(t *testing.T) {
	for _, command := range []string{"run", "page"} {
		t.Run(command, func(t *testing.T) {
			answers, bodies, r := browsed(t, nil, []string{command}, "/", "/rules", "/rules/"+eventRuleID, "/alerts/none", "/healthz")
			r.want(t, exitFine, "", "msg=stopped")
			for path, want := range map[string]string{
				"/": "There is no alert.", "/rules": "Any event", "/rules/" + eventRuleID: `rule_id = &#34;` + eventRuleID, "/alerts/none": "There is no alert none", "/healthz": "ok",
			} {
				if !strings.Contains(bodies[path], want) {
					t.Errorf("%s: %q is not in\n%s", path, want, bodies[path])
				}
			}
			if policy := answers["/"].Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
				t.Errorf("policy %q", policy)
			}
			if !strings.Contains(bodies["/"], "read only") {
				t.Error("the page does not say that it only reads")
			}
		})
	}
}

func TestPageKnowsWhoAsks(t *testing.T) {
	_, bodies, r := browsed(t, map[string]string{"STITCH_LISTEN_PROXY_HEADER": "X-User"}, []string{"page", "--allow-triage"}, "/")
	r.want(t, exitFine, "", "msg=stopped")
	if !strings.Contains(bodies["/"], "<bdi>anna</bdi>, triage allowed") {
		t.Errorf("it does not:\n%s", bodies["/"])
	}
}

func TestPageSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	call{}.run(t, "page", "--url", "http://127.0.0.1:1", "--listen", "off").want(t, exitUsage, "", "the page needs an address to answer on")
	call{env: map[string]string{"STITCH_KIBANA_URL": "kibana:5601"}}.run(t, "page", "--url", "http://127.0.0.1:1", "--listen", "127.0.0.1:0").
		want(t, exitUsage, "", "kibana_url must be an address such as https://kibana.example:5601")
}
