package ruletest

import (
	"math"
	"regexp"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// require makes a stage's event such that a condition holds, as far as it can
// be seen how; what cannot is noted.
func (x *draft) require(stage int, e eql.Expr) {
	switch e := e.(type) {
	case *eql.Literal:
	case *eql.Unary: // what is not asked for is left out
	case *eql.Binary:
		x.requireBinary(stage, e)
	case *eql.Lookup:
		x.requireLookup(stage, e)
	case *eql.Call:
		x.requireCall(stage, e)
	default:
		x.cannot(stage, e)
	}
}

func (x *draft) cannot(stage int, e eql.Expr) {
	x.note("stage %s: values for %s", x.drafter.stages[stage].id, eql.Print(e))
}

func (x *draft) requireBinary(stage int, e *eql.Binary) {
	switch e.Op {
	case eql.And:
		x.require(stage, e.L)
		x.require(stage, e.R)
	case eql.Or:
		if x.drafter.choose(2) == 0 {
			x.require(stage, e.L)
		} else {
			x.require(stage, e.R)
		}
	default:
		x.compare(stage, e)
	}
}

// variable finds the column that a name speaks of: of this stage, or of
// another; that of an aggregate is the one it is made of.
func (x *draft) variable(stage int, e eql.Expr) (v variable, function string, ok bool) {
	column, is := e.(*eql.Column)
	if !is {
		return v, "", false
	}
	v = variable{stage, column.Name}
	if id, rest, dotted := strings.Cut(column.Name, "."); dotted && x.drafter.stage(id) >= 0 {
		v = variable{x.drafter.stage(id), rest}
	}
	if m := aggregated.FindStringSubmatch(x.drafter.stages[v.stage].aggregate[v.column]); m != nil {
		v.column, function = m[2], m[1]
	}
	return v, function, true
}

var aggregated = regexp.MustCompile("^\\s*([a-z_]+)\\s*\\(\\s*`?([^`()\\s]*)`?\\s*\\)\\s*$")

func (x *draft) compare(stage int, e *eql.Binary) {
	l, function, leftIs := x.variable(stage, e.L)
	r, _, rightIs := x.variable(stage, e.R)
	value, literal := e.R.(*eql.Literal)
	switch {
	case leftIs && rightIs && (times(l) || times(r)): // in order as they stand, or at one moment
	case leftIs && rightIs && (e.Op == eql.Equals || e.Op == eql.Match):
		x.equal(l, r)
	case leftIs && literal && function != "":
		x.count(l, function, e.Op, value)
	case leftIs && literal:
		x.compareWith(l, e, value)
	case e.Op == eql.NotEquals:
	default:
		x.cannot(stage, e)
	}
}

func times(v variable) bool {
	return v.column == "first" || v.column == "last" || v.column == "@timestamp"
}

func (x *draft) compareWith(v variable, e *eql.Binary, l *eql.Literal) {
	number, isNumber := l.Value.Number()
	switch e.Op {
	case eql.Equals, eql.Match:
		if l.Value.IsNull() {
			x.absent[v] = true
		} else {
			x.fix(v, l.Value)
		}
	case eql.NotEquals:
		if l.Value.IsNull() {
			x.want(v)
		}
	case eql.Less:
		x.fix(v, esq.Num(number-1))
	case eql.Greater:
		x.fix(v, esq.Num(number+1))
	default:
		x.fix(v, esq.Num(number))
	}
	if ordered := e.Op == eql.Less || e.Op == eql.LessEqual || e.Op == eql.Greater || e.Op == eql.GreaterEqual; ordered && !isNumber {
		x.cannot(v.stage, e)
	}
}

// count repeats an event until an aggregate is large enough.
func (x *draft) count(v variable, function string, op eql.Op, l *eql.Literal) {
	number, ok := l.Value.Number()
	if !ok || op != eql.GreaterEqual && op != eql.Greater && op != eql.Equals || number > maxRepeat {
		return
	}
	if op == eql.Greater {
		number++
	}
	switch function {
	case "count":
	case "distinct", "dcount":
		x.want(v)
		x.counted[v] = true
	default:
		x.fix(v, l.Value)
		return
	}
	x.repeat[v.stage] = max(x.repeat[v.stage], int(math.Ceil(number)))
}

func (x *draft) requireLookup(stage int, e *eql.Lookup) {
	v, _, ok := x.variable(stage, e.X)
	if !ok {
		x.cannot(stage, e)
		return
	}
	if e.Set != nil {
		if of, _, ok := x.variable(stage, &eql.Column{Name: e.Set.Name}); ok {
			x.equal(of, v)
		}
		return
	}
	item, is := e.List[0].(*eql.Literal)
	if !is || e.Op == eql.Regex {
		x.cannot(stage, e)
		return
	}
	value := item.Value
	if s, isText := value.Str(); isText && e.Op != eql.In {
		value = esq.Str(strings.NewReplacer("*", "x", "?", "x").Replace(s))
	}
	x.fix(v, value)
}

func (x *draft) requireCall(stage int, e *eql.Call) {
	if len(e.Args) < 2 {
		x.cannot(stage, e)
		return
	}
	whole, _, ok := x.variable(stage, e.Args[0])
	part, _, isColumn := x.variable(stage, e.Args[1])
	l, isLiteral := e.Args[1].(*eql.Literal)
	switch {
	case ok && isColumn && e.Name == "startsWith":
		x.want(whole)
		x.want(part)
		x.begins[x.root(whole)] = part
	case ok && isLiteral && e.Name == "startsWith":
		x.fix(whole, esq.Str(l.Value.String()+"x"))
	case ok && isLiteral && e.Name == "endsWith":
		x.fix(whole, esq.Str("x"+l.Value.String()))
	case ok && isLiteral && e.Name == "stringContains":
		x.fix(whole, esq.Str("x"+l.Value.String()+"x"))
	default:
		x.cannot(stage, e)
	}
}
