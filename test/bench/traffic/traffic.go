// Package traffic counts what goes between stitch and a cluster.
package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Tap carries requests on and notes each of them. Several goroutines may use it
// at once.
type Tap struct {
	Base http.RoundTripper // http.DefaultTransport if nil
	// Rows says that the hits and buckets in the answers are to be counted, which
	// takes time of its own.
	Rows bool

	mu   sync.Mutex
	seen []Exchange
}

// Exchange is one request and its answer.
type Exchange struct {
	Method, Path string
	Body         string // what was asked, as it was sent
	Up, Down     int    // bytes of the two bodies; an answer that came compressed counts as it is read
	// Took is what the engine says its searches took, each for itself, in whole
	// milliseconds; zero for what is no search.
	Took     time.Duration
	Wall     time.Duration // from the first byte sent to the last one read
	Searches int           // questions in it: more than one in a multi-search
	Rows     int           // hits and buckets in the answer, if they are counted
}

// RoundTrip implements [http.RoundTripper].
func (t *Tap) RoundTrip(req *http.Request) (*http.Response, error) {
	x := Exchange{Method: req.Method, Path: req.URL.RequestURI()}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		x.Up, x.Body = len(body), string(body)
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	began := time.Now()
	res, err := base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := answerOf(res)
	x.Wall = time.Since(began)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	x.Down = len(body)
	t.read(&x, body)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = append(t.seen, x)
	return res, nil
}

// answerOf reads an answer, with as little work as stitch itself would have.
func answerOf(res *http.Response) ([]byte, error) {
	var body bytes.Buffer
	if res.ContentLength > 0 {
		body.Grow(int(res.ContentLength) + bytes.MinRead)
	}
	_, err := body.ReadFrom(res.Body)
	return body.Bytes(), err
}

// Take returns what was noted since it was called last, in the order of the
// answers.
func (t *Tap) Take() []Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := t.seen
	t.seen = nil
	return seen
}

// read notes what the answer to a search says of itself.
func (t *Tap) read(x *Exchange, body []byte) {
	path, _, _ := strings.Cut(x.Path, "?")
	switch {
	case strings.HasSuffix(path, "/_msearch"):
		x.Searches = strings.Count(x.Body, "\n") / 2
	case strings.HasSuffix(path, "/_search"):
		x.Searches = 1
	default:
		return
	}
	if t.Rows {
		x.Took, x.Rows = counted(body)
		return
	}
	// The answer to a multi-search begins with what all of it took.
	if strings.HasSuffix(path, "/_msearch") {
		_, body, _ = bytes.Cut(body, []byte(`"responses"`))
	}
	x.Took = tookOf(body, x.Searches)
}

// tookOf sums the first n times that an answer names, without reading the rest.
func tookOf(body []byte, n int) time.Duration {
	var sum time.Duration
	for range n {
		_, rest, there := bytes.Cut(body, []byte(`"took":`))
		if !there {
			break
		}
		digits := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
		ms, err := strconv.Atoi(string(digits))
		if err != nil {
			break
		}
		sum += time.Duration(ms) * time.Millisecond
		body = rest
	}
	return sum
}

// answer is what of a search's answer is counted.
type answer struct {
	Took int64 `json:"took"`
	Hits struct {
		Hits []json.RawMessage `json:"hits"`
	} `json:"hits"`
	Aggregations map[string]struct {
		Buckets []json.RawMessage `json:"buckets"`
	} `json:"aggregations"`
}

func counted(body []byte) (took time.Duration, rows int) {
	var all struct {
		answer
		Responses []answer `json:"responses"`
	}
	if json.Unmarshal(body, &all) != nil {
		return 0, 0
	}
	answers := all.Responses
	if answers == nil {
		answers = []answer{all.answer}
	}
	for _, a := range answers {
		took += time.Duration(a.Took) * time.Millisecond
		rows += len(a.Hits.Hits)
		for _, g := range a.Aggregations {
			rows += len(g.Buckets)
		}
	}
	return took, rows
}

// Sum is what exchanges come to.
type Sum struct {
	Requests, Searches, Up, Down, Rows int
	Took, Wall                         time.Duration // Wall of each for itself, summed
}

// Of adds exchanges up.
func Of(list []Exchange) Sum {
	var s Sum
	for _, x := range list {
		s.Requests++
		s.Searches += x.Searches
		s.Up += x.Up
		s.Down += x.Down
		s.Rows += x.Rows
		s.Took += x.Took
		s.Wall += x.Wall
	}
	return s
}

// List shows exchanges, a line each.
func List(list []Exchange) string {
	var out strings.Builder
	for _, x := range list {
		path, _, _ := strings.Cut(x.Path, "?")
		fmt.Fprintf(&out, "%-6s %-50.50s %3d searches %8d up %8d down %5d rows, took %4d ms, wall %4d ms\n",
			x.Method, path, x.Searches, x.Up, x.Down, x.Rows, x.Took.Milliseconds(), x.Wall.Milliseconds())
	}
	return out.String()
}
