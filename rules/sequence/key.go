package sequence

import (
	"slices"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// walk goes through the keys of matches.
type walk struct {
	*problem
	stages  []int          // that have a part of the key
	parts   map[int][]part // of each of them
	closed  int64
	matches []Match
	pending []Pending

	// Of the shares that are taken together.
	matchOf, pendingOf hashTable // by the number of a key: which of matches and pending it has, from 1
	room               room
}

// class is rows of a stage that agree in all parts of the key the stage has.
type class struct {
	key  []eql.Value // in canonical form, parallel to walk.parts
	rows domain
}

func (q *problem) newWalk(closed int64) *walk {
	w := &walk{problem: q, parts: map[int][]part{}, closed: closed}
	for _, part := range q.pattern.by {
		if w.parts[part.stage] == nil {
			w.stages = append(w.stages, part.stage)
		}
		w.parts[part.stage] = append(w.parts[part.stage], part)
	}
	return w
}

// visit solves a state for every key of the stages that are left. chosen is
// the key of those that are not.
func (w *walk) visit(s *state, left []int, chosen map[int][]eql.Value) {
	if w.cancelled() {
		return
	}
	if len(left) == 0 {
		w.conclude(s, chosen)
		return
	}
	x := slices.MinFunc(left, func(a, b int) int { return len(s.rows[a]) - len(s.rows[b]) })
	rest := slices.DeleteFunc(slices.Clone(left), func(i int) bool { return i == x })
	w.again = true
	for _, c := range w.classes(x, s.rows[x]) {
		sub := s.clone()
		sub.rows[x] = c.rows
		chosen[x] = c.key
		if len(c.rows) == len(s.rows[x]) || sub.spread(x, sub.present) {
			w.visit(sub, rest, chosen)
		}
	}
}

// conclude solves a state that has the rows of one key.
func (w *walk) conclude(s *state, chosen map[int][]eql.Value) {
	if !s.solve(s.present) {
		return
	}
	if left, deadline, ok := s.beyond(w.closed); ok {
		w.pending = append(w.pending, Pending{w.match(left, chosen), deadline})
	}
	if s.until(w.closed) {
		w.matches = append(w.matches, w.match(s, chosen))
	}
}

func (w *walk) match(s *state, chosen map[int][]eql.Value) Match {
	return Match{Key: w.shown(s, chosen), Rows: s.indices(), Closed: w.closed}
}

// classes takes rows of a stage apart by their keys. A row with several values
// is in several classes.
func (w *walk) classes(stage int, rows domain) []*class {
	var all []*class
	at := map[int32]*class{}
	for _, row := range rows {
		for _, key := range w.keysOfRow(stage, row) {
			id := w.ids.list(key)
			c := at[id]
			if c == nil {
				c = &class{key: key}
				at[id] = c
				all = append(all, c)
			}
			c.rows = append(c.rows, row)
		}
	}
	return all
}

// keysOfRow returns the combinations of a row's values for the stage's parts of
// the key, in canonical form, each once.
func (w *walk) keysOfRow(stage int, row int32) [][]eql.Value {
	keys := [][]eql.Value{nil}
	for _, part := range w.parts[stage] {
		var longer [][]eql.Value
		for _, v := range w.canonical(part, row) {
			for _, key := range keys {
				longer = append(longer, append(slices.Clip(key), v))
			}
		}
		keys = longer
	}
	return keys
}

// canonical returns the values of a row for a part of the key as they are
// compared: a null if it has none.
func (w *walk) canonical(part part, row int32) []eql.Value {
	values := w.keyValues(part, row)
	keys := make([]eql.Value, len(values))
	for i, v := range values {
		keys[i] = eql.Key(v, part.fold)
	}
	return distinctOrNull(keys)
}

// keyValues returns the values of a row for a part of the key.
func (w *walk) keyValues(part part, row int32) []eql.Value {
	t := w.tables[part.stage]
	if part.column == wholeRow {
		return []eql.Value{esq.Str(t.rows[row].ID)}
	}
	return t.values(row, part.column, false)
}

func distinctOrNull(values []eql.Value) []eql.Value {
	if kept := distinct(values); len(kept) > 0 {
		return kept
	}
	return []eql.Value{{}}
}

// shown returns the key of a solved state: of the rows' own values, those that
// have the canonical key, the smallest.
func (w *walk) shown(s *state, chosen map[int][]eql.Value) []eql.Value {
	key := make([]eql.Value, len(w.pattern.by))
	nth := map[int]int{}
	for i, part := range w.pattern.by {
		canonical := chosen[part.stage][nth[part.stage]]
		nth[part.stage]++
		key[i] = w.smallest(part, s.rows[part.stage], canonical)
	}
	return key
}

// smallest returns the smallest value of the rows with the given canonical one.
func (w *walk) smallest(part part, rows domain, canonical eql.Value) eql.Value {
	var best eql.Value
	for _, row := range rows {
		for _, v := range w.keyValues(part, row) {
			if !v.IsNull() && eql.Key(v, part.fold) == canonical && (best.IsNull() || esq.Compare(v, best) < 0) {
				best = v
			}
		}
	}
	return best
}
