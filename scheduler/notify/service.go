package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	"github.com/nicholas-fedor/shoutrrr/pkg/util/jsonclient"
)

// service sends by shoutrrr, which knows many services by their URLs.
type service struct {
	url    string // with all secrets
	scheme string
	titled bool // the service takes a title; else it is the first line
	redact redactor
	// abandoned counts messages that nobody waits for any more and that have not
	// come to an end: shoutrrr's services cannot be told to stop.
	abandoned atomic.Int32
}

// maxAbandoned is how many messages may hang before no more are begun.
const maxAbandoned = 4

// newService returns the service of a URL as shoutrrr has them, and what it
// makes of titles and texts. The errors name nothing of the URL but its scheme.
func newService(address string) (s *service, titles, texts markup, err error) {
	s = &service{url: address, redact: newRedactor(address)}
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return nil, 0, 0, errors.New("not a URL; shoutrrr's documentation has one for each service, such as ntfy://ntfy.sh/TOPIC")
	}
	s.scheme, _, _ = strings.Cut(strings.ToLower(u.Scheme), "+")
	about, known := services()[s.scheme]
	if !known {
		return nil, 0, 0, fmt.Errorf("no service has URLs that begin with %s://", oneLine(cut(s.scheme, 30)))
	}
	s.titled = about.titled
	if _, err := s.locate(); err != nil {
		return nil, 0, 0, fmt.Errorf("not a URL of %s: %s", s.scheme, s.redact.text(err.Error()))
	}
	return s, about.titles(u), about.texts(u), nil
}

// locate makes the service anew: shoutrrr's keep the last message in their
// settings, and must not be used by two at once.
func (s *service) locate() (_ types.Service, err error) {
	defer recovered(&err)
	found, err := new(router.ServiceRouter).Locate(s.url)
	if err == nil && found == nil {
		err = errors.New("no such service")
	}
	return found, err
}

// recovered makes an error of a panic, which is not to end the process: an URL
// or an answer may surprise a service.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the service's code failed: %v", p)
	}
}

// Send implements [Sender].
func (s *service) Send(ctx context.Context, m Message) (string, error) {
	if n := s.abandoned.Load(); n >= maxAbandoned {
		return "", failed("%d earlier messages still hang", n)
	}
	done := make(chan error, 1)
	var given atomic.Bool // up, or come to an end
	go func() {
		done <- s.send(m)
		if !given.CompareAndSwap(false, true) {
			s.abandoned.Add(-1)
		}
	}()
	select {
	case err := <-done:
		return s.outcome(err)
	case <-ctx.Done():
		s.abandoned.Add(1)
		if !given.CompareAndSwap(false, true) {
			s.abandoned.Add(-1)
			return s.outcome(<-done)
		}
		return "", failed("%s did not answer in time", s.scheme)
	}
}

func (s *service) send(m Message) (err error) {
	defer recovered(&err)
	located, err := s.locate()
	if err != nil {
		return err
	}
	params, text := types.Params{}, m.Text
	if s.titled {
		params.SetTitle(m.Title)
	} else {
		text = m.Title + "\n" + m.Text
	}
	return located.Send(text, &params)
}

// outcome is what an answer of shoutrrr's means. Few of its services tell a
// refusal from a failure in a way that can be relied on; the others' count as
// failures.
func (s *service) outcome(err error) (string, error) {
	if err == nil {
		return s.scheme + " has taken it", nil
	}
	out := failed("%s", s.redact.text(err.Error()))
	var answered jsonclient.Error
	if errors.As(err, &answered) && answered.StatusCode > 0 {
		out.Refused = statusError(answered.StatusCode, "", time.Time{}).Refused
	}
	return "", out
}
