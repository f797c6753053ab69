package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/stitchdetect/stitch/rules/explain"
)

// account writes explanations for a person.
type account struct{ out io.Writer }

// line writes indented text, whatever characters it has.
func (a *account) line(indent int, format string, args ...any) {
	text := printable(fmt.Sprintf(format, args...))
	fmt.Fprintf(a.out, "%s%s\n", strings.Repeat(" ", indent), strings.TrimRight(text, " "))
}

func (a *account) blank() { fmt.Fprintln(a.out) }

// answer says why a rule did not fire: the verdict first, then what it rests on.
func (a *account) answer(x *explain.Answer) {
	var keys []string
	for _, k := range x.Keys {
		keys = append(keys, k.Name+"="+k.Value)
	}
	a.line(0, "%s (%s)", x.Name, x.Rule)
	a.line(0, "for %s at %s", strings.Join(keys, " "), stamp(x.At))
	a.blank()
	a.line(0, "%s", x.Verdict)
	a.blank()
	for _, w := range x.Warnings {
		a.line(0, "note: %s", w)
	}
	a.line(0, "looked at %s to %s", stamp(x.From), stamp(x.To))
	if x.Window != nil {
		a.line(0, "the rule looks at one window at a time; that time lies in %s to %s", stamp(x.Window.From), stamp(x.Window.To))
	}
	for _, s := range x.Stages {
		a.stage(s)
	}
	for _, p := range x.Pending {
		a.blank()
		a.line(0, "pending %s, %s to %s, until %s", p.ID, stamp(p.Start), stamp(p.End), stamp(p.Deadline))
	}
	for _, fired := range x.Alerts {
		a.blank()
		a.line(0, "alert %s, %s to %s", fired.ID, stamp(fired.Start), stamp(fired.End))
	}
	for i, n := range x.Near {
		a.blank()
		title := "the chain that lacks least"
		if i > 0 {
			title = "another"
		}
		a.near(title, n)
	}
}

func (a *account) stage(s explain.StageFound) {
	name := s.Stage
	if s.View != "" {
		name += " (" + s.View + ")"
	}
	text := count(s.Events, "document")
	if s.Keyed {
		text += fmt.Sprintf(", %d of them of the key", s.OfKey)
		if s.Untold > 0 {
			text += fmt.Sprintf(" and %d that do not tell", s.Untold)
		}
	}
	text += fmt.Sprintf(", %d accepted by the query", s.Accepted)
	if s.Absent {
		text += "; none may exist"
	}
	a.line(2, "%-28s %s", name, text)
}

// near shows a chain's rows and what they lack.
func (a *account) near(title string, n explain.Near) {
	a.line(0, "%s:", title)
	for _, r := range n.Rows {
		a.row(r)
	}
	for _, m := range n.Missing {
		a.line(2, "%-12s none", m)
	}
	for _, f := range n.Failed {
		a.line(2, "failed: %s", f.Why)
		if f.Condition != "" {
			a.line(10, "%s", strings.TrimSpace(f.Stage+" "+string(f.Requirement)+": "+f.Condition))
		}
	}
}

// mostDocuments is how many documents of a row are named.
const mostDocuments = 3

func (a *account) row(r explain.Row) {
	when := stamp(r.First)
	if !r.Last.Equal(r.First) {
		when += " to " + stamp(r.Last)
	}
	for i, d := range r.Documents[:min(len(r.Documents), mostDocuments)] {
		if i == 0 {
			a.line(2, "%-12s %s  %s/%s", r.Stage, when, d.Index, d.ID)
		} else {
			a.line(2, "%-12s %*s  %s/%s", "", len(when), "", d.Index, d.ID)
		}
	}
	if rest := len(r.Documents) - mostDocuments; rest > 0 {
		a.line(2, "%-12s and %d more", "", rest)
	}
}
