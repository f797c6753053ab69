package sequence

import (
	"slices"

	"github.com/stitchdetect/stitch/esq/eql"
)

// joinKeys is, per row of a stage, the numbers under which it joins: ascending,
// each once. Nearly always a row has one of them or none.
type joinKeys struct {
	one  []int32   // 0 is none
	many [][]int32 // instead of one, if some row has several
	// spelt says, of the numbers of a column, that some text had letters to fold.
	spelt bool
}

// of returns the keys of a row.
func (k joinKeys) of(row int32) []int32 {
	switch {
	case k.many != nil:
		return k.many[row]
	case k.one[row] == 0:
		return nil
	}
	return k.one[row : row+1 : row+1]
}

// first returns the smallest key of a row, which has one.
func (k *joinKeys) first(row int32) int32 {
	if k.many != nil {
		return k.many[row][0]
	}
	return k.one[row]
}

// same reports whether both are the very same single keys.
func (k *joinKeys) same(as *joinKeys) bool {
	return k.alone() && as.alone() && len(k.one) > 0 && len(as.one) > 0 && &k.one[0] == &as.one[0]
}

// alone reports whether no row has more than one key.
func (k joinKeys) alone() bool { return k.many == nil }

// newJoinKeys returns the keys of n rows: those that add, called for each row in
// turn, appends to the slice it is given, in any order and with repetitions. A
// row with an earlier twin, if there are twins, has the twin's.
func newJoinKeys(n int, twins []int32, add func(row int32, to []int32) []int32) joinKeys {
	k := joinKeys{one: make([]int32, n)}
	var numbers []int32
	for row := range n {
		if twins != nil && int(twins[row]) < row {
			k.share(row, twins[row])
			continue
		}
		numbers = add(int32(row), numbers[:0])
		k.set(row, ascending(numbers))
	}
	return k
}

// ascending sorts numbers and leaves each once.
func ascending(numbers []int32) []int32 {
	if len(numbers) < 2 {
		return numbers
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

func (k *joinKeys) set(row int, numbers []int32) {
	switch {
	case k.many != nil:
		k.many[row] = slices.Clone(numbers)
	case len(numbers) == 1:
		k.one[row] = numbers[0]
	case len(numbers) > 1:
		many := make([][]int32, len(k.one))
		for i := range row {
			many[i] = k.of(int32(i))
		}
		many[row] = slices.Clone(numbers)
		k.many = many
	}
}

func (k *joinKeys) share(row int, with int32) {
	if k.many != nil {
		k.many[row] = k.many[with]
	} else {
		k.one[row] = k.one[with]
	}
}

// combine returns per row the numbers of the pairs of two keys.
func (q *problem) combine(a, b joinKeys) joinKeys {
	q.ids.pairs.reserve(len(a.one))
	return newJoinKeys(len(a.one), nil, func(row int32, to []int32) []int32 {
		for _, x := range a.of(row) {
			for _, y := range b.of(row) {
				to = append(to, q.ids.pair(x, y))
			}
		}
		return to
	})
}

// keysOf returns the keys of the rows of one side of an equality. Rows that
// stand for the same row share them.
func (q *problem) keysOf(t *test, side int) joinKeys {
	s := t.equal.sides[side]
	table := q.tables[s.stage]
	if s.column != noColumn && table.spread == nil {
		return q.keysOfColumn(slot{s.stage, s.column}, t.equal.fold)
	}
	twins := table.twin
	if t.single {
		twins = nil
	}
	q.env.single = t.single
	return newJoinKeys(len(table.rows), twins, func(row int32, to []int32) []int32 {
		q.env.at[s.stage] = row
		return q.numbers(s.program.Values(&q.env), t.equal.fold, to)
	})
}

// keysOfColumn returns the numbers of a column's values. They are kept: several
// equalities, and the key of a match, ask for the same.
func (q *problem) keysOfColumn(s slot, fold bool) joinKeys {
	at := columnKeys{s, fold}
	if k, ok := q.columns[at]; ok {
		return k
	}
	k := joinKeys{one: make([]int32, len(q.tables[s.stage].rows))}
	var b block
	q.ids.spelt = false
	for from := 0; from < len(k.one); from += blockSize {
		q.addBlock(&k, s, fold, from, &b)
	}
	k.spelt = q.ids.spelt
	q.columns[at] = k
	return k
}

// addBlock sets the numbers of the block of rows from the given one on.
func (q *problem) addBlock(k *joinKeys, s slot, fold bool, from int, b *block) {
	t := q.tables[s.stage]
	rows := t.rows[from:min(from+blockSize, len(t.rows))]
	texts := s.column < t.columns && k.many == nil
	if texts {
		b.read(rows, s.column, fold, q.ids)
	}
	for i := range rows {
		row := from + i
		if texts && b.is[i] && k.many == nil {
			k.one[row] = b.number(i, q.ids)
			continue
		}
		numbers := q.numbers(t.values(int32(row), s.column, false), fold, nil)
		k.set(row, ascending(numbers))
	}
}

// columnKeys says which numbers of which column are meant.
type columnKeys struct {
	slot
	fold bool
}

func (q *problem) numbers(values []eql.Value, fold bool, to []int32) []int32 {
	for _, v := range values {
		if !v.IsNull() {
			to = append(to, q.ids.value(v, fold))
		}
	}
	return to
}
