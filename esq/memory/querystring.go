package memory

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stitchdetect/stitch/esq"
)

// queryString evaluates Lucene's query language as far as escaped text with
// wildcards can spell it: words, phrases, AND, OR, NOT, + - ! and parentheses.
// Anything else of the language is refused, never guessed.
func (c *compiler) queryString(q esq.QueryString) (matcher, error) {
	p := &luceneParser{rest: q.Query}
	tree, err := p.parse()
	if err != nil {
		return nil, refuse("Failed to parse query [%s]: %v", q.Query, err)
	}
	fields := q.Fields
	if len(fields) == 0 {
		fields = []string{"*"}
	}
	e := luceneEvaluator{compiler: c, everything: slices.Contains(fields, "*")}
	for _, name := range fields {
		if strings.Contains(name, "*") {
			e.fields = append(e.fields, c.matching(name)...)
		} else if f, ok := c.field(name); ok {
			e.fields = append(e.fields, f)
		}
	}
	return e.clauses(tree)
}

// luceneNode is a part of a parsed query: clauses, or a text to look for.
type luceneNode struct {
	clauses []luceneClause
	text    string // as written, escapes and all
	kind    luceneKind
}

type luceneKind uint8

const (
	luceneGroup luceneKind = iota
	luceneWords
	lucenePhrase
	luceneWildcard
)

type luceneClause struct {
	occur luceneOccur
	node  luceneNode
}

type luceneOccur uint8

const (
	luceneShould luceneOccur = iota
	luceneMust
	luceneMustNot
)

type luceneParser struct{ rest string }

func (p *luceneParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\n\r\u3000") }

func (p *luceneParser) parse() (luceneNode, error) {
	p.space()
	if p.rest == "" {
		return luceneNode{}, nil
	}
	n, err := p.group()
	if err == nil && p.rest != "" {
		err = p.unsupported()
	}
	return n, err
}

func (p *luceneParser) unsupported() error {
	if p.rest == "" {
		return errors.New("it ends too early")
	}
	r, _ := utf8.DecodeRuneInString(p.rest)
	return errors.New("unexpected " + quoted(string(r)) + ": only words, phrases, wildcards, AND, OR, NOT, + - ! and parentheses are understood; escape it with \\")
}

// group reads clauses up to a closing parenthesis or the end.
func (p *luceneParser) group() (luceneNode, error) {
	group := luceneNode{kind: luceneGroup}
	for first := true; ; first = false {
		p.space()
		if p.rest == "" || p.rest[0] == ')' {
			if first {
				return group, p.unsupported()
			}
			return group, nil
		}
		and, err := p.conjunction(first)
		if err != nil {
			return group, err
		}
		occur := p.modifier()
		node, err := p.clause(occur == luceneShould && !and)
		if err != nil {
			return group, err
		}
		if n := len(group.clauses); and && n > 0 && group.clauses[n-1].occur == luceneShould {
			group.clauses[n-1].occur = luceneMust
		}
		if and && occur == luceneShould {
			occur = luceneMust
		}
		group.clauses = append(group.clauses, luceneClause{occur, node})
	}
}

// conjunction reads AND or OR, where one may stand, and reports an AND.
func (p *luceneParser) conjunction(first bool) (and bool, err error) {
	for _, word := range []string{"AND", "&&", "OR", "||"} {
		if !p.keyword(word) {
			continue
		}
		if first {
			return false, errors.New("it begins with " + word)
		}
		p.space()
		return word == "AND" || word == "&&", nil
	}
	return false, nil
}

// keyword steps over word if it stands by itself; marks always do.
func (p *luceneParser) keyword(word string) bool {
	if !strings.HasPrefix(p.rest, word) {
		return false
	}
	if 'A' <= word[0] && word[0] <= 'Z' && termLength(p.rest) != len(word) {
		return false
	}
	p.rest = p.rest[len(word):]
	return true
}

func (p *luceneParser) modifier() luceneOccur {
	occur := luceneShould
	switch {
	case p.keyword("NOT"), p.keyword("!"), p.keyword("-"):
		occur = luceneMustNot
	case p.keyword("+"):
		occur = luceneMust
	}
	p.space()
	return occur
}

// clause reads a parenthesis, a phrase or a word. Plain words that follow each
// other are one text where joinable.
func (p *luceneParser) clause(joinable bool) (luceneNode, error) {
	if p.rest == "" {
		return luceneNode{}, p.unsupported()
	}
	switch p.rest[0] {
	case '(':
		p.rest = p.rest[1:]
		group, err := p.group()
		if err == nil && !strings.HasPrefix(p.rest, ")") {
			err = errors.New("a parenthesis is not closed")
		}
		p.rest = strings.TrimPrefix(p.rest, ")")
		return group, err
	case '"':
		return p.phrase()
	}
	node, err := p.word()
	for err == nil && joinable && node.kind == luceneWords {
		before := p.rest
		p.space()
		next, failed := p.word()
		if failed != nil || next.kind != luceneWords || slices.Contains([]string{"AND", "OR", "NOT", "&&", "||"}, next.text) {
			p.rest = before
			break
		}
		node.text += " " + next.text
	}
	return node, err
}

func (p *luceneParser) phrase() (luceneNode, error) {
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			i++
		case '"':
			text := p.rest[1:i]
			p.rest = p.rest[i+1:]
			return luceneNode{kind: lucenePhrase, text: text}, p.suffix()
		}
	}
	return luceneNode{}, errors.New("a quote is not closed")
}

func (p *luceneParser) word() (luceneNode, error) {
	n := termLength(p.rest)
	if n == 0 {
		return luceneNode{}, p.unsupported()
	}
	node := luceneNode{kind: luceneWords, text: p.rest[:n]}
	if hasWildcard(node.text) {
		node.kind = luceneWildcard
	}
	p.rest = p.rest[n:]
	return node, p.suffix()
}

// suffix refuses what would bind to the word before it.
func (p *luceneParser) suffix() error {
	if p.rest != "" && strings.ContainsRune(":^~", rune(p.rest[0])) {
		return p.unsupported()
	}
	return nil
}

// termLength returns how many bytes at the start of s make one word.
func termLength(s string) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\\':
			if i+1 == len(s) {
				return i
			}
			_, escaped := utf8.DecodeRuneInString(s[i+1:])
			size += escaped
		case (r == '-' || r == '+') && i > 0:
		case strings.ContainsRune(" \t\n\r\u3000+-!():^[]\"{}~/", r):
			return i
		case i == 0 && (strings.HasPrefix(s, "&&") || strings.HasPrefix(s, "||")):
			return 2
		}
		i += size
	}
	return len(s)
}

// hasWildcard reports whether text has a * or ? that is not escaped.
func hasWildcard(text string) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '*', '?':
			return true
		}
	}
	return false
}

// unescape drops the backslashes that make what follows them plain.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// luceneEvaluator turns a parsed query into a matcher over some fields. Over
// everything, a field whose type does not suit a word is passed over.
type luceneEvaluator struct {
	*compiler
	fields     []field
	everything bool
}

func (e luceneEvaluator) clauses(n luceneNode) (matcher, error) {
	var must, should, not []matcher
	for _, c := range n.clauses {
		m, err := e.node(c.node)
		if err != nil {
			return nil, err
		}
		switch {
		case c.occur == luceneMust:
			must = append(must, m)
		case c.occur == luceneMustNot:
			not = append(not, m)
		default:
			should = append(should, m)
		}
	}
	if len(must)+len(should)+len(not) == 0 {
		return never, nil
	}
	least := 0
	if len(must) == 0 && len(should) > 0 {
		least = 1
	}
	return func(d *document, r *record) bool {
		return !slices.ContainsFunc(must, func(m matcher) bool { return !m(d, r) }) && reaches(least, should, d, r) &&
			!slices.ContainsFunc(not, func(m matcher) bool { return m(d, r) })
	}, nil
}

func (e luceneEvaluator) node(n luceneNode) (matcher, error) {
	switch n.kind {
	case luceneGroup:
		return e.clauses(n)
	case luceneWildcard:
		if n.text == "*" {
			return e.star()
		}
		return e.each(func(f field) (matcher, error) { return e.pattern(f, n.text) })
	}
	text := esq.Str(unescape(n.text))
	return e.each(func(f field) (matcher, error) { return e.analysed(f, text, n.kind == lucenePhrase) })
}

// star is * alone: everything, or everything with one of the fields.
func (e luceneEvaluator) star() (matcher, error) {
	if e.everything {
		return always, nil
	}
	return anyPresent(e.fields), nil
}

func (e luceneEvaluator) each(make func(field) (matcher, error)) (matcher, error) {
	var ms []matcher
	for _, f := range e.fields {
		m, err := make(f)
		if _, refused := errors.AsType[*queryError](err); refused && e.everything {
			continue
		}
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return anyOf(ms), nil
}

// pattern looks for a word with wildcards. In a text field it is put in lower
// case, and if its only mark is a * at the end, it is split into words, of
// which the last may go on.
func (e luceneEvaluator) pattern(f field, text string) (matcher, error) {
	stem, prefix := strings.CutSuffix(text, "*")
	prefix = prefix && !hasWildcard(stem)
	switch {
	case f.typ == Text && prefix:
		return wordsThenPrefix(f, words(unescape(stem))), nil
	case f.typ == Text:
		return e.texts(f.path, "wildcard", newWildcard(lower(text), false).match)
	case prefix:
		return e.prefix(esq.Prefix{Field: f.path, Value: unescape(stem)})
	}
	return e.wildcard(esq.Wildcard{Field: f.path, Pattern: text})
}

func wordsThenPrefix(f field, stems []string) matcher {
	if len(stems) == 0 {
		return never
	}
	last := len(stems) - 1
	return f.any(someWord(func(word string) bool {
		return strings.HasPrefix(word, stems[last]) || slices.Contains(stems[:last], word)
	}))
}
