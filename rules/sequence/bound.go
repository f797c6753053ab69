package sequence

import (
	"math"
	"slices"
)

// bound is a difference between the times of two stages' rows.
//
// An order says from.Last <= to.First and to.First - from.Last <= limit; a span
// says to.Last - from.First <= limit.
type bound struct {
	from, to int
	span     bool
	limit    int64 // milliseconds, or unlimited
	// implied says that the other bounds make this one true in every chain. It
	// still narrows a search, but makes no stages depend on each other.
	implied bool
}

// box is where a row's times must lie.
type box struct {
	first, last interval
}

// interval holds what is neither below low nor above high.
type interval struct{ low, high int64 }

var everywhere = interval{math.MinInt64, math.MaxInt64}

func (i interval) has(t int64) bool { return i.low <= t && t <= i.high }

func (b box) has(r *Row) bool { return b.first.has(r.First) && b.last.has(r.Last) }

// narrow cuts b to what the bound leaves for the row of the other stage than
// the given one, whose row is r.
func (c bound) narrow(b *box, stage int, r *Row) {
	switch {
	case c.span && stage == c.from:
		b.last.high = min(b.last.high, plus(r.First, c.limit))
	case c.span:
		b.first.low = max(b.first.low, minus(r.Last, c.limit))
	case stage == c.from:
		b.first.low = max(b.first.low, r.Last)
		if c.limit != unlimited {
			b.first.high = min(b.first.high, plus(r.Last, c.limit))
		}
	default:
		b.last.high = min(b.last.high, r.First)
		if c.limit != unlimited {
			b.last.low = max(b.last.low, minus(r.First, c.limit))
		}
	}
}

// vacuous reports whether every row that lies within from's extent has the
// bound fulfilled with every one that lies within to's.
func (c bound) vacuous(from, to box) bool {
	if c.span {
		return to.last.high <= plus(from.first.low, c.limit)
	}
	return from.last.high <= to.first.low &&
		(c.limit == unlimited || to.first.high <= plus(from.last.low, c.limit))
}

// plus adds a limit, which is not negative, to a time without overflow.
func plus(t, limit int64) int64 {
	if t > math.MaxInt64-limit {
		return math.MaxInt64
	}
	return t + limit
}

// minus takes a limit, which is not negative, from a time without overflow.
func minus(t, limit int64) int64 {
	if t < math.MinInt64+limit {
		return math.MinInt64
	}
	return t - limit
}

// precedence is who comes before whom by the orders, directly or not.
type precedence [][]bool

func newPrecedence(n int, orders []bound) precedence {
	before := make(precedence, n)
	for i := range before {
		before[i] = make([]bool, n)
	}
	for _, o := range orders {
		before[o.from][o.to] = true
	}
	for k := range n {
		for i := range n {
			for j := range n {
				before[i][j] = before[i][j] || before[i][k] && before[k][j]
			}
		}
	}
	return before
}

// notAfter reports whether a is b or comes before it.
func (p precedence) notAfter(a, b int) bool { return a == b || p[a][b] }

// between reports whether some third stage comes after a and before b.
func (p precedence) between(a, b int) bool {
	for k := range p {
		if p[a][k] && p[k][b] {
			return true
		}
	}
	return false
}

// markImplied marks what follows from the rest: the chain's orders from each
// other, those of an absent stage from each other and the chain's.
func (p *Pattern) markImplied() {
	markImplied(len(p.stages), p.orders)
	for i := range p.stages {
		s := &p.stages[i]
		all := slices.Concat(p.orders, s.orders)
		markImplied(len(p.stages), all)
		s.orders = all[len(p.orders):]
	}
}

// markImplied marks the orders without a limit that follow from others.
func markImplied(n int, orders []bound) {
	before := newPrecedence(n, orders)
	for i, o := range orders {
		orders[i].implied = o.limit == unlimited && before.between(o.from, o.to)
	}
}

// spans returns the bounds that together say that no chain is longer than
// limit: one for every two of the given stages, of n, most of them implied where
// the stages are ordered.
func spans(n int, stages []int, orders []bound, limit int64) []bound {
	before := newPrecedence(n, orders)
	var all []bound
	for _, from := range stages {
		for _, to := range stages {
			if from != to {
				all = append(all, bound{from: from, to: to, span: true, limit: limit,
					implied: before[to][from] || before.outspanned(from, to)})
			}
		}
	}
	return all
}

// outspanned reports whether some other two stages are at least as far apart
// as from and to in every chain.
func (p precedence) outspanned(from, to int) bool {
	for f := range p {
		for t := range p {
			if (f != from || t != to) && f != t && p.notAfter(f, from) && p.notAfter(to, t) {
				return true
			}
		}
	}
	return false
}
