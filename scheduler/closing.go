package scheduler

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// closing is how far a rule's event time is closed, before a visit and once it
// has covered its slice: all that happened until then has arrived, unless it is
// later than the rule expects. A stage that asks for absence is judged only
// when its time is closed; a chain that it may still drop is pending.
type closing struct {
	before, after time.Time
	pending       map[string]bool // the alerts that the visit could not judge
}

// closes says how far the visit closes the rule's time. Only what has no hole
// before it is closed. The last run of a replay sees all there is.
func (v *visit) closes() closing {
	covered := v.entry.clone()
	covered.cover(v.slice)
	c := closing{
		before:  closed(v.rule, v.entry.coveredUntil()),
		after:   closed(v.rule, covered.coveredUntil()),
		pending: map[string]bool{},
	}
	if v.replay && v.last {
		c.after = v.now
	}
	return c
}

// closed is the event time that is closed once all is covered until then. It may
// lie before the ledger begins: what a changed rule takes over from the version
// before may still be pending, and what has only now arrived for an earlier time
// waits like everything else.
func closed(r *rules.Rule, covered time.Time) time.Time {
	return covered.Add(-r.Lateness - r.Settle)
}

// stretch is the event time in which chains may have been pending before the
// visit and can be judged by it: each has an event within a span of the moment
// at which it closes.
func (c closing) stretch(r *rules.Rule) []rules.Window {
	if !r.Absent || !c.before.Before(c.after) {
		return nil
	}
	return []rules.Window{{From: c.before.Add(-r.Span), To: c.after}}
}

// errBeside says that a run closes more of a rule's time than it has judged.
var errBeside = errors.New("another run covered the time beside this slice meanwhile; it is searched again, with what that closes")

// outrun reports whether covering the slice would close more event time than the
// visit has judged: the ledger has changed since the visit began.
func (c closing) outrun(r *rules.Rule, l *ledger, slice rules.Window) bool {
	if !r.Absent {
		return false
	}
	covered := l.clone()
	covered.cover(slice)
	return closed(r, covered.coveredUntil()).After(c.after)
}

// judge evaluates the rule over a window, and remembers what is pending in it.
func (v *visit) judge(ctx context.Context, w rules.Window) (*rules.Result, error) {
	if v.rule.Absent {
		w.Closed = v.closing.after
	}
	result, err := v.evaluate(ctx, v.bound, v.search, w)
	if err == nil {
		for _, p := range result.Pending {
			v.closing.pending[p.ID] = true
		}
	}
	return result, err
}

// judged leaves out the stored alerts that are pending again.
func (c closing) judged(stored []esq.Document) []esq.Document {
	return slices.DeleteFunc(stored, func(d esq.Document) bool { return c.pending[d.ID] })
}
