package sequence

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// The enumerator below says what a pattern means in the plainest way: it goes
// through every combination of rows. It shares neither code nor the expression
// language with the stitcher.

// fact is a condition between the rows of a chain, as text for the stitcher and
// as a function for the enumerator.
type fact struct {
	text     string
	mentions [][2]int // stage and column
	holds    func(values func(stage, column int) []string) bool
}

type bruteStage struct {
	pick    Pick
	facts   []fact
	after   []bruteAfter
	absent  bool
	between bool
}

// none is an absent stage's place in a chain.
const none = -1

type bruteAfter struct {
	stage  int
	within int64 // -1: no limit
}

type brutePattern struct {
	stages  []bruteStage
	maxSpan int64 // -1: no limit
	by      []bruteKey
}

type bruteKey struct {
	stage, column int // -1: the row itself
	fold          bool
}

type bruteMatch struct {
	key    []string // "" is null
	chains [][]int
}

// texts returns the values of a column, first and last being columns 3 and 4.
func texts(r Row, column int) []string {
	switch column {
	case 3:
		return []string{time.UnixMilli(r.First).UTC().Format("2006-01-02T15:04:05.000Z")}
	case 4:
		return []string{time.UnixMilli(r.Last).UTC().Format("2006-01-02T15:04:05.000Z")}
	}
	var all []string
	for _, v := range r.Values[column] {
		if s, ok := v.Str(); ok {
			all = append(all, s)
		}
	}
	return all
}

// valid reports whether the rows of a chain go together, absent stages' rows
// included if it has any.
func (p brutePattern) valid(rows [][]Row, chain []int) bool {
	row := func(s int) Row { return rows[s][chain[s]] }
	first, last := row(0).First, row(0).Last
	for s := range chain {
		if chain[s] == none {
			continue
		}
		if p.stages[s].between && row(s).Last > row(p.next(s)).First {
			return false
		}
		first, last = min(first, row(s).First), max(last, row(s).Last)
		for _, a := range p.stages[s].after {
			gap := row(s).First - row(a.stage).Last
			if gap < 0 || a.within >= 0 && gap > a.within {
				return false
			}
		}
		for _, f := range p.stages[s].facts {
			if !f.holds(func(stage, column int) []string { return texts(row(stage), column) }) {
				return false
			}
		}
	}
	return p.maxSpan < 0 || last-first <= p.maxSpan
}

// next returns the next stage below that is not absent.
func (p brutePattern) next(s int) int {
	for s++; p.stages[s].absent; s++ {
	}
	return s
}

// dropped reports whether a row of an absent stage goes with a chain.
func (p brutePattern) dropped(rows [][]Row, chain []int) bool {
	for s := range chain {
		for i := range rows[s] {
			with := slices.Clone(chain)
			with[s] = i
			if chain[s] == none && p.valid(rows, with) {
				return true
			}
		}
	}
	return false
}

// deadline returns from when on no row can drop a chain.
func (p brutePattern) deadline(rows [][]Row, chain []int) int64 {
	latest := int64(math.MinInt64)
	for s, stage := range p.stages {
		if !stage.absent {
			continue
		}
		own := int64(math.MaxInt64)
		for _, a := range stage.after {
			if a.within >= 0 {
				own = min(own, rows[a.stage][chain[a.stage]].Last+a.within)
			}
		}
		if stage.between {
			own = min(own, rows[p.next(s)][chain[p.next(s)]].First)
		}
		for other, i := range chain {
			if i != none && p.maxSpan >= 0 {
				own = min(own, rows[other][i].First+p.maxSpan)
			}
		}
		latest = max(latest, own)
	}
	return latest
}

// picked reports whether no other row of a picking stage would be nearer.
func (p brutePattern) picked(rows [][]Row, chain []int) bool {
	for s, stage := range p.stages[:len(chain)] {
		for other := range rows[s] {
			if chain[s] == none {
				break
			}
			swapped := slices.Clone(chain)
			swapped[s] = other
			a, b := rows[s][other], rows[s][chain[s]]
			nearer := stage.pick == PickFirst && slices.Compare(
				[]int64{a.First, a.Last, int64(cmp.Compare(a.ID, b.ID))}, []int64{b.First, b.Last, 0}) < 0 ||
				stage.pick == PickLast && slices.Compare(
					[]int64{a.Last, a.First, int64(cmp.Compare(a.ID, b.ID))}, []int64{b.Last, b.First, 0}) > 0
			if nearer && p.valid(rows, swapped) {
				return false
			}
		}
	}
	return true
}

// chains returns every chain of the first n stages, absent ones left out.
func (p brutePattern) chains(rows [][]Row, n int) [][]int {
	short := p
	short.stages = p.stages[:n]
	var all [][]int
	chain := make([]int, n)
	var step func(s int)
	step = func(s int) {
		if s == n {
			if short.valid(rows, chain) && short.picked(rows, chain) {
				all = append(all, slices.Clone(chain))
			}
			return
		}
		if p.stages[s].absent {
			chain[s] = none
			step(s + 1)
			return
		}
		for i := range rows[s] {
			chain[s] = i
			step(s + 1)
		}
	}
	step(0)
	return all
}

func lower(s string, fold bool) string {
	if fold {
		return strings.ToLower(s)
	}
	return s
}

func (p brutePattern) keyValues(r Row, k bruteKey) []string {
	if k.column < 0 {
		return []string{lower(r.ID, k.fold)}
	}
	found := map[string]bool{}
	for _, v := range texts(r, k.column) {
		found[lower(v, k.fold)] = true
	}
	if len(found) == 0 {
		return []string{""}
	}
	var all []string
	for v := range found {
		all = append(all, v)
	}
	return all
}

// matches returns the chains that nothing absent drops, with a deadline that
// accept accepts, by their keys.
func (p brutePattern) matches(rows [][]Row, accept func(deadline int64) bool) map[string]*bruteMatch {
	all := map[string]*bruteMatch{}
	for _, chain := range p.chains(rows, len(p.stages)) {
		if p.dropped(rows, chain) || !accept(p.deadline(rows, chain)) {
			continue
		}
		keys := [][]string{nil}
		for _, k := range p.by {
			var longer [][]string
			for _, key := range keys {
				for _, v := range p.keyValues(rows[k.stage][chain[k.stage]], k) {
					longer = append(longer, append(slices.Clone(key), v))
				}
			}
			keys = longer
		}
		for _, key := range keys {
			id := strings.Join(key, "|")
			if all[id] == nil {
				all[id] = &bruteMatch{key: key}
			}
			all[id].chains = append(all[id].chains, chain)
		}
	}
	return all
}

// judged returns the matches and what is pending in the form of the stitcher's.
func (p brutePattern) judged(rows [][]Row, closed int64) ([]Match, []Pending) {
	var matches []Match
	for _, m := range p.matches(rows, func(deadline int64) bool { return deadline <= closed }) {
		matches = append(matches, p.match(rows, m, closed))
	}
	var pending []Pending
	for _, m := range p.matches(rows, func(deadline int64) bool { return deadline > closed }) {
		earliest := int64(math.MaxInt64)
		for _, chain := range m.chains {
			earliest = min(earliest, p.deadline(rows, chain))
		}
		pending = append(pending, Pending{p.match(rows, m, closed), earliest})
	}
	slices.SortFunc(matches, func(a, b Match) int { return slices.CompareFunc(a.Key, b.Key, esq.Compare) })
	slices.SortFunc(pending, func(a, b Pending) int { return slices.CompareFunc(a.Key, b.Key, esq.Compare) })
	return matches, pending
}

func (p brutePattern) match(rows [][]Row, m *bruteMatch, closed int64) Match {
	match := Match{Rows: standing(rows, m.chains, len(p.stages)), Closed: closed}
	for i, k := range p.by {
		match.Key = append(match.Key, p.shown(rows[k.stage], match.Rows[k.stage], k, m.key[i]))
	}
	return match
}

func (p brutePattern) shown(rows []Row, among []int, k bruteKey, key string) esq.Value {
	best := ""
	for _, i := range among {
		values := []string{rows[i].ID}
		if k.column >= 0 {
			values = texts(rows[i], k.column)
		}
		for _, v := range values {
			if lower(v, k.fold) == key && (best == "" || v < best) {
				best = v
			}
		}
	}
	if best == "" {
		return esq.Value{}
	}
	return esq.Str(best)
}

// standing returns per stage the rows that stand in the chains.
func standing(rows [][]Row, chains [][]int, n int) [][]int {
	all := make([][]int, n)
	for s := range n {
		for _, chain := range chains {
			if chain[s] != none && !slices.Contains(all[s], chain[s]) {
				all[s] = append(all[s], chain[s])
			}
		}
		slices.SortFunc(all[s], func(i, j int) int {
			a, b := rows[s][i], rows[s][j]
			return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last), strings.Compare(a.ID, b.ID), cmp.Compare(i, j))
		})
	}
	return all
}

// matched returns the values of a column that satisfied all that mentions it.
func (p brutePattern) matched(rows [][]Row, chains [][]int, stage, column int) []esq.Value {
	found := map[string]bool{}
	for _, chain := range chains {
		if p.stages[stage].absent {
			continue
		}
		for _, v := range texts(rows[stage][chain[stage]], column) {
			if p.satisfied(rows, chain, stage, column, v) {
				found[v] = true
			}
		}
	}
	var all []esq.Value
	for v := range found {
		all = append(all, esq.Str(v))
	}
	slices.SortFunc(all, esq.Compare)
	return all
}

func (p brutePattern) satisfied(rows [][]Row, chain []int, stage, column int, value string) bool {
	for _, s := range p.stages {
		for _, f := range s.facts {
			if !s.absent && slices.Contains(f.mentions, [2]int{stage, column}) && !f.holds(func(s, c int) []string {
				if s == stage && c == column {
					return []string{value}
				}
				return texts(rows[s][chain[s]], c)
			}) {
				return false
			}
		}
	}
	return true
}
