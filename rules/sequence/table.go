package sequence

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// table is the rows of one stage, ascending by (First, Last, ID).
type table struct {
	rows    []Row
	at      []int64       // when each row is; nil if some row lasts, or is at math.MinInt64
	index   []int         // of each row in the caller's list; nil if it is the row's own
	places  map[int]int32 // the other way round, once it is asked for
	columns int           // real ones
	// spread is set while one column's values are looked at one by one: each
	// row stands for one of them, and twin is the first row that stands for
	// the same of the caller's.
	spread *spread
	twin   []int32
	// lists holds, per column, what tells one row's values from another's.
	lists [][]int32
}

// spread says which column of a table is spread and the value of each row.
type spread struct {
	column int
	values [][]eql.Value // none or one
}

// newTable returns the table of those of a stage's rows that are among the given
// indices, which it takes over; of all rows if that is nil.
func newTable(rows []Row, among []int, columns int) (*table, error) {
	t := &table{columns: columns, lists: make([][]int32, columns+2)}
	if among == nil {
		if err := check(rows, columns); err != nil {
			return nil, err
		}
		if isSorted(rows) {
			t.rows, t.at = rows, moments(rows)
			return t, nil
		}
		among = make([]int, len(rows))
		for i := range among {
			among[i] = i
		}
	}
	order(rows, among)
	t.index, t.rows = among, make([]Row, len(among))
	for i, from := range among {
		t.rows[i] = rows[from]
	}
	t.at = moments(t.rows)
	return t, nil
}

// order sorts the indices of rows. Rows mostly come in order of time, so that only
// those of the same moment are to be put in order.
func order(rows []Row, among []int) {
	compare := func(a, b int) int {
		return cmp.Or(compareRows(&rows[a], &rows[b]), cmp.Compare(a, b))
	}
	if !slices.IsSortedFunc(among, func(a, b int) int { return cmp.Compare(rows[a].First, rows[b].First) }) {
		slices.SortFunc(among, compare)
		return
	}
	for from := 0; from < len(among); {
		to := from + 1
		for to < len(among) && rows[among[to]].First == rows[among[from]].First {
			to++
		}
		slices.SortFunc(among[from:to], compare)
		from = to
	}
}

func isSorted(rows []Row) bool {
	for i := 1; i < len(rows); i++ {
		if compareRows(&rows[i-1], &rows[i]) > 0 {
			return false
		}
	}
	return true
}

func check(rows []Row, columns int) error {
	for i := range rows {
		r := &rows[i]
		if r.First > r.Last {
			return fmt.Errorf("row %q ends before it begins", r.ID)
		}
		if len(r.Values) != columns {
			return fmt.Errorf("row %q has %d columns, not %d", r.ID, len(r.Values), columns)
		}
	}
	return nil
}

// moments returns when each row is; nil as [table.at] has it.
func moments(rows []Row) []int64 {
	at := make([]int64, len(rows))
	for i := range rows {
		if rows[i].First != rows[i].Last || rows[i].First == math.MinInt64 {
			return nil
		}
		at[i] = rows[i].First
	}
	return at
}

// given returns the index of a row in the caller's list.
func (t *table) given(row int32) int {
	if t.index == nil {
		return int(row)
	}
	return t.index[row]
}

// place is the row that is at an index in the caller's list.
func (t *table) place(given int) int32 {
	if t.index == nil {
		return int32(given)
	}
	if t.places == nil {
		t.places = make(map[int]int32, len(t.index))
		for row, i := range t.index {
			t.places[i] = int32(row)
		}
	}
	return t.places[given]
}

// compareRows orders rows by First, then Last, then ID.
func compareRows(a, b *Row) int {
	if a.First != b.First { // nearly always; the rest is not worked out for nothing
		return cmp.Compare(a.First, b.First)
	}
	return cmp.Or(cmp.Compare(a.Last, b.Last), cmp.Compare(a.ID, b.ID))
}

// compareEnds orders rows by Last, then First, then ID.
func compareEnds(a, b *Row) int {
	if a.Last != b.Last {
		return cmp.Compare(a.Last, b.Last)
	}
	return compareRows(a, b)
}

// values returns the values of a row's column; with single, of a spread column
// only the one the row stands for.
func (t *table) values(row int32, column int, single bool) []eql.Value {
	r := &t.rows[row]
	switch {
	case single && t.spread != nil && t.spread.column == column:
		return t.spread.values[row]
	case column < t.columns:
		return r.Values[column]
	case column == t.columns:
		return []eql.Value{isoTime(r.First)}
	}
	return []eql.Value{isoTime(r.Last)}
}

// representative returns the row that stands for the same of the caller's rows
// as the given one; in a table that is not spread, the row itself.
func (t *table) representative(row int32) int32 {
	if t.twin == nil {
		return row
	}
	return t.twin[row]
}

// spreadOut returns the table with a row per value of a column: every row as
// often as it has distinct values there, at least once.
func (t *table) spreadOut(column int) *table {
	out := &table{columns: t.columns, spread: &spread{column: column}, lists: make([][]int32, len(t.lists))}
	add := func(from int, twin int32, value []eql.Value) {
		out.rows = append(out.rows, t.rows[from])
		out.index = append(out.index, t.given(int32(from)))
		out.twin = append(out.twin, twin)
		out.spread.values = append(out.spread.values, value)
	}
	for i := range t.rows {
		twin := int32(len(out.rows))
		for _, v := range distinct(t.values(int32(i), column, false)) {
			add(i, twin, []eql.Value{v})
		}
		if len(out.rows) == int(twin) {
			add(i, twin, nil)
		}
	}
	out.at = moments(out.rows)
	return out
}

// those returns the rows of the given indices into the caller's list.
func (t *table) those(indices []int) domain {
	wanted := make(map[int]bool, len(indices))
	for _, i := range indices {
		wanted[i] = true
	}
	return everyRow(t).filter(func(row int32) bool { return wanted[t.given(row)] })
}

// distinct returns the values that are not null, each once, in order.
func distinct(values []eql.Value) []eql.Value {
	kept := make([]eql.Value, 0, len(values))
	for _, v := range values {
		if !v.IsNull() {
			kept = append(kept, v)
		}
	}
	slices.SortFunc(kept, esq.Compare)
	return slices.Compact(kept)
}

// isoTime writes Unix milliseconds as an ISO time in UTC.
func isoTime(ms int64) eql.Value {
	return esq.Str(time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"))
}
