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
type redactor struct{ patterns []*regexp.Regexp }

// leastPart is how many characters a part of a secret has that is looked for by
// itself. Shorter ones give nothing away, and are in every text.
const leastPart = 3

// newRedactor returns what hides a URL that holds secrets anywhere, and other
// secrets: as a whole, in all their parts, and as HTTP spells them.
func newRedactor(secrets ...string) redactor {
	var parts []string
	for _, s := range secrets {
		parts = append(parts, partsOf(s)...)
	}
	// The longest first, so that no part of it remains beside a mark.
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var r redactor
	for _, p := range slices.Compact(parts) {
		if utf8.RuneCountInString(p) >= leastPart {
			r.patterns = append(r.patterns, regexp.MustCompile("(?i)"+regexp.QuoteMeta(p)))
		}
	}
	return r
}

// partsOf is a secret and all of it that a message may show by itself.
func partsOf(secret string) []string {
	parts := []string{secret}
	scheme, rest, isURL := strings.Cut(secret, "://")
	if !isURL {
		rest = secret
	}
	parts = append(parts, rest)
	if u, err := url.Parse(secret); err == nil && isURL {
		if u.User != nil {
			password, _ := u.User.Password()
			parts = append(parts, u.User.Username(), password, u.User.String(),
				base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		}
		parts = append(parts, u.Host, u.Hostname(), u.Path)
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
	}
	for _, p := range slices.Clone(parts) {
		// A service may put the pieces of a token together in another way.
		parts = append(parts, strings.FieldsFunc(p, func(r rune) bool { return strings.ContainsRune("/:@?&=,;-_.+% ", r) })...)
		if decoded, err := url.QueryUnescape(p); err == nil {
			parts = append(parts, decoded)
		}
	}
	for _, p := range slices.Clone(parts) {
		parts = append(parts, url.QueryEscape(p), url.PathEscape(p))
	}
	return slices.DeleteFunc(parts, func(p string) bool { return isWord(p, scheme) })
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
	s = oneLine(s)
	for _, p := range r.patterns {
		s = p.ReplaceAllLiteralString(s, hidden)
	}
	return cut(s, maxError)
}
