package memory

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWord is where the standard analyzer cuts a word, in characters.
const maxWord = 255

// words splits text as the standard analyzer does: at the word boundaries of
// Unicode's annex 29, in lower case. A run of Thai, Lao, Khmer or Myanmar is one
// word. Left out are a quote after a Hebrew letter and a joiner before an emoji.
func words(text string) []string {
	var found []string
	w := wordReader{rest: text}
	for {
		word := w.next()
		if word == "" {
			return found
		}
		for utf8.RuneCountInString(word) > maxWord {
			cut := len(string([]rune(word)[:maxWord]))
			found = append(found, lower(word[:cut]))
			word = word[cut:]
		}
		found = append(found, lower(word))
	}
}

// lower folds character by character, without the special cases of languages.
func lower(s string) string { return strings.Map(unicode.ToLower, s) }

// class is what a character is to the word boundary rules.
type class uint8

const (
	other class = iota
	letter
	digit
	katakana
	single     // a word by itself
	complex    // scripts without spaces between words
	emoji      // a word by itself, with its modifiers
	connector  // the underscore and its kin
	midLetter  // between letters
	midNum     // between digits
	midBoth    // between either
	attachment // belongs to what is before it
)

func classOf(r rune) class {
	if r < utf8.RuneSelf {
		switch {
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z':
			return letter
		case '0' <= r && r <= '9':
			return digit
		case r == '_':
			return connector
		case r == '.' || r == '\'':
			return midBoth
		case r == ':':
			return midLetter
		case r == ',' || r == ';':
			return midNum
		}
		return other
	}
	return wideClassOf(r)
}

func wideClassOf(r rune) class {
	switch {
	case strings.ContainsRune("\u2018\u2019\u2024\ufe52\uff07\uff0e", r):
		return midBoth
	case strings.ContainsRune("\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a", r):
		return midLetter
	case strings.ContainsRune("\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b", r):
		return midNum
	case unicode.Is(unicode.Han, r) || unicode.Is(unicode.Hiragana, r):
		return single
	case unicode.Is(unicode.Katakana, r) || r == '\u30fc':
		return katakana
	case unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) && !unicode.Is(unicode.Nd, r):
		return complex
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc, unicode.Cf) && r != '\u200b':
		return attachment
	case unicode.Is(unicode.Nd, r):
		return digit
	case unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_Alphabetic, r):
		return letter
	case unicode.Is(unicode.Pc, r):
		return connector
	case isEmoji(r):
		return emoji
	}
	return other
}

// isEmoji reports whether r is a pictograph.
func isEmoji(r rune) bool {
	switch {
	case 0x1f000 <= r && r <= 0x1faff, 0x2600 <= r && r <= 0x27bf:
		return true
	}
	return strings.ContainsRune("©®‼⁉™ℹ↔↕↖↗↘↙↩↪⌚⌛⌨⏏⏩⏪⏫⏬⏭⏮⏯⏰⏱⏲⏳⏸⏹⏺Ⓜ▪▫▶◀◻◼◽◾⤴⤵⬅⬆⬇⬛⬜⭐⭕〰〽㊗㊙", r)
}

type wordReader struct{ rest string }

// peek returns the class of the first character that is no attachment, and how
// many bytes it and what is attached to it take.
func peek(s string) (class, int) {
	if s == "" {
		return other, 0
	}
	r, size := utf8.DecodeRuneInString(s)
	c := classOf(r)
	for size < len(s) {
		r, n := utf8.DecodeRuneInString(s[size:])
		if classOf(r) != attachment {
			break
		}
		size += n
	}
	return c, size
}

// next returns the next word, "" at the end.
func (w *wordReader) next() string {
	for w.rest != "" {
		c, size := peek(w.rest)
		switch c {
		case single, emoji:
			return w.take(size)
		case complex:
			return w.take(runOf(w.rest, size, complex))
		case letter, digit, katakana, connector:
			if n, holds := wordLength(w.rest, c, size); holds {
				return w.take(n)
			} else {
				w.rest = w.rest[n:]
			}
		default:
			w.rest = w.rest[size:]
		}
	}
	return ""
}

func (w *wordReader) take(n int) string {
	word := w.rest[:n]
	w.rest = w.rest[n:]
	return word
}

func runOf(s string, n int, c class) int {
	for {
		next, size := peek(s[n:])
		if size == 0 || next != c {
			return n
		}
		n += size
	}
}

// wordLength returns how far the word at the start of s goes whose first
// character is of class c, and whether there is anything in it but connectors.
func wordLength(s string, c class, n int) (length int, holds bool) {
	holds = c != connector
	for {
		next, size := peek(s[n:])
		if size == 0 {
			return n, holds
		}
		switch {
		case joins(c, next):
		case next == midBoth || next == midLetter && c == letter || next == midNum && c == digit:
			after, more := peek(s[n+size:])
			if after != c || c != letter && c != digit {
				return n, holds
			}
			next, size = after, size+more
		default:
			return n, holds
		}
		n, c = n+size, next
		holds = holds || c != connector
	}
}

// joins reports whether there is no boundary between two classes.
func joins(a, b class) bool {
	word := func(c class) bool { return c == letter || c == digit }
	switch {
	case a == connector || b == connector:
		return (word(a) || a == katakana || a == connector) && (word(b) || b == katakana || b == connector)
	case a == katakana || b == katakana:
		return a == b
	}
	return word(a) && word(b)
}
