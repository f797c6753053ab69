package notify

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// markup is what a service makes of the text that it is given.
type markup int

const (
	plain     markup = iota
	markdown         // with backslashes as escapes
	angled           // Slack's: <...> is a link or calls people, &lt; is <
	bracketed        // <...> is a link or calls people, and there is no escape
	hypertext        // HTML
)

// The lengths, in characters, beyond which texts are cut.
const (
	maxValue = 256  // a value of an alert
	maxTitle = 200  // a title
	maxText  = 1900 // a message; services take 2,000 and more
)

// neutral is a value out of data as a message may have it: one line, nothing
// that is invisible or turns the direction of writing, nobody called by an @,
// no link to follow, no markup.
func (m markup) neutral(value string) string {
	value = cut(oneLine(value), maxValue)
	value = link.ReplaceAllString(value, "hxxp$1://")
	value = mention.ReplaceAllString(value, "$1@\u200b")
	return m.escape(value)
}

var (
	// link is where a chat makes a link of a text by itself.
	link = regexp.MustCompile(`(?i)http(s?)://`)
	// mention is an @ that is not within a word, as in an address.
	mention = regexp.MustCompile(`(^|[^\p{L}\p{N}._%+-])@`)
)

var (
	escapeMarkdown  = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "|", `\|`, "~", `\~`, "#", `\#`)
	escapeAngles    = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	replaceBrackets = strings.NewReplacer("<", "‹", ">", "›")
)

// escape writes text so that the service shows it as it is.
func (m markup) escape(text string) string {
	switch m {
	case markdown:
		return escapeMarkdown.Replace(text)
	case angled:
		return escapeAngles.Replace(text)
	case bracketed:
		return replaceBrackets.Replace(text)
	case hypertext:
		return html.EscapeString(text)
	}
	return text
}

// oneLine is text without line breaks and without what cannot be seen.
func oneLine(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteRune(utf8.RuneError)
		}
	}
	return strings.TrimSpace(b.String())
}

// cut shortens text to a number of characters, the last of which says so.
func cut(text string, length int) string {
	if utf8.RuneCountInString(text) <= length {
		return text
	}
	return string([]rune(text)[:length-1]) + "…"
}

// neutral is the alert with all texts as a message may have them.
func (a Alert) neutral(m markup) Alert {
	for _, text := range []*string{&a.ID, &a.Index, &a.Rule, &a.RuleID, &a.Severity, &a.Reason, &a.Status} {
		*text = m.neutral(*text)
	}
	a.Users, a.Hosts, a.Addresses, a.Weak = m.all(a.Users), m.all(a.Hosts), m.all(a.Addresses), m.all(a.Weak)
	a.Key, a.Details = m.pairs(a.Key), m.pairs(a.Details)
	stages := make([]Stage, len(a.Stages))
	for i, s := range a.Stages {
		stages[i] = Stage{m.neutral(s.Name), s.Count}
	}
	a.Stages = stages
	return a
}

func (m markup) all(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = m.neutral(v)
	}
	return out
}

func (m markup) pairs(pairs []Pair) []Pair {
	out := make([]Pair, len(pairs))
	for i, p := range pairs {
		out[i] = Pair{m.neutral(p.Name), m.all(p.Values)}
	}
	return out
}
