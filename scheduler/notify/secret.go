package notify

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// readSecret returns what a file or a variable of the environment holds, without
// line breaks at its end.
func readSecret(file, variable string, env func(string) (string, bool)) (string, error) {
	if variable != "" {
		value, _ := env(variable)
		if value = strings.TrimSpace(value); value == "" {
			return "", fmt.Errorf("the variable %s is not set", variable)
		}
		return value, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", errors.New(file + " is empty")
	}
	return secret, nil
}

// redactor takes secrets out of texts.
type redactor struct {
	parts    []string // the longest first, in lower case
	patterns []*regexp.Regexp
}

// leastPart is how many characters a part of a secret has that is looked for by
// itself. Shorter ones give nothing away, and are in every text.
const leastPart = 3

// newRedactor returns what hides URLs that hold secrets anywhere, and other
// secrets: as a whole, in all their parts, and as HTTP and mail spell them.
func newRedactor(secrets ...string) redactor {
	var parts []string
	for _, s := range secrets {
		for _, p := range partsOf(s) {
			if utf8.RuneCountInString(p) >= leastPart {
				parts = append(parts, strings.ToLower(p))
			}
		}
	}
	// No part of a longer one is to remain beside a mark.
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	r := redactor{parts: slices.Compact(parts)}
	for _, p := range r.parts {
		r.patterns = append(r.patterns, regexp.MustCompile("(?i)"+regexp.QuoteMeta(p)))
	}
	return r
}

// partsOf is a secret and all of it that a message may show by itself.
func partsOf(secret string) []string {
	scheme, rest, isURL := strings.Cut(secret, "://")
	if !isURL {
		scheme, rest = "", secret
	}
	address, query, _ := strings.Cut(rest, "?")
	components := strings.FieldsFunc(address, func(r rune) bool { return strings.ContainsRune("/@:#", r) })
	for pair := range strings.SplitSeq(query, "&") {
		_, value, _ := strings.Cut(pair, "=")
		components = append(components, value)
	}
	parts := []string{secret, rest, address}
	for _, c := range components {
		parts = append(parts, spellings(c)...)
		if decoded, err := url.PathUnescape(c); err == nil && decoded != c {
			parts = append(parts, spellings(decoded)...)
		}
	}
	return slices.DeleteFunc(parts, func(p string) bool { return isWord(p, scheme) })
}

// spellings are a component of a secret as it may stand in a message, and its
// pieces, which a service may put together in another way.
func spellings(c string) []string {
	pieces := strings.FieldsFunc(c, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return append([]string{c, url.QueryEscape(c), url.PathEscape(c)}, pieces...)
}

// isWord reports whether a part of a URL tells nothing and reads badly when it
// is missing.
func isWord(part, scheme string) bool {
	switch strings.ToLower(part) {
	case "", "http", "https", "www", "com", "org", "net", "yes", "true", "false", "title", "none", strings.ToLower(scheme):
		return true
	}
	return false
}

// hidden stands where a secret was.
const hidden = "***"

// maxError is how many characters of an error are kept.
const maxError = 300

// text is a text without the secrets, in one line.
func (r redactor) text(s string) string {
	s = encoded.ReplaceAllStringFunc(oneLine(s), func(word string) string {
		if r.decodes(word) {
			return hidden
		}
		return word
	})
	for _, p := range r.patterns {
		s = p.ReplaceAllLiteralString(s, hidden)
	}
	return cut(s, maxError)
}

// encoded is what may be base64.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{4,}={0,2}`)

// leastDecoded is how many characters a part has that is looked for in what was
// decoded: any word decodes to something.
const leastDecoded = 4

// decodes reports whether a word is base64 of a text with a secret in it.
func (r redactor) decodes(word string) bool {
	word = strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(word)
	for cut := range 4 {
		if cut >= len(word) {
			return false
		}
		rest := word[cut:]
		// What is left over beyond whole groups of four may be no base64.
		text, err := base64.RawStdEncoding.DecodeString(rest)
		if err != nil {
			text, _ = base64.RawStdEncoding.DecodeString(rest[:len(rest)/4*4])
		}
		low := strings.ToLower(string(text))
		if slices.ContainsFunc(r.parts, func(p string) bool { return len(p) >= leastDecoded && strings.Contains(low, p) }) {
			return true
		}
	}
	return false
}
