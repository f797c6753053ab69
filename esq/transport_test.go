package esq_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
)

func TestRetries(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	broken := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	tests := []struct {
		name     string
		method   string
		replies  []reply
		requests int // that are sent
		ok       bool
		min, max time.Duration // that it takes
	}{
		{name: "none", method: "GET", replies: []reply{{}}, requests: 1, ok: true},
		{name: "429", method: "GET", replies: []reply{{status: 429}, {}}, requests: 2, ok: true, max: 500 * time.Millisecond},
		{name: "502, 503, 504", method: "GET", replies: []reply{{status: 502}, {status: 503}, {status: 504}, {}}, requests: 4, ok: true,
			max: 3500 * time.Millisecond},
		{name: "lost connection", method: "GET", replies: []reply{{err: broken}, {err: io.EOF}, {}}, requests: 3, ok: true, max: 1500 * time.Millisecond},
		{name: "half an answer", method: "GET", replies: []reply{{body: `{"a":`, cut: io.ErrUnexpectedEOF}, {}}, requests: 2, ok: true, max: time.Second},
		{name: "half an answer without an error", method: "GET", replies: []reply{{body: `{"a":`}, {}}, requests: 2, ok: true, max: time.Second},
		{name: "five attempts are enough", method: "GET",
			replies: []reply{{status: 503}, {status: 503}, {status: 503}, {status: 503}, {status: 503}, {}}, requests: 5, max: 8 * time.Second},
		{name: "Retry-After", method: "GET", replies: []reply{{status: 429, header: http.Header{"Retry-After": {"7"}}}, {}},
			requests: 2, ok: true, min: 7 * time.Second, max: 7 * time.Second},
		{name: "Retry-After as a date", method: "GET",
			replies:  []reply{{status: 503, header: http.Header{"Retry-After": {"Sat, 01 Jan 2000 00:00:09 GMT"}}}, {}},
			requests: 2, ok: true, min: 9 * time.Second, max: 9 * time.Second},
		{name: "Retry-After has a bound", method: "GET", replies: []reply{{status: 429, header: http.Header{"Retry-After": {"86400"}}}, {}},
			requests: 2, ok: true, min: 30 * time.Second, max: 30 * time.Second},
		{name: "400", method: "GET", replies: []reply{{status: 400}}, requests: 1},
		{name: "401", method: "GET", replies: []reply{{status: 401}}, requests: 1},
		{name: "500", method: "GET", replies: []reply{{status: 500}}, requests: 1},
		{name: "redirect", method: "GET", replies: []reply{{status: 302}}, requests: 1},
		{name: "not JSON", method: "GET", replies: []reply{{body: `<html>`}}, requests: 1},
		{name: "too many buckets", method: "GET", requests: 1, replies: []reply{{status: 503, body: `{"error":{"root_cause":[],
			"type":"search_phase_execution_exception","reason":"","phase":"fetch","caused_by":{"type":"too_many_buckets_exception","reason":"Trying to create too many buckets"}},"status":503}`}}},
		{name: "certificate", method: "GET", requests: 1, replies: []reply{{err: x509.UnknownAuthorityError{}}}},
		{name: "POST is not repeated when its fate is unknown", method: "POST", replies: []reply{{err: broken}}, requests: 1},
		{name: "POST is not repeated after a gateway's time-out", method: "POST", replies: []reply{{status: 504}}, requests: 1},
		{name: "POST is repeated when it was not sent", method: "POST", replies: []reply{{err: refused}, {}}, requests: 2, ok: true, max: time.Second},
		{name: "POST is repeated when it was not accepted", method: "POST", replies: []reply{{status: 429}, {}}, requests: 2, ok: true, max: time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for i := range tt.replies {
					if tt.replies[i].body == "" && tt.replies[i].status == 0 {
						tt.replies[i].body = `{"ok":true}`
					}
				}
				f := fake{script: tt.replies}
				c := f.open(t)
				start := time.Now()
				var out struct{ OK bool }
				err := c.Do(t.Context(), tt.method, "/x", map[string]int{"a": 1}, &out)
				if (err == nil) != tt.ok || out.OK != tt.ok {
					t.Errorf("error %v", err)
				}
				if len(f.asked) != tt.requests {
					t.Errorf("%d requests, want %d", len(f.asked), tt.requests)
				}
				for _, a := range f.asked {
					if a.Body != `{"a":1}` {
						t.Errorf("body %q", a.Body)
					}
				}
				if took := time.Since(start); took < tt.min || took > tt.max {
					t.Errorf("took %v, want %v to %v", took, tt.min, tt.max)
				}
			})
		})
	}
}

func TestWaitsWatchTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fake{script: []reply{{status: 429, header: http.Header{"Retry-After": {"20"}}}}}
		c := f.open(t)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := c.Do(ctx, "GET", "/x", nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) || asResponse(t, err).Status != 429 {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestEachAttemptHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := reply{seen: func(req *http.Request) { <-req.Context().Done() }, err: context.DeadlineExceeded}
		f := fake{script: []reply{hang}}
		c := f.open(t, func(cfg *esq.Config) { cfg.Timeout = 42 * time.Second })
		start := time.Now()
		err := c.Do(t.Context(), "GET", "/x", nil, nil)
		var unreachable *esq.UnreachableError
		if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "42s") {
			t.Errorf("error %T %v", err, err)
		}
		if took := time.Since(start); took != 42*time.Second {
			t.Errorf("took %v: a request that is too slow is not sent again", took)
		}
	})
}

func TestErrorsTellTheirRoot(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		want       esq.ResponseError
	}{
		{name: "shard failure", status: 400, body: `{"error":{"root_cause":[{"type":"query_shard_exception","reason":"failed to create query: For input string: \"abc\"","index":"logs-1","index_uuid":"x"}],
			"type":"search_phase_execution_exception","reason":"all shards failed","phase":"query","failed_shards":[{"shard":0,"index":"logs-1","reason":{"type":"query_shard_exception","reason":"failed to create query: For input string: \"abc\"","caused_by":{"type":"number_format_exception","reason":"For input string: \"abc\""}}}]},"status":400}`,
			want: esq.ResponseError{Type: "query_shard_exception", Reason: `failed to create query: For input string: "abc" (index logs-1)`}},
		{name: "cause below", status: 400, body: `{"error":{"root_cause":[{"type":"document_parsing_exception","reason":"[1:5] failed to parse field [n] of type [long]"}],
			"type":"document_parsing_exception","reason":"x","caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"x\""}}}`,
			want: esq.ResponseError{Type: "document_parsing_exception", Reason: `[1:5] failed to parse field [n] of type [long]: For input string: "x"`}},
		{name: "sentence", status: 405, body: `{"error":"Incorrect HTTP method for uri [/x]","status":405}`,
			want: esq.ResponseError{Reason: "Incorrect HTTP method for uri [/x]"}},
		{name: "plain text", status: 401, body: "Unauthorized", want: esq.ResponseError{Reason: "Unauthorized"}},
		{name: "nothing", status: 403, want: esq.ResponseError{Reason: "Forbidden"}},
		{name: "several lines", status: 400, body: "a\n\tb\x00\xff", want: esq.ResponseError{Reason: "a b\x00?"}},
		{name: "long", status: 400, body: strings.Repeat("ä", 400), want: esq.ResponseError{Reason: strings.Repeat("ä", 250) + "…"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fake{script: []reply{{status: tt.status, body: tt.body}}}
			err := f.open(t).Do(t.Context(), "PUT", "/x", nil, nil)
			tt.want.Op, tt.want.Status = "PUT /x", tt.status
			if diff := cmp.Diff(&tt.want, asResponse(t, err)); diff != "" {
				t.Error(diff)
			}
			if esq.Refused(fmt.Errorf("wrapped: %w", err)) != (tt.status == 401 || tt.status == 403) {
				t.Errorf("Refused is wrong for %d", tt.status)
			}
		})
	}
}

func TestNoSecretIsTold(t *testing.T) {
	const password, key = "hunter2/ü", "bmFtZTpzZWNyZXQ="
	withURL := func(raw string) func(*esq.Config) {
		return func(cfg *esq.Config) { cfg.URLs = []string{raw} }
	}
	tests := []struct {
		name   string
		config func(*esq.Config)
		auth   string
		reply  reply
	}{
		{name: "user in the URL", config: withURL("http://elastic:hunter2%2F%C3%BC@cluster:9200"),
			auth:  "Basic ZWxhc3RpYzpodW50ZXIyL8O8",
			reply: reply{err: &url.Error{Op: "Get", URL: "http://elastic:hunter2%2F%C3%BC@cluster:9200/", Err: errors.New("refused for elastic:" + password)}}},
		{name: "user", config: func(cfg *esq.Config) { cfg.Username, cfg.Password = "elastic", password },
			auth:  "Basic ZWxhc3RpYzpodW50ZXIyL8O8",
			reply: reply{status: 401, body: `{"error":{"type":"security_exception","reason":"bad header Basic ZWxhc3RpYzpodW50ZXIyL8O8 of ` + password + `"}}`}},
		{name: "key", config: func(cfg *esq.Config) { cfg.APIKey = key },
			auth: "APIKey " + key, reply: reply{body: "<p>" + key + " http://a:" + password + "@b</p>"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			f := fake{info: "scripted", script: []reply{{body: es8Info}, tt.reply}}
			cfg := esq.Config{
				URLs: []string{"http://cluster:9200"}, Transport: &f, Retry: esq.Retry{Attempts: 2, Base: 1},
				Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			}
			tt.config(&cfg)
			c, err := esq.Open(t.Context(), cfg)
			must(t, err)
			f.script = append(f.script, tt.reply)
			err = c.Do(t.Context(), "GET", "/x", nil, &struct{}{})
			if got := f.asked[0].Header.Get("Authorization"); got != tt.auth {
				t.Errorf("sent %q, want %q", got, tt.auth)
			}
			cfg.Logger.Info("started", "config", cfg)
			said := fmt.Sprintf("%v %+v %#v %s %v %+v %s", cfg, cfg, cfg, cfg, err, err, &log)
			for _, secret := range []string{password, key, "ZWxhc3Rp", "hunter2"} {
				if strings.Contains(said, secret) {
					t.Errorf("%q is in %s", secret, said)
				}
			}
			if err == nil || !strings.Contains(said, "cluster:9200") {
				t.Errorf("said too little: %v, %s", err, said)
			}
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	tests := []struct {
		name string
		cfg  esq.Config
		want string
	}{
		{"no URL", esq.Config{}, "no URL"},
		{"no scheme", esq.Config{URLs: []string{"localhost:9200"}}, "URL 1"},
		{"other scheme", esq.Config{URLs: []string{"http://a", "ftp://user:secret@b"}}, "URL 2 (ftp://xxxxx@b)"},
		{"unreadable", esq.Config{URLs: []string{"http://user:secret@b:x y"}}, "URL 1"},
		{"quote in the password", esq.Config{URLs: []string{`http://user:se"secret@b`}}, "URL 1 (http://xxxxx@b)"},
		{"user without scheme", esq.Config{URLs: []string{"user:secret@b:9200"}}, "URL 1 (xxxxx@b:9200)"},
		{"slash in the password", esq.Config{URLs: []string{"http://user:sec/secret@b"}}, "URL 1"},
		{"two users", esq.Config{URLs: []string{"http://a:secret@x", "http://b:secret@y"}}, "another one"},
		{"user and key", esq.Config{URLs: []string{"http://a"}, Username: "u", Password: "secret", APIKey: "k"}, "one of them"},
		{"user without password", esq.Config{URLs: []string{"http://a"}, Username: "u"}, "go together"},
		{"CA", esq.Config{URLs: []string{"https://a"}, CACert: []byte("x")}, "PEM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := esq.Open(t.Context(), tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "" || r.UserAgent() != "stitch" {
			t.Errorf("headers %v", r.Header)
		}
		fmt.Fprint(w, es8Info)
	}))
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	_, err := esq.Open(t.Context(), esq.Config{URLs: []string{server.URL}})
	var unreachable *esq.UnreachableError
	if !errors.As(err, &unreachable) {
		t.Errorf("unknown authority: %v", err)
	}
	_, err = esq.Open(t.Context(), esq.Config{URLs: []string{server.URL}, CACert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})})
	must(t, err)
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	_, err = esq.Open(t.Context(), esq.Config{URLs: []string{"http://" + l.Addr().String()}, Retry: esq.Retry{Attempts: 2, Base: 1}})
	var unreachable *esq.UnreachableError
	if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("%T %v", err, err)
	}
}

func TestBodiesOfDo(t *testing.T) {
	for _, body := range []any{[]byte(`{"a":1}`), json.RawMessage(`{"a":1}`), map[string]any{"a": 1}} {
		f := fake{script: []reply{{body: `{}`}}}
		must(t, f.open(t).Do(t.Context(), "PUT", "/_index_template/a%2Fb?x=1", body, nil))
		want := asked{Method: "PUT", Path: "/_index_template/a%2Fb?x=1", Body: `{"a":1}`}
		got := f.asked[0]
		if got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("content type %q", got.Header.Get("Content-Type"))
		}
		got.Header = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}
