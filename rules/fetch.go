package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/people"
)

// maxBroken is how many documents a warning names.
const maxBroken = 5

// span is a range of event times, in Unix ms; open says that to is not in it.
type span struct {
	from, to int64
	open     bool
}

func (s span) query(field string) esq.Query {
	r := esq.Range{Field: field, GTE: isoValue(s.from)}
	if s.open {
		r.LT = isoValue(s.to)
	} else {
		r.LTE = isoValue(s.to)
	}
	return r
}

// fetch is one stage's questions to the engine.
type fetch struct {
	stage  *stage
	time   span
	sets   []*eql.Set          // of the stage's all(...)
	narrow []eql.Expr          // what its neighbours ask of it
	known  map[string]*eql.Set // the sets that narrow speaks of
	users  *people.Map         // nil: none
	times  []span              // of time, what alone is asked for; less than two: all of it
}

// query is what a source is asked: everything the stage could accept, and
// more where the engine cannot decide.
func (f *fetch) query(src *source, caps map[string]esq.FieldCap) esq.Query {
	q := f.and(f.time.query(src.time), src, caps)
	if len(f.times) < 2 {
		return q
	}
	var any []esq.Query
	for _, t := range f.times {
		any = append(any, t.query(src.time))
	}
	return esq.And(q, esq.Or(any...))
}

// and is query at the time that when asks for.
func (f *fetch) and(when esq.Query, src *source, caps map[string]esq.FieldCap) esq.Query {
	return f.ask(when, f.mapping(src, caps))
}

func (f *fetch) mapping(src *source, caps map[string]esq.FieldCap) *sourceColumns {
	return &sourceColumns{source: src, caps: caps, view: f.stage.view != nil, users: f.users, has: f.stage.columns}
}

func (f *fetch) ask(when esq.Query, mapping *sourceColumns) esq.Query {
	src := mapping.source
	parts := []esq.Query{when, src.filter}
	if f.stage.cond != nil {
		q, _ := eql.Translate(f.stage.cond, mapping, func(ref eql.Ref) *eql.Set {
			if f.sets == nil {
				return nil // not known yet
			}
			return f.sets[slices.Index(f.stage.sets, ref)]
		})
		parts = append(parts, q)
	}
	for _, condition := range f.narrow {
		q, _ := eql.Translate(condition, mapping, func(ref eql.Ref) *eql.Set { return f.known[ref.Name] })
		parts = append(parts, q)
	}
	return esq.And(parts...)
}

// columns are the fields that a source's query and its columns read.
func (f *fetch) columns(src *source) []string {
	fields := slices.Clone(src.fields)
	fields = append(fields, src.time)
	if src.ingest != "" {
		fields = append(fields, src.ingest)
	}
	for _, name := range f.stage.columns {
		c := src.column(name)
		fields = append(fields, c.from...)
		if c.domain != "" {
			fields = append(fields, c.domain)
		}
	}
	fields = append(fields, src.ties...)
	slices.Sort(fields)
	fields = slices.DeleteFunc(slices.Compact(fields), func(s string) bool { return strings.ContainsAny(s, "*") })
	return fields
}

// withObjects adds the objects around fields: of a flattened one an engine need
// not list the leaves.
func withObjects(fields []string) []string {
	out := slices.Clone(fields)
	for _, f := range fields {
		out = append(out, objectsAround(f)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// objectsAround are the objects that a field lies in, the innermost first.
func objectsAround(field string) []string {
	var out []string
	for i := strings.LastIndexByte(field, '.'); i > 0; i = strings.LastIndexByte(field[:i], '.') {
		out = append(out, field[:i])
	}
	return out
}

// accepts decides in Go, on the document's own values, what the engine could
// only narrow down.
func (f *fetch) accepts(e *event) bool {
	return f.stage.accept == nil || f.stage.accept.Holds(eventEnv{e, f.sets})
}

// eventEnv lets a stage's condition see an event.
type eventEnv struct {
	*event
	sets []*eql.Set
}

// Values returns the values of a column.
func (e eventEnv) Values(slot int) []esq.Value { return e.event.values[slot] }

// Set returns the values of an all(...).
func (e eventEnv) Set(slot int) *eql.Set { return e.sets[slot] }

// sourceColumns tells the translation how a source carries its columns.
type sourceColumns struct {
	source *source
	caps   map[string]esq.FieldCap
	view   bool
	users  *people.Map // nil: none
	has    []string    // the columns of an event
	// anyone says that what the user map may fill is not narrowed by it, and
	// looked says that something was.
	anyone, looked bool
}

// Column implements [eql.Source].
func (s *sourceColumns) Column(name string) eql.Mapping {
	if s.source.scattered(name) {
		return eql.Mapping{} // of one document nothing can be told
	}
	m := s.own(name)
	if s.view && s.users != nil {
		m.Filled = s.filled(name)
	}
	return m
}

// own is how a column comes out of the documents, without the user map.
func (s *sourceColumns) own(name string) eql.Mapping {
	if s.source.scattered(name) {
		return eql.Mapping{}
	}
	c := s.source.column(name)
	m := eql.Mapping{Dropped: len(c.from) == 0, Inexact: c.as != asIs || len(c.where) > 0 || c.json != nil, Blank: s.view, Single: c.single}
	for _, field := range c.from {
		m.Fields = append(m.Fields, eql.Field{Name: field, Type: s.typeOf(field), Silent: s.caps[field].Silent})
	}
	switch {
	case c.json != nil: // nothing of a text of JSON can be asked
	case c.words == nil && (c.as.names() || c.as == asLower):
		m.Words = c.spellings
	case c.words != nil:
		m.Words = c.sourceWords
		if c.as != asIs {
			m.Words = nil
		}
	}
	return m
}

// spellings are the texts of which the column may compute a value; of an
// account also its name alone, where the domain is another field.
func (c column) spellings(v esq.Value, fold bool) ([]esq.Value, bool) {
	texts, ok := c.as.spellings(v, fold)
	var out []esq.Value
	for _, text := range texts {
		out = append(out, esq.Str(text))
		if _, name, found := strings.Cut(text, `\`); found && c.domain != "" {
			out = append(out, esq.Str(name))
		}
	}
	return out, ok
}

// undecidable is a type that no engine has: of a field with it nothing is
// asked, and Go decides.
const undecidable = "undecidable"

// typeOf is the field's type, as far as all indices agree: "" where none maps it.
func (s *sourceColumns) typeOf(field string) string {
	known, mapped := s.caps[field]
	switch {
	case !mapped:
		return ""
	case !known.Searchable:
		return undecidable
	case len(known.Types) == 1:
		return known.Types[0]
	case !slices.ContainsFunc(known.Types, func(t string) bool { return !slices.Contains(exactTypes, t) }):
		return "keyword"
	}
	return undecidable
}

// exactTypes hold whole texts and answer the same questions alike.
var exactTypes = []string{"constant_keyword", "keyword", "wildcard"}

// sourceWords returns the source's words for a view's word: those mapped to
// it, and the word itself unless the source means something else by it.
func (c column) sourceWords(v esq.Value, fold bool) ([]esq.Value, bool) {
	want, ok := v.Str()
	if !ok {
		return []esq.Value{v}, true
	}
	same := func(a string) bool { return a == want || fold && eql.Fold(a) == eql.Fold(want) }
	var words []esq.Value
	for _, theirs := range sortedKeys(c.words) {
		if same(c.words[theirs]) {
			words = append(words, esq.Str(theirs))
		}
	}
	if _, mapped := c.words[want]; !mapped || fold {
		words = append(words, v)
	}
	return words, true
}

// asked is a source as a stage asks it.
type asked struct {
	stage  *stage
	source *source
}

// searcher runs a fetch and keeps count of what it cost.
type searcher struct {
	engine   esq.Searcher
	rule     *Rule
	caps     map[string]map[string]esq.FieldCap // by the text of the indices
	counted  map[asked]int64                    // how much there is without the neighbours
	observe  func(Asked)                        // nil: nobody wants to know
	stats    esq.Stats
	warnings []string
	unknown  []UserMisses
	unfound  unfound

	exceptions []ExceptionCount
}

func newSearcher(eng esq.Searcher, r *Rule) searcher {
	return searcher{engine: eng, rule: r, caps: map[string]map[string]esq.FieldCap{}, counted: map[asked]int64{}, unfound: unfound{}}
}

func (s *searcher) warn(format string, args ...any) {
	if w := fmt.Sprintf(format, args...); !slices.Contains(s.warnings, w) {
		s.warnings = append(s.warnings, w)
	}
}

func (s *searcher) note(stats esq.Stats) {
	stats.Broken, stats.BrokenCount = nil, 0 // asked for by Arrivals, once
	s.stats.Add(stats)
}

// fieldCaps asks once per run what the fields of some indices are: at once all
// fields that any stage reads there.
func (s *searcher) fieldCaps(ctx context.Context, f *fetch, src *source) (map[string]esq.FieldCap, error) {
	indices := strings.Join(src.index, ",")
	caps, known := s.caps[indices]
	if !known {
		var err error
		if caps, err = s.askFields(ctx, src.index, withObjects(s.rule.fieldsIn(src.index, f.columns(src)))); err != nil {
			return nil, fmt.Errorf("ask for the fields of %s: %w", s.sourceName(f.stage, src), err)
		}
		s.caps[indices] = caps
	}
	if c, ok := caps[src.time]; ok && !slices.Contains(c.Types, "date") && !slices.Contains(c.Types, "date_nanos") {
		return nil, fmt.Errorf("%s: %s is mapped as %s, and only a date can be searched by time; mend the mapping, or name another field with time = in the view",
			s.sourceName(f.stage, src), src.time, strings.Join(c.Types, ", "))
	}
	return caps, nil
}

// fieldsIn adds to fields what any stage reads of the same indices.
func (r *Rule) fieldsIn(indices, fields []string) []string {
	for _, stage := range r.plan.stages {
		f := &fetch{stage: stage}
		for _, src := range stage.sources {
			for _, each := range src.everything() {
				if slices.Equal(each.index, indices) {
					fields = append(fields, f.columns(each)...)
				}
			}
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

func (s *searcher) sourceName(st *stage, src *source) string {
	if st.view == nil {
		return "stage " + st.id
	}
	return "view " + st.view.name + ", source " + src.name
}

// count estimates how many documents the engine would hand over for each of
// some fetches.
func (s *searcher) count(ctx context.Context, list []*fetch) (totals []int64, err error) {
	totals = make([]int64, len(list))
	var questions batch
	for i, f := range list {
		for _, src := range f.stage.sources {
			caps, err := s.fieldCaps(ctx, f, src)
			if err != nil {
				return nil, err
			}
			q := f.query(src, caps)
			questions.add(esq.Question{Count: &esq.Counting{Indices: src.index, Query: q, Yield: func(n int64) error {
				totals[i] += n
				s.counted[asked{f.stage, src}] = n
				s.asked(f, src, Asked{Count: true, Search: esq.Search{Indices: src.index, Query: q}, Answer: n})
				return nil
			}}}, nil, "count stage %s in %s", f.stage.id, s.sourceName(f.stage, src))
		}
	}
	return totals, s.put(ctx, questions)
}

// events fetches what the stage accepts.
func (s *searcher) events(ctx context.Context, f *fetch) (accepted []*event, fetched int64, err error) {
	var questions batch
	gathered := make([]*gathering, len(f.stage.sources))
	rows := 0
	for i, src := range f.stage.sources {
		caps, err := s.fieldCaps(ctx, f, src)
		if err != nil {
			return nil, 0, err
		}
		g := &gathering{s: s, f: f, src: src, caps: caps, mapping: f.mapping(src, caps), fill: newFiller(f.users, f.stage)}
		gathered[i] = g
		s.askFor(&questions, f, src, caps, f.ask(f.time.query(src.time), g.mapping), func(e *event) error {
			rows += g.take(e)
			if rows > s.rule.MaxRows {
				return &TooManyRowsError{Stage: f.stage.id, Max: s.rule.MaxRows}
			}
			return nil
		}, &fetched)
	}
	if err := s.put(ctx, questions); err != nil {
		return nil, 0, err
	}
	for _, g := range gathered {
		n, err := g.finish(ctx)
		if err != nil {
			return nil, 0, err
		}
		fetched += n
		accepted = append(accepted, g.accepted...)
	}
	return accepted, fetched, nil
}

// gathering is the events of one source for a fetch.
type gathering struct {
	s          *searcher
	f          *fetch
	src        *source
	caps       map[string]esq.FieldCap
	mapping    *sourceColumns
	fill       *filler
	misses     UserMisses
	accepted   []*event
	incomplete []*event // whose parts are still to come
}

// take returns how many rows more there may be by the event.
func (g *gathering) take(e *event) int {
	if len(g.src.parts) == 0 {
		before := len(g.accepted)
		g.keep(e)
		return len(g.accepted) - before
	}
	if !g.f.mayAccept(e) {
		return 0
	}
	g.incomplete = append(g.incomplete, e)
	return 1
}

func (g *gathering) keep(e *event) {
	unknown := g.fill.fill(e)
	if g.f.accepts(e) && !g.s.keptOut(g.f.stage, e) {
		g.accepted = append(g.accepted, e)
		g.misses.note(unknown, 1)
	}
}

// finish brings the parts of the events, and says whom the user map misses.
func (g *gathering) finish(ctx context.Context) (fetched int64, err error) {
	if fetched, err = g.s.complete(ctx, g.f, g.src, g.incomplete); err != nil {
		return 0, err
	}
	for _, e := range g.incomplete {
		g.keep(e)
	}
	if g.mapping.looked {
		if g.misses, err = g.s.misses(ctx, g.f, g.src, g.caps); err != nil {
			return 0, err
		}
	}
	g.s.missed(g.f.stage, g.src, g.misses)
	return fetched, nil
}

// read hands over the documents of a source that match, oldest first.
func (s *searcher) read(ctx context.Context, f *fetch, src *source, q esq.Query, yield func(*event) error) (fetched int64, err error) {
	caps, err := s.fieldCaps(ctx, f, src)
	if err != nil {
		return 0, err
	}
	var questions batch
	s.askFor(&questions, f, src, caps, q, yield, &fetched)
	return fetched, s.put(ctx, questions)
}

// askFor asks for the documents of a source that match; fetched is raised by how
// many they are.
func (s *searcher) askFor(questions *batch, f *fetch, src *source, caps map[string]esq.FieldCap, q esq.Query, yield func(*event) error, fetched *int64) {
	read, known := newReader(f.stage, src), s.recall(f.stage, src)
	search := esq.Search{Indices: src.index, Query: q, Time: src.time, Fields: read.fields, Many: s.many(f, src)}
	if known != nil {
		search.Known = known.known
	}
	changes := f.users != nil || len(src.parts) > 0
	questions.add(esq.Question{Search: &esq.Asking{Search: search, Yield: func(h esq.Hit) error {
		d := known.hit(read, h, s.sourceName(f.stage, src), caps)
		if d.event == nil {
			s.warn("%s: document %s/%s: its %s cannot be read", s.sourceName(f.stage, src), h.Index, h.ID, src.time)
			return nil
		}
		s.unfound.note(d.gaps)
		if known != nil && changes {
			return yield(d.event.copy())
		}
		return yield(d.event)
	}}}, func(stats esq.Stats) {
		*fetched += stats.Hits
		s.asked(f, src, Asked{Search: search, Answer: stats.Hits})
	}, "search stage %s in %s", f.stage.id, s.sourceName(f.stage, src))
}

// fewAtMost is how many documents are taken to fit into one answer.
const fewAtMost = 5000

// many reports whether a source is known to bring more than one answer holds.
// Where neighbours narrow the question nobody knows.
func (s *searcher) many(f *fetch, src *source) bool {
	return len(f.narrow) == 0 && s.counted[asked{f.stage, src}] > fewAtMost
}
