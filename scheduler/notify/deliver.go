package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// deliver tells a route of one alert, if it still is to be told. status is
// mappings.Sent, Failed or Refused, or "" if nothing was sent; the failure says
// why. The error is the engine's.
func (n *Notifier) deliver(ctx context.Context, r *Route, ref esq.Ref) (status string, failure *SendError, err error) {
	if err := n.noteLate(ctx, place{ref, r.Name}); err != nil {
		return "", nil, err
	}
	a, claimed, err := n.claim(ctx, r, ref)
	if err != nil || claimed == nil {
		return "", nil, err
	}
	begun := n.clock.Now()
	answer, failure := n.send(ctx, r, claimed.Key, a)
	if ctx.Err() != nil && failure != nil {
		// Told to stop: what became of it is not known, and it is sent again.
		return "", nil, nil
	}
	now := n.clock.Now().UTC()
	outcome := outcomeOf(*claimed, r, a, failure, now)
	n.observe(Attempt{r.Name, a.Kind, outcome.Status, now.Sub(begun)})
	n.say(ctx, a, outcome, answer)
	return outcome.Status, failure, n.note(ctx, place{ref, r.Name}, outcome)
}

// claim says on the alert that a message is about to be sent, so that nobody
// else sends it. It returns nil if the route is not to be told now.
func (n *Notifier) claim(ctx context.Context, r *Route, ref esq.Ref) (Alert, *mappings.Notification, error) {
	for range maxAttempts {
		doc, err := n.get(ctx, ref)
		if err != nil || !doc.Found {
			return Alert{}, nil, err
		}
		s, err := readAlert(doc)
		if err != nil {
			return Alert{}, nil, err
		}
		list, err := mappings.ReadNotifications(doc.Source)
		if err != nil {
			return Alert{}, nil, err
		}
		now := n.clock.Now().UTC()
		c := r.next(s, list, now)
		if c == nil {
			return Alert{}, nil, nil
		}
		s.Kind = Kind(c.Kind)
		taken, err := n.writeNotification(ctx, doc, list, *c)
		if err != nil {
			return Alert{}, nil, err
		}
		if !taken {
			return s.Alert, c, nil
		}
	}
	return Alert{}, nil, fmt.Errorf("note on alert %s: another process wrote it in each of %d attempts", ref.ID, maxAttempts)
}

// claimMargin is how much longer than its answer may take a claim holds.
const claimMargin = time.Minute

// next returns the notification to send now as it is claimed, or nil.
func (r *Route) next(s stored, list []mappings.Notification, now time.Time) *mappings.Notification {
	knows := r.knows(list)
	var kind Kind
	switch {
	case !s.retracted && knows.what != knowsActive:
		kind = Created
	case s.retracted && (knows.what == knowsActive || knows.what == knowsPerhaps) && r.tells(Retracted):
		kind = Retracted
	case !s.retracted && r.tells(Updated) && s.Version > knows.version && !now.Before(knows.sent.Add(r.Throttle)):
		kind = Updated
	default:
		return nil
	}
	claimed := mappings.Notification{Route: r.Name, Kind: string(kind)}
	if i := slices.IndexFunc(list, claimed.Same); i >= 0 {
		claimed = list[i]
	}
	if claimed.Next.After(now) {
		return nil
	}
	if key := knows.key(s, kind); claimed.Key != key {
		claimed.Key, claimed.Attempts = key, 0
	}
	claimed.Attempts++
	claimed.Status = mappings.Sending
	claimed.Next = now.Add(r.Timeout + claimMargin)
	if kind != Updated {
		claimed.Told = r.told(knowsPerhaps)
	}
	return &claimed
}

// knowledge is what a route was told of an alert.
type knowledge struct {
	what    string // one of knowsActive and so on; "" for nothing
	kind    Kind   // of the message that told it
	last    string // that message's key
	version int64  // of the alert that it knows as active
	sent    time.Time
}

// knows returns what a route was told of an alert.
func (r *Route) knows(list []mappings.Notification) knowledge {
	var k knowledge
	for _, x := range list {
		if x.Route != r.Name {
			continue
		}
		if x.Sent.After(k.sent) {
			k.sent = x.Sent
		}
		if what, ok := strings.CutPrefix(x.Told, r.Name+":"); ok {
			k.what, k.kind, k.last = what, Kind(x.Kind), x.Key
			if what == knowsActive {
				k.version = x.Version
			}
		}
	}
	return k
}

// key is that of a message to a route that knows this. It is the same as before
// only if nothing else can have been told in between.
func (k knowledge) key(s stored, kind Kind) string {
	switch {
	case k.what == knowsPerhaps && k.kind == kind:
		return k.last
	case k.what == "":
		return s.ID + "_" + string(kind)
	}
	return s.ID + "_" + string(kind) + "_" + strconv.FormatInt(s.Version, 10)
}

// send writes the message and sends it, for as long as the route waits.
func (n *Notifier) send(ctx context.Context, r *Route, key string, a Alert) (answer string, failure *SendError) {
	m, err := r.words.message(key, a)
	if err != nil {
		return "", &SendError{What: cut(oneLine(err.Error()), maxError), Refused: true}
	}
	return n.sendMessage(ctx, r, m)
}

func (n *Notifier) sendMessage(ctx context.Context, r *Route, m Message) (answer string, failure *SendError) {
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	late := n.clock.After(r.Timeout)
	go func() {
		select {
		case <-late:
			cancel()
		case <-sending.Done():
		}
	}()
	answer, err := r.Sender.Send(sending, m)
	switch {
	case err == nil:
		return answer, nil
	case errors.As(err, &failure):
	default:
		failure = failed("%s", cut(oneLine(err.Error()), maxError))
	}
	if sending.Err() != nil && ctx.Err() == nil {
		failure.What = fmt.Sprintf("no answer within %v", r.Timeout)
	}
	return "", failure
}

// outcomeOf is what is noted of a notification that was claimed.
func outcomeOf(claimed mappings.Notification, r *Route, a Alert, failure *SendError, now time.Time) mappings.Notification {
	if failure == nil {
		claimed.Status, claimed.Sent, claimed.Version = mappings.Sent, now, a.Version
		claimed.Next, claimed.Error = time.Time{}, ""
		claimed.Told = r.told(knowsActive)
		if a.Kind == Retracted {
			claimed.Told = r.told(knowsRetracted)
		}
		return claimed
	}
	claimed.Status, claimed.Error = mappings.Failed, failure.What
	if failure.Refused {
		claimed.Status = mappings.Refused
	}
	claimed.Next = now.Add(max(messageWait(claimed.Key, claimed.Attempts, failure.Refused), failure.After))
	return claimed
}

// say logs what became of a message.
func (n *Notifier) say(ctx context.Context, a Alert, o mappings.Notification, answer string) {
	level, words := slog.LevelInfo, "notified"
	attrs := []slog.Attr{
		slog.String("route", o.Route), slog.String("alert", a.ID), slog.String("kind", o.Kind), slog.Int("attempts", o.Attempts),
	}
	if o.Status == mappings.Sent {
		attrs = append(attrs, slog.String("answer", answer))
	} else {
		level, words = slog.LevelWarn, "notification "+o.Status
		attrs = append(attrs, slog.String("err", o.Error), slog.Time("next", o.Next))
	}
	n.log.LogAttrs(ctx, level, words, attrs...)
}

// note writes an outcome on its alert. If that fails it is remembered, so that
// the message is not sent again for want of a note.
func (n *Notifier) note(ctx context.Context, p place, outcome mappings.Notification) error {
	err := n.tryNote(ctx, p, outcome)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.unnoted[p] = outcome
		return err
	}
	delete(n.unnoted, p)
	return nil
}

// noteLate writes an outcome that could not be written before.
func (n *Notifier) noteLate(ctx context.Context, p place) error {
	n.mu.Lock()
	outcome, ok := n.unnoted[p]
	n.mu.Unlock()
	if !ok {
		return nil
	}
	return n.note(ctx, p, outcome)
}

func (n *Notifier) tryNote(ctx context.Context, p place, outcome mappings.Notification) error {
	for range maxAttempts {
		doc, err := n.get(ctx, p.ref)
		if err != nil || !doc.Found {
			return err
		}
		list, err := mappings.ReadNotifications(doc.Source)
		if err != nil {
			return err
		}
		if overtaken(list, outcome) {
			return nil
		}
		if !mayTell(list, outcome) {
			outcome.Told = ""
		}
		taken, err := n.writeNotification(ctx, doc, list, outcome)
		if err != nil || !taken {
			return err
		}
	}
	return fmt.Errorf("note on alert %s: another process wrote it in each of %d attempts", p.ref.ID, maxAttempts)
}

// overtaken reports whether another notifier has brought the route further than
// an outcome says.
func overtaken(list []mappings.Notification, outcome mappings.Notification) bool {
	i := slices.IndexFunc(list, outcome.Same)
	if i < 0 {
		return false
	}
	stored := list[i]
	if stored.Key != outcome.Key {
		return outcome.Status != mappings.Sent || stored.Version >= outcome.Version
	}
	return stored.Status == mappings.Sent || outcome.Status != mappings.Sent && stored.Attempts > outcome.Attempts
}

// mayTell reports whether what an outcome says is still the last that its route
// was told.
func mayTell(list []mappings.Notification, outcome mappings.Notification) bool {
	i := slices.IndexFunc(list, func(x mappings.Notification) bool { return x.Route == outcome.Route && x.Told != "" })
	if i < 0 {
		return true
	}
	told := list[i]
	if outcome.Kind == string(Updated) {
		return told.Status == mappings.Sent && told.Told == outcome.Told && told.Version < outcome.Version || told.Same(outcome)
	}
	return told.Same(outcome) && told.Key == outcome.Key
}

// writeNotification writes one of an alert's notifications over the document
// that was read. taken says that another has been written since.
func (n *Notifier) writeNotification(ctx context.Context, doc esq.Document, list []mappings.Notification, x mappings.Notification) (taken bool, err error) {
	list = slices.DeleteFunc(slices.Clone(list), x.Same)
	if x.Told != "" {
		for i := range list {
			if list[i].Route == x.Route {
				list[i].Told = ""
			}
		}
	}
	source, err := mappings.WithNotifications(doc.Source, append(list, x))
	if err != nil {
		return false, err
	}
	o, err := n.write(ctx, esq.Write{Ref: doc.Ref, Match: &doc, Source: source})
	return err == nil && o.Status == http.StatusConflict, err
}
