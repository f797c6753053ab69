package eql

import (
	"math"
	"strconv"

	"github.com/stitchdetect/stitch/esq"
)

// Bounds on what is read, so that no text can exhaust the stack.
const (
	maxNesting   = 200    // parentheses, calls, not and minus inside one another
	maxOperators = 10_000 // binary operators in one expression
)

// ParseExpr reads a condition or a value expression. The error is a
// [*SyntaxError].
func ParseExpr(text string) (Expr, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	e, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if err := p.expectEnd(); err != nil {
		return nil, err
	}
	return e, nil
}

// ParseEvent reads "CATEGORY where CONDITION". The error is a [*SyntaxError].
func ParseEvent(text string) (Event, error) {
	p, err := newParser(text)
	if err != nil {
		return Event{}, err
	}
	event, err := p.event()
	if err != nil {
		return Event{}, err
	}
	if err := p.expectEnd(); err != nil {
		return Event{}, err
	}
	return event, nil
}

// parser reads by recursive descent, one method per level of precedence, with
// one token of look-ahead.
type parser struct {
	lex       *lexer
	tok       token // the one to be read next
	end       Pos   // where the last one read ended
	depth     int
	operators int
}

func newParser(text string) (*parser, error) {
	p := &parser{lex: newLexer(text)}
	return p, p.read()
}

// read moves to the next token.
func (p *parser) read() (err error) {
	p.end = p.tok.span.End
	p.tok, err = p.lex.next()
	return err
}

// accept reads the next token if it is a k.
func (p *parser) accept(k kind) (bool, error) {
	if p.tok.kind != k {
		return false, nil
	}
	return true, p.read()
}

func (p *parser) expect(k kind, wanted string) error {
	if p.tok.kind != k {
		return p.unexpected(wanted)
	}
	return p.read()
}

func (p *parser) start() Pos { return p.tok.span.Start }

func (p *parser) since(start Pos) Span { return Span{start, p.end} }

func (p *parser) unexpected(wanted string) error {
	hint := ""
	if p.tok.kind == kAssign {
		hint = "; equality is =="
	}
	return errorAt(p.start(), "expected %s, found %s%s", wanted, p.tok.describe(), hint)
}

// noName is unexpected where a column's name could stand.
func (p *parser) noName(wanted string) error {
	if p.tok.kind.isKeyword() {
		return errorAt(p.start(), "expected %s, found %s; a column of that name stands in `backticks`", wanted, p.tok.describe())
	}
	return p.unexpected(wanted)
}

func (p *parser) expectEnd() error {
	switch p.tok.kind {
	case kEOF:
		return nil
	case kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kColon:
		return errorAt(p.start(), "comparisons cannot be chained: join them with and, or put one in parentheses")
	case kLike, kLikeFold, kRegex, kRegexFold, kIn, kInFold:
		return errorAt(p.start(), "%s follows a single value: put what stands before it in parentheses", p.tok.text)
	case kNot:
		return errorAt(p.start(), "not stands before a condition, or in front of in")
	case kPipe:
		return errorAt(p.start(), "pipes are not supported here")
	case kAny:
		return p.unexpected("and, or, or the end")
	}
	return p.unexpected("an operator or the end")
}

// nest counts a level of nesting; the caller defers the returned function.
func (p *parser) nest() (leave func(), err error) {
	if p.depth++; p.depth > maxNesting {
		return nil, errorAt(p.start(), "the expression is nested more than %d levels deep", maxNesting)
	}
	return func() { p.depth-- }, nil
}

func (p *parser) event() (Event, error) {
	e := Event{CategorySpan: p.tok.span}
	switch p.tok.kind {
	case kAny, kIdentifier:
		e.Category = p.tok.text
	case kString:
		e.Category = p.tok.str
	case kSequence, kJoin, kSample:
		return Event{}, errorAt(p.start(), "%s is not supported here: write one condition, CATEGORY where CONDITION", p.tok.text)
	default:
		return Event{}, p.unexpected("an event category: any, a name, or a name in double quotes")
	}
	if err := p.read(); err != nil {
		return Event{}, err
	}
	if err := p.expect(kWhere, "where"); err != nil {
		return Event{}, err
	}
	var err error
	e.Cond, err = p.disjunction()
	return e, err
}

func (p *parser) disjunction() (Expr, error) {
	return p.chain(p.conjunction, func(k kind) (Op, bool) { return Or, k == kOr })
}

func (p *parser) conjunction() (Expr, error) {
	return p.chain(p.negation, func(k kind) (Op, bool) { return And, k == kAnd })
}

// chain reads operands and the operators of one level between them, which
// group from the left.
func (p *parser) chain(operand func() (Expr, error), level func(kind) (Op, bool)) (Expr, error) {
	start := p.start()
	left, err := operand()
	if err != nil {
		return nil, err
	}
	for {
		op, ok := level(p.tok.kind)
		if !ok {
			return left, nil
		}
		right, err := p.operand(operand)
		if err != nil {
			return nil, err
		}
		left = &Binary{Op: op, L: left, R: right, At: p.since(start)}
	}
}

// operand reads an operator and what stands at its right.
func (p *parser) operand(right func() (Expr, error)) (Expr, error) {
	if p.operators++; p.operators > maxOperators {
		return nil, errorAt(p.start(), "the expression has more than %d operators; write long lists with in (...)", maxOperators)
	}
	if err := p.read(); err != nil {
		return nil, err
	}
	return right()
}

func (p *parser) negation() (Expr, error) {
	if p.tok.kind != kNot {
		return p.comparison()
	}
	return p.unary(Not, p.negation)
}

// unary reads an operator in front of an operand.
func (p *parser) unary(op Op, operand func() (Expr, error)) (Expr, error) {
	leave, err := p.nest()
	if err != nil {
		return nil, err
	}
	defer leave()
	start := p.start()
	if err := p.read(); err != nil {
		return nil, err
	}
	x, err := operand()
	if err != nil {
		return nil, err
	}
	return &Unary{Op: op, X: x, At: p.since(start)}, nil
}

func (p *parser) comparison() (Expr, error) {
	start := p.start()
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	op, ok := comparisonOf(p.tok.kind)
	if !ok {
		return left, nil
	}
	right, err := p.operand(p.sum)
	if err != nil {
		return nil, err
	}
	return &Binary{Op: op, L: left, R: right, At: p.since(start)}, nil
}

func comparisonOf(k kind) (Op, bool) {
	switch k {
	case kEqual:
		return Equals, true
	case kNotEqual:
		return NotEquals, true
	case kLess:
		return Less, true
	case kLessEqual:
		return LessEqual, true
	case kGreater:
		return Greater, true
	case kGreaterEqual:
		return GreaterEqual, true
	}
	return "", false
}

func (p *parser) sum() (Expr, error) {
	return p.chain(p.product, func(k kind) (Op, bool) {
		if k == kPlus {
			return Add, true
		}
		return Sub, k == kMinus
	})
}

func (p *parser) product() (Expr, error) {
	return p.chain(p.signed, func(k kind) (Op, bool) {
		switch k {
		case kStar:
			return Mul, true
		case kSlash:
			return Div, true
		}
		return Mod, k == kPercent
	})
}

// signed reads a value with signs before it. A plus says nothing.
func (p *parser) signed() (Expr, error) {
	switch p.tok.kind {
	case kMinus:
		return p.unary(Neg, p.signed)
	case kPlus:
		e, err := p.unary("+", p.signed)
		if err != nil {
			return nil, err
		}
		return e.(*Unary).X, nil
	}
	return p.predicate()
}

// predicate reads a value and what may be asked of it directly: in, like, regex, :.
func (p *parser) predicate() (Expr, error) {
	start := p.start()
	x, err := p.primary()
	if err != nil {
		return nil, err
	}
	switch p.tok.kind {
	case kNot:
		return p.notIn(x, start)
	case kIn, kInFold:
		return p.in(x, start)
	case kColon:
		return p.match(x, start)
	case kLike, kLikeFold:
		return p.pattern(Like, p.tok.kind == kLikeFold, x, start)
	case kRegex, kRegexFold:
		return p.pattern(Regex, p.tok.kind == kRegexFold, x, start)
	}
	return x, nil
}

func (p *parser) notIn(x Expr, start Pos) (Expr, error) {
	if err := p.read(); err != nil {
		return nil, err
	}
	switch p.tok.kind {
	case kIn, kInFold:
	case kLike, kLikeFold, kRegex, kRegexFold, kColon:
		return nil, errorAt(p.start(), "not stands right before in only: write not (value %s ...)", p.tok.text)
	default:
		return nil, p.unexpected("in or in~")
	}
	in, err := p.in(x, start)
	if err != nil {
		return nil, err
	}
	return &Unary{Op: Not, X: in, At: p.since(start)}, nil
}

func (p *parser) in(x Expr, start Pos) (Expr, error) {
	e := &Lookup{Op: In, Fold: p.tok.kind == kInFold, X: x}
	word := p.tok.text
	if err := p.read(); err != nil {
		return nil, err
	}
	var err error
	switch {
	case p.tok.kind == kOpen:
		e.List, err = p.list()
	case p.tok.kind == kIdentifier && p.tok.text == "all":
		e.Set, err = p.set()
	default:
		err = p.unexpected("a list in parentheses or all(stage.column) after " + word)
	}
	e.At = p.since(start)
	return e, err
}

// set reads all(stage.column).
func (p *parser) set() (*Column, error) {
	start := p.start()
	if err := p.read(); err != nil {
		return nil, err
	}
	if p.tok.kind != kOpen {
		return nil, p.unexpected("(stage.column) after all")
	}
	return p.reference("all", start)
}

// match reads what follows a colon: a literal, literals in parentheses, or a value.
func (p *parser) match(x Expr, start Pos) (Expr, error) {
	if err := p.read(); err != nil {
		return nil, err
	}
	items, err := p.items()
	if err != nil {
		return nil, err
	}
	if at, ok := notLiteral(items); ok {
		if len(items) > 1 {
			return nil, errorAt(at, "a list after : holds literals only")
		}
		return &Binary{Op: Match, L: x, R: items[0], At: p.since(start)}, nil
	}
	return &Lookup{Op: Match, Fold: true, X: x, List: items, At: p.since(start)}, nil
}

// pattern reads what follows like or regex: a literal, or literals in parentheses.
func (p *parser) pattern(op Op, fold bool, x Expr, start Pos) (Expr, error) {
	word := p.tok.text
	if err := p.read(); err != nil {
		return nil, err
	}
	items, err := p.items()
	if err != nil {
		return nil, err
	}
	if at, ok := notLiteral(items); ok {
		return nil, errorAt(at, "%s takes literals only: values out of data are never patterns", word)
	}
	return &Lookup{Op: op, Fold: fold, X: x, List: items, At: p.since(start)}, nil
}

func (p *parser) items() ([]Expr, error) {
	if p.tok.kind == kOpen {
		return p.list()
	}
	item, err := p.primary()
	return []Expr{item}, err
}

func notLiteral(items []Expr) (at Pos, found bool) {
	for _, item := range items {
		if _, ok := item.(*Literal); !ok {
			return item.Span().Start, true
		}
	}
	return Pos{}, false
}

// list reads one or more expressions in parentheses.
func (p *parser) list() ([]Expr, error) {
	leave, err := p.nest()
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := p.expect(kOpen, "("); err != nil {
		return nil, err
	}
	var items []Expr
	for {
		item, err := p.disjunction()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if more, err := p.accept(kComma); err != nil {
			return nil, err
		} else if !more {
			return items, p.expect(kClose, ", or )")
		}
	}
}

func (p *parser) primary() (Expr, error) {
	switch p.tok.kind {
	case kNull, kTrue, kFalse, kString, kInteger, kDecimal:
		return p.literal()
	case kIdentifier, kTilde:
		return p.named()
	case kQuoted, kQuestion:
		return p.column(p.start())
	case kOpen:
		return p.parenthesized()
	case kOpenBracket, kMissing:
		return nil, errorAt(p.start(), "sequences are not supported here")
	}
	return nil, p.noName("a value or a column")
}

func (p *parser) parenthesized() (Expr, error) {
	leave, err := p.nest()
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := p.read(); err != nil {
		return nil, err
	}
	e, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	return e, p.expect(kClose, ")")
}

func (p *parser) literal() (Expr, error) {
	t := p.tok
	e := &Literal{At: t.span}
	switch t.kind {
	case kTrue, kFalse:
		e.Value = esq.Boolean(t.kind == kTrue)
	case kString:
		e.Value = esq.Str(t.str)
	case kInteger, kDecimal:
		if err := e.setNumber(t); err != nil {
			return nil, err
		}
	}
	return e, p.read()
}

// setNumber reads digits. A whole number too large for 64 bits is a float, as in EQL.
func (e *Literal) setNumber(t token) error {
	if t.kind == kInteger {
		if i, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			e.Value = esq.Integer(i)
			return nil
		}
	}
	f, err := strconv.ParseFloat(t.text, 64)
	if err != nil || math.IsInf(f, 0) {
		return errorAt(t.span.Start, "the number %s is too large", t.text)
	}
	e.Value, e.Float = esq.Num(f), true
	return nil
}

// named reads what starts with a plain name: a function's call or a column.
func (p *parser) named() (Expr, error) {
	start, name := p.start(), p.tok
	if err := p.read(); err != nil {
		return nil, err
	}
	switch {
	case p.tok.kind == kOpen:
		return p.call(name, start)
	case name.kind == kTilde:
		return nil, p.unexpected("( after the function " + name.text)
	case p.tok.kind == kOf:
		return nil, errorAt(start, "process lineage (%s of [...]) is not supported", name.text)
	case p.tok.kind == kTilde, p.tok.kind == kIdentifier:
		return nil, errorAt(p.start(), "expected an operator, found %s%s", p.tok.describe(), nearestHint(p.tok.text, infixWords()))
	}
	return p.path(name.text, false, start)
}

// infixWords are the operators that are words, for hints.
func infixWords() []string {
	return []string{"and", "or", "not", "in", "in~", "like", "like~", "regex", "regex~"}
}

func (p *parser) call(name token, start Pos) (Expr, error) {
	if name.text == "all" {
		return nil, errorAt(start, "all(stage.column) is a set: it stands only at the right of in, in~ and not in")
	}
	if name.text == "matched" {
		return p.reference("matched", start)
	}
	e := &Call{Name: name.text}
	if name.kind == kTilde {
		e.Name, e.Fold = name.str, true
	}
	args, err := p.arguments()
	e.Args, e.At = args, p.since(start)
	return e, err
}

// arguments reads the expressions of a call, of which there may be none.
func (p *parser) arguments() ([]Expr, error) {
	if p.lex.closes() {
		if err := p.read(); err != nil {
			return nil, err
		}
		return nil, p.read()
	}
	return p.list()
}

// closes reports whether the text goes on with a closing parenthesis.
func (l *lexer) closes() bool {
	ahead := *l
	t, err := ahead.next()
	return err == nil && t.kind == kClose
}

// reference reads (stage.column) after all or matched.
func (p *parser) reference(function string, start Pos) (*Column, error) {
	if err := p.read(); err != nil {
		return nil, err
	}
	if k := p.tok.kind; k != kIdentifier && k != kQuoted {
		return nil, p.unexpected("stage.column in " + function + "(...)")
	}
	e, err := p.column(p.start())
	if err != nil {
		return nil, err
	}
	if err := p.expect(kClose, ") after the column of "+function); err != nil {
		return nil, err
	}
	e.Func, e.At = function, p.since(start)
	return e, nil
}

// column reads a name with dots, with a ? before it or without.
func (p *parser) column(start Pos) (*Column, error) {
	optional, err := p.accept(kQuestion)
	if err != nil {
		return nil, err
	}
	name, err := p.identifier("a column's name")
	if err != nil {
		return nil, err
	}
	return p.path(name, optional, start)
}

// path reads the rest of a column's name.
func (p *parser) path(name string, optional bool, start Pos) (*Column, error) {
	for {
		switch p.tok.kind {
		case kDot:
			if err := p.read(); err != nil {
				return nil, err
			}
			part, err := p.identifier("a name after the dot")
			if err != nil {
				return nil, err
			}
			name += "." + part
		case kOpenBracket:
			return nil, errorAt(p.start(), "array indexes are not supported: a column's condition holds if it does for any of its values")
		default:
			return &Column{Name: name, Optional: optional, At: p.since(start)}, nil
		}
	}
}

func (p *parser) identifier(wanted string) (string, error) {
	t := p.tok
	switch t.kind {
	case kIdentifier:
		return t.text, p.read()
	case kQuoted:
		return t.str, p.read()
	}
	return "", p.noName(wanted)
}
