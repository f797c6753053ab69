package memory

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// primaryTerm never changes: there is one copy of everything.
const primaryTerm = 1

// Options says how an engine understands its documents and its time.
type Options struct {
	// Mapping gives fields their types; the zero Mapping stands for [ECS].
	Mapping Mapping
	// Now is the time that "now" in date maths means. It must be set.
	Now func() time.Time
	// Ingest names date fields that may say when a document reached its index,
	// the likeliest first, such as "event.ingested". If set, a loaded document
	// (see [Engine.Load]) is hidden until Now has come to the first of these
	// dates that it has, or to its @timestamp where it has none of them; with
	// neither it is never hidden. Documents written by [Engine.Bulk] are always there.
	Ingest []string
}

// Engine is the embedded engine. It is safe for concurrent use.
type Engine struct {
	now    func() time.Time
	ingest []string
	types  types

	mu      sync.RWMutex
	names   *names
	indices map[string]*index
	narrow  *narrowing // nil: everything is kept
	loaded  bool       // nothing more may be loaded
}

var _ esq.Engine = (*Engine)(nil)

// New returns an engine without documents.
func New(o Options) *Engine {
	if o.Now == nil {
		panic("memory: Options.Now is not set")
	}
	if len(o.Mapping.Rules) == 0 {
		o.Mapping = ECS()
	}
	return &Engine{
		now: o.Now, ingest: arriving(o.Ingest), types: o.Mapping.types(),
		names: newNames(), indices: map[string]*index{},
	}
}

// arriving are the fields that say when a document arrives.
func arriving(ingest []string) []string {
	if len(ingest) == 0 {
		return nil
	}
	return append(slices.Clip(ingest), timestamp)
}

// index returns an index by name and creates it if it is not there. The caller
// holds e.mu for writing.
func (e *Engine) index(name string) *index {
	ix := e.indices[name]
	if ix == nil {
		ix = newIndex(name, e.names, e.types)
		ix.ingest = e.ingest
		if e.narrow != nil {
			ix.lasting, ix.texts = e.narrow.lasting, &e.narrow.texts
		}
		e.indices[name] = ix
	}
	return ix
}

// timestamp is the field that says when an event happened.
const timestamp = "@timestamp"

// Span returns the first and the last @timestamp of all documents; ok is false
// if none has one. Hidden documents count, and those that were not kept.
func (e *Engine) Span() (first, last time.Time, ok bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	note := func(ms int64) { from, to, ok = min(from, ms), max(to, ms), true }
	for _, ix := range e.indices {
		m := ix.moments(timestamp)
		for i := range ix.docs {
			if ms, ok := m.at(int32(i)); ok {
				note(ms)
			}
		}
	}
	if e.narrow != nil {
		if p := e.narrow.droppedSpan(); p.first <= p.last {
			note(p.first)
			note(p.last)
		}
	}
	if !ok {
		return first, last, false
	}
	return time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC(), true
}
