package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/test/engines"
)

// event is a document on its way into the cluster.
type event struct {
	index, id string
	time      time.Time
	action    string
	user      string
	file      string
}

// source is the event's document, arrived at the time.
func (e event) source(ingested time.Time) object {
	who := object{"user": object{"name": e.user}}
	if e.index == "back" {
		who = object{"actor": object{"id": e.user}}
	}
	who["@timestamp"] = stamp(e.time)
	who["event"] = object{"action": e.action, "ingested": stamp(ingested)}
	who["file"] = object{"name": e.file}
	return who
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// history is what happened and has arrived in the cluster. It is safe for
// concurrent use.
type history struct {
	e      engines.Engine
	prefix string
	start  time.Time

	mu      sync.Mutex
	random  *rand.Rand
	made    int
	arrived []event
	// floor is the time from which events may fall into windows: the first
	// window that is certain to be evaluated begins before.
	floor time.Time
}

// indexPrefix is what the names of the documents' indices begin with. The nodes
// are this test's own.
const indexPrefix = "faults-"

// newHistory prepares the cluster for documents: two kinds of index, with the
// mapping that the embedded engine assumes.
func newHistory(t *testing.T, e engines.Engine, seed uint64, settings map[string]string) *history {
	t.Helper()
	h := &history{
		e: e, prefix: indexPrefix, start: time.Now().UTC().Truncate(time.Millisecond),
		random: rand.New(rand.NewPCG(seed, 0)),
	}
	mapping, err := memory.ECS().Template(e.Family)
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range []string{"front", "back"} {
		name := h.prefix + index
		e.Must(t, http.MethodPut, "/_index_template/"+name, fmt.Sprintf(
			`{"index_patterns":["%s-*"],"priority":900,"template":{"settings":%s,"mappings":%s}}`, name, settings[index], mapping))
	}
	return h
}

// oneNode are settings of indices for a cluster of one node: several shards, so
// that an answer can lack one.
func oneNode() map[string]string {
	return map[string]string{
		"front": `{"number_of_shards":2,"number_of_replicas":0}`,
		"back":  `{"number_of_shards":1,"number_of_replicas":0}`,
	}
}

const users = 20

// draw makes n events: most of them are late, in no order, and some happen in
// the same moment.
func (h *history) draw(n int) []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	actions := []string{"open", "open", "open", "copy", "mount", "mount", "write", "deny", "read", "read", "other"}
	var list []event
	for range n {
		e := h.make(actions[h.random.IntN(len(actions))])
		late := time.Duration(h.random.Int64N(int64(90 * time.Second)))
		if e.action == "read" {
			late = time.Duration(h.random.Int64N(int64(12 * time.Second)))
		}
		e.time = time.Now().Add(-time.Second - late).UTC().Truncate(250 * time.Millisecond)
		if e.action == "read" && (h.floor.IsZero() || e.time.Before(h.floor)) {
			e.action = "other"
		}
		list = append(list, e)
	}
	return list
}

// drawCrowd makes a signal and n events before it that belong to it.
func (h *history) drawCrowd(n int) []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now().UTC().Truncate(time.Second)
	signal := h.make("signal")
	signal.time = now.Add(-2 * time.Second)
	list := []event{signal}
	for range n {
		e := h.make("noise")
		e.user = signal.user
		e.time = now.Add(-3*time.Second - time.Duration(h.random.Int64N(int64(20*time.Second)))).Truncate(time.Millisecond)
		list = append(list, e)
	}
	return list
}

func (h *history) make(action string) event {
	h.made++
	return event{
		index: []string{"front", "back"}[h.random.IntN(2)], id: fmt.Sprintf("e%d", h.made), action: action,
		user: fmt.Sprintf("user%d", h.random.IntN(users)), file: fmt.Sprintf("file%d", h.random.IntN(30)),
	}
}

// arrive brings events into the cluster and returns when all are searchable,
// each within the time to settle after its stamp: what takes longer, or is not
// taken, arrives again. With a pipeline delay the documents are stamped that
// long before they are sent.
func (h *history) arrive(t testing.TB, events []event, delay time.Duration) {
	t.Helper()
	pending := events
	for tries := 0; len(pending) > 0; tries++ {
		if t.Context().Err() != nil {
			return
		}
		if tries == 60 {
			t.Errorf("%d documents cannot be written", len(pending))
			return
		}
		if tries > 0 {
			pause(t, 500*time.Millisecond)
		}
		ingested := time.Now()
		pause(t, delay)
		delay = 0
		refused := h.write(pending, ingested)
		if time.Since(ingested) > settle-time.Second {
			continue
		}
		pending = refused
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.arrived = append(h.arrived, events...)
}

// write sends events in one request and returns those of which it is not known
// that they were written.
func (h *history) write(events []event, ingested time.Time) (refused []event) {
	var body bytes.Buffer
	for _, line := range h.lines(events, ingested) {
		body.Write(line)
	}
	// A node may be gone: the write is not to wait for it.
	status, raw, err := h.e.Request(context.Background(), http.MethodPost, "/_bulk?refresh=true&timeout=2s", body.String())
	var answer struct {
		Items []struct{ Index struct{ Status int } }
	}
	if err != nil || status != http.StatusOK || json.Unmarshal(raw, &answer) != nil || len(answer.Items) != len(events) {
		return events
	}
	for i, item := range answer.Items {
		if item.Index.Status < 200 || item.Index.Status > 299 {
			refused = append(refused, events[i])
		}
	}
	return refused
}

// lines are the events as a bulk request has them, two lines each in one.
func (h *history) lines(events []event, ingested time.Time) [][]byte {
	out := make([][]byte, len(events))
	for i, e := range events {
		head, headErr := json.Marshal(object{"index": object{"_index": h.prefix + e.index + "-1", "_id": e.id}})
		source, sourceErr := json.Marshal(e.source(ingested))
		if headErr != nil || sourceErr != nil {
			panic("a map of strings cannot be encoded")
		}
		out[i] = bytes.Join([][]byte{head, source, nil}, []byte("\n"))
	}
	return out
}

// settled says that from now on every window will be evaluated, so that events
// may fall into them.
func (h *history) settled() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.floor = time.Now().UTC().Truncate(grid).Add(grid)
}

func (h *history) documents() []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]event(nil), h.arrived...)
}
