package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"unicode"
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

// fit cuts the middle out of text that is longer than width: the ends of a path
// tell more than what is between them. The width is positive.
func fit(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	tail := (width - 1) / 2
	return string(runes[:width-1-tail]) + "…" + string(runes[len(runes)-tail:])
}
