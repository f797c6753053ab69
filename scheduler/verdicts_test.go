package scheduler_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/scheduler"
)

// What arrived a little before a slice is looked at again. The alerts of it are
// not written again, whoever has changed them; and what someone has changed that is
// stitch's is put right.
func TestRunsFindTheSameAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		rules := loaded(t, strings.Replace(strings.ReplaceAll(doorRule, "ID", "a"), `settle = "1m"`, `settle = "10m"`, 1))
		seen, stop := y.running(t, scheduler.Options{Rules: rules})
		defer stop()
		time.Sleep(2*time.Minute + 30*time.Second)
		y.happens(t, "d1", "open", 0)
		next := func() scheduler.Counts {
			t.Helper()
			time.Sleep(time.Minute)
			runs := seen.taken()
			if len(runs) == 0 || runs[len(runs)-1].Err != nil {
				t.Fatalf("runs: %+v", runs)
			}
			return runs[len(runs)-1].Alerts
		}
		seen.taken()
		for i, want := range []scheduler.Counts{{Created: 1}, {Unchanged: 1}, {Unchanged: 1}, {Unchanged: 1}} {
			if got := next(); got != want {
				t.Errorf("run %d: %+v, want %+v", i, got, want)
			}
		}
		alter := func(from, to string) {
			t.Helper()
			y.cabinet.mu.Lock()
			defer y.cabinet.mu.Unlock()
			for ref, d := range y.cabinet.documents {
				if strings.Contains(ref.Index, ".alerts-") {
					if !bytes.Contains(d.Source, []byte(from)) {
						t.Fatalf("no %s in %s", from, d.Source)
					}
					y.cabinet.seqNo++
					d.SeqNo, d.Source = y.cabinet.seqNo, bytes.Replace(d.Source, []byte(from), []byte(to), 1)
					y.cabinet.documents[ref] = d
				}
			}
		}
		for _, step := range []struct {
			name, from, to string
			want           scheduler.Counts
		}{
			{"an analyst takes it", `"kibana.alert.workflow_status":"open"`, `"kibana.alert.workflow_status":"closed"`, scheduler.Counts{Unchanged: 1}},
			{"the same again", "", "", scheduler.Counts{Unchanged: 1}},
			{"what is stitch's is changed", `"module":"stitch"`, `"module":"other"`, scheduler.Counts{Updated: 1}},
			{"put right", `"module":"stitch"`, `"module":"stitch"`, scheduler.Counts{Unchanged: 1}},
		} {
			alter(step.from, step.to)
			if got := next(); got != step.want {
				t.Errorf("%s: %+v, want %+v", step.name, got, step.want)
			}
		}
		y.happens(t, "d2", "open", time.Second)
		if got := next(); got != (scheduler.Counts{Created: 1, Unchanged: 1}) {
			t.Errorf("another door: %+v", got)
		}
		y.vanishes(t, "d1")
		if got := next(); got.Created+got.Updated+got.Retracted != 0 {
			t.Errorf("a document has gone: %+v", got)
		}
	})
}

// A run that finds alerts asks for each thing once.
func TestRequestsOfARunWithAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		y.happens(t, "d0", "close", time.Hour)
		seen, stop := y.running(t, scheduler.Options{Rules: doors(t, "a")})
		defer stop()
		time.Sleep(7*time.Minute + 30*time.Second) // until old state has been looked for
		for _, step := range []struct {
			name string
			want []string
		}{
			// Ticket; arrivals and evaluation; alerts of the window, those found with
			// what is remembered of them, and where else they may be; alerts, memory,
			// record, ledger.
			{"a new alert", []string{"get", "presence", "fields", "bulk", "bulk", "bulk", "bulk", "bulk", "find", "find"}},
			{"the same again", []string{"get", "presence", "fields", "bulk", "bulk", "bulk", "find"}},
		} {
			if step.name == "a new alert" {
				y.happens(t, "d1", "open", 0)
			}
			y.taken()
			time.Sleep(time.Minute)
			var got []string
			for _, call := range inOrder(y.taken()) {
				if call != "group" && call != "search" && call != "count" { // one multi-search for all that can be asked at once
					got = append(got, call)
				}
			}
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s: calls (-want +got):\n%s", step.name, diff)
			}
		}
		if runs := seen.taken(); runs[len(runs)-1].Alerts != (scheduler.Counts{Unchanged: 1}) {
			t.Errorf("the last run: %+v", runs[len(runs)-1])
		}
	})
}

// vanishes takes a document that arrived out of the house.
func (y *house) vanishes(t *testing.T, id string) {
	t.Helper()
	outcomes, err := y.documents.Bulk(t.Context(), []esq.Write{{Ref: esq.Ref{Index: "doors-1", ID: id}, Delete: true}}, true)
	if err != nil || outcomes[0].Err != nil {
		t.Fatal(outcomes, err)
	}
}
