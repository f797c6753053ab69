package sequence

import (
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq/eql"
)

// Pattern is a compiled [Spec]. It is immutable and may be used by several
// goroutines at once.
type Pattern struct {
	stages     []stage
	maxSpan    int64 // milliseconds; unlimited if none
	by         []part
	conditions []*condition // every conjunct of every join
	orders     []bound      // between the stages that are not absent
	slots      []slot       // what the slots of the programs stand for
}

type stage struct {
	id      string
	columns []string
	pick    Pick
	absent  bool
	orders  []bound // of an absent stage: between it and others
}

// slot is a column of a stage. The columns after the last real one are the
// row's own times.
type slot struct{ stage, column int }

// part is one part of a match's key.
type part struct {
	slot // column is wholeRow for the row itself
	fold bool
}

const wholeRow = -1

// unlimited is the limit of a bound that has none.
const unlimited = -1

// condition is one conjunct of a join.
type condition struct {
	of      int    // the stage in whose join it stands
	stages  []int  // that it mentions, ascending; an absent stage's mentions the stage itself
	columns []slot // that it mentions, ascending
	program *eql.Program
	// equal is set if the conjunct says that a value of one stage equals a
	// value of another.
	equal *equality
}

type equality struct {
	sides [2]side // sides[0].stage < sides[1].stage
	fold  bool
}

// side is one side of an equality: an expression over one stage alone.
type side struct {
	stage   int
	column  int // that the expression is; noColumn if it is more than that
	program *eql.Program
}

const noColumn = -1

func (c *condition) mentions(s slot) bool {
	for _, have := range c.columns {
		if have == s {
			return true
		}
	}
	return false
}

// Bound says that the row of stage From ends no later than the row of stage To
// begins, and no more than Within before it; Within 0 is no limit.
type Bound struct {
	From, To int
	Within   time.Duration
}

// Order returns the constraints of order as the spec states them. Those from or
// to an absent stage come last; they say which of its rows count.
func (p *Pattern) Order() []Bound {
	orders := slices.Clone(p.orders)
	for _, s := range p.stages {
		orders = append(orders, s.orders...)
	}
	bounds := make([]Bound, len(orders))
	for i, b := range orders {
		bounds[i] = Bound{From: b.from, To: b.to}
		if b.limit != unlimited {
			bounds[i].Within = time.Duration(b.limit) * time.Millisecond
		}
	}
	return bounds
}

// stagesThat returns which of the first n stages are absent, or are not.
func (p *Pattern) stagesThat(absent bool, n int) []int {
	var found []int
	for i, s := range p.stages[:n] {
		if s.absent == absent {
			found = append(found, i)
		}
	}
	return found
}
