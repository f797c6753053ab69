package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/mappings"
)

// history is a random life of alerts, a service, a cluster and two notifiers.
type history struct {
	*world
	t       *rapid.T
	chance  *rand.Rand
	service *fakeService
	route   Route
	two     [2]*Notifier
	alerts  map[string]*life
	faulted bool // something has gone wrong so far: a message may come twice
	times   []time.Time
}

// life is an alert as it would be if nobody were told.
type life struct {
	severity  string
	documents int
	source    json.RawMessage
	retracted bool
}

func newHistory(t *rapid.T) *history {
	seed := rapid.Uint64().Draw(t, "seed")
	h := &history{world: newWorld(t), t: t, chance: rand.New(rand.NewPCG(seed, 1)), service: &fakeService{}, alerts: map[string]*life{}}
	h.route = newRoute(t, "soc", h.service, Created, Updated, Retracted)
	h.route.Severities = []string{"high", "critical"}
	h.two = [2]*Notifier{h.notifier(h.route), h.notifier(h.route)}
	h.service.then = func() { h.times = append(h.times, h.clock.Now()) }
	return h
}

func (h *history) some(t *rapid.T) (string, *life) {
	if len(h.alerts) == 0 {
		t.Skip("no alerts")
	}
	id := fmt.Sprintf("a%d", rapid.IntRange(0, len(h.alerts)-1).Draw(t, "alert"))
	return id, h.alerts[id]
}

func (h *history) write(id string, l *life, change func(json.RawMessage) (json.RawMessage, error)) {
	source, err := change(l.source)
	if err != nil {
		h.t.Fatal(err)
	}
	l.source = source
	stored, err := change(h.read(id).Source)
	h.put(id, stored, err)
}

func (h *history) createOne(t *rapid.T) {
	id := fmt.Sprintf("a%d", len(h.alerts))
	l := &life{severity: rapid.SampledFrom([]string{"low", "high", "critical"}).Draw(t, "severity"), documents: 1}
	source, err := fresh(id, l.severity, 1, h.clock.Now()).Document()
	l.source = source
	h.put(id, source, err)
	h.alerts[id] = l
}

func (h *history) updateOne(t *rapid.T) {
	id, l := h.some(t)
	l.documents++
	l.retracted = false
	h.write(id, l, func(stored json.RawMessage) (json.RawMessage, error) {
		source, _, err := mappings.Update(stored, fresh(id, l.severity, l.documents, h.clock.Now()))
		return source, err
	})
}

func (h *history) retractOne(t *rapid.T) {
	id, l := h.some(t)
	if l.retracted {
		t.Skip("retracted")
	}
	l.retracted = true
	h.write(id, l, func(stored json.RawMessage) (json.RawMessage, error) {
		return mappings.Retract(stored, 1, h.clock.Now())
	})
}

func (h *history) passTime(t *rapid.T) {
	h.pass(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 20 * time.Minute, 3 * time.Hour}).Draw(t, "time"))
}

// serviceChanges makes the service fail, refuse, or take messages without
// saying so.
func (h *history) serviceChanges(t *rapid.T) {
	mode := rapid.SampledFrom([]string{"fine", "down", "refuses", "mute"}).Draw(t, "service")
	h.service.fail = map[string]func() error{
		"down":    func() error { return failed("down") },
		"refuses": func() error { return &SendError{What: "refused", Refused: true} },
		"mute": func() error {
			h.faulted = true
			if h.chance.IntN(2) == 0 {
				return nil
			}
			return failed("no answer")
		},
	}[mode]
}

// clusterChanges makes calls of the engine fail now and then.
func (h *history) clusterChanges(t *rapid.T) {
	often := rapid.SampledFrom([]int{0, 0, 4, 10}).Draw(t, "faults in ten")
	if often == 0 {
		h.engine.next = nil
		return
	}
	h.engine.next = func(call string) fault {
		if h.chance.IntN(10) >= often {
			return fine
		}
		h.faulted = true
		if call != "bulk" {
			return noAnswer
		}
		return []fault{noAnswer, lostAnswer, conflict}[h.chance.IntN(3)]
	}
}

// sweepOne lets a notifier look. It may be killed when the service has taken a
// message, and the other may look at that moment: the lease has changed hands.
func (h *history) sweepOne(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "notifier")
	what := rapid.SampledFrom([]string{"nothing", "nothing", "killed", "other"}).Draw(t, "meanwhile")
	ctx, kill := context.WithCancel(context.Background())
	defer kill()
	note := h.service.then
	h.service.then = func() {
		note()
		switch what {
		case "killed":
			h.faulted = true
			kill()
		case "other":
			h.service.mu.Unlock()
			_, _ = newSweeper(h.two[1-i], h.two[1-i].routes[0]).sweep(context.Background(), context.Background())
			h.service.mu.Lock()
		}
	}
	_, _ = newSweeper(h.two[i], h.two[i].routes[0]).sweep(ctx, ctx)
	h.service.then = note
	if ctx.Err() != nil {
		h.two[i] = h.notifier(h.route)
	}
}

// settle mends everything and lets time pass until all is told.
func (h *history) settle() {
	h.engine.next, h.service.fail = nil, nil
	for range 60 {
		h.pass(25 * time.Hour)
		if _, err := newSweeper(h.two[0], h.two[0].routes[0]).sweep(context.Background(), context.Background()); err != nil {
			h.t.Fatal(err)
		}
	}
}

// last is what the service was told of an alert last; "" if nothing.
func (h *history) last(id string) string {
	last := ""
	for _, m := range h.service.got {
		if m.Alert.ID == id {
			last = m.Key
		}
	}
	return last
}

// judge holds what the service was told to how the alerts are.
func (h *history) judge() {
	for id, l := range h.alerts {
		stored, err := mappings.WithNotifications(h.read(id).Source, nil)
		if err != nil || string(stored) != string(l.source) {
			h.t.Fatalf("alert %s was changed, %v:\n%s\nwas\n%s", id, err, stored, l.source)
		}
		a, err := readAlert(h.read(id))
		if err != nil {
			h.t.Fatal(err)
		}
		last := h.last(id)
		knows := h.route.knows(h.notifications(id))
		switch {
		case l.severity == "low":
			if last != "" {
				h.t.Fatalf("%s, of low severity, was told", id)
			}
		case !l.retracted:
			if last == "" || strings.Contains(last, "retracted") || knows.what != knowsActive || knows.version != a.Version {
				h.t.Fatalf("%s is active in version %d; the last message is %q, noted is %s of version %d", id, a.Version, last, knows.what, knows.version)
			}
		case last != "":
			if !strings.Contains(last, "retracted") || knows.what != knowsRetracted {
				h.t.Fatalf("%s is retracted; the last message is %q, noted is %s", id, last, knows.what)
			}
		}
	}
	if h.faulted {
		return
	}
	before := map[string]time.Time{}
	for i, m := range h.service.got {
		if m.Alert.Kind == Updated && h.times[i].Sub(before[m.Alert.ID]) < h.route.Throttle {
			h.t.Fatalf("%s came %v after the one before", m.Key, h.times[i].Sub(before[m.Alert.ID]))
		}
		before[m.Alert.ID] = h.times[i]
	}
	for key, n := range h.service.keys() {
		if n > 1 {
			h.t.Fatalf("%s came %d times though nothing went wrong", key, n)
		}
	}
}

// TestHistories lets random histories happen: in the end every route knows how
// every alert is, whatever went wrong, and if nothing did, it was told each
// thing once.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		t.Repeat(map[string]func(*rapid.T){
			"create": h.createOne, "update": h.updateOne, "retract": h.retractOne, "pass": h.passTime,
			"service": h.serviceChanges, "cluster": h.clusterChanges, "sweep": h.sweepOne, "sweep again": h.sweepOne,
		})
		h.settle()
		h.judge()
	})
}
