package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler"
)

var day = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// tester is what tests and their random histories have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// world is a cluster with alerts in it, and a clock.
type world struct {
	t      tester
	clock  *scheduler.VirtualClock
	engine *faulty
	names  mappings.Names
}

func newWorld(t tester) *world {
	clock := scheduler.NewVirtualClock(day)
	return &world{t: t, clock: clock, engine: &faulty{Engine: memory.New(memory.Options{Now: clock.Now})}}
}

func (w *world) pass(d time.Duration) { w.clock.Set(w.clock.Now().Add(d)) }

func (w *world) notifier(routes ...Route) *Notifier {
	return New(Options{Routes: routes, Engine: w.engine, Clock: w.clock})
}

// fresh is an alert with so many documents of evidence.
func fresh(id, severity string, documents int, written time.Time) mappings.Alert {
	a := mappings.Alert{
		ID: id, Written: written, Anchor: day, Start: day, End: day.Add(time.Minute),
		Rule: mappings.Rule{ID: "rule-" + severity, Name: "Carried off", Type: "sequence", Severity: severity, RiskScore: 50},
		Key:  []mappings.KeyValue{{Name: "user.email", Value: esq.Str("anna@nord.example")}},
	}
	s := mappings.Stage{Stage: "copy", First: day, Last: day, Count: documents}
	for i := range documents {
		s.Documents = append(s.Documents, mappings.Document{Index: "logs", ID: fmt.Sprint("d", i), Time: day})
	}
	a.Stages = []mappings.Stage{s}
	return a
}

func (w *world) ref(id string) esq.Ref { return esq.Ref{Index: w.names.AlertIndex(day), ID: id} }

// read returns an alert's document.
func (w *world) read(id string) esq.Document {
	docs, err := w.engine.Engine.Get(context.Background(), []esq.Ref{w.ref(id)})
	if err != nil || !docs[0].Found {
		w.t.Fatalf("alert %s: %v", id, err)
	}
	return docs[0]
}

// put writes a document as the scheduler does, past all faults.
func (w *world) put(id string, source []byte, err error) {
	if err != nil {
		w.t.Fatal(err)
	}
	outcomes, err := w.engine.Engine.Bulk(context.Background(), []esq.Write{{Ref: w.ref(id), Source: source}}, true)
	if err != nil || outcomes[0].Status/100 != 2 {
		w.t.Fatal(outcomes, err)
	}
}

// putAny writes any document.
func (w *world) putAny(ref esq.Ref, source string) {
	if outcomes, err := w.engine.Engine.Bulk(context.Background(), []esq.Write{{Ref: ref, Source: []byte(source)}}, true); err != nil || outcomes[0].Err != nil {
		w.t.Fatal(outcomes, err)
	}
}

func (w *world) create(id, severity string) {
	source, err := fresh(id, severity, 1, w.clock.Now()).Document()
	w.put(id, source, err)
}

// update gives an alert other evidence, or takes it up again.
func (w *world) update(id, severity string, documents int) {
	source, _, err := mappings.Update(w.read(id).Source, fresh(id, severity, documents, w.clock.Now()))
	w.put(id, source, err)
}

func (w *world) retract(id string) {
	source, err := mappings.Retract(w.read(id).Source, 1, w.clock.Now())
	w.put(id, source, err)
}

func (w *world) notifications(id string) []mappings.Notification {
	list, err := mappings.ReadNotifications(w.read(id).Source)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// service is a sender that keeps what it is sent.
type fakeService struct {
	mu   sync.Mutex
	got  []Message
	fail func() error // nil: it takes everything
	// then is called when a message has been taken.
	then func()
}

func (f *fakeService) Send(_ context.Context, m Message) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		if err := f.fail(); err != nil {
			return "", err
		}
	}
	f.got = append(f.got, m)
	if f.then != nil {
		f.then()
	}
	return "200 OK", nil
}

// keys are those of the messages that came, with how often.
func (f *fakeService) keys() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := map[string]int{}
	for _, m := range f.got {
		keys[m.Key]++
	}
	return keys
}

func (f *fakeService) sorted() []string { return slices.Sorted(maps.Keys(f.keys())) }

func newRoute(t tester, name string, sender Sender, on ...Kind) Route {
	title, err := parseTemplate("title", defaultTitle)
	if err != nil {
		t.Fatal(err)
	}
	text, err := parseTemplate("template", defaultText)
	if err != nil {
		t.Fatal(err)
	}
	if on == nil {
		on = []Kind{Created}
	}
	return Route{
		Name: name, Sender: sender, On: on, Throttle: defaultThrottle, Timeout: defaultTimeout, Concurrency: 1,
		words: words{title: title, text: text},
	}
}

// fault is what goes wrong with a call.
type fault int

const (
	fine fault = iota
	noAnswer
	lostAnswer // carried out, but the answer never came
	conflict   // of a write
)

var errDown = &esq.UnreachableError{Op: "test", Err: errors.New("down")}

// faulty is an engine whose calls go wrong as a test says.
type faulty struct {
	*memory.Engine
	// next is asked before each call what goes wrong.
	next func(call string) fault
}

func (f *faulty) ask(call string) fault {
	if f.next == nil {
		return fine
	}
	return f.next(call)
}

func (f *faulty) Get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	if f.ask("get") != fine {
		return nil, errDown
	}
	return f.Engine.Get(ctx, refs)
}

func (f *faulty) Search(ctx context.Context, s esq.Search, yield func(esq.Hit) error) (esq.Stats, error) {
	if f.ask("search") != fine {
		return esq.Stats{}, errDown
	}
	return f.Engine.Search(ctx, s, yield)
}

func (f *faulty) Bulk(ctx context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	switch f.ask("bulk") {
	case noAnswer:
		return nil, errDown
	case lostAnswer:
		if _, err := f.Engine.Bulk(ctx, ops, refresh); err != nil {
			return nil, err
		}
		return nil, errDown
	case conflict:
		outcomes := make([]esq.Outcome, len(ops))
		for i, op := range ops {
			outcomes[i] = esq.Outcome{Status: http.StatusConflict, Err: &esq.ResponseError{Op: "write " + op.ID, Status: http.StatusConflict}}
		}
		return outcomes, nil
	}
	return f.Engine.Bulk(ctx, ops, refresh)
}

// Ask implements [esq.Searcher].
func (f *faulty) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	return esq.AskEach(ctx, f, questions)
}
