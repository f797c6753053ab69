package simulation

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// verdict is how a history ended.
type verdict struct {
	faults, kills                    int
	calls, writes                    int
	expected                         int // alerts
	missing, doubled, stale, differs int
	other                            int
	faulty                           []string // everything that is wrong, in words
}

func (v *verdict) add(b verdict) {
	v.faults += b.faults
	v.kills += b.kills
	v.calls += b.calls
	v.writes += b.writes
	v.expected += b.expected
	v.missing += b.missing
	v.doubled += b.doubled
	v.stale += b.stale
	v.differs += b.differs
	v.other += b.other
}

// figures are the numbers in a line.
func (v verdict) figures(histories int) string {
	return fmt.Sprintf("histories %d, calls %d, faults injected %d, processes killed %d, alerts expected %d, missing %d, doubled %d, stale %d, different %d, otherwise wrong %d",
		histories, v.calls, v.faults, v.kills, v.expected, v.missing, v.doubled, v.stale, v.differs, v.other)
}

func (v *verdict) wrong(counter *int, format string, args ...any) {
	*counter++
	v.faulty = append(v.faulty, fmt.Sprintf(format, args...))
}

// text is the first of what is wrong.
func (v verdict) text() string {
	const most = 6
	return strings.Join(v.faulty[:min(len(v.faulty), most)], "\n")
}

// simulate lives through a history and judges it.
func simulate(t testing.TB, s *subject, h History, log *slog.Logger) verdict {
	t.Helper()
	w := newWorld(t, s, h)
	if h.Rule == "pair" {
		w.watch = claims(h)
	}
	c := newConductor(w, h, log)
	all := slices.Clone(c.waiting)
	c.play()
	v := verdict{}
	v.finish(c, h)
	for _, p := range all {
		v.faults += p.injected
		v.calls += p.calls
		if p.dead {
			v.kills++
		}
	}
	v.writes = w.store.writes
	v.judge(w, h)
	for _, text := range w.wrong {
		v.wrong(&v.other, "%s", text)
	}
	return v
}

// finish lets everything arrive and one more run pass: as many turns as it
// takes until there is nothing left to catch up with.
func (v *verdict) finish(c *conductor, h History) {
	w := c.world
	now := w.now
	for _, d := range h.Documents {
		now = max(now, d.Visible, d.Stamp)
	}
	for _, p := range h.Processes {
		now = max(now, p.Start) + max(p.Offset, 0)
	}
	for _, d := range h.Deeds {
		now = max(now, d.At)
	}
	now += w.subject.settle + w.subject.interval + minute
	for range 50 {
		w.advance(now)
		p := newProcess(w, Process{Start: now, Pace: 1, Changed: h.changed()})
		c.waiting = []*process{p}
		c.play()
		if err := p.sum.Err(); err != nil {
			v.wrong(&v.other, "the last run failed: %v", err)
			return
		}
		if w.caughtUp(now.at()) {
			return
		}
		now += w.subject.interval
	}
	v.wrong(&v.other, "50 runs without fault were not enough to catch up: %s", w.state())
}

func (h History) changed() bool {
	return slices.ContainsFunc(h.Processes, func(p Process) bool { return p.Changed })
}

// progress is the documents of the state index that say how far a rule is.
func (w *world) progress() []object {
	var out []object
	for _, d := range w.store.all(w.t, mappings.Names{}.State()) {
		if strings.HasPrefix(d.ID, "ledger-") {
			out = append(out, w.decode(d.Source))
		}
	}
	return out
}

func (w *world) state() string {
	text, err := json.Marshal(w.progress())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func instant(o object, field string) time.Time {
	text, _ := o[field].(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// caughtUp reports whether the store claims that all up to now is covered.
func (w *world) caughtUp(now time.Time) bool {
	list := w.progress()
	return len(list) > 0 && slices.ContainsFunc(list, func(o object) bool {
		until := instant(o, "covered_until")
		return !until.Before(now.Add(-time.Duration(w.subject.interval) * time.Millisecond))
	})
}

// fingerprint is that of the rule that wrote an alert. What the rule wrote
// before it was changed stays.
func (w *world) fingerprint(d esq.Document) string {
	var alert struct {
		Stitch struct{ Rule struct{ Fingerprint string } }
	}
	if err := json.Unmarshal(d.Source, &alert); err != nil {
		w.t.Fatalf("alert %s: %v", d.Source, err)
	}
	return alert.Stitch.Rule.Fingerprint
}

// extent is where the rule's coverage begins.
func (w *world) extent() extent {
	var x extent
	for _, o := range w.progress() {
		if start := instant(o, "start"); x.start.IsZero() || start.Before(x.start) {
			x.start = start
			x.first = instant(o, "first")
		}
	}
	return x
}

// judge compares what is in the store with what an offline evaluation gives.
func (v *verdict) judge(w *world, h History) {
	x := w.extent()
	want := offline(w.t, w.subject, all(w.t, w.subject, h.Documents), x, w.now.at())
	v.expected = len(want)
	got := map[string]esq.Document{}
	for _, d := range w.alerts() {
		if w.retracted(d.Source) {
			continue
		}
		if other, twice := got[d.ID]; twice {
			v.wrong(&v.doubled, "alert %s is in %s and in %s", d.ID, other.Index, d.Index)
		}
		got[d.ID] = d
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		there, found := got[id]
		content := w.content(want[id])
		switch {
		case !found && w.removed[id] == w.chain(want[id]):
			v.expected-- // the analyst deleted it and nothing is new
		case !found && v.optional(w, h, x, want[id]):
			v.expected--
		case !found:
			v.wrong(&v.missing, "missing: alert %s of %s", id, w.brief(want[id]))
		case w.content(there.Source) != content && !v.cut(w, h, x, id, want[id]):
			v.wrong(&v.differs, "different: alert %s of %s, stored is that of %s:\n%s", id, w.brief(want[id]), w.brief(there.Source),
				cmp.Diff(w.decode(json.RawMessage(content)), w.decode(json.RawMessage(w.content(there.Source)))))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if want[id] == nil && !(h.changed() && w.fingerprint(got[id]) == w.subject.rule.Fingerprint) {
			v.wrong(&v.stale, "stale: alert %s of %s", id, w.brief(got[id].Source))
		}
	}
	v.judgeAnalyst(w)
	if h.Rule == "pair" {
		v.judgePairs(w, h, want)
	}
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

// optional reports whether an alert may be missing because all of it had
// arrived before the rule's coverage began.
func (v *verdict) optional(w *world, h History, x extent, raw json.RawMessage) bool {
	before, after := w.arrived(h, x, raw)
	return before && !after
}

// cut reports whether an alert may lack a part that lies far from the rest. A
// run looks around what arrived, around the alert that is there, and around what
// it remembers of one that an analyst deleted; it does not know of a part that
// had arrived before the rule's coverage began, or of what it has forgotten
// after the retention.
func (v *verdict) cut(w *world, h History, x extent, id string, raw json.RawMessage) bool {
	before, _ := w.arrived(h, x, raw)
	_, deleted := w.removed[id]
	return h.Rule == "status" && (before || deleted && w.forgotten[id])
}

// arrived reports whether some of an alert's evidence arrived before and some
// after the rule's coverage began.
func (w *world) arrived(h History, x extent, raw json.RawMessage) (before, after bool) {
	for _, stage := range evidenceOf(w.t, raw).Stitch.Chain {
		for _, listed := range stage.Documents {
			for _, d := range h.Documents {
				if d.ID == listed.ID {
					before = before || d.Stamp.at().Before(x.start)
					after = after || !d.Stamp.at().Before(x.start)
				}
			}
		}
	}
	return before, after
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
	}
}

// judgePairs holds the offline evaluation itself against another.
func (v *verdict) judgePairs(w *world, h History, offline map[string]json.RawMessage) {
	got := map[string][]string{}
	for _, raw := range offline {
		anchor, documents := evidenceOf(w.t, raw).placed()
		got[anchor] = documents
	}
	if diff := cmp.Diff(pairs(latest(h.Documents)), got); diff != "" {
		v.wrong(&v.other, "offline evaluation (-pairs +rules):\n%s", diff)
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

// claims checks, whenever progress is written, that the alerts of every pair
// that is claimed to be covered are there.
func claims(h History) func(w *world, op esq.Write) {
	return func(w *world, op esq.Write) {
		if !strings.HasPrefix(op.ID, "ledger-") {
			return
		}
		state := w.decode(op.Source)
		covered := coveredBy(state, w.subject.settle)
		var claimed []Document
		for _, d := range h.Documents {
			if d.Visible < w.oldest && covered(d) {
				claimed = append(claimed, d)
			}
		}
		there := map[string][]string{}
		for _, a := range w.alerts() {
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
	for _, chain := range w.removed {
		alert := json.RawMessage(`{"stitch":{"chain":` + chain + `}}`)
		if anchor, _ := evidenceOf(w.t, alert).placed(); anchor == id {
			return true
		}
	}
	return false
}

// coveredBy reads what a document of progress claims to be covered. What is
// seen after its stamp is claimed once the time when it was seen is covered,
// by a clock that may be a little ahead.
func coveredBy(state object, settle ms) func(Document) bool {
	intervals, _ := state["covered"].([]any)
	return func(d Document) bool {
		from, to := min(d.Stamp, d.Visible).at(), (max(d.Stamp, d.Visible) + settle/2).at()
		return slices.ContainsFunc(intervals, func(i any) bool {
			o, _ := i.(object)
			return !from.Before(instant(o, "from")) && to.Before(instant(o, "to"))
		})
	}
}
