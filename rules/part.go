package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// part is further documents of a source's events, such as those that name the
// accounts of an alert. Of the event's columns it carries those that it lists;
// their values are the event's own and those of all its parts.
type part struct {
	*source // what these documents are; of its columns only the listed ones
	on      string
	within  time.Duration // from the event's own document, either way
}

// readPart reads one [[source.part]]. Where its documents lie and what their
// times are called is the source's, unless it says otherwise.
func (f *file) readPart(at []string, i int, of sourceSpec, spec partSpec) *part {
	key := func(name string) []string { return append(at[:len(at):len(at)], name) }
	whole := sourceSpec{Name: fmt.Sprintf("%s, part %d", of.Name, i+1), Index: of.Index, Filter: spec.Filter, Time: of.Time, Ingest: of.Ingest, Columns: spec.Columns}
	if spec.Index != nil {
		whole.Index = spec.Index
	}
	if spec.Time != "" {
		whole.Time = spec.Time
	}
	if spec.Ingest != nil {
		whole.Ingest = spec.Ingest
	}
	p := &part{source: f.readSource(at, whole), on: spec.On}
	p.listedOnly, p.ties = true, []string{spec.On}
	switch {
	case spec.On == "":
		f.problem(at, "a part without on; add on = \"FIELD\", the field whose value it shares with its event")
	case strings.Contains(spec.On, "*"):
		f.problem(key("on"), "on must be one field, not a pattern")
	}
	if len(p.columns) == 0 {
		f.problem(at, "a part without columns; list in [source.part.columns] what it adds to its event")
	}
	var err error
	if spec.Within == "" {
		f.problem(at, "a part without within; add within = \"1h\", how far from its event it may be")
	} else if p.within, err = parseDuration(spec.Within); err != nil {
		f.problem(key("within"), "within: %v", err)
	}
	return p
}

// everything is the source's own columns and those of its parts.
func (s *source) everything() []*source {
	all := []*source{s}
	for _, p := range s.parts {
		all = append(all, p.source)
	}
	return all
}

// scattered reports whether the column's values lie in several documents, so
// that nothing of it can be asked of one.
func (s *source) scattered(column string) bool {
	return slices.ContainsFunc(s.parts, func(p *part) bool { return p.lists(column) })
}

func (s *source) lists(column string) bool {
	_, ok := s.columns[column]
	return ok
}

// reach is how far from its own document an event may have parts.
func (s *source) reach() time.Duration {
	longest := time.Duration(0)
	for _, p := range s.parts {
		longest = max(longest, p.within)
	}
	return longest
}

// compileSieves compiles, for the sources with parts, what of the stage's
// condition an event's own document decides.
func (s *stage) compileSieves() error {
	for _, src := range s.sources {
		if len(src.parts) == 0 {
			continue
		}
		var sieve []*eql.Program
		for _, conjunct := range eql.Conjuncts(s.cond) {
			if slices.ContainsFunc(eql.Refs(conjunct), func(ref eql.Ref) bool { return ref.Func == "" && (src.scattered(ref.Name) || fillable(ref.Name)) }) {
				continue
			}
			p, err := s.compile(conjunct)
			if err != nil {
				return err
			}
			sieve = append(sieve, p)
		}
		if s.sieves == nil {
			s.sieves = map[*source][]*eql.Program{}
		}
		s.sieves[src] = sieve
	}
	return nil
}

// mayAccept decides of an event whose parts are not there yet; false is final.
func (f *fetch) mayAccept(e *event) bool {
	return !slices.ContainsFunc(f.stage.sieves[e.source], func(p *eql.Program) bool { return !p.Holds(eventEnv{e, f.sets}) })
}

// complete brings the parts of events of one source, which are ordered by time.
func (s *searcher) complete(ctx context.Context, f *fetch, src *source, events []*event) (fetched int64, err error) {
	for i, p := range src.parts {
		for chunk := range slices.Chunk(events, maxKeys) {
			n, err := s.attach(ctx, f, p, i, chunk)
			if err != nil {
				return 0, err
			}
			fetched += n
		}
	}
	for _, e := range events {
		e.gather(f.stage, src)
	}
	return fetched, nil
}

// attach brings the documents of the i-th part that belong to some of the events.
func (s *searcher) attach(ctx context.Context, f *fetch, p *part, i int, events []*event) (fetched int64, err error) {
	owners := map[esq.Value][]*event{}
	for _, e := range events {
		for _, id := range distinct(e.ties[i]) {
			owners[id] = append(owners[id], e)
		}
	}
	if len(owners) == 0 {
		return 0, nil
	}
	caps, err := s.fieldCaps(ctx, f, p.source)
	if err != nil {
		return 0, err
	}
	within := p.within.Milliseconds()
	time := span{from: events[0].time - within, to: events[len(events)-1].time + within}
	q := esq.And(time.query(p.time), p.filter, p.tiedTo(owners, caps))
	attached := 0
	return s.read(ctx, f, p.source, q, func(doc *event) error {
		for _, id := range distinct(doc.ties[0]) {
			for _, e := range owners[id] {
				if gap := e.time - doc.time; gap > within || -gap > within || e.has(doc) {
					continue
				}
				e.parts = append(e.parts, doc)
				if attached++; attached > s.rule.MaxRows {
					return &TooManyRowsError{Stage: f.stage.id, Max: s.rule.MaxRows}
				}
			}
		}
		return nil
	})
}

// has reports whether doc was the last to be attached to e.
func (e *event) has(doc *event) bool { return len(e.parts) > 0 && e.parts[len(e.parts)-1] == doc }

// tiedTo accepts the documents whose on is one of the ids, and more where the
// engine cannot decide.
func (p *part) tiedTo(ids map[esq.Value][]*event, caps map[string]esq.FieldCap) esq.Query {
	values := make([]esq.Value, 0, len(ids))
	for id := range ids {
		values = append(values, id)
	}
	slices.SortFunc(values, esq.Compare)
	among := &eql.Lookup{Op: eql.In, X: &eql.Column{Name: p.on}, Set: &eql.Column{Func: "all", Name: p.on}}
	set := eql.NewSet(values)
	q, _ := eql.Translate(among, &sourceColumns{source: &source{}, caps: caps}, func(eql.Ref) *eql.Set { return set })
	return q
}

// gather gives the event the values of its parts: after its own, sorted, each once.
func (e *event) gather(s *stage, src *source) {
	for i, name := range s.columns {
		if name == timeColumn || !src.scattered(name) {
			continue
		}
		var values valueSet
		values.add(false, e.values[i])
		own := len(values.list)
		for _, p := range e.parts {
			values.add(false, p.values[i])
		}
		slices.SortFunc(values.list[own:], esq.Compare)
		e.values[i] = values.list
	}
}

// and is the query for the part's documents at the time that when asks for: of
// what they bring, only whole events decide.
func (p *part) and(when esq.Query, src *source, _ map[string]esq.FieldCap) esq.Query {
	return esq.And(when, src.filter)
}

// partReach is how far from the event of an absent stage its parts may lie: so
// much later it is complete.
func (p *plan) partReach() time.Duration {
	longest := time.Duration(0)
	for _, s := range p.stages {
		for _, src := range s.sources {
			if s.absent {
				longest = max(longest, src.reach())
			}
		}
	}
	return longest
}

// documentsOf are all documents of events, each once, oldest first.
func documentsOf(events []*event) []*event {
	all := slices.Clone(events)
	for _, e := range events {
		all = append(all, e.parts...)
	}
	return inOrder(all)
}
