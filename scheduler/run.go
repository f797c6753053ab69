package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// runner runs rules: the one way for the loop, for once and for replay.
type runner struct {
	*Scheduler
	clock  Clock
	book   checkpoints
	replay bool
}

// turn runs a rule if it is due: all its windows up to now. It adds what
// became of it to sum, and returns when the rule is to be looked at again. A
// failure is logged here, and nowhere else.
//
// With last set, now is a due time whatever the schedule says.
func (r runner) turn(ctx context.Context, rule *rules.Rule, last bool, sum *RuleSummary) (next time.Time, err error) {
	// Documents have milliseconds, and so have the windows.
	now := r.clock.Now().UTC().Truncate(time.Millisecond)
	c, err := r.book.load(ctx, rule)
	if err != nil {
		return time.Time{}, r.fail(ctx, rule, err, sum)
	}
	if !c.known() {
		// Where coverage begins is kept before anything is looked at: the time
		// since then is owed, even if the first runs fail.
		c.progress = begin(rule, now)
		if c, err = r.book.save(ctx, rule, c, c, now); err != nil {
			return time.Time{}, r.fail(ctx, rule, err, sum)
		}
	} else if c.Fingerprint != "" && c.Fingerprint != rule.Fingerprint {
		r.log.LogAttrs(ctx, slog.LevelInfo, "rule has changed, its coverage goes on", append(ruleAttrs(rule), slog.Time("checkpoint", c.Checkpoint))...)
	}
	if next = c.next(rule.Schedule); next.After(now) && !last {
		if c.Checkpoint.After(now) {
			r.log.LogAttrs(ctx, slog.LevelWarn, "checkpoint lies in the future, nothing is due until then", append(ruleAttrs(rule), slog.Time("checkpoint", c.Checkpoint))...)
		}
		sum.Next = next
		return next, nil
	}
	for _, w := range c.windows(rule, now, last) {
		before := c.Checkpoint
		report := r.window(ctx, rule, &c, w)
		sum.add(report)
		r.logReport(ctx, report)
		r.observe(report)
		if report.Err != nil {
			return time.Time{}, report.Err
		}
		if !c.Checkpoint.Equal(later(before, w.To)) {
			// Someone else has moved the checkpoint meanwhile. What is still to
			// do is for the next turn to find out.
			break
		}
	}
	next = c.next(rule.Schedule)
	sum.Next = next
	return next, nil
}

// fail notes why a turn ended before anything was evaluated, and returns it.
func (r runner) fail(ctx context.Context, rule *rules.Rule, err error, sum *RuleSummary) error {
	sum.Err = err
	r.log.LogAttrs(ctx, slog.LevelError, "run failed", append(ruleAttrs(rule), slog.Any("err", err))...)
	return err
}

// window evaluates a rule over one window, writes its alerts and its record,
// and then moves the checkpoint.
func (r runner) window(ctx context.Context, rule *rules.Rule, c *checkpoint, w rules.Window) Report {
	report := Report{Rule: rule, Window: w, Started: r.clock.Now()}
	report.Err = r.evaluateAndWrite(ctx, &report)
	report.Finished = r.clock.Now()
	// The record of a success comes before the checkpoint: what is covered has
	// a record. That of a failure is written if it can be.
	if err := r.record(ctx, report); err != nil {
		report.Err = errors.Join(report.Err, err)
	}
	if report.Err != nil || !w.To.After(c.Checkpoint) {
		return report
	}
	moved := *c
	moved.Checkpoint = w.To
	saved, err := r.book.save(ctx, rule, *c, moved, r.clock.Now())
	if err != nil {
		report.Err = err
		return report
	}
	*c = saved
	return report
}

// evaluateAndWrite runs the rule and writes what it found.
func (r runner) evaluateAndWrite(ctx context.Context, report *Report) error {
	result, err := r.evaluate(ctx, report.Rule, r.engine, report.Window)
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	report.Result = result
	documents := documentsOf(report.Rule, result.Alerts, r.clock.Now())
	report.Alerts, err = alertWriter{r.engine, r.names}.write(ctx, documents)
	return err
}

func (r runner) record(ctx context.Context, report Report) error {
	if ctx.Err() != nil {
		return nil // abandoned; the error of the run says so
	}
	return writeRecord(ctx, r.engine, r.names, report, r.replay)
}

func (r runner) logReport(ctx context.Context, report Report) {
	attrs := append(ruleAttrs(report.Rule),
		slog.Time("from", report.Window.From), slog.Time("to", report.Window.To),
		slog.Duration("took", report.Finished.Sub(report.Started)),
		slog.Int("created", report.Alerts.Created), slog.Int("updated", report.Alerts.Updated),
		slog.Int("unchanged", report.Alerts.Unchanged))
	if report.Result != nil {
		attrs = append(attrs, slog.Int("requests", report.Result.Stats.Requests), slog.Int64("hits", report.Result.Stats.Hits))
		if len(report.Result.Warnings) > 0 {
			attrs = append(attrs, slog.Any("warnings", report.Result.Warnings))
		}
	}
	if report.Err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "run failed", append(attrs, slog.Any("err", report.Err))...)
		return
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, "run done", attrs...)
}

func ruleAttrs(r *rules.Rule) []slog.Attr {
	return []slog.Attr{slog.String("rule", r.Name), slog.String("rule_id", r.ID)}
}
