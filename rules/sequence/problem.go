package sequence

import (
	"context"
	"slices"

	"github.com/stitchdetect/stitch/esq/eql"
)

// problem is the first n stages of a pattern and the rows to stitch.
//
// Its tests are of two sorts. The chain's own decide what is a chain and
// therefore what a pick picks from. Those of a value ask in addition that one
// value of a column satisfies what mentions it; a pick does not know of them.
type problem struct {
	pattern *Pattern
	n       int
	present []int // the stages that a chain has a row of
	absent  []int // the absent stages that are judged; the others play no part
	tables  []*table
	own     rules
	// all is own with the tests of a value; the same as own if there are none.
	all rules
	// alone is the tests of a value that concern no other stage.
	alone []*test
	// endings says, per absent stage, what bounds the time in which a row counts.
	endings map[int][]end
	// whole is the rows of each stage that are left when the chain's own links
	// have thrown out those without a partner. Of an absent stage these are rows
	// that may count.
	whole []domain
	// rivals is what is picked from: whole, each of the caller's rows once.
	rivals  []domain
	extents []*box  // of rivals, once known
	support support // of whole, by all

	latest  []int64 // scratch by number; see noneYet
	kept    domain  // scratch
	onlyKey []int32 // of rows whose link has no equality
	ids     *interner
	columns map[columnKeys]joinKeys // that have been asked for
	again   bool                    // rows are looked at in part, and then others of them
	env     env
	cost    cost
	done    <-chan struct{}
}

// rules is what must hold between the rows of a chain.
type rules struct {
	links [][]*link // by both stages, either way round
	wide  []*test   // over three stages or more, none of them absent
	// apart is per absent stage the tests over it and two stages or more.
	apart map[int][]*test
}

// cost counts what was done, for tests: the work must not grow with the number
// of combinations.
type cost struct {
	rows  int // rows looked at
	pairs int // pairs of rows, or of groups of rows, that were compared
	evals int // conditions evaluated
}

// env is the rows a condition is evaluated over.
type env struct {
	problem *problem
	at      []int32 // per stage
	single  bool    // of a spread column, only the row's one value
}

// Values returns the values of a slot in the rows at hand.
func (e *env) Values(n int) []eql.Value {
	s := e.problem.pattern.slots[n]
	return e.problem.tables[s.stage].values(e.at[s.stage], s.column, e.single)
}

// Set returns nil: joins have no sets.
func (e *env) Set(int) *eql.Set { return nil }

// newProblem sets up the first len(tables) stages and filters every stage by
// itself and by its partners. absent is which absent stages are judged. valueOf,
// if not nil, is the column whose values are looked at one by one; its table is
// spread.
func newProblem(ctx context.Context, p *Pattern, tables []*table, absent []int, valueOf *slot) *problem {
	q := &problem{pattern: p, n: len(tables), tables: tables, absent: absent, endings: map[int][]end{},
		ids: newInterner(), columns: map[columnKeys]joinKeys{}, onlyKey: []int32{0}, support: newSupport(len(tables)), done: ctx.Done()}
	q.present = p.stagesThat(false, q.n)
	for _, i := range absent {
		q.endings[i] = p.endsOf(i)
	}
	q.env = env{problem: q, at: make([]int32, q.n)}
	own, single := q.tests(valueOf)
	q.own = q.newRules(own)
	if valueOf == nil {
		q.equate(q.own)
	}
	q.all = q.own
	if len(single) > 0 {
		q.alone = slices.DeleteFunc(slices.Clone(single), func(t *test) bool { return len(t.stages) > 1 })
		q.all = q.newRules(append(slices.DeleteFunc(slices.Clone(own), impliedBy(single)), single...))
	}
	q.whole = everyRows(tables)
	q.filterSpans()
	q.filterAlone(q.whole, own)
	q.filterPartners()
	q.filterAbsent()
	if len(single) > 0 {
		q.support = newSupport(q.n) // of what own asks, which is less
	}
	q.rivals, q.extents = make([]domain, q.n), make([]*box, q.n)
	for i := range tables {
		q.rivals[i] = q.represented(i)
	}
	return q
}

// tests returns the conditions over the problem's stages, and those that one
// value must satisfy once more.
func (q *problem) tests(valueOf *slot) (own, single []*test) {
	for _, c := range q.pattern.conditions {
		absent := q.pattern.stages[c.of].absent
		if c.of >= q.n || absent && !slices.Contains(q.absent, c.of) {
			continue
		}
		own = append(own, newTest(c, false))
		if valueOf != nil && c.mentions(*valueOf) && !absent {
			single = append(single, newTest(c, true))
		}
	}
	return own, single
}

// impliedBy returns which tests hold because one of the given tests, about a
// single value, does: an equality with one value of a column is one with the
// column.
func impliedBy(single []*test) func(*test) bool {
	return func(t *test) bool {
		return t.equal != nil && slices.ContainsFunc(single, func(s *test) bool { return s.condition == t.condition })
	}
}

func (q *problem) newRules(tests []*test) rules {
	r := rules{links: make([][]*link, q.n), apart: map[int][]*test{}}
	for a := range q.n {
		r.links[a] = make([]*link, q.n)
		for b := range a {
			l := &link{stages: [2]int{b, a}}
			r.links[a][b], r.links[b][a] = l, l
		}
	}
	for _, t := range tests {
		switch len(t.stages) {
		case 0, 1: // see filterAlone
		case 2:
			l := r.links[t.stages[0]][t.stages[1]]
			if t.equal != nil {
				l.equal = append(l.equal, t)
			} else {
				l.rest = append(l.rest, t)
			}
		default:
			if q.pattern.stages[t.of].absent {
				r.apart[t.of] = append(r.apart[t.of], t)
			} else {
				r.wide = append(r.wide, t)
			}
		}
	}
	for _, b := range q.bounds() {
		l := r.links[b.from][b.to]
		l.bounds = append(l.bounds, b)
	}
	return r
}

// bounds returns the constraints of time between the problem's stages.
func (q *problem) bounds() []bound {
	var all []bound
	for _, o := range q.pattern.orders {
		if o.to < q.n {
			all = append(all, o)
		}
	}
	orders := all
	if q.pattern.maxSpan != unlimited {
		all = append(all, spans(q.n, q.present, orders, q.pattern.maxSpan)...)
	}
	for _, i := range q.absent {
		all = append(all, q.boundsOf(i, orders)...)
	}
	return all
}

// boundsOf returns the constraints of time between the rows of an absent stage
// and a chain, whose orders are given.
func (q *problem) boundsOf(absent int, orders []bound) []bound {
	own := q.pattern.stages[absent].orders
	if q.pattern.maxSpan == unlimited {
		return own
	}
	all := slices.Clone(own)
	for _, b := range spans(q.n, append(slices.Clone(q.present), absent), slices.Concat(orders, own), q.pattern.maxSpan) {
		if b.from == absent || b.to == absent {
			all = append(all, b)
		}
	}
	return all
}

// filterSpans throws out the rows that alone are longer than a chain may be.
func (q *problem) filterSpans() {
	limit := q.pattern.maxSpan
	if limit == unlimited {
		return
	}
	for s, t := range q.tables {
		q.whole[s] = q.whole[s].filter(func(row int32) bool {
			return t.rows[row].Last <= plus(t.rows[row].First, limit)
		})
	}
}

// filterAlone applies the tests that concern one stage alone, or none at all.
func (q *problem) filterAlone(rows []domain, tests []*test) {
	for _, t := range tests {
		switch len(t.stages) {
		case 0:
			if !q.holds(t) {
				rows[0] = nil
			}
		case 1:
			s := t.stages[0]
			rows[s] = rows[s].filter(func(row int32) bool {
				q.env.at[s] = row
				return q.holds(t)
			})
		}
	}
}

// filterPartners throws out rows without a partner until nothing changes: from
// the first stage on and back again. More than a few rounds are not worth their
// time: what they would still find is found later.
func (q *problem) filterPartners() {
	for range q.n {
		changed := false
		for i, stage := range q.present {
			for _, earlier := range q.present[:i] {
				changed = q.filterBy(stage, earlier) || changed
			}
		}
		for i, stage := range slices.Backward(q.present) {
			for _, later := range q.present[i+1:] {
				changed = q.filterBy(stage, later) || changed
			}
		}
		if !changed {
			return
		}
	}
}

// filterAbsent throws out the rows of absent stages that go with no chain,
// because they have no partner in some stage.
func (q *problem) filterAbsent() {
	for _, i := range q.absent {
		for _, other := range q.present {
			if l := q.own.links[i][other]; !l.empty() {
				q.whole[i], _ = q.withPartner(l, i)
			}
		}
	}
}

// filterBy throws out the rows of a stage without a partner in another. It
// reports whether there were any.
func (q *problem) filterBy(stage, other int) bool {
	l := q.own.links[stage][other]
	if l.implied() || q.support.has(stage, other, q.whole[stage], q.whole[other]) {
		return false
	}
	before := q.whole[stage]
	var mutual bool
	q.whole[stage], mutual = q.withPartner(l, stage)
	q.support.note(stage, other, before, q.whole[stage], q.whole[other], mutual)
	return len(q.whole[stage]) != len(before)
}

// withPartner returns the rows of a stage with a partner in whole, as semijoin
// does. Rows that stand for the same of the caller's are looked at once: to the
// chain's own rules they are the same.
func (q *problem) withPartner(l *link, stage int) (rows domain, mutual bool) {
	other := l.other(stage)
	once, mutual := q.semijoin(l, stage, q.represented(stage), q.represented(other), nil)
	if q.tables[stage].twin == nil {
		return once, mutual
	}
	return q.whole[stage].filter(func(row int32) bool { return once.has(q.tables[stage].representative(row)) }), mutual
}

// represented returns the representatives in a stage's whole domain.
func (q *problem) represented(stage int) domain {
	t := q.tables[stage]
	if t.twin == nil {
		return q.whole[stage]
	}
	return q.whole[stage].filter(func(row int32) bool { return t.representative(row) == row })
}

// cancelled reports whether the work is to be given up. It is asked now and
// then; once true, answers are no longer complete and must be thrown away.
func (q *problem) cancelled() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}
