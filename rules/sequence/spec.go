package sequence

import (
	"time"

	"github.com/stitchdetect/stitch/esq/eql"
)

// Pick says which rows of a stage a chain may use, of all that would do.
type Pick uint8

// The picks: every row, or only the nearest in time.
const (
	PickAll   Pick = iota
	PickFirst      // the earliest by First, then Last, then ID
	PickLast       // the latest by Last, then First, then ID
)

// Spec is a pattern as a rule states it.
type Spec struct {
	Stages  []Stage       // in the order in which the rule has them
	MaxSpan time.Duration // from the first to the last moment of a chain at most; 0: no limit
	By      []Key         // one match per distinct value of these; empty: one match for all chains
}

// Stage is one place of a chain.
type Stage struct {
	ID      string
	Columns []string // the names of the values of its rows
	// Join must hold between a row of this stage and the chain's rows of
	// earlier stages. A name whose first segment is the ID of an earlier stage
	// means that stage's column, any other this stage's own. Besides its
	// columns a stage has first and last, the times of its row as ISO strings
	// with milliseconds in UTC, unless a column has that name. nil: no join.
	Join  eql.Expr
	After []After
	Pick  Pick
	// Absent says that no row of the stage may exist. The stage adds nothing to
	// a chain; it drops the chains that some row of its rows goes with: one for
	// which the stage's Join, After and Between hold and which, together with
	// the chain, is not longer than [Spec.MaxSpan]. What a stage picks is not a
	// matter of what is absent. Nothing can name an absent stage.
	Absent bool
	// Between says of an absent stage that only rows count that end no later
	// than the row of the next stage that is not absent begins.
	Between bool
}

// After puts a stage after an earlier one: the other row's Last is not after
// this row's First, and at most Within before it.
type After struct {
	Stage  string
	Within time.Duration // 0: no limit
}

// Key names a part of what tells one match from another.
type Key struct {
	Stage  string
	Column string // "": the row itself, by its ID
	Fold   bool   // ASCII letters of either case are the same
}

// Row is one candidate for a stage.
type Row struct {
	ID          string // identity; rows that share it count as one where a key names the row
	First, Last int64  // what the row spans, in Unix milliseconds; First <= Last
	// Values are parallel to [Stage.Columns]; no values, or only nulls, are a
	// missing value.
	Values [][]eql.Value
}

// Match is all chains that share a key.
type Match struct {
	// Key is parallel to [Spec.By]. A missing value is null; of values that
	// differ only in case, where a key folds, it is the smallest.
	Key []eql.Value
	// Rows lists per stage the indices of the rows that stand in at least one
	// of the chains, ascending by (First, Last, ID). An absent stage has none.
	Rows [][]int
	// Closed is the time for which the chains were judged; see [Pattern.Judge].
	Closed int64
}

// Pending is the chains of a key that cannot be judged yet: nothing speaks
// against them so far, but a row of an absent stage may still come.
type Pending struct {
	Match
	// Deadline is the earliest deadline of these chains, in Unix milliseconds.
	// A chain's deadline is the moment after which no row begins that could
	// still go with it; without any such bound it is math.MaxInt64.
	Deadline int64
}
