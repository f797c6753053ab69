package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

const (
	// DefaultRetention is how long run records, and what is remembered of
	// alerts, are kept.
	DefaultRetention = 30 * 24 * time.Hour
	// cleanEvery is how often a rule cleans up after itself.
	cleanEvery = time.Hour
	// maxCleaned is how many documents of a kind it deletes each time. It is more
	// than those that are old and kept nevertheless, see [maxFailures].
	maxCleaned = 1000
)

// cleaner deletes what is old of a rule's state: run records and what is
// remembered of alerts. It never deletes a ledger, the lease or an alert, and
// nothing that someone has written since the cleaner read it.
type cleaner struct {
	store  esq.Store
	names  mappings.Names
	loaded []*rules.Rule
	now    time.Time
	cutoff time.Time // what is older has passed its retention
}

// cleaningDue reports whether a turn at now, of a rule that was last tried at
// before, is the first one of its hour.
func (s *Scheduler) cleaningDue(before, now time.Time) bool {
	every := cleanEvery
	switch {
	case s.retention > 0:
		every = min(every, s.retention)
	case s.alertsKept <= 0:
		return false
	}
	return now.Truncate(every).After(before)
}

// clean deletes a batch of what is old, after a slice of the rule was covered,
// and whole indices once an hour. That it cannot is no failure of the turn; it
// is logged once.
func (r runner) clean(ctx context.Context, rule *rules.Rule, e entry, covered Report) {
	now := r.clock.Now().UTC()
	if r.retention > 0 {
		r.cleanState(ctx, rule, e, covered, now)
	}
	if r.months != nil && r.sweeping.due(now) {
		r.sweep(ctx, now)
	}
}

func (r runner) cleanState(ctx context.Context, rule *rules.Rule, e entry, covered Report, now time.Time) {
	loaded, _ := r.rules.get()
	loaded = append(slices.Clip(loaded), rule) // which may just have been exchanged
	c := cleaner{store: r.engine, names: r.names, loaded: loaded, now: now, cutoff: now.Add(-r.retention)}
	deleted, err := c.clean(ctx, rule, e.ledger, covered.Started)
	r.cleaned(ctx, deleted, err, ruleAttrs(rule)...)
}

// cleaned tells what was deleted, and why no more.
func (r runner) cleaned(ctx context.Context, deleted int, err error, of ...slog.Attr) {
	if err != nil && ctx.Err() == nil {
		r.complain(ctx, err, of...)
	}
	if deleted > 0 {
		r.log.LogAttrs(ctx, slog.LevelInfo, "old state deleted", append(of, slog.Int("documents", deleted))...)
	}
}

// cleanHeld is clean for the rules in whose last runs nothing arrived. It looks
// first whether there is anything old at all.
func (r runner) cleanHeld(ctx context.Context) {
	due, now := r.held.unclean(), r.clock.Now().UTC()
	if len(due) == 0 {
		return
	}
	if r.retention > 0 {
		r.cleanIdle(ctx, due, now)
	}
	if r.months != nil && r.sweeping.due(now) {
		r.sweep(ctx, now)
	}
}

func (r runner) cleanIdle(ctx context.Context, due []holding, now time.Time) {
	loaded, _ := r.rules.get()
	for _, h := range due {
		loaded = append(slices.Clip(loaded), h.rule)
	}
	c := cleaner{store: r.engine, names: r.names, loaded: loaded, now: now, cutoff: now.Add(-r.retention)}
	old, err := c.anything(ctx)
	if err != nil || !old {
		r.cleaned(ctx, 0, err)
		return
	}
	for _, h := range due {
		deleted, err := c.cleanOwn(ctx, h.rule, h.base.ledger, h.recorded)
		r.cleaned(ctx, deleted, err, ruleAttrs(h.rule)...)
	}
	deleted, err := c.cleanRetired(ctx)
	r.cleaned(ctx, deleted, err)
}

// complain logs why something old cannot be deleted, once for each reason.
func (s *Scheduler) complain(ctx context.Context, err error, attrs ...slog.Attr) {
	s.complaining.Lock()
	defer s.complaining.Unlock()
	if text := err.Error(); text != s.complaint {
		s.complaint = text
		s.log.LogAttrs(ctx, slog.LevelWarn, "old state not deleted, it stays until it can be", append(attrs, slog.Any("err", err))...)
	}
}

// clean returns how many documents it deleted, also if there is an error. The
// rule's newest record is not older than newest.
func (c cleaner) clean(ctx context.Context, rule *rules.Rule, l ledger, newest time.Time) (deleted int, err error) {
	if deleted, err = c.cleanOwn(ctx, rule, l, newest); err != nil {
		return deleted, err
	}
	n, err := c.cleanRetired(ctx)
	return deleted + n, err
}

// cleanOwn is clean of what is the rule's.
func (c cleaner) cleanOwn(ctx context.Context, rule *rules.Rule, l ledger, newest time.Time) (deleted int, err error) {
	if deleted, err = c.records(ctx, rule.ID, newest, l.holes(l.Until)); err != nil {
		return deleted, err
	}
	n, err := c.memory(ctx, rule, l)
	return deleted + n, err
}

// cleanRetired is clean of what is of rules that are not loaded.
func (c cleaner) cleanRetired(ctx context.Context) (deleted int, err error) {
	if deleted, err = c.retiredRecords(ctx); err != nil {
		return deleted, err
	}
	n, err := c.retiredMemory(ctx)
	return deleted + n, err
}

// anything reports whether anything is as old as what is deleted.
func (c cleaner) anything(ctx context.Context) (bool, error) {
	records, err := c.store.Find(ctx, []string{c.names.RunPattern()}, esq.And(
		esq.Term{Field: "kind", Value: esq.Str("run")}, before("@timestamp", c.cutoff)), 1)
	if err != nil || len(records) > 0 {
		return true, wrap("look for old run records", err)
	}
	memories, err := c.store.Find(ctx, []string{c.names.State()}, esq.And(
		esq.Term{Field: "kind", Value: esq.Str("written")},
		esq.Or(before("updated", c.cutoff), esq.Not(esq.Exists{Field: "updated"}))), 1)
	return len(memories) > 0, wrap("look for old memories of alerts", err)
}

// records deletes a rule's run records that are older than both the retention
// and the newest one.
func (c cleaner) records(ctx context.Context, rule string, newest time.Time, holes []Hole) (int, error) {
	old, err := c.oldRecords(ctx, esq.Term{Field: "rule.id", Value: esq.Str(rule)}, earlier(c.cutoff, newest))
	if err != nil {
		return 0, err
	}
	return c.discard(ctx, old, holes)
}

// retiredRecords deletes old run records of rules that are not loaded. The
// newest of each is kept: it tells of a rule that has run.
func (c cleaner) retiredRecords(ctx context.Context) (deleted int, err error) {
	old, err := c.oldRecords(ctx, c.retired(), c.cutoff)
	if err != nil {
		return 0, err
	}
	byRule := map[string][]oldRecord{}
	for _, r := range old {
		byRule[r.Rule.ID] = append(byRule[r.Rule.ID], r)
	}
	for _, rule := range slices.Sorted(maps.Keys(byRule)) {
		list := byRule[rule]
		slices.SortFunc(list, func(a, b oldRecord) int { return strings.Compare(a.Timestamp, b.Timestamp) })
		last := len(list) - 1
		if err := c.carry(ctx, list[last:]); err != nil {
			return deleted, err
		}
		if list = list[:last]; len(list) == 0 {
			continue
		}
		ledgers, err := c.ledgers(ctx, rule)
		if err != nil {
			return deleted, err
		}
		var holes []Hole
		for _, l := range ledgers {
			holes = append(holes, l.holes(l.Until)...)
		}
		n, err := c.discard(ctx, list, holes)
		deleted += n
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}

// oldRecords finds some run records from before t.
func (c cleaner) oldRecords(ctx context.Context, which esq.Query, t time.Time) ([]oldRecord, error) {
	found, err := c.store.Find(ctx, []string{c.names.RunPattern()}, esq.And(
		esq.Term{Field: "kind", Value: esq.Str("run")}, esq.Term{Field: "replay", Value: esq.Boolean(false)},
		which, before("@timestamp", t)), maxCleaned)
	if err != nil {
		return nil, fmt.Errorf("look for old run records: %w", err)
	}
	var old []oldRecord
	for _, d := range found {
		r := oldRecord{Document: d}
		if json.Unmarshal(d.Source, &r.runRecord) == nil && r.Kind == "run" {
			old = append(old, r)
		}
	}
	return old, nil
}

// discard deletes old records of a rule, but for those that still say something.
func (c cleaner) discard(ctx context.Context, old []oldRecord, holes []Hole) (int, error) {
	kept, ops := sift(old, holes)
	if err := c.carry(ctx, kept); err != nil {
		return 0, err
	}
	return c.bulk(ctx, ops)
}

// carry moves records out of months that have passed their retention into the
// present one, so that nothing is lost when a whole index is deleted, be it by
// the cluster. Should it end half-way there are two of one record, and the next
// cleaning deletes the old one.
func (c cleaner) carry(ctx context.Context, kept []oldRecord) error {
	var copies, originals []esq.Write
	for _, r := range kept {
		month, ok := c.names.Month(r.Index)
		if !ok || month.End.After(c.cutoff) {
			continue
		}
		copies = append(copies, esq.Write{Ref: esq.Ref{Index: c.names.RunIndex(c.now), ID: r.ID}, Create: true, Source: r.Source})
		originals = append(originals, deletion(r.Document))
	}
	if _, err := c.bulk(ctx, copies); err != nil {
		return fmt.Errorf("keep old run records: %w", err)
	}
	_, err := c.bulk(ctx, originals)
	return err
}

// sift parts old records of a rule into those that are kept and the deletions
// of the others. Of those that failed, the newest is kept for each open hole: it
// says more of the reason than the ledger does.
func sift(old []oldRecord, holes []Hole) (keep []oldRecord, ops []esq.Write) {
	reasons := map[int]oldRecord{} // by place in holes
	for _, r := range old {
		for i, h := range holes {
			if r.failedIn(h) && r.Timestamp > reasons[i].Timestamp { // all are spelled alike
				reasons[i] = r
			}
		}
	}
	kept := map[esq.Ref]bool{}
	for _, r := range reasons {
		kept[r.Ref] = true
	}
	for _, r := range old {
		if kept[r.Ref] {
			keep = append(keep, r)
		} else {
			ops = append(ops, deletion(r.Document))
		}
	}
	return keep, ops
}

// oldRecord is a run record as it was found.
type oldRecord struct {
	esq.Document
	runRecord
}

// failedIn reports whether the run failed over some of a hole.
func (r oldRecord) failedIn(h Hole) bool {
	from, errFrom := time.Parse(time.RFC3339, r.Slice.From)
	to, errTo := time.Parse(time.RFC3339, r.Slice.To)
	return r.Outcome == "failure" && errFrom == nil && errTo == nil && from.Before(h.To) && h.From.Before(to)
}

// memory deletes what is remembered of alerts of a rule that no run will look
// at again: neither what arrives from now on nor a hole that is searched again
// reaches them. While a run is under way, or may be, it might.
func (c cleaner) memory(ctx context.Context, rule *rules.Rule, l ledger) (int, error) {
	ledgers, err := c.ledgers(ctx, rule.ID)
	if err != nil {
		return 0, err
	}
	for _, l := range append(ledgers, l) {
		if slices.ContainsFunc(l.Open, func(o openTicket) bool { return c.now.Sub(o.Since) <= maxPause }) {
			return 0, nil
		}
	}
	return c.forget(ctx, esq.Term{Field: "rule.id", Value: esq.Str(rule.ID)}, horizon(rule, l))
}

// horizon is the event time before which no run looks any more, but for
// documents later than the rule's lateness. One evaluation reaches a span, or a
// window, around what arrived; and what it retracts has others follow.
func horizon(r *rules.Rule, l ledger) time.Time {
	return l.coveredUntil().Add(-r.Lateness - r.Settle - 2*(r.LookBack+r.Span))
}

// forget deletes what is remembered of alerts that ended, and were written,
// before the retention, and that ended before the horizon. What an older stitch
// remembered has no times: its retention begins now.
func (c cleaner) forget(ctx context.Context, which esq.Query, horizon time.Time) (int, error) {
	ended := earlier(c.cutoff, horizon)
	found, err := c.store.Find(ctx, []string{c.names.State()}, esq.And(
		esq.Term{Field: "kind", Value: esq.Str("written")}, which,
		esq.Or(
			esq.And(before("updated", c.cutoff), esq.Or(before("end", ended), esq.Not(esq.Exists{Field: "end"}))),
			esq.Not(esq.Exists{Field: "updated"}),
		)), maxCleaned)
	if err != nil {
		return 0, fmt.Errorf("look for old memories of alerts: %w", err)
	}
	var expired, stamps []esq.Write
	for _, d := range found {
		var w writtenDocument
		if json.Unmarshal(d.Source, &w) != nil || w.Kind != "written" || !strings.HasPrefix(d.ID, memoryPrefix) {
			continue
		}
		end := w.End
		if end.IsZero() {
			end = w.Updated
		}
		switch {
		case w.Updated.IsZero():
			w.Updated = c.now
			source, err := mappings.Encode(w)
			if err != nil {
				return 0, fmt.Errorf("stamp memory %s: %w", d.ID, err)
			}
			stamps = append(stamps, esq.Write{Ref: d.Ref, Match: &d, Source: source})
		case w.Updated.Before(c.cutoff) && end.Before(ended):
			expired = append(expired, deletion(d))
		}
	}
	if _, err := c.bulk(ctx, stamps); err != nil {
		return 0, err
	}
	return c.bulk(ctx, expired)
}

// retired accepts what belongs to rules that are not loaded.
func (c cleaner) retired() esq.Query {
	ids := make([]esq.Value, len(c.loaded))
	for i, r := range c.loaded {
		ids[i] = esq.Str(r.ID)
	}
	return esq.Not(esq.Terms{Field: "rule.id", Values: ids})
}

func (c cleaner) retiredMemory(ctx context.Context) (int, error) {
	return c.forget(ctx, c.retired(), c.cutoff)
}

// ledgers are those of all versions of a rule, as of the last refresh.
func (c cleaner) ledgers(ctx context.Context, rule string) ([]ledger, error) {
	found, err := c.store.Find(ctx, []string{c.names.State()}, ledgersOf(rule), 0)
	if err != nil {
		return nil, fmt.Errorf("look for ledgers: %w", err)
	}
	var out []ledger
	for _, d := range found {
		_, l, err := decodeLedger(d)
		if err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		out = append(out, l)
	}
	return out, nil
}

// bulk carries out operations. One whose document was written, or deleted, by
// someone else meanwhile is not missed.
func (c cleaner) bulk(ctx context.Context, ops []esq.Write) (done int, err error) {
	if len(ops) == 0 {
		return 0, nil
	}
	outcomes, err := c.store.Bulk(ctx, ops, false)
	if err != nil {
		return 0, fmt.Errorf("delete old state: %w", err)
	}
	if len(outcomes) != len(ops) {
		return 0, fmt.Errorf("delete old state: %d operations, got %d outcomes", len(ops), len(outcomes))
	}
	for i, o := range outcomes {
		switch {
		case succeeded(o):
			done++
		case o.Status != http.StatusConflict && o.Status != http.StatusNotFound && err == nil:
			err = fmt.Errorf("delete old state %s: %w", stateName(ops[i].Ref), refusal(o))
		}
	}
	return done, err
}

func deletion(d esq.Document) esq.Write { return esq.Write{Ref: d.Ref, Delete: true, Match: &d} }

func before(field string, t time.Time) esq.Query {
	return esq.Range{Field: field, LT: esq.Str(mappings.Time(t))}
}
