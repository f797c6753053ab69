package test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/test/bench/documents"
	"github.com/stitchdetect/stitch/test/engines"
)

// A watch never overlooks what Arrivals counts or warns of, and seldom sees what
// Arrivals does not: over a day of logs, slice by slice, for all shipped rules.
func TestWatchSeesWhatArrives(t *testing.T) {
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 9, 17, 0, 0, 0, 0, time.UTC)
	engine := memory.New(memory.Options{Now: func() time.Time { return start.Add(24 * time.Hour) }, Ingest: []string{"event.ingested"}})
	if _, err := engine.Load(bytes.NewReader(demo.Day(start)), "demo"); err != nil {
		t.Fatal(err)
	}
	broken := `{"_index":"logs-m365_defender.event-default","_id":"broken","_source":{"event":{"ingested":"2026-09-17T03:04:00Z"},"m365_defender":{"event":{"category":"AdvancedHunting-CloudAppEvents"}}}}`
	if _, err := engine.Load(strings.NewReader(broken+"\n"), "broken"); err != nil {
		t.Fatal(err)
	}
	quiet, wrongly, slices := 0, 0, 0
	for _, rule := range set.Rules {
		watch := watchOf(t, engine, rule)
		for from := start; from.Before(start.Add(24 * time.Hour)); from = from.Add(97 * time.Minute) {
			slice := rules.Window{From: from, To: from.Add(10 * time.Minute)}
			arrived, err := rule.Arrivals(t.Context(), engine, slice)
			if err != nil {
				t.Fatal(err)
			}
			seen, stats, err := watch.Look(t.Context(), engine, slice, nil)
			if err != nil || stats.Requests != 1 {
				t.Fatalf("%d requests, %v", stats.Requests, err)
			}
			warned := strings.Contains(strings.Join(arrived.Warnings, "\n"), "cannot be found")
			if !seen.Any && (arrived.Count > 0 || warned) {
				t.Errorf("%s, %v: nothing seen of %d documents, %q", rule.Name, slice, arrived.Count, arrived.Warnings)
			}
			slices++
			switch {
			case !seen.Any:
				quiet++
			case arrived.Count == 0 && !warned:
				wrongly++
			}
		}
	}
	t.Logf("%d slices, nothing in %d, wrongly something in %d", slices, quiet, wrongly)
	if quiet < slices/4 || wrongly > slices/100 {
		t.Errorf("of %d slices there is nothing in %d, and wrongly something in %d", slices, quiet, wrongly)
	}
}

// wire answers every search with no hit, and keeps what was asked.
type wire struct{ asked [][]byte }

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	body := `{"cluster_name":"c","cluster_uuid":"u","version":{"number":"8.19.0"},"tagline":"You Know, for Search"}`
	if req.URL.Path != "/" {
		asked, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		w.asked = append(w.asked, asked)
		body = `{"took":1,"timed_out":false,"_shards":{"total":4,"successful":4,"failed":0},"hits":{"total":{"value":0,"relation":"eq"},"hits":[]}}`
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// What a run asks in which nothing arrived: budgets of requests and bytes.
func TestBudgetOfAWatch(t *testing.T) {
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	fields := memory.New(memory.Options{Now: time.Now, Ingest: []string{"event.ingested"}})
	start := time.Date(2026, 9, 17, 0, 0, 0, 0, time.UTC)
	if _, err := fields.Load(bytes.NewReader(demo.Day(start)), "demo"); err != nil {
		t.Fatal(err)
	}
	budgets := map[string]int{ // bytes of the question
		"Counted mass download carried off on a USB drive":         9_500,
		"Mass Download & copy to USB device by single user":        19_000,
		"Mass download carried off on a USB drive":                 19_000,
		"Microsoft 365 Mass download by a single user":             1_400,
		"Microsoft 365 mass download by a single user (corrected)": 2_900,
	}
	for _, rule := range set.Rules {
		w := &wire{}
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{"http://node"}, Transport: w})
		if err != nil {
			t.Fatal(err)
		}
		watch := watchOf(t, fields, rule)
		if _, _, err := watch.Look(t.Context(), cluster, rules.Window{From: start, To: start.Add(time.Minute)}, nil); err != nil {
			t.Fatal(err)
		}
		if len(w.asked) != 1 || len(w.asked[0]) > budgets[rule.Name] {
			t.Errorf("%s: %d requests, the first of %d bytes; the budget is 1 of %d", rule.Name, len(w.asked), len(w.asked[0]), budgets[rule.Name])
		}
	}
}

func watchOf(t *testing.T, eng esq.Searcher, rule *rules.Rule) *rules.Watch {
	t.Helper()
	known := map[string]map[string]esq.FieldCap{}
	for _, asked := range rule.FieldsAsked() {
		if known[asked.Key()] == nil {
			known[asked.Key()] = map[string]esq.FieldCap{}
		}
		caps, err := eng.FieldCaps(t.Context(), asked.Indices, asked.Fields)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range caps {
			known[asked.Key()][name] = c
		}
	}
	watch, err := rule.Watch(known)
	if err != nil {
		t.Fatal(err)
	}
	return watch
}

// On every engine a watch sees what arrives, alone and among the questions of
// others: those of all rules, over one day, slice by slice.
func TestWatchOnEveryEngine(t *testing.T) {
	began := time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)
	var day bytes.Buffer
	o := documents.Options{Documents: 1000, Incidents: 2, Seed: 7, From: began, Period: 24 * time.Hour, People: 20, Bulk: true}
	if _, err := documents.Write(&day, o); err != nil {
		t.Fatal(err)
	}
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		prefix := e.Prefix(t)
		loadDay(t, e, prefix, day.Bytes())
		set, err := rules.Load([]string{prefixedRules(t, prefix)})
		if err != nil {
			t.Fatal(err)
		}
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		var questions []esq.Looking
		var alone []esq.Presence
		some := 0
		for _, rule := range set.Rules {
			watch := watchOf(t, cluster, rule)
			for from := began.Add(-2 * time.Hour); from.Before(began.Add(24 * time.Hour)); from = from.Add(157 * time.Minute) {
				slice := rules.Window{From: from, To: from.Add(5 * time.Minute)}
				arrived, err := rule.Arrivals(t.Context(), cluster, slice)
				if err != nil {
					t.Fatal(err)
				}
				seen, _, err := watch.Look(t.Context(), cluster, slice, nil)
				if err != nil || !seen.Any && arrived.Count > 0 {
					t.Errorf("%s, %v: %+v of %d documents, %v", rule.Name, slice, seen, arrived.Count, err)
				}
				if arrived.Count > 0 {
					some++
				}
				q := watch.Question(slice, nil)
				if !q.Whole {
					t.Fatalf("%s cannot be asked as one", rule.Name)
				}
				questions, alone = append(questions, esq.Looking(q.Sight)), append(alone, seen)
			}
		}
		var together []esq.Presence
		for _, s := range esq.PresenceOfEach(t.Context(), cluster, questions) {
			if s.Err != nil {
				t.Error(s.Err)
			}
			together = append(together, s.Presence)
		}
		if diff := gocmp.Diff(alone, together); diff != "" || some == 0 || some == len(alone) {
			t.Errorf("something in %d of %d slices; each alone, and together:\n%s", some, len(alone), diff)
		}
	})
}
