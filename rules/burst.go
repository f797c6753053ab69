package rules

import (
	"cmp"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// bursts are the rows of a combination's events with a sliding window.
//
// An event qualifies if some half-open stretch of time of the window's length,
// anywhere in time, contains it and holds events of the combination for which
// having is true. Stretches that share an event belong together: a burst is the
// events of a largest set of such stretches. A burst whose first and last event
// are further apart than maxWindow is cut at every midnight in UTC, and each
// part is a row; no other is, also not over midnight.
//
// Having stays true when events are added, so of the stretches that contain an
// event only those matter that begin with an event: every other one has no
// more events than the one that begins with its first.
//
// A row's identity is the combination and the day, in UTC, of its first event:
// a late event that lengthens the burst does not make it another, and two
// bursts on one day are one incident.
func (g *grouping) bursts(c *combination) []*row {
	slices.SortFunc(c.events, byTime)
	var rows []*row
	for _, b := range g.qualifying(c) {
		for _, part := range cutLong(c.events[b.from:b.to]) {
			rows = append(rows, g.row(keyText(append(slices.Clone(c.key), esq.Str(dayOf(part[0].time)))), c.key, part))
		}
	}
	return rows
}

func byTime(a, b *event) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.index, b.index), cmp.Compare(a.id, b.id))
}

// run is a half-open range of positions in a list of events.
type run struct{ from, to int }

// qualifying returns the runs of events, ordered by time, that are bursts.
func (g *grouping) qualifying(c *combination) []run {
	var runs []run
	t := newTally(g, c.key)
	window := g.window.Milliseconds()
	end := 0
	for begin, e := range c.events {
		for ; end < len(c.events) && c.events[end].time-e.time < window; end++ {
			t.add(c.events[end], 1)
		}
		// Of events at one moment the first has them all after it.
		if g.having.Holds(t) {
			if last := len(runs) - 1; last >= 0 && begin < runs[last].to {
				runs[last].to = end
			} else {
				runs = append(runs, run{begin, end})
			}
		}
		t.add(e, -1)
	}
	return runs
}

// cutLong cuts events, ordered by time, at midnight if they span more than
// maxWindow.
func cutLong(events []*event) [][]*event {
	if events[len(events)-1].time-events[0].time <= maxWindow.Milliseconds() {
		return [][]*event{events}
	}
	var parts [][]*event
	for from, to := 0, 1; to <= len(events); to++ {
		if to == len(events) || dayOf(events[to].time) != dayOf(events[from].time) {
			parts = append(parts, events[from:to])
			from = to
		}
	}
	return parts
}

// dayOf is the day of a time, in UTC.
func dayOf(ms int64) string { return utc(ms).Format(time.DateOnly) }

// tally keeps the aggregates that grow over the events of a sliding stretch, as
// the row that having is asked of.
type tally struct {
	group *grouping
	key   []esq.Value
	count int64
	seen  []map[esq.Value]int // per aggregate: how many events have the value
}

func newTally(g *grouping, key []esq.Value) *tally {
	t := &tally{group: g, key: key, seen: make([]map[esq.Value]int, len(g.aggregates))}
	for i := range t.seen {
		t.seen[i] = map[esq.Value]int{}
	}
	return t
}

// add counts an event n times, 1 or -1.
func (t *tally) add(e *event, n int) {
	t.count += int64(n)
	for i, a := range t.group.aggregates {
		if a.column < 0 || !a.grows() {
			continue
		}
		for _, v := range distinct(a.values(e)) {
			if t.seen[i][v] += n; t.seen[i][v] == 0 {
				delete(t.seen[i], v)
			}
		}
	}
}

// Values returns the value of a column of by or of an aggregate that grows;
// having speaks of no other.
func (t *tally) Values(slot int) []esq.Value {
	if slot < len(t.key) {
		return t.key[slot : slot+1]
	}
	i := slot - len(t.key)
	if t.group.aggregates[i].column < 0 {
		return []esq.Value{esq.Integer(t.count)}
	}
	return []esq.Value{esq.Integer(int64(len(t.seen[i])))}
}

// Set is never asked for: having knows no all(...).
func (t *tally) Set(int) *eql.Set { return nil }

// bursting reports whether the stage's rows are bursts, wherever they are in
// time, and not groups of a window of the rule's schedule.
func (r *Rule) bursting(s *stage) bool { return s.group != nil && s.group.window > 0 && !r.Windowed }

// margin is how far beyond a time one must look to know every burst that
// touches it whole, and whether it is cut.
func (g *grouping) margin() time.Duration { return maxWindow + g.window }

// widened is t with a stage's margin to either side, if its rows are bursts.
func (r *Rule) widened(s *stage, t span) span {
	if !r.bursting(s) {
		return t
	}
	margin := s.group.margin().Milliseconds()
	return span{from: t.from - margin, to: t.to + margin, open: t.open}
}

// touching keeps the rows that have a time in t in common.
func touching(rows []*row, t span) []*row {
	return slices.DeleteFunc(rows, func(r *row) bool {
		return r.last < t.from || r.first > t.to || t.open && r.first == t.to
	})
}
