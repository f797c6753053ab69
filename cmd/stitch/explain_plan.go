package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/rules/explain"
)

// plan says how a rule is evaluated.
func (a *account) plan(p *explain.Plan) {
	a.line(0, "%s (%s)", p.Name, p.Rule)
	for _, text := range p.Runs {
		a.line(2, "%s", text)
	}
	a.line(2, "a run now would look at events from %s to %s", stamp(p.From), stamp(p.To))
	a.blank()
	a.line(0, "alert")
	for _, text := range p.Alert {
		a.line(2, "%s", text)
	}
	a.blank()
	a.line(0, "stages, %s", p.Order)
	for n, s := range p.Stages {
		a.blank()
		a.planned(n+1, s)
	}
}

func (a *account) planned(n int, s explain.Stage) {
	title := fmt.Sprintf("%d. %s", n, s.Stage)
	if s.View != "" {
		title += ", view " + s.View
	}
	if s.Absent {
		title += ", must be absent"
	}
	if s.Rows != nil {
		title += ": " + estimate(*s.Rows)
	}
	a.line(0, "%s", title)
	a.list(2, "asks also", s.Narrowed)
	a.list(2, "in time", s.Times)
	for _, src := range s.Sources {
		name := cmp.Or(src.Source, "its own indices")
		text := fmt.Sprintf("%s: %s", name, strings.Join(src.Index, ", "))
		if src.Rows != nil {
			text += ": " + estimate(*src.Rows)
		}
		a.line(2, "%s", text)
		a.line(4, "happened by %s, arrived by %s", src.Time, cmp.Or(src.Ingest, "the same"))
		for _, c := range src.Filter {
			a.condition("engine", c)
		}
		for _, c := range src.Query {
			who := "engine"
			if !c.Exact {
				who = "stitch"
			}
			a.condition(who, c)
		}
	}
	if len(s.GroupBy) > 0 {
		a.list(2, "grouped", append([]string{"by " + strings.Join(s.GroupBy, ", ")}, s.Summary...))
	}
	a.list(2, "excepts", s.Except)
	a.list(2, "joined", s.Join)
	a.list(2, "after", s.After)
	if s.Pick != "" {
		a.list(2, "picks", []string{"the " + s.Pick + " that fits"})
	}
}

func estimate(n int64) string {
	if n == 1 {
		return "1 document"
	}
	return "about " + strconv.FormatInt(n, 10) + " documents"
}

// list writes lines behind a word.
func (a *account) list(indent int, word string, lines []string) {
	for _, text := range lines {
		a.line(indent, "%-10s %s", word, text)
		word = ""
	}
}

// condition says who decides a condition, and of one that stitch decides what
// the engine is asked all the same, and why not all.
func (a *account) condition(who string, c explain.Condition) {
	text := c.Text
	if c.Never {
		text += "  (never: the source has no such column)"
	}
	a.line(4, "%-8s %s", who, text)
	if c.Exact {
		return
	}
	a.line(13, "asked: %s", c.Pushed)
	for _, why := range c.Why {
		a.line(13, "since %s", why)
	}
}

// writeRequests writes questions as a console takes them, their notes as comments.
func writeRequests(w io.Writer, list []explain.Asked) error {
	for i, q := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		source := ""
		if q.Source != "" {
			source = ", " + q.Source
		}
		for _, line := range strings.Split(fmt.Sprintf("stage %s%s: %s", q.Stage, source, q.Note), "; ") {
			if _, err := fmt.Fprintf(w, "# %s\n", printable(line)); err != nil {
				return err
			}
		}
		for _, r := range q.Requests {
			if _, err := io.WriteString(w, r.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// ground says what an alert rests on, and with which requests that is found.
func (a *account) ground(g *explain.Ground) error {
	a.line(0, "# %s (%s)", g.Name, g.Rule)
	a.line(0, "# alert %s, %s to %s", g.Alert, stamp(g.Start), stamp(g.End))
	if g.Retracted {
		a.line(0, "# it says itself that its ground is gone")
	}
	a.line(0, "# %s", g.Again)
	for _, s := range g.Stages {
		a.blank()
		a.line(0, "# stage %s: %s, %s to %s", s.Stage, count(s.Count, "document"), stamp(s.First), stamp(s.Last))
		for _, d := range s.Documents {
			a.line(0, "#   %s  %s/%s", stamp(d.Time), d.Index, d.ID)
		}
		if s.Omitted > 0 {
			a.line(0, "#   and %d more", s.Omitted)
		}
		for _, r := range s.ByID {
			if _, err := io.WriteString(a.out, r.String()); err != nil {
				return err
			}
		}
		a.blank()
		if err := writeRequests(a.out, s.By); err != nil {
			return err
		}
	}
	return nil
}
