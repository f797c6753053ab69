package eql

import (
	"strings"
	"unicode/utf8"
)

// pattern is a text with EQL's wildcards: * for any run of characters, ? for
// one. There is no escape; a backslash is a backslash.
type pattern struct {
	text string // folded if fold
	fold bool
}

func newPattern(text string, fold bool) pattern {
	if fold {
		text = Fold(text)
	}
	return pattern{text, fold}
}

func hasWildcards(text string) bool { return strings.ContainsAny(text, "*?") }

// matches reports whether all of s fits the pattern. It goes back only to the
// last *, which is enough, and so takes at most len(s) * len(text) steps.
func (p pattern) matches(s string) bool {
	i, j := 0, 0          // places in s and in the pattern
	backTo, star := 0, -1 // where to go on when the last * takes one character more
	for i < len(s) {
		switch {
		case j < len(p.text) && p.text[j] == '*':
			star, backTo = j, i
			j++
		case j < len(p.text) && p.text[j] == '?':
			i += runeLen(s[i:])
			j++
		case j < len(p.text) && p.text[j] == p.byteOf(s[i]):
			i++
			j++
		case star >= 0:
			backTo += runeLen(s[backTo:])
			i, j = backTo, star+1
		default:
			return false
		}
	}
	return strings.Trim(p.text[j:], "*") == ""
}

func (p pattern) byteOf(c byte) byte {
	if p.fold {
		return foldByte(c)
	}
	return c
}

func runeLen(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// lucene returns the pattern in the engine's syntax, where a backslash escapes.
func (p pattern) lucene() string { return strings.ReplaceAll(p.text, `\`, `\\`) }

// escapeLucene returns text as a wildcard pattern for the text itself.
func escapeLucene(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(text)
}
