package scheduler

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/people"
)

// basis is what the watches of all rules rest on: what indices know of their
// fields, and the user map. Each is read once for all who need it. It is safe
// for concurrent use.
type basis struct {
	engine esq.Searcher
	rounds atomic.Int64
	users  shared[*people.Map]

	mu     sync.Mutex
	fields map[string]*fieldList // by rules.FieldsAsked.Key

	grounds map[string]*ground // by rules.Watch.Ground
}

// fieldList is a list of indices, and the fields of it that anyone asks for.
type fieldList struct {
	indices []string
	mu      sync.Mutex
	names   map[string]bool
	known   shared[*fieldsKnown]
}

// fieldsKnown is what a list of indices knows of some fields. It never changes.
type fieldsKnown struct {
	names   map[string]bool // that were asked for
	caps    map[string]esq.FieldCap
	noIndex bool
}

// shared is a value that is read now and then, by one at a time.
type shared[T any] struct {
	turn  chan struct{} // has room for who reads
	value T
	read  bool
	begun moment // when it was begun to be read
}

// moment is when something was begun to be read: by the clock, and after how
// many calls of [basis.round].
type moment struct {
	at    time.Time
	round int64
}

// round returns a moment: what was read since has been begun after this call.
func (b *basis) round() moment { return moment{round: b.rounds.Add(1)} }

func (b *basis) now(at time.Time) moment { return moment{at, b.rounds.Load()} }

// before reports whether m is of an earlier time, or an earlier round.
func (m moment) before(since moment) bool { return m.at.Before(since.at) || m.round < since.round }

func newShared[T any]() shared[T] { return shared[T]{turn: make(chan struct{}, 1)} }

// get returns the value as it was read at since or later and serves, or reads
// it. As long as what is read is the same as before, so is the value.
func (s *shared[T]) get(ctx context.Context, now func() moment, since moment, serves func(T) bool, same func(a, b T) bool, read func() (T, error)) (T, error) {
	var none T
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return none, ctx.Err()
	}
	if s.read && !s.begun.before(since) && serves(s.value) {
		return s.value, nil
	}
	begun := now()
	value, err := read()
	if err != nil {
		return none, err
	}
	if !s.read || !same(s.value, value) {
		s.value = value
	}
	s.read, s.begun = true, begun
	return s.value, nil
}

func newBasis(eng esq.Searcher) *basis {
	return &basis{engine: eng, users: newShared[*people.Map](), fields: map[string]*fieldList{}, grounds: map[string]*ground{}}
}

// want notes that somebody will ask for these fields, so that they are read
// together with those of others.
func (b *basis) want(asked rules.FieldsAsked) *fieldList {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.fields[asked.Key()]
	if list == nil {
		list = &fieldList{indices: asked.Indices, names: map[string]bool{}, known: newShared[*fieldsKnown]()}
		b.fields[asked.Key()] = list
	}
	list.mu.Lock()
	defer list.mu.Unlock()
	for _, name := range asked.Fields {
		list.names[name] = true
	}
	return list
}

// known returns what the indices know of the fields, as of since or later.
func (b *basis) known(ctx context.Context, asked rules.FieldsAsked, now time.Time, since moment) (*fieldsKnown, error) {
	list := b.want(asked)
	serves := func(k *fieldsKnown) bool {
		return !slices.ContainsFunc(asked.Fields, func(name string) bool { return !k.names[name] })
	}
	return list.known.get(ctx, func() moment { return b.now(now) }, since, serves, (*fieldsKnown).same, func() (*fieldsKnown, error) { return list.read(ctx, b.engine) })
}

func (l *fieldList) read(ctx context.Context, eng esq.Searcher) (*fieldsKnown, error) {
	l.mu.Lock()
	k := &fieldsKnown{names: maps.Clone(l.names)}
	l.mu.Unlock()
	var err error
	if k.caps, err = eng.FieldCaps(ctx, l.indices, slices.Sorted(maps.Keys(k.names))); err != nil {
		return nil, fmt.Errorf("ask for the fields of %v: %w", l.indices, err)
	}
	if len(k.caps) > 0 {
		return k, nil
	}
	// Either there is no index, or one without any of the fields.
	_, stats, err := esq.PresenceOf(ctx, eng, l.indices, esq.MatchNone{})
	k.noIndex = stats.NoIndex
	return k, err
}

// same reports whether two are of the same fields and say the same.
func (k *fieldsKnown) same(other *fieldsKnown) bool {
	return k.noIndex == other.noIndex && maps.Equal(k.names, other.names) && reflect.DeepEqual(k.caps, other.caps)
}

// agrees reports whether two say the same of some fields.
func (k *fieldsKnown) agrees(other *fieldsKnown, fields []string) bool {
	if k == other {
		return true
	}
	differs := func(name string) bool { return !reflect.DeepEqual(k.caps[name], other.caps[name]) }
	return k.noIndex == other.noIndex && !slices.ContainsFunc(fields, differs)
}

// people returns the user map as of since or later, nil if there is none.
func (b *basis) people(ctx context.Context, read Users, now time.Time, since moment) (*people.Map, error) {
	if read == nil {
		return nil, nil
	}
	all := func(*people.Map) bool { return true }
	same := func(a, b *people.Map) bool { return reflect.DeepEqual(a, b) }
	return b.users.get(ctx, func() moment { return b.now(now) }, since, all, same, func() (*people.Map, error) { return read(ctx, b.engine) })
}

// footing is what one watch rests on.
type footing struct {
	asked []rules.FieldsAsked
	known []*fieldsKnown // parallel to asked
	users *people.Map
}

// stand reads what a watch of the rule may rest on, as of since or later.
func (b *basis) stand(ctx context.Context, rule *rules.Rule, read Users, now time.Time, since moment) (footing, error) {
	f := footing{}
	var err error
	if f.users, err = b.people(ctx, read, now, since); err != nil {
		return f, err
	}
	f.asked = rule.With(f.users).FieldsAsked()
	for _, asked := range f.asked {
		known, err := b.known(ctx, asked, now, since)
		if err != nil {
			return f, err
		}
		f.known = append(f.known, known)
	}
	return f, nil
}

// holds reports whether all is as it was when f was read, as of since or later.
func (b *basis) holds(ctx context.Context, f footing, read Users, now time.Time, since moment) (bool, error) {
	users, err := b.people(ctx, read, now, since)
	if err != nil || users != f.users {
		return false, err
	}
	for i, asked := range f.asked {
		known, err := b.known(ctx, asked, now, since)
		if err != nil || !known.agrees(f.known[i], asked.Fields) {
			return false, err
		}
	}
	return true, nil
}

// watch makes a rule's watch.
func (f footing) watch(rule *rules.Rule) (*rules.Watch, error) {
	fields := map[string]map[string]esq.FieldCap{}
	for i, asked := range f.asked {
		fields[asked.Key()] = f.known[i].caps
	}
	return rule.With(f.users).Watch(fields)
}

// noIndex reports whether a list of indices has none.
func (f footing) noIndex(asked rules.FieldsAsked) bool {
	i := slices.IndexFunc(f.asked, func(a rules.FieldsAsked) bool { return a.Key() == asked.Key() })
	return i >= 0 && f.known[i].noIndex
}
