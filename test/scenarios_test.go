package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/people"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/test/engines"
)

// scenario is a folder of test/scenarios: documents in, alerts out.
type scenario struct {
	name        string
	Description string    `toml:"description"`
	Trap        string    `toml:"trap"`
	Rules       []string  `toml:"rules"`
	From        time.Time `toml:"from"`
	To          time.Time `toml:"to"`
	// Mapping are fields of other types than the usual ones, by index pattern.
	// Only clusters heed it; what comes out must be the same.
	Mapping map[string]map[string]memory.Type `toml:"mapping"`
}

// expected is an alert as a scenario's alerts.json states it.
type expected struct {
	Rule      string         `json:"rule"`
	Documents map[string]any `json:"documents"` // by stage: their ids, or how many they are
	By        map[string]any `json:"by"`
	Details   map[string]any `json:"details"`
	Weak      []string       `json:"weak"` // nil: any
	Entities  []any          `json:"entities"`
}

func readScenarios(t *testing.T) []scenario {
	t.Helper()
	files, err := filepath.Glob("scenarios/*/scenario.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	all := make([]scenario, len(files))
	for i, file := range files {
		meta, err := toml.DecodeFile(file, &all[i])
		if err != nil || len(meta.Undecoded()) > 0 {
			t.Fatalf("%s: %v, unknown keys %v", file, err, meta.Undecoded())
		}
		all[i].name = filepath.Base(filepath.Dir(file))
	}
	return all
}

func (s scenario) file(name string) string { return filepath.Join("scenarios", s.name, name) }

func (s scenario) documents(t *testing.T) []document {
	t.Helper()
	data, err := os.ReadFile(s.file("docs.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var docs []document
	dec := json.NewDecoder(bytes.NewReader(data))
	for dec.More() {
		var d document
		if err := dec.Decode(&d); err != nil {
			t.Fatalf("%s: %v", s.file("docs.ndjson"), err)
		}
		docs = append(docs, d)
	}
	return docs
}

func (s scenario) expected(t *testing.T) []expected {
	t.Helper()
	data, err := os.ReadFile(s.file("alerts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want []expected
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&want); err != nil {
		t.Fatalf("%s: %v", s.file("alerts.json"), err)
	}
	return want
}

// ruleSet is the scenario's rules. Rules that are evaluated continuously run
// every so often, so that chains are met half-way in many states; the others
// keep their windows.
func (s scenario) ruleSet(t *testing.T, shipped *rules.Set, interval time.Duration) *rules.Set {
	t.Helper()
	set, own := &rules.Set{}, &rules.Set{}
	if _, err := os.Stat(s.file("rules")); err == nil {
		if own, err = rules.Load([]string{s.file("rules")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range s.Rules {
		r := own.ByID(id)
		if r == nil {
			r = shipped.ByID(id)
		}
		if r == nil {
			t.Fatalf("%s: no rule %s, shipped or in its folder rules", s.name, id)
		}
		if !r.Windowed {
			rescheduled := *r
			rescheduled.Schedule = rules.Every(interval)
			r = &rescheduled
		}
		set.Rules = append(set.Rules, r)
	}
	return set
}

// embedded holds the scenario's documents in the embedded engine.
func (s scenario) embedded(t *testing.T) *memory.Engine {
	t.Helper()
	m := newMemory()
	data, err := os.ReadFile(s.file("docs.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Load(bytes.NewReader(data), s.file("docs.ndjson")); err != nil {
		t.Fatal(err)
	}
	return m
}

// users reads the scenario's user map, if it has one.
func (s scenario) users(t *testing.T) scheduler.Users {
	t.Helper()
	if _, err := os.Stat(s.file("users.csv")); err != nil {
		return nil
	}
	source, err := people.Open(s.file("users.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return source.Map
}

func newMemory() *memory.Engine { return memory.New(memory.Options{Now: time.Now}) }

// run replays the rules over the scenario's time and returns the alert
// documents by id, without what depends on the time of writing.
func (s scenario) run(t *testing.T, set *rules.Set, documents esq.Searcher) map[string]json.RawMessage {
	t.Helper()
	engine := struct {
		esq.Searcher
		esq.Store
	}{documents, newMemory()}
	sched := scheduler.New(scheduler.Options{Rules: set, Engine: engine, Users: s.users(t)})
	summary, err := sched.Replay(context.Background(), s.From, s.To)
	if err == nil {
		err = summary.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	runs, err := engine.Find(context.Background(), []string{mappings.Names{}.RunPattern()}, esq.MatchAll{}, math.MaxInt)
	if err != nil || len(runs) == 0 {
		t.Fatalf("%d run records, %v", len(runs), err)
	}
	for _, r := range runs {
		if bytes.Contains(r.Source, []byte("may not be found")) {
			t.Errorf("a run warns of values that no query finds: %s", r.Source)
		}
	}
	found, err := engine.Find(context.Background(), []string{mappings.Names{}.AlertPattern()}, esq.MatchAll{}, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]json.RawMessage{}
	for _, d := range found {
		doc, err := mappings.WithoutWriting(d.Source)
		if err != nil {
			t.Fatal(err)
		}
		out[d.Index+"/"+d.ID] = doc
	}
	return out
}

// atTheEnd is an interval longer than any scenario: one run, at its end.
const atTheEnd = 1000 * time.Hour

// TestScenarios runs every scenario on the embedded engine: with runs all the
// way, and with one at the end, which must come to the same.
func TestScenarios(t *testing.T) {
	shipped, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range readScenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			documents := s.embedded(t)
			alerts := s.run(t, s.ruleSet(t, shipped, 47*time.Minute), documents)
			checkAlerts(t, s.expected(t), alerts)
			atEnd := s.run(t, s.ruleSet(t, shipped, atTheEnd), documents)
			if diff := gocmp.Diff(texts(alerts), texts(atEnd)); diff != "" {
				t.Error("scheduled and at the end differ (-scheduled +end):\n" + diff)
			}
		})
	}
}

// TestScenariosOnClusters runs every scenario on real clusters; each alert must
// be that of the embedded engine to the byte.
func TestScenariosOnClusters(t *testing.T) {
	shipped, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	all := readScenarios(t)
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		t.Parallel()
		prefix := loadScenarios(t, e, all)
		cluster, err := esq.Open(context.Background(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			t.Run(s.name, func(t *testing.T) {
				set := s.ruleSet(t, shipped, atTheEnd)
				want := s.run(t, set, s.embedded(t))
				got := s.run(t, set, scoped{cluster, prefix, s.name})
				if diff := gocmp.Diff(texts(want), texts(got)); diff != "" {
					t.Error("alerts (-embedded +cluster):\n" + diff)
				}
			})
		}
	})
}

func texts(docs map[string]json.RawMessage) map[string]string {
	out := map[string]string{}
	for id, doc := range docs {
		out[id] = string(doc)
	}
	return out
}

// alertFacts is what a scenario can say of an alert document.
type alertFacts struct {
	Rule struct {
		ID string `json:"id"`
	} `json:"rule"`
	Stitch struct {
		Details  map[string]any `json:"details"`
		Weak     []string       `json:"weak"`
		Entities []any          `json:"entities"`
		Key      []struct {
			Name  string `json:"name"`
			Value any    `json:"value"`
		} `json:"key"`
		Chain []struct {
			Stage     string `json:"stage"`
			Count     int    `json:"count"`
			Documents []struct {
				ID string `json:"id"`
			} `json:"documents"`
		} `json:"chain"`
	} `json:"stitch"`
}

// documents are the alert's, by stage, in the form that want has.
func (a alertFacts) documents(want map[string]any) map[string]any {
	out := map[string]any{}
	for _, stage := range a.Stitch.Chain {
		if _, counted := want[stage.Stage].(float64); counted {
			out[stage.Stage] = float64(stage.Count)
			continue
		}
		ids := []any{}
		for _, d := range stage.Documents {
			ids = append(ids, d.ID)
		}
		out[stage.Stage] = ids
	}
	return out
}

// anyOrder compares lists of ids as sets.
var anyOrder = cmpopts.SortSlices(func(a, b any) bool { return fmt.Sprint(a) < fmt.Sprint(b) })

// meets returns how the alert falls short of what is wanted, or "".
func (a alertFacts) meets(want expected) string {
	if a.Rule.ID != want.Rule {
		return "rule " + a.Rule.ID
	}
	if diff := gocmp.Diff(want.Documents, a.documents(want.Documents), anyOrder); diff != "" {
		return "documents (-want +got):\n" + diff
	}
	by := map[string]any{}
	for _, k := range a.Stitch.Key {
		by[k.Name] = k.Value
	}
	for _, name := range slices.Sorted(maps.Keys(want.By)) {
		if diff := gocmp.Diff(want.By[name], by[name]); diff != "" {
			return "by " + name + " (-want +got):\n" + diff
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want.Details)) {
		if diff := gocmp.Diff(want.Details[name], a.Stitch.Details[name]); diff != "" {
			return "detail " + name + " (-want +got):\n" + diff
		}
	}
	if diff := gocmp.Diff(want.Weak, a.Stitch.Weak, cmpopts.EquateEmpty()); want.Weak != nil && diff != "" {
		return "weak (-want +got):\n" + diff
	}
	if diff := gocmp.Diff(want.Entities, a.Stitch.Entities); want.Entities != nil && diff != "" {
		return "entities (-want +got):\n" + diff
	}
	return ""
}

// checkAlerts pairs what came out with what had to; nothing may be left over.
func checkAlerts(t *testing.T, want []expected, docs map[string]json.RawMessage) {
	t.Helper()
	var got []alertFacts
	for _, id := range slices.Sorted(maps.Keys(docs)) {
		var a alertFacts
		if err := json.Unmarshal(docs[id], &a); err != nil {
			t.Fatal(err)
		}
		got = append(got, a)
	}
	for _, w := range want {
		i := slices.IndexFunc(got, func(a alertFacts) bool { return a.meets(w) == "" })
		if i >= 0 {
			got = slices.Delete(got, i, i+1)
			continue
		}
		t.Errorf("no such alert: rule %s, documents %v", w.Rule, w.Documents)
		for _, a := range got {
			if a.Rule.ID == w.Rule {
				t.Logf("near it:\n%s", a.meets(w))
			}
		}
	}
	for _, a := range got {
		t.Errorf("one alert too many: rule %s, documents %v", a.Rule.ID, a.documents(nil))
	}
}
