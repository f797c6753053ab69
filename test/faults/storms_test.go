package faults

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/test/engines"
)

// storm is one way in which a cluster, or the way to it, goes wrong.
type storm struct {
	name string
	// crowd is how many documents of one chain are to be there.
	crowd int
	// spoils says that a run cannot succeed under a fault of this kind; another
	// may, by trying again.
	spoils bool
	plan   func(w *weather) plan
}

// weather is what a storm's plan may use.
type weather struct {
	e      engines.Engine
	random *rand.Rand
	made   atomic.Int32 // faults so far
}

// sometimes makes the fault with the chance, so many times at the most, on the
// calls of these kinds (all if there are none).
func (w *weather) sometimes(chance float64, most int32, make func(call) fault, kinds ...kind) plan {
	return func(c call) fault {
		wanted := len(kinds) == 0
		for _, k := range kinds {
			wanted = wanted || c.kind == k
		}
		if !wanted || w.made.Load() >= most || w.random.Float64() >= chance {
			return fault{}
		}
		f := make(c)
		if f.rewrite == nil || f.change != nil {
			w.made.Add(1)
			return f
		}
		// An answer that has nothing to falsify is no fault.
		falsify := f.rewrite
		f.rewrite = func(answer []byte) []byte {
			out := falsify(answer)
			if !bytes.Equal(out, answer) {
				w.made.Add(1)
			}
			return out
		}
		return f
	}
}

func always(f fault) func(call) fault { return func(call) fault { return f } }

func allStorms() []storm {
	return []storm{
		{name: "429", plan: func(w *weather) plan { return w.sometimes(0.3, 30, always(fault{status: 429})) }},
		{name: "503 with Retry-After", plan: func(w *weather) plan {
			return w.sometimes(0.3, 10, always(fault{status: 503, retryAfter: 1}), search, bulk, get)
		}},
		{name: "writes refused for long", plan: func(w *weather) plan { return w.sometimes(1, 60, always(fault{status: 429}), bulk) }},
		{name: "slow", plan: func(w *weather) plan {
			return w.sometimes(0.2, 20, func(call) fault { return fault{delay: time.Duration(w.random.Int64N(int64(time.Second)))} })
		}},
		{name: "cut before", plan: func(w *weather) plan { return w.sometimes(0.2, 30, always(fault{cut: unsent})) }},
		{name: "cut after", plan: func(w *weather) plan { return w.sometimes(0.2, 30, always(fault{cut: unanswered})) }},
		{name: "cut in the middle", plan: func(w *weather) plan { return w.sometimes(0.2, 30, always(fault{cut: midAnswer})) }},
		{name: "every write done and unanswered once", plan: func(w *weather) plan {
			return w.sometimes(0.5, 30, always(fault{cut: unanswered}), bulk)
		}},
		{name: "fewer shards", spoils: true, plan: func(w *weather) plan {
			return w.sometimes(0.3, 20, always(fault{rewrite: fewerShards}), search)
		}},
		{name: "timed out", spoils: true, plan: func(w *weather) plan {
			return w.sometimes(0.3, 20, always(fault{rewrite: timedOut}), search)
		}},
		{name: "point in time expires between pages", crowd: 3000, spoils: true, plan: func(w *weather) plan {
			return func(c call) fault {
				if c.kind != search {
					return fault{}
				}
				return fault{rewrite: func(answer []byte) []byte { return w.expire(c.body, answer) }}
			}
		}},
		{name: "item refused for now", plan: func(w *weather) plan {
			return w.sometimes(0.5, 20, func(c call) fault { return refusedItem(c.body, w.random.IntN(1000), 429) }, bulk)
		}},
		{name: "item refused", plan: func(w *weather) plan {
			return w.sometimes(0.5, 20, func(c call) fault { return refusedItem(c.body, w.random.IntN(1000), 403) }, bulk)
		}},
	}
}

// expire closes the point in time of an answer that is not the last page.
func (w *weather) expire(request, answer []byte) []byte {
	var asked struct {
		Size        int
		SearchAfter []any `json:"search_after"`
	}
	var page struct {
		PIT  string `json:"pit_id"`
		Hits struct {
			Total struct{ Value int }
			Hits  []json.RawMessage
		}
	}
	if json.Unmarshal(request, &asked) != nil || json.Unmarshal(answer, &page) != nil {
		return answer
	}
	last := len(page.Hits.Hits) < asked.Size || page.Hits.Total.Value == asked.Size
	if page.PIT == "" || last || asked.Size == 0 || asked.SearchAfter != nil {
		return answer
	}
	path, body := "/_pit", object{"id": page.PIT}
	if w.e.Family == engines.OpenSearch {
		path, body = "/_search/point_in_time", object{"pit_id": []string{page.PIT}}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return answer
	}
	req, err := http.NewRequest(http.MethodDelete, w.e.URL+path, bytes.NewReader(text))
	if err != nil {
		return answer
	}
	req.Header.Set("Content-Type", "application/json")
	if status, _, err := ask(req); err == nil && status == http.StatusOK {
		w.made.Add(1)
	}
	return answer
}

// storms has runs pass under each storm, on documents that all are there when
// the run begins.
func storms(t *testing.T, e engines.Engine, program string) {
	f := figures{seed: newSeed(t)}
	s := newSite(t, e, program, []string{e.URL}, f.seed, oneNode())
	p := newProxy(t, e.URL)
	random := rand.New(rand.NewPCG(f.seed, 1))
	for range max(1, number(t, "STITCH_FAULT_ROUNDS", 0)) {
		for _, storm := range allStorms() {
			s.history.arrive(t, s.history.draw(30), 0)
			if storm.crowd > 0 {
				s.history.arrive(t, s.history.drawCrowd(storm.crowd), 0)
			}
			w := &weather{e: e, random: random}
			pause(t, time.Second) // the rules are due every second
			p.follow(storm.plan(w))
			began := time.Now()
			run := s.once(t, []string{p.url})
			p.follow(nil)
			made := int(w.made.Load())
			t.Logf("%s: %d faults, %v", storm.name, made, time.Since(began).Round(time.Millisecond))
			f.runs++
			f.made += made
			if run.code != 0 {
				f.failed++
				t.Logf("%s: code %d\n%s", storm.name, run.code, run.out)
			}
			s.judge(t, storm, made, run)
		}
	}
	s.conclude(t, f)
}

// judge takes a run at its word.
func (s *site) judge(t *testing.T, storm storm, made int, run outcome) {
	t.Helper()
	switch {
	case made == 0:
		t.Logf("%s: no fault was made", storm.name)
	case storm.spoils && run.code == 0:
		t.Errorf("%s: %d faults and a run that says it succeeded: %s", storm.name, made, run)
	case run.code != 0 && run.log == "":
		t.Errorf("%s: a run failed without a word: %s", storm.name, run)
	}
	if run.whole() {
		if d := s.compare(t); !d.none() {
			t.Errorf("%s: a run that says it succeeded: %s\n%s", storm.name, d, run)
		}
	}
}
