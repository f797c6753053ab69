package esq

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Retry says how often and how patiently a request is repeated after 429, 502,
// 503, 504 and lost connections. The zero value means the defaults.
type Retry struct {
	Attempts int           // in all; 5 by default, 1 for no retry
	Base     time.Duration // the longest first wait, doubled for each next one; 500 ms by default
	Max      time.Duration // the longest wait, also for an engine's Retry-After; 30 s by default
}

func (r Retry) orDefaults() Retry {
	if r.Attempts <= 0 {
		r.Attempts = 5
	}
	if r.Base <= 0 {
		r.Base = 500 * time.Millisecond
	}
	if r.Max <= 0 {
		r.Max = 30 * time.Second
	}
	return r
}

// wait returns how long to wait after the attempt of that number, counted from
// 1: anything up to the bound (full jitter), so that clients that failed
// together do not come back together; at least what the engine asked for.
func (r Retry) wait(attempt int, asked time.Duration) time.Duration {
	bound := r.Max
	if shift := attempt - 1; shift < 32 && r.Base<<shift > 0 {
		bound = min(bound, r.Base<<shift)
	}
	return min(r.Max, max(asked, rand.N(bound+1)))
}

// sleep waits for d or until ctx ends, whose error it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter reads the header of that name: seconds, or a date. It is 0
// without one.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// distrusted reports whether err is about the other side's certificate, which
// does not mend itself.
func distrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &record)
}
