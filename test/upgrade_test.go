package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/test/engines"
)

// What testdata/upgrade has is under these names, which no other test uses.
const (
	upgradePrefix = "upgrade-v1-stitch"
	upgradeEvents = "upgrade-v1-events"
	upgradeFolder = "testdata/upgrade"
	thisStitch    = "v9.9.9"
)

// midnight is when the old stitch was stopped.
var midnight = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)

func upgradeNames() mappings.Names { return mappings.Names{Prefix: upgradePrefix} }

// upgraded is an engine on which an old stitch has left its documents.
type upgraded struct {
	engine esq.Engine
	clock  *scheduler.VirtualClock
	rules  *rules.Set
}

func newUpgraded(t *testing.T, e esq.Engine) upgraded {
	t.Helper()
	set, err := rules.Load([]string{filepath.Join(upgradeFolder, "rules")})
	if err != nil {
		t.Fatal(err)
	}
	return upgraded{e, scheduler.NewVirtualClock(midnight), set}
}

// run has this stitch run the rules at an hour after midnight.
func (u upgraded) run(t *testing.T, hour int) {
	t.Helper()
	u.clock.Set(midnight.Add(time.Duration(hour) * time.Hour))
	s := scheduler.New(scheduler.Options{Rules: u.rules, Engine: u.engine, Names: upgradeNames(), Clock: u.clock, Version: thisStitch})
	sum, err := s.Once(t.Context())
	if err = errors.Join(err, sum.Err()); err != nil {
		t.Fatalf("at %d: %v", hour, err)
	}
}

// alerts are the documents of alerts by index and id, and by whom they are of.
func (u upgraded) alerts(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	found, err := u.engine.Find(t.Context(), []string{upgradeNames().AlertPattern()}, esq.MatchAll{}, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]json.RawMessage{}
	for _, d := range found {
		doc, err := mappings.WithoutWriting(d.Source)
		if err != nil {
			t.Fatal(err)
		}
		out[d.Index+"/"+d.ID+" "+person(t, d.Source)] = doc
	}
	return out
}

// person is whom an alert is about, without the domain.
func person(t *testing.T, alert json.RawMessage) string {
	t.Helper()
	for _, name := range []string{"anna", "bert", "carl", "dora", "emil", "fred", "gerd"} {
		if bytes.Contains(alert, []byte(name+"@nordwind.example")) {
			return name
		}
	}
	t.Fatalf("of nobody: %s", alert)
	return ""
}

// freshly are the alerts of a stitch that never was another.
func freshly(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	u := newUpgraded(t, upgradeMemory(t))
	for hour := -2; hour <= 3; hour++ {
		u.run(t, hour)
	}
	return u.alerts(t)
}

func upgradeMemory(t *testing.T) *memory.Engine {
	t.Helper()
	m := newMemory()
	data, err := os.ReadFile(filepath.Join(upgradeFolder, "events.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Load(bytes.NewReader(data), "events.ndjson"); err != nil {
		t.Fatal(err)
	}
	return m
}

// oldDocuments are what the old stitch left.
func oldDocuments(t *testing.T, version string) []esq.Write {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(upgradeFolder, version, "documents.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var ops []esq.Write
	for line := range bytes.Lines(data) {
		var d document
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: d.Index, ID: d.ID}, Source: d.Source})
	}
	return ops
}

func write(t *testing.T, store esq.Store, ops []esq.Write) {
	t.Helper()
	outcomes, err := store.Bulk(t.Context(), ops, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Err != nil {
			t.Fatalf("%s/%s: %v", ops[i].Index, ops[i].ID, o.Err)
		}
	}
}

// check holds the alerts after the upgrade to those of a stitch that was never
// upgraded: but for the one that was deleted, and what the analyst wrote.
func (u upgraded) check(t *testing.T) {
	t.Helper()
	want, got := freshly(t), u.alerts(t)
	if len(want) != 8 {
		t.Fatalf("%d alerts to compare with", len(want))
	}
	for name, doc := range want {
		switch who := name[strings.LastIndex(name, " ")+1:]; who {
		case "dora":
			delete(want, name)
		case "anna":
			var o map[string]any
			if err := json.Unmarshal(doc, &o); err != nil {
				t.Fatal(err)
			}
			o["kibana.alert.workflow_status"] = "closed"
			o["kibana.alert.workflow_reason"] = "benign positive"
			o["kibana.alert.workflow_tags"] = []string{"audited"}
			o["my_ticket"] = "SOC-1"
			edited, err := mappings.Encode(o)
			if err != nil {
				t.Fatal(err)
			}
			want[name] = edited
		}
	}
	if diff := gocmp.Diff(texts(want), texts(got)); diff != "" {
		t.Errorf("alerts (-never upgraded +upgraded):\n%s", diff)
	}
	s := scheduler.New(scheduler.Options{Rules: u.rules, Engine: u.engine, Names: upgradeNames(), Clock: u.clock})
	list, err := s.Coverage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Err != nil || len(c.Holes) > 0 || !c.CoveredUntil.Equal(midnight.Add(3*time.Hour)) {
			t.Errorf("%s: covered until %v, holes %v, error %v", c.Rule.Name, c.CoveredUntil, c.Holes, c.Err)
		}
	}
	found, err := u.engine.Find(t.Context(), []string{upgradeNames().State()}, esq.Term{Field: "kind", Value: esq.Str("ledger")}, math.MaxInt)
	if err != nil || len(found) != 2 {
		t.Fatalf("%d ledgers, %v", len(found), err)
	}
	for _, d := range found {
		if !bytes.Contains(d.Source, []byte(`"format":2`)) || !bytes.Contains(d.Source, []byte(thisStitch)) {
			t.Errorf("the ledger is as it was: %s", d.Source)
		}
	}
}

// From each release's data on: nothing is lost, nothing twice.
func TestUpgrade(t *testing.T) {
	u := newUpgraded(t, upgradeMemory(t))
	write(t, u.engine, oldDocuments(t, "v1"))
	if before := u.alerts(t); len(before) != 2 {
		t.Fatalf("%d alerts before", len(before))
	}
	for hour := 1; hour <= 3; hour++ {
		u.run(t, hour)
	}
	u.check(t)
}

// The same on clusters, with the templates as they were: a run before they are
// renewed goes on, and renewing them adds the fields that came since.
func TestUpgradeOnClusters(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		removeUpgrade(t, e)
		t.Cleanup(func() { removeUpgrade(t, e) })
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		u := newUpgraded(t, cluster)
		leaveOld(t, e, cluster)
		index := upgradeNames().AlertPattern()

		var old *mappings.UnpreparedError
		if err := mappings.Check(t.Context(), cluster, upgradeNames()); !errors.As(err, &old) || !old.Usable || !strings.Contains(err.Error(), "run stitch bootstrap") {
			t.Errorf("of old templates: %v", err)
		}
		u.run(t, 1)

		setup := mappings.Setup{Family: e.Family, Names: upgradeNames(), By: thisStitch}
		changes, err := setup.Apply(t.Context(), cluster)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if c.Action != mappings.Updated {
				t.Errorf("%s %s: all of it is of an older version", c.Action, c.Name)
			}
		}
		if err := mappings.Check(t.Context(), cluster, upgradeNames()); err != nil {
			t.Errorf("after bootstrap: %v", err)
		}
		caps, err := cluster.FieldCaps(t.Context(), []string{index}, []string{"stitch.triage.history.at", "stitch.triage.history.by", "stitch.notifications.sent"})
		if err != nil {
			t.Fatal(err)
		}
		types := map[string]string{}
		for name, c := range caps {
			types[name] = fmt.Sprint(c.Types)
		}
		want := map[string]string{"stitch.triage.history.at": "[date]", "stitch.triage.history.by": "[keyword]", "stitch.notifications.sent": "[date]"}
		if diff := gocmp.Diff(want, types); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
		u.run(t, 2)
		u.run(t, 3)
		e.Must(t, http.MethodPost, "/"+upgradeNames().State()+"/_refresh", "")
		u.check(t)

		// A later stitch has been here: this one changes nothing and says whom to ask.
		e.Must(t, http.MethodPut, "/"+upgradeNames().State()+"/_mapping", `{"_meta":{"version":99,"hash":"x","by":"v10.1.0"}}`)
		for name, err := range map[string]error{
			"check":     mappings.Check(t.Context(), cluster, upgradeNames()),
			"bootstrap": func() error { _, err := setup.Apply(t.Context(), cluster); return err }(),
		} {
			var newer *mappings.NewerError
			if !errors.As(err, &newer) || !strings.Contains(err.Error(), "use stitch v10.1.0, ") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// leaveOld brings onto a cluster what the first release left, and the events.
func leaveOld(t *testing.T, e engines.Engine, store esq.Store) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(upgradeFolder, "v1", "templates."+e.Family+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var puts map[string]json.RawMessage
	if err := json.Unmarshal(raw, &puts); err != nil {
		t.Fatal(err)
	}
	for path, body := range puts {
		if string(body) != "null" {
			e.Must(t, http.MethodPut, path, string(body))
		}
	}
	e.Must(t, http.MethodPut, "/"+upgradeNames().State(), "")
	write(t, store, oldDocuments(t, "v1"))

	mapping, err := memory.ECS().Template(e.Family)
	if err != nil {
		t.Fatal(err)
	}
	e.Must(t, http.MethodPut, "/"+upgradeEvents, fmt.Sprintf(`{"settings":{"number_of_replicas":0},"mappings":%s}`, mapping))
	data, err := os.ReadFile(filepath.Join(upgradeFolder, "events.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var ops []esq.Write
	for line := range bytes.Lines(data) {
		var d document
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: d.Index, ID: d.ID}, Source: d.Source})
	}
	write(t, store, ops)
}

func removeUpgrade(t *testing.T, e engines.Engine) {
	t.Helper()
	names := upgradeNames()
	paths := []string{"/" + upgradeEvents, "/" + names.State()}
	for m := midnight.AddDate(0, -1, 0); m.Before(midnight.AddDate(0, 1, 0)); m = m.AddDate(0, 1, 0) {
		paths = append(paths, "/"+names.AlertIndex(m), "/"+names.RunIndex(m))
	}
	for _, template := range []string{names.Alerts(), names.Runs(), names.State()} {
		paths = append(paths, "/_index_template/"+template)
	}
	for _, path := range paths {
		status, answer, err := e.Request(context.Background(), http.MethodDelete, path, "")
		if err != nil || status >= 300 && status != http.StatusNotFound {
			t.Errorf("clean up %s: %d %s %v", path, status, answer, err)
		}
	}
}

// A template that differs from a release's must have another version: else a
// stitch of that release would put its own over it.
func TestTemplatesRiseInVersion(t *testing.T) {
	for _, family := range []string{mappings.Elasticsearch, mappings.OpenSearch} {
		raw, err := os.ReadFile(filepath.Join(upgradeFolder, "v1", "templates."+family+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var released map[string]struct {
			Meta struct {
				Version int
				Hash    string
			} `json:"_meta"`
		}
		if err := json.Unmarshal(raw, &released); err != nil {
			t.Fatal(err)
		}
		compared := 0
		admin := putter(func(path string, body any) {
			was, ok := released[path]
			if !ok || !strings.HasPrefix(path, "/_index_template/") {
				return
			}
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			is := was
			if err := json.Unmarshal(raw, &is); err != nil {
				t.Fatal(err)
			}
			compared++
			if is.Meta.Version < was.Meta.Version || is.Meta.Version == was.Meta.Version && is.Meta.Hash != was.Meta.Hash {
				t.Errorf("%s, %s: version %d, and other contents than the release of version %d", family, path, is.Meta.Version, was.Meta.Version)
			}
		})
		if _, err := mappings.Bootstrap(t.Context(), admin, family, upgradeNames()); err != nil {
			t.Fatal(err)
		}
		if compared != 3 {
			t.Errorf("compared %d templates of %d", compared, len(released))
		}
	}
}

// putter is an empty cluster that is told what is put.
type putter func(path string, body any)

func (p putter) Do(_ context.Context, method, path string, body, _ any) error {
	if method != http.MethodPut {
		return &esq.ResponseError{Op: method + " " + path, Status: http.StatusNotFound}
	}
	p(path, body)
	return nil
}
