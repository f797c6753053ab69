package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// ledgers are those of a rule, by fingerprint.
func (w *world) ledgers(s *subject) map[string]ledgerState {
	out := map[string]ledgerState{}
	for _, d := range w.store.all(w.t, mappings.Names{}.State()) {
		if !strings.HasPrefix(d.ID, "ledger-") {
			continue
		}
		if l := w.ledger(d.Source); l.Rule.ID == s.rules[0].ID {
			out[l.Rule.Fingerprint] = l
		}
	}
	return out
}

func (w *world) state() string {
	var text []string
	for _, d := range w.store.all(w.t, mappings.Names{}.State()) {
		if strings.HasPrefix(d.ID, "ledger-") {
			text = append(text, string(d.Source))
		}
	}
	return strings.Join(text, "\n")
}

// caughtUp reports whether the store claims that all up to now is covered.
func (w *world) caughtUp(h History, now time.Time) bool {
	for _, s := range w.subjects {
		l, there := w.ledgers(s)[s.version(h.last()).Fingerprint]
		if !there || l.CoveredUntil.Before(now.Add(-time.Duration(s.interval)*time.Millisecond)) {
			return false
		}
	}
	return true
}

// extent is where the coverage of the rule, as it is in the end, begins: of all
// versions together if they mean the same.
func (w *world) extent(s *subject, h History) extent {
	var x extent
	last := s.version(h.last())
	for fingerprint, l := range w.ledgers(s) {
		if h.redefined() && fingerprint != last.Fingerprint {
			continue
		}
		if x.start.IsZero() || l.Start.Before(x.start) {
			x = extent{l.Start, l.First}
		}
	}
	return x
}

// begunTwice reports whether two versions of a rule began at once, each without
// knowing of the other: their windows lie differently, so that they make
// different alerts. Under the lease it cannot happen.
func (w *world) begunTwice(s *subject) bool {
	firsts := map[int64]bool{}
	for _, l := range w.ledgers(s) {
		firsts[l.First.UnixMilli()] = true
	}
	return len(firsts) > 1
}

// ruling judges what became of one rule.
type ruling struct {
	*verdict
	w    *world
	h    History
	s    *subject
	rule *rules.Rule // in the version that is there in the end
	x    extent
	want map[string]json.RawMessage
	got  map[string]esq.Document
}

// judge compares what is in the store with what an offline evaluation gives.
func (v *verdict) judge(w *world, h History) {
	for _, s := range w.subjects {
		r := &ruling{verdict: v, w: w, h: h, s: s, rule: s.version(h.last()), x: w.extent(s, h)}
		r.collect()
		if slices.ContainsFunc(s.rules[:], func(r *rules.Rule) bool { return w.unnoticed["ledger-"+r.ID+"-"+r.Fingerprint] }) {
			v.unnoticed++
			continue // nothing is promised of what no clock could notice
		}
		if w.begunTwice(s) {
			v.begunTwice++
			continue
		}
		r.compare()
		r.judgeLate()
		r.judgeOracles()
	}
	v.judgeAnalyst(w)
}

// collect reads the alerts that hold, and checks that each is there once.
func (r *ruling) collect() {
	r.got = map[string]esq.Document{}
	chains := map[string]string{}
	for _, d := range r.w.alertsOf(r.rule.ID) {
		if r.w.retracted(d.Source) {
			continue
		}
		if other, twice := r.got[d.ID]; twice {
			r.wrong(&r.doubled, "alert %s is in %s and in %s", d.ID, other.Index, d.Index)
		}
		chain := r.w.chain(d.Source)
		if other, twice := chains[chain]; twice && !r.rule.Windowed {
			r.wrong(&r.doubled, "alerts %s and %s are of the same evidence %s", d.ID, other, r.w.brief(d.Source))
		}
		r.got[d.ID], chains[chain] = d, d.ID
	}
}

func (r *ruling) compare() {
	r.want = offline(r.w.t, r.s, r.rule, all(r.w.t, r.s, r.h.Documents), r.x, r.w.now.at())
	least, seen := r.want, r.seen()
	if len(seen) < len(r.h.Documents) {
		least = offline(r.w.t, r.s, r.rule, all(r.w.t, r.s, seen), r.x, r.w.now.at())
	}
	for _, id := range slices.Sorted(maps.Keys(least)) {
		if r.want[id] != nil {
			r.expected++
			r.compareOne(id, r.want[id], least[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.got)) {
		// What one unseen document makes or drops may be there or not; of several
		// it depends on which of them were found by chance.
		may := r.want[id] != nil || least[id] != nil || len(seen)+1 < len(r.h.Documents)
		ofOther := r.h.changed() && r.w.mark(r.got[id].Source).Fingerprint != r.rule.Fingerprint
		if !may && !ofOther {
			r.wrong(&r.stale, "stale: alert %s of %s", id, r.w.brief(r.got[id].Source))
		}
	}
}

// compareOne looks for an alert that should be there: with the content that it
// has when everything is seen, or, if some documents need not be seen, that it
// has without.
func (r *ruling) compareOne(id string, want, least json.RawMessage) {
	there, found := r.got[id]
	before, after := r.arrived(want)
	switch {
	case !found && !evidenceOf(r.w.t, want).adds(r.w.removed[id]):
		r.expected-- // the analyst deleted it and nothing is new
	case !after && (!found || r.h.redefined()):
		r.expected-- // all of it had arrived before coverage began
	case !found:
		r.wrong(&r.missing, "missing: alert %s of %s", id, r.w.brief(want))
	case r.h.redefined() && r.overruled(there):
		r.expected-- // the other meaning had the last word
	case !r.agrees(there.Source, want, least) && !r.cut(id, before):
		r.wrong(&r.differs, "different: alert %s of %s, stored is that of %s:\n%s", id, r.w.brief(want), r.w.brief(there.Source),
			cmp.Diff(r.w.decode(json.RawMessage(r.w.content(want))), r.w.decode(json.RawMessage(r.w.content(there.Source)))))
	}
}

// overruled reports whether a stored alert is that of another version of the
// rule, which wrote it when the last version had begun: of two versions that run
// at once, or one after the other and back, whichever comes last has the last
// word, and what is covered is not searched again.
func (r *ruling) overruled(d esq.Document) bool {
	begun, there := r.w.begun["ledger-"+r.rule.ID+"-"+r.rule.Fingerprint]
	return there && r.w.mark(d.Source).Fingerprint != r.rule.Fingerprint && r.w.written[d.Ref] > begun
}

// agrees reports whether a stored alert says what it should: everything, or at
// least what has to be seen and nothing that is not there.
func (r *ruling) agrees(stored, want, least json.RawMessage) bool {
	content := r.w.content(stored)
	if content == r.w.content(want) || content == r.w.content(least) {
		return true
	}
	if r.w.content(want) == r.w.content(least) {
		return false
	}
	_, has := evidenceOf(r.w.t, stored).placed()
	_, must := evidenceOf(r.w.t, least).placed()
	_, may := evidenceOf(r.w.t, want).placed()
	lacks := func(list []string) func(string) bool {
		return func(d string) bool { return !slices.Contains(list, d) }
	}
	return !slices.ContainsFunc(must, lacks(has)) && !slices.ContainsFunc(has, lacks(may))
}

// seen are the documents of which somebody can tell that they have arrived: not
// those without an ingest field that are later than lateness.
func (r *ruling) seen() []Document {
	return slices.DeleteFunc(slices.Clone(r.h.Documents), func(d Document) bool { return !d.stamped() && d.late() > r.s.lateness })
}

// brief says in a line what an alert speaks of.
func (w *world) brief(raw json.RawMessage) string {
	var text strings.Builder
	for _, stage := range evidenceOf(w.t, raw).Stitch.Chain {
		fmt.Fprintf(&text, "[%s", stage.Stage)
		for _, d := range stage.Documents {
			fmt.Fprintf(&text, " %s/%s", d.Index[max(0, len(d.Index)-2):], d.ID)
		}
		text.WriteString("]")
	}
	return text.String()
}

// cut reports whether an alert may lack a part that lies far from the rest. A
// run looks around what arrived, around the alert that is there, and around what
// it remembers of one that an analyst deleted; it does not know of a part that
// had arrived before the rule's coverage began, or of what it has forgotten
// after the retention.
func (r *ruling) cut(id string, before bool) bool {
	_, deleted := r.w.removed[id]
	return r.s.name == "status" && (before || deleted && r.w.forgotten[id])
}

// arrived reports whether some of an alert's evidence arrived before and some
// after the rule's coverage began.
func (r *ruling) arrived(raw json.RawMessage) (before, after bool) {
	for _, stage := range evidenceOf(r.w.t, raw).Stitch.Chain {
		for _, listed := range stage.Documents {
			for _, d := range r.seen() {
				if d.ID == listed.ID {
					early := d.arrives().at().Before(r.x.start)
					before = before || early
					after = after || !early
				}
			}
		}
	}
	return before, after
}

// judgeLate checks that what arrived too late was counted by some run. A run
// counts by what its whole slice has in common, so that what is too late by
// less than the longest slice may escape it.
func (r *ruling) judgeLate() {
	longest := max(hour, 12*r.s.interval)
	var late int64
	for _, d := range latest(r.h.Documents) {
		seen := d.stamped() && slices.Contains(r.s.accepts, d.Kind) && !d.arrives().at().Before(r.x.start)
		if seen && d.late() > r.s.lateness+longest+r.s.settle {
			late++
		}
	}
	counted := r.w.late[r.rule.ID]
	if counted < late {
		r.wrong(&r.other, "rule %s: %d documents arrived later than lateness, the run records tell of %d", r.rule.ID, late, counted)
	}
}

// judgeAnalyst checks that what an analyst wrote is still there, whatever has
// become of the alert.
func (v *verdict) judgeAnalyst(w *world) {
	for _, d := range w.alerts() {
		source := w.decode(d.Source)
		for field, value := range w.analyst[d.ID] {
			if diff := cmp.Diff(value, source[field]); diff != "" {
				v.wrong(&v.other, "alert %s: the analyst's %s (-want +got):\n%s", d.ID, field, diff)
			}
		}
		stands, err1 := mappings.ReadTriage(d.Source)
		told, err2 := mappings.ReadNotifications(d.Source)
		if diff := cmp.Diff(w.triaged[d.ID], stands.History); diff != "" || err1 != nil {
			v.wrong(&v.other, "alert %s: error %v, history (-want +got):\n%s", d.ID, err1, diff)
		}
		if diff := cmp.Diff(w.told[d.ID], told); diff != "" || err2 != nil {
			v.wrong(&v.other, "alert %s: error %v, notifications (-want +got):\n%s", d.ID, err2, diff)
		}
	}
}

// judgeOracles holds the offline evaluation itself against another.
func (r *ruling) judgeOracles() {
	if r.h.last() == otherMeaning {
		return
	}
	got := map[string][]string{}
	for _, raw := range r.want {
		anchor, documents := evidenceOf(r.w.t, raw).placed()
		got[anchor] = documents
	}
	var want map[string][]string
	switch r.s.name {
	case "pair":
		want = pairs(latest(r.h.Documents))
	case "absent":
		want = unanswered(latest(r.h.Documents))
	default:
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.wrong(&r.other, "offline evaluation of %s (-by hand +rules):\n%s", r.s.name, diff)
	}
}

// latest leaves of documents that lie in one place the one that came last.
func latest(documents []Document) []Document {
	byPlace := map[string]Document{}
	for _, d := range documents {
		key := placed("", d)
		if old, there := byPlace[key]; !there || d.Visible >= old.Visible {
			byPlace[key] = d
		}
	}
	return slices.Collect(maps.Values(byPlace))
}
