package memory

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/stitchdetect/stitch/esq"
)

// Need says what questions will be asked of some indices; see [Engine.Narrow].
type Need struct {
	Indices []string // names and patterns
	// Filter accepts every document that a question may find, and so does Query
	// where the fields have the types of [Mapping.Expected].
	Filter, Query esq.Query
	Fields        []string // dotted names of what is read or asked for
}

// Narrow tells the engine, before anything is loaded, all that it will be asked.
// What it loads then it keeps only if some need accepts it, and of that only the
// fields of the needs: every question within the needs has the answer that it
// would have had, and so have Span and what Load counts; others are answered
// from what is left. Narrow reports false, and changes nothing, if the needs
// speak of fields that cannot be told beforehand.
func (e *Engine) Narrow(needs []Need) bool {
	n := &narrowing{wanted: &want{}, hashes: newHashes(), chunk: chunkSize, lasting: map[string]bool{}, seen: &seen{}}
	fields := append([]string{timestamp}, e.ingest...)
	for _, need := range needs {
		for _, q := range []esq.Query{need.Filter, need.Query} {
			asked, ok := fieldsOf(q)
			if !ok {
				return false
			}
			fields = append(fields, asked...)
			n.asked = append(n.asked, asked...)
		}
		fields = append(fields, need.Fields...)
	}
	slices.Sort(n.asked)
	n.asked = slices.Compact(n.asked)
	if slices.ContainsFunc(fields, func(f string) bool { return strings.Contains(f, "*") }) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// Most documents have their keys in order: so have their leaves, then.
	slices.Sort(fields)
	for _, f := range fields {
		n.wanted.add(f)
		e.names.below(e.names.root, f)
	}
	n.always = append([]string{timestamp}, e.ingest...)
	n.timestamp = e.names.below(e.names.root, timestamp).id
	for _, need := range needs {
		noteConditions(n.lasting, need.Query)
	}
	n.needs, n.reader.narrow, e.narrow = needs, n, n
	return true
}

// noteConditions notes the keys of a query and of all that it is made of.
func noteConditions(keys map[string]bool, q esq.Query) {
	if key, ok := conditionKey(nil, q); ok {
		keys[string(key)] = true
	}
	if b, is := q.(esq.BoolQuery); is {
		for _, part := range slices.Concat(b.Must, b.Filter, b.Should, b.MustNot) {
			noteConditions(keys, part)
		}
		for _, part := range b.MustNot {
			if key, ok := conditionKey(nil, esq.BoolQuery{MustNot: []esq.Query{part}}); ok {
				keys[string(key)] = true
			}
		}
	}
}

// narrowing is what a narrowed engine keeps in mind.
type narrowing struct {
	needs  []Need
	wanted *want
	always []string // fields that are wanted of every document
	// timestamp is the field of that name.
	timestamp fieldID
	asked     []string // what the needs' queries speak of
	// lasting are the conditions that the needs are made of.
	lasting map[string]bool
	hashes  hashes
	// seen holds the documents that were read: isKept or, of one that was not kept,
	// the time in milliseconds, noTime without one.
	// It is nil when nothing more is loaded; dropped is the span of these times then.
	seen    *seen
	dropped period
	chunk   int          // how many bytes of files are looked at together
	reader  sourceReader // of the one that takes documents in
	arena   arena
	texts   texts
	plain   plainShapes
	// shape guards, while files are loaded, which indices there are, the names of
	// fields and their types.
	shape sync.RWMutex
}

const (
	noTime = math.MinInt64
	isKept = math.MaxInt64
)

// EndLoad says that nothing more will be loaded, and lets go of what only that
// needs: [Engine.Load] fails from now on.
func (e *Engine) EndLoad() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.loaded = true
	if n := e.narrow; n != nil {
		n.dropped, n.seen = n.droppedSpan(), nil
		n.texts.fields, n.plain = nil, plainShapes{}
	}
}

// droppedSpan is from the first to the last time of the documents that were not
// kept; the first is the later one if there is none.
func (n *narrowing) droppedSpan() period {
	if n.seen == nil {
		return n.dropped
	}
	p := period{math.MaxInt64, math.MinInt64}
	for ms := range n.seen.all {
		if ms != noTime && ms != isKept {
			p = period{min(p.first, ms), max(p.last, ms)}
		}
	}
	return p
}

// compile translates the needs that look at an index. What an index would refuse
// to answer is for whoever asks to find out: everything is kept for it.
func (n *narrowing) compile(ix *index) []matcher {
	expected := n.asExpected(ix)
	var queries []esq.Query
	for _, need := range n.needs {
		if !selects(need.Indices, ix.name) {
			continue
		}
		q := need.Query
		if !expected {
			q = need.Filter
		}
		if same := func(other esq.Query) bool { return reflect.DeepEqual(q, other) }; !slices.ContainsFunc(queries, same) {
			queries = append(queries, q)
		}
	}
	c := &compiler{ix: ix}
	var ms []matcher
	for _, q := range queries {
		ms = append(ms, c.accepting(q))
	}
	return ms
}

// accepting compiles a query part by part, as most documents fail the first.
func (c *compiler) accepting(q esq.Query) matcher {
	var parts []matcher
	for _, part := range conjuncts(q, nil) {
		m, err := c.compile(part)
		if err != nil {
			return always
		}
		parts = append(parts, m)
	}
	return func(d *document, _ *record) bool { return holds(parts, d) }
}

// wantedOf is what is wanted of the documents of an index.
func (n *narrowing) wantedOf(index string) *want {
	w := &want{}
	fields := slices.Clone(n.always)
	for _, need := range n.needs {
		if !selects(need.Indices, index) {
			continue
		}
		fields = append(fields, need.Fields...)
		for _, q := range []esq.Query{need.Filter, need.Query} {
			asked, _ := fieldsOf(q)
			fields = append(fields, asked...)
		}
	}
	for _, f := range fields {
		w.add(f)
	}
	return w
}

// asExpected reports whether the fields that are asked for have the types that
// were expected of them, as far as the index knows them.
func (n *narrowing) asExpected(ix *index) bool {
	for _, path := range n.asked {
		at := ix.names.find(path)
		if t, known := ix.fields[at.id]; known && t != ix.types.expected(path) {
			return false
		}
	}
	return true
}

// selects reports whether names, patterns and -exclusions stand for an index,
// among others.
func selects(patterns []string, index string) bool {
	found := false
	for _, list := range patterns {
		for pattern := range strings.SplitSeq(list, ",") {
			without, excludes := strings.CutPrefix(pattern, "-")
			switch {
			case excludes && glob(without, index):
				found = false
			case !excludes && (pattern == "_all" || glob(pattern, index)):
				found = true
			}
		}
	}
	return found
}

// Expected returns the types that fields have where documents hold texts, or
// what the mapping says, in them.
func (m Mapping) Expected(fields []string) map[string]esq.FieldCap {
	if len(m.Rules) == 0 {
		m = ECS()
	}
	t := m.types()
	caps := map[string]esq.FieldCap{}
	for _, f := range fields {
		typ := t.expected(f)
		caps[f] = esq.FieldCap{Types: []string{string(typ)}, Searchable: typ != Nested, Aggregatable: typ != Nested && typ != Text}
	}
	return caps
}

func (t types) expected(path string) Type {
	if typ, known := t.exact[path]; known {
		return typ
	}
	for above := path; ; {
		dot := strings.LastIndexByte(above, '.')
		if dot < 0 {
			return t.ofNew(path, leafString, "")
		}
		if above = above[:dot]; t.exact[above] == Flattened {
			return Flattened
		}
	}
}

// fieldsOf returns the fields that a query speaks of; ok is false if it may
// speak of others, or of the time at which it is asked.
func fieldsOf(q esq.Query) (fields []string, ok bool) {
	switch q := q.(type) {
	case nil, esq.MatchAll, esq.MatchNone, esq.IDs:
		return nil, true
	case esq.BoolQuery:
		for _, part := range slices.Concat(q.Must, q.Filter, q.Should, q.MustNot) {
			inner, ok := fieldsOf(part)
			if !ok {
				return nil, false
			}
			fields = append(fields, inner...)
		}
		return fields, true
	case esq.Term:
		if Type(q.Field) == metaIgnored {
			return []string{q.Value.String()}, !q.CaseInsensitive
		}
		return oneField(q.Field)
	case esq.Terms:
		return oneField(q.Field)
	case esq.Match:
		return oneField(q.Field)
	case esq.Exists:
		return oneField(q.Field)
	case esq.Range:
		for _, v := range []esq.Value{q.GT, q.GTE, q.LT, q.LTE} {
			if strings.HasPrefix(v.String(), "now") {
				return nil, false
			}
		}
		return oneField(q.Field)
	case esq.Prefix:
		return oneField(q.Field)
	case esq.Wildcard:
		return oneField(q.Field)
	case esq.Nested:
		fields, ok = fieldsOf(q.Query)
		return append(fields, q.Path), ok
	}
	return nil, false
}

func oneField(path string) ([]string, bool) {
	switch Type(path) {
	case metaID, metaIndex:
		return nil, true
	case metaIgnored:
		return nil, false
	}
	return []string{path}, !strings.Contains(path, "*")
}

// want is a part of the tree of wanted fields.
type want struct {
	below map[string]*want
	whole bool // a wanted field: all that lies in it
}

func (w *want) add(path string) {
	for key := range strings.SplitSeq(path, ".") {
		next := w.below[key]
		if next == nil {
			next = &want{}
			if w.below == nil {
				w.below = map[string]*want{}
			}
			w.below[key] = next
		}
		w = next
	}
	w.whole = true
}

// at returns what is wanted below a key, which may be dotted; nil for nothing.
func (w *want) at(key []byte) *want {
	if next, known := w.below[string(key)]; known {
		return next
	}
	for i, c := range key {
		if c != '.' {
			continue
		}
		next := w.below[string(key[:i])]
		if next == nil || next.whole {
			return next
		}
		return next.at(key[i+1:])
	}
	return nil
}
