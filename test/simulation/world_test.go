package simulation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// world is the cluster: documents that arrive as time passes, and what the
// schedulers and the analysts keep in it.
type world struct {
	t         testing.TB
	subjects  []*subject // of the history's rules
	now       ms
	documents *memory.Engine
	coming    []Document // not yet visible, the next first
	deeds     []Deed     // not yet done, the next first

	store *store

	analyst map[string]object                  // by alert: the fields the analyst set
	triaged map[string][]mappings.Action       // by alert: what was done through stitch
	told    map[string][]mappings.Notification // by alert
	removed map[string]evidence                // by alert: what it spoke of when the analyst deleted it last
	// remembered is what each alert spoke of when its evidence was noted in the
	// state. Whoever deletes an alert before that, because a run was killed or
	// stands still just then, may see it come back.
	remembered map[string]evidence
	retention  ms
	forgotten  map[string]bool     // alerts of which a scheduler deleted what was noted
	forgetter  map[string]*Process // and which did
	late       map[string]int64    // by rule: documents that run records call late
	tooLate    bool                // some document is later than lateness
	oldest     ms                  // when the oldest work in hand began
	writer     *call               // that is carried out; nil if an analyst is at work
	wrong      []string            // what must never happen and did
	watches    []watch
	leases     []tenancy       // as they were written
	begun      map[string]int  // by ledger: how many writes there were when it began
	written    map[esq.Ref]int // by alert: how many there were when a scheduler wrote it last
	ahead      map[string]ms   // by ledger: until when it claimed first what is still to come
	// unnoticed are the ledgers of which the time that they claimed before it
	// came has passed, and no clock told the right time meanwhile.
	unnoticed map[string]bool
}

// watch looks at a write that was carried out, and at what it was written over.
type watch func(w *world, op esq.Write, before esq.Document)

func newWorld(t testing.TB, all map[string]*subject, h History) *world {
	w := &world{
		t: t, now: math.MinInt64, ahead: map[string]ms{}, begun: map[string]int{}, written: map[esq.Ref]int{}, unnoticed: map[string]bool{}, late: map[string]int64{},
		coming: slices.Clone(h.Documents), deeds: slices.Clone(h.Deeds),
		store: newStore(), analyst: map[string]object{}, triaged: map[string][]mappings.Action{}, told: map[string][]mappings.Notification{}, removed: map[string]evidence{}, remembered: map[string]evidence{},
		retention: h.Retention, forgotten: map[string]bool{}, forgetter: map[string]*Process{},
	}
	for _, name := range h.names() {
		w.subjects = append(w.subjects, all[name])
	}
	w.tooLate = slices.ContainsFunc(w.subjects, func(s *subject) bool {
		return slices.ContainsFunc(h.Documents, func(d Document) bool { return d.late() > s.lateness })
	})
	w.documents = memory.New(memory.Options{Now: base.Local})
	slices.SortStableFunc(w.coming, func(a, b Document) int { return cmp.Compare(a.Visible, b.Visible) })
	slices.SortStableFunc(w.deeds, func(a, b Deed) int { return cmp.Compare(a.At, b.At) })
	return w
}

// ruleSet is a process's rules.
func (w *world) ruleSet(p Process) *rules.Set {
	set := &rules.Set{}
	for _, s := range w.subjects {
		if !slices.Contains(p.Without, s.name) {
			set.Rules = append(set.Rules, s.version(p.Version))
		}
	}
	return set
}

// advance lets time pass: documents arrive and analysts work.
func (w *world) advance(now ms) {
	w.now = max(w.now, now)
	for len(w.coming) > 0 && w.coming[0].Visible <= w.now {
		w.load(w.coming[0])
		w.coming = w.coming[1:]
	}
	for len(w.deeds) > 0 && w.deeds[0].At <= w.now {
		w.do(w.deeds[0])
		w.deeds = w.deeds[1:]
	}
	for id, until := range w.ahead {
		if until <= w.now+minute {
			w.unnoticed[id] = true
		}
	}
}

func (w *world) load(d Document) { load(w.t, w.documents, w.subjects[0], d) }

func load(t testing.TB, into *memory.Engine, s *subject, d Document) {
	t.Helper()
	index, source := s.source(d)
	line, err := json.Marshal(object{"_index": index, "_id": d.ID, "_source": source})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := into.Load(bytes.NewReader(line), "document"); err != nil {
		t.Fatal(err)
	}
}

// write carries out a bulk request and looks at what became of it.
func (w *world) write(ops []esq.Write, refresh bool) []esq.Outcome {
	var back []esq.Write
	for _, op := range ops {
		if w.store.isDeleted(op.Ref) && w.isAlert(op.Ref) {
			back = append(back, op)
		}
	}
	before, err := w.store.get(context.Background(), refsOf(ops))
	if err != nil {
		w.t.Fatal(err)
	}
	outcomes, err := w.store.bulk(ops, refresh, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, op := range back {
		if !w.store.isDeleted(op.Ref) {
			w.comesBack(op)
		}
	}
	for i, op := range ops {
		if outcomes[i].Err != nil {
			continue
		}
		w.note(op)
		if op.Delete {
			continue
		}
		for _, look := range w.watches {
			look(w, op, before[i])
		}
	}
	return outcomes
}

func refsOf(ops []esq.Write) []esq.Ref {
	refs := make([]esq.Ref, len(ops))
	for i, op := range ops {
		refs[i] = op.Ref
	}
	return refs
}

func (w *world) isAlert(r esq.Ref) bool {
	return strings.HasPrefix(r.Index, mappings.Names{}.Alerts())
}

// comesBack checks that an alert that an analyst deleted says something new.
func (w *world) comesBack(op esq.Write) {
	if w.forgotten[op.ID] && (w.tooLate || w.elsewhere(op)) {
		return // old time is looked at after it was forgotten
	}
	if e := evidenceOf(w.t, op.Source); !e.adds(w.removed[op.ID]) && !e.adds(w.remembered[op.ID]) {
		w.wrongf("alert %s was deleted by the analyst and came back without new evidence", op.ID)
	}
}

// elsewhere reports whether what was noted of an alert was forgotten by who did
// not know its rule, or knew another version of it, than who writes it.
func (w *world) elsewhere(op esq.Write) bool {
	by := w.forgetter[op.ID]
	return by != nil && w.writer != nil && (by.Version != w.writer.process.Version || slices.Contains(by.Without, w.ruleOf(op.Source)))
}

// note sees that the evidence of an alert is noted, or was and is forgotten.
func (w *world) note(op esq.Write) {
	id, noted := strings.CutPrefix(op.ID, "alert-")
	noted = noted && op.Index == (mappings.Names{}).State()
	if op.Delete {
		w.forgotten[id] = noted
		if noted && w.writer != nil {
			by := w.writer.process.Process // as it is now: it may be given other rules
			w.forgetter[id] = &by
		}
		if !noted && !strings.HasPrefix(op.Index, mappings.Names{}.Runs()) {
			w.wrongf("%s/%s was deleted", op.Index, op.ID)
		}
	}
	if !noted || op.Delete {
		return
	}
	for _, d := range w.alerts() {
		if d.ID == id {
			w.remembered[id] = evidenceOf(w.t, d.Source)
		}
	}
}

// chain is the evidence of an alert.
func (w *world) chain(raw json.RawMessage) string {
	stitch, _ := w.decode(raw)["stitch"].(object)
	text, err := mappings.Encode(stitch["chain"])
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *world) wrongf(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf("at %s: ", w.now)+fmt.Sprintf(format, args...))
}

// alerts are the alert documents in the store, in the order of their ids.
func (w *world) alerts() []esq.Document {
	docs := w.store.all(w.t, mappings.Names{}.AlertPattern())
	slices.SortFunc(docs, func(a, b esq.Document) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Index, b.Index)) })
	return docs
}

// alertsOf are the alert documents of one rule.
func (w *world) alertsOf(rule string) []esq.Document {
	return slices.DeleteFunc(w.alerts(), func(d esq.Document) bool { return w.ruleOf(d.Source) != rule })
}

// do changes an alert as an analyst's browser would: whole, over whatever
// version is there.
func (w *world) do(d Deed) {
	alerts := w.alerts()
	if len(alerts) == 0 {
		return
	}
	doc := alerts[d.Alert%len(alerts)]
	if d.Kind == Delete {
		w.store.delete(doc, w.now)
		w.removed[doc.ID] = evidenceOf(w.t, doc.Source)
		delete(w.analyst, doc.ID)
		delete(w.triaged, doc.ID)
		delete(w.told, doc.ID)
		return
	}
	source := w.decode(doc.Source)
	if w.analyst[doc.ID] == nil {
		w.analyst[doc.ID] = object{}
	}
	field, value := "kibana.alert.workflow_status", any("closed")
	switch d.Kind {
	case Triage:
		w.triage(doc, d)
		return
	case Told:
		w.tell(doc)
		return
	case Tag:
		field, value = "kibana.alert.workflow_tags", []any{"seen"}
	case Note:
		field, value = "analyst", object{"note": fmt.Sprintf("n%d", d.At)}
	}
	source[field], w.analyst[doc.ID][field] = value, value
	raw, err := mappings.Encode(source)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write([]esq.Write{{Ref: doc.Ref, Source: raw}}, false)
}

func (w *world) decode(raw json.RawMessage) object {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		w.t.Fatalf("document %s: %v", raw, err)
	}
	return o
}

// content is what an alert document says of its evidence: not when, how often
// and by which run it was written, and not what is the analyst's.
func (w *world) content(raw json.RawMessage) string {
	raw, err := mappings.WithoutWriting(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	o := w.decode(raw)
	for _, field := range append(workflowFields(), "kibana.alert.workflow_tags", "analyst") {
		delete(o, field)
	}
	if stitch, ok := o["stitch"].(object); ok {
		delete(stitch, "ticket")
		if rule, ok := stitch["rule"].(object); ok {
			delete(rule, "fingerprint")
		}
	}
	text, err := mappings.Encode(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// retracted reports whether an alert is marked as one that does not hold.
func (w *world) retracted(raw json.RawMessage) bool {
	stitch, _ := w.decode(raw)["stitch"].(object)
	return stitch["retracted"] != nil
}
