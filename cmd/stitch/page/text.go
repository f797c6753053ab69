package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// visible reports whether a character shows what it is: no control character,
// nothing that turns the direction of writing or cannot be seen.
func visible(r rune) bool {
	return r != utf8.RuneError && unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r)
}

// plain is text from elsewhere in one line, with a name for each character that
// does not show itself. It is for attributes; shown is for what stands in a page.
func plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		if visible(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

// shown is text from elsewhere as HTML, kept apart from the direction of
// writing around it, with a sign for each character that does not show itself.
func shown(s string) template.HTML { return "<bdi>" + marked(s, "") + "</bdi>" }

// prose is the same for text of several lines.
func prose(s string) template.HTML {
	return `<bdi class="prose">` + marked(strings.ReplaceAll(s, "\r\n", "\n"), "\n\t") + "</bdi>"
}

// marked escapes text, and puts signs in the place of characters that do not
// show themselves, but for some.
func marked(s, but string) template.HTML {
	var b strings.Builder
	from := 0
	for i, r := range s {
		if visible(r) || strings.ContainsRune(but, r) {
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		b.WriteString(template.HTMLEscapeString(s[from:i]))
		fmt.Fprintf(&b, `<span class="sign">U+%04X</span>`, r)
		from = i + size
	}
	b.WriteString(template.HTMLEscapeString(s[from:]))
	return template.HTML(b.String()) // every part of it was escaped here
}

// fit cuts the middle out of text that has more characters than most: the ends
// of a path tell more than what is between them.
func fit(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	head := most / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(most-1-head):])
}

// clock is a time of day with its date, in UTC, to the millisecond where it has
// any.
func clock(t time.Time) string {
	if t.IsZero() {
		return "no time"
	}
	t = t.UTC()
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format("2006-01-02 15:04:05.000")
}

// until is a time without its date where that is the date of from.
func until(from, t time.Time) string {
	text := clock(t)
	if from.UTC().Format(time.DateOnly) == t.UTC().Format(time.DateOnly) {
		return text[len(time.DateOnly)+1:]
	}
	return text
}

// moment is a time as HTML, to the second. The script adds the time of the
// reader's place to the title.
func moment(t time.Time) template.HTML { return timeAs(t, "2006-01-02 15:04:05") }

// precise is a time as HTML, to the millisecond.
func precise(t time.Time) template.HTML { return timeAs(t, "2006-01-02 15:04:05.000") }

func timeAs(t time.Time, layout string) template.HTML {
	if t.IsZero() {
		return "not known"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s UTC">%s</time>`, instant(t), clock(t), t.UTC().Format(layout)))
}

// grouped writes a number with commas between thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

// lasting is a length of time, in its two greatest units.
func lasting(d time.Duration) string {
	units := []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}, {time.Millisecond, "ms"}}
	for i, u := range units {
		if d < u.length {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.length, u.name)
		if rest := d % u.length; i+1 < len(units) && rest >= units[i+1].length {
			text += fmt.Sprintf(" %d %s", rest/units[i+1].length, units[i+1].name)
		}
		return text
	}
	return "0 s"
}
