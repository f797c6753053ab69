package security

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/doctor"
	"github.com/stitchdetect/stitch/rules/people"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// place is where a use of stitch is tried: indices of its own on a cluster.
type place struct {
	*cluster
	names   mappings.Names
	sources []string
	rules   *rules.Set
	now     time.Time
	log     *slog.Logger // of the connection, or nil
}

// newPlace returns an empty place with this prefix.
func newPlace(t *testing.T, c *cluster, prefix string) place {
	t.Helper()
	p := place{cluster: c, names: mappings.Names{Prefix: prefix + "stitch"}, now: time.Now().UTC().Truncate(time.Second).Add(-20 * time.Hour)}
	p.sources = []string{prefix + "doors-*", prefix + "people"}
	p.rules = readRules(t, prefix)
	return p
}

// config connects as a user.
func (p place) config(t *testing.T, user, password string) esq.Config {
	t.Helper()
	return esq.Config{
		URLs: []string{p.url}, Username: user, Password: esq.Secret(password),
		Transport: p.admin.Transport, Logger: p.log, Retry: esq.Retry{Attempts: 8, Base: 50 * time.Millisecond},
	}
}

// connect is open, with what the connection has to complain of: a point in time
// that cannot be freed, too, which it tells only those who look.
func (p place) connect(t *testing.T, user string) (*esq.Cluster, *complaints, error) {
	t.Helper()
	log := &complaints{}
	p.log = slog.New(&complaints{to: log})
	c, err := p.open(t, user)
	return c, log, err
}

// open connects as the administrator, or as a user whom the test makes.
func (p place) open(t *testing.T, user string) (*esq.Cluster, error) {
	t.Helper()
	password := userPassword
	if user == adminName {
		password = adminPassword
	}
	return esq.Open(t.Context(), p.config(t, user, password))
}

// prepare has the administrator prepare the cluster, and put events there.
func (p place) prepare(t *testing.T) {
	t.Helper()
	c, err := p.open(t, adminName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mappings.Bootstrap(t.Context(), c, c.Product(), p.names); err != nil {
		t.Fatal(err)
	}
	index := p.doors()
	p.must(t, "PUT", "/"+index, `{"settings":{"number_of_replicas":0},"mappings":{"properties":{"@timestamp":{"type":"date"},
		"event":{"properties":{"ingested":{"type":"date"},"action":{"type":"keyword"}}},"host":{"properties":{"id":{"type":"keyword"}}},
		"user":{"properties":{"email":{"type":"keyword"}}}}}}`)
	p.must(t, "POST", "/"+p.sources[1]+"/_doc?refresh=true", `{"upn":"ann@example.com","sam":"EXAMPLE\\ann"}`)
}

// doors is the index that the rules read.
func (p place) doors() string { return strings.TrimSuffix(p.sources[0], "*") + "1" }

// event has something happen, and arrive, so long after the place's time.
func (p place) event(t *testing.T, action, host string, happened, arrived time.Duration) {
	t.Helper()
	p.must(t, "POST", "/"+p.doors()+"/_doc?refresh=true", map[string]any{
		"@timestamp": mappings.Time(p.now.Add(happened)),
		"event":      map[string]any{"action": action, "ingested": mappings.Time(p.now.Add(arrived))},
		"host":       map[string]any{"id": host}, "user": map[string]any{"email": "ann@example.com"},
	})
}

// readRules are rules whose alerts are made, updated and taken back.
func readRules(t *testing.T, prefix string) *rules.Set {
	t.Helper()
	const text = `
[rule]
rule_id = "door-%[2]s"
name = "Door %[2]s"
type = "sequence"
index = ["%[1]sdoors-*"]
interval = "30m"
from = "now-1h"
lateness = "3h"
settle = "1m"
[[rule.stage]]
id = "open"
query = 'any where event.action == "open"'
[[rule.stage]]
id = "close"
absent = %[3]t
within = "10m"
query = 'any where event.action == "close"'
join = 'host.id == open.host.id'
[rule.alert]
anchor = "open"
by = ["open.host.id"]
[[rule.alert.entity]]
type = "Host"
HostName = "open.host.id"
`
	folder := t.TempDir()
	save(t, folder, "shut.toml", fmt.Appendf(nil, text, prefix, "shut", false))
	save(t, folder, "open.toml", fmt.Appendf(nil, strings.Replace(text, `lateness = "3h"`, `lateness = "1m"`, 1), prefix, "left-open", true))
	set, err := rules.Load([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// uses are what each role is for: one function each, that does all of it and
// returns what went wrong.
func uses() map[string]func(t *testing.T, p place, user string) error {
	return map[string]func(t *testing.T, p place, user string) error{
		mappings.RunRole:       runs,
		mappings.BootstrapRole: bootstraps,
		mappings.PageRole:      looks,
		mappings.TriageRole:    triages,
		mappings.RetentionRole: drops,
	}
}

// runs runs rules until alerts were made, updated and taken back, and old state
// was deleted; under a lease, with a user map.
func runs(t *testing.T, p place, user string) error {
	c, log, err := p.connect(t, user)
	if err != nil {
		return err
	}
	if err := mappings.Check(t.Context(), c, p.names); err != nil {
		return err
	}
	users, err := people.Open("index:" + p.sources[1])
	if err != nil {
		return err
	}
	if _, err := users.Map(t.Context(), c); err != nil {
		return errors.Join(err, p.unread(t, c))
	}
	clock := scheduler.NewVirtualClock(p.now)
	sched := scheduler.New(scheduler.Options{
		Rules: p.rules, Engine: c, Names: p.names, Clock: clock, Users: users.Map, Logger: slog.New(log), Retention: time.Hour,
		Months: p.months(c),
	})
	var sum scheduler.Counts
	step := func(at time.Duration) error {
		clock.Set(p.now.Add(at))
		s, err := sched.Once(t.Context())
		for _, r := range s.Rules {
			sum.Created += r.Alerts.Created
			sum.Updated += r.Alerts.Updated
			sum.Retracted += r.Alerts.Retracted
		}
		return errors.Join(err, s.Err())
	}
	if err := step(0); err != nil { // coverage begins
		return err
	}
	for _, host := range []string{"one", "two"} {
		p.event(t, "open", host, time.Minute, time.Minute)
	}
	p.event(t, "close", "one", 2*time.Minute, 2*time.Minute)
	if err := step(30 * time.Minute); err != nil {
		return err
	}
	p.event(t, "close", "one", 3*time.Minute, 40*time.Minute) // more of the same
	p.event(t, "close", "two", 4*time.Minute, 40*time.Minute) // takes back that it was left open
	if err := step(time.Hour); err != nil {
		return err
	}
	// The next runs delete what is old; one that meets the ledger of a run in
	// hand, in an index that was refreshed just then, leaves it to the one after.
	var gone map[string]int
	old := p.stored(t, p.names.RunPattern(), p.names.State())
	for at := 12 * time.Hour; at < 18*time.Hour && (gone["runs"] == 0 || gone["state"] == 0); at += time.Hour {
		if err := step(at); err != nil {
			return err
		}
		gone = goneOf(old, p.stored(t, p.names.RunPattern(), p.names.State()))
		if err := log.err(); err != nil {
			return err
		}
	}
	if _, err := sched.Coverage(t.Context()); err != nil {
		return err
	}
	if err := sweeps(t, p, c); err != nil {
		return err
	}
	if err := leads(t, p, c); err != nil {
		return err
	}
	if err := pages(t, c, append(slices.Clone(p.sources), p.kept()...)); err != nil {
		return err
	}
	if list, err := p.listed(t, c); err != nil || !lists(list, p.names.AlertIndex(p.now)) || !lists(list, p.names.RunIndex(p.now)) {
		return errors.Join(fmt.Errorf("months %v: not all are seen", list), err, p.unread(t, c))
	}
	if sum.Created == 0 || sum.Updated == 0 || sum.Retracted == 0 {
		return errors.Join(fmt.Errorf("%+v: not all came about", sum), p.unread(t, c))
	}
	if gone["runs"] == 0 || gone["state"] == 0 {
		return errors.Join(fmt.Errorf("%v: not all that is old was deleted", gone), p.unread(t, c))
	}
	return log.err()
}

// sweeps deletes a month of run records as a whole.
func sweeps(t *testing.T, p place, c *esq.Cluster) error {
	t.Helper()
	old := p.names.RunIndex(p.now.AddDate(-2, 0, 0))
	p.must(t, "PUT", "/"+old, `{"settings":{"number_of_replicas":0}}`)
	months := mappings.Months{Admin: c, Family: c.Product(), Names: p.names}
	list, err := months.List(t.Context(), false)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.Index == old {
			return months.Delete(t.Context(), m)
		}
	}
	// Elasticsearch passes over an index whose settings the user may not read.
	lacks, err := doctor.Cluster(c, c, c.Product()).Lacks(t.Context(), old, []string{"view_index_metadata"})
	return errors.Join(fmt.Errorf("%s is not in %v, the user lacks %s on it", old, list, lacks.Value), err)
}

func (p place) months(c *esq.Cluster) mappings.Months {
	return mappings.Months{Admin: c, Family: p.family, Names: p.names}
}

// listed are the months of both kinds.
func (p place) listed(t *testing.T, c *esq.Cluster) ([]mappings.Month, error) {
	t.Helper()
	alerts, err := p.months(c).List(t.Context(), true)
	if err != nil {
		return nil, err
	}
	runs, err := p.months(c).List(t.Context(), false)
	return append(alerts, runs...), err
}

func lists(months []mappings.Month, index string) bool {
	return slices.ContainsFunc(months, func(m mappings.Month) bool { return m.Index == index })
}

// drops deletes months.
func drops(t *testing.T, p place, user string) error {
	c, err := p.open(t, user)
	if err != nil {
		return err
	}
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, index := range []string{p.names.AlertIndex(long), p.names.RunIndex(long)} {
		p.must(t, "PUT", "/"+index, nil)
	}
	list, err := p.listed(t, c)
	if err != nil || len(list) != 2 {
		return errors.Join(fmt.Errorf("months %v: not both are seen", list), err, p.unread(t, c))
	}
	for _, m := range list {
		if err := p.months(c).Delete(t.Context(), m); err != nil {
			return err
		}
	}
	return nil
}

// stored are the documents in indices, as index and id.
func (p place) stored(t *testing.T, patterns ...string) []string {
	t.Helper()
	p.must(t, "POST", "/"+strings.Join(patterns, ",")+"/_refresh", nil)
	var answer struct {
		Hits struct {
			Hits []struct {
				Index string `json:"_index"`
				ID    string `json:"_id"`
			}
		}
	}
	if err := json.Unmarshal(p.must(t, "GET", "/"+strings.Join(patterns, ",")+"/_search?size=1000", nil), &answer); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, h := range answer.Hits.Hits {
		out = append(out, h.Index+"/"+h.ID)
	}
	return out
}

// goneOf counts what is there no longer, run records and state.
func goneOf(before, after []string) map[string]int {
	out := map[string]int{}
	for _, d := range before {
		switch {
		case slices.Contains(after, d):
		case strings.Contains(d, "stitch.runs-"):
			out["runs"]++
		default:
			out["state"]++
		}
	}
	return out
}

// unread names what the user may not read. Elasticsearch passes over it without
// a word, and is asked for it, as stitch does at its start.
func (p place) unread(t *testing.T, c *esq.Cluster) error {
	t.Helper()
	var errs []error
	for _, index := range append(slices.Clone(p.sources), p.names.AlertPattern(), p.names.RunPattern(), p.names.State()) {
		lacks, err := doctor.Cluster(c, c, c.Product()).Lacks(t.Context(), index, []string{"read", "view_index_metadata"})
		for _, privilege := range lacks.Value {
			errs = append(errs, fmt.Errorf("the user lacks [%s] on %s", privilege, index))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// leads has a scheduler take the lease and give it back.
func leads(t *testing.T, p place, c *esq.Cluster) error {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log := &complaints{said: func(message string) {
		if message == "lease taken" || message == "lease cannot be taken" {
			stop()
		}
	}}
	sched := scheduler.New(scheduler.Options{Rules: &rules.Set{}, Engine: c, Names: p.names, Logger: slog.New(log)})
	sched.Run(ctx)
	return log.err()
}

// kept is what stitch writes into.
func (p place) kept() []string {
	return []string{p.names.AlertPattern(), p.names.RunPattern(), p.names.State()}
}

// pages reads more than one answer holds, as of one moment.
func pages(t *testing.T, c *esq.Cluster, indices []string) error {
	var errs []error
	for _, index := range indices {
		_, err := c.Search(t.Context(), esq.Search{Indices: []string{index}, Many: true}, func(esq.Hit) error { return nil })
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// bootstraps prepares a cluster, and does so again where an older stitch has
// been.
func bootstraps(t *testing.T, p place, user string) error {
	c, err := p.open(t, user)
	if err != nil {
		return err
	}
	if _, err := mappings.Bootstrap(t.Context(), c, c.Product(), p.names); err != nil {
		return err
	}
	p.must(t, "PUT", "/"+p.names.AlertIndex(p.now), nil)
	p.must(t, "PUT", "/"+p.names.RunIndex(p.now), nil)
	for _, index := range []string{p.names.AlertIndex(p.now), p.names.RunIndex(p.now), p.names.State()} {
		p.must(t, "PUT", "/"+index+"/_mapping", `{"_meta":{"version":1,"hash":"old"}}`)
	}
	changes, err := mappings.Bootstrap(t.Context(), c, c.Product(), p.names)
	updated := 0
	for _, change := range changes {
		if change.Action == mappings.Updated {
			updated++
		}
	}
	if err == nil && updated != 3 {
		return fmt.Errorf("updated %d of 3 mappings: %v", updated, changes)
	}
	return err
}

// looks reads what the page shows.
func looks(t *testing.T, p place, user string) error {
	c, log, err := p.connect(t, user)
	if err != nil {
		return err
	}
	if err := pages(t, c, p.kept()); err != nil {
		return err
	}
	alerts := []string{p.names.AlertPattern()}
	found, err := c.Find(t.Context(), alerts, esq.MatchAll{}, 10)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.Join(errors.New("there is no alert"), p.unread(t, c))
	}
	if _, err := triage.Get(t.Context(), c, p.names, found[0].ID); err != nil {
		return err
	}
	if _, _, err := c.Count(t.Context(), alerts, esq.MatchAll{}); err != nil {
		return err
	}
	sched := scheduler.New(scheduler.Options{Rules: p.rules, Engine: c, Names: p.names})
	if _, err := sched.Lease(t.Context()); err != nil {
		return err
	}
	list, err := sched.Coverage(t.Context())
	if err == nil && len(list[0].Sources) == 0 {
		err = errors.Join(errors.New("no run record tells of sources"), p.unread(t, c))
	}
	return errors.Join(err, log.err())
}

// triages works on an alert.
func triages(t *testing.T, p place, user string) error {
	if err := looks(t, p, user); err != nil {
		return err
	}
	c, err := p.open(t, user)
	if err != nil {
		return err
	}
	page, err := triage.List(t.Context(), c, p.names, triage.Filter{}, triage.Cursor{}, 1)
	if err != nil {
		return err
	}
	if len(page.Alerts) == 0 {
		return errors.Join(errors.New("no alert is listed"), p.unread(t, c))
	}
	id, err := triage.Resolve(t.Context(), c, p.names, page.Alerts[0].ID[:20])
	if err != nil {
		return err
	}
	_, err = triage.Act(t.Context(), c, p.names, id, mappings.Action{
		ID: triage.NewActionID(), Kind: mappings.Close, At: p.now, By: user, Reason: "duplicate", Comment: "of another",
	})
	return err
}

// withAlerts has the administrator run rules, so that there is something to
// look at.
func withAlerts(t *testing.T, p place) {
	t.Helper()
	p.prepare(t)
	if err := runs(t, p, adminName); err != nil {
		t.Fatal(err)
	}
}

// complaints is a logger that keeps warnings and errors.
type complaints struct {
	to   *complaints          // which keeps all that is said, as a warning; nil: this one
	said func(message string) // told of every message, or nil
	mu   sync.Mutex
	list []error
}

func (c *complaints) Enabled(context.Context, slog.Level) bool { return true }
func (c *complaints) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *complaints) WithGroup(string) slog.Handler            { return c }

func (c *complaints) Handle(ctx context.Context, r slog.Record) error {
	// An engine that is not ready yet says nothing of privileges; a refusal for
	// want of one is never tried again.
	if strings.HasSuffix(r.Message, "trying again") {
		return nil
	}
	if c.to != nil {
		r.Level = max(r.Level, slog.LevelWarn)
		return c.to.Handle(ctx, r)
	}
	if r.Level >= slog.LevelWarn {
		var text bytes.Buffer
		if err := slog.NewTextHandler(&text, nil).Handle(ctx, r); err != nil {
			return err
		}
		c.mu.Lock()
		c.list = append(c.list, errors.New(text.String()))
		c.mu.Unlock()
	}
	if c.said != nil {
		c.said(r.Message)
	}
	return nil
}

func (c *complaints) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.list...)
}
