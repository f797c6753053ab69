package scheduler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// calendar is the monthly indices of a cabinet. One that was emptied stays
// until it is deleted.
type calendar struct {
	store   *cabinet
	seen    map[string]bool
	created map[string]time.Time // the beginning of the month if not said
	policy  map[string]string
	deleted []string
	err     error
	listed  int
}

var _ scheduler.Months = (*calendar)(nil)

func (c *calendar) List(_ context.Context, alerts bool) ([]mappings.Month, error) {
	c.listed++
	if c.err != nil {
		return nil, c.err
	}
	c.look()
	var out []mappings.Month
	for _, index := range slices.Sorted(maps.Keys(c.seen)) {
		m, ok := mappings.Names{}.Month(index)
		if !ok || m.Alerts != alerts {
			continue
		}
		m.Created, m.Policy = m.Start, c.policy[index]
		if at, said := c.created[index]; said {
			m.Created = at
		}
		out = append(out, m)
	}
	return out, nil
}

func (c *calendar) look() {
	for ref := range c.store.documents {
		c.seen[ref.Index] = true
	}
}

func (c *calendar) Delete(_ context.Context, m mappings.Month) error {
	c.deleted = append(c.deleted, m.Index)
	delete(c.seen, m.Index)
	maps.DeleteFunc(c.store.documents, func(ref esq.Ref, _ esq.Document) bool { return ref.Index == m.Index })
	c.store.seqNo++
	return nil
}

// archive is a store in which two rules ran in February, one of which is not
// loaded any more, and the calendar of it.
type archive struct {
	*yard
	months *calendar
}

func newArchive(t *testing.T) archive {
	t.Helper()
	y := newYard(t, -1)
	a := archive{y, &calendar{store: y.store, seen: map[string]bool{}, created: map[string]time.Time{}, policy: map[string]string{}}}
	a.months.look()
	return a
}

// schedule has the rule looked after with these retentions from now on.
func (a archive) schedule(runs, alerts time.Duration) {
	a.sched = scheduler.New(scheduler.Options{
		Rules: set(a.rule), Engine: a.store, Clock: a.clock, Arrivals: quiet, Evaluate: finds(&[]rules.Alert{}),
		Retention: runs, AlertRetention: alerts, Months: a.months, Logger: slog.New(slog.NewTextHandler(&a.log, nil)),
	})
}

// at lets the rule run at a time until it owes nothing.
func (a archive) at(t *testing.T, when time.Time) {
	t.Helper()
	a.clock.Set(when)
	for range 2 {
		if sum := once(t, a.sched); sum.Err() != nil {
			t.Fatalf("%v: %v", when, sum.Err())
		}
	}
}

const (
	february = "detections-stitch.runs-2024.02"
	felt     = "detections-stitch.alerts-2024.02"
	month    = 30 * 24 * time.Hour
)

func date(m time.Month, d int) time.Time { return time.Date(2024, m, d, 12, 0, 0, 0, time.UTC) }

// A month of run records goes when it has passed the retention, and takes
// nothing with it that still says something.
func TestEmptiedMonthGoes(t *testing.T) {
	a := newArchive(t)
	a.store.put(esq.Ref{Index: february, ID: "heartbeat"}, json.RawMessage(`{"kind":"heartbeat","@timestamp":"2024-02-29T23:59:00.000Z"}`))
	a.schedule(month, 0)
	a.at(t, date(time.March, 30)) // 29 days after the month
	if len(a.months.deleted) > 0 {
		t.Errorf("too early: %q", a.months.deleted)
	}
	a.at(t, date(time.April, 1))
	a.at(t, date(time.April, 1).Add(time.Hour))
	if diff := cmp.Diff([]string{february}, a.months.deleted); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	// The rule that is not loaded any more still tells that it has run.
	kept := 0
	for name, rec := range a.store.under("detections-stitch.runs-2024.04") {
		if rec["rule"].(map[string]any)["id"] == "retired" {
			kept++
			if !strings.HasPrefix(rec["@timestamp"].(string), "2024-02-22") {
				t.Errorf("%s is of %s", name, rec["@timestamp"])
			}
		}
	}
	if kept != 1 {
		t.Errorf("%d records of the retired rule are kept, want its newest", kept)
	}
	if n := len(a.store.alerts()); n != 4 {
		t.Errorf("%d alerts, want 4: no retention was asked for", n)
	}
	if !strings.Contains(a.log.String(), "old index deleted") {
		t.Errorf("nothing is said:\n%s", a.log.String())
	}
}

// A month that still holds something, or that the cluster looks after, stays.
func TestMonthStays(t *testing.T) {
	for name, edit := range map[string]func(a archive){
		"looked after by the cluster": func(a archive) { a.months.policy[february] = "detections-stitch.runs" },
		"made late":                   func(a archive) { a.months.created[february] = date(time.March, 20) },
		"a heartbeat of today": func(a archive) {
			a.store.put(esq.Ref{Index: february, ID: "heartbeat"}, json.RawMessage(`{"kind":"heartbeat","@timestamp":"2024-04-05T11:00:00.000Z"}`))
		},
		"something in it": func(a archive) {
			a.store.put(esq.Ref{Index: february, ID: "replayed"}, json.RawMessage(`{"kind":"run","replay":true,"@timestamp":"2024-02-01T00:00:00.000Z"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(t)
			edit(a)
			a.schedule(month, 0)
			for hour := range 3 {
				a.at(t, date(time.April, 5).Add(time.Duration(hour)*time.Hour))
			}
			if a.months.listed == 0 || len(a.months.deleted) > 0 {
				t.Errorf("listed %d times, deleted %q", a.months.listed, a.months.deleted)
			}
		})
	}
}

// Alerts go by the month, if a retention of alerts was asked for, and none that
// someone has touched since.
func TestMonthOfAlerts(t *testing.T) {
	touch := func(a archive, path, value string) {
		for ref, d := range a.store.documents {
			if ref.Index == felt {
				source := bytes.Replace(d.Source, []byte(`{`), []byte(`{"`+path+`":"`+value+`",`), 1)
				a.store.put(ref, source)
				return
			}
		}
	}
	late := mappings.Time(date(time.April, 2))
	for name, c := range map[string]struct {
		edit      func(a archive)
		retention time.Duration
		gone      bool
	}{
		"old":               {edit: func(archive) {}, retention: month, gone: true},
		"never asked for":   {edit: func(archive) {}},
		"still inside":      {edit: func(archive) {}, retention: 40 * 24 * time.Hour},
		"made late":         {edit: func(a archive) { a.months.created[felt] = date(time.April, 1) }, retention: month},
		"of the cluster":    {edit: func(a archive) { a.months.policy[felt] = "own" }, retention: month},
		"closed lately":     {edit: func(a archive) { touch(a, "kibana.alert.workflow_status_updated_at", late) }, retention: month},
		"commented lately":  {edit: func(a archive) { touch(a, "stitch.triage.history.at", late) }, retention: month},
		"still to be told":  {edit: func(a archive) { touch(a, "stitch.notifications.next", late) }, retention: month},
		"updated lately":    {edit: func(a archive) { touch(a, "stitch.updated", late) }, retention: month},
		"closed before":     {edit: func(a archive) { touch(a, "kibana.alert.workflow_status_updated_at", "2024-02-25T00:00:00.000Z") }, retention: month, gone: true},
		"of unknown age":    {edit: func(a archive) { a.store.put(esq.Ref{Index: felt, ID: "x"}, json.RawMessage(`{}`)) }, retention: month},
		"another's by name": {edit: func(a archive) { a.months.seen[felt+"-restored"] = true }, retention: month, gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(t)
			c.edit(a)
			a.schedule(-1, c.retention)
			a.at(t, date(time.April, 5))
			var want []string
			if c.gone {
				want = []string{felt}
			}
			if diff := cmp.Diff(want, a.months.deleted); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
		})
	}
}

// That indices cannot be listed is logged once, deletes nothing and stops
// nothing.
func TestMonthsThatCannotBeListed(t *testing.T) {
	a := newArchive(t)
	a.months.err = errors.New("not allowed")
	a.schedule(-1, month)
	for hour := range 4 {
		a.at(t, date(time.April, 5).Add(time.Duration(hour)*time.Hour))
	}
	if n := strings.Count(a.log.String(), "not allowed"); n != 1 || len(a.months.deleted) > 0 || a.months.listed < 3 {
		t.Errorf("logged %d times, listed %d times, deleted %q", n, a.months.listed, a.months.deleted)
	}
}
