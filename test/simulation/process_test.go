package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler"
)

// process is one scheduler process, its clock and its connection to the
// cluster. Each of its calls waits until the conductor lets it go on.
type process struct {
	Process
	world     *world
	conductor *conductor
	number    int
	began     ms

	ctx     context.Context
	cancel  context.CancelFunc
	death   chan struct{} // closed when it dies
	dead    bool
	died    ms
	stopped bool
	done    chan struct{} // closed when it has ended
	sum     scheduler.Summary

	scheduler *scheduler.Scheduler
	had       []int // versions of the rules, all until now

	offset   ms // of its clock, now
	wake     ms // it stands still until then
	calls    int
	jumped   int
	injected []ms // when its calls met a fault
	idle     int  // runs in which nothing arrived
	unstored int  // of these, since it wrote their records last
	pauses   []pause
}

// pause is a time in which a process stands still.
type pause struct{ from, to ms }

var (
	_ esq.Engine      = (*process)(nil)
	_ scheduler.Clock = (*process)(nil)
)

func newProcess(c *conductor, spec Process) *process {
	p := &process{Process: spec, world: c.world, conductor: c, offset: spec.Offset, death: make(chan struct{}), done: make(chan struct{})}
	p.had = []int{spec.Version}
	p.Reloads = slices.Clone(spec.Reloads)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// run is the life of a process.
func (p *process) run(log *slog.Logger) {
	defer close(p.done)
	set := p.world.ruleSet(p.Process)
	s := scheduler.New(scheduler.Options{
		Rules: set, Engine: p, Clock: p, Logger: log, Concurrency: max(1, len(set.Rules)),
		Holder: p.name(), LeasePeriod: time.Duration(p.conductor.lease) * time.Millisecond,
		Retention: time.Duration(p.world.retention) * time.Millisecond,
		Observe: func(r scheduler.Report) {
			if r.Idle {
				p.idle++
				p.unstored++
			}
		},
	})
	p.scheduler = s
	if p.Loop {
		s.Run(p.ctx)
		return
	}
	p.sum, _ = s.Once(p.ctx) // the error is that of the context
}

// name is how the process is called in the lease.
func (p *process) name() string { return fmt.Sprintf("p%d", p.number) }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop tells the process to end in good order.
func (p *process) stop() {
	p.stopped = true
	p.cancel()
}

// reload gives the process its rules in the next version.
func (p *process) reload() {
	p.Version, p.Reloads = p.Reloads[0].Version, p.Reloads[1:]
	p.had = append(p.had, p.Version)
	p.scheduler.Exchange(p.world.ruleSet(p.Process))
}

// die ends the process at once: whatever it asks from now on has no answer.
func (p *process) die() {
	p.dead, p.died = true, p.world.now
	close(p.death)
	p.cancel()
}

// Now implements [scheduler.Clock].
func (p *process) Now() time.Time { return (p.world.now + p.offset).at() }

// After implements [scheduler.Clock]. As with a machine's clock, a wait is not
// shorter or longer because the clock is set.
func (p *process) After(d time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	if d <= 0 {
		c <- p.Now()
		return c
	}
	p.conductor.mu.Lock()
	defer p.conductor.mu.Unlock()
	// Not sooner than asked for, where that is no whole millisecond.
	p.conductor.timers = append(p.conductor.timers, timer{p, p.world.now + msOf(d+time.Millisecond-1), c})
	return c
}

// errDead is what a dead process sees; nobody looks at it any more.
var errDead = errors.New("the process is dead")

// fault waits for the conductor and returns what befalls this call. A call that
// writes says what may happen if nobody waits for it any more.
func (p *process) fault(ctx context.Context, text string, write func()) (Kind, error) {
	n := &call{process: p, text: text, issued: p.Now(), grant: make(chan struct{}), write: write}
	select {
	case <-p.death:
		return "", errDead
	default:
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	p.conductor.mu.Lock()
	p.conductor.parked = append(p.conductor.parked, n)
	p.conductor.mu.Unlock()
	select {
	case <-n.grant:
	case <-p.death:
		n.gone = true
		return "", errDead
	case <-ctx.Done():
		n.gone = true
		return "", ctx.Err()
	}
	switch n.fault {
	case Refused:
		return n.fault, &esq.ResponseError{Op: "simulation", Status: http.StatusServiceUnavailable, Type: "unavailable_shards_exception", Reason: "not now"}
	case Unreachable:
		return n.fault, &esq.UnreachableError{Op: "simulation", Err: errors.New("connection refused")}
	case Killed:
		p.die()
		return n.fault, errDead
	case KilledHalfWay, KilledAfter:
		p.die()
	}
	return n.fault, nil
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
	kind, err := p.fault(ctx, fmt.Sprintf("search %v", s.Indices), nil)
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
	kind, err := p.fault(ctx, fmt.Sprintf("count %v", indices), nil)
	if err != nil {
		return 0, esq.Stats{}, err
	}
	n, stats, err := p.world.documents.Count(ctx, indices, q)
	return n, stats, p.answer(kind, "count", err)
}

// Group implements [esq.Searcher].
func (p *process) Group(ctx context.Context, g esq.Grouping, yield func(esq.Group) error) (esq.Stats, error) {
	kind, err := p.fault(ctx, fmt.Sprintf("group %v", g.Indices), nil)
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

// Ask implements [esq.Searcher]: each question may fail by itself.
func (p *process) Ask(ctx context.Context, questions []esq.Question) ([]esq.Stats, error) {
	return esq.AskEach(ctx, p, questions)
}

// FieldCaps implements [esq.Searcher].
func (p *process) FieldCaps(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	kind, err := p.fault(ctx, fmt.Sprintf("field caps %v", indices), nil)
	if err != nil {
		return nil, err
	}
	caps, err := p.world.documents.FieldCaps(ctx, indices, fields)
	return caps, p.answer(kind, "field caps", err)
}

// Get implements [esq.Store].
func (p *process) Get(ctx context.Context, refs []esq.Ref) ([]esq.Document, error) {
	kind, err := p.fault(ctx, fmt.Sprintf("get %v", refs), nil)
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
	kind, err := p.fault(ctx, fmt.Sprintf("find %v", indices), nil)
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
	kind, err := p.fault(ctx, fmt.Sprintf("bulk %v", refsOf(ops)), func() { p.world.write(ops, refresh) })
	if err != nil {
		return nil, err
	}
	switch kind {
	case Items:
		return p.everyOther(ops, refresh), nil
	case Partial, KilledHalfWay:
		ops = ops[:len(ops)/2]
	default:
		if slices.ContainsFunc(ops, isIdleRecord) {
			p.unstored = 0
		}
	}
	outcomes := p.world.write(ops, refresh)
	if err := p.answer(kind, "bulk", nil); err != nil {
		return nil, err
	}
	return outcomes, nil
}

// isIdleRecord reports whether a write is the record of runs in which nothing
// arrived.
func isIdleRecord(op esq.Write) bool {
	var record struct{ Idle int }
	return strings.HasPrefix(op.Index, mappings.Names{}.Runs()) && json.Unmarshal(op.Source, &record) == nil && record.Idle > 0
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
