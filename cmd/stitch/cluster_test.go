package main

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOnceOnAFake(t *testing.T) {
	t.Chdir(t.TempDir())
	f := newFake(t, nil)
	rule := write(t, "rule.toml", eventRule)
	r := call{}.run(t, "once", "--url", f.URL, "--rules", rule)
	r.want(t, exitFine, "ran      Any event: 0 new, 0 updated, 0 unchanged\n", `msg="run done" rule="Any event"`)
	if !strings.Contains(f.all(), `"outcome":"success"`) {
		t.Errorf("no run record among\n%s", f.all())
	}
	r = call{}.run(t, "once", "--url", f.URL, "--rules", rule, "--log-format", "json")
	r.want(t, exitFine, "ran ", `"msg":"run done","rule":"Any event"`)
}

// Templates that are older, and usable, are told of and no reason to stand still.
func TestOlderTemplates(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/_mapping") && say(w, 200, `{"detections-stitch.state":{"mappings":{"_meta":{"version":3,"hash":"x"}}}}`)
	})
	r := call{}.run(t, "once", "--url", f.URL, "--rules", write(t, "rule.toml", eventRule))
	r.want(t, exitFine, "ran      Any event: 0 new, 0 updated, 0 unchanged\n", "index templates are older than this stitch")
	if !strings.Contains(r.err, "run stitch bootstrap") {
		t.Errorf("it does not say what to do: %s", r.err)
	}
}

// Every way in which a cluster may fail the commands, and what they exit with.
func TestClusterFailures(t *testing.T) {
	rule := write(t, "rule.toml", eventRule)
	on := func(suffix string, answer func(http.ResponseWriter) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, suffix) && answer(w)
		}
	}
	refusal := func(status int, kind, reason string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool { return refuse(w, status, kind, reason) }
	}
	body := func(text string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool { return say(w, 200, text) }
	}
	const newer = `{"detections-stitch.state":{"mappings":{"_meta":{"version":99,"hash":"x","by":"v9.9.9"}}}}`
	all := []string{"bootstrap", "once", "run"}
	for _, tt := range []struct {
		name     string
		commands []string
		answer   func(http.ResponseWriter, *http.Request) bool
		code     int
		out, err string // the latter of every line on stderr
	}{
		{"wrong password", all, on("/", refusal(401, "security_exception", "unable to authenticate user")), exitCluster, "", "unable to authenticate user"},
		{"missing privileges", all, on("/", refusal(403, "security_exception", "action [cluster:monitor/main] is unauthorized")), exitCluster, "", "is unauthorized"},
		{"privileges for the templates missing", all[:1], on("detections-stitch.alerts", refusal(403, "security_exception", "not for you")), exitCluster, "", "read index template detections-stitch.alerts: "},
		{"privileges for the state missing", all[1:], on("/_mapping", refusal(403, "security_exception", "not for you")), exitCluster, "", "check preparation: read mapping of detections-stitch.state: "},
		{"busy", all, on("/", refusal(503, "unavailable", "no master")), exitCluster, "", "no master"},
		{"another server", all, on("/", body("<html>It works!</html>")), exitCluster, "", "It works!"},
		{"another JSON server", all, on("/", body(`{"hello":"world"}`)), exitCluster, "", "give the URL of Elasticsearch"},
		{"too old", all, on("/", body(`{"version":{"number":"7.17.0"},"tagline":"You Know, for Search"}`)), exitCluster, "", "upgrade to 8 or later"},
		{"newer stitch was here", all, func(w http.ResponseWriter, r *http.Request) bool {
			return on("/_mapping", body(newer))(w, r) || on("detections-stitch.alerts", refusal(404, "x", "missing"))(w, r) ||
				on("detections-stitch.runs", refusal(404, "x", "missing"))(w, r) || on("detections-stitch.state", refusal(404, "x", "missing"))(w, r)
		}, exitCluster, "", "has version 99, this stitch knows versions up to 4: use stitch v9.9.9, which prepared the cluster, or a newer one"},
		{"not prepared", all[1:], on("/_mapping", refusal(404, "index_not_found_exception", "no such index")), exitUsage, "", "index detections-stitch.state does not exist: run stitch bootstrap first"},
		{"prepared by an older stitch", all[1:], on("/_mapping", body(`{"detections-stitch.state":{"mappings":{}}}`)), exitUsage, "", "older stitch: run stitch bootstrap"},

		{"half an answer", []string{"once"}, on("/_search", body(`{"timed_out":false,"_shards":{"total":2,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":0,"relation":"eq"},"hits":[]}}`)), exitProblems, "failed   Any event: ", "answer is not whole"},
		{"a query refused", []string{"once"}, on("/_search", refusal(400, "query_shard_exception", "failed to create query")), exitProblems, "failed   Any event: ", "failed to create query"},
		{"index forbidden", []string{"once"}, on("/_search", refusal(403, "security_exception", "not this index")), exitCluster, "failed   Any event: ", "not this index"},
		{"gone meanwhile", []string{"once"}, on("/_search", refusal(503, "unavailable", "no master")), exitCluster, "failed   Any event: ", "no master"},
		{"writes refused", []string{"once"}, on("/_bulk", refusal(403, "security_exception", "read only")), exitCluster, "failed   Any event: ", "read only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			f := newFake(t, tt.answer)
			for _, command := range tt.commands {
				args := []string{command, "--url", strings.Replace(f.URL, "://", "://u:toosecret@", 1)}
				if command != "bootstrap" {
					args = append(args, "--rules", rule)
				}
				r := call{}.run(t, args...)
				r.want(t, tt.code, tt.out, tt.err)
				if said := r.out + r.err + f.all(); strings.Contains(said, "toosecret") {
					t.Errorf("%s tells the password:\n%s", command, said)
				}
			}
		})
	}
}

func TestWritesThatAreRefusedOneByOne(t *testing.T) {
	t.Chdir(t.TempDir())
	f := newFake(t, nil)
	f.item = `"status":400,"error":{"type":"document_parsing_exception","reason":"no such field"}`
	r := call{}.run(t, "once", "--url", f.URL, "--rules", write(t, "rule.toml", eventRule))
	r.want(t, exitProblems, "failed   Any event: ", "no such field")
}

func TestClusterThatIsDown(t *testing.T) {
	t.Chdir(t.TempDir())
	f := newFake(t, nil)
	f.Close()
	for _, command := range []string{"bootstrap", "once", "run"} {
		call{env: map[string]string{"STITCH_URL": f.URL}}.run(t, command).want(t, exitCluster, "", "stitch: open cluster: no answer: ")
	}
}

func TestARuleThatFailsDoesNotStopTheOthers(t *testing.T) {
	t.Chdir(t.TempDir())
	other := strings.NewReplacer("Any event", "Other", "111111111111", "333333333333", "events-*", "other-*").Replace(eventRule)
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		return strings.Contains(r.URL.Path, "events-") && refuse(w, 400, "illegal_argument_exception", "mapping conflict")
	})
	r := call{}.run(t, "once", "--url", f.URL, "--rules", write(t, "a.toml", eventRule), "--rules", write(t, "b.toml", other))
	r.want(t, exitProblems, "ran      Other: 0 new", "mapping conflict")
	r.want(t, exitProblems, "failed   Any event: ", "mapping conflict")
}

func TestIndicesThatMayNotBeRead(t *testing.T) {
	t.Chdir(t.TempDir())
	rule := write(t, "rule.toml", eventRule)
	for _, read := range []bool{true, false} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path == "/_security/user/_has_privileges" && say(w, 200, fmt.Sprintf(`{"index":{"events-*":{"read":%v}}}`, read))
		})
		r := call{}.run(t, "once", "--url", f.URL, "--rules", rule)
		r.want(t, exitFine, "ran      Any event: 0 new", "started")
		if warned := strings.Contains(r.err, "the user may not read all that rules read") && strings.Contains(r.err, "indices=events-*"); warned == read {
			t.Errorf("warned: %v, may be read: %v:\n%s", warned, read, r.err)
		}
	}
}

func TestSecretsAreUsedAndNotTold(t *testing.T) {
	t.Chdir(t.TempDir())
	var mu sync.Mutex
	var seen []string
	answer := func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Authorization"))
		// A rude engine repeats what it was sent.
		return strings.HasSuffix(r.URL.Path, "/_search") && refuse(w, 400, "x", "you sent "+r.Header.Get("Authorization")+" hunter2toosecret")
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("u:hunter2toosecret"))
	for name, env := range map[string]map[string]string{
		"user": {"STITCH_USERNAME": "u", "STITCH_PASSWORD_FILE": write(t, "pw", "hunter2toosecret\n")},
		"key":  {"STITCH_API_KEY": "hunter2toosecret"},
	} {
		t.Run(name, func(t *testing.T) {
			seen = nil
			f := newFake(t, answer)
			env["STITCH_URL"] = f.URL
			r := call{env: env}.run(t, "once", "--rules", write(t, "rule.toml", eventRule))
			r.want(t, exitProblems, "you sent", "you sent")
			want := map[string]string{"user": basic, "key": "APIKey hunter2toosecret"}[name]
			if len(seen) == 0 || seen[0] != want {
				t.Errorf("authorization %q, want %q", seen, want)
			}
			said := r.out + r.err + f.all()
			for _, secret := range []string{"hunter2toosecret", strings.TrimPrefix(basic, "Basic ")} {
				if strings.Contains(said, secret) {
					t.Errorf("%q is told:\n%s", secret, said)
				}
			}
		})
	}
}

func TestCertificateOfTheCAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	f := &fakeCluster{}
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	rule := write(t, "rule.toml", eventRule)
	ca := write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	call{}.run(t, "once", "--url", server.URL, "--rules", rule).want(t, exitCluster, "", "certificate")
	call{}.run(t, "once", "--url", server.URL, "--rules", rule, "--ca-file", ca).want(t, exitFine, "ran ", "run done")
	call{env: map[string]string{"STITCH_CA_FILE": ca, "STITCH_RULES": rule}}.run(t, "once", "--url", server.URL).want(t, exitFine, "ran ", "run done")
}

func TestOnceThatIsStopped(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	f := newFake(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/_search") {
			stop()
		}
		return false
	})
	// The run in hand has the grace to finish; the exit code says that not all
	// was done.
	r := call{}.runContext(ctx, "once", "--url", f.URL, "--rules", write(t, "rule.toml", eventRule))
	r.want(t, exitProblems, "Any event", "stitch: stopped before all rules had their turn\n")
}

// A cluster that goes away while stitch runs is waited for.
func TestRunOutlivesTheCluster(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second) // lest it run on
	defer stop()
	var mu sync.Mutex
	counts := 0
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/_search") {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		counts++
		switch {
		case counts == 1, counts == 2: // both attempts of the first run
			return refuse(w, 503, "unavailable", "no master")
		case counts == 4: // well into the second
			stop()
		}
		return false
	})
	rule := write(t, "rule.toml", strings.Replace(eventRule, `"1m"`, `"1s"`, 1))
	r := call{}.runContext(ctx, "run", "--url", f.URL, "--rules", rule)
	r.want(t, exitFine, "", `msg=stopped`)
	for _, want := range []string{"msg=started", `level=ERROR msg="run failed" rule="Any event"`, "no master", `level=INFO msg="run done" rule="Any event"`} {
		if !strings.Contains(r.err, want) {
			t.Errorf("no %s in\n%s", want, r.err)
		}
	}
	if done := strings.Index(r.err, "run done"); done < strings.Index(r.err, "run failed") {
		t.Errorf("it did not recover:\n%s", r.err)
	}
}

// A stop that comes before the cluster has answered is no failure.
func TestRunThatIsStoppedAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	f := newFake(t, func(http.ResponseWriter, *http.Request) bool { stop(); return false })
	if r := (call{}).runContext(ctx, "run", "--url", f.URL); r.code != exitFine {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}
