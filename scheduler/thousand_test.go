package scheduler_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// thousand loads a thousand rules.
func thousand(t testing.TB) *rules.Set {
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprintf("r%03d", i)
	}
	return doors(t, ids...)
}

// What a thousand rules ask at the start, and at a minute in which nothing
// arrives: budgets of requests.
func TestRequestsOfAThousandRules(t *testing.T) {
	set := thousand(t)
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		_, stop := y.running(t, scheduler.Options{Rules: set})
		counts := func() map[string]int {
			n := map[string]int{}
			for _, call := range y.taken() {
				n[call]++
			}
			return n
		}
		time.Sleep(30 * time.Second)
		want := map[string]int{"get": 1, "find": 3, "bulk": 1, "fields": 1, "presence": 3}
		if diff := cmp.Diff(want, counts()); diff != "" {
			t.Errorf("calls until all rules have run (-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute)
		if diff := cmp.Diff(map[string]int{"presence": 1}, counts()); diff != "" {
			t.Errorf("calls of a minute (-want +got):\n%s", diff)
		}
		stop()
		if diff := cmp.Diff(map[string]int{"presence": 1, "fields": 1, "bulk": 2}, counts()); diff != "" {
			t.Errorf("calls of the end (-want +got):\n%s", diff)
		}
	})
}

// heap is the memory that is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMemoryOfAThousandRules(t *testing.T) {
	before := heap()
	set := thousand(t)
	after := heap()
	if each, budget := (after-before)/1000, int64(6_000); each > budget {
		t.Errorf("a loaded rule takes %d bytes, and may take %d", each, budget)
	} else {
		t.Logf("%d bytes a rule", each)
	}
	runtime.KeepAlive(set)
}

// nobody is an engine in which nothing is.
type nobody struct{ esq.Searcher }

func (nobody) Presence(context.Context, []string, esq.Query) (esq.Presence, esq.Stats, error) {
	return esq.Presence{Shards: 1}, esq.Stats{Requests: 1}, nil
}

func TestAllocationsOfAnIdleRun(t *testing.T) {
	rule := doors(t, "a").Rules[0]
	known := map[string]map[string]esq.FieldCap{}
	for _, asked := range rule.FieldsAsked() {
		caps := map[string]esq.FieldCap{}
		for _, name := range asked.Fields {
			caps[name] = esq.FieldCap{Types: []string{"keyword"}, Searchable: true, Aggregatable: true}
		}
		caps["@timestamp"], caps["event.ingested"] = esq.FieldCap{Types: []string{"date"}}, esq.FieldCap{Types: []string{"date"}}
		known[asked.Key()] = caps
	}
	watch, err := rule.Watch(known)
	if err != nil {
		t.Fatal(err)
	}
	const budget = 45
	got := testing.AllocsPerRun(100, func() {
		if p, _, err := watch.Look(context.Background(), nobody{}, rules.Window{From: day, To: after(time.Minute)}, nil); err != nil || p.Any {
			t.Fatal(p, err)
		}
	})
	if got > budget {
		t.Errorf("a question takes %v allocations, and may take %d", got, budget)
	} else {
		t.Logf("%v allocations", got)
	}
}
