package notify

import (
	"context"
	"time"
)

// Try sends a message through a route that says that it is a test, and returns
// what the service said. The error holds no secret.
func Try(ctx context.Context, r Route, clock Clock) (answer string, err error) {
	m, err := TrialMessage(r, clock.Now())
	if err != nil {
		return "", err
	}
	n := New(Options{Clock: clock})
	answer, failure := n.sendMessage(ctx, &r, m)
	if failure != nil {
		return "", failure
	}
	return answer, nil
}

// TrialMessage is the message that [Try] sends.
func TrialMessage(r Route, now time.Time) (Message, error) {
	return r.words.message("test_"+now.UTC().Format("20060102T150405Z"), sample(now))
}
