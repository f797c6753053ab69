package sequence

import (
	"cmp"
	"math"
	"slices"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// together finds the matches of all keys at once, where the problem as a whole is
// made of trees and rings: it is solved, and what is left is taken apart into
// shares that no chain goes across. Only a share with several keys is visited
// key by key. It reports false, and has done nothing, for any other problem.
func (w *walk) together() bool {
	s := newState(w.problem)
	if len(w.stages) == 0 || len(w.present) == 1 {
		return false
	}
	if !s.settle(s.present) {
		return true // there is no chain
	}
	pieces := s.pieces(s.present)
	for _, p := range pieces {
		if !s.isPlain(p) {
			return false
		}
	}
	for _, p := range pieces {
		if w.cancelled() || !s.solvePiece(p) {
			return true
		}
	}
	shares, ok := s.shares()
	if !ok {
		return false
	}
	w.reserve(s, len(shares))
	for _, share := range shares {
		if w.cancelled() {
			break
		}
		w.take(s, share)
	}
	return true
}

// isPlain reports whether a piece is solved without being split.
func (s *state) isPlain(p *piece) bool {
	if len(p.stages) == 1 || len(p.knots) == 0 && len(p.bonds) == len(p.stages)-1 {
		return true
	}
	_, ok := s.ring(p)
	return ok
}

// take finds the matches of a share of a solved state.
func (w *walk) take(s *state, share []domain) {
	key, number, sole := w.soleKey(share)
	if sole && (len(w.absent) == 0 || w.closed == math.MaxInt64) {
		w.collect(Match{Key: key, Rows: w.given(share), Closed: w.closed}, number)
		return
	}
	one := *w
	one.matches, one.pending = nil, nil
	sub := s.clone()
	sub.rows = share
	one.visit(sub, one.stages, map[int][]eql.Value{})
	for _, m := range one.matches {
		w.collect(m, w.number(m.Key))
	}
	for _, p := range one.pending {
		w.collectPending(p, w.number(p.Key))
	}
}

// collect adds a match of a share. Several shares may have chains of one key,
// whose number is given: they are one match.
func (w *walk) collect(m Match, number int32) {
	at := w.matchOf.at(uint64(number))
	if *at == 0 {
		w.matches = append(w.matches, m)
		*at = int32(len(w.matches))
		return
	}
	w.join(&w.matches[*at-1], m)
}

// collectPending is collect for what cannot be judged yet.
func (w *walk) collectPending(p Pending, number int32) {
	at := w.pendingOf.at(uint64(number))
	if *at == 0 {
		w.pending = append(w.pending, p)
		*at = int32(len(w.pending))
		return
	}
	have := &w.pending[*at-1]
	have.Deadline = min(have.Deadline, p.Deadline)
	w.join(&have.Match, p.Match)
}

// join adds the rows of a match to those of another with the same key.
func (w *walk) join(to *Match, m Match) {
	for i, v := range m.Key {
		if esq.Compare(v, to.Key[i]) < 0 { // spelt differently
			to.Key[i] = v
		}
	}
	for i, t := range w.tables {
		rows := slices.Concat(to.Rows[i], m.Rows[i])
		slices.SortFunc(rows, func(a, b int) int { return cmp.Compare(t.place(a), t.place(b)) })
		to.Rows[i] = rows
	}
}

// number returns the number of a key.
func (w *walk) number(key []eql.Value) int32 {
	number := int32(0)
	for i, v := range key {
		own := int32(0)
		if !v.IsNull() {
			own = w.ids.value(v, w.pattern.by[i].fold)
		}
		number = w.extend(number, i, own)
	}
	return number
}

// extend returns the number of a key with one more part, the i-th.
func (w *walk) extend(number int32, i int, own int32) int32 {
	if i == 0 {
		return own
	}
	return w.ids.pair(number, own)
}

// soleKey returns the key of a share and its number; ok is false if it has
// several.
func (w *walk) soleKey(share []domain) (key []eql.Value, number int32, ok bool) {
	key = w.room.key(len(w.pattern.by))
	for i, part := range w.pattern.by {
		rows, own := share[part.stage], int32(0)
		if part.column == wholeRow {
			key[i], own, ok = w.soleID(part, rows)
		} else {
			key[i], own, ok = w.soleValue(part, rows)
		}
		if !ok {
			return nil, 0, false
		}
		number = w.extend(number, i, own)
	}
	return key, number, true
}

func (w *walk) soleID(part part, rows domain) (id eql.Value, number int32, ok bool) {
	t := w.tables[part.stage]
	sole := t.rows[rows[0]].ID
	if slices.ContainsFunc(rows, func(row int32) bool { return t.rows[row].ID != sole }) {
		return id, 0, false
	}
	return esq.Str(sole), w.ids.value(esq.Str(sole), part.fold), true
}

// soleValue returns the value that all rows agree in, the smallest of those that
// are spelt differently.
func (w *walk) soleValue(part part, rows domain) (best eql.Value, number int32, ok bool) {
	keys := w.keysOfColumn(part.slot, part.fold)
	if !keys.alone() {
		return best, 0, false
	}
	number = keys.one[rows[0]]
	if slices.ContainsFunc(rows, func(row int32) bool { return keys.one[row] != number }) {
		return best, 0, false
	}
	if !keys.spelt { // there is one way to spell it
		if text, ok := w.ids.textOf(number); ok {
			return esq.Str(text), number, true
		}
		rows = rows[:1]
	}
	for _, row := range rows {
		for _, v := range w.keyValues(part, row) {
			if !v.IsNull() && (best.IsNull() || esq.Compare(v, best) < 0) {
				best = v
			}
		}
	}
	return best, number, true
}

// reserve makes room for the matches of so many shares of a solved state, so that
// not each of them allocates its own.
func (w *walk) reserve(s *state, shares int) {
	rows := 0
	for _, i := range s.present {
		rows += len(s.rows[i])
	}
	w.matches = slices.Grow(w.matches, shares)
	w.matchOf.reserve(shares)
	w.room.indices = make([]int, 0, rows)
	w.room.lists = make([][]int, 0, shares*w.n)
	w.room.keys = make([]eql.Value, 0, shares*len(w.pattern.by))
}

// room is memory for matches.
type room struct {
	indices []int
	lists   [][]int
	keys    []eql.Value
}

// key returns room for a key of n values.
func (r *room) key(n int) []eql.Value {
	if cap(r.keys)-len(r.keys) < n {
		return make([]eql.Value, n)
	}
	from := len(r.keys)
	r.keys = r.keys[:from+n]
	return r.keys[from : from+n : from+n]
}

// given returns the rows of a share as the caller knows them.
func (w *walk) given(share []domain) [][]int {
	first := len(w.room.lists)
	for i, rows := range share {
		from := len(w.room.indices)
		for _, row := range rows {
			w.room.indices = append(w.room.indices, w.tables[i].given(row))
		}
		var list []int
		if n := len(w.room.indices); n > from {
			list = w.room.indices[from:n:n]
		}
		w.room.lists = append(w.room.lists, list)
	}
	n := len(w.room.lists)
	return w.room.lists[first:n:n]
}

// shares takes the rows of a solved state apart, by stage, so that the rows of
// every chain are of one share: rows that join under the same key are. ok is
// false if equalities do not hold all stages together.
func (s *state) shares() (shares [][]domain, ok bool) {
	links := s.hashed()
	if !s.connects(links) {
		return nil, false
	}
	sets := newSets(int(s.ids.last) + 1)
	first := make([]*link, s.n) // a link of each stage
	for _, l := range links {
		for _, stage := range l.stages {
			if first[stage] == nil {
				first[stage] = l
				if l.keysOf(stage).alone() {
					continue // there is nothing to unite yet
				}
			}
			if l.keysOf(stage).same(first[stage].keysOf(stage)) {
				continue // each with itself
			}
			for _, row := range s.rows[stage] {
				sets.uniteAll(s.keys(first[stage], stage, row)[0], s.keys(l, stage, row))
			}
		}
	}
	return s.sorted(first, sets), true
}

// hashed returns the links between present stages that have equalities.
func (s *state) hashed() []*link {
	var links []*link
	for i, b := range s.present {
		for _, a := range s.present[:i] {
			if l := s.own.links[a][b]; len(l.equal) > 0 {
				links = append(links, l)
			}
		}
	}
	return links
}

// connects reports whether the links hold all present stages together.
func (s *state) connects(links []*link) bool {
	f := newForest[int]()
	united := 1
	for _, l := range links {
		if f.unite(l.stages[0], l.stages[1]) {
			united++
		}
	}
	return united == len(s.present)
}

// sorted sorts the rows by the sets that their keys are in.
func (s *state) sorted(first []*link, sets sets) [][]domain {
	var shares [][]domain
	var room []domain
	at := make([]int32, len(sets)) // by root: the number of its share, from 1
	var of []int32                 // by place in a stage's rows: its share
	for _, stage := range s.present {
		of = slices.Grow(of[:0], len(s.rows[stage]))[:len(s.rows[stage])]
		keys := first[stage].keysOf(stage)
		for i, row := range s.rows[stage] {
			root := sets.root(keys.first(row))
			if at[root] == 0 {
				if len(room) == 0 {
					room = make([]domain, max(1, len(shares))*s.n)
				}
				shares, room = append(shares, room[:s.n:s.n]), room[s.n:]
				at[root] = int32(len(shares))
			}
			of[i] = at[root] - 1
		}
		sizes := make([]int, len(shares))
		for _, share := range of {
			sizes[share]++
		}
		all := make(domain, len(of))
		for share, size := range sizes {
			shares[share][stage], all = all[:0:size], all[size:]
		}
		for i, row := range s.rows[stage] {
			shares[of[i]][stage] = append(shares[of[i]][stage], row)
		}
	}
	return shares
}

// sets is disjoint sets of numbers: of each a number of the same set, the root
// itself.
type sets []int32

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}

func (s sets) root(x int32) int32 {
	for s[x] != x {
		s[x] = s[s[x]]
		x = s[x]
	}
	return x
}

func (s sets) uniteAll(x int32, others []int32) {
	x = s.root(x)
	for _, other := range others {
		if other = s.root(other); other != x {
			s[other] = x
		}
	}
}
