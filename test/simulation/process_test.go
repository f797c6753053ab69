package simulation

import (
	"context"
	"errors"
	"net/http"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/scheduler"
)

// process is one scheduler process and its connection to the cluster. Each of
// its calls waits until the conductor lets it go on.
type process struct {
	Process
	world *world
	clock *scheduler.VirtualClock

	calls    int
	dead     bool
	wake     ms // it stands still until then
	injected int

	parked chan struct{} // sends when a call waits
	grant  chan struct{} // lets it go on
	done   chan struct{} // closed when the run is over
	sum    scheduler.Summary
	began  ms // when the run started
}

var _ esq.Engine = (*process)(nil)

// errDead is what a dead process sees; nobody looks at it any more.
var errDead = errors.New("the process is dead")

// fault waits for the conductor and returns what befalls this call.
func (p *process) fault(ctx context.Context) (Kind, error) {
	if p.dead {
		return "", errDead
	}
	p.calls++
	kind := Kind("")
	for _, f := range p.Faults {
		if f.Call == p.calls {
			kind = f.Kind
			p.injected++
			if kind == Paused {
				p.wake = p.world.now + f.For
			}
		}
	}
	p.parked <- struct{}{}
	<-p.grant
	if err := ctx.Err(); err != nil {
		return "", err
	}
	switch kind {
	case Refused:
		return kind, &esq.ResponseError{Op: "simulation", Status: http.StatusServiceUnavailable, Type: "unavailable_shards_exception", Reason: "not now"}
	case Unreachable:
		return kind, &esq.UnreachableError{Op: "simulation", Err: errors.New("connection refused")}
	case Killed:
		p.dead = true
		return kind, errDead
	case KilledHalfWay, KilledAfter:
		p.dead = true
	}
	return kind, nil
}

// answer is what the process gets to see of a call that was carried out.
func (p *process) answer(kind Kind, op string, err error) error {
	switch kind {
	case Lost:
		return &esq.UnreachableError{Op: op, Err: errors.New("connection reset")}
	case Partial:
		return &esq.PartialError{Op: op, Reason: "1 of 2 shards answered"}
	case KilledHalfWay, KilledAfter:
		return errDead
	}
	return err
}

// Search implements [esq.Searcher].
func (p *process) Search(ctx context.Context, s esq.Search, yield func(esq.Hit) error) (esq.Stats, error) {
	kind, err := p.fault(ctx)
	if err != nil {
		return esq.Stats{}, err
	}
	var hits []esq.Hit
	stats, err := p.world.documents.Search(ctx, s, func(h esq.Hit) error { hits = append(hits, h); return nil })
	failure := p.answer(kind, "search", err)
	if failure != nil {
		hits = hits[:len(hits)/2]
	}
	for _, h := range hits {
		if err := yield(h); err != nil {
			return stats, err
		}
	}
	return stats, failure
}

// Count implements [esq.Searcher].
func (p *process) Count(ctx context.Context, indices []string, q esq.Query) (int64, esq.Stats, error) {
	kind, err := p.fault(ctx)
	if err != nil {
		return 0, esq.Stats{}, err
	}
	n, stats, err := p.world.documents.Count(ctx, indices, q)
	return n, stats, p.answer(kind, "count", err)
}

// Group implements [esq.Searcher].
func (p *process) Group(ctx context.Context, g esq.Grouping, yield func(esq.Group) error) (esq.Stats, error) {
	kind, err := p.fault(ctx)
	if err != nil {
		return esq.Stats{}, err
	}
	var groups []esq.Group
	stats, err := p.world.documents.Group(ctx, g, func(g esq.Group) error { groups = append(groups, g); return nil })
	failure := p.answer(kind, "group", err)
	if failure != nil {
		groups = groups[:len(groups)/2]
	}
	for _, g := range groups {
		if err := yield(g); err != nil {
			return stats, err
		}
	}
	return stats, failure
}

// FieldCaps implements [esq.Searcher].
func (p *process) FieldCaps(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	kind, err := p.fault(ctx)
	if err != nil {
		return nil, err
	}
	caps, err := p.world.documents.FieldCaps(ctx, indices, fields)
	return caps, p.answer(kind, "field caps", err)
}

// Get implements [esq.Store].
func (p *process) Get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	kind, err := p.fault(ctx)
	if err != nil {
		return nil, err
	}
	docs, err := p.world.store.get(ctx, refs)
	if err := p.answer(kind, "get", err); err != nil {
		return nil, err
	}
	return docs, nil
}

// Find implements [esq.Store].
func (p *process) Find(ctx context.Context, indices []string, q esq.Query, limit int) ([]esq.Document, error) {
	kind, err := p.fault(ctx)
	if err != nil {
		return nil, err
	}
	docs, err := p.world.store.find(ctx, indices, q, limit, p.world.now)
	if err := p.answer(kind, "find", err); err != nil {
		return nil, err
	}
	return docs, nil
}

// Bulk implements [esq.Store].
func (p *process) Bulk(ctx context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	kind, err := p.fault(ctx)
	if err != nil {
		return nil, err
	}
	switch kind {
	case Items:
		return p.everyOther(ops, refresh), nil
	case Partial, KilledHalfWay:
		ops = ops[:len(ops)/2]
	}
	outcomes := p.world.write(ops, refresh)
	if err := p.answer(kind, "bulk", nil); err != nil {
		return nil, err
	}
	return outcomes, nil
}

// everyOther carries out the second, fourth and so on of ops and refuses the rest.
func (p *process) everyOther(ops []esq.Write, refresh bool) []esq.Outcome {
	out := make([]esq.Outcome, len(ops))
	for i, op := range ops {
		if i%2 == 0 {
			err := &esq.ResponseError{Op: "write " + op.ID, Status: http.StatusTooManyRequests, Type: "es_rejected_execution_exception", Reason: "queue is full"}
			out[i] = esq.Outcome{Status: err.Status, Err: err}
			continue
		}
		out[i] = p.world.write([]esq.Write{op}, refresh)[0]
	}
	return out
}
