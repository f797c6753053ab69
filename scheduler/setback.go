package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// errClockSetBack says that a slice ends in the future, though it had not when
// the turn began.
var errClockSetBack = errors.New("the clock has been set back while the rule ran; what is due is asked anew")

// giveBack takes from a ledger what a clock that was ahead has covered. Clocks
// that differ by less than settle only take back the future, since each slice
// asks settle further back. Beyond that nobody knows when it really was that
// the clock was ahead: all slices go that were searched with it.
func (r runner) giveBack(ctx context.Context, rule *rules.Rule, e entry, now time.Time) (entry, error) {
	ahead := e.Covered.within(rules.Window{From: now, To: e.Until})
	begunAhead := e.Start.Sub(now) > rule.Settle
	if len(ahead) == 0 && !begunAhead {
		return e, nil
	}
	var since time.Time
	if e.Until.Sub(now) > rule.Settle {
		r.log.LogAttrs(ctx, slog.LevelWarn, "clock has been set back, what was covered ahead of it will be searched again",
			append(ruleAttrs(rule), slog.Time("until", e.Until), slog.Time("now", now))...)
		var err error
		if since, err = r.searchedAhead(ctx, rule, now); err != nil {
			return e, err
		}
	}
	return r.book.change(ctx, rule, e, now, func(l *ledger) {
		if begunAhead && l.Start.Sub(now) > rule.Settle {
			l.startAgain(rule, now, since)
			return
		}
		// Someone else may have covered more meanwhile: that stays.
		from := r.present()
		if !since.IsZero() {
			from = earlier(from, since)
		}
		l.retreat(from)
	})
}

// startAgain begins a ledger that a clock which was ahead began too late, or so
// it seems. Its due times go on where they were, only from earlier: those of
// windows make their alerts.
func (l *ledger) startAgain(rule *rules.Rule, now, since time.Time) {
	first := begin(rule, now).First
	if every, ok := rule.Schedule.(rules.Every); ok && l.First.After(now) {
		interval := time.Duration(every)
		first = l.First.Add(-(l.First.Sub(now) + interval - 1) / interval * interval)
	}
	start := first.Add(-rule.LookBack)
	if !since.IsZero() {
		start = earlier(start, since)
	}
	*l = ledger{Start: start, First: earlier(first, l.First), Until: start, Ticket: l.Ticket, Open: l.Open}
}

// searchedAhead is the beginning of the oldest slice that was searched by a
// clock ahead of now, by any version of the rule; now if there is no record of
// any.
func (r runner) searchedAhead(ctx context.Context, rule *rules.Rule, now time.Time) (time.Time, error) {
	present := esq.Str(mappings.Time(now))
	found, err := r.engine.Find(ctx, []string{r.names.RunPattern()}, esq.And(
		esq.Term{Field: "rule.id", Value: esq.Str(rule.ID)},
		esq.Term{Field: "replay", Value: esq.Boolean(false)},
		esq.Or(esq.Range{Field: "started", GT: present}, esq.Range{Field: "slice.to", GT: present})), 0)
	if err != nil {
		return now, fmt.Errorf("look for runs ahead of the clock: %w", err)
	}
	since := now
	for _, d := range found {
		var record struct {
			Slice struct {
				From time.Time `json:"from"`
			} `json:"slice"`
		}
		if err := json.Unmarshal(d.Source, &record); err != nil {
			return now, fmt.Errorf("read run record %s: %w", stateName(d.Ref), err)
		}
		since = earlier(since, record.Slice.From.UTC())
	}
	return since, nil
}
