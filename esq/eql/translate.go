package eql

import (
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// Field is a field of an engine's documents.
type Field struct {
	Name string
	// Type is the field's type as [esq.FieldCap] has it: keyword, text, ip,
	// date, long, flattened and so on; "" of a field that no index maps. Of a
	// type that is not known here, nothing is asked.
	Type string
	// Silent says that the engine does not list in _ignored what it leaves out
	// of the index for its length, see [esq.FieldCap].
	Silent bool
}

// Source says how the columns of rows come out of an engine's documents.
type Source interface {
	Column(name string) Mapping
}

// Mapping is where a column's values come from. The zero Mapping says that
// nothing is known of it.
type Mapping struct {
	// Fields are candidates in order: the column is the first that is present.
	Fields []Field
	// Inexact says that the column's values are computed from the fields', so
	// that only the fields' presence can be asked, and what Words says.
	Inexact bool
	// Single says that the column has the first of several values alone, so that
	// what is asked of the fields accepts more.
	Single bool
	// Words, if set, returns the source's own words that stand for v, or with
	// fold for what equals it but for case; ok is false where that cannot be
	// said. Of an inexact column they are all texts of which v may be computed,
	// but for the case of their letters.
	Words func(v Value, fold bool) (words []Value, ok bool)
	// Filled, if set, says that a row without a value of its own may be given one
	// by what other columns know of it, and returns which values of those may
	// give it one of values, letters folded; ok is false where that cannot be said.
	Filled func(values []Value) (by []Filling, ok bool)
	// Dropped says that the source has no such column: it is always missing.
	Dropped bool
	// Blank says that an empty text is a missing value.
	Blank bool
}

// Filling is values of another column that a value is looked up by. Its mapping
// is not filled itself.
type Filling struct {
	Mapping Mapping
	Values  []Value
}

// Bounds on what is written into a query.
const (
	maxTerms     = 10_000 // values of an in; with more, only presence is asked
	maxPattern   = 1_000  // bytes of a wildcard pattern
	ignoredAbove = 256    // characters up to which an index is taken to hold keywords
)

// Translate returns a query that accepts every document whose row satisfies e,
// and wherever the engine cannot decide, more; exact says that it accepts no
// other. sets returns the set behind an all(...), nil while it is not known.
//
// Rows are taken to hold what documents' sources hold, but for date fields:
// those in RFC 3339 and UTC. Fields with a null_value or a normalizer, those
// that are not indexed and those inside nested objects are not foreseen; a
// source gives them a type that is not known here.
func Translate(e Expr, src Source, sets func(Ref) *Set) (q esq.Query, exact bool) {
	t := translator{src: src, sets: sets}
	b := t.condition(e)
	return b.over, b.exact
}

// bounds holds a condition from both sides: over accepts every document that
// satisfies it, under none that does not. A negation swaps them.
type bounds struct {
	over, under esq.Query
	exact       bool // over and under are the same
}

func exactly(q esq.Query) bounds { return bounds{q, q, true} }

func always() bounds { return exactly(esq.MatchAll{}) }

func never() bounds { return exactly(esq.MatchNone{}) }

// atMost is a condition of which only a superset can be asked.
func atMost(over esq.Query) bounds { return settle(bounds{over: over, under: esq.MatchNone{}}) }

// undecided is a condition of which nothing can be asked.
func undecided() bounds { return atMost(esq.MatchAll{}) }

// settle notices that one side says it all.
func settle(b bounds) bounds {
	if _, none := b.over.(esq.MatchNone); none {
		return never()
	}
	if _, all := b.under.(esq.MatchAll); all {
		return always()
	}
	return b
}

func (b bounds) not() bounds {
	return bounds{esq.Not(b.under), esq.Not(b.over), b.exact}
}

// combine joins bounds with [esq.And] or [esq.Or], which are monotone.
func (t *translator) combine(with func(...esq.Query) esq.Query, parts []bounds) bounds {
	overs, unders, exact := []esq.Query{}, []esq.Query{}, true
	for _, p := range parts {
		overs = append(overs, p.over)
		unders = append(unders, p.under)
		exact = exact && p.exact
	}
	return settle(bounds{with(overs...), with(unders...), exact})
}

type translator struct {
	src  Source
	sets func(Ref) *Set
}

func (t *translator) condition(e Expr) bounds {
	switch e := e.(type) {
	case *Unary:
		if e.Op == Not {
			return t.condition(e.X).not()
		}
	case *Binary:
		switch e.Op {
		case And:
			return t.combine(esq.And, t.chain(And, e))
		case Or:
			return t.combine(esq.Or, t.chain(Or, e))
		}
	}
	if len(Refs(e)) == 0 {
		return constant(e)
	}
	switch e := e.(type) {
	case *Column:
		return t.equals(e, []Value{esq.Boolean(true)}, false)
	case *Call:
		return t.call(e)
	case *Binary:
		return t.comparison(e)
	case *Lookup:
		return t.lookup(e)
	}
	return undecided()
}

// chain translates the operands of "a op b op c ...".
func (t *translator) chain(op Op, e Expr) []bounds {
	if b, ok := e.(*Binary); ok && b.Op == op {
		return append(t.chain(op, b.L), t.chain(op, b.R)...)
	}
	return []bounds{t.condition(e)}
}

// constant evaluates a condition that asks nothing of rows.
func constant(e Expr) bounds {
	p, err := Compile(e, nil)
	switch {
	case err != nil:
		return undecided()
	case p.Holds(nil):
		return always()
	}
	return never()
}

func (t *translator) mapping(c *Column) Mapping {
	if c.Func != "" {
		return Mapping{} // of another stage's rows
	}
	return t.src.Column(c.Name)
}

// needing is a condition that is false where one of the values is missing, of
// which nothing else can be asked.
func (t *translator) needing(values ...Expr) bounds {
	var wanted []esq.Query
	asked := map[string]bool{}
	for _, e := range values {
		columns, missing := needed(e)
		if missing {
			return never()
		}
		for _, c := range columns {
			if !asked[c.Name] {
				asked[c.Name] = true
				wanted = append(wanted, t.present(t.mapping(c)).over)
			}
		}
	}
	return atMost(esq.And(wanted...))
}

// needed returns the columns without which a value expression has no value;
// missing says that it has none anyway. Functions and arithmetic want all of
// their arguments; conditions always have a value.
func needed(e Expr) (columns []*Column, missing bool) {
	missing = need(e, &columns)
	return columns, missing
}

// need is needed; it appends to the columns.
func need(e Expr, columns *[]*Column) (missing bool) {
	var parts []Expr
	switch e := e.(type) {
	case *Literal:
		return e.Value.IsNull()
	case *Column:
		*columns = append(*columns, e)
		return false
	case *Unary:
		if e.Op == Neg {
			parts = []Expr{e.X}
		}
	case *Binary:
		if levelOfBinary(e.Op) == levelSum || levelOfBinary(e.Op) == levelProduct {
			parts = []Expr{e.L, e.R}
		}
	case *Call:
		parts = e.Args
		if e.Name == "number" && len(parts) > 1 {
			parts = parts[:1] // a base of null is the usual one
		}
	}
	for _, part := range parts {
		if need(part, columns) {
			missing = true
		}
	}
	return missing
}

// present is the condition that a column has a value.
func (t *translator) present(m Mapping) bounds {
	if m.Filled != nil {
		m.Filled = nil
		return bounds{over: esq.MatchAll{}, under: t.present(m).under}
	}
	switch {
	case m.Dropped:
		return never()
	case len(m.Fields) == 0:
		return undecided()
	}
	var parts []bounds
	for _, f := range m.Fields {
		parts = append(parts, f.exists())
	}
	b := t.combine(esq.Or, parts)
	if m.Inexact {
		return atMost(b.over) // what is computed of a value may be none
	}
	if m.Blank {
		return m.notBlank(b)
	}
	return b
}

// notBlank takes from what surely is present the documents with an empty text.
func (m Mapping) notBlank(b bounds) bounds {
	for _, f := range m.Fields {
		if f.class() == words {
			b.exact = false
			b.under = esq.And(b.under, esq.Not(esq.Term{Field: f.Name, Value: esq.Str("")}))
		}
	}
	return b
}

// pushed is a condition on a column that ask asks of a field.
func (t *translator) pushed(c *Column, ask func(Field) bounds) bounds {
	m := t.mapping(c)
	if m.Dropped || len(m.Fields) == 0 || m.Inexact || m.Words != nil || m.Filled != nil {
		return atMost(t.present(m).over)
	}
	b := candidates(m.Fields, ask)
	if m.Single {
		return atMost(b.over)
	}
	return b
}

// candidates asks of every field that may be the column. Which one is, cannot
// be told; a field surely is if those before it surely are absent.
func candidates(fields []Field, ask func(Field) bounds) bounds {
	if len(fields) == 1 {
		return ask(fields[0])
	}
	var overs, unders, absent []esq.Query
	for _, f := range fields {
		b := ask(f)
		overs = append(overs, b.over)
		unders = append(unders, esq.And(append(absent[:len(absent):len(absent)], b.under)...))
		absent = append(absent, esq.Not(f.exists().over))
	}
	return settle(bounds{over: esq.Or(overs...), under: esq.Or(unders...)})
}

// equals is the condition that a column has one of the values, its own or one
// that it was given.
func (t *translator) equals(c *Column, values []Value, fold bool) bounds {
	m := t.mapping(c)
	if len(values) == 0 {
		return never()
	}
	if m.Filled == nil {
		return t.has(m, values, fold)
	}
	by, ok := m.Filled(values)
	m.Filled = nil
	own := t.has(m, values, fold)
	if !ok {
		return settle(bounds{over: esq.MatchAll{}, under: own.under})
	}
	overs := []esq.Query{own.over}
	for _, other := range by {
		overs = append(overs, t.has(other.Mapping, other.Values, true).over)
	}
	return settle(bounds{over: esq.Or(overs...), under: own.under})
}

// has is the condition that the values of a mapping, as they are before any is
// filled in, have one of the values.
func (t *translator) has(m Mapping, values []Value, fold bool) bounds {
	present := atMost(t.present(m).over)
	switch {
	case len(values) == 0:
		return never()
	case m.Dropped, len(m.Fields) == 0, m.Inexact && m.Words == nil, len(values) > maxTerms:
		return present
	case m.Words == nil:
		b := candidates(m.Fields, func(f Field) bounds { return f.equals(values, fold) })
		if m.Single {
			return atMost(b.over)
		}
		return b
	}
	words, ok := m.words(values, fold)
	switch {
	case !ok || len(words) > maxTerms:
		return present
	case len(words) == 0:
		return never()
	case m.Inexact:
		return atMost(candidates(m.Fields, func(f Field) bounds { return f.equals(words, true) }).over)
	}
	b := candidates(m.Fields, func(f Field) bounds {
		as := f.equals(words, false)
		if fold {
			// Words that the source does not translate go through in any case;
			// those it does, in their own only.
			return bounds{over: f.equals(words, true).over, under: as.under}
		}
		return as
	})
	if m.Single {
		return atMost(b.over)
	}
	return b
}

// words returns the source's words for all of the values.
func (m Mapping) words(values []Value, fold bool) (words []Value, ok bool) {
	for _, v := range values {
		more, ok := m.Words(v, fold)
		if !ok {
			return nil, false
		}
		words = append(words, more...)
	}
	return distinct(words), true
}

func (t *translator) comparison(e *Binary) bounds {
	if isNull(e.L) {
		return t.absence(e.Op, e.R)
	}
	if isNull(e.R) {
		return t.absence(e.Op, e.L)
	}
	switch e.Op {
	case Equals, Match:
		return t.equality(e.L, e.R, e.Op == Match)
	case NotEquals:
		return t.equality(e.L, e.R, false).not()
	case Less, LessEqual, Greater, GreaterEqual:
		return t.order(e)
	}
	return undecided()
}

// absence is a comparison of x with null.
func (t *translator) absence(op Op, x Expr) bounds {
	b := t.needing(x)
	if c, ok := x.(*Column); ok {
		b = t.present(t.mapping(c))
	}
	switch op {
	case NotEquals:
		return b
	case Equals:
		return b.not()
	}
	return undecided()
}

func (t *translator) equality(l, r Expr, fold bool) bounds {
	if _, is := l.(*Literal); is {
		l, r = r, l
	}
	column, isColumn := l.(*Column)
	literal, isLiteral := r.(*Literal)
	if isColumn && isLiteral {
		return t.equals(column, []Value{literal.Value}, fold)
	}
	return t.needing(l, r)
}

func (t *translator) order(e *Binary) bounds {
	op, l, r := e.Op, e.L, e.R
	if _, is := l.(*Literal); is {
		op, l, r = turned(op), r, l
	}
	column, isColumn := l.(*Column)
	literal, isLiteral := r.(*Literal)
	if isColumn && isLiteral {
		return t.pushed(column, func(f Field) bounds { return f.ordered(op, literal.Value) })
	}
	return t.needing(l, r)
}

// turned returns the operator of "b op a" for "a op b".
func turned(op Op) Op {
	switch op {
	case Less:
		return Greater
	case LessEqual:
		return GreaterEqual
	case Greater:
		return Less
	default:
		return LessEqual
	}
}

func (t *translator) lookup(e *Lookup) bounds {
	column, is := e.X.(*Column)
	switch {
	case e.Set != nil:
		return t.inSet(e)
	case e.Op == In:
		return t.in(e)
	case !is || e.Op == Regex:
		return t.needing(e.X)
	}
	var plain []Value
	var parts []bounds
	for _, item := range e.List {
		l, ok := item.(*Literal)
		if !ok {
			return t.needing(e.X)
		}
		s, isText := l.Value.Str()
		switch {
		case !isText:
			return t.needing(e.X)
		case hasWildcards(s):
			parts = append(parts, t.pushed(column, func(f Field) bounds { return f.matches(s, e.Fold) }))
		default:
			plain = append(plain, l.Value)
		}
	}
	return t.combine(esq.Or, append(parts, t.equals(column, plain, e.Fold)))
}

func (t *translator) inSet(e *Lookup) bounds {
	column, is := e.X.(*Column)
	var set *Set
	if t.sets != nil {
		set = t.sets(e.Set.ref())
	}
	switch {
	case set == nil || !is && set.Len() > 0:
		return t.needing(e.X)
	case set.Len() == 0:
		return never()
	}
	return t.equals(column, set.Values(), e.Fold)
}

func (t *translator) in(e *Lookup) bounds {
	column, is := e.X.(*Column)
	if !is {
		return t.needing(e.X)
	}
	var literals []Value
	var parts []bounds
	for _, item := range e.List {
		if l, ok := item.(*Literal); !ok {
			parts = append(parts, t.equality(column, item, e.Fold))
		} else if !l.Value.IsNull() {
			literals = append(literals, l.Value)
		}
	}
	return t.combine(esq.Or, append(parts, t.equals(column, distinct(literals), e.Fold)))
}

// call translates the functions that an engine knows, of a column and literals.
func (t *translator) call(e *Call) bounds {
	f, err := findFunction(e.Name)
	if err != nil || f.result != truthType {
		return undecided()
	}
	literals, ok := literalTexts(e)
	if !ok {
		return t.needing(e)
	}
	column := e.Args[0].(*Column)
	switch s := literals[0]; {
	case f.name == "cidrMatch":
		return t.pushed(column, func(f Field) bounds { return f.inBlocks(literals) })
	case s == "":
		return t.needing(e)
	case f.name == "startsWith":
		return t.pushed(column, func(f Field) bounds { return f.startsWith(s, e.Fold) })
	case f.name == "endsWith":
		return t.pushed(column, func(f Field) bounds { return f.wildcard("*"+escapeLucene(s), s, e.Fold) })
	case f.name == "stringContains":
		return t.pushed(column, func(f Field) bounds { return f.wildcard("*"+escapeLucene(s)+"*", s, e.Fold) })
	}
	return t.needing(e)
}

// literalTexts returns the arguments after the first, if that is a column and
// they are strings.
func literalTexts(e *Call) ([]string, bool) {
	if len(e.Args) < 2 {
		return nil, false
	}
	_, ok := e.Args[0].(*Column)
	var out []string
	for _, arg := range e.Args[1:] {
		l, is := arg.(*Literal)
		if !is {
			return nil, false
		}
		s, isText := l.Value.Str()
		ok = ok && isText
		out = append(out, s)
	}
	return out, ok
}

// mayBeScalar reports whether text could be a part of a number or a truth
// value as a document writes them. An engine's keyword field holds those as
// text too, where a row has a number, which equals no text.
func mayBeScalar(text string) bool {
	return strings.Trim(text, "0123456789+-.eEtrufalsTRUFALS*?") == ""
}
