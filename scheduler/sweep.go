package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// Months lists and deletes stitch's monthly indices. [mappings.Months] does.
type Months interface {
	// List returns those of alerts, or those of run records, each with the policy
	// by which the cluster looks after it.
	List(ctx context.Context, alerts bool) ([]mappings.Month, error)
	// Delete deletes one of those that were listed.
	Delete(ctx context.Context, m mappings.Month) error
}

// hourly tells the first time in each hour from the others.
type hourly struct {
	mu   sync.Mutex
	last time.Time
}

func (h *hourly) due(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.last) < cleanEvery && !now.Before(h.last) {
		return false
	}
	h.last = now
	return true
}

// sweep deletes monthly indices that have wholly passed their retention, where
// the cluster does not do so itself. That it cannot is logged once.
func (r runner) sweep(ctx context.Context, now time.Time) {
	for _, alerts := range []bool{false, true} {
		retention := r.retention
		if alerts {
			retention = r.alertsKept
		}
		if retention <= 0 {
			continue
		}
		if err := r.sweepKind(ctx, alerts, now.Add(-retention)); err != nil && ctx.Err() == nil {
			r.complain(ctx, err)
		}
	}
}

func (r runner) sweepKind(ctx context.Context, alerts bool, cutoff time.Time) error {
	months, err := r.months.List(ctx, alerts)
	if err != nil {
		return err
	}
	for _, m := range months {
		passed, err := r.passed(ctx, m, cutoff)
		if err != nil {
			return err
		}
		if !passed {
			continue
		}
		if err := r.months.Delete(ctx, m); err != nil {
			return err
		}
		r.log.LogAttrs(ctx, slog.LevelInfo, "old index deleted",
			slog.String("index", m.Index), slog.Time("created", m.Created), slog.Time("older_than", cutoff))
	}
	return nil
}

// passed reports whether an index can go as a whole: its month ended, and it
// was made, before the cutoff; nothing is in it that is to be kept; and nobody
// else sees to it. Of run records nothing but an old heartbeat may be in it:
// those that are old were deleted one by one, and those that still say something
// moved.
func (r runner) passed(ctx context.Context, m mappings.Month, cutoff time.Time) (bool, error) {
	if m.Policy != "" || m.End.After(cutoff) || m.Created.After(cutoff) {
		return false, nil
	}
	inside := esq.Not(esq.And(esq.Term{Field: "kind", Value: esq.Str(heartbeatKind)}, before("@timestamp", cutoff)))
	if m.Alerts {
		inside = alertsSince(cutoff)
	}
	found, err := r.engine.Find(ctx, []string{m.Index}, inside, 1)
	if err != nil {
		return false, fmt.Errorf("look into index %s: %w", m.Index, err)
	}
	return len(found) == 0, nil
}

// alertsSince accepts alerts that stitch or an analyst has written since, those
// that someone is still to be told of, and those of which this is not known.
func alertsSince(t time.Time) esq.Query {
	since := func(field string) esq.Query { return esq.Range{Field: field, GTE: esq.Str(mappings.Time(t))} }
	return esq.Or(
		esq.Not(esq.Exists{Field: "@timestamp"}),
		since("@timestamp"), since("stitch.updated"), since("kibana.alert.workflow_status_updated_at"), since("stitch.triage.history.at"),
		since("stitch.notifications.next"),
	)
}
