package sequence

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/stitchdetect/stitch/esq/eql"
)

// Stitch returns the matches among the rows, which are listed per stage, when
// no further row can come. They are sorted by key, and neither they nor what is
// in them depend on the order of the rows. ctx only ends work that takes long;
// the error is then its own.
func (p *Pattern) Stitch(ctx context.Context, rows [][]Row) ([]Match, error) {
	matches, _, err := p.Judge(ctx, rows, math.MaxInt64)
	return matches, err
}

// Judge is [Pattern.Stitch] while rows of absent stages may still come: closed,
// in Unix milliseconds, is the time up to which all that begin are there. The
// matches have the chains whose deadline is not later; a key's other chains, if
// no row that is there drops them, are pending. Keys can have both. Without
// absent stages nothing is pending.
func (p *Pattern) Judge(ctx context.Context, rows [][]Row, closed int64) ([]Match, []Pending, error) {
	w, err := p.stitch(ctx, rows, closed)
	if err != nil || w == nil {
		return nil, nil, err
	}
	return w.matches, w.pending, nil
}

// stitch returns the walk that is done; nil without stages.
func (p *Pattern) stitch(ctx context.Context, rows [][]Row, closed int64) (*walk, error) {
	if len(rows) != len(p.stages) {
		return nil, fmt.Errorf("stitch rows: rows of %d stages, not %d", len(rows), len(p.stages))
	}
	if len(rows) == 0 {
		return nil, nil
	}
	tables, err := p.tables(rows)
	if err != nil {
		return nil, fmt.Errorf("stitch rows: %w", err)
	}
	w := newProblem(ctx, p, tables, p.stagesThat(true, len(rows)), nil).newWalk(closed)
	if !w.together() {
		w.visit(newState(w.problem), w.stages, map[int][]eql.Value{})
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("stitch rows: %w", err)
	}
	sortByKey(w.matches, func(m *Match) []eql.Value { return m.Key })
	sortByKey(w.pending, func(p *Pending) []eql.Value { return p.Key })
	return w, nil
}

// tables returns the tables of as many stages as there are rows of.
func (p *Pattern) tables(rows [][]Row) ([]*table, error) {
	tables := make([]*table, len(rows))
	for i := range rows {
		t, err := newTable(rows[i], nil, len(p.stages[i].columns))
		if err != nil {
			return nil, fmt.Errorf("stage %q: %w", p.stages[i].id, err)
		}
		tables[i] = t
	}
	return tables, nil
}

// Standing returns the rows of the first n stages that stand in some chain of
// those stages alone: their joins, order, picks and longest span hold, whatever
// the later stages have. Absent stages drop nothing here, since they cannot be
// judged yet, and have no rows. Each list is ascending by (First, Last, ID).
func (p *Pattern) Standing(ctx context.Context, rows [][]Row, n int) ([][]int, error) {
	if n < 0 || n > len(p.stages) || n > len(rows) {
		return nil, fmt.Errorf("stitch rows: no %d stages", n)
	}
	if n == 0 {
		return nil, nil
	}
	tables, err := p.tables(rows[:n])
	if err != nil {
		return nil, fmt.Errorf("stitch rows: %w", err)
	}
	s := newState(newProblem(ctx, p, tables, nil, nil))
	found := s.solve(s.present)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("stitch rows: %w", err)
	}
	if !found {
		return make([][]int, n), nil
	}
	return s.indices(), nil
}

// indices returns the rows of a solved state as the caller knows them.
func (s *state) indices() [][]int {
	all := make([][]int, s.n)
	for _, i := range s.present {
		for _, row := range s.rows[i] {
			all[i] = append(all[i], s.tables[i].given(row))
		}
	}
	return all
}

// Matched returns the values of a stage's column, sorted, each once, that
// satisfied every conjunct of a join that mentions the column, in a chain of
// the match: with that value as the column's only one the conjuncts hold. Of a
// column that nothing mentions these are all values of the match's rows. rows
// are those that were given to [Pattern.Stitch].
func (p *Pattern) Matched(rows [][]Row, m Match, stage, column int) []eql.Value {
	values, _ := p.matched(rows, m, slot{stage, column})
	return values
}

func (p *Pattern) matched(rows [][]Row, m Match, at slot) ([]eql.Value, cost) {
	var values []eql.Value
	several := false
	for _, i := range m.Rows[at.stage] {
		own := distinct(rows[at.stage][i].Values[at.column])
		several = several || len(own) > 1
		values = append(values, own...)
	}
	mentioned := slices.ContainsFunc(p.conditions, func(c *condition) bool { return c.mentions(at) && !p.stages[c.of].absent })
	if several && mentioned {
		return p.matchedOf(rows, m, at)
	}
	return distinct(values), cost{}
}

// matchedOf is Matched for a column that is mentioned and has rows with several
// values. The rows of the match are enough, but for the stages that pick, where
// what was not picked decides what was, and for the absent ones.
func (p *Pattern) matchedOf(rows [][]Row, m Match, at slot) ([]eql.Value, cost) {
	tables := make([]*table, len(rows))
	for i := range rows {
		among := append([]int{}, m.Rows[i]...)
		if p.stages[i].pick != PickAll || p.stages[i].absent {
			among = nil
		}
		tables[i], _ = newTable(rows[i], among, len(p.stages[i].columns)) // Stitch has checked the rows
	}
	tables[at.stage] = tables[at.stage].spreadOut(at.column)
	q := newProblem(context.Background(), p, tables, p.stagesThat(true, len(rows)), &at)
	s := newState(q)
	for i := range s.rows {
		if p.stages[i].pick != PickAll {
			ours := tables[i].those(m.Rows[i])
			s.rows[i] = s.rows[i].filter(ours.has)
		}
	}
	s.filterAlone(s.rows, q.alone)
	if !s.solve(s.present) || !s.until(m.Closed) {
		return nil, q.cost
	}
	var values []eql.Value
	for _, row := range s.rows[at.stage] {
		values = append(values, tables[at.stage].spread.values[row]...)
	}
	return distinct(values), q.cost
}
