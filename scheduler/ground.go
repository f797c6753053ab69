package scheduler

import (
	"context"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// ground is what several rules look at: whether anything at all has become
// searchable there is asked once for all of them. It is safe for concurrent use.
type ground struct {
	turn  chan struct{} // has room for who asks
	rules map[string]bool
	// Nothing arrived from from until at, when that was asked last.
	from, at time.Time
	presence esq.Presence
	// busy is until when it is not worth asking: there was something.
	busy time.Time
}

// busyFor is how long a ground counts as busy on which something arrived. Each
// rule asks for itself then.
const busyFor = 10 * time.Minute

// ground returns the one of a rule's watch.
func (b *basis) ground(rule *rules.Rule, w *rules.Watch) *ground {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.grounds[w.Ground()]
	if g == nil {
		g = &ground{turn: make(chan struct{}, 1), rules: map[string]bool{}}
		b.grounds[w.Ground()] = g
	}
	g.rules[rule.ID] = true
	return g
}

// shared reports whether more than one rule looks at the ground.
func (b *basis) shared(g *ground) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(g.rules) > 1
}

// arrivedAround asks whether anything at all arrived where the rule looks, or has the
// answer that another rule got after this one fell due, and returns the slice
// that the answer is of. ok is false if there was something, or nobody knows.
func (v *visit) arrivedAround(ctx context.Context, out *lookout, due time.Time) (slice rules.Window, p esq.Presence, stats esq.Stats, ok bool) {
	g := v.held.basis.ground(v.rule, out.watch)
	if out.watch.Apart() || !v.held.basis.shared(g) {
		return slice, p, stats, false
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return slice, p, stats, false
	}
	asked := rules.Window{From: v.slice.From.Add(-v.rule.Settle), To: v.present()}
	if answered := !g.at.Before(due) && !g.at.After(asked.To) && !g.from.After(asked.From); !answered {
		if asked.To.Before(g.busy) {
			return slice, p, stats, false
		}
		// Others have begun a little earlier.
		asked.From = asked.From.Truncate(time.Minute)
		var err error
		p, stats, err = out.watch.LookAround(ctx, v.engine, asked)
		if err != nil || p.Any {
			g.at, g.busy = time.Time{}, asked.To.Add(busyFor)
			return slice, p, stats, false
		}
		g.from, g.at, g.presence = asked.From, asked.To, p
	}
	slice = rules.Window{From: v.slice.From, To: g.at}
	return slice, g.presence, stats, slice.From.Before(slice.To)
}
