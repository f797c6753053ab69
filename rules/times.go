package rules

import (
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq/eql"
)

// timeOrder is what a join says of two rows' times: that of one stage's row is
// not after that of another's. An owner that is absent says it of its own rows
// alone.
type timeOrder struct {
	before, after rowTime
	owner         int
}

// rowTime is a time of a stage's row.
type rowTime struct {
	stage int
	last  bool // and not first
}

func (t rowTime) of(r *row) int64 {
	if t.last {
		return r.last
	}
	return r.first
}

// timeOrders reads the comparisons of two rows' times out of the joins, such as
// "@timestamp >= burst.first".
func (p *plan) timeOrders() []timeOrder {
	var out []timeOrder
	for owner, s := range p.stages {
		if s.join == nil {
			continue
		}
		for _, conjunct := range eql.Conjuncts(s.join) {
			b, ok := conjunct.(*eql.Binary)
			if !ok {
				continue
			}
			left, okLeft := p.rowTime(b.L, owner)
			right, okRight := p.rowTime(b.R, owner)
			if !okLeft || !okRight || left.stage == right.stage {
				continue
			}
			switch b.Op {
			case eql.Less, eql.LessEqual:
				out = append(out, timeOrder{left, right, owner})
			case eql.Greater, eql.GreaterEqual:
				out = append(out, timeOrder{right, left, owner})
			}
		}
	}
	return out
}

// rowTime reads a name in the join of owner that means a time of a row.
func (p *plan) rowTime(e eql.Expr, owner int) (rowTime, bool) {
	ref, ok := e.(*eql.Column)
	if !ok || ref.Func != "" {
		return rowTime{}, false
	}
	at, name := owner, ref.Name
	id, rest, _ := strings.Cut(ref.Name, ".")
	if i := slices.IndexFunc(p.stages[:owner], func(s *stage) bool { return s.id == id }); i >= 0 {
		at, name = i, rest
	}
	s := p.stages[at]
	switch {
	case name == timeColumn:
		return rowTime{stage: at}, s.group == nil
	case name == "first" || name == "last":
		return rowTime{stage: at, last: name == "last"}, !slices.Contains(s.row, name)
	}
	return rowTime{}, false
}
