package sequence

import "slices"

// index finds the partners that rows of one stage have among rows of another.
type index struct {
	link   *link
	stage  int // of the rows in it
	rest   []*test
	groups map[int32][]*timeline // by key; all under 0 if the link has no equality
}

// newIndex makes an index of rows of a stage. The partners it finds satisfy the
// link's equalities and bounds, and rest.
func (q *problem) newIndex(l *link, stage int, rows domain, rest []*test, byLast bool) *index {
	q.hash(l)
	x := &index{link: l, stage: stage, rest: rest, groups: map[int32][]*timeline{}}
	lines := map[[2]int32]*timeline{}
	for _, row := range rows {
		class := int32(0)
		for _, t := range rest {
			class = q.ids.pair(class, q.class(t, stage)[row])
		}
		for _, key := range q.keys(l, stage, row) {
			line := lines[[2]int32{key, class}]
			if line == nil {
				line = &timeline{byLast: byLast}
				lines[[2]int32{key, class}] = line
				x.groups[key] = append(x.groups[key], line)
			}
			line.rows = append(line.rows, row)
			q.cost.rows++
		}
	}
	for _, line := range lines {
		line.finish(q.tables[stage])
	}
	return x
}

// keys returns the keys of a row, the same single one for all rows if the link
// has no equality.
func (q *problem) keys(l *link, stage int, row int32) []int32 {
	if len(l.equal) == 0 {
		return q.onlyKey
	}
	return l.keys[l.side(stage)][row]
}

// has reports whether a row of the link's other stage has a partner.
func (q *problem) has(x *index, row int32) bool {
	other := x.link.other(x.stage)
	b := x.link.box(other, &q.tables[other].rows[row])
	q.env.at[other] = row
	for _, key := range q.keys(x.link, other, row) {
		for _, line := range x.groups[key] {
			q.cost.pairs++
			if line.any(q.tables[x.stage], b) && q.accepts(x, line) {
				return true
			}
		}
	}
	return false
}

// accepts reports whether the rows of a timeline, which are the same to the
// index's tests, satisfy them with the rows in q.env.
func (q *problem) accepts(x *index, line *timeline) bool {
	q.env.at[x.stage] = line.rows[0]
	return q.holdAll(x.rest)
}

// semijoin returns the rows of a stage that have a partner among the rows of
// the link's other stage. More tests than the link's own may be given; the
// rows of other stages they mention must be in q.env.
func (q *problem) semijoin(l *link, stage int, rows, partners domain, more []*test) domain {
	if len(rows) == 0 || len(partners) == 0 {
		return nil
	}
	other := l.other(stage)
	q.cost.rows += len(rows)
	q.hash(l)
	if len(partners) == 1 {
		return rows.filter(func(row int32) bool {
			return q.fit(l, stage, row, partners[0]) && q.holdAll(more)
		})
	}
	rest := slices.Concat(l.rest, more)
	x := q.newIndex(l, other, partners, rest, l.before(other))
	return rows.filter(func(row int32) bool { return q.has(x, row) })
}

// reachable returns the rows of an index by equality and time alone to which
// partners of the link's other stage lead, or ok false if they are limit or
// more. Some of them may be no partners after all.
func (q *problem) reachable(x *index, partners domain, limit int) (rows domain, ok bool) {
	l, other := x.link, x.link.other(x.stage)
	runs := map[*timeline][][2]int{}
	for _, p := range partners {
		b := l.box(other, &q.tables[other].rows[p])
		for _, key := range q.keys(l, other, p) {
			for _, line := range x.groups[key] {
				q.cost.pairs++
				if from, to := line.run(b); from < to {
					runs[line] = append(runs[line], [2]int{from, to})
				}
			}
		}
	}
	var found []int32
	for line, parts := range runs {
		for _, r := range united(parts) {
			if len(found)+r[1]-r[0] >= limit {
				return nil, false
			}
			found = append(found, line.rows[r[0]:r[1]]...)
		}
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

// united merges runs that touch.
func united(runs [][2]int) [][2]int {
	slices.SortFunc(runs, func(a, b [2]int) int { return a[0] - b[0] })
	merged := runs[:1]
	for _, r := range runs[1:] {
		if last := &merged[len(merged)-1]; r[0] <= last[1] {
			last[1] = max(last[1], r[1])
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}
