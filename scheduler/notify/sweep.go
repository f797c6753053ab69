package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// sweeper looks for the alerts that one route has yet to be told of, and tells
// them.
type sweeper struct {
	*Notifier
	route *Route
	mark  *watermark // nil until it was read
	doc   esq.Document
	// dealt are alerts that were looked at just now, and until when a search may
	// not show it.
	dealt map[esq.Ref]time.Time
}

func newSweeper(n *Notifier, r *Route) *sweeper {
	return &sweeper{Notifier: n, route: r, dealt: map[esq.Ref]time.Time{}}
}

const (
	// maxBatch is how many alerts are told in one sweep.
	maxBatch = 100
	// maxAttempts is how often a write is tried that meets another's.
	maxAttempts = 10
	// slack is how much later than it says a change may be found: the time until
	// a search shows it, and what clocks differ by.
	slack = 5 * time.Minute
	// unseen is how long a search may not show what was written.
	unseen = 5 * time.Second
	// markStep is how far a watermark moves before it is written.
	markStep = 10 * time.Minute
)

// swept is what became of a sweep.
type swept struct {
	sent, failed int64
	told         []esq.Ref
	after        time.Duration // how long the service asks to be left alone
	err          error         // of the service, the last one
}

// sweep tells the route of what is due. The error is the engine's.
func (s *sweeper) sweep(ctx, work context.Context) (swept, error) {
	if err := s.readMark(ctx); err != nil {
		return swept{}, err
	}
	begun := s.clock.Now().UTC()
	due, whole, oldest, err := s.due(ctx, begun)
	if err != nil {
		return swept{}, err
	}
	done, err := s.tell(ctx, work, due)
	s.deal(due)
	if err != nil || ctx.Err() != nil {
		return done, err
	}
	if s.pending != nil {
		pending, err := s.count(ctx)
		if err != nil {
			return done, err
		}
		s.pending(s.route.Name, pending)
	}
	if whole && len(due) == 0 {
		if oldest.IsZero() {
			oldest = begun
		}
		return done, s.moveMark(ctx, oldest)
	}
	return done, nil
}

func (s *sweeper) readMark(ctx context.Context) error {
	if s.mark != nil {
		return nil
	}
	w, doc, err := s.readWatermark(ctx, s.route)
	if err == nil {
		s.mark, s.doc = &w, doc
	}
	return err
}

// moveMark notes that all changes before a time were told. What another
// notifier has written since is read by the next sweep.
func (s *sweeper) moveMark(ctx context.Context, until time.Time) error {
	if !s.route.tells(Updated) || until.Sub(s.mark.Updates) < markStep {
		return nil
	}
	moved := *s.mark
	moved.Updates = until
	written, taken, err := s.writeWatermark(ctx, moved, s.doc)
	if err != nil || taken {
		s.mark = nil
		return err
	}
	s.mark, s.doc = &moved, written
	return nil
}

// tells reports whether the route is told of a kind.
func (r *Route) tells(kind Kind) bool {
	for _, k := range r.On {
		if k == kind {
			return true
		}
	}
	return false
}

// What a route was told of an alert last.
const (
	knowsActive    = "active"
	knowsRetracted = "retracted"
	// knowsPerhaps is when a message was begun, and whether it came is not known.
	knowsPerhaps = "perhaps"
)

// told is the word that stands on an alert for what a route knows of it.
func (r *Route) told(what string) string { return r.Name + ":" + what }

func texts(list []string) []esq.Value {
	values := make([]esq.Value, len(list))
	for i, text := range list {
		values[i] = esq.Str(text)
	}
	return values
}

// query accepts alerts of which the route may have to be told.
func (s *sweeper) query(kind Kind) esq.Query {
	retracted := esq.Exists{Field: "stitch.retracted"}
	active := esq.Term{Field: "stitch.notifications.told", Value: esq.Str(s.route.told(knowsActive))}
	switch kind {
	case Retracted:
		told := texts([]string{s.route.told(knowsActive), s.route.told(knowsPerhaps)})
		return esq.And(s.mark.query(), retracted, esq.Terms{Field: "stitch.notifications.told", Values: told})
	case Updated:
		since := s.mark.Updates.Add(-slack)
		return esq.And(s.mark.query(), esq.Not(retracted), esq.Range{Field: "stitch.updated", GTE: esq.Str(mappings.Time(since))})
	}
	return esq.And(s.mark.query(), esq.Not(retracted), esq.Not(active))
}

// dealtWith reports whether an alert was looked at just now.
func (s *sweeper) dealtWith(ref esq.Ref, now time.Time) bool { return now.Before(s.dealt[ref]) }

// deal notes that alerts were looked at, and forgets which a search shows again.
func (s *sweeper) deal(refs []esq.Ref) {
	now := s.clock.Now()
	maps.DeleteFunc(s.dealt, func(_ esq.Ref, until time.Time) bool { return !now.Before(until) })
	for _, ref := range refs {
		s.dealt[ref] = now.Add(unseen)
	}
}

// left counts the alerts that the route has not been told of, but for those that
// it has been told of though a search may not show it.
func (s *sweeper) left(ctx context.Context, told map[esq.Ref]bool) (left int64, err error) {
	if err := s.readMark(ctx); err != nil {
		return 0, err
	}
	err = s.search(ctx, Created, func(c candidate) error {
		if !told[c.ref] {
			left++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count alerts to notify: %w", err)
	}
	return left, nil
}

// count returns how many alerts the route has not been told of.
func (s *sweeper) count(ctx context.Context) (int64, error) {
	if err := s.readMark(ctx); err != nil {
		return 0, err
	}
	n, _, err := s.engine.Count(ctx, []string{s.names.AlertPattern()}, s.query(Created))
	if err != nil {
		return 0, fmt.Errorf("count alerts to notify: %w", err)
	}
	return n, nil
}

// errEnough ends a search that has found enough.
var errEnough = errors.New("enough")

// due returns the alerts that the route is to be told of now, the oldest first,
// at most maxBatch. whole says that there are no more of them. oldest is the
// time of the oldest change that is still to be told, zero if none is.
func (s *sweeper) due(ctx context.Context, now time.Time) (due []esq.Ref, whole bool, oldest time.Time, err error) {
	seen := map[esq.Ref]bool{}
	for _, kind := range s.route.On {
		err := s.search(ctx, kind, func(c candidate) error {
			if kind == Updated && c.told < c.version && (oldest.IsZero() || c.changed.Before(oldest)) {
				oldest = c.changed
			}
			if !c.due(kind, s.route, now) || s.dealtWith(c.ref, now) || seen[c.ref] {
				return nil
			}
			seen[c.ref] = true
			if due = append(due, c.ref); len(due) == maxBatch {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return due, false, oldest, nil
		}
		if err != nil {
			return nil, false, oldest, fmt.Errorf("look for alerts to notify: %w", err)
		}
	}
	return due, true, oldest, nil
}

// candidate is an alert as the last refresh shows it.
type candidate struct {
	ref     esq.Ref
	version int64
	changed time.Time
	told    int64 // the version that the route was told of as active; 0 for none
	sent    time.Time
	next    time.Time
}

// search calls yield for the alerts of which the route may have to be told.
func (s *sweeper) search(ctx context.Context, kind Kind, yield func(candidate) error) error {
	of := func(path string, where map[string]string) esq.Field {
		return esq.Field{Path: "stitch.notifications." + path, Where: where}
	}
	mine := map[string]string{"route": s.route.Name}
	_, err := s.engine.Search(ctx, esq.Search{
		Indices: []string{s.names.AlertPattern()}, Query: s.query(kind), Time: "event.created",
		Fields: []esq.Field{
			{Path: "stitch.version"}, {Path: "stitch.updated"},
			of("version", map[string]string{"told": s.route.told(knowsActive)}), of("sent", mine),
			of("next", map[string]string{"route": s.route.Name, "kind": string(kind)}),
		},
	}, func(h esq.Hit) error {
		field := func(i int) reader {
			values := make([]any, len(h.Values[i]))
			for j, v := range h.Values[i] {
				values[j] = v.String()
			}
			return reader{"v": values}
		}
		c := candidate{
			ref: esq.Ref{Index: h.Index, ID: h.ID}, version: field(0).number("v"), changed: field(1).time("v"),
			told: field(2).number("v"), next: field(4).time("v"),
		}
		for _, text := range field(3).texts("v") {
			if t := (reader{"v": text}).time("v"); t.After(c.sent) {
				c.sent = t
			}
		}
		return yield(c)
	})
	return err
}

// due reports whether the route is to be told of it now.
func (c candidate) due(kind Kind, r *Route, now time.Time) bool {
	if c.next.After(now) {
		return false
	}
	if kind == Updated {
		return c.told > 0 && c.told < c.version && !now.Before(c.sent.Add(r.Throttle))
	}
	return true
}

// tell sends messages, as many at once as the route allows, until one fails.
// The error is the engine's.
func (s *sweeper) tell(ctx, work context.Context, due []esq.Ref) (swept, error) {
	var mu sync.Mutex
	var done swept
	var broken error
	next := 0
	take := func() (esq.Ref, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(due) || done.failed > 0 || broken != nil || ctx.Err() != nil {
			return esq.Ref{}, false
		}
		next++
		return due[next-1], true
	}
	var wg sync.WaitGroup
	for range min(s.route.Concurrency, len(due)) {
		wg.Go(func() {
			for ref, ok := take(); ok; ref, ok = take() {
				status, failure, err := s.deliver(work, s.route, ref)
				mu.Lock()
				if err != nil {
					broken = err
				}
				switch status {
				case mappings.Sent:
					done.sent++
					done.told = append(done.told, ref)
				case mappings.Failed, mappings.Refused:
					done.failed++
					done.err = failure
					done.after = max(done.after, failure.After)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return done, broken
}
