package triage_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
	"github.com/stitchdetect/stitch/test/engines"
)

var _ triage.Engine = (*esq.Cluster)(nil)

// onEach runs f on a prepared cluster of every engine.
func onEach(t *testing.T, transport http.RoundTripper, f func(t *testing.T, c *esq.Cluster, names mappings.Names)) {
	t.Helper()
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		names := mappings.Names{Prefix: e.Prefix(t) + "stitch"}
		prepared, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mappings.Bootstrap(t.Context(), prepared, prepared.Product(), names); err != nil {
			t.Fatal(err)
		}
		c, err := esq.Open(t.Context(), esq.Config{
			URLs: []string{e.URL}, Transport: transport, Retry: esq.Retry{Attempts: 6, Base: time.Millisecond, Max: 200 * time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		f(t, c, names)
	})
}

// On every engine alerts are found, read and worked on as in the embedded one.
func TestEngines(t *testing.T) {
	onEach(t, nil, func(t *testing.T, c *esq.Cluster, names mappings.Names) {
		page, err := triage.List(t.Context(), c, names, triage.Filter{}, triage.Cursor{}, 10)
		if err != nil || page.Total != 0 {
			t.Errorf("nothing: %+v, %v", page, err)
		}
		_, err = triage.Get(t.Context(), c, names, "nobody")
		if _, unknown := errors.AsType[*triage.UnknownError](err); !unknown {
			t.Errorf("nobody: %v", err)
		}

		filtered(t, c, names)
		checkFilters(t, c, names)

		var ids []string
		var cursor triage.Cursor
		for range 10 {
			page, err := triage.List(t.Context(), c, names, triage.Filter{Retracted: true}, cursor, 1)
			if err != nil {
				t.Fatal(err)
			}
			got, err := triage.Get(t.Context(), c, names, page.Alerts[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got.Header, page.Alerts[0]); diff != "" {
				t.Errorf("header (-of the alert +of the list):\n%s", diff)
			}
			ids = append(ids, got.ID)
			if cursor = page.Next; cursor.IsZero() {
				break
			}
		}
		if want := []string{alert(4).ID, alert(3).ID, alert(2).ID, alert(1).ID}; cmp.Diff(want, ids) != "" {
			t.Errorf("pages: %q", ids)
		}
		if id, err := triage.Resolve(t.Context(), c, names, "0303"); err != nil || id != alert(3).ID {
			t.Errorf("resolve: %q, %v", id, err)
		}
		_, err = triage.Resolve(t.Context(), c, names, "0")
		if _, ambiguous := errors.AsType[*triage.AmbiguousError](err); !ambiguous {
			t.Errorf("resolve: %v", err)
		}

		r, err := triage.Act(t.Context(), c, names, alert(1).ID, action(1, mappings.Close, "ana", "duplicate"))
		if err != nil || !r.Changed {
			t.Fatalf("%+v, %v", r, err)
		}
		page, err = triage.List(t.Context(), c, names, triage.Filter{Status: []string{"closed"}, Text: "duplicate"}, triage.Cursor{}, 10)
		if err != nil || page.Total != 1 || page.Alerts[0].Triage.StatusBy != "ana" {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

// losing carries requests and loses the answer to every third bulk request,
// after it was carried out.
type losing struct{ bulks atomic.Int64 }

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !strings.HasSuffix(r.URL.Path, "/_bulk") || l.bulks.Add(1)%3 != 0 {
		return answer, err
	}
	return nil, errors.Join(errors.New("the answer was lost"), answer.Body.Close())
}

// Analysts and a scheduler on one alert at once, on a real cluster, with
// answers that get lost: nothing is lost, nothing is doubled.
func TestManyAtOnce(t *testing.T) {
	const analysts, comments, updates = 4, 5, 10
	lossy := &losing{}
	onEach(t, lossy, func(t *testing.T, c *esq.Cluster, names mappings.Names) {
		ref := esq.Ref{Index: names.AlertIndex(noon()), ID: alert(1).ID}
		write(t, c, esq.Write{Ref: ref, Source: document(t, alert(1))})
		var writers sync.WaitGroup
		for person := range analysts {
			writers.Go(func() {
				for n := range comments {
					a := action(person*100+n, mappings.Comment, fmt.Sprint("analyst ", person), "seen")
					for asked := 0; ; asked++ {
						_, err := triage.Act(t.Context(), c, names, ref.ID, a)
						if _, unsure := errors.AsType[*triage.UnsureError](err); unsure && asked < 20 {
							continue
						}
						if err != nil {
							t.Errorf("%v: %v", a, err)
						}
						break
					}
				}
			})
		}
		writers.Go(func() {
			for n := 1; n <= updates; n++ {
				if err := grow(t, c, ref, n); err != nil {
					t.Errorf("update %d: %v", n, err)
					return
				}
			}
		})
		writers.Wait()

		got, err := triage.Get(t.Context(), c, names, ref.ID)
		if err != nil {
			t.Fatal(err)
		}
		times := map[string]int{}
		for _, a := range got.Triage.History {
			times[a.ID]++
		}
		for person := range analysts {
			for n := range comments {
				id := fmt.Sprint("a", person*100+n)
				if times[id] != 1 {
					t.Errorf("%s: %d times in the history", id, times[id])
				}
			}
		}
		if len(got.Triage.History) != analysts*comments || got.Chain[1].Count != 12+updates {
			t.Errorf("%d actions, %d documents", len(got.Triage.History), got.Chain[1].Count)
		}
		if lossy.bulks.Load() < 3 {
			t.Error("no answer was lost")
		}
	})
}

// grow brings the alert up to more evidence, as the scheduler does.
func grow(t *testing.T, store esq.Store, ref esq.Ref, n int) error {
	for range 200 {
		docs, err := store.Get(t.Context(), []esq.Ref{ref})
		if err != nil {
			return err
		}
		fresh := alert(1, func(a *mappings.Alert) { a.Stages[1].Count = 12 + n })
		source, changed, err := mappings.Update(docs[0].Source, fresh)
		if err != nil || !changed || bytes.Equal(source, docs[0].Source) {
			return err
		}
		outcomes, err := store.Bulk(t.Context(), []esq.Write{{Ref: ref, Match: &docs[0], Source: source}}, false)
		if err == nil && outcomes[0].Status != http.StatusConflict {
			return outcomes[0].Err
		}
	}
	return errors.New("written by others for ever")
}
