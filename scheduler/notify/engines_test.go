package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/test/engines"
)

// On every cluster, with its templates: alerts are found by severity, told once,
// and again when they change; the next notifier goes on where the one before
// stopped; an update by the scheduler leaves what was noted alone.
func TestClusters(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		names := mappings.Names{Prefix: e.Prefix(t) + "stitch"}
		if _, err := mappings.Bootstrap(t.Context(), cluster, cluster.Product(), names); err != nil {
			t.Fatal(err)
		}
		clock := scheduler.NewVirtualClock(day)
		c := &clusterWorld{t, cluster, names, clock}
		s := &fakeService{}
		route := newRoute(t, "soc", s, Created, Updated, Retracted)
		route.Severities, route.Concurrency = []string{"high"}, 2
		notifier := func() *Notifier {
			return New(Options{Routes: []Route{route}, Engine: cluster, Names: names, Clock: clock})
		}

		c.put(fresh("before", "high", 1, day.Add(-time.Minute)))
		first := notifier()
		if err := first.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.put(fresh("a", "high", 1, day), fresh("low", "low", 1, day))
		s.fail = func() error { return failed("down") }
		if got := first.Flush(t.Context(), time.Minute); got[0].Failed != 1 || got[0].Pending != 1 {
			t.Errorf("while the service is down: %+v", got)
		}
		s.fail = nil
		clock.Set(day.Add(time.Hour))
		c.put(fresh("b", "high", 1, day.Add(time.Hour)))
		c.refresh()
		if got := notifier().Flush(t.Context(), time.Minute); got[0].Sent != 2 || got[0].Pending != 0 || got[0].Err != nil {
			t.Errorf("%+v", got)
		}

		clock.Set(day.Add(3 * time.Hour))
		c.change("a", func(stored json.RawMessage) (json.RawMessage, error) {
			source, _, err := mappings.Update(stored, fresh("a", "high", 2, clock.Now()))
			return source, err
		})
		c.change("b", func(stored json.RawMessage) (json.RawMessage, error) { return mappings.Retract(stored, 1, clock.Now()) })
		notifier().Flush(t.Context(), time.Minute)
		c.refresh()
		clock.Set(day.Add(6 * time.Hour))
		notifier().Flush(t.Context(), time.Minute)
		want := map[string]int{"a_created": 1, "b_created": 1, "a_updated_2": 1, "b_retracted_2": 1}
		if diff := cmp.Diff(want, s.keys()); diff != "" {
			t.Error(diff)
		}
		list, err := mappings.ReadNotifications(c.get("a").Source)
		if err != nil || len(list) != 2 || list[0].Kind != "created" || list[0].Attempts != 2 || list[1].Told != "soc:active" || list[1].Version != 2 {
			t.Errorf("noted: %+v, %v", list, err)
		}
		if _, _, err := cluster.Count(t.Context(), []string{names.AlertPattern()}, esq.Range{Field: "stitch.notifications.sent", GTE: esq.Str("2026-03-10T00:00:00Z")}); err != nil {
			t.Error(err)
		}
	})
}

// clusterWorld writes alerts into a cluster as the scheduler does.
type clusterWorld struct {
	t       *testing.T
	cluster *esq.Cluster
	names   mappings.Names
	clock   *scheduler.VirtualClock
}

func (c *clusterWorld) ref(id string) esq.Ref { return esq.Ref{Index: c.names.AlertIndex(day), ID: id} }

func (c *clusterWorld) write(op esq.Write) {
	c.t.Helper()
	outcomes, err := c.cluster.Bulk(c.t.Context(), []esq.Write{op}, true)
	if err != nil || outcomes[0].Status >= http.StatusBadRequest {
		c.t.Fatal(outcomes, err)
	}
}

func (c *clusterWorld) put(alerts ...mappings.Alert) {
	c.t.Helper()
	for _, a := range alerts {
		source, err := a.Document()
		if err != nil {
			c.t.Fatal(err)
		}
		c.write(esq.Write{Ref: c.ref(a.ID), Create: true, Source: source})
	}
}

func (c *clusterWorld) get(id string) esq.Document {
	c.t.Helper()
	docs, err := c.cluster.Get(context.WithoutCancel(c.t.Context()), []esq.Ref{c.ref(id)})
	if err != nil || !docs[0].Found {
		c.t.Fatal(docs, err)
	}
	return docs[0]
}

func (c *clusterWorld) change(id string, change func(json.RawMessage) (json.RawMessage, error)) {
	c.t.Helper()
	doc := c.get(id)
	source, err := change(doc.Source)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(esq.Write{Ref: doc.Ref, Match: &doc, Source: source})
}

// refresh makes what the notifier wrote visible to searches: it does not wait
// for that itself.
func (c *clusterWorld) refresh() {
	c.t.Helper()
	source, err := mappings.Encode(map[string]any{"kind": "refresh"})
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(esq.Write{Ref: c.ref("refresh"), Source: source})
}
