package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// webhook posts alerts as JSON, signed as Standard Webhooks 1.0.0 has it: the
// headers webhook-id, webhook-timestamp and webhook-signature, the last of them
// "v1," and the base64 of the HMAC-SHA256 of "ID.TIMESTAMP.BODY", once for each
// key.
type webhook struct {
	url    string
	keys   [][]byte // none: not signed
	client *http.Client
	now    func() time.Time
	redact redactor
}

// The bounds of a key's length, in bytes, that Standard Webhooks sets.
const leastKey, mostKey = 24, 64

// parseKeys reads the keys of a webhook, one a line, as Standard Webhooks writes
// them: whsec_ and base64. More than one are for the time in which a key is
// exchanged.
func parseKeys(text string) ([][]byte, error) {
	var keys [][]byte
	for line := range strings.FieldsSeq(text) {
		encoded, prefixed := strings.CutPrefix(line, "whsec_")
		key, err := base64.StdEncoding.DecodeString(encoded)
		switch {
		case !prefixed || err != nil:
			return nil, errors.New("a secret must be whsec_ and base64, as of: echo whsec_$(openssl rand -base64 32)")
		case len(key) < leastKey || len(key) > mostKey:
			return nil, fmt.Errorf("a secret must have %d to %d bytes, not %d", leastKey, mostKey, len(key))
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// newWebhook returns a webhook at an address; keys as of parseKeys. client is
// used without following redirects.
func newWebhook(address string, keys [][]byte, secrets string, client *http.Client, now func() time.Time) (*webhook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("not a URL that begins with https:// or http://")
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	// The host stays readable: it is what one looks for when it cannot be reached.
	private := strings.Fields(secrets)
	private = append(private, u.RequestURI(), u.Fragment)
	if u.User != nil {
		password, _ := u.User.Password()
		private = append(private, u.User.String(), u.User.Username(), password)
	}
	return &webhook{url: address, keys: keys, client: &own, now: now, redact: newRedactor(private...)}, nil
}

// event is the body of a webhook.
type event struct {
	Type      string    `json:"type"`      // alert.created and so on
	Timestamp time.Time `json:"timestamp"` // of what happened, not of the attempt
	Data      Alert     `json:"data"`
}

// Send implements [Sender].
func (w *webhook) Send(ctx context.Context, m Message) (string, error) {
	body, err := m.body()
	if err != nil {
		return "", failed("write body: %v", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return "", failed("%s", w.redact.text(err.Error()))
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "stitch")
	request.Header.Set("Idempotency-Key", m.Key)
	w.sign(request.Header, m.Key, body)
	answer, err := w.client.Do(request)
	if err != nil {
		return "", failed("%s", w.redact.text(err.Error()))
	}
	// Read, so that the connection can be used again; what it says is not needed.
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10)
	_ = answer.Body.Close()
	if answer.StatusCode/100 == 2 {
		return answer.Status, nil
	}
	return "", statusError(answer.StatusCode, answer.Header.Get("Retry-After"), w.now())
}

// body is the message as a webhook carries it.
func (m Message) body() ([]byte, error) {
	return json.Marshal(event{"alert." + string(m.Alert.Kind), m.Alert.Written, m.Alert})
}

// sign adds the headers of Standard Webhooks.
func (w *webhook) sign(h http.Header, id string, body []byte) {
	at := strconv.FormatInt(w.now().Unix(), 10)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", at)
	var signatures []string
	for _, key := range w.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(signatures) > 0 {
		h.Set("webhook-signature", strings.Join(signatures, " "))
	}
}

// mostAfter is how long a service may ask to be left alone.
const mostAfter = time.Hour

// statusError is what a status that is no success means, and a Retry-After, of
// seconds or a date.
func statusError(status int, retryAfter string, now time.Time) *SendError {
	e := failed("HTTP %d %s", status, http.StatusText(status))
	if seconds, err := strconv.ParseUint(retryAfter, 10, 64); err == nil {
		e.After = time.Duration(min(seconds, uint64(mostAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(retryAfter); err == nil {
		e.After = min(max(at.Sub(now), 0), mostAfter)
	}
	switch {
	case status/100 == 3:
		e.What += ": redirects are not followed, name the address it leads to"
		e.Refused = true
	case status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooEarly && status != http.StatusTooManyRequests:
		e.Refused = true
	}
	return e
}
