package scheduler

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// entry is a rule's ledger as it was read.
type entry struct {
	ledger
	stored *esq.Document // the version read, nil if there was none
}

// book keeps the ledgers of rules.
type book interface {
	// load reads a rule's ledger; that of a new rule is not known.
	load(ctx context.Context, r *rules.Rule) (entry, error)
	// change does something to a ledger and stores it. If someone else has
	// stored it since e was read, it is done to what is there now, so do may
	// be called several times.
	change(ctx context.Context, r *rules.Rule, e entry, now time.Time, do func(*ledger)) (entry, error)
}

// storedLedgers keeps ledgers in the cluster.
type storedLedgers struct {
	store esq.Store
	names mappings.Names
	by    string // the stitch that writes
}

func (s storedLedgers) ref(r *rules.Rule) esq.Ref {
	return esq.Ref{Index: s.names.State(), ID: "ledger-" + r.ID + "-" + r.Fingerprint}
}

func (s storedLedgers) load(ctx context.Context, r *rules.Rule) (entry, error) {
	e, err := s.read(ctx, r)
	if err != nil || e.stored != nil {
		return e, err
	}
	return s.inherit(ctx, r)
}

// read reads the ledger of this version of the rule.
func (s storedLedgers) read(ctx context.Context, r *rules.Rule) (entry, error) {
	doc, err := getOne(ctx, s.store, s.ref(r))
	if err != nil {
		return entry{}, fmt.Errorf("read ledger: %w", err)
	}
	if !doc.Found {
		return entry{}, nil
	}
	return entryOf(doc, r)
}

// entryOf reads the document of a rule's ledger.
func entryOf(doc esq.Document, r *rules.Rule) (entry, error) {
	d, l, err := decodeLedger(doc)
	if err != nil {
		return entry{}, fmt.Errorf("read ledger: %w", err)
	}
	if d.Rule.ID != r.ID || d.Rule.Fingerprint != r.Fingerprint {
		return entry{}, fmt.Errorf("read ledger: %w", &StateError{Document: stateName(doc.Ref), Reason: "is another rule's ledger"})
	}
	// What it was read from is not needed any more.
	stored := esq.Document{Ref: doc.Ref, Found: true, SeqNo: doc.SeqNo, PrimaryTerm: doc.PrimaryTerm}
	return entry{ledger: l, stored: &stored}, nil
}

// inherit returns the ledger that a changed rule begins with: coverage goes on
// where that of the version before ends. A rule that has never run has none;
// but one that has left alerts or run records behind must have had one.
func (s storedLedgers) inherit(ctx context.Context, r *rules.Rule) (entry, error) {
	found, err := s.store.Find(ctx, []string{s.names.State()}, ledgersOf(r.ID), 0)
	if err != nil {
		return entry{}, fmt.Errorf("look for older ledgers: %w", err)
	}
	var before ledger
	var newest time.Time
	for _, doc := range found {
		// A search shows the last refresh; what counts is what is there now.
		if doc, err = getOne(ctx, s.store, doc.Ref); err != nil {
			return entry{}, fmt.Errorf("read older ledger: %w", err)
		}
		d, l, err := decodeLedger(doc)
		if err != nil {
			return entry{}, fmt.Errorf("read older ledger: %w", err)
		}
		if d.Updated.After(newest) {
			before, newest = l, d.Updated
		}
	}
	if before.known() {
		start := before.coveredUntil()
		return entry{ledger: ledger{Start: start, First: before.First, Until: start, Ticket: before.Ticket}}, nil
	}
	return entry{}, s.checkNew(ctx, r)
}

// ledgersOf accepts the ledgers of all versions of rules.
func ledgersOf(rules ...string) esq.Query {
	return esq.And(esq.Term{Field: "kind", Value: esq.Str("ledger")}, idsAmong(rules))
}

func idsAmong(rules []string) esq.Query {
	if len(rules) == 1 {
		return esq.Term{Field: "rule.id", Value: esq.Str(rules[0])}
	}
	values := make([]esq.Value, len(rules))
	for i, id := range rules {
		values[i] = esq.Str(id)
	}
	return esq.Terms{Field: "rule.id", Values: values}
}

// checkNew fails if a rule without a ledger has run.
func (s storedLedgers) checkNew(ctx context.Context, r *rules.Rule) error {
	traces, err := s.traces(ctx, r.ID)
	if err != nil {
		return err
	}
	if traces {
		return fmt.Errorf("read ledger: %w", &StateError{Document: stateName(s.ref(r)), Reason: "is missing, though the rule has run"})
	}
	return nil
}

// traces reports whether some of the rules have left run records or alerts.
func (s storedLedgers) traces(ctx context.Context, rules ...string) (bool, error) {
	ran, err := s.store.Find(ctx, []string{s.names.RunPattern()}, esq.And(
		idsAmong(rules), esq.Term{Field: "replay", Value: esq.Boolean(false)}), 1)
	if err != nil {
		return false, fmt.Errorf("look for run records: %w", err)
	}
	wrote, err := s.store.Find(ctx, []string{s.names.AlertPattern()}, esq.And(
		idsAmong(rules), esq.Exists{Field: "stitch.ticket"}), 1)
	if err != nil {
		return false, fmt.Errorf("look for alerts: %w", err)
	}
	return len(ran)+len(wrote) > 0, nil
}

// beginAll begins the ledgers of rules that have none, if none of them has ever
// been known, and returns those that it has stored.
func (s storedLedgers) beginAll(ctx context.Context, list []*rules.Rule, now time.Time) (map[*rules.Rule]entry, error) {
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.ID
	}
	older, err := s.store.Find(ctx, []string{s.names.State()}, ledgersOf(ids...), 1)
	if err != nil || len(older) > 0 {
		return nil, wrap("look for older ledgers", err)
	}
	if traces, err := s.traces(ctx, ids...); err != nil || traces {
		return nil, err
	}
	ledgers, ops := make([]ledger, len(list)), make([]esq.Write, len(list))
	for i, r := range list {
		ledgers[i] = begin(r, now)
		source, err := encodeLedger(nameOf(r), &ledgers[i], now, s.by)
		if err != nil {
			return nil, fmt.Errorf("write ledgers: %w", err)
		}
		ops[i] = esq.Write{Ref: s.ref(r), Create: true, Source: source}
	}
	outcomes, err := s.store.Bulk(ctx, ops, true)
	if err != nil || len(outcomes) != len(ops) {
		return nil, wrap("write ledgers", err)
	}
	begun := map[*rules.Rule]entry{}
	for i, o := range outcomes {
		if succeeded(o) {
			begun[list[i]] = entry{ledger: ledgers[i], stored: &esq.Document{Ref: ops[i].Ref, Found: true, SeqNo: o.SeqNo, PrimaryTerm: o.PrimaryTerm}}
		}
	}
	return begun, nil
}

// maxAttempts is how often something is tried again because someone else wrote
// the same document in between.
const maxAttempts = 8

func (s storedLedgers) change(ctx context.Context, r *rules.Rule, e entry, now time.Time, do func(*ledger)) (entry, error) {
	for range maxAttempts {
		changed := entry{ledger: e.clone()}
		do(&changed.ledger)
		outcome, err := s.write(ctx, r, &changed.ledger, e.stored, now)
		if err != nil {
			return entry{}, err
		}
		if outcome.Status != http.StatusConflict {
			changed.stored = &esq.Document{Ref: s.ref(r), Found: true, SeqNo: outcome.SeqNo, PrimaryTerm: outcome.PrimaryTerm}
			return changed, nil
		}
		if e, err = s.read(ctx, r); err != nil {
			return entry{}, err
		}
		if e.stored == nil {
			return entry{}, fmt.Errorf("write ledger: %w", &StateError{Document: stateName(s.ref(r)), Reason: "has gone while the rule ran"})
		}
	}
	return entry{}, fmt.Errorf("write ledger: another process wrote it in each of %d attempts", maxAttempts)
}

func (s storedLedgers) write(ctx context.Context, r *rules.Rule, l *ledger, over *esq.Document, now time.Time) (esq.Outcome, error) {
	source, err := encodeLedger(nameOf(r), l, now, s.by)
	if err != nil {
		return esq.Outcome{}, fmt.Errorf("write ledger: %w", err)
	}
	// A new one is refreshed, so that a later version of the rule finds it.
	outcome, err := writeOne(ctx, s.store, esq.Write{Ref: s.ref(r), Create: over == nil, Match: over, Source: source}, over == nil)
	if err != nil {
		return outcome, fmt.Errorf("write ledger: %w", err)
	}
	return outcome, nil
}

// getOne reads one document.
func getOne(ctx context.Context, store esq.Store, ref esq.Ref) (esq.Document, error) {
	found, err := store.Get(ctx, []esq.Ref{ref})
	if err != nil {
		return esq.Document{}, err
	}
	if len(found) != 1 {
		return esq.Document{}, fmt.Errorf("asked for 1 document, got %d", len(found))
	}
	return found[0], nil
}

// writeOne writes one document. That someone else has written it meanwhile is
// no error: the outcome has the status of a conflict.
func writeOne(ctx context.Context, store esq.Store, op esq.Write, refresh bool) (esq.Outcome, error) {
	outcomes, err := store.Bulk(ctx, []esq.Write{op}, refresh)
	if err != nil {
		return esq.Outcome{}, err
	}
	if len(outcomes) != 1 {
		return esq.Outcome{}, fmt.Errorf("wrote 1 document, got %d outcomes", len(outcomes))
	}
	if o := outcomes[0]; o.Status != http.StatusConflict && !succeeded(o) {
		return o, refusal(o)
	}
	return outcomes[0], nil
}

func succeeded(o esq.Outcome) bool { return o.Err == nil && o.Status >= 200 && o.Status <= 299 }

func refusal(o esq.Outcome) error {
	if o.Err != nil {
		return o.Err
	}
	return fmt.Errorf("status %d", o.Status)
}

// heldLedgers keeps ledgers for the time of one replay, by rule id.
type heldLedgers struct {
	mu sync.Mutex
	by map[string]ledger
}

func (h *heldLedgers) of(r *rules.Rule) ledger {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.by[r.ID]
}

func (h *heldLedgers) set(r *rules.Rule, l ledger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.by[r.ID] = l
}

func (h *heldLedgers) load(_ context.Context, r *rules.Rule) (entry, error) {
	l := h.of(r)
	return entry{ledger: l.clone()}, nil
}

func (h *heldLedgers) change(_ context.Context, r *rules.Rule, e entry, _ time.Time, do func(*ledger)) (entry, error) {
	do(&e.ledger)
	h.set(r, e.clone())
	return e, nil
}
