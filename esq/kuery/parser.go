package kuery

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// How deep a query may go. A tree of maxHeight nodes never needs more than as
// many groups and a list when it is printed, so whatever parses also parses
// again after printing.
const (
	maxHeight = 250
	maxGroups = 500
)

// SyntaxError says what is wrong with a query's text, and where.
type SyntaxError struct {
	Line, Column int // from 1; columns count characters
	Msg          string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg) }

// Parse reads a query. Empty and blank text accepts everything, as *:* does.
// The error is a [*SyntaxError].
func Parse(text string) (Node, error) {
	p := &parser{lex: newLexer(text)}
	if err := p.lex.checkEncoding(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.query()
	if err != nil {
		return nil, err
	}
	if height(n) > maxHeight {
		at := n.Span().Start
		return nil, &SyntaxError{at.Line, at.Column, fmt.Sprintf("conditions are nested more than %d deep", maxHeight)}
	}
	return n, nil
}

func (l *lexer) checkEncoding() error {
	if utf8.ValidString(l.src) {
		return nil
	}
	valid := newLexer(l.src)
	for {
		r, size := utf8.DecodeRuneInString(l.src[valid.off:])
		if r == utf8.RuneError && size == 1 {
			return valid.errorf("the text is not UTF-8: byte %#x", l.src[valid.off])
		}
		valid.off += size
	}
}

// parser reads by recursive descent, one token ahead.
type parser struct {
	lex    *lexer
	tok    token // the token ahead
	last   token // the one before it
	groups int   // open brackets
}

// operand parses what and, or and not connect: conditions in a query, values in
// a list.
type operand func() (Node, error)

func (p *parser) query() (Node, error) {
	if p.tok.kind == end {
		everything := Text{Parts: []string{"", ""}}
		return &Is{Field: &everything, Value: everything, span: p.tok.span}, nil
	}
	n, err := p.or(p.condition)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != end {
		return nil, p.misplaced("the end of the query")
	}
	return n, nil
}

func (p *parser) or(o operand) (Node, error) {
	return p.chain(or, func() (Node, error) { return p.and(o) },
		func(nodes []Node, s Span) Node { return &Or{nodes, s} })
}

func (p *parser) and(o operand) (Node, error) {
	return p.chain(and, func() (Node, error) { return p.not(o) },
		func(nodes []Node, s Span) Node { return &And{nodes, s} })
}

// chain parses operands with the keyword between them; one alone stays itself.
func (p *parser) chain(keyword kind, o operand, join func([]Node, Span) Node) (Node, error) {
	start := p.tok.span.Start
	var nodes []Node
	for {
		n, err := o()
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
		if p.tok.kind != keyword {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if len(nodes) == 1 {
		return nodes[0], nil
	}
	return join(nodes, p.from(start)), nil
}

func (p *parser) not(o operand) (Node, error) {
	if p.tok.kind != not {
		return o()
	}
	start := p.tok.span.Start
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == not {
		return nil, p.errorf("not cannot follow not; put the inner one in brackets")
	}
	n, err := o()
	if err != nil {
		return nil, err
	}
	return &Not{n, p.from(start)}, nil
}

// condition parses a group, a comparison or free text.
func (p *parser) condition() (Node, error) {
	switch p.tok.kind {
	case openParen:
		return p.group(closeParen, p.condition)
	case text:
	default:
		return nil, p.unexpected("a field, a value or (")
	}
	first := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch p.tok.kind {
	case colon:
		if err := p.advance(); err != nil {
			return nil, err
		}
		return p.comparison(first)
	case compare:
		return p.rangeOf(first)
	}
	return &Is{Value: first.text, span: first.span}, nil
}

// comparison parses what follows a field and its colon.
func (p *parser) comparison(field token) (Node, error) {
	if p.tok.kind == openBrace {
		n, err := p.group(closeBrace, p.condition)
		if err != nil {
			return nil, err
		}
		return &Nested{field.text, n, p.from(field.span.Start)}, nil
	}
	name := &field.text
	if name.Null() {
		name = nil // Kibana's null is no field at all
	}
	if p.tok.kind == text {
		return p.value(name, field.span.Start, "")
	}
	if p.tok.kind != openParen {
		return nil, p.unexpected("a value, ( or {")
	}
	return p.list(name)
}

// list parses a bracketed list of values, each of which is compared with field.
func (p *parser) list(field *Text) (Node, error) {
	var item operand
	item = func() (Node, error) {
		if p.tok.kind == openParen {
			return p.group(closeParen, item)
		}
		return p.value(field, p.tok.span.Start, "a value or (")
	}
	return p.group(closeParen, item)
}

func (p *parser) value(field *Text, start Pos, expected string) (Node, error) {
	if p.tok.kind != text {
		return nil, p.unexpected(expected)
	}
	value := p.tok.text
	if err := p.advance(); err != nil {
		return nil, err
	}
	return &Is{field, value, p.from(start)}, nil
}

func (p *parser) rangeOf(field token) (Node, error) {
	op := Op(p.tok.raw)
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind != text {
		return nil, p.unexpected("a value after " + string(op))
	}
	value := p.tok.text
	if err := p.advance(); err != nil {
		return nil, err
	}
	return &Range{field.text, op, value, p.from(field.span.Start)}, nil
}

// group parses what stands between the bracket ahead and the closing one.
func (p *parser) group(closing kind, o operand) (Node, error) {
	if p.groups == maxGroups {
		return nil, p.errorf("groups are nested more than %d deep", maxGroups)
	}
	p.groups++
	open := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or(o)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != closing {
		bracket := map[kind]string{closeParen: ")", closeBrace: "}"}[closing]
		at := open.span.Start
		return nil, p.misplaced(fmt.Sprintf("%s for the %s at %d:%d", bracket, open.raw, at.Line, at.Column))
	}
	p.groups--
	return n, p.advance()
}

func (p *parser) advance() error {
	t, err := p.lex.next()
	if err != nil {
		return err
	}
	p.last, p.tok = p.tok, t
	return nil
}

// from returns the span from start to the last token that was read.
func (p *parser) from(start Pos) Span { return Span{start, p.last.span.End} }

// unexpected reports the token ahead where an operand should start.
func (p *parser) unexpected(expected string) error {
	return p.errorf("expected %s, found %s", expected, p.tok)
}

// misplaced reports the token ahead where an operand has ended, and how to
// mend the usual slips.
func (p *parser) misplaced(expected string) error {
	hint := ""
	switch {
	case p.tok.kind == not:
		hint = "; a value with this word in it needs quotes"
	case p.tok.kind == openParen && endsInKeyword(p.last):
		hint = "; a keyword needs a space after it"
	case p.tok.kind == text && startsWithKeyword(p.tok):
		hint = "; a keyword needs a space before and after it"
	case p.tok.kind == text && p.last.text.Quoted:
		hint = "; a quote inside quotes needs a backslash"
	case p.tok.kind == colon || p.tok.kind == compare:
		hint = "; inside a value it needs a backslash or quotes"
	}
	return p.errorf("expected and, or or %s, found %s%s", expected, p.tok, hint)
}

func endsInKeyword(t token) bool {
	words := strings.Fields(strings.ToLower(t.raw))
	if t.kind != text || len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	return last == "not" || last == "and" || last == "or"
}

func startsWithKeyword(t token) bool {
	for _, word := range []string{"and", "or"} {
		if hasWord(t.raw, word) && endsWord(t.raw[len(word):]) {
			return true
		}
	}
	return false
}

func (p *parser) errorf(format string, args ...any) error {
	at := p.tok.span.Start
	return &SyntaxError{at.Line, at.Column, fmt.Sprintf(format, args...)}
}

// String writes t for an error message.
func (t token) String() string {
	if t.kind == end {
		return "the end of the query"
	}
	const most = 30
	if runes := []rune(t.raw); len(runes) > most {
		return fmt.Sprintf("%q...", string(runes[:most]))
	}
	return fmt.Sprintf("%q", t.raw)
}
