package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/people"
	"github.com/stitchdetect/stitch/scheduler"
)

// house is an engine with documents of its own, which keeps count of what it is
// asked. It lives in a bubble of synctest.
type house struct {
	*cabinet
	documents *memory.Engine
	begun     time.Time

	mu     sync.Mutex
	calls  []string          // "count", "group", "fields", "search", "get", "find", "bulk", "presence", "presences"
	types  map[string]string // what it says of fields; "" is not mapped
	shards int               // that it says to have asked
	broken error             // instead of saying whether there is something
	people *people.Map
	slow   time.Duration // what it takes to say whether there is something
	asked  []asked
}

// asked is one request whether there is something, when it came.
type asked struct {
	at        time.Time
	questions []esq.Looking
}

func newHouse() *house {
	return &house{cabinet: newCabinet(), documents: memory.New(memory.Options{Now: time.Now, Ingest: []string{"event.ingested"}}), begun: time.Now(), types: map[string]string{}, shards: 1}
}

func (y *house) note(call string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.calls = append(y.calls, call)
	return y.broken
}

// taken returns the calls since it was asked last.
func (y *house) taken() []string {
	y.mu.Lock()
	defer y.mu.Unlock()
	calls := y.calls
	y.calls = nil
	return calls
}

// set changes the house while a scheduler runs.
func (y *house) set(do func()) {
	y.mu.Lock()
	defer y.mu.Unlock()
	do()
}

// happens puts a document into the house that arrived a while ago.
func (y *house) happens(t *testing.T, id, action string, ago time.Duration) {
	t.Helper()
	at := time.Now().Add(-ago).UTC().Format(time.RFC3339)
	y.load(t, fmt.Sprintf(`{"_index":"doors-1","_id":%q,"_source":{"@timestamp":%q,"event":{"action":%q,"ingested":%q},"host":{"id":"h"}}}`, id, at, action, at))
}

func (y *house) load(t *testing.T, line string) {
	t.Helper()
	if _, err := y.documents.Load(strings.NewReader(line+"\n"), "doors"); err != nil {
		t.Fatal(err)
	}
}

func (y *house) users(context.Context, esq.Searcher) (*people.Map, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.people, nil
}

// mapOf is a user map of one person.
func mapOf(t *testing.T, upn string) *people.Map {
	t.Helper()
	m, err := people.ReadCSV("users.csv", strings.NewReader("upn,sam\n"+upn+",X\\someone\n"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (y *house) Presence(ctx context.Context, indices []string, q esq.Query) (esq.Presence, esq.Stats, error) {
	if err := y.askedFor("presence", esq.Looking{Indices: indices, Query: q}); err != nil {
		return esq.Presence{}, esq.Stats{Requests: 1}, err
	}
	return y.look(ctx, indices, q)
}

func (y *house) Presences(ctx context.Context, list []esq.Looking) []esq.Seen {
	err := y.askedFor("presences", list...)
	seen := make([]esq.Seen, len(list))
	for i, q := range list {
		if seen[i].Err = err; err == nil {
			seen[i].Presence, seen[i].Stats, seen[i].Err = y.look(ctx, q.Indices, q.Query)
		}
		seen[i].Stats.Requests = 0
	}
	seen[0].Stats.Requests = 1
	return seen
}

// askedFor notes a request whether there is something, and takes its time.
func (y *house) askedFor(call string, list ...esq.Looking) error {
	err := y.note(call)
	y.mu.Lock()
	y.asked = append(y.asked, asked{time.Now(), list})
	slow := y.slow
	y.mu.Unlock()
	time.Sleep(slow)
	return err
}

func (y *house) look(ctx context.Context, indices []string, q esq.Query) (esq.Presence, esq.Stats, error) {
	n, stats, err := y.documents.Count(ctx, indices, q)
	if found, _ := y.cabinet.Find(ctx, indices, q, 1); len(found) > 0 {
		n++
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	return esq.Presence{Any: n > 0, Shards: y.shards}, stats, err
}

func (y *house) Count(ctx context.Context, indices []string, q esq.Query) (int64, esq.Stats, error) {
	_ = y.note("count")
	return y.documents.Count(ctx, indices, q)
}

func (y *house) Search(ctx context.Context, s esq.Search, yield func(esq.Hit) error) (esq.Stats, error) {
	_ = y.note("search")
	return y.documents.Search(ctx, s, yield)
}

func (y *house) Group(ctx context.Context, g esq.Grouping, yield func(esq.Group) error) (esq.Stats, error) {
	_ = y.note("group")
	return y.documents.Group(ctx, g, yield)
}

func (y *house) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	return esq.AskEach(ctx, y, questions)
}

func (y *house) FieldCaps(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	_ = y.note("fields")
	caps, err := y.documents.FieldCaps(ctx, indices, fields)
	y.mu.Lock()
	defer y.mu.Unlock()
	for name, is := range y.types {
		delete(caps, name)
		if is != "" {
			caps[name] = esq.FieldCap{Types: []string{is}, Searchable: true, Aggregatable: true}
		}
	}
	return caps, err
}

func (y *house) Get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	if refs[0].ID != "lease" {
		_ = y.note("get")
	}
	return y.cabinet.Get(ctx, refs)
}

func (y *house) Find(ctx context.Context, indices []string, q esq.Query, limit int) ([]esq.Document, error) {
	_ = y.note("find")
	return y.cabinet.Find(ctx, indices, q, limit)
}

func (y *house) Bulk(ctx context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	if ops[0].ID != "lease" {
		_ = y.note("bulk")
	}
	return y.cabinet.Bulk(ctx, ops, refresh)
}

// doorRule asks for an opened door, once a minute.
const doorRule = `
[rule]
rule_id = "ID"
name = "Door ID"
type = "sequence"
index = ["doors-*"]
interval = "1m"
from = "now-1m"
lateness = "1h"
settle = "1m"
[[rule.stage]]
id = "open"
query = 'any where event.action == "open"'
`

// loaded loads rules from texts.
func loaded(t testing.TB, texts ...string) *rules.Set {
	t.Helper()
	dir := t.TempDir()
	for i, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.toml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := rules.Load([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func doors(t testing.TB, ids ...string) *rules.Set {
	var texts []string
	for _, id := range ids {
		texts = append(texts, strings.ReplaceAll(doorRule, "ID", id))
	}
	return loaded(t, texts...)
}

// reports keeps what a scheduler tells of its runs.
type reports struct {
	mu   sync.Mutex
	list []scheduler.Report
}

func (r *reports) note(of scheduler.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, of)
}

// taken returns the runs since it was asked last.
func (r *reports) taken() []scheduler.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

// running runs rules in the background; stop ends that in good order, and abandon
// at once, so that nothing more is written.
func (y *house) running(t *testing.T, o scheduler.Options) (seen *reports, stop func()) {
	seen = &reports{}
	o.Engine, o.Observe = y, seen.note
	ctx, cancel := context.WithCancel(t.Context())
	wait := started(ctx, o)
	return seen, func() { cancel(); wait() }
}

func TestIdleRunIsOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		seen, stop := y.running(t, scheduler.Options{Rules: doors(t, "a")})
		time.Sleep(4*time.Minute + 30*time.Second)
		y.taken()
		runs := seen.taken()
		if len(runs) != 5 || slices.ContainsFunc(runs, func(r scheduler.Report) bool { return !r.Idle || r.Err != nil || r.Result.Stats.Requests != 1 }) {
			t.Errorf("in 5 minutes, there were these runs: %+v", runs)
		}
		if until := y.coveredUntil("a"); until != y.begun.Add(-time.Minute).UTC().Format(time.RFC3339) {
			t.Errorf("covered until %s before anything is stored", until)
		}
		// What is held is stored, if the fields are what they were; and whether
		// anything is to be cleaned up is looked for, once an hour.
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"presence", "presence", "fields", "bulk", "bulk", "find", "find"}, inOrder(y.taken())); diff != "" {
			t.Errorf("calls of an idle run and the storing (-want +got):\n%s", diff)
		}
		stored := y.coveredUntil("a")
		for range 4 {
			time.Sleep(time.Minute)
			if diff := cmp.Diff([]string{"presence"}, y.taken()); diff != "" {
				t.Errorf("calls of an idle run (-want +got):\n%s", diff)
			}
			if now := y.coveredUntil("a"); now != stored {
				t.Errorf("a run in which nothing arrived has stored coverage until %s", now)
			}
		}
		stop()
		if until := y.coveredUntil("a"); until != y.begun.Add(9*time.Minute).UTC().Format(time.RFC3339) {
			t.Errorf("covered until %s when all has ended", until)
		}
		checkIdleRecords(t, y, 1, 10)
	})
}

// Rules that look at the same indices ask together, as long as nothing at all
// arrives there, and else each for itself.
func TestIdleRunsAskTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		elsewhere := strings.ReplaceAll(strings.ReplaceAll(doorRule, "ID", "x"), "doors-", "gates-")
		texts := []string{elsewhere}
		for _, id := range []string{"a", "b", "c"} {
			texts = append(texts, strings.ReplaceAll(doorRule, "ID", id))
		}
		y.happens(t, "0", "shut", 2*time.Hour)
		seen, stop := y.running(t, scheduler.Options{Rules: loaded(t, texts...)})
		time.Sleep(30 * time.Second)
		y.taken()
		minute := func(what string, calls, runs int) {
			t.Helper()
			seen.taken()
			time.Sleep(time.Minute)
			if diff := cmp.Diff(slices.Repeat([]string{"presence"}, calls), y.taken()); diff != "" {
				t.Errorf("%s: calls of a minute (-want +got):\n%s", what, diff)
			}
			for _, r := range seen.taken() {
				if !r.Idle || r.Err != nil {
					t.Errorf("%s: %+v", what, r)
				}
				runs--
			}
			if runs != 0 {
				t.Errorf("%s: %d runs are missing", what, runs)
			}
		}
		minute("nothing anywhere", 2, 4)
		y.happens(t, "1", "shut", 0) // which no rule asks for
		minute("something that nobody asks for", 5, 4)
		minute("known to be busy", 4, 4)
		stop()
		for _, id := range []string{"a", "b", "c", "x"} {
			if until := y.coveredUntil(id); until != y.begun.Add(3*time.Minute).UTC().Format(time.RFC3339) {
				t.Errorf("rule %s is covered until %s when all has ended", id, until)
			}
		}
		checkIdleRecords(t, y, 4, 4)
	})
}

// An answer for all is one for a rule only from when it fell due, and as far back
// as the rule has to look.
func TestTogetherOnlyWhatIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		slow := strings.ReplaceAll(strings.ReplaceAll(doorRule, "ID", "slow"), `interval = "1m"`, `interval = "3m"`)
		seen, stop := y.running(t, scheduler.Options{Rules: loaded(t, strings.ReplaceAll(doorRule, "ID", "quick"), slow)})
		time.Sleep(150 * time.Second)
		seen.taken()
		time.Sleep(time.Minute)
		for _, r := range seen.taken() {
			since := 2 * time.Minute
			if r.Rule.ID == "slow" {
				since = 0
			}
			if !r.Idle || r.Slice.From.Sub(y.begun) != since || r.Slice.To.Sub(y.begun) != 3*time.Minute {
				t.Errorf("%s: %+v", r.Rule.ID, r.Slice)
			}
		}
		y.happens(t, "1", "open", 200*time.Second) // within settle of what slow has to look at, and not of quick
		time.Sleep(3 * time.Minute)
		whole := 0
		for _, r := range seen.taken() {
			if !r.Idle {
				whole++
			}
		}
		stop()
		if whole == 0 || len(y.alerts()) == 0 {
			t.Errorf("%d whole runs, alerts %v", whole, y.alerts())
		}
	})
}

// inOrder sorts calls by what they are, the questions first.
func inOrder(calls []string) []string {
	slices.SortStableFunc(calls, func(a, b string) int {
		order := []string{"presence", "fields", "bulk", "find"}
		return slices.Index(order, a) - slices.Index(order, b)
	})
	return calls
}

// checkIdleRecords checks that so many runs of so many rules, and their time,
// are in the records, each once.
func checkIdleRecords(t *testing.T, y *house, rules, runs int) {
	t.Helper()
	idle, until := map[string]int{}, map[string]string{}
	for _, r := range y.records() {
		id := r["rule"].(map[string]any)["id"].(string)
		slice := r["slice"].(map[string]any)
		if last, ok := until[id]; ok && last != slice["from"] {
			t.Errorf("rule %s: a record ends at %s and the next begins at %s", id, last, slice["from"])
		}
		until[id] = slice["to"].(string)
		n, _ := r["idle"].(float64)
		idle[id] += int(n)
		if got := r["engine"].(map[string]any)["requests"].(float64); got > n+1 || r["outcome"] != "success" || r["arrived"] != 0.0 {
			t.Errorf("record of %v idle runs: %v", n, r)
		}
	}
	for id, n := range idle {
		if n != runs {
			t.Errorf("rule %s: the records are of %d idle runs, not %d", id, n, runs)
		}
	}
	if len(idle) != rules {
		t.Errorf("records of %d rules, not %d", len(idle), rules)
	}
}

func TestNewRulesBeginTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		set := doors(t, "a", "b", "c")
		_, stop := y.running(t, scheduler.Options{Rules: set})
		time.Sleep(time.Second)
		// The ledgers; those of older versions, records and alerts; new ledgers; the
		// fields, and whether there is an index; a question of the first, and one for
		// the others.
		want := []string{"get", "find", "find", "find", "bulk", "fields", "presence", "presence", "presence"}
		if diff := cmp.Diff(want, y.taken()); diff != "" {
			t.Errorf("calls until three new rules have run (-want +got):\n%s", diff)
		}
		stop()
		// One of which there are traces, and no ledger, holds up nobody.
		for name := range y.under("detections-stitch.state") {
			if index, id, _ := strings.Cut(name, "/"); strings.HasPrefix(id, "ledger-") && !strings.Contains(id, "-c-") {
				y.remove(esq.Ref{Index: index, ID: id})
			}
		}
		time.Sleep(time.Minute)
		sum := once(t, scheduler.New(scheduler.Options{Rules: set, Engine: y}))
		var state *scheduler.StateError
		for _, r := range sum.Rules {
			if lost := r.Rule.ID != "c"; lost != errors.As(r.Err, &state) {
				t.Errorf("rule %s: %v", r.Rule.ID, r.Err)
			}
		}
	})
}

func TestOnceStoresAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		set := doors(t, "a", "b", "c")
		o := scheduler.Options{Rules: set, Engine: y}
		once(t, scheduler.New(o)) // which begins the ledgers
		y.taken()
		time.Sleep(time.Minute)
		sum := once(t, scheduler.New(o))
		if err := sum.Err(); err != nil {
			t.Fatal(err)
		}
		// The ledgers, the fields, and whether there is an index; a question of the first and one for the others; fields; records and ledgers.
		want := []string{"get", "fields", "presence", "presence", "presence", "fields", "presence", "bulk", "bulk"}
		if diff := cmp.Diff(want, y.taken()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		for _, r := range sum.Rules {
			if got := y.coveredUntil(r.Rule.ID); r.Runs != 1 || got != time.Now().UTC().Format(time.RFC3339) {
				t.Errorf("rule %s: %d runs, covered until %s", r.Rule.ID, r.Runs, got)
			}
		}
	})
}

// openWindow asks for an opened door, window by window.
const openWindow = `
[rule]
rule_id = "w"
name = "W"
type = "sequence"
index = ["doors-*"]
interval = "5m"
from = "now-5m"
lateness = "1h"
settle = "1m"
[[rule.stage]]
id = "open"
query = 'any where event.action == "open"'
[rule.stage.summarize]
by = ["host.id"]
n = "count()"
`

// What keeps a run from being idle: each case happens after idle runs, and then
// the run at a certain time must be a whole one.
func TestNotIdle(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rule  string // doorRule if empty
		whole time.Duration
		since time.Duration // it searches from here
		idle  bool          // it may be idle, too: with the new basis nothing is seen either
		do    func(t *testing.T, y *house)
	}{
		{name: "something arrived", whole: 2 * time.Minute, since: -time.Minute, do: func(t *testing.T, y *house) {
			y.happens(t, "1", "open", 0)
		}},
		{name: "something arrived that was stamped before the last run", whole: 2 * time.Minute, since: -time.Minute, do: func(t *testing.T, y *house) {
			y.happens(t, "1", "open", 80*time.Second)
		}},
		{name: "something without a time", whole: 2 * time.Minute, since: -time.Minute, do: func(t *testing.T, y *house) {
			y.load(t, `{"_index":"doors-1","_id":"1","_source":{"event":{"action":"shut"}}}`)
		}},
		{name: "something with a field that was not mapped", whole: 2 * time.Minute, since: -time.Minute, do: func(t *testing.T, y *house) {
			y.happens(t, "1", "open", 0)
			y.set(func() { delete(y.types, "event.action") })
		}},
		{name: "other indices", whole: 2 * time.Minute, since: -time.Minute, do: func(_ *testing.T, y *house) { y.set(func() { y.shards = 2 }) }},
		{name: "no whole answer", whole: 2 * time.Minute, since: -time.Minute, do: func(_ *testing.T, y *house) {
			y.set(func() { y.broken = &esq.PartialError{Op: "look", Reason: "1 of 2 shards answered"} })
		}},
		// What idle runs rested on turns out to be otherwise: they are searched
		// again as soon as that is known.
		{name: "a field of another type", whole: 5 * time.Minute, since: -time.Minute, idle: true, do: func(_ *testing.T, y *house) {
			y.set(func() { y.types["event.action"] = "text" })
		}},
		{name: "another user map", whole: 5 * time.Minute, since: -time.Minute, idle: true, do: func(t *testing.T, y *house) {
			y.set(func() { y.people = mapOf(t, "b@x.example") })
		}},
		{name: "a window that holds something", rule: openWindow, whole: 5 * time.Minute, since: 0, do: func(t *testing.T, y *house) {
			y.happens(t, "1", "open", 0)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y := newHouse()
				y.people = mapOf(t, "a@x.example")
				if strings.Contains(tt.name, "not mapped") {
					y.types["event.action"] = ""
				}
				text := strings.ReplaceAll(doorRule, "ID", "a")
				if tt.rule != "" {
					text = tt.rule
				}
				seen, stop := y.running(t, scheduler.Options{Rules: loaded(t, text), Users: y.users})
				time.Sleep(90 * time.Second)
				if early := seen.taken(); len(early) == 0 || slices.ContainsFunc(early, func(r scheduler.Report) bool { return !r.Idle }) {
					t.Fatalf("runs before anything happens: %+v", early)
				}
				tt.do(t, y)
				time.Sleep(tt.whole - 90*time.Second - time.Second)
				if before := seen.taken(); slices.ContainsFunc(before, func(r scheduler.Report) bool { return !r.Idle }) {
					t.Errorf("whole before its time: %+v", before)
				}
				time.Sleep(2 * time.Second)
				runs := seen.taken()
				last := runs[len(runs)-1]
				if last.Err != nil || last.Idle && !tt.idle || last.Slice.From.Sub(y.begun) != tt.since || last.Slice.To.Sub(y.begun) != tt.whole {
					t.Errorf("runs at %v: %+v", tt.whole, runs)
				}
				stop()
			})
		})
	}
}

// A process that is killed has not stored its idle runs: the next one searches
// their time again, and finds what came late for it.
func TestIdleRunsAreForgottenWithTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		set := doors(t, "a")
		seen := &reports{}
		ctx, kill := context.WithCancel(t.Context())
		wait := started(ctx, scheduler.Options{Rules: set, Engine: deaf{y, ctx}, Observe: seen.note})
		time.Sleep(3*time.Minute + 30*time.Second)
		kill() // nothing that it writes from now on is carried out
		wait()
		if runs := seen.taken(); len(runs) != 4 {
			t.Fatalf("runs: %+v", runs)
		}
		y.happens(t, "1", "open", 150*time.Second)
		time.Sleep(time.Minute)
		sum := once(t, scheduler.New(scheduler.Options{Rules: set, Engine: y, Observe: seen.note}))
		if runs := seen.taken(); len(runs) != 1 || !runs[0].Slice.From.Equal(y.begun.Add(-time.Minute)) || sum.Alerts().Created != 1 {
			t.Errorf("after the process was killed: %+v, alerts %+v", runs, sum.Alerts())
		}
	})
}

// deaf carries nothing out once its process is dead.
type deaf struct {
	*house
	alive context.Context
}

func (d deaf) Bulk(ctx context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	if d.alive.Err() != nil {
		return nil, errDown
	}
	return d.house.Bulk(ctx, ops, refresh)
}

// Whoever else writes the ledger has the last word: what was held is looked at
// again, at once.
func TestIdleRunsGiveWayToAnotherWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		seen, stop := y.running(t, scheduler.Options{Rules: doors(t, "a")})
		time.Sleep(90 * time.Second)
		for name := range y.under("detections-stitch.state") {
			if index, id, _ := strings.Cut(name, "/"); strings.HasPrefix(id, "ledger-") {
				ref := esq.Ref{Index: index, ID: id}
				y.put(ref, y.read(ref).Source)
			}
		}
		time.Sleep(3 * time.Minute)
		seen.taken()
		time.Sleep(31 * time.Second)
		runs := seen.taken()
		if last := len(runs) - 1; last < 0 || !runs[last].Slice.From.Equal(y.begun.Add(-time.Minute)) {
			t.Errorf("after another has written the ledger: %+v", runs)
		}
		stop()
		if until := y.coveredUntil("a"); until != y.begun.Add(5*time.Minute).UTC().Format(time.RFC3339) {
			t.Errorf("covered until %s", until)
		}
	})
}

// skewed is a clock that is set wrong.
type skewed struct {
	scheduler.SystemClock
	by atomic.Int64
}

func (s *skewed) Now() time.Time { return time.Now().Add(time.Duration(s.by.Load())) }

// A clock that is set back takes with it what was seen ahead of it.
func TestIdleRunsAheadOfTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, clock := newHouse(), &skewed{}
		seen, stop := y.running(t, scheduler.Options{Rules: doors(t, "a"), Clock: clock})
		time.Sleep(90 * time.Second)
		clock.by.Store(int64(30 * time.Minute))
		time.Sleep(time.Minute)
		runs := seen.taken()
		if last := runs[len(runs)-1]; !last.Idle || last.Slice.To.Before(y.begun.Add(30*time.Minute)) {
			t.Errorf("with the clock ahead: %+v", last)
		}
		clock.by.Store(0)
		time.Sleep(time.Minute + time.Second)
		runs = seen.taken()
		if len(runs) == 0 || !runs[0].Slice.From.Equal(y.begun.Add(-time.Minute)) || runs[0].Slice.To.After(time.Now()) {
			t.Errorf("with the clock set back: %+v", runs)
		}
		stop()
		if until, err := time.Parse(time.RFC3339, y.coveredUntil("a")); err != nil || until.After(time.Now()) || until.Before(y.begun.Add(3*time.Minute)) {
			t.Errorf("covered until %s: %v", until, err)
		}
	})
}
