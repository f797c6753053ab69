package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stitchdetect/stitch/mappings"
)

// fakeCluster is an Elasticsearch that is prepared and holds no documents. It
// forgets what is written, and answers otherwise where a test says so.
type fakeCluster struct {
	*httptest.Server
	// answer, if set, is asked first. It returns whether it answered.
	answer func(w http.ResponseWriter, r *http.Request) bool
	// item, if set, is what becomes of each write, after its index and id.
	item string

	mu      sync.Mutex
	written []string // paths and bodies of all that was no question
}

func newFake(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) *fakeCluster {
	t.Helper()
	f := &fakeCluster{answer: answer}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// say answers with a status and a body.
func say(w http.ResponseWriter, status int, body string) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	return true
}

// refuse answers as an engine refuses.
func refuse(w http.ResponseWriter, status int, kind, reason string) bool {
	return say(w, status, fmt.Sprintf(`{"error":{"type":%q,"reason":%q},"status":%d}`, kind, reason, status))
}

const wholeShards = `"_shards":{"total":2,"successful":2,"skipped":0,"failed":0}`

// ServeHTTP implements [http.Handler].
func (f *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.answer != nil && f.answer(w, r) {
		return
	}
	path := r.URL.Path
	switch {
	case path == "/":
		say(w, 200, `{"cluster_name":"fake","cluster_uuid":"u","version":{"number":"8.19.0"},"tagline":"You Know, for Search"}`)
	case strings.HasSuffix(path, "/_mapping"):
		say(w, 200, `{"`+mappings.Names{}.State()+`":{"mappings":{"_meta":{"version":4,"hash":"x"}}}}`)
	case strings.HasSuffix(path, "/_settings"):
		say(w, 200, `{}`)
	case path == "/_security/user/_has_privileges":
		refuse(w, 405, "method_not_allowed", "no security")
	case strings.HasSuffix(path, "/_mget"):
		f.notFound(w, r)
	case strings.HasSuffix(path, "/_bulk"):
		f.bulk(w, r)
	case strings.HasSuffix(path, "/_field_caps"):
		say(w, 200, `{"indices":["events-1"],"fields":{"@timestamp":{"date":{"type":"date","searchable":true,"aggregatable":true}}}}`)
	case strings.HasSuffix(path, "/_pit"):
		say(w, 200, `{"id":"pit","succeeded":true,`+wholeShards+`}`)
	case strings.HasSuffix(path, "/_search"):
		say(w, 200, `{"pit_id":"pit","timed_out":false,`+wholeShards+`,"hits":{"total":{"value":0,"relation":"eq"},"hits":[]}}`)
	default:
		refuse(w, 400, "not_in_the_fake", r.Method+" "+path)
	}
}

func (f *fakeCluster) notFound(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Docs []map[string]any
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, 400, "parse_exception", err.Error())
		return
	}
	docs := make([]string, len(asked.Docs))
	for i, d := range asked.Docs {
		docs[i] = fmt.Sprintf(`{"_index":%q,"_id":%q,"found":false}`, d["_index"], d["_id"])
	}
	say(w, 200, `{"docs":[`+strings.Join(docs, ",")+`]}`)
}

func (f *fakeCluster) bulk(w http.ResponseWriter, r *http.Request) {
	var items []string
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var action map[string]map[string]any
		if err := json.Unmarshal(lines.Bytes(), &action); err != nil {
			refuse(w, 400, "parse_exception", err.Error())
			return
		}
		lines.Scan()
		for op, at := range action {
			f.mu.Lock()
			f.written = append(f.written, fmt.Sprintf("%s/%s %s", at["_index"], at["_id"], lines.Text()))
			f.mu.Unlock()
			outcome := cmp.Or(f.item, `"status":201,"_seq_no":1,"_primary_term":1`)
			items = append(items, fmt.Sprintf(`{%q:{"_index":%q,"_id":%q,%s}}`, op, at["_index"], at["_id"], outcome))
		}
	}
	say(w, 200, `{"errors":`+strconv.FormatBool(f.item != "")+`,"items":[`+strings.Join(items, ",")+`]}`)
}

func (f *fakeCluster) all() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.written, "\n")
}
