package esq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// A transport carries requests to a cluster: one time-out, one retry policy
// and one way to read errors for all of them.
type transport struct {
	perform  esapi.Transport
	timeout  time.Duration // of one attempt
	retry    Retry
	secrets  *secrets
	log      *slog.Logger
	retrying func() // told of each repetition
}

// A call is one request, and what the transport must know to repeat it.
type call struct {
	op string // for errors: "search logs-*"
	// build makes the request anew for every attempt, since a body is read once.
	build func() esapi.Request
	// once says that the request must not be repeated where the first attempt
	// may have been carried out.
	once bool
	cost *Stats // where attempts are counted, or nil
}

// do sends the request until it is answered or the retry policy has had enough,
// and decodes the answer into out unless that is nil.
func (t *transport) do(ctx context.Context, c call, out any) error {
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", c.op, err)
		}
		if c.cost != nil {
			c.cost.Requests++
		}
		f := t.attempt(ctx, c, out)
		if f == nil {
			return nil
		}
		if attempt >= t.retry.Attempts || !f.retryable(c.once) {
			return f.err
		}
		wait := t.retry.wait(attempt, f.after)
		t.retrying()
		t.log.WarnContext(ctx, "request failed, trying again", "op", c.op, "attempt", attempt, "wait", wait, "err", f.err)
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("%w (not tried again: %w)", f.err, err)
		}
	}
}

// attempt sends the request once.
func (t *transport) attempt(ctx context.Context, c call, out any) *failure {
	limited, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	res, err := c.build().Do(limited, t.perform)
	if err != nil {
		return t.lost(ctx, limited, c.op, err)
	}
	defer res.Body.Close()
	body, err := readAnswer(res)
	if err != nil {
		return t.lost(ctx, limited, c.op, fmt.Errorf("read answer: %w", err))
	}
	if res.IsError() {
		refusal, kinds := parseRefusal(c.op, res.StatusCode, body, t.secrets)
		return &failure{err: refusal, status: res.StatusCode, kinds: kinds, after: retryAfter(res.Header, time.Now())}
	}
	if out == nil {
		return nil
	}
	if err := decodeAnswer(body, out); err != nil {
		var cut *json.SyntaxError
		if errors.As(err, &cut) && cut.Offset >= int64(len(body)) {
			return t.lost(ctx, limited, c.op, fmt.Errorf("read answer: %w", io.ErrUnexpectedEOF))
		}
		return &failure{err: &ResponseError{
			Op: c.op, Status: res.StatusCode, Type: "unreadable_answer",
			Reason: oneLine(t.secrets.scrub(fmt.Sprintf("%v, in: %s", err, body))),
		}, status: res.StatusCode}
	}
	return nil
}

func decodeAnswer(body []byte, out any) error {
	if d, ok := out.(decoder); ok {
		return d.decode(body)
	}
	return json.Unmarshal(body, out)
}

// longestAnnounced bounds the room that is made for an answer before any of it
// is there.
const longestAnnounced = 64 << 20

// readAnswer reads the body, in one piece of memory if its length is announced.
func readAnswer(res *esapi.Response) ([]byte, error) {
	var body bytes.Buffer
	if n, err := strconv.Atoi(res.Header.Get("Content-Length")); err == nil && n > 0 && n <= longestAnnounced {
		body.Grow(n + bytes.MinRead)
	}
	_, err := body.ReadFrom(res.Body)
	return body.Bytes(), err
}

// lost tells why no answer came: the caller gave up, the time was up, or the
// connection broke.
func (t *transport) lost(ctx, limited context.Context, op string, err error) *failure {
	if ctx.Err() != nil {
		return &failure{err: fmt.Errorf("%s: %w", op, ctx.Err()), final: true}
	}
	if limited.Err() != nil {
		err = fmt.Errorf("nothing for %v: %w", t.timeout, limited.Err())
		return &failure{err: &UnreachableError{Op: op, Err: err}, final: true}
	}
	var dial *net.OpError
	return &failure{
		err:    &UnreachableError{Op: op, Err: t.secrets.hide(err)},
		unsent: errors.As(err, &dial) && dial.Op == "dial",
		final:  distrusted(err),
	}
}

// A failure is an attempt without a useful answer.
type failure struct {
	err    error
	status int             // of the answer; 0 if there was none
	kinds  map[string]bool // every error.type in the answer
	after  time.Duration   // what the answer asked to wait
	unsent bool            // the request cannot have been carried out
	final  bool            // another attempt would end the same way
}

// retryable reports whether another attempt may succeed and is safe. A gateway's
// 502 and 504, like a lost connection, leave open whether the request was
// carried out; 429 and 503 are said by an engine that did not.
func (f *failure) retryable(once bool) bool {
	if f.final {
		return false
	}
	switch f.status {
	case 0:
		return f.unsent || !once
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		// OpenSearch answers 503 where a request asks for too much, too.
		return !f.kinds["too_many_buckets_exception"]
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return !once
	}
	return false
}
