package sequence

import (
	"cmp"
	"math"
	"slices"
)

// domain is rows of a table, ascending. A domain is never changed once made.
type domain []int32

// everyRows returns all rows of each of the tables. They share their memory.
func everyRows(tables []*table) []domain {
	longest := slices.MaxFunc(tables, func(a, b *table) int { return cmp.Compare(len(a.rows), len(b.rows)) })
	every, all := everyRow(longest), make([]domain, len(tables))
	for i, t := range tables {
		all[i] = every[:len(t.rows):len(t.rows)]
	}
	return all
}

// everyRow returns all rows of a table.
func everyRow(t *table) domain {
	d := make(domain, len(t.rows))
	for i := range d {
		d[i] = int32(i)
	}
	return d
}

func (d domain) has(row int32) bool {
	_, found := slices.BinarySearch(d, row)
	return found
}

// is reports whether d is the very same slice as e, a domain of the same stage.
func (d domain) is(e domain) bool {
	return len(d) == len(e) && (len(d) == 0 || &d[0] == &e[0])
}

// meets reports whether some row is in both.
func (d domain) meets(rows []int32) bool {
	return slices.ContainsFunc(rows, d.has)
}

// filter returns the rows that keep accepts, d itself if it accepts all.
func (d domain) filter(keep func(row int32) bool) domain {
	for i, row := range d {
		if keep(row) {
			continue
		}
		kept := append(make(domain, 0, len(d)-1), d[:i]...)
		for _, row := range d[i+1:] {
			if keep(row) {
				kept = append(kept, row)
			}
		}
		return slices.Clip(kept)
	}
	return d
}

// collect turns rows, in any order and with repetitions, into a domain. It
// takes the slice over.
func collect(rows []int32) domain {
	slices.Sort(rows)
	return domain(slices.Compact(rows))
}

// extent returns the smallest box that has all rows of a domain.
func (t *table) extent(d domain) box {
	if t.at != nil && len(d) > 0 {
		all := interval{t.at[d[0]], t.at[d[len(d)-1]]}
		return box{all, all}
	}
	b := box{interval{math.MaxInt64, math.MinInt64}, interval{math.MaxInt64, math.MinInt64}}
	for _, row := range d {
		r := &t.rows[row]
		b.first.low, b.first.high = min(b.first.low, r.First), max(b.first.high, r.First)
		b.last.low, b.last.high = min(b.last.low, r.Last), max(b.last.high, r.Last)
	}
	return b
}
