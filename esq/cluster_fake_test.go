package esq_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stitchdetect/stitch/esq"
)

// A fake answers requests with a script, and keeps what was asked. Opening and
// closing a point in time, and what the cluster is, need not be in the script.
type fake struct {
	info   string // the answer to GET /; Elasticsearch 8 if empty
	script []reply

	mu     sync.Mutex
	asked  []asked
	opened int // points in time
	closed int
}

type asked struct {
	Method, Path, Body string
	Header             http.Header
}

// A reply is one answer, or none.
type reply struct {
	status int // 200 if 0
	body   string
	header http.Header
	err    error // instead of an answer
	cut    error // after the body
	// seen is called with the request before it is answered, if set.
	seen func(*http.Request)
}

const (
	es8Info = `{"cluster_name":"c","cluster_uuid":"u","version":{"number":"8.19.0"},"tagline":"You Know, for Search"}`
	os2Info = `{"cluster_name":"c","cluster_uuid":"u","version":{"number":"2.19.5","distribution":"opensearch"}}`
	os3Info = `{"cluster_name":"c","cluster_uuid":"u","version":{"number":"3.8.0","distribution":"opensearch"}}`
)

// RoundTrip answers as the script has it.
func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	pit := strings.HasSuffix(req.URL.Path, "_pit") || strings.HasSuffix(req.URL.Path, "point_in_time")
	switch {
	case req.URL.Path == "/" && req.Method == http.MethodGet && f.info != "scripted":
		if f.info == "" {
			f.info = es8Info
		}
		return answer(req, reply{body: f.info}), nil
	case pit && req.Method == http.MethodDelete:
		f.closed++
		return answer(req, reply{body: `{"succeeded":true}`}), nil
	case pit && !f.scripted("pit"):
		f.opened++
		return answer(req, reply{body: `{"id":"pit0","_shards":{"total":3,"successful":3,"failed":0}}`}), nil
	}
	f.asked = append(f.asked, asked{req.Method, req.URL.RequestURI(), string(body), req.Header.Clone()})
	if len(f.script) == 0 {
		return nil, fmt.Errorf("not in the script: %s %s", req.Method, req.URL.Path)
	}
	next := f.script[0]
	f.script = f.script[1:]
	if next.seen != nil {
		next.seen(req)
	}
	if next.err != nil {
		return nil, next.err
	}
	return answer(req, next), nil
}

// scripted reports whether the script speaks of points in time itself.
func (f *fake) scripted(what string) bool {
	return len(f.script) > 0 && f.script[0].header.Get("For") == what
}

func answer(req *http.Request, r reply) *http.Response {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	var body io.Reader = strings.NewReader(r.body)
	if r.cut != nil {
		body = io.MultiReader(body, failing{r.cut})
	}
	return &http.Response{StatusCode: r.status, Header: r.header, Body: io.NopCloser(body), Request: req}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// open opens a cluster that answers with the script.
func (f *fake) open(t *testing.T, config ...func(*esq.Config)) *esq.Cluster {
	t.Helper()
	cfg := esq.Config{URLs: []string{"http://cluster:9200"}, Transport: f}
	for _, change := range config {
		change(&cfg)
	}
	c, err := esq.Open(t.Context(), cfg)
	must(t, err)
	return c
}

// page is an answer with hits of these sort values, of so many in all.
func page(total int, places ...int) string {
	var hits []string
	for _, p := range places {
		hits = append(hits, fmt.Sprintf(`{"_index":"i","_id":"%d","sort":[%d,%d],"_source":{}}`, p, p, p))
	}
	return fmt.Sprintf(`{"took":1,"timed_out":false,"pit_id":"pit%d","_shards":{"total":3,"successful":3,"failed":0},
		"hits":{"total":{"value":%d,"relation":"eq"},"hits":[%s]}}`, len(places), total, strings.Join(hits, ","))
}

// member reads one member of a JSON object.
func member(t *testing.T, body, name string) string {
	t.Helper()
	var o map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader([]byte(body))).Decode(&o); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	return string(o[name])
}
