package simulation

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// watchesOf says what is looked at whenever something is written.
func watchesOf(h History, all map[string]*subject) []watch {
	list := []watch{keepsCoverage(h), keepsRecords(h), keepsTickets, keepsLease, countsLate, ordersWrites}
	if !h.jumping() && !h.redefined() && slices.Contains(h.names(), "pair") {
		list = append(list, claims(h, all["pair"]))
	}
	if !h.jumping() && !slices.ContainsFunc(h.Documents, func(d Document) bool { return d.late() > 30*minute }) {
		list = append(list, waits)
	}
	return list
}

// ledgerState is what a ledger's document claims.
type ledgerState struct {
	Kind    string
	Rule    struct{ ID, Fingerprint string }
	Start   time.Time
	First   time.Time
	Until   time.Time
	Covered []rules.Window
	Ticket  int64

	CoveredUntil time.Time `json:"covered_until"`
}

func (w *world) ledger(raw json.RawMessage) ledgerState {
	var s ledgerState
	if err := json.Unmarshal(raw, &s); err != nil {
		w.t.Fatalf("ledger %s: %v", raw, err)
	}
	return s
}

// keepsCoverage checks that a ledger never forgets what it had covered, but for
// what was covered ahead of the writer's clock; and takes note of ledgers that
// claim what is still to come.
func keepsCoverage(h History) watch {
	jumping := h.jumping()
	return func(w *world, op esq.Write, before esq.Document) {
		if !strings.HasPrefix(op.ID, "ledger-") {
			return
		}
		now := w.ledger(op.Source)
		w.noteAhead(op.ID, now)
		if !before.Found {
			return
		}
		old := w.ledger(before.Source)
		if now.Ticket < old.Ticket {
			w.wrongf("ledger %s: ticket %d follows %d", op.ID, now.Ticket, old.Ticket)
		}
		if jumping {
			return
		}
		if now.Until.Before(old.Until) || !now.Start.Equal(old.Start) || !now.First.Equal(old.First) {
			w.wrongf("ledger %s moved back:\n%s\n%s", op.ID, before.Source, op.Source)
		}
		for _, v := range old.Covered {
			// What the writer's clock had not reached may be given back.
			v.To = minTime(v.To, w.writer.issued.Truncate(time.Millisecond))
			if v.From.Before(v.To) && !covers(now.Covered, v) {
				w.wrongf("ledger %s: what was covered from %s to %s is not any more:\n%s\n%s", op.ID, v.From, v.To, before.Source, op.Source)
			}
		}
	}
}

// keepsRecords checks that what a ledger comes to cover has a record, whose run
// ended before.
func keepsRecords(h History) watch {
	recorded := map[string][]rules.Window{} // by rule id
	return func(w *world, op esq.Write, before esq.Document) {
		if strings.HasPrefix(op.Index, mappings.Names{}.Runs()) && !op.Delete {
			var r struct {
				Kind, Outcome string
				Rule          struct{ ID string }
				Slice         rules.Window
			}
			if err := json.Unmarshal(op.Source, &r); err != nil {
				w.t.Fatalf("run record %s: %v", op.Source, err)
			}
			if r.Outcome == "success" {
				recorded[r.Rule.ID] = append(recorded[r.Rule.ID], r.Slice)
			}
			return
		}
		if !strings.HasPrefix(op.ID, "ledger-") || h.jumping() {
			return
		}
		now, old := w.ledger(op.Source), ledgerState{}
		if before.Found {
			old = w.ledger(before.Source)
		}
		for _, added := range leftOf(now.Covered, old.Covered) {
			if left := leftOf([]rules.Window{added}, recorded[now.Rule.ID]); len(left) > 0 {
				w.wrongf("ledger %s covers %v, and there is no record of it", op.ID, left)
			}
		}
	}
}

// leftOf is what of some intervals is in none of others.
func leftOf(list, others []rules.Window) []rules.Window {
	for _, o := range others {
		var rest []rules.Window
		for _, w := range list {
			for _, part := range []rules.Window{{From: w.From, To: minTime(w.To, o.From)}, {From: maxTime(w.From, o.To), To: w.To}} {
				if part.From.Before(part.To) {
					rest = append(rest, part)
				}
			}
		}
		list = rest
	}
	return list
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// covers reports whether one of the intervals holds all of v.
func covers(list []rules.Window, v rules.Window) bool {
	return slices.ContainsFunc(list, func(c rules.Window) bool { return !v.From.Before(c.From) && !v.To.After(c.To) })
}

// noteAhead sees whether a ledger claims what is still to come.
func (w *world) noteAhead(id string, l ledgerState) {
	until := l.Start
	for _, v := range l.Covered {
		until = v.To
	}
	if !until.After((w.now + minute).at()) {
		delete(w.ahead, id)
		return
	}
	if _, already := w.ahead[id]; !already {
		w.ahead[id] = msOf(until.Sub(base))
	}
}

// keepsTickets checks that no run writes over what a newer one has written, and
// that no version of a rule takes back what another has found.
func keepsTickets(w *world, op esq.Write, before esq.Document) {
	if !w.isAlert(op.Ref) || w.writer == nil {
		return
	}
	now, old := w.mark(op.Source), mappings.Mark{}
	if before.Found {
		old = w.mark(before.Source)
	}
	if now.Ticket < old.Ticket {
		w.wrongf("alert %s: run %d wrote over what run %d had written", op.ID, now.Ticket, old.Ticket)
	}
	if now.Retracted && !old.Retracted && !w.writer.process.knows(w.ruleOf(op.Source), old.Fingerprint) {
		w.wrongf("alert %s was found by version %s of the rule and taken back by another", op.ID, old.Fingerprint)
	}
}

// knows reports whether the process has run a rule in the version with this
// fingerprint.
func (p *process) knows(rule, fingerprint string) bool {
	return slices.ContainsFunc(p.had, func(version int) bool {
		r := p.world.ruleSet(Process{Version: version}).ByID(rule)
		return r != nil && r.Fingerprint == fingerprint
	})
}

// countsLate adds up what run records tell of documents that are too late.
func countsLate(w *world, op esq.Write, _ esq.Document) {
	if !strings.HasPrefix(op.Index, mappings.Names{}.Runs()) {
		return
	}
	var record struct {
		Rule struct{ ID string }
		Late int64
	}
	if err := json.Unmarshal(op.Source, &record); err != nil {
		w.t.Fatalf("run record %s: %v", op.Source, err)
	}
	w.late[record.Rule.ID] += record.Late
}

// waits checks that an alert of absence is not written before it can be judged:
// then nothing ever takes it back.
func waits(w *world, op esq.Write, _ esq.Document) {
	if !w.isAlert(op.Ref) || w.writer == nil || !slices.Contains([]string{"absent", "between"}, w.ruleOf(op.Source)) {
		return
	}
	if w.retracted(op.Source) {
		w.wrongf("alert %s was written before its absent stage could be judged", op.ID)
	}
}

func (w *world) mark(raw json.RawMessage) mappings.Mark {
	m, err := mappings.ReadMark(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// ruleOf is the id of the rule of an alert or a run record.
func (w *world) ruleOf(raw json.RawMessage) string {
	var d struct{ Rule struct{ ID string } }
	if err := json.Unmarshal(raw, &d); err != nil {
		w.t.Fatalf("document %s: %v", raw, err)
	}
	if d.Rule.ID != "" {
		return d.Rule.ID
	}
	id, _ := w.decode(raw)["rule.id"].(string)
	return id
}

// ordersWrites notes when each ledger began and when a scheduler last wrote each
// alert, as numbers of writes: a history may do it all in a millisecond.
func ordersWrites(w *world, op esq.Write, before esq.Document) {
	switch {
	case w.writer == nil: // an analyst
	case strings.HasPrefix(op.ID, "ledger-") && !before.Found:
		w.begun[op.ID] = w.store.writes
	case w.isAlert(op.Ref):
		w.written[op.Ref] = w.store.writes
	}
}

// claims checks, whenever progress is written, that the alerts of every pair
// that is claimed to be covered are there.
func claims(h History, pair *subject) watch {
	return func(w *world, op esq.Write, _ esq.Document) {
		if !strings.HasPrefix(op.ID, "ledger-pair-") {
			return
		}
		covered := coveredBy(w.ledger(op.Source), pair.settle)
		var claimed []Document
		for _, d := range h.Documents {
			unseen := !d.stamped() && d.late() > pair.lateness
			if d.Visible < w.oldest && covered(d) && !unseen {
				claimed = append(claimed, d)
			}
		}
		there := map[string][]string{}
		for _, a := range w.alertsOf(pair.name) {
			anchor, documents := evidenceOf(w.t, a.Source).placed()
			there[anchor] = documents
		}
		for _, anchor := range slices.Sorted(maps.Keys(pairs(claimed))) {
			if w.deletedAnchor(anchor) {
				continue
			}
			for _, d := range pairs(claimed)[anchor] {
				if !slices.Contains(there[anchor], d) {
					w.wrongf("coverage is claimed, but the alert of %s lacks %s: %s", anchor, d, op.Source)
				}
			}
		}
	}
}

// deletedAnchor reports whether an analyst deleted the alert of a document.
func (w *world) deletedAnchor(id string) bool {
	for _, e := range w.removed {
		if anchor, _ := e.placed(); anchor == id {
			return true
		}
	}
	return false
}

// coveredBy reads what a document of progress claims to be covered. What is
// seen after its stamp is claimed once the time when it was seen is covered,
// by a clock that may be a little ahead.
func coveredBy(state ledgerState, settle ms) func(Document) bool {
	return func(d Document) bool {
		from, to := min(d.Stamp, d.Visible).at(), (max(d.Stamp, d.Visible) + settle/2).at()
		return slices.ContainsFunc(state.Covered, func(w rules.Window) bool { return !from.Before(w.From) && to.Before(w.To) })
	}
}
