package scheduler

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// storeEvery is how often it is stored that nothing arrived, for all rules at
// once. Until then it is known to the process alone: whoever comes after one
// that has died looks at that time once more.
const storeEvery = 5 * time.Minute

// holdings is what a scheduler keeps of rules between their turns, while nobody
// else is to run them: their ledgers as they are stored, and what has been
// looked at since in vain. It is safe for concurrent use; the nil one keeps
// nothing.
//
// Others may write a ledger all the same. Whatever is stored is stored over the
// version that is held, so that this is noticed and the ledger read anew.
type holdings struct {
	basis     *basis
	questions *questions

	mu    sync.Mutex
	rules map[string]*holding // by id
}

// holding is what is kept of a rule. Only a turn of the rule changes it, or
// whoever stores it.
type holding struct {
	rule *rules.Rule
	base entry // as it is stored
	// storing is what is just being stored after base, vain what came after that.
	storing, vain vain

	lookout  lookout
	anew     moment        // the footing of the next watch is to be read since
	recorded time.Time     // when the runs of the newest record of vain runs began
	unclean  bool          // old state is to be deleted
	bell     chan struct{} // see [holdings.bell]
	verdicts *verdicts     // of the rule's alerts; whoever drops the rest keeps them
}

// lookout is a rule's watch and what it rests on.
type lookout struct {
	watch   *rules.Watch // nil: none
	footing footing
	// shards are those that the last question went to, without windows and with
	// them; -1 before the first one.
	shards [2]int
}

// vain is arrival time after what a ledger covers in which nothing arrived, as
// runs have seen that left nothing behind yet. The zero one is none.
type vain struct {
	rules.Window
	report Report // of all those runs together
	runs   int
}

func (v vain) none() bool { return v.runs == 0 }

func newHoldings(eng esq.Searcher) *holdings {
	return &holdings{basis: newBasis(eng), questions: newQuestions(), rules: map[string]*holding{}}
}

// of returns what is held of a rule in this version; ok is false if nothing is.
func (h *holdings) of(rule *rules.Rule) (held holding, ok bool) {
	if h == nil {
		return holding{}, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.rules[rule.ID]
	if at == nil || at.base.stored == nil || at.rule.Fingerprint != rule.Fingerprint {
		return holding{}, false
	}
	if at.rule != rule { // it means the same, and may be asked otherwise
		at.rule, at.storing, at.vain, at.lookout = rule, vain{}, vain{}, lookout{}
	}
	return *at, true
}

// has reports whether this version of the ledger is held.
func (h *holdings) has(rule *rules.Rule, e entry) bool {
	held, ok := h.of(rule)
	return h == nil || ok && held.base.stored == e.stored
}

// keep holds a rule's ledger as it has just been stored or read. What was looked
// at in vain is in it, or is looked at again.
func (h *holdings) keep(rule *rules.Rule, e entry) {
	if h == nil || e.stored == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.at(rule)
	at.base, at.storing, at.vain = e, vain{}, vain{}
}

// at returns the holding of a rule, in this version.
func (h *holdings) at(rule *rules.Rule) *holding {
	at := h.rules[rule.ID]
	if at == nil {
		at = &holding{bell: make(chan struct{}, 1)}
		h.rules[rule.ID] = at
	}
	if at.rule != rule {
		*at = holding{rule: rule, bell: at.bell}
	}
	return at
}

// verdicts returns what is known of the rule's alerts, to be used in its turns.
func (h *holdings) verdicts(rule *rules.Rule) *verdicts {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.at(rule)
	if at.verdicts == nil {
		at.verdicts = &verdicts{}
		at.verdicts.begin()
	}
	return at.verdicts
}

// drop forgets what is known of a rule, so that it is read anew.
func (h *holdings) drop(rule *rules.Rule) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if at := h.rules[rule.ID]; at != nil {
		at.base, at.storing, at.vain, at.lookout = entry{}, vain{}, vain{}, lookout{}
	}
}

// forgive forgets what was looked at in vain: it is looked at again.
func (h *holdings) forgive(rule *rules.Rule) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if at := h.rules[rule.ID]; at != nil {
		at.storing, at.vain = vain{}, vain{}
	}
}

// renew has the rule's next watch rest on what is read from now on.
func (h *holdings) renew(rule *rules.Rule) {
	since := h.basis.round()
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.at(rule)
	at.lookout, at.anew = lookout{}, since
}

// saw adds a run that saw nothing, and what it was asked with. It reports false,
// and adds nothing, if there is a gap before its slice or something else is held
// by now. What the slice has in common with what is held, since that was stored
// while the run asked, is not added twice.
func (h *holdings) saw(r Report, out lookout, unclean bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.rules[r.Rule.ID]
	if at == nil || at.rule != r.Rule || at.base.stored == nil {
		return false
	}
	held := at.with()
	if r.Slice.From.After(held.Until) {
		return false
	}
	r.Slice.From = held.Until
	if !uneventful(held, r.Slice) {
		return false
	}
	at.lookout, at.vain = out, at.vain.and(vainly(r))
	at.unclean = at.unclean || unclean
	return true
}

// bell rings when a rule is to be looked at again before it is due.
func (h *holdings) bell(rule *rules.Rule) <-chan struct{} {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at(rule).bell
}

// unstored returns what is to be stored, in the order of the rules' ids. For
// each of them [holdings.stored] or [holdings.notStored] is to be called, unless
// it is dropped.
func (h *holdings) unstored() []holding {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []holding
	for _, id := range slices.Sorted(maps.Keys(h.rules)) {
		if at := h.rules[id]; !at.vain.none() && at.storing.none() {
			at.storing, at.vain = at.vain, vain{}
			list = append(list, *at)
		}
	}
	return list
}

// unclean returns the rules whose old state is to be deleted, of those that have
// a record of late, and takes note that it is.
func (h *holdings) unclean() []holding {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []holding
	for _, id := range slices.Sorted(maps.Keys(h.rules)) {
		if at := h.rules[id]; at.unclean && !at.recorded.IsZero() {
			at.unclean = false
			list = append(list, *at)
		}
	}
	return list
}

// stored notes that what was being stored is. A turn that has begun meanwhile
// finds out by itself.
func (h *holdings) stored(was holding, o esq.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.rules[was.rule.ID]
	if at == nil || at.base.stored != was.base.stored || at.storing.none() {
		return
	}
	at.base, at.storing, at.recorded = was.with(), vain{}, was.storing.report.Started
	at.base.stored = &esq.Document{Ref: was.base.stored.Ref, Found: true, SeqNo: o.SeqNo, PrimaryTerm: o.PrimaryTerm}
}

// notStored holds what could not be stored for the next time.
func (h *holdings) notStored(was holding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.rules[was.rule.ID]
	if at == nil || at.base.stored != was.base.stored || at.storing.none() {
		return
	}
	at.storing, at.vain = vain{}, at.storing.and(at.vain)
}

// with returns the ledger with what was looked at in vain.
func (h holding) with() entry {
	e := entry{ledger: h.base.clone(), stored: h.base.stored}
	for _, v := range []vain{h.storing, h.vain} {
		if !v.none() {
			e.cover(v.Window)
		}
	}
	return e
}

// until is how far it was looked in vain; zero if it was not.
func (h holding) until() time.Time { return later(h.storing.To, h.vain.To) }

// prefetch reads the ledgers of rules with one request, and begins those of all
// new rules with a few. What fails is left to each rule's first turn.
func (h *holdings) prefetch(ctx context.Context, book storedLedgers, set []*rules.Rule, now time.Time) error {
	if h == nil || len(set) == 0 {
		return nil
	}
	refs := make([]esq.Ref, len(set))
	for i, rule := range set {
		refs[i] = book.ref(rule)
	}
	docs, err := book.store.Get(ctx, refs)
	if err != nil || len(docs) != len(refs) {
		return wrap("read ledgers", err)
	}
	var missing []*rules.Rule
	for i, rule := range set {
		for _, asked := range rule.FieldsAsked() {
			h.basis.want(asked)
		}
		if !docs[i].Found {
			missing = append(missing, rule)
			continue
		}
		// One that cannot be used is the turn's to complain of.
		if e, err := entryOf(docs[i], rule); err == nil {
			h.keep(rule, e)
		}
	}
	if len(missing) < 2 {
		return nil // a turn does the same
	}
	begun, err := book.beginAll(ctx, missing, now)
	for rule, e := range begun {
		h.keep(rule, e)
	}
	return err
}
