package notify

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// sweepAll sweeps all of a notifier's routes once.
func (w *world) sweepAll(n *Notifier) (done swept) {
	w.t.Helper()
	for _, r := range n.routes {
		one, err := newSweeper(n, r).sweep(w.t.Context(), w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		done.sent += one.sent
		done.failed += one.failed
	}
	return done
}

// What is written from a route's first day on is told once, and noted.
func TestToldOnce(t *testing.T) {
	w := newWorld(t)
	w.create("before", "high")
	w.pass(time.Second)
	s := &fakeService{}
	n := w.notifier(newRoute(t, "soc", s))
	w.pass(time.Second)
	w.create("a", "high")
	before := w.read("a").Source
	for range 3 {
		w.sweepAll(n)
		w.pass(time.Hour)
	}
	if diff := cmp.Diff(map[string]int{"a_created": 1}, s.keys()); diff != "" {
		t.Error(diff)
	}
	want := []mappings.Notification{{
		Route: "soc", Kind: "created", Status: mappings.Sent, Key: "a_created", Attempts: 1, Version: 1,
		Sent: day.Add(2 * time.Second), Told: "soc:active",
	}}
	if diff := cmp.Diff(want, w.notifications("a")); diff != "" {
		t.Error(diff)
	}
	after, err := mappings.WithNotifications(w.read("a").Source, nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != string(before) {
		t.Errorf("the alert is\n%s\nand was\n%s", after, before)
	}
	if len(w.notifications("before")) > 0 {
		t.Error("what was written before the route was there was told")
	}
}

// A route that was there before is told of what was written while nobody looked.
func TestWrittenWhileStitchWasDown(t *testing.T) {
	w := newWorld(t)
	s := &fakeService{}
	if err := w.notifier(newRoute(t, "soc", s)).Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.pass(30 * 24 * time.Hour)
	w.create("a", "low")
	w.pass(30 * 24 * time.Hour)
	w.sweepAll(w.notifier(newRoute(t, "soc", s)))
	if diff := cmp.Diff([]string{"a_created"}, s.sorted()); diff != "" {
		t.Error(diff)
	}
}

// Severity and rule choose; each route has a state of its own.
func TestRoutesChoose(t *testing.T) {
	w := newWorld(t)
	all, high, one := &fakeService{}, &fakeService{}, &fakeService{}
	severe, ruled := newRoute(t, "high", high), newRoute(t, "one", one)
	severe.Severities, ruled.Rules = []string{"high", "critical"}, []string{"rule-medium"}
	n := w.notifier(newRoute(t, "all", all), severe, ruled)
	for _, severity := range severities() {
		w.create(severity, severity)
	}
	w.sweepAll(n)
	for name, got := range map[string][]string{"all": all.sorted(), "high": high.sorted(), "one": one.sorted()} {
		want := map[string][]string{
			"all": {"critical_created", "high_created", "low_created", "medium_created"}, "high": {"critical_created", "high_created"},
			"one": {"medium_created"},
		}[name]
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A route that is to be told of more from now on is not told of all the past, and
// what it was to be told before and was not, it is told still.
func TestRouteThatChooses(t *testing.T) {
	w := newWorld(t)
	s := &fakeService{fail: func() error { return failed("down") }}
	route := newRoute(t, "soc", s)
	step := func(id string, severities ...string) {
		w.pass(time.Hour)
		route.Severities = severities
		n := w.notifier(route)
		w.create(id+"-low", "low")
		w.create(id+"-high", "high")
		w.sweepAll(n)
	}
	step("a", "high")
	step("b", "low", "high")
	step("c", "high")
	step("d", "low", "high")
	s.fail = nil
	w.pass(time.Hour)
	w.sweepAll(w.notifier(route))
	want := []string{"a-high_created", "b-high_created", "b-low_created", "c-high_created", "d-high_created", "d-low_created"}
	if diff := cmp.Diff(want, s.sorted()); diff != "" {
		t.Error(diff)
	}
	w.putAny(esq.Ref{Index: w.names.State(), ID: "route-soc"}, `{"kind":"route"}`)
	if err := w.notifier(route).Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "detections-stitch.state/route-soc is not as stitch wrote it: delete it") {
		t.Error(err)
	}
	w.putAny(esq.Ref{Index: w.names.State(), ID: "route-soc"}, `{"kind":"route","format":7}`)
	if err := w.notifier(route).Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "is from a newer stitch") {
		t.Error(err)
	}
}

// Updates are told if asked for, no more often than the route says; retractions
// at once, and of what is taken up again every route is told that knew otherwise.
func TestUpdatesAndRetractions(t *testing.T) {
	w := newWorld(t)
	plain, full := &fakeService{}, &fakeService{}
	n := w.notifier(newRoute(t, "plain", plain), newRoute(t, "full", full, Created, Updated, Retracted))
	step := func(d time.Duration, do func()) {
		w.pass(d)
		if do != nil {
			do()
		}
		w.sweepAll(n)
	}
	step(time.Second, func() { w.create("a", "high") })
	step(time.Minute, func() { w.update("a", "high", 2) })
	step(time.Minute, func() { w.update("a", "high", 3) })
	if diff := cmp.Diff([]string{"a_created"}, full.sorted()); diff != "" {
		t.Errorf("within the hour: %s", diff)
	}
	step(time.Hour, nil)
	step(time.Minute, func() { w.retract("a") })
	step(time.Minute, func() { w.update("a", "high", 3) })
	step(2*time.Hour, nil)
	if diff := cmp.Diff([]string{"a_created"}, plain.sorted()); diff != "" {
		t.Errorf("plain: %s", diff)
	}
	if diff := cmp.Diff(map[string]int{"a_created": 1, "a_updated_3": 1, "a_retracted_4": 1, "a_created_5": 1}, full.keys()); diff != "" {
		t.Errorf("full: %s", diff)
	}
	// An alert that was taken back before anybody was told is told to nobody.
	w.create("b", "high")
	step(0, func() { w.retract("b") })
	for _, s := range []*fakeService{plain, full} {
		if s.keys()["b_created"] > 0 {
			t.Error("a retracted alert was told")
		}
	}
}

// A service that is down for hours is tried at ever longer times, holds up no
// other route, and is told of everything when it is back.
func TestDownForHours(t *testing.T) {
	w := newWorld(t)
	down := true
	tries := 0
	flaky, other := &fakeService{fail: func() error {
		tries++
		if down {
			return failed("connection refused")
		}
		return nil
	}}, &fakeService{}
	n := w.notifier(newRoute(t, "flaky", flaky), newRoute(t, "other", other))
	for _, id := range []string{"a", "b", "c"} {
		w.create(id, "high")
	}
	for range 6 * 60 {
		w.sweepAll(n)
		w.pass(time.Minute)
	}
	if len(other.got) != 3 || len(flaky.got) != 0 {
		t.Errorf("other got %d, flaky %d", len(other.got), len(flaky.got))
	}
	// Fifteen minutes apart at the most, and at the least half of that.
	if tries < 3*6*4 || tries > 3*(6*8+8) {
		t.Errorf("%d tries in six hours", tries)
	}
	got := w.notifications("a")[0]
	if got.Status != mappings.Failed || got.Error != "connection refused" || got.Attempts < 6*4 || !got.Sent.IsZero() || got.Told != "flaky:perhaps" {
		t.Errorf("noted: %+v", got)
	}
	down = false
	for range 30 {
		w.sweepAll(n)
		w.pass(time.Minute)
	}
	if diff := cmp.Diff(map[string]int{"a_created": 1, "b_created": 1, "c_created": 1}, flaky.keys()); diff != "" {
		t.Error(diff)
	}
}

// What a service refuses is tried again seldom, and does not hold up the rest.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	var tries int
	s := &fakeService{}
	picky := senderFunc(func(m Message) error {
		if m.Alert.ID == "bad" {
			tries++
			return &SendError{What: "HTTP 400 Bad Request", Refused: true}
		}
		_, err := s.Send(t.Context(), m)
		return err
	})
	n := w.notifier(newRoute(t, "soc", picky))
	w.create("bad", "high")
	w.pass(time.Second)
	w.create("good", "high")
	for range 24 * 60 {
		w.sweepAll(n)
		w.pass(time.Minute)
	}
	if tries < 4 || tries > 9 {
		t.Errorf("refused message: %d tries in a day", tries)
	}
	if diff := cmp.Diff([]string{"good_created"}, s.sorted()); diff != "" {
		t.Error(diff)
	}
	if got := w.notifications("bad")[0]; got.Status != mappings.Refused || got.Error != "HTTP 400 Bad Request" {
		t.Errorf("noted: %+v", got)
	}
}

// One that is killed between sending and noting leaves a message that the next
// sends again, with the same key, once the claim has run out.
func TestKilledBetweenSendingAndNoting(t *testing.T) {
	w := newWorld(t)
	s := &fakeService{}
	s.then = func() { w.engine.next = func(string) fault { return noAnswer } }
	first := w.notifier(newRoute(t, "soc", s))
	w.create("a", "high")
	if _, err := newSweeper(first, first.routes[0]).sweep(t.Context(), t.Context()); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	if got := w.notifications("a")[0]; got.Status != mappings.Sending {
		t.Errorf("claimed: %+v", got)
	}
	w.engine.next, s.then = nil, nil
	second := w.notifier(newRoute(t, "soc", s))
	w.pass(defaultTimeout)
	w.sweepAll(second)
	if len(s.got) != 1 {
		t.Error("sent though it was claimed")
	}
	w.pass(claimMargin)
	w.sweepAll(second)
	if diff := cmp.Diff(map[string]int{"a_created": 2}, s.keys()); diff != "" {
		t.Error(diff)
	}
	// The one that sent it and could not say so does not send it again.
	w.pass(time.Hour)
	w.sweepAll(first)
	if len(s.got) != 2 {
		t.Error("sent again by the first")
	}
}

// A notifier that cannot note what it sent notes it later and sends nothing twice.
func TestNotedLater(t *testing.T) {
	w := newWorld(t)
	s := &fakeService{}
	s.then = func() { w.engine.next = func(string) fault { return noAnswer } }
	n := w.notifier(newRoute(t, "soc", s))
	w.create("a", "high")
	if _, err := newSweeper(n, n.routes[0]).sweep(t.Context(), t.Context()); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	w.engine.next, s.then = nil, nil
	w.pass(time.Hour)
	w.sweepAll(n)
	if diff := cmp.Diff(map[string]int{"a_created": 1}, s.keys()); diff != "" {
		t.Error(diff)
	}
	if got := w.notifications("a")[0]; got.Status != mappings.Sent || !got.Sent.Equal(day) {
		t.Errorf("noted: %+v", got)
	}
}

// More alerts than one sweep takes are all told in one flush.
func TestFlush(t *testing.T) {
	w := newWorld(t)
	s := &fakeService{}
	route := newRoute(t, "soc", s)
	route.Concurrency = 4
	n := w.notifier(route)
	for i := range 250 {
		w.create(string(rune('a'+i%26))+string(rune('a'+i/26)), "high")
	}
	got := n.Flush(t.Context(), time.Minute)
	if diff := cmp.Diff([]Flushed{{Route: "soc", Sent: 250}}, got); diff != "" || len(s.keys()) != 250 {
		t.Errorf("%d messages, %s", len(s.keys()), diff)
	}
	s.fail = func() error { return failed("gone") }
	w.create("zz", "high")
	got = n.Flush(t.Context(), time.Minute)
	if got[0].Sent != 0 || got[0].Failed != 1 || got[0].Pending != 1 || got[0].Err == nil {
		t.Errorf("%+v", got)
	}
}

type senderFunc func(Message) error

func (f senderFunc) Send(_ context.Context, m Message) (string, error) { return "", f(m) }
