package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// storing stores what runs saw nothing in, for all rules at once: their records
// first, then their ledgers. It is stored only if what the questions rested on
// is still the same, read anew.
type storing struct {
	runner
	failed map[string]error // by rule id: why it is not stored
	again  []*rules.Rule    // that have to be looked at again
}

// storeVain stores what there is to be stored. What it could not store is held
// on to, and tried again, unless it has to be looked at again.
func (r runner) storeVain(ctx context.Context) storing {
	s := storing{runner: r, failed: map[string]error{}}
	list := s.confirmed(ctx, r.held.unstored())
	list = s.writeRecords(ctx, list)
	s.writeLedgers(ctx, list)
	return s
}

// confirmed returns what may be stored.
func (s *storing) confirmed(ctx context.Context, list []holding) []holding {
	var out []holding
	if len(list) == 0 {
		return nil
	}
	now, since := s.clock.Now(), s.held.basis.round()
	for _, h := range list {
		stands, err := s.held.basis.holds(ctx, h.lookout.footing, s.users, now, since)
		switch {
		case err != nil:
			s.fail(h, err)
		case !stands:
			s.lookAgain(h)
		default:
			out = append(out, h)
		}
	}
	return out
}

// fail holds on to what could not be stored.
func (s *storing) fail(h holding, err error) {
	s.failed[h.rule.ID] = err
	s.held.notStored(h)
}

// lookAgain forgets what a rule saw nothing in.
func (s *storing) lookAgain(h holding) {
	s.held.drop(h.rule)
	s.again = append(s.again, h.rule)
	select {
	case h.bell <- struct{}{}:
	default:
	}
}

// write writes a document for each, and hands over what became of it.
func (s *storing) write(ctx context.Context, list []holding, refresh bool, op func(holding) (esq.Write, error), done func(holding, esq.Outcome)) {
	var ops []esq.Write
	var of []holding
	for _, h := range list {
		o, err := op(h)
		if err != nil {
			s.fail(h, err)
			continue
		}
		ops, of = append(ops, o), append(of, h)
	}
	if len(ops) == 0 {
		return
	}
	outcomes, err := s.engine.Bulk(ctx, ops, refresh)
	if err == nil && len(outcomes) != len(ops) {
		err = fmt.Errorf("wrote %d documents, got %d outcomes", len(ops), len(outcomes))
	}
	for i, h := range of {
		if err != nil {
			s.fail(h, err)
			continue
		}
		done(h, outcomes[i])
	}
}

// writeRecords returns those whose record is written.
func (s *storing) writeRecords(ctx context.Context, list []holding) []holding {
	var out []holding
	s.write(ctx, list, true, func(h holding) (esq.Write, error) {
		return recordWrite(s.names, h.storing.report, h.storing.runs, s.replay)
	}, func(h holding, o esq.Outcome) {
		if !succeeded(o) {
			s.fail(h, unwritten(fmt.Errorf("write run record: %w", refusal(o))))
			return
		}
		out = append(out, h)
	})
	return out
}

func (s *storing) writeLedgers(ctx context.Context, list []holding) {
	now := s.clock.Now()
	ledgers := storedLedgers{s.engine, s.names, s.version}
	s.write(ctx, list, false, func(h holding) (esq.Write, error) {
		l := h.with()
		source, err := encodeLedger(nameOf(h.rule), &l.ledger, now, s.version)
		return esq.Write{Ref: ledgers.ref(h.rule), Match: h.base.stored, Source: source}, err
	}, func(h holding, o esq.Outcome) {
		switch {
		case o.Status == http.StatusConflict:
			s.lookAgain(h) // someone else has written it
		case !succeeded(o):
			s.fail(h, fmt.Errorf("write ledger: %w", refusal(o)))
		default:
			s.held.stored(h, o)
		}
	})
}

// complain logs what could not be stored, once for all rules.
func (s storing) complain(ctx context.Context) {
	if len(s.failed) == 0 || ctx.Err() != nil {
		return
	}
	for _, err := range s.failed {
		s.log.LogAttrs(ctx, slog.LevelWarn, "what nothing arrived in is not stored, it stays known to this process until it can be",
			slog.Int("rules", len(s.failed)), slog.Any("err", err))
		return
	}
}

// storeNowAndThen stores until ctx is done what runs saw nothing in, and has
// the old state of their rules deleted.
func (r runner) storeNowAndThen(ctx, work context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.clock.After(storeEvery):
		}
		if ctx.Err() != nil {
			return
		}
		r.storeVain(work).complain(work)
		r.cleanHeld(work)
	}
}

// prepare reads all ledgers at once. What it could not read each turn reads for
// itself.
func (r runner) prepare(ctx context.Context) {
	set, _ := r.rules.get()
	if err := r.held.prefetch(ctx, storedLedgers{r.engine, r.names, r.version}, set, r.present()); err != nil && ctx.Err() == nil {
		r.log.LogAttrs(ctx, slog.LevelDebug, "ledgers not read at once, each turn reads its own", slog.Any("err", err))
	}
}
