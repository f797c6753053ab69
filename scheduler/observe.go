package scheduler

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// Progress is how far a rule has come.
type Progress struct {
	Rule *rules.Rule
	// CoveredUntil is how far the rule is covered without a hole; zero if that is
	// not known, as of a rule that has never run in this version.
	CoveredUntil time.Time
	Holes        int       // in the time that was searched or tried
	Next         time.Time // when it falls due again
	Err          error     // why the ledger cannot be used
}

// Turn is one look at a rule, whether it was due or not.
type Turn struct {
	Progress
	// Due is when the rule fell due; zero if it was not, or its ledger could not
	// be read.
	Due time.Time
	// Began is when the turn began to look: where it had to wait to ask, when its
	// question went out.
	Began, Ended time.Time
	Runs         int // slices, failed ones too
	// Err, of the Progress, is why not all that was owed could be covered.
}

// LeaseState is what a scheduler knows of the lease.
type LeaseState struct {
	At     time.Time // by the scheduler's clock
	Held   bool      // by this scheduler
	Holder string    // "" if it is free, or not known
	Token  int64
	Err    error // why it could not be read or renewed just now
}

// WriteError says that alerts, or the record of a run, could not be written.
type WriteError struct{ err error }

func (e *WriteError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *WriteError) Unwrap() error { return e.err }

// unwritten marks an error of writing, if it is one.
func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return &WriteError{err}
}

// progress remembers how far the rules have come, by id, as far as this process
// knows. It is safe for concurrent use.
type progress struct {
	mu   sync.Mutex
	last map[string]Progress
}

func (p *progress) put(of Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = map[string]Progress{}
	}
	p.last[of.Rule.ID] = of
}

// oldest returns how far the rule has come that is furthest behind, of those of
// which it is known; zero if it is of none.
func (p *progress) oldest(set []*rules.Rule) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	var oldest time.Time
	for _, rule := range set {
		until := p.last[rule.ID].CoveredUntil
		if !until.IsZero() && (oldest.IsZero() || until.Before(oldest)) {
			oldest = until
		}
	}
	return oldest
}

// Progress reads how far each rule has come, in the order of the rules, with
// one question to the engine.
func (s *Scheduler) Progress(ctx context.Context) ([]Progress, error) {
	set, _ := s.rules.get()
	ledgers := storedLedgers{s.engine, s.names, s.version}
	refs := make([]esq.Ref, len(set))
	for i, rule := range set {
		refs[i] = ledgers.ref(rule)
	}
	docs, err := s.engine.Get(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("read ledgers: %w", err)
	}
	if len(docs) != len(refs) {
		return nil, fmt.Errorf("read ledgers: asked for %d documents, got %d", len(refs), len(docs))
	}
	list, held := make([]Progress, len(set)), s.tenure.Load()
	for i, rule := range set {
		list[i].Rule = rule
		if !docs[i].Found {
			continue
		}
		_, l, err := decodeLedger(docs[i])
		if err != nil {
			list[i].Err = err
			continue
		}
		// This process may know more than it has stored.
		if h, ok := held.of(rule); ok {
			l = h.with().ledger
		}
		list[i] = progressOf(rule, l)
		s.progress.put(list[i])
	}
	return list, nil
}

func progressOf(rule *rules.Rule, l ledger) Progress {
	if !l.known() {
		return Progress{Rule: rule}
	}
	return Progress{Rule: rule, CoveredUntil: l.coveredUntil(), Holes: len(l.holes(l.Until)), Next: l.next(rule.Schedule)}
}

// beginTurn notes what is to be told of a turn.
func (r runner) beginTurn(rule *rules.Rule) *Turn {
	return &Turn{Progress: Progress{Rule: rule}, Began: r.clock.Now()}
}

// noteTurn notes how far the rule has come in the turn.
func (r runner) noteTurn(t *Turn, l ledger) {
	t.Progress = progressOf(t.Rule, l)
	if t.Due.IsZero() && !t.Next.After(t.Began) {
		t.Due = t.Next
	}
	if !r.replay {
		r.progress.put(t.Progress)
	}
}

// endTurn tells of a turn that is over.
func (r runner) endTurn(t *Turn, next time.Time, err error) {
	if r.turned == nil || r.replay {
		return
	}
	t.Ended, t.Err = r.clock.Now(), err
	if !next.IsZero() {
		t.Next = next
	}
	r.turned(*t)
}

// stateOf is what a look at the lease has shown of someone else's.
func stateOf(l *Lease, err error) LeaseState {
	state := LeaseState{Err: err}
	if l != nil {
		state.Holder, state.Token = l.Holder, l.Token
	}
	return state
}

// tell tells what is known of the lease.
func (t tenant) tell(l LeaseState) {
	if t.leased == nil {
		return
	}
	l.At = t.clock.Now()
	t.leased(l)
}
