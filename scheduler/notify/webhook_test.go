package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	oneSecret     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	anotherSecret = "whsec_dGhpcyBpcyBhbm90aGVyIHNlY3JldCBmb3IgdGVzdHM="
)

func keysOf(t *testing.T, text string) [][]byte {
	t.Helper()
	keys, err := parseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// The signature is the one that the reference library of Standard Webhooks 1.0.0
// gives for this key, id, time and body.
func TestSignatureOfTheReference(t *testing.T) {
	w := &webhook{keys: keysOf(t, oneSecret), now: func() time.Time { return time.Unix(1614265330, 0) }}
	h := http.Header{}
	w.sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`))
	want := http.Header{
		"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
}

// verified is what a receiver does, by the specification alone: it takes a
// message that one of the signatures proves and that is no older or newer than
// five minutes, and returns its id.
func verified(h http.Header, body []byte, secret string, now time.Time) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "", err
	}
	id := h.Get("webhook-id")
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || id == "" || strings.Contains(id, ".") {
		return "", errors.New("bad headers")
	}
	if age := now.Sub(time.Unix(seconds, 0)).Abs(); age > 5*time.Minute {
		return "", fmt.Errorf("%v old", age)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", id, seconds, body)
	for signature := range strings.SplitSeq(h.Get("webhook-signature"), " ") {
		version, encoded, _ := strings.Cut(signature, ",")
		given, err := base64.StdEncoding.DecodeString(encoded)
		if version == "v1" && err == nil && hmac.Equal(given, mac.Sum(nil)) {
			return id, nil
		}
	}
	return "", errors.New("no signature fits")
}

// received is a request as a receiver has it.
type received struct {
	path   string
	header http.Header
	body   []byte
}

// receiver is a server that keeps what it gets and answers as it is told.
func receiver(t *testing.T, answer func(http.ResponseWriter)) (*httptest.Server, func() []received) {
	t.Helper()
	requests := make(chan received, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- received{r.URL.String(), r.Header, body}
		if answer != nil {
			answer(w)
		}
	}))
	t.Cleanup(server.Close)
	return server, func() []received {
		var all []received
		for len(requests) > 0 {
			all = append(all, <-requests)
		}
		return all
	}
}

func hook(t *testing.T, address, secrets string, now time.Time) *webhook {
	t.Helper()
	w, err := newWebhook(address, keysOf(t, secrets), secrets, &http.Client{}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func messageOf(t *testing.T, key string, a Alert) Message {
	t.Helper()
	m, err := newRoute(t, "x", nil).words.message(key, a)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A webhook carries the whole alert, as it is, and is proven by either secret
// while one is exchanged for the other.
func TestWebhook(t *testing.T) {
	server, got := receiver(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) })
	a := sample(day)
	a.Kind, a.ID, a.Reason = Created, "a1", "<b>@everyone\n"
	answer, err := hook(t, server.URL+"/hook?x=1", oneSecret+"\n"+anotherSecret, day).Send(t.Context(), messageOf(t, "a1_created", a))
	if err != nil || answer != "202 Accepted" {
		t.Fatal(answer, err)
	}
	requests := got()
	if len(requests) != 1 {
		t.Fatal(requests)
	}
	r := requests[0]
	for _, secret := range []string{oneSecret, anotherSecret} {
		if id, err := verified(r.header, r.body, secret, day.Add(time.Minute)); err != nil || id != "a1_created" {
			t.Error(id, err)
		}
	}
	if _, err := verified(r.header, append(r.body, ' '), oneSecret, day); err == nil {
		t.Error("a changed body is taken")
	}
	if _, err := verified(r.header, r.body, oneSecret, day.Add(time.Hour)); err == nil {
		t.Error("a replayed request is taken")
	}
	if r.header.Get("Idempotency-Key") != "a1_created" || r.header.Get("Content-Type") != "application/json" || r.path != "/hook?x=1" {
		t.Error(r.header, r.path)
	}
	var body event
	if err := json.Unmarshal(r.body, &body); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(event{"alert.created", day, a}, body); diff != "" {
		t.Error(diff)
	}
}

// What a status means: which are refusals, and how long the service wants peace.
func TestWebhookAnswers(t *testing.T) {
	for status, want := range map[int]SendError{
		301: {What: "HTTP 301 Moved Permanently: redirects are not followed, name the address it leads to", Refused: true},
		400: {What: "HTTP 400 Bad Request", Refused: true},
		401: {What: "HTTP 401 Unauthorized", Refused: true},
		408: {What: "HTTP 408 Request Timeout", After: 7 * time.Second},
		410: {What: "HTTP 410 Gone", Refused: true},
		425: {What: "HTTP 425 Too Early", After: 7 * time.Second},
		429: {What: "HTTP 429 Too Many Requests", After: 7 * time.Second},
		500: {What: "HTTP 500 Internal Server Error", After: 7 * time.Second},
		503: {What: "HTTP 503 Service Unavailable", After: 7 * time.Second},
	} {
		server, got := receiver(t, func(w http.ResponseWriter) {
			if !want.Refused {
				w.Header().Set("Retry-After", "7")
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		_, err := hook(t, server.URL, oneSecret, day).Send(t.Context(), messageOf(t, "k", sample(day)))
		var failure *SendError
		if !errors.As(err, &failure) {
			t.Errorf("%d: %v", status, err)
			continue
		}
		if diff := cmp.Diff(want, *failure); diff != "" || len(got()) != 1 {
			t.Errorf("%d: %s", status, diff)
		}
	}
	for header, want := range map[string]time.Duration{
		"99999999999": time.Hour, "-1": 0, "soon": 0, "": 0, "Tue, 10 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Tue, 10 Mar 2026 11:00:30 GMT": 0, "Tue, 10 Mar 2099 11:00:30 GMT": time.Hour,
	} {
		if e := statusError(503, header, day); e.After != want {
			t.Errorf("%q: %v, want %v", header, e.After, want)
		}
	}
}

// A receiver that does not answer is left when its time is up, by the clock that
// the notifier has.
func TestWebhookThatHangs(t *testing.T) {
	w := newWorld(t)
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // else the server does not notice that the client has gone
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	n := w.notifier(newRoute(t, "soc", hook(t, server.URL, oneSecret, day)))
	w.create("a", "high")
	done := make(chan swept)
	go func() { done <- w.sweepAll(n) }()
	<-asked
	w.pass(defaultTimeout)
	if got := <-done; got.failed != 1 {
		t.Errorf("%+v", got)
	}
	if got := w.notifications("a")[0]; got.Error != "no answer within 15s" {
		t.Errorf("%+v", got)
	}
}

// Errors name the host, and nothing else of an address.
func TestWebhookErrorsHideSecrets(t *testing.T) {
	server, _ := receiver(t, nil)
	server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	w := hook(t, "http://jane:pass-7081@"+host+"/services/T00/B11/abcdef?token=xyz-123", oneSecret, day)
	_, err := w.Send(context.Background(), messageOf(t, "k", sample(day)))
	if err == nil || !strings.Contains(err.Error(), host) || !strings.Contains(err.Error(), "refused") {
		t.Fatal(err)
	}
	for _, secret := range []string{"jane", "pass-7081", "7081", "T00", "B11", "abcdef", "xyz", "token", "whsec", "MfKQ9"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q is in %q", secret, err)
		}
	}
}

func TestParseKeys(t *testing.T) {
	for text, want := range map[string]string{
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "a secret must be whsec_ and base64",
		"whsec_%%%":                        "a secret must be whsec_ and base64",
		"whsec_c2hvcnQ=":                   "24 to 64 bytes, not 5",
	} {
		if _, err := parseKeys(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "MfKQ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
