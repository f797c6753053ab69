package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/rules/doctor"
)

// chart writes a report for a person: each rule's verdict, then what it rests on.
type chart struct {
	out    io.Writer
	report *doctor.Report
}

// line writes indented text, whatever characters it has.
func (c *chart) line(indent int, format string, args ...any) {
	text := printable(fmt.Sprintf(format, args...))
	fmt.Fprintf(c.out, "%s%s\n", strings.Repeat(" ", indent), strings.TrimRight(text, " "))
}

func (c *chart) write() {
	r := c.report
	c.line(0, "%s until %s", stamp(r.From), stamp(r.At))
	if k := r.Clock; k != nil && time.Duration(k.Ahead).Abs() > time.Duration(k.Give)+time.Second {
		c.line(0, "clock: the cluster's is %s", apart(time.Duration(k.Ahead)))
	}
	for _, note := range r.Notes {
		c.line(0, "note: %s", note)
	}
	for _, rule := range r.Rules {
		fmt.Fprintln(c.out)
		c.rule(rule)
	}
	fmt.Fprintln(c.out)
	for _, rule := range r.Rules {
		c.verdict(rule)
	}
}

func apart(ahead time.Duration) string {
	if ahead < 0 {
		return fmt.Sprintf("%v behind ours", -ahead)
	}
	return fmt.Sprintf("%v ahead of ours", ahead)
}

// verdict is the line that matters, and one for each reason.
func (c *chart) verdict(r doctor.RuleFinding) {
	switch {
	case !r.Fires && len(r.Reasons) == 1:
		c.line(0, "cannot fire  %s: %s", named(r), reason(r.Reasons[0]))
	case !r.Fires:
		c.line(0, "cannot fire  %s:", named(r))
		for _, why := range r.Reasons {
			c.line(13, "%s", reason(why))
		}
	case len(r.Quiet) > 0:
		c.line(0, "can fire     %s; nothing lately:", named(r))
		for _, why := range r.Quiet {
			c.line(13, "%s", reason(why))
		}
	default:
		c.line(0, "can fire     %s", named(r))
	}
}

func reason(r doctor.Reason) string {
	text := r.Why
	if r.Do != "" {
		text += "; " + r.Do
	}
	where := "stage " + r.Stage
	switch {
	case r.Stage == "":
		return text
	case r.Source != "":
		where += ", source " + r.Source
	}
	return where + ": " + text
}

func (c *chart) rule(r doctor.RuleFinding) {
	c.line(0, "%s", named(r))
	for _, s := range r.Stages {
		title := "stage " + s.Stage
		if s.View != "" {
			title += ", view " + s.View
		}
		if s.Absent {
			title += ", absent"
		}
		c.line(2, "%s", title)
		for _, src := range s.Sources {
			c.source(src)
		}
	}
	for _, j := range r.Joins {
		c.join(j)
	}
	c.times(r)
}

func (c *chart) source(s doctor.SourceFinding) {
	name := cmp.Or(s.Source, "its own indices")
	var patterns []string
	var matched []doctor.Index
	remote, refused := false, false
	for _, p := range s.Patterns {
		patterns = append(patterns, p.Pattern)
		matched = append(matched, p.Indices...)
		remote = remote || p.Remote != ""
		refused = refused || p.Refused != ""
	}
	where := strings.Join(patterns, ", ")
	if len(matched) == 0 && !remote {
		what := "no index: "
		if refused {
			what = "refused: "
		}
		c.line(4, "%-14s %s%s", name, what, where)
		for _, n := range s.Notes {
			c.note(n)
		}
		return
	}
	all := int64(0)
	for _, i := range matched {
		all += i.Documents
	}
	c.line(4, "%-14s %s: %s, %s", name, where, indices(matched, remote), documents(all))
	c.step("documents", "within "+within(c.report), s.Documents, "")
	for _, step := range s.Filter {
		c.condition("filter", step)
	}
	for _, step := range s.Funnel {
		c.condition("query", step)
	}
	for _, column := range s.Columns {
		if s.Filtered() > 0 {
			c.column(column)
		}
	}
	c.arrival(s.Arrival)
	for _, n := range append(slices.Clone(s.Why), s.Notes...) {
		c.note(n)
	}
}

func indices(matched []doctor.Index, remote bool) string {
	text := count(len(matched), "index")
	if len(matched) != 1 {
		text = strconv.Itoa(len(matched)) + " indices"
	}
	if len(matched) <= 3 {
		var names []string
		for _, i := range matched {
			names = append(names, strings.Join(append([]string{i.Name}, i.State...), " "))
		}
		text += " (" + strings.Join(names, ", ") + ")"
	}
	if remote {
		text += ", remote"
	}
	return text
}

func documents(n int64) string {
	if n == 1 {
		return "1 document"
	}
	return grouped(n) + " documents"
}

func within(r *doctor.Report) string {
	hours := r.At.Sub(r.From).Hours()
	if hours == float64(int(hours)) {
		return strconv.Itoa(int(hours)) + "h"
	}
	return r.At.Sub(r.From).String()
}

// grouped writes a number with commas.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

const (
	kindWidth = 10
	textWidth = 72
)

func (c *chart) step(kind, text string, n int64, more string) {
	c.line(6, "%-*s %-*s %10s  %s", kindWidth, kind, textWidth, fit(printable(text), textWidth), grouped(n), more)
}

func (c *chart) condition(kind string, s doctor.Step) {
	more := ""
	switch {
	case s.Linked && s.Sampled == 0:
		more = "at most: rows of other stages decide"
	case s.Exact || s.Sampled == 0:
	case s.Sampled == s.Count:
		more = fmt.Sprintf("%s decided in stitch", grouped(s.Passed))
	default:
		more = fmt.Sprintf("at most; decided in stitch: %s of the newest %s", grouped(s.Passed), grouped(s.Sampled))
	}
	c.step(kind, s.Condition, s.Count, more)
	c.seen(s.Seen)
	if len(s.Elsewhere) > 0 {
		c.line(17, "%q stands in %s", s.Wanted, strings.Join(s.Elsewhere, ", "))
	}
}

// seen says what stands where a condition leaves nothing.
func (c *chart) seen(list []doctor.Seen) {
	var bare []string
	for _, s := range list {
		if len(s.Values) == 0 {
			bare = append(bare, s.Field)
			continue
		}
		var values []string
		for _, v := range s.Values {
			values = append(values, fmt.Sprintf("%s (%s)", v.Text, grouped(v.Count)))
		}
		c.line(17, "%s: values seen are %s", s.Field, strings.Join(values, ", "))
	}
	if len(bare) > 0 {
		c.line(17, "no value in %s", strings.Join(bare, ", "))
	}
}

func (c *chart) column(col doctor.Column) {
	share := "never"
	if !col.Never {
		share = percent(col.Filled, col.Of)
	}
	if col.Unsure {
		share = "?"
	}
	var from []string
	for _, f := range col.Fields {
		if f.Filled == 0 && col.Filled > 0 && len(col.Fields) > 1 {
			continue
		}
		text := f.Name + " " + indexed(f)
		if len(col.Fields) > 1 && f.Filled < col.Filled {
			text = percent(f.Filled, col.Of) + " " + text
		}
		from = append(from, text)
	}
	c.line(6, "%-*s %-28s %6s  %s", kindWidth, "column", col.Name, share, strings.Join(from, ", "))
}

// indexed says how a field is indexed.
func indexed(f doctor.Field) string {
	if len(f.Types) == 0 {
		return "(not mapped)"
	}
	text := strings.Join(f.Types, ", ")
	switch flat := f.Types[0] == "flattened" || f.Types[0] == "flat_object"; {
	case flat:
	case !f.Searchable:
		text += ", not searchable"
	case !f.Aggregatable:
		text += ", not aggregatable"
	}
	return "(" + text + ")"
}

// percent never rounds to all or nothing what is neither.
func percent(n, of int64) string {
	switch {
	case of == 0:
		return "-"
	case n == 0 || n == of:
		return fmt.Sprintf("%d %%", 100*n/of)
	case 100*n < of:
		return "< 1 %"
	}
	return fmt.Sprintf("%d %%", 100*n/of)
}

func (c *chart) arrival(a *doctor.Arrival) {
	switch {
	case a == nil:
	case a.Of == 0:
		c.line(6, "%-*s none has %s", kindWidth, "arrives", a.Field)
	default:
		c.line(6, "%-*s after %s (half), %s (99 %%), %s (most) by %s, which %s have; the newest %s", kindWidth, "arrives",
			span(a.P50), span(a.P99), span(a.Most), a.Field, percent(a.Present, a.Checked), grouped(a.Of))
	}
}

// span is a duration to the second, or to the millisecond where it is short.
func span(d doctor.Duration) string {
	if x := time.Duration(d); x >= time.Second {
		return x.Round(time.Second).String()
	}
	return time.Duration(d).Round(time.Millisecond).String()
}

func (c *chart) note(r doctor.Reason) {
	text := r.Why
	if r.Do != "" {
		text += "; " + r.Do
	}
	c.line(6, "%-*s %s", kindWidth, "note", text)
}

func (c *chart) join(j doctor.JoinFinding) {
	can := "can hold"
	if !j.Possible {
		can = "can never hold"
	}
	c.line(2, "join of %s: %s: %s", j.Stage, j.Text, can)
	for _, side := range j.Sides {
		text := "filled by " + strings.Join(side.With, ", ")
		if len(side.With) == 0 {
			text = "filled by none"
		}
		if len(side.Bare) > 0 {
			text += "; not by " + strings.Join(side.Bare, ", ")
		}
		c.line(4, "%-40s %s", side.Stage+"."+side.Column, text)
	}
}

// times sets what the rule has beside what would do.
func (c *chart) times(r doctor.RuleFinding) {
	if r.AdviseLateness == 0 {
		return
	}
	c.line(2, "%s, %s", beside("lateness", r.Lateness, r.AdviseLateness), beside("settle", r.Settle, r.AdviseSettle))
}

func beside(key string, has, advised doctor.Duration) string {
	if has >= advised {
		return fmt.Sprintf("%s = %q is enough (%s would do)", key, whole(has), whole(advised))
	}
	return fmt.Sprintf("%s = %q is too short: set %s = %q", key, whole(has), key, whole(advised))
}

// whole writes a duration as a rule would: 90s, 5m, 24h.
func whole(d doctor.Duration) string {
	x := time.Duration(d)
	switch {
	case x%time.Hour == 0 && x > 0:
		return fmt.Sprintf("%dh", x/time.Hour)
	case x%time.Minute == 0 && x > 0:
		return fmt.Sprintf("%dm", x/time.Minute)
	}
	return x.String()
}
