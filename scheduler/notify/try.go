package notify

import (
	"context"
	"time"
)

// Try sends a message through a route that says that it is a test, and returns
// what the service said. The error holds no secret.
func Try(ctx context.Context, r Route, clock Clock) (answer string, err error) {
	m, err := trial(r, clock.Now())
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

// Show is what [Try] sends: a title and a text, or the body of a webhook.
func Show(r Route, now time.Time) (string, error) {
	m, err := trial(r, now)
	if err != nil {
		return "", err
	}
	if _, ok := r.Sender.(*webhook); ok {
		body, err := m.body()
		return string(body), err
	}
	return m.Title + "\n" + m.Text, nil
}

func trial(r Route, now time.Time) (Message, error) {
	return r.words.message("test_"+now.UTC().Format("20060102T150405Z"), sample(now))
}
