package kuery

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

type kind uint8

const (
	end kind = iota
	text
	colon
	openParen
	closeParen
	openBrace
	closeBrace
	compare // one of the four range operators
	and
	or
	not
)

type token struct {
	kind kind
	text Text   // of a text
	raw  string // as written
	span Span
}

// lexer cuts a query into tokens, one at a time. Whether "or" is a keyword
// depends on the spaces around it and on whether an operand stands before it,
// so the lexer remembers the latter.
type lexer struct {
	src     string
	off     int
	pos     Pos  // the place up to which lines and columns are counted
	operand bool // whether the last token ended an operand
}

func newLexer(src string) *lexer {
	return &lexer{src: src, pos: Pos{Line: 1, Column: 1}}
}

// next returns the next token; past the end it returns end for ever.
func (l *lexer) next() (token, error) {
	spaced := l.skipSpace()
	t := token{span: Span{Start: l.at(l.off)}}
	start := l.off
	stop, err := l.scan(&t, spaced)
	if err != nil {
		return token{}, err
	}
	t.raw = l.src[start:stop]
	t.span.End = l.at(stop)
	l.operand = t.kind == text || t.kind == closeParen || t.kind == closeBrace
	return t, nil
}

// scan reads one token into t and returns the offset at which its text stops,
// white space after it left out.
func (l *lexer) scan(t *token, spaced bool) (stop int, err error) {
	if l.off == len(l.src) {
		return l.off, nil
	}
	if k, size := l.operator(spaced); k != end {
		t.kind = k
		l.off += size
		return l.off, nil
	}
	t.kind = text
	if l.src[l.off] == '"' {
		t.text, err = l.quoted()
		return l.off, err
	}
	t.text, stop, err = l.unquoted()
	return stop, err
}

// operator returns the kind and size of the bracket, operator or keyword that
// stands at l.off, or end if there is none.
func (l *lexer) operator(spaced bool) (kind, int) {
	switch c := l.src[l.off]; c {
	case ':':
		return colon, 1
	case '(':
		return openParen, 1
	case ')':
		return closeParen, 1
	case '{':
		return openBrace, 1
	case '}':
		return closeBrace, 1
	case '<', '>':
		if strings.HasPrefix(l.src[l.off+1:], "=") {
			return compare, 2
		}
		return compare, 1
	}
	if l.keyword(l.off, "not") {
		return not, len("not")
	}
	// Where an operand should start, "or" is a word like any other.
	if l.operand && spaced {
		if l.keyword(l.off, "and") {
			return and, len("and")
		}
		if l.keyword(l.off, "or") {
			return or, len("or")
		}
	}
	return end, 0
}

// keyword reports whether word, in any case, and a space stand at off.
func (l *lexer) keyword(off int, word string) bool {
	return hasWord(l.src[off:], word) && spaceAt(l.src[off+len(word):]) > 0
}

// quoted reads a phrase from its opening to its closing quote.
func (l *lexer) quoted() (Text, error) {
	open := l.at(l.off)
	l.off++
	var b strings.Builder
	for l.off < len(l.src) {
		switch c := l.src[l.off]; c {
		case '"':
			l.off++
			return Phrase(b.String()), nil
		case '\\':
			if err := l.quotedEscape(&b); err != nil {
				return Text{}, err
			}
		default:
			b.WriteByte(c)
			l.off++
		}
	}
	return Text{}, &SyntaxError{open.Line, open.Column, "this quote is never closed"}
}

// quotedEscape reads a backslash and what belongs to it. In quotes a backslash
// that escapes nothing stands for itself, so that paths need no doubling.
func (l *lexer) quotedEscape(b *strings.Builder) error {
	if ok, err := l.commonEscape(b); ok || err != nil {
		return err
	}
	if rest := l.src[l.off+1:]; rest != "" && (rest[0] == '\\' || rest[0] == '"') {
		b.WriteByte(rest[0])
		l.off += 2
		return nil
	}
	b.WriteByte('\\')
	l.off++
	return nil
}

// unquoted reads a value or name up to the next operator, bracket, quote or
// keyword, and returns the offset at which it stops without the white space
// that trails it.
func (l *lexer) unquoted() (t Text, stop int, err error) {
	var b strings.Builder
	stop = l.off
	for l.off < len(l.src) && !l.atKeyword() {
		c := l.src[l.off]
		if c == '*' {
			t.Parts = append(t.Parts, b.String())
			b.Reset()
			l.off++
		} else if c == '\\' {
			if err := l.escape(&b); err != nil {
				return Text{}, 0, err
			}
		} else if special(c) {
			break
		} else if size := spaceAt(l.src[l.off:]); size > 0 {
			b.WriteString(l.src[l.off : l.off+size])
			l.off += size
			continue
		} else {
			b.WriteByte(c)
			l.off++
		}
		stop = l.off
	}
	t.Parts = append(t.Parts, b.String())
	trim(t.Parts)
	return t, stop, nil
}

// atKeyword reports whether a value without quotes stops at l.off because a
// keyword follows: "and" and "or" need a space on both sides, "not" only after it.
func (l *lexer) atKeyword() bool {
	if size := spaceAt(l.src[l.off:]); size > 0 {
		return l.keyword(l.off+size, "and") || l.keyword(l.off+size, "or")
	}
	return l.keyword(l.off, "not")
}

// escape reads a backslash outside quotes and what belongs to it.
func (l *lexer) escape(b *strings.Builder) error {
	rest := l.src[l.off+1:]
	// \n is a line break, but nobody means one by \not.
	if hasWord(rest, "not") && endsWord(rest[len("not"):]) {
		l.word(b, "not")
		return nil
	}
	if ok, err := l.commonEscape(b); ok || err != nil {
		return err
	}
	if rest != "" && special(rest[0]) {
		b.WriteByte(rest[0])
		l.off += 2
		return nil
	}
	for _, word := range []string{"or", "and", "not"} {
		if hasWord(rest, word) {
			l.word(b, word)
			return nil
		}
	}
	return l.badEscape(rest)
}

// word reads the escaped keyword at l.off in the case it is written in.
func (l *lexer) word(b *strings.Builder, word string) {
	b.WriteString(l.src[l.off+1 : l.off+1+len(word)])
	l.off += 1 + len(word)
}

func (l *lexer) badEscape(rest string) error {
	if rest == "" {
		return l.errorf("nothing follows this backslash; write \\\\ for a backslash")
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return l.errorf("\\%c is no escape; write \\\\ for a backslash", r)
}

// commonEscape reads the escapes that quotes share with other text; ok is
// false, and nothing read, if none of them stands at l.off.
func (l *lexer) commonEscape(b *strings.Builder) (ok bool, err error) {
	rest := l.src[l.off+1:]
	if rest == "" {
		return false, nil
	}
	switch rest[0] {
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'n':
		b.WriteByte('\n')
	default:
		return l.unicodeEscape(b)
	}
	l.off += 2
	return true, nil
}

const unicodeEscapeSize = len(`\u0000`)

// unicodeEscape reads \u and four digits, or two of them that make up one
// character beyond the first 65,536.
func (l *lexer) unicodeEscape(b *strings.Builder) (ok bool, err error) {
	r, ok := unicodeAt(l.src[l.off:])
	if !ok {
		return false, nil
	}
	size := unicodeEscapeSize
	if utf16.IsSurrogate(r) {
		low, _ := unicodeAt(l.src[l.off+size:])
		r = utf16.DecodeRune(r, low)
		if r == unicode.ReplacementChar {
			return false, l.errorf("%s is only half of a character", l.src[l.off:l.off+size])
		}
		size *= 2
	}
	b.WriteRune(r)
	l.off += size
	return true, nil
}

// unicodeAt decodes the unicode escape that s starts with.
func unicodeAt(s string) (rune, bool) {
	if len(s) < unicodeEscapeSize || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	// ParseUint takes digits alone: no sign, and no underscore for base 16.
	n, err := strconv.ParseUint(s[2:unicodeEscapeSize], 16, 16)
	return rune(n), err == nil
}

// skipSpace moves over white space and reports whether there was any.
func (l *lexer) skipSpace() bool {
	start := l.off
	for l.off < len(l.src) {
		size := spaceAt(l.src[l.off:])
		if size == 0 {
			break
		}
		l.off += size
	}
	return l.off > start
}

// at returns the place of off, which never lies before that of an earlier
// call: counting on from there keeps lexing linear.
func (l *lexer) at(off int) Pos {
	for _, r := range l.src[l.pos.Offset:off] {
		if r == '\n' {
			l.pos.Line++
			l.pos.Column = 1
		} else {
			l.pos.Column++
		}
	}
	l.pos.Offset = off
	return l.pos
}

func (l *lexer) errorf(format string, args ...any) error {
	p := l.at(l.off)
	return &SyntaxError{p.Line, p.Column, fmt.Sprintf(format, args...)}
}

// spaceAt returns the size of the space that s starts with, or 0. These, and
// no other white space, separate words.
func spaceAt(s string) int {
	if s == "" {
		return 0
	}
	switch s[0] {
	case ' ', '\t', '\r', '\n':
		return 1
	}
	if strings.HasPrefix(s, "\u00a0") {
		return len("\u00a0")
	}
	return 0
}

// special reports whether c needs a backslash outside quotes.
func special(c byte) bool { return strings.IndexByte(`\():<>"*{}`, c) >= 0 }

// hasWord reports whether s starts with word, in any case.
func hasWord(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word)
}

// endsWord reports whether a word before s is complete.
func endsWord(s string) bool { return s == "" || spaceAt(s) > 0 || special(s[0]) }

// trim cuts the white space off both ends of a text, escaped or not, by the
// rules of JavaScript's trim.
func trim(parts []string) {
	last := len(parts) - 1
	parts[0] = strings.TrimLeftFunc(parts[0], trimmed)
	parts[last] = strings.TrimRightFunc(parts[last], trimmed)
}

func trimmed(r rune) bool {
	return r == '\ufeff' || r != '\u0085' && unicode.IsSpace(r)
}
