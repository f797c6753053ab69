package eql

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const maxQuantifiers = 8 // on one atom

// compileRegex makes a Go expression of one in Lucene's syntax, which matches
// a whole value. With fold, ASCII letters match in either case. What Lucene
// has and Go has not is an error that says what to write instead.
func compileRegex(text string, fold bool) (*regexp.Regexp, error) {
	c := regexConverter{text: text, fold: fold}
	var whole string
	if text != "" {
		var err error
		if whole, err = c.union(); err != nil {
			return nil, err
		}
	}
	if c.at < len(text) {
		return nil, fmt.Errorf("the ) at character %d has no (", 1+utf8.RuneCountInString(text[:c.at]))
	}
	re, err := regexp.Compile(`\A(?s:` + whole + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("the regular expression is too large or malformed: %w", err)
	}
	return re, nil
}

// regexConverter reads Lucene's syntax by recursive descent and writes Go's.
type regexConverter struct {
	text  string
	at    int
	depth int
	fold  bool
}

func (c *regexConverter) peek() byte {
	if c.at < len(c.text) {
		return c.text[c.at]
	}
	return 0
}

func (c *regexConverter) more() bool { return c.at < len(c.text) }

func (c *regexConverter) union() (string, error) {
	if c.depth++; c.depth > maxNesting {
		return "", fmt.Errorf("the regular expression is nested more than %d levels deep", maxNesting)
	}
	defer func() { c.depth-- }()
	var alternatives []string
	for {
		a, err := c.sequence()
		if err != nil {
			return "", err
		}
		alternatives = append(alternatives, a)
		if c.peek() != '|' {
			return strings.Join(alternatives, "|"), nil
		}
		c.at++
	}
}

func (c *regexConverter) sequence() (string, error) {
	var b strings.Builder
	for c.more() && c.peek() != '|' && c.peek() != ')' {
		part, err := c.repeated()
		if err != nil {
			return "", err
		}
		b.WriteString(part)
	}
	if b.Len() == 0 {
		return "", fmt.Errorf("nothing stands beside | or between parentheses; write () for the empty text")
	}
	return b.String(), nil
}

// repeated reads an atom and its quantifiers. A second quantifier applies to
// the whole before it: it does not make the first one lazy, as in Go.
func (c *regexConverter) repeated() (string, error) {
	atom, err := c.atom()
	for n := 0; err == nil && c.more(); n++ {
		quantifier := ""
		switch c.peek() {
		case '*', '+', '?':
			quantifier = c.text[c.at : c.at+1]
			c.at++
		case '{':
			quantifier, err = c.counted()
		default:
			return atom, nil
		}
		if n == maxQuantifiers {
			return "", fmt.Errorf("more than %d quantifiers in a row", maxQuantifiers)
		}
		atom = "(?:" + atom + ")" + quantifier
	}
	return atom, err
}

// counted reads {n}, {n,} or {n,m}.
func (c *regexConverter) counted() (string, error) {
	end := strings.IndexByte(c.text[c.at:], '}')
	if end < 0 {
		return "", fmt.Errorf("{ is not closed by }; write \\{ for the character")
	}
	quantifier := c.text[c.at : c.at+end+1]
	c.at += end + 1
	least, most, _ := strings.Cut(quantifier[1:end], ",")
	if least == "" || digits(least, 0) != len(least) || digits(most, 0) != len(most) {
		return "", fmt.Errorf("%s is no number of repetitions; write {n}, {n,} or {n,m}", quantifier)
	}
	return quantifier, nil
}

func (c *regexConverter) atom() (string, error) {
	switch ch := c.peek(); ch {
	case '(':
		return c.group()
	case '[':
		return c.class()
	case '"':
		return c.quoted()
	case '.':
		c.at++
		return ".", nil
	case '\\':
		return c.escaped()
	case '^', '$':
		return "", fmt.Errorf("%c is no anchor: a regular expression matches the whole value; write \\%c for the character", ch, ch)
	case '*', '+', '?', '{':
		return "", fmt.Errorf("%c repeats nothing; write \\%c for the character", ch, ch)
	case '#', '@', '&', '~', '<':
		return "", fmt.Errorf("the operator %c of Lucene is not supported; write \\%c for the character", ch, ch)
	}
	return c.char(c.rune()), nil
}

func (c *regexConverter) rune() rune {
	r, n := utf8.DecodeRuneInString(c.text[c.at:])
	c.at += n
	return r
}

// char returns what matches r.
func (c *regexConverter) char(r rune) string {
	if c.fold && r < utf8.RuneSelf && isLetter(byte(r)) {
		return fmt.Sprintf("[%c%c]", r, r^0x20)
	}
	return regexp.QuoteMeta(string(r))
}

func (c *regexConverter) group() (string, error) {
	c.at++
	if c.peek() == ')' {
		c.at++
		return "(?:)", nil
	}
	if c.peek() == '?' {
		return "", fmt.Errorf("groups that start with (? are not supported; groups capture nothing here, write (...)")
	}
	inner, err := c.union()
	if err != nil {
		return "", err
	}
	if c.peek() != ')' {
		return "", fmt.Errorf("a ( is not closed by )")
	}
	c.at++
	return "(?:" + inner + ")", nil
}

// quoted reads Lucene's "literal text".
func (c *regexConverter) quoted() (string, error) {
	end := strings.IndexByte(c.text[c.at+1:], '"')
	if end < 0 {
		return "", fmt.Errorf(`a " opens a literal text and is not closed; write \" for the character`)
	}
	var b strings.Builder
	for _, r := range c.text[c.at+1 : c.at+1+end] {
		b.WriteString(c.char(r))
	}
	c.at += end + 2
	return "(?:" + b.String() + ")", nil
}

// classes are what the letters d, s and w mean behind a backslash, as ranges.
func classRanges(letter byte) string {
	switch letter | 0x20 {
	case 'd':
		return `0-9`
	case 's':
		return `\t\n\r `
	case 'w':
		return `0-9A-Z_a-z`
	}
	return ""
}

func (c *regexConverter) escaped() (string, error) {
	c.at++
	if !c.more() {
		return "", fmt.Errorf(`a \ stands at the end; write \\ for the character`)
	}
	letter := c.peek()
	if ranges := classRanges(letter); ranges != "" {
		c.at++
		if isUpper(letter) {
			return "[^" + ranges + "]", nil
		}
		return "[" + ranges + "]", nil
	}
	r, err := c.escapedRune()
	return c.char(r), err
}

// escapedRune reads the character behind a backslash. Letters and digits stand
// for themselves in Lucene, which nobody means who writes \n or \b.
func (c *regexConverter) escapedRune() (rune, error) {
	if ch := c.peek(); isLetter(ch) || isDigit(ch) {
		return 0, fmt.Errorf(`\%c is not supported: behind a backslash only d, s, w, D, S, W and punctuation have a meaning`, ch)
	}
	return c.rune(), nil
}

// class reads [...]: characters, ranges, and the classes \d, \s, \w.
func (c *regexConverter) class() (string, error) {
	c.at++
	var b strings.Builder
	b.WriteByte('[')
	if c.peek() == '^' {
		c.at++
		b.WriteByte('^')
	}
	empty := b.Len()
	for c.more() && c.peek() != ']' {
		if err := c.classItem(&b); err != nil {
			return "", err
		}
	}
	if !c.more() || b.Len() == empty {
		return "", fmt.Errorf(`a [ is not closed by ], or has nothing inside; write \[ or \] for the characters`)
	}
	c.at++
	b.WriteByte(']')
	return b.String(), nil
}

func (c *regexConverter) classItem(b *strings.Builder) error {
	if c.peek() == '\\' && c.at+1 < len(c.text) {
		if letter := c.text[c.at+1]; classRanges(letter) != "" {
			if isUpper(letter) {
				return fmt.Errorf(`\%c is not supported inside [...]`, letter)
			}
			c.at += 2
			b.WriteString(classRanges(letter))
			return nil
		}
	}
	from, err := c.classRune()
	if err != nil {
		return err
	}
	to := from
	if c.peek() == '-' && c.at+1 < len(c.text) && c.text[c.at+1] != ']' {
		c.at++
		if to, err = c.classRune(); err != nil {
			return err
		}
	}
	if to < from {
		return fmt.Errorf("the range %c-%c is empty", from, to)
	}
	c.writeRange(b, from, to)
	return nil
}

func (c *regexConverter) classRune() (rune, error) {
	if c.peek() != '\\' {
		return c.rune(), nil
	}
	c.at++
	if !c.more() {
		return 0, fmt.Errorf(`a [ is not closed by ]; write \[ for the character`)
	}
	return c.escapedRune()
}

func (c *regexConverter) writeRange(b *strings.Builder, from, to rune) {
	fmt.Fprintf(b, `\x{%x}-\x{%x}`, from, to)
	if !c.fold {
		return
	}
	// The letters of the range, in the other case.
	for _, first := range []rune{'A', 'a'} {
		lo, hi := max(from, first), min(to, first+25)
		if lo <= hi {
			fmt.Fprintf(b, `\x{%x}-\x{%x}`, lo^0x20, hi^0x20)
		}
	}
}
