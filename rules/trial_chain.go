package rules

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/sequence"
)

// Relaxation is what is left out of a rule.
type Relaxation struct {
	Requirements []int    // places in [Trial.Requirements]
	Stages       []string // no row is wanted of these
	// Seed names a stage whose row must surely be of whom is looked for; "": the
	// events need not tell.
	Seed string
}

// Chain is one row per stage that goes together as far as was asked.
type Chain struct {
	Rows  []*ChainRow // by stage; nil for one that has no row
	trial *Trial
}

// ChainRow is a row of a chain.
type ChainRow struct {
	Stage       string
	First, Last time.Time
	Documents   []ChainDocument // oldest first
	row         *row
}

// ChainDocument is one of the documents behind a row.
type ChainDocument struct {
	Index, ID, Source string
	Time              time.Time
}

// Chooser picks one of several rows that would do, given those that are chosen
// already, and returns its place.
type Chooser func(so *Chain, stage string, among []*ChainRow) int

// most is how many rows a chooser is shown.
const mostToChoose = 200

// Chain returns a chain of the rule without what is left out, nil if there is
// none. Of several it is the one that choose prefers.
func (t *Trial) Chain(ctx context.Context, without Relaxation, choose Chooser) (*Chain, error) {
	a, err := t.arrange(ctx, without)
	if err != nil || a == nil {
		return nil, err
	}
	standing, err := a.stitch(ctx)
	if err != nil || standing == nil {
		return nil, err
	}
	if choose == nil {
		return &Chain{trial: t}, nil
	}
	c := &Chain{Rows: make([]*ChainRow, len(t.stages)), trial: t}
	for _, k := range a.choosing(t.Rule.plan.anchor) {
		s := t.stages[a.at[k]]
		var among []*ChainRow
		for _, r := range standing[k][:min(len(standing[k]), mostToChoose)] {
			among = append(among, s.chainRow(a.rows[k][r]))
		}
		chosen := 0
		if len(among) > 1 {
			chosen = choose(c, s.id, among)
			a.pin(k, standing[k][chosen])
			if standing, err = a.stitch(ctx); err != nil {
				return nil, err
			}
		}
		c.Rows[a.at[k]] = among[chosen]
	}
	return c, nil
}

func (s *trialStage) chainRow(r *row) *ChainRow {
	out := &ChainRow{Stage: s.id, First: utc(r.first), Last: utc(r.last), row: r}
	for _, e := range documentsOf(eventsOf([]*row{r})) {
		out.Documents = append(out.Documents, ChainDocument{e.index, e.id, e.source.name, utc(e.time)})
	}
	return out
}

// arrangement is a relaxed rule and its rows.
type arrangement struct {
	pattern *sequence.Pattern
	at      []int // the trial's stages that are there
	absent  []bool
	picks   []bool
	rows    [][]*row
	given   [][]sequence.Row
}

// choosing is the order in which rows are chosen: the anchor's first, and those
// that depend on the others last.
func (a *arrangement) choosing(anchor int) []int {
	var first, rest, last []int
	for k, at := range a.at {
		switch {
		case a.absent[k]:
		case a.picks[k]:
			last = append(last, k)
		case at == anchor:
			first = append(first, k)
		default:
			rest = append(rest, k)
		}
	}
	return slices.Concat(first, rest, last)
}

// pin leaves one row of a stage. What picks among its rows keeps them all: it is
// chosen last, when nothing else is open.
func (a *arrangement) pin(k, row int) {
	if !a.picks[k] {
		a.rows[k], a.given[k] = a.rows[k][row:row+1], a.given[k][row:row+1]
	}
}

// stitch returns the rows that stand in a chain, nil if there is none.
func (a *arrangement) stitch(ctx context.Context) ([][]int, error) {
	for k := range a.at {
		if len(a.given[k]) == 0 && !a.absent[k] {
			return nil, nil
		}
	}
	matches, err := a.pattern.Stitch(ctx, a.given)
	if err != nil || len(matches) == 0 {
		return nil, err
	}
	return matches[0].Rows, nil
}

// relaxed says what is left out, by requirement and stage.
type relaxed struct {
	*Trial
	out     map[int]bool
	missing []bool
	seed    string
}

func (x *relaxed) leaves(kind RequirementKind, stage, part, other int) bool {
	for i, r := range x.requirements {
		if r.Kind == kind && r.stage == stage && r.part == part && r.other == other {
			return x.out[i]
		}
	}
	return false
}

// arrange makes the relaxed rule and its rows; nil if no stage is left.
func (t *Trial) arrange(ctx context.Context, without Relaxation) (*arrangement, error) {
	x := &relaxed{Trial: t, out: map[int]bool{}, missing: make([]bool, len(t.stages)), seed: without.Seed}
	for _, i := range without.Requirements {
		x.out[i] = true
	}
	above := false
	for i, s := range t.stages {
		x.missing[i] = slices.Contains(without.Stages, s.id) ||
			s.absent && (!above || x.leaves(MustLack, i, 0, 0))
		above = above || !x.missing[i]
	}
	spec, a := x.spec()
	if len(a.at) == 0 {
		return nil, nil
	}
	var err error
	if a.pattern, err = sequence.Compile(spec); err != nil {
		return nil, fmt.Errorf("relax the rule: %w", err)
	}
	for k, at := range a.at {
		sets, err := x.sets(ctx, a, k)
		if err != nil {
			return nil, err
		}
		s := t.stages[at]
		a.rows = append(a.rows, s.rowsOf(x.accepted(s, sets)))
		a.given = append(a.given, sequenceRows(a.rows[k]))
	}
	return a, nil
}

// spec is the pattern without what is left out.
func (x *relaxed) spec() (sequence.Spec, *arrangement) {
	spec, a := sequence.Spec{}, &arrangement{}
	for i, r := range x.requirements {
		if r.Kind == MustSpan && !x.out[i] {
			spec.MaxSpan = r.Within
		}
	}
	for i, s := range x.stages {
		if x.missing[i] {
			continue
		}
		out := sequence.Stage{ID: s.id, Columns: s.row, Absent: s.absent, Between: s.between, After: x.after(i)}
		if !x.leaves(MustPick, i, 0, 0) {
			out.Pick = s.pick
		}
		for k, e := range conjuncts(s.join) {
			if !x.leaves(MustJoin, i, k, 0) && !x.speaksOfMissing(i, e) {
				out.Join = joinWith(eql.And, out.Join, e)
			}
		}
		if s.between && !slices.ContainsFunc(x.stages[i+1:], func(t *trialStage) bool { return !t.absent && !x.missing[t.at] }) {
			out.Between = false
		}
		spec.Stages = append(spec.Stages, out)
		a.at, a.absent, a.picks = append(a.at, i), append(a.absent, s.absent), append(a.picks, out.Pick != sequence.PickAll)
	}
	return spec, a
}

// after is what the stage comes after. For a stage that is missing stand those
// that it would come after.
func (x *relaxed) after(stage int) []sequence.After {
	var out []sequence.After
	add := func(a sequence.After) {
		if !slices.ContainsFunc(out, func(b sequence.After) bool { return a.Stage == b.Stage }) {
			out = append(out, a)
		}
	}
	for _, a := range x.stages[stage].after {
		other := x.index(a.Stage)
		if x.leaves(MustFollow, stage, 0, other) {
			continue
		}
		if x.leaves(MustReach, stage, 0, other) {
			a.Within = 0
		}
		if !x.missing[other] {
			add(a)
			continue
		}
		for _, b := range x.after(other) {
			if a.Within == 0 || b.Within == 0 {
				b.Within = 0
			} else {
				b.Within += a.Within
			}
			add(b)
		}
	}
	return out
}

func (x *relaxed) speaksOfMissing(owner int, e eql.Expr) bool {
	return slices.ContainsFunc(refsOf(e), func(ref eql.Ref) bool {
		at, _ := x.Rule.plan.place(ref.Name, owner)
		return x.missing[at]
	})
}

// sets computes the all(...) of the k-th stage that is there; nil for one that
// speaks of a stage that is missing.
func (x *relaxed) sets(ctx context.Context, a *arrangement, k int) ([]*eql.Set, error) {
	s := x.stages[a.at[k]]
	if len(s.sets) == 0 {
		return nil, nil
	}
	standing, err := a.pattern.Standing(ctx, a.given, k)
	if err != nil {
		return nil, fmt.Errorf("stitch the stages before %s: %w", s.id, err)
	}
	sets := make([]*eql.Set, len(s.sets))
	for i, ref := range s.sets {
		at, column := x.Rule.plan.place(ref.Name, a.at[k])
		from := slices.Index(a.at[:k], at)
		if from < 0 {
			continue
		}
		c := slices.Index(x.stages[at].row, column)
		var values []esq.Value
		for _, r := range standing[from] {
			values = append(values, a.rows[from][r].values[c]...)
		}
		sets[i] = eql.NewSet(values)
	}
	return sets, nil
}

// accepted are the events of a stage that all that is left of it accepts.
func (x *relaxed) accepted(s *trialStage, sets []*eql.Set) []*event {
	left := make([]bool, len(s.texts))
	for k, e := range s.queries {
		left[k] = x.leaves(MustQuery, s.at, k, 0) || e != nil && s.linked[k] && x.speaksOfMissing(s.at, e)
	}
	anyone := x.leaves(MustBe, s.at, 0, 0)
	anytime := !x.Rule.Windowed || x.leaves(MustLie, -1, 0, 0)
	excepted := func(e *event) bool {
		for k := range s.exceptions {
			if s.keepsOut(k, e) && !x.leaves(MustStay, s.at, k, 0) {
				return true
			}
		}
		return false
	}
	var out []*event
	for i, e := range s.events {
		at := utc(e.time)
		switch {
		case s.id == x.seed && s.match[i] != keyIs, !anyone && s.match[i] == keyIsNot:
		case !anytime && (at.Before(x.Window.From) || !at.Before(x.Window.To)):
		case !s.passes(i, left, sets), excepted(e):
		default:
			out = append(out, e)
		}
	}
	return out
}

// keepsOut reports whether an exception keeps an event out of the stage.
func (s *trialStage) keepsOut(k int, e *event) bool {
	x := s.exceptions[k]
	return x.program.Holds(eventEnv{e, nil}) && (x.Expires.IsZero() || e.time < x.Expires.UnixMilli())
}

func (s *trialStage) passes(i int, left []bool, sets []*eql.Set) bool {
	for k := range s.texts {
		switch {
		case left[k]:
		case s.linked[k]:
			if !s.program[k].Holds(eventEnv{s.events[i], sets}) {
				return false
			}
		case !s.pass[i][k]:
			return false
		}
	}
	return true
}

// Holds reports whether a requirement is met by a chain as it stands. Of pick,
// and of conditions that sets of other rows decide, it says true.
func (c *Chain) Holds(r Requirement) bool {
	t := c.trial
	if r.stage >= 0 && c.Rows[r.stage] == nil && r.Kind != MustLack {
		return true
	}
	switch r.Kind {
	case MustQuery:
		return r.Linked || len(c.Refused(r)) == 0
	case MustStay:
		return len(c.Refused(r)) == 0
	case MustJoin:
		env := &chainEnv{c: c, columns: r.Columns}
		p, err := eql.Compile(r.expr, env.slot)
		return err != nil || p.Holds(env)
	case MustFollow:
		return c.Rows[r.other] == nil || !c.Rows[r.stage].First.Before(c.Rows[r.other].Last)
	case MustReach:
		return c.Rows[r.other] == nil || c.Rows[r.stage].First.Sub(c.Rows[r.other].Last) <= r.Within
	case MustSpan:
		first, last := c.Extent()
		return last.Sub(first) <= r.Within
	case MustLie:
		first, last := c.Extent()
		return !first.Before(t.Window.From) && last.Before(t.Window.To)
	}
	return true
}

// Refused are the documents of the stage's row that a condition of its query
// does not accept, or that an exception keeps out.
func (c *Chain) Refused(r Requirement) []ChainDocument {
	s, row := c.trial.stages[r.stage], c.Rows[r.stage]
	var out []ChainDocument
	for i, e := range s.events {
		refused := false
		switch r.Kind {
		case MustQuery:
			refused = !s.linked[r.part] && !s.pass[i][r.part]
		case MustStay:
			refused = s.keepsOut(r.part, e)
		}
		if refused && slices.Contains(row.row.events, e) {
			out = append(out, ChainDocument{e.index, e.id, e.source.name, utc(e.time)})
		}
	}
	return out
}

// Extent is when the chain begins and ends.
func (c *Chain) Extent() (first, last time.Time) {
	for _, r := range c.Rows {
		if r == nil {
			continue
		}
		if first.IsZero() || r.First.Before(first) {
			first = r.First
		}
		if r.Last.After(last) {
			last = r.Last
		}
	}
	return first, last
}

// chainEnv lets a join's condition see the rows of a chain.
type chainEnv struct {
	c       *Chain
	columns []StageColumn // by reference, in order
	next    int
}

func (e *chainEnv) slot(eql.Ref) (int, error) {
	e.next++
	return e.next - 1, nil
}

// Values returns the values of a reference.
func (e *chainEnv) Values(slot int) []esq.Value { return e.c.Values(e.columns[slot]) }

// Set is never asked for: joins have no all(...).
func (e *chainEnv) Set(int) *eql.Set { return nil }

// Droppers returns the rows of an absent stage that keep the chain from counting.
func (t *Trial) Droppers(ctx context.Context, c *Chain, stage string) ([]*ChainRow, error) {
	a, err := t.arrange(ctx, Relaxation{})
	if err != nil || a == nil {
		return nil, err
	}
	own := -1
	for k, at := range a.at {
		if t.stages[at].id == stage {
			own = k
		}
		if !a.absent[k] && c.Rows[at] != nil {
			r := c.Rows[at].row
			a.rows[k], a.given[k] = []*row{r}, sequenceRows([]*row{r})
		} else if a.absent[k] && t.stages[at].id != stage {
			a.rows[k], a.given[k] = nil, nil
		}
	}
	if own < 0 {
		return nil, nil
	}
	var out []*ChainRow
	rows, given := a.rows[own], a.given[own]
	for i := range given[:min(len(given), mostToChoose)] {
		a.rows[own], a.given[own] = rows[i:i+1], given[i:i+1]
		found, err := a.stitch(ctx)
		if err != nil {
			return nil, err
		}
		if found == nil {
			out = append(out, t.stages[a.at[own]].chainRow(rows[i]))
		}
	}
	return out, nil
}
