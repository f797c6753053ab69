package docs

import (
	"regexp"
	"strings"
	"testing"
)

// matches reports whether an output is as it is shown: a line "..." stands for
// any lines, "..." within a line for any text, and blanks at the end of a line
// or of the whole mean nothing.
func matches(shown, got string) bool {
	var pattern strings.Builder
	pattern.WriteString(`\A`)
	for line := range strings.SplitSeq(trimmed(shown), "\n") {
		if strings.TrimSpace(line) == "..." {
			pattern.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		parts := strings.Split(line, "...")
		for i, part := range parts {
			parts[i] = regexp.QuoteMeta(part)
		}
		pattern.WriteString(strings.Join(parts, `[^\n]*`) + `\n`)
	}
	pattern.WriteString(`\z`)
	return regexp.MustCompile(pattern.String()).MatchString(trimmed(got) + "\n")
}

func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		shown, got string
		want       bool
	}{
		{"a\nb\n", "a\nb\n", true},
		{"a\nb\n", "a\nb\nc\n", false},
		{"a\n", "", false},
		{"", "a\n", false},
		{"", "", true},
		{"a\n...\nc\n", "a\nb\nb\nc\n", true},
		{"a\n...\nc\n", "a\nc\n", true},
		{"a\n...\nc\n", "a\nb\n", false},
		{"...\n", "a\nb\n", true},
		{"...\n", "", true},
		{"a ... c.\n", "a b c.\n", true},
		{"a ... c.\n", "a b\nc.\n", false},
		{"a.c\n", "abc\n", false},
		{"a\n", "a  \n\n", true},
	} {
		if got := matches(c.shown, c.got); got != c.want {
			t.Errorf("%q shown, %q printed: %v", c.shown, c.got, got)
		}
	}
}
