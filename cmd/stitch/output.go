package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// output is where results go. It takes everything: a command that writes to
// the cluster too is not stopped half-way because nobody reads its report.
// What went wrong is asked for at the end.
type output struct {
	to  io.Writer
	err error
}

// Write implements [io.Writer]. After the first failure nothing is written.
func (o *output) Write(p []byte) (int, error) {
	if o.err == nil {
		_, o.err = o.to.Write(p)
	}
	return len(p), nil
}

// failure is the first error, nil if the reader only had enough.
func (o *output) failure() error {
	if errors.Is(o.err, syscall.EPIPE) || errors.Is(o.err, io.ErrClosedPipe) {
		return nil
	}
	return o.err
}

// printable is text from elsewhere as a terminal may have it: no control
// characters, nothing that turns the direction of writing or cannot be seen.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// printableLines is the same for text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// fit cuts the middle out of text that is wider than width: the ends of a path
// tell more than what is between them. The width is positive.
func fit(s string, width int) string {
	if cellsOf(s) <= width {
		return s
	}
	runes := []rune(s)
	head, used := 0, 0
	for ; used+cells(runes[head]) <= width-1-(width-1)/2; head++ {
		used += cells(runes[head])
	}
	tail := len(runes)
	for ; used+cells(runes[tail-1]) <= width-1; tail-- {
		used += cells(runes[tail-1])
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

func cellsOf(s string) int {
	n := 0
	for _, r := range s {
		n += cells(r)
	}
	return n
}

// cells is how many places a printable character takes on a terminal, as near
// as its script tells.
func cells(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
		r >= 0x3000 && r <= 0x303f, r >= 0xff01 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
		return 2
	}
	return 1
}

// writeJSON writes a value as indented JSON. What a terminal should not have is
// spelled as JSON spells it.
func writeJSON(out io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(out, harmlessJSON(b.String()))
	return err
}

// harmlessJSON is a JSON text with everything escaped that [printable] marks.
func harmlessJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
