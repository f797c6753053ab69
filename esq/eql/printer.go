package eql

import (
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// Levels of precedence, loosest first, as in EQL's grammar.
const (
	levelOr = iota
	levelAnd
	levelNot
	levelComparison
	levelSum
	levelProduct
	levelSign
	levelPredicate
	levelPrimary
)

// Print writes e in EQL, with no more parentheses than it needs. Reading the
// text gives an equal expression.
func Print(e Expr) string {
	var p printer
	p.write(e, levelOr)
	return p.String()
}

type printer struct{ strings.Builder }

// write writes e where the grammar wants an expression of the given level.
func (p *printer) write(e Expr, level int) {
	if levelOf(e) < level {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	switch e := e.(type) {
	case *Literal:
		p.literal(e)
	case *Column:
		p.column(e)
	case *Call:
		p.call(e)
	case *Unary:
		p.unary(e)
	case *Binary:
		p.binary(e)
	case *Lookup:
		p.lookup(e, "")
	}
}

func levelOf(e Expr) int {
	switch e := e.(type) {
	case *Unary:
		if e.Op == Neg {
			return levelSign
		}
		if asNotIn(e) != nil {
			return levelPredicate
		}
		return levelNot
	case *Binary:
		return levelOfBinary(e.Op)
	case *Lookup:
		return levelPredicate
	}
	return levelPrimary
}

func levelOfBinary(op Op) int {
	switch op {
	case Or:
		return levelOr
	case And:
		return levelAnd
	case Add, Sub:
		return levelSum
	case Mul, Div, Mod:
		return levelProduct
	case Match:
		return levelPredicate
	}
	return levelComparison
}

// asNotIn returns the lookup of "x not in (...)".
func asNotIn(e *Unary) *Lookup {
	if l, ok := e.X.(*Lookup); ok && e.Op == Not && l.Op == In {
		return l
	}
	return nil
}

func (p *printer) literal(e *Literal) {
	switch e.Value.Kind() {
	case esq.Null:
		p.WriteString("null")
	case esq.String:
		s, _ := e.Value.Str()
		p.quote(s)
	case esq.Int, esq.Float:
		p.number(e)
	default:
		p.WriteString(e.Value.String())
	}
}

func (p *printer) number(e *Literal) {
	if !e.Float {
		p.WriteString(e.Value.String())
		return
	}
	f, _ := e.Value.Number()
	text := strconv.FormatFloat(f, 'g', -1, 64)
	p.WriteString(text)
	if !strings.ContainsAny(text, ".e") {
		p.WriteString(".0")
	}
}

func (p *printer) quote(s string) {
	p.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			p.WriteByte('\\')
			p.WriteByte(c)
		case '\n':
			p.WriteString(`\n`)
		case '\r':
			p.WriteString(`\r`)
		case '\t':
			p.WriteString(`\t`)
		default:
			p.WriteByte(c)
		}
	}
	p.WriteByte('"')
}

func (p *printer) column(e *Column) {
	if e.Func != "" {
		p.WriteString(e.Func)
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	if e.Optional {
		p.WriteByte('?')
	}
	parts := strings.Split(e.Name, ".")
	for _, part := range parts {
		if part == "" { // a dot that separates nothing can only stand in backticks
			parts = []string{e.Name}
			break
		}
	}
	for i, part := range parts {
		if i > 0 {
			p.WriteByte('.')
		}
		p.identifier(part)
	}
}

func (p *printer) identifier(name string) {
	if isIdentifier(name) {
		p.WriteString(name)
		return
	}
	p.WriteByte('`')
	p.WriteString(strings.ReplaceAll(name, "`", "``"))
	p.WriteByte('`')
}

func (p *printer) call(e *Call) {
	p.WriteString(e.Name)
	if e.Fold {
		p.WriteByte('~')
	}
	p.list(e.Args)
}

func (p *printer) list(items []Expr) {
	p.WriteByte('(')
	for i, item := range items {
		if i > 0 {
			p.WriteString(", ")
		}
		p.write(item, levelOr)
	}
	p.WriteByte(')')
}

func (p *printer) unary(e *Unary) {
	if in := asNotIn(e); in != nil {
		p.lookup(in, "not ")
		return
	}
	if e.Op == Neg {
		p.WriteByte('-')
		p.write(e.X, levelSign)
		return
	}
	p.WriteString("not ")
	p.write(e.X, levelNot)
}

func (p *printer) binary(e *Binary) {
	left, right := levelOfBinary(e.Op), levelOfBinary(e.Op)+1
	switch left {
	case levelComparison: // does not chain
		left = levelSum
	case levelPredicate: // between a value and a value
		left = levelPrimary
	}
	p.write(e.L, left)
	p.WriteByte(' ')
	p.WriteString(string(e.Op))
	p.WriteByte(' ')
	p.write(e.R, right)
}

func (p *printer) lookup(e *Lookup, not string) {
	p.write(e.X, levelPrimary)
	p.WriteByte(' ')
	p.WriteString(not)
	p.WriteString(string(e.Op))
	if e.Fold && e.Op != Match {
		p.WriteByte('~')
	}
	p.WriteByte(' ')
	switch {
	case e.Set != nil:
		p.column(e.Set)
	case e.Op != In && len(e.List) == 1:
		p.write(e.List[0], levelPrimary)
	default:
		p.list(e.List)
	}
}
