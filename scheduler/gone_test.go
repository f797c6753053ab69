package scheduler_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/test/engines"
)

const pairRule = `
[rule]
rule_id = "pair"
name = "Pair"
type = "sequence"
index = ["PREFIXlogs-*"]
interval = "1h"
maxspan = "30m"
lateness = "12h"
[[rule.stage]]
id = "a"
query = 'any where event.action == "a"'
[[rule.stage]]
id = "b"
query = 'any where event.action == "b"'
join = 'user.name == a.user.name'
[rule.alert]
anchor = "a"
by = ["a"]
[rule.alert.details]
Files = "b.file.name"
`

// past is a cluster in which an alert was found, of a1, b1 and b2 (from the
// first two of three indices), and its clock an hour later.
type past struct {
	engine esq.Engine
	names  mappings.Names
	prefix string
	clock  *scheduler.VirtualClock
	sched  *scheduler.Scheduler
	report scheduler.Report
}

func newPast(t *testing.T, engine esq.Engine, prefix string) *past {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rule.toml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(pairRule, "PREFIX", prefix)), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	p := &past{engine: engine, names: mappings.Names{Prefix: prefix + "stitch"}, prefix: prefix, clock: scheduler.NewVirtualClock(day)}
	p.sched = scheduler.New(scheduler.Options{
		Rules: set, Engine: engine, Names: p.names, Clock: p.clock, Observe: func(r scheduler.Report) { p.report = r },
	})
	p.put(t, "1", "a1", "a", "u", 0)
	p.put(t, "1", "b1", "b", "u", 1)
	p.put(t, "2", "b2", "b", "u", 2)
	if got := p.run(t, 0); got != (scheduler.Counts{Created: 1}) {
		t.Fatalf("first run: %+v", got)
	}
	p.clock.Set(after(time.Hour))
	return p
}

// put writes an event of ten minutes before the day and some, which arrives now.
func (p *past) put(t *testing.T, index, id, action, user string, minute int) {
	t.Helper()
	source, err := mappings.Encode(map[string]any{
		"@timestamp": mappings.Time(after(time.Duration(minute-10) * time.Minute)),
		"event":      map[string]any{"action": action, "ingested": mappings.Time(p.clock.Now().Add(-time.Second))},
		"user":       map[string]any{"name": user}, "file": map[string]any{"name": "file of " + id},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.bulk(t, esq.Write{Ref: p.ref(index, id), Source: source})
}

func (p *past) ref(index, id string) esq.Ref {
	return esq.Ref{Index: p.prefix + "logs-" + index, ID: id}
}

func (p *past) bulk(t *testing.T, op esq.Write) {
	t.Helper()
	outcomes, err := p.engine.Bulk(t.Context(), []esq.Write{op}, true)
	if err != nil || outcomes[0].Err != nil {
		t.Fatal(err, outcomes)
	}
}

func (p *past) run(t *testing.T, hour int) scheduler.Counts {
	t.Helper()
	p.clock.Set(after(time.Duration(hour) * time.Hour))
	sum := once(t, p.sched)
	if sum.Err() != nil {
		t.Fatal(sum.Err())
	}
	return sum.Alerts()
}

// alert is the alert there is, of any month.
func (p *past) alert(t *testing.T) esq.Document {
	t.Helper()
	found, err := p.engine.Find(t.Context(), []string{p.names.AlertPattern()}, esq.MatchAll{}, 0)
	if err != nil || len(found) > 1 {
		t.Fatal(err, found)
	}
	if len(found) == 0 {
		return esq.Document{}
	}
	return found[0]
}

// evidence are the documents that the alert lists, and what it says of their
// files and whether it was retracted.
func (p *past) evidence(t *testing.T) string {
	t.Helper()
	d := p.alert(t)
	if !d.Found {
		return "none"
	}
	stages, err := mappings.ReadStages(d.Source)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		File   struct{ Name []string }
		Stitch struct {
			Retracted string
			Details   struct{ Files []string }
		}
	}
	if err := json.Unmarshal(d.Source, &doc); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range stages {
		if s.Count != len(s.Documents) || s.Omitted != 0 {
			t.Errorf("stage %s counts %d of %d", s.Stage, s.Count, len(s.Documents))
		}
		for _, e := range s.Documents {
			out = append(out, e.ID)
		}
	}
	text := strings.Join(out, " ")
	for _, id := range out[1:] {
		if files := strings.Join(doc.Stitch.Details.Files, ","); !strings.Contains(files, "file of "+id) || !strings.Contains(strings.Join(doc.File.Name, ","), "file of "+id) {
			t.Errorf("%s is listed, but not its file: %q, %q", id, files, doc.File.Name)
		}
	}
	if doc.Stitch.Retracted != "" {
		text += " retracted"
	}
	return text
}

// What an alert was written with may be deleted, as every index is one day: that
// is no reason to take the alert back or to make less of it. What is there and
// does not fit any more is.
func TestEvidenceThatHasGone(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		testGone(t, nil, func(t *testing.T, _ string) (esq.Engine, string) {
			return memory.New(memory.Options{Now: func() time.Time { return day }}), ""
		})
	})
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		own := e.Prefix(t)
		// Each case takes indices of its own, which clusters are slow to make.
		testGone(t, []string{"one-gone", "anchor-gone", "one-gone-one-new", "anchor-changed"}, func(t *testing.T, name string) (esq.Engine, string) {
			prefix := own + name + "-"
			if _, err := mappings.Bootstrap(t.Context(), cluster, cluster.Product(), mappings.Names{Prefix: prefix + "stitch"}); err != nil {
				t.Fatal(err)
			}
			for _, index := range []string{"1", "2", "3"} {
				body := json.RawMessage(`{"mappings":{"properties":{"@timestamp":{"type":"date"},"event":{"properties":{"action":{"type":"keyword"},"ingested":{"type":"date"}}},
					"user":{"properties":{"name":{"type":"keyword"}}},"file":{"properties":{"name":{"type":"keyword"}}}}}}`)
				if err := cluster.Do(t.Context(), http.MethodPut, "/"+prefix+"logs-"+index, body, nil); err != nil {
					t.Fatal(err)
				}
			}
			return cluster, prefix
		})
	})
}

// testGone tries the named cases, all if none are named.
func testGone(t *testing.T, names []string, open func(t *testing.T, name string) (esq.Engine, string)) {
	type does func(t *testing.T, p *past)
	gone := func(index, id string) does {
		return func(t *testing.T, p *past) { p.bulk(t, esq.Write{Ref: p.ref(index, id), Delete: true}) }
	}
	comes := func(index, id, action, user string, minute int) does {
		return func(t *testing.T, p *past) { p.put(t, index, id, action, user, minute) }
	}
	late := comes("3", "late", "b", "other", 1) // of no concern to the alert
	deleted := func(t *testing.T, p *past) { p.bulk(t, esq.Write{Ref: p.alert(t).Ref, Delete: true}) }
	for _, tt := range []struct {
		name string
		does []does
		want scheduler.Counts
		left string
	}{
		{"all-there", []does{late}, scheduler.Counts{Unchanged: 1}, "a1 b1 b2"},
		{"one-gone", []does{gone("1", "b1"), late}, scheduler.Counts{Unchanged: 1, Kept: 1}, "a1 b1 b2"},
		{"anchor-gone", []does{gone("1", "a1"), late}, scheduler.Counts{Kept: 1}, "a1 b1 b2"},
		{"one-gone-one-new", []does{gone("1", "b1"), comes("3", "b3", "b", "u", 3)}, scheduler.Counts{Updated: 1, Kept: 1}, "a1 b1 b2 b3"},
		{"one-moved", []does{gone("1", "b1"), comes("3", "b1", "b", "u", 1)}, scheduler.Counts{Updated: 1}, "a1 b1 b2"},
		{"one-changed", []does{comes("1", "b1", "c", "u", 1), late}, scheduler.Counts{Updated: 1}, "a1 b2"},
		{"anchor-changed", []does{comes("1", "a1", "c", "u", 0), late}, scheduler.Counts{Retracted: 1}, "a1 b1 b2 retracted"},
		{"deleted", []does{deleted, gone("1", "b1"), late}, scheduler.Counts{LeftDeleted: 1}, "none"},
		{"deleted-one-changed", []does{deleted, comes("1", "b1", "c", "u", 1), late}, scheduler.Counts{LeftDeleted: 1}, "none"},
		{"deleted-one-new", []does{deleted, gone("1", "b1"), comes("3", "b3", "b", "u", 3)}, scheduler.Counts{Created: 1, Kept: 1}, "a1 b2 b3"},
	} {
		if names != nil && !slices.Contains(names, tt.name) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			engine, prefix := open(t, tt.name)
			p := newPast(t, engine, prefix)
			for _, do := range tt.does {
				do(t, p)
			}
			if got := p.run(t, 1); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			if got := p.evidence(t); got != tt.left {
				t.Errorf("evidence %s, want %s", got, tt.left)
			}
			warned := ""
			for _, w := range p.report.Result.Warnings {
				if strings.Contains(w, "have gone") {
					warned = w
				}
			}
			if tt.want.Kept > 0 != (warned != "") {
				t.Errorf("warning %q", warned)
			}
			if d := p.alert(t); tt.want.Kept > 0 && tt.want.Created == 0 && (!strings.Contains(warned, d.ID) || !strings.Contains(warned, p.prefix+"logs-1")) {
				t.Errorf("warning %q names not the alert %s and the index", warned, d.ID)
			}
			if tt.want.Created > 0 {
				return
			}
			// The next run finds nothing else, whatever has become of the alert.
			before := p.alert(t)
			p.put(t, "3", "later", "b", "other", 2)
			p.run(t, 2)
			if diff := cmp.Diff(contentOf(t, before), contentOf(t, p.alert(t))); diff != "" {
				t.Errorf("one run more (-before +after):\n%s", diff)
			}
			coverage, err := p.sched.Coverage(t.Context())
			if err != nil || !coverage[0].CoveredUntil.Equal(after(2*time.Hour)) {
				t.Errorf("covered until %v, %v", coverage, err)
			}
		})
	}
}

func contentOf(t *testing.T, d esq.Document) string {
	t.Helper()
	if !d.Found {
		return ""
	}
	content, err := mappings.WithoutWriting(d.Source)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
