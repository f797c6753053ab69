package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/stitchdetect/stitch/scheduler"
)

// notes tells a person how a replay goes: every warning and failure once, and
// on a terminal how far it has come.
type notes struct {
	out      io.Writer
	terminal bool
	from, to time.Time
	shown    int // per mille
	warnings []note
	failures []note
}

// note is something that was said of one rule or of several.
type note struct {
	text  string
	rules []string
}

func newNotes(out io.Writer, from, to time.Time) *notes {
	file, ok := out.(*os.File)
	return &notes{out: out, terminal: ok && term.IsTerminal(int(file.Fd())), from: from, to: to, shown: -1}
}

func (n *notes) observe(r scheduler.Report) {
	if r.Result != nil {
		for _, w := range r.Result.Warnings {
			n.warnings = add(n.warnings, w, r.Rule.Name)
		}
	}
	if r.Err != nil {
		n.failures = add(n.failures, r.Err.Error(), r.Rule.Name)
	}
	if n.terminal {
		n.progress(r.Window.To)
	}
}

func add(list []note, text, rule string) []note {
	at := slices.IndexFunc(list, func(n note) bool { return n.text == text })
	if at < 0 {
		return append(list, note{text, []string{rule}})
	}
	if !slices.Contains(list[at].rules, rule) {
		list[at].rules = append(list[at].rules, rule)
	}
	return list
}

func (n *notes) progress(at time.Time) {
	if done := int(1000 * at.Sub(n.from) / max(n.to.Sub(n.from), 1)); done > n.shown {
		n.shown = done
		fmt.Fprintf(n.out, "\r\x1b[Kreplay %s  %3d %%", at.UTC().Format("2006-01-02 15:04"), done/10)
	}
}

// close takes the progress away and says the notes.
func (n *notes) close() {
	if n.terminal && n.shown >= 0 {
		fmt.Fprint(n.out, "\r\x1b[K")
	}
	for _, w := range n.warnings {
		w.write(n.out, "warning")
	}
	for _, f := range n.failures {
		f.write(n.out, "failed")
	}
}

func (n note) write(out io.Writer, kind string) {
	more := ""
	if others := len(n.rules) - 1; others > 0 {
		more = " and " + count(others, "more rule")
	}
	fmt.Fprintf(out, "%s: %s (%s%s)\n", kind, printableLines(n.text), printable(n.rules[0]), more)
}
