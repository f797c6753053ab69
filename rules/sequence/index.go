package sequence

import (
	"cmp"
	"slices"
)

// index finds the partners that rows of one stage have among rows of another.
type index struct {
	link  *link
	stage int // of the rows in it
	rest  []*test
	heads numbering // by key: the number of its first line, from 1; all under key 0 if the link has no equality
	lines []line
	times timeline // of all lines, one after the other
}

// line is a run of index.times: rows with the same key that are the same to the
// index's tests.
type line struct {
	from, to int32
	next     int32 // the number of the next line with the same key; 0 is none
	met      bool  // some row had a partner here
}

// newIndex makes an index of rows of a stage. The partners it finds satisfy the
// link's equalities and bounds, and rest.
func (q *problem) newIndex(l *link, stage int, rows domain, rest []*test, byLast bool) *index {
	q.hash(l)
	x := &index{link: l, stage: stage, rest: rest, heads: newNumbering(len(rows), q.ids.last+1), times: timeline{byLast: byLast}}
	entries := x.draw(q, rows)
	x.fill(entries)
	x.times.finish(q.tables[stage], x.lines)
	q.cost.rows += len(entries)
	return x
}

// entry is a row that stands in a line.
type entry struct{ row, line int32 }

// draw makes the lines of rows, as long as they are to be, and says which rows
// are in which.
func (x *index) draw(q *problem, rows domain) []entry {
	entries := make([]entry, 0, len(rows))
	var classes hashTable // by key and class: the number of the line
	for _, row := range rows {
		class := q.classOf(x.rest, x.stage, row)
		for _, key := range q.keys(x.link, x.stage, row) {
			at := x.heads.at(key)
			if len(x.rest) > 0 {
				at = x.lineOf(at, classes.at(pairKey(key, class)))
			} else if *at == 0 {
				x.lines = append(x.lines, line{})
				*at = int32(len(x.lines))
			}
			x.lines[*at-1].to++
			entries = append(entries, entry{row, *at - 1})
		}
	}
	return entries
}

// lineOf returns where the number of a line stands, given where the number of the
// key's first line does. A new line becomes the first.
func (x *index) lineOf(head, own *int32) *int32 {
	if *own == 0 {
		x.lines = append(x.lines, line{next: *head})
		*own = int32(len(x.lines))
		*head = *own
	}
	return own
}

// fill puts the rows into their lines, in the order in which they come.
func (x *index) fill(entries []entry) {
	end := int32(0)
	for i := range x.lines {
		l := &x.lines[i]
		n := l.to
		l.from, l.to = end, end
		end += n
	}
	x.times.rows = make([]int32, len(entries))
	for _, e := range entries {
		l := &x.lines[e.line]
		x.times.rows[l.to] = e.row
		l.to++
	}
}

// first returns the first line of a key, nil if there is none.
func (x *index) first(key int32) *line { return x.line(x.heads.get(key)) }

// after returns the next line with the key of another.
func (x *index) after(l *line) *line { return x.line(l.next) }

func (x *index) line(number int32) *line {
	if number == 0 {
		return nil
	}
	return &x.lines[number-1]
}

// keys returns the keys of a row, the same single one for all rows if the link
// has no equality.
func (q *problem) keys(l *link, stage int, row int32) []int32 {
	if len(l.equal) == 0 {
		return q.onlyKey
	}
	return l.keys[l.side(stage)].of(row)
}

// has reports whether a row of the link's other stage has a partner.
func (q *problem) has(x *index, row int32) bool {
	other := x.link.other(x.stage)
	b := x.link.box(other, &q.tables[other].rows[row])
	q.env.at[other] = row
	for _, key := range q.keys(x.link, other, row) {
		for l := x.first(key); l != nil; l = x.after(l) {
			q.cost.pairs++
			if x.times.any(q.tables[x.stage], l, b) && q.accepts(x, l) {
				l.met = true
				return true
			}
		}
	}
	return false
}

// accepts reports whether the rows of a line, which are the same to the index's
// tests, satisfy them with the rows in q.env.
func (q *problem) accepts(x *index, l *line) bool {
	if len(x.rest) == 0 {
		return true
	}
	q.env.at[x.stage] = x.times.rows[l.from]
	return q.holdAll(x.rest)
}

// semijoin returns the rows of a stage that have a partner among the rows of
// the link's other stage. More tests than the link's own may be given; the
// rows of other stages they mention must be in q.env. mutual is true if it turned
// out that each of those is a partner, too.
func (q *problem) semijoin(l *link, stage int, rows, partners domain, more []*test) (found domain, mutual bool) {
	if len(rows) == 0 || len(partners) == 0 {
		return nil, false
	}
	other := l.other(stage)
	q.cost.rows += len(rows)
	q.hash(l)
	rest := slices.Concat(l.rest, more)
	switch {
	case q.sweeps(l) && len(rest) == 0:
		return q.sweep(l, stage, rows, partners), false
	case len(partners) == 1:
		found = q.with(l, stage, rows, partners[0], rest)
		return found, len(found) > 0
	}
	x := q.newIndex(l, other, partners, rest, l.before(other))
	found = rows.filter(func(row int32) bool { return q.has(x, row) })
	return found, x.allMet(len(partners))
}

// allMet reports whether each of so many rows that were to be found is known to
// have been: each in a line of its own, and in no other.
func (x *index) allMet(rows int) bool {
	return x.link.keysOf(x.stage).alone() && len(x.lines) == rows && !slices.ContainsFunc(x.lines, func(l line) bool { return !l.met || l.to-l.from != 1 })
}

// with returns the rows of a stage that go with one row of the link's other stage.
func (q *problem) with(l *link, stage int, rows domain, partner int32, rest []*test) domain {
	other := l.other(stage)
	if q.sweeps(l) {
		rows = q.sweep(l, stage, rows, domain{partner})
	} else {
		rows = rows.filter(func(row int32) bool { return q.near(l, stage, row, partner) })
	}
	q.env.at[other] = partner
	return rows.filter(func(row int32) bool {
		q.env.at[stage] = row
		return q.holdAll(rest)
	})
}

// run is places of index.times, from inclusive, to exclusive.
type run struct{ from, to int }

// reachable returns the rows of an index by equality and time alone to which
// partners of the link's other stage lead, or ok false if they are limit or
// more. Some of them may be no partners after all.
func (q *problem) reachable(x *index, partners domain, limit int) (rows domain, ok bool) {
	l, other := x.link, x.link.other(x.stage)
	var runs []run
	for _, p := range partners {
		b := l.box(other, &q.tables[other].rows[p])
		for _, key := range q.keys(l, other, p) {
			for line := x.first(key); line != nil; line = x.after(line) {
				q.cost.pairs++
				if from, to := x.times.run(line, b); from < to {
					runs = append(runs, run{from, to})
				}
			}
		}
	}
	var found []int32
	for _, r := range united(runs) {
		if len(found)+r.to-r.from >= limit {
			return nil, false
		}
		found = append(found, x.times.rows[r.from:r.to]...)
	}
	q.cost.rows += len(found)
	return collect(found), true
}

// wholeIndex returns the index of a stage's whole domain by equality and time.
func (q *problem) wholeIndex(l *link, stage int) *index {
	at := &l.whole[l.side(stage)]
	if *at == nil {
		*at = q.newIndex(l, stage, q.whole[stage], nil, l.before(stage))
	}
	return *at
}

// rivalIndex is wholeIndex for the rivals.
func (q *problem) rivalIndex(l *link, stage int) *index {
	if q.tables[stage].twin == nil {
		return q.wholeIndex(l, stage)
	}
	at := &l.rivals[l.side(stage)]
	if *at == nil {
		*at = q.newIndex(l, stage, q.rivals[stage], nil, l.before(stage))
	}
	return *at
}

// united merges runs that touch. It takes the slice over.
func united(runs []run) []run {
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.from, b.from) })
	merged := runs[:0]
	for _, r := range runs {
		if n := len(merged); n > 0 && r.from <= merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, r.to)
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}
