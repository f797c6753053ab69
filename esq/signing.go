package esq

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// A Signer proves for each request who asks, as AWS wants it. It may be used by
// several goroutines at once.
type Signer interface {
	// Sign adds what proves it to the request's header. Body is all that will be
	// sent. Every attempt is signed for itself, and has its own time.
	Sign(r *http.Request, body []byte) error
}

// signing signs the requests that it carries.
type signing struct {
	signer Signer
	next   http.RoundTripper
	hide   *secrets
}

// RoundTrip implements [http.RoundTripper].
func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		if closeErr := r.Body.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
	}
	signed := r.Clone(r.Context()) // the caller's own must not change
	signed.Body, signed.GetBody, signed.ContentLength = http.NoBody, nil, int64(len(body))
	if len(body) > 0 {
		signed.Body = io.NopCloser(bytes.NewReader(body))
		signed.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	if err := s.signer.Sign(signed, body); err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	s.hide.note(signed.Header.Get("Authorization"), signed.Header.Get("X-Amz-Security-Token"))
	return s.next.RoundTrip(signed)
}
