package faults

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// kind is what a request to a cluster asks for.
type kind string

const (
	search kind = "search" // a page of hits or of groups
	bulk   kind = "bulk"
	get    kind = "get" // documents by their ids
	pit    kind = "point in time"
	other  kind = "other"
)

// call is a request on its way.
type call struct {
	kind kind
	body []byte
}

// fault is what the proxy does to a request. The zero fault does nothing.
type fault struct {
	// before is called before anything else happens.
	before func()
	// status, if not zero, is answered instead of asking the cluster.
	status     int
	retryAfter int // seconds; 0 for no such header
	// change rewrites the request.
	change func(body []byte) []byte
	// delay holds back the request.
	delay time.Duration
	// cut says where the connection ends, if it does.
	cut cut
	// after is called when the cluster has carried the request out, before the
	// answer is passed on.
	after func()
	// rewrite falsifies a successful answer.
	rewrite func(answer []byte) []byte
}

type cut int

const (
	whole      cut = iota
	unsent         // the cluster never sees the request
	unanswered     // it carries the request out
	midAnswer      // and half of its answer arrives
)

// plan chooses what happens to a call. It is called for one call at a time.
type plan func(call) fault

// proxy stands between stitch and a cluster.
type proxy struct {
	url    string
	target string

	mu    sync.Mutex
	plan  plan
	calls int
}

// newProxy starts a proxy before the cluster at the URL, which ends with the test.
func newProxy(t testing.TB, target string) *proxy {
	p := &proxy{target: target}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	p.url = server.URL
	return p
}

// follow sets the plan, none if it is nil, and begins to count calls anew.
func (p *proxy) follow(next plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.calls = next, 0
}

// seen is how many calls there were since the plan was set.
func (p *proxy) seen() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func (p *proxy) choose(c call) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.plan == nil {
		return fault{}
	}
	return p.plan(c)
}

// ServeHTTP implements [http.Handler].
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // whoever asked is gone
	}
	f := p.choose(call{kindOf(r), body})
	if f.before != nil {
		f.before()
	}
	if f.delay > 0 {
		select {
		case <-time.After(f.delay):
		case <-r.Context().Done():
		}
	}
	if f.cut == unsent {
		panic(http.ErrAbortHandler)
	}
	if f.status != 0 {
		refuse(w, f)
		return
	}
	if f.change != nil {
		body = f.change(body)
	}
	p.forward(w, r, body, f)
}

// forward asks the cluster, even if the one who asked is gone by now, and
// passes on what it answers.
func (p *proxy) forward(w http.ResponseWriter, r *http.Request, body []byte, f fault) {
	req, err := http.NewRequest(r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding") // the client of the proxy's own sees to it
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if f.after != nil {
		f.after()
	}
	if f.cut == unanswered {
		panic(http.ErrAbortHandler)
	}
	if f.rewrite != nil && res.StatusCode < 300 {
		answer = f.rewrite(answer)
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(res.StatusCode)
	if f.cut == midAnswer {
		answer = answer[:len(answer)/2]
	}
	// An error says that whoever asked is gone.
	_, _ = w.Write(answer)
	if f.cut == midAnswer {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func refuse(w http.ResponseWriter, f fault) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, `{"error":{"type":"es_rejected_execution_exception","reason":"a storm of the test's own"},"status":`+strconv.Itoa(f.status)+`}`)
}

func kindOf(r *http.Request) kind {
	path := r.URL.Path
	switch {
	case strings.HasSuffix(path, "/_pit"), strings.HasSuffix(path, "/point_in_time"):
		return pit
	case strings.HasSuffix(path, "/_search"):
		return search
	case strings.HasSuffix(path, "/_bulk"):
		return bulk
	case strings.HasSuffix(path, "/_mget"), strings.Contains(path, "/_doc/"):
		return get
	}
	return other
}

type object = map[string]any

// edited decodes an answer, has it changed and encodes it again.
func edited(answer []byte, change func(object)) []byte {
	dec := json.NewDecoder(bytes.NewReader(answer))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil {
		return answer
	}
	change(o)
	out, err := json.Marshal(o)
	if err != nil {
		return answer
	}
	return out
}

// halved drops half of an answer's hits and groups, and what they would say of
// how many there are.
func halved(o object) {
	if hits, ok := o["hits"].(object); ok {
		list, _ := hits["hits"].([]any)
		hits["hits"] = list[:len(list)/2]
		if total, ok := hits["total"].(object); ok {
			total["value"] = len(list) / 2
		}
	}
	groups, _ := o["aggregations"].(object)
	for _, g := range groups {
		if g, ok := g.(object); ok {
			list, _ := g["buckets"].([]any)
			g["buckets"] = list[:len(list)/2]
		}
	}
}

// fewerShards says that a shard did not answer, without a failure to name.
func fewerShards(answer []byte) []byte {
	return edited(answer, func(o object) {
		shards, ok := o["_shards"].(object)
		if !ok {
			return
		}
		total, _ := shards["total"].(json.Number)
		n, _ := total.Int64()
		shards["total"] = n + 1
		halved(o)
	})
}

func timedOut(answer []byte) []byte {
	return edited(answer, func(o object) {
		o["timed_out"] = true
		halved(o)
	})
}

// withoutOne leaves one operation out of a bulk request, the nth or, where
// there are not so many, one as good. It returns the first line of it, too.
func withoutOne(body []byte, n int) (rest, head []byte, at int) {
	lines := bytes.SplitAfter(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	at = n % (len(lines) / 2)
	rest = append(bytes.Clone(bytes.Join(lines[:2*at], nil)), bytes.Join(lines[2*at+2:], nil)...)
	if len(rest) > 0 && rest[len(rest)-1] != '\n' {
		rest = append(rest, '\n')
	}
	return rest, lines[2*at], at
}

// refusedItem is a fault that keeps one operation of a bulk request from being
// carried out. The only operation of a request cannot be left out: the request
// is refused then.
func refusedItem(body []byte, n, status int) fault {
	rest, head, at := withoutOne(body, n)
	if len(rest) == 0 {
		return fault{status: status}
	}
	return fault{
		change: func([]byte) []byte { return rest },
		rewrite: func(answer []byte) []byte {
			return edited(answer, func(o object) {
				o["errors"] = true
				items, _ := o["items"].([]any)
				o["items"] = slices.Insert(items, at, any(refusal(head, status)))
			})
		},
	}
}

// refusal is the item of a bulk answer that says that the operation with this
// first line was not carried out.
func refusal(head []byte, status int) object {
	var operation map[string]object
	if err := json.Unmarshal(head, &operation); err != nil {
		return object{}
	}
	item := object{}
	for verb, names := range operation {
		item[verb] = object{"_index": names["_index"], "_id": names["_id"], "status": status,
			"error": object{"type": "es_rejected_execution_exception", "reason": "an item refused by the test"}}
	}
	return item
}

func TestProxy(t *testing.T) {
	seen := 0
	cluster := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen++
		_, _ = io.Copy(w, io.MultiReader(strings.NewReader("answer to "), r.Body))
	}))
	defer cluster.Close()
	p := newProxy(t, cluster.URL)
	called := 0
	for _, tt := range []struct {
		name   string
		fault  fault
		status int // 0: none
		answer string
		seen   int
		lost   bool
	}{
		{name: "nothing", status: 200, answer: "answer to question", seen: 1},
		{name: "refused", fault: fault{status: 429}, status: 429},
		{name: "unsent", fault: fault{cut: unsent}, lost: true},
		{name: "unanswered", fault: fault{cut: unanswered}, seen: 1, lost: true},
		{name: "mid-answer", fault: fault{cut: midAnswer}, status: 200, seen: 1, lost: true},
		{name: "changed", fault: fault{change: bytes.ToUpper, rewrite: bytes.ToUpper}, status: 200, answer: "ANSWER TO QUESTION", seen: 1},
		{name: "called", fault: fault{before: func() { called++ }, after: func() { called++ }}, status: 200, answer: "answer to question", seen: 1},
	} {
		seen = 0
		p.follow(func(c call) fault {
			if c.kind != search || string(c.body) != "question" {
				t.Errorf("%s: the plan sees %s %q", tt.name, c.kind, c.body)
			}
			return tt.fault
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.url+"/i/_search?x=1", strings.NewReader("question"))
		if err != nil {
			t.Fatal(err)
		}
		status, answer, err := ask(req)
		if (err != nil) != tt.lost || status != tt.status || tt.answer != "" && answer != tt.answer || seen != tt.seen {
			t.Errorf("%s: status %d, answer %q, error %v, seen %d times", tt.name, status, answer, err, seen)
		}
		if p.seen() != 1 {
			t.Errorf("%s: %d calls", tt.name, p.seen())
		}
	}
	if called != 2 {
		t.Errorf("called %d times", called)
	}
}

// ask sends a request. The status may be there even if the answer is cut.
func ask(req *http.Request) (status int, answer string, err error) {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

func TestWithoutOne(t *testing.T) {
	for n, want := range []string{"c\nd\n", "a\nb\n"} {
		rest, head, at := withoutOne([]byte("a\nb\nc\nd\n"), n)
		if string(rest) != want || at != n || string(head) != []string{"a\n", "c\n"}[n] {
			t.Errorf("withoutOne(%d) = %q, %q, %d", n, rest, head, at)
		}
	}
	if rest, _, _ := withoutOne([]byte("a\nb\n"), 7); len(rest) != 0 {
		t.Errorf("the only operation: %q is left", rest)
	}
}
