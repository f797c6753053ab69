package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// reasonRebuilt is why all of a rebuilt ledger is a hole.
const reasonRebuilt = "the ledger was rebuilt; this time has not been searched again yet"

// Rebuild writes a new ledger for a rule whose own is broken or gone: it begins
// with the first event of the oldest alert that exists, or where a new rule
// would begin if that is earlier, and knows nothing as covered. What it makes
// the next runs find is there already, by its id. A lease that is broken is
// freed as well.
//
// No scheduler should run meanwhile; one that does is stopped by its next write
// of the ledger and goes on with the new one.
func (s *Scheduler) Rebuild(ctx context.Context, rule *rules.Rule) error {
	if err := s.rebuild(ctx, rule); err != nil {
		return fmt.Errorf("rebuild ledger of rule %s: %w", rule.Name, err)
	}
	return s.rebuildLease(ctx)
}

func (s *Scheduler) rebuild(ctx context.Context, rule *rules.Rule) error {
	first, ticket, err := s.oldestEvent(ctx, rule)
	if err != nil {
		return err
	}
	ledgers := storedLedgers{s.engine, s.names, s.version}
	there, err := getOne(ctx, s.engine, ledgers.ref(rule))
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	e := entry{}
	if there.Found {
		e.stored = &there
	}
	now := s.clock.Now().UTC().Truncate(time.Millisecond)
	_, err = ledgers.change(ctx, rule, e, now, func(l *ledger) {
		*l = rebuilt(rule, first, now)
		l.Ticket = ticket
	})
	if err == nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "ledger rebuilt", append(ruleAttrs(rule), slog.Time("start", earlier(first, now)))...)
	}
	return err
}

// rebuilt is a ledger of which all since first is a hole.
func rebuilt(rule *rules.Rule, first, now time.Time) ledger {
	l := begin(rule, now)
	if first.Before(l.Start) {
		l.Start = first
		// The due times reach back as far, so that no window is left out.
		if every, ok := rule.Schedule.(rules.Every); ok {
			interval := time.Duration(every)
			l.First = l.First.Add(-l.First.Sub(first) / interval * interval)
		} else {
			l.First = first.Truncate(time.Minute)
		}
	}
	l.Until = l.Start
	l.fail(rules.Window{From: l.Start, To: now}, reasonRebuilt, now, 0)
	return l
}

// oldestEvent returns the time of the first event of any alert of a rule, now
// if there are none, and the newest ticket of any.
func (s *Scheduler) oldestEvent(ctx context.Context, rule *rules.Rule) (first time.Time, ticket int64, err error) {
	found, err := s.engine.Find(ctx, []string{s.names.AlertPattern()}, esq.Term{Field: "rule.id", Value: esq.Str(rule.ID)}, 0)
	if err != nil {
		return first, 0, fmt.Errorf("look for alerts: %w", err)
	}
	first = s.clock.Now().UTC()
	for _, d := range found {
		m, err := mappings.ReadMark(d.Source)
		if err != nil {
			return first, 0, fmt.Errorf("read alert %s: %w", stateName(d.Ref), err)
		}
		if !m.Start.IsZero() {
			first = earlier(first, m.Start)
		}
		ticket = max(ticket, m.Ticket)
	}
	return first, ticket, nil
}

// rebuildLease frees a lease that cannot be read.
func (s *Scheduler) rebuildLease(ctx context.Context) error {
	t := s.tenant()
	_, doc, err := t.read(ctx)
	var state *StateError
	if !errors.As(err, &state) || state.Newer {
		return err
	}
	// The token of the old one is lost; the clock makes one that is newer.
	if _, err := t.write(ctx, doc, "", s.clock.Now().Unix()); err != nil {
		return fmt.Errorf("rebuild lease: %w", err)
	}
	s.log.LogAttrs(ctx, slog.LevelWarn, "lease rebuilt")
	return nil
}
