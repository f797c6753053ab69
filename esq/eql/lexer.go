package eql

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// lexer cuts an expression into tokens, as EQL does: the longest token wins.
type lexer struct {
	text string
	at   Pos
}

func newLexer(text string) *lexer { return &lexer{text: text, at: Pos{Line: 1, Column: 1}} }

// next returns the next token; at the end of the text, kEOF for ever.
func (l *lexer) next() (token, error) {
	if err := l.skipBlank(); err != nil {
		return token{}, err
	}
	rest := l.rest()
	if rest == "" {
		return token{kind: kEOF, span: Span{l.at, l.at}}, nil
	}
	switch c := rest[0]; {
	case c == '"':
		return l.quotedString()
	case c == '\'':
		return token{}, errorAt(l.at, `strings stand in double quotes ["], not in single quotes [']`)
	case c == '?' && len(rest) > 1 && (rest[1] == '"' || rest[1] == '\''):
		return token{}, errorAt(l.at, `raw strings stand in triple double quotes ["""], not in [%s]`, rest[:2])
	case c == '`':
		return l.backticks()
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return l.number(), nil
	case isLetter(c), c == '_', c == '@':
		return l.word(), nil
	}
	if k, n := operator(rest); n > 0 {
		return l.take(k, n), nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return token{}, errorAt(l.at, "no token of EQL starts with %s", strconv.QuoteRune(r))
}

func (l *lexer) rest() string { return l.text[l.at.Offset:] }

// take makes a token of the next n bytes.
func (l *lexer) take(k kind, n int) token {
	text := l.rest()[:n]
	start := l.at
	l.advance(n)
	return token{kind: k, text: text, span: Span{start, l.at}}
}

// advance moves over n bytes, which end at a character's end.
func (l *lexer) advance(n int) {
	end := l.at.Offset + n
	for l.at.Offset < end {
		r, size := utf8.DecodeRuneInString(l.rest())
		l.at.Offset += size
		l.at.Column++
		if r == '\n' {
			l.at.Line++
			l.at.Column = 1
		}
	}
}

// skipBlank moves over white space and comments. Bracketed comments nest.
func (l *lexer) skipBlank() error {
	for {
		rest := l.rest()
		switch {
		case rest != "" && strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.advance(1)
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexAny(rest, "\r\n")
			if n < 0 {
				n = len(rest)
			}
			l.advance(n)
		case strings.HasPrefix(rest, "/*"):
			n := commentLength(rest)
			if n < 0 {
				return errorAt(l.at, "the comment is not closed by */")
			}
			l.advance(n)
		default:
			return nil
		}
	}
}

// commentLength returns the length of the bracketed comment at the start of
// text, or -1 if it has no end. An opening inside that is never closed counts
// as text, as in EQL.
func commentLength(text string) int {
	depth, firstClose := 0, -1
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if firstClose < 0 {
				firstClose = i + 1
			}
			if depth == 0 {
				return i + 1
			}
		}
	}
	return firstClose
}

func (l *lexer) word() token {
	rest := l.rest()
	n := 1
	for n < len(rest) && isWord(rest[n]) {
		n++
	}
	if n < len(rest) && rest[n] == '~' && isLetter(rest[0]) && !strings.Contains(rest[:n], "@") {
		if k, ok := keyword(rest[:n+1]); ok {
			return l.take(k, n+1)
		}
		t := l.take(kTilde, n+1)
		t.str = rest[:n]
		return t
	}
	if k, ok := keyword(rest[:n]); ok {
		return l.take(k, n)
	}
	return l.take(kIdentifier, n)
}

// number takes DIGITS, DIGITS.DIGITS, .DIGITS, each of the last two and the
// first with an exponent or without; "1." is a number too.
func (l *lexer) number() token {
	rest := l.rest()
	n, k := digits(rest, 0), kInteger
	if n < len(rest) && rest[n] == '.' {
		n, k = digits(rest, n+1), kDecimal
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		e := n + 1
		if e < len(rest) && (rest[e] == '+' || rest[e] == '-') {
			e++
		}
		if end := digits(rest, e); end > e {
			n, k = end, kDecimal
		}
	}
	return l.take(k, n)
}

func digits(s string, from int) int {
	for from < len(s) && isDigit(s[from]) {
		from++
	}
	return from
}

// backticks takes a `quoted name`, in which two backticks stand for one.
func (l *lexer) backticks() (token, error) {
	rest := l.rest()
	var name strings.Builder
	for i := 1; i < len(rest); i++ {
		if rest[i] != '`' {
			name.WriteByte(rest[i])
			continue
		}
		if i+1 < len(rest) && rest[i+1] == '`' {
			name.WriteByte('`')
			i++
			continue
		}
		if i == 1 {
			return token{}, errorAt(l.at, "there is no name between the backticks")
		}
		t := l.take(kQuoted, i+1)
		t.str = name.String()
		return t, nil
	}
	return token{}, errorAt(l.at, "the quoted name is not closed by a backtick")
}

func (l *lexer) quotedString() (token, error) {
	if strings.HasPrefix(l.rest(), `"""`) {
		return l.rawString()
	}
	rest := l.rest()
	var value strings.Builder
	for i := 1; i < len(rest); {
		switch c := rest[i]; c {
		case '"':
			t := l.take(kString, i+1)
			t.str = value.String()
			return t, nil
		case '\n', '\r':
			return token{}, errorAt(l.at, `the string is not closed by ["] in its line; a line break is \n`)
		case '\\':
			n, err := l.escape(&value, rest, i)
			if err != nil {
				return token{}, err
			}
			i += n
		default:
			value.WriteByte(c)
			i++
		}
	}
	return token{}, errorAt(l.at, `the string is not closed by ["]`)
}

// rawString takes """text""". Up to two quotes right before the closing ones
// belong to the text.
func (l *lexer) rawString() (token, error) {
	rest := l.rest()
	end := strings.Index(rest[3:], `"""`)
	if line := strings.IndexAny(rest, "\r\n"); end < 0 || line >= 0 && line < end+3 {
		return token{}, errorAt(l.at, `the raw string is not closed by ["""] in its line`)
	}
	n := 3 + end + 3
	for more := 0; more < 2 && n < len(rest) && rest[n] == '"'; more++ {
		n++
	}
	t := l.take(kString, n)
	t.str = t.text[3 : n-3]
	return t, nil
}

// escape reads the escape sequence at rest[i], a backslash, and returns its length.
func (l *lexer) escape(value *strings.Builder, rest string, i int) (int, error) {
	at := *l
	at.advance(i)
	if i+1 == len(rest) {
		return 0, errorAt(l.at, `the string is not closed by ["]`)
	}
	const plain, meant = `btnfr"'\`, "\b\t\n\f\r\"'\\"
	if k := strings.IndexByte(plain, rest[i+1]); k >= 0 {
		value.WriteByte(meant[k])
		return 2, nil
	}
	if rest[i+1] == 'u' {
		r, n, err := unicodeEscape(rest[i:], at.at)
		value.WriteRune(r)
		return n, err
	}
	r, _ := utf8.DecodeRuneInString(rest[i+1:])
	return 0, errorAt(at.at, `there is no escape \%c in EQL; write \\ for a backslash, or a raw string in """`, r)
}

// unicodeEscape reads \u{HEX}, two to eight digits, at the start of text.
func unicodeEscape(text string, at Pos) (rune, int, error) {
	end := strings.IndexByte(text, '}')
	if !strings.HasPrefix(text, `\u{`) || end < 0 {
		return 0, 0, errorAt(at, `a character's code is written \u{HEX}`)
	}
	hex := text[3:end]
	if len(hex) < 2 || len(hex) > 8 {
		return 0, 0, errorAt(at, `\u{...} takes 2 to 8 hexadecimal digits, not %d`, len(hex))
	}
	code, err := strconv.ParseUint(hex, 16, 32)
	switch {
	case err != nil:
		return 0, 0, errorAt(at, `\u{...} takes hexadecimal digits, not %q`, hex)
	case code == 0:
		return 0, 0, errorAt(at, `\u{%s} is the null character, which no string may hold`, hex)
	case code > utf8.MaxRune || !utf8.ValidRune(rune(code)):
		return 0, 0, errorAt(at, `\u{%s} is no Unicode character`, hex)
	}
	return rune(code), end + 1, nil
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }

// isIdentifier reports whether name can stand without backticks.
func isIdentifier(name string) bool {
	if name == "" || !isLetter(name[0]) && name[0] != '_' && name[0] != '@' {
		return false
	}
	for i := 1; i < len(name); i++ {
		if !isWord(name[i]) {
			return false
		}
	}
	_, taken := keyword(name)
	return !taken
}
