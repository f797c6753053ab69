package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// failure says of a requirement how the chain falls short of it; nil if it
// does not.
func (s *search) failure(ctx context.Context, c *rules.Chain, r rules.Requirement) (*Failure, error) {
	f := &Failure{Stage: r.Stage, Requirement: r.Kind, Condition: r.Text}
	if r.Kind == rules.MustLack {
		return s.dropped(ctx, c, f)
	}
	if c.Holds(r) && r.Kind != rules.MustPick && !r.Linked {
		return s.beyond(ctx, c, r)
	}
	if row := s.row(c, r.Stage); row != nil {
		f.Documents = documents(row.Documents)
	}
	switch r.Kind {
	case rules.MustQuery:
		if refused := c.Refused(r); len(refused) > 0 {
			f.Documents = documents(refused)
		}
		f.Why = s.queried(c, r)
	case rules.MustStay:
		f.Documents = documents(c.Refused(r))
		f.Why = fmt.Sprintf("%s: an exception keeps it out, %s", r.Stage, r.Text)
	case rules.MustJoin:
		f.Why = s.joined(c, r)
	case rules.MustFollow:
		gap := s.row(c, r.Other).Last.Sub(s.row(c, r.Stage).First)
		f.Condition = "after " + r.Other
		f.Why = fmt.Sprintf("%s is %s before %s ends, and must come after it", r.Stage, lasting(gap), r.Other)
		if s.row(c, r.Other).First.Equal(s.row(c, r.Other).Last) {
			f.Why = fmt.Sprintf("%s is %s before %s, and must come after it", r.Stage, lasting(gap), r.Other)
		}
	case rules.MustReach:
		gap := s.row(c, r.Stage).First.Sub(s.row(c, r.Other).Last)
		f.Condition = fmt.Sprintf("after %s within %s", r.Other, lasting(r.Within))
		f.Why = fmt.Sprintf("%s is %s after %s, within %s", r.Stage, lasting(gap), r.Other, lasting(r.Within))
	case rules.MustSpan:
		first, last := c.Extent()
		f.Condition = "maxspan " + lasting(r.Within)
		f.Why = fmt.Sprintf("the chain lasts %s, at most %s", lasting(last.Sub(first)), lasting(r.Within))
	case rules.MustLie:
		first, last := c.Extent()
		w := s.trial.Window
		f.Condition = fmt.Sprintf("window %s to %s", stamp(w.From), stamp(w.To))
		f.Why = fmt.Sprintf("the chain from %s to %s is not inside the window %s to %s", stamp(first), stamp(last), stamp(w.From), stamp(w.To))
	case rules.MustPick:
		f.Condition = "pick " + r.Text
		f.Why = fmt.Sprintf("of several rows of %s the %s is taken, and it is another than this one", r.Stage, r.Text)
	}
	return f, nil
}

// beyond speaks of a requirement that these rows meet, though there is no chain
// with it: where an order is left out its longest gap is too, and what decides
// which rows make an all(...) need not concern the rows of the chain.
func (s *search) beyond(ctx context.Context, c *rules.Chain, r rules.Requirement) (*Failure, error) {
	if r.Kind == rules.MustFollow {
		for _, gap := range s.requirements {
			if gap.Kind == rules.MustReach && gap.Stage == r.Stage && gap.Other == r.Other && !c.Holds(gap) {
				return s.failure(ctx, c, gap)
			}
		}
	}
	linked := slices.IndexFunc(s.requirements, func(q rules.Requirement) bool { return q.Linked })
	if linked < 0 {
		return nil, nil
	}
	f := &Failure{Stage: r.Stage, Requirement: r.Kind, Condition: r.Text}
	if r.Kind == rules.MustFollow {
		f.Condition = "after " + r.Other
	}
	q := s.requirements[linked]
	f.Why = fmt.Sprintf("%s: %s speaks of rows for which \"%s %s\" holds, and those do not have the value", q.Stage, q.Text, r.Stage, f.Condition)
	return f, nil
}

// dropped names the rows that must not exist.
func (s *search) dropped(ctx context.Context, c *rules.Chain, f *Failure) (*Failure, error) {
	rows, err := s.trial.Droppers(ctx, c, f.Stage)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	for _, r := range rows {
		f.Documents = append(f.Documents, documents(r.Documents)...)
	}
	f.Condition = "absent"
	f.Why = fmt.Sprintf("%s must be absent, and there is one at %s", f.Stage, stamp(rows[0].First))
	if len(rows) > 1 {
		f.Why = fmt.Sprintf("%s must be absent, and there are %d, the first at %s", f.Stage, len(rows), stamp(rows[0].First))
	}
	return f, nil
}

func (s *search) row(c *rules.Chain, stage string) *rules.ChainRow {
	i := slices.IndexFunc(s.stages, func(st rules.TrialStage) bool { return st.ID == stage })
	if i < 0 {
		return nil
	}
	return c.Rows[i]
}

// queried says what the row has where a condition of its query does not hold.
func (s *search) queried(c *rules.Chain, r rules.Requirement) string {
	if len(r.Columns) == 0 {
		return fmt.Sprintf("the document of %s does not satisfy %s", r.Stage, r.Text)
	}
	var parts []string
	for _, column := range once(r.Columns) {
		values := c.Values(column)
		part := s.holding(c, column, "")
		if near := nearest(values, r.Literals()); near != "" {
			part += ", which " + near
		}
		parts = append(parts, part)
	}
	why := r.Stage + ": " + strings.Join(parts, ", ")
	if r.Linked {
		why += s.unlisted(c, r)
	}
	return why
}

// unlisted says how the sets of other rows differ from what the row has.
func (s *search) unlisted(c *rules.Chain, r rules.Requirement) string {
	why := ""
	for _, set := range r.Sets() {
		why += fmt.Sprintf(", not one of %s.%s", set.Stage, set.Column)
		for _, own := range once(r.Columns) {
			if near := between(c.Values(own), c.Values(set)); near != "" {
				why += ": " + near
			}
		}
	}
	return why
}

func once(list []rules.StageColumn) []rules.StageColumn {
	var out []rules.StageColumn
	for _, c := range list {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// joined says what the rows have where a condition between them does not hold.
func (s *search) joined(c *rules.Chain, r rules.Requirement) string {
	columns := once(r.Columns)
	var parts []string
	for _, column := range columns {
		parts = append(parts, s.holding(c, column, column.Stage+"."))
	}
	what := strings.Join(parts, ", ")
	if len(columns) != 2 {
		return what
	}
	a, b := c.Values(columns[0]), c.Values(columns[1])
	if len(a) == 0 || len(b) == 0 {
		return what
	}
	if near := between(a, b); near != "" {
		return fmt.Sprintf("%s of %s %s: %s", columns[0].Column, columns[0].Stage, near, what)
	}
	if r.Prefix() {
		return fmt.Sprintf("%s %s does not begin with %s %s, %s", name(columns[0]), listed(a), name(columns[1]), listed(b), agreeing(longest(a, b)))
	}
	return s.other(c, columns, what)
}

// agreeing says how far two texts are the same.
func agreeing(n int) string {
	switch n {
	case 0:
		return "not even in its first character"
	case 1:
		return "only in its first character"
	}
	return fmt.Sprintf("only in its first %d characters", n)
}

// other says what differs, with the sources where these are two: each may have
// names of its own for one and the same thing.
func (s *search) other(c *rules.Chain, columns []rules.StageColumn, what string) string {
	var sources []string
	for _, column := range columns {
		if docs := s.row(c, column.Stage).Documents; len(docs) > 0 {
			sources = append(sources, docs[0].Source)
		}
	}
	if columns[0].Column == columns[1].Column {
		what = "another " + columns[0].Column + ": " + what
	}
	if len(sources) == 2 && sources[0] != sources[1] && sources[0] != "" && sources[1] != "" {
		what += fmt.Sprintf(" (sources %s and %s)", sources[0], sources[1])
	}
	return what
}

func name(c rules.StageColumn) string { return c.Stage + "." + c.Column }

// holding says what values a row has in a column.
func (s *search) holding(c *rules.Chain, of rules.StageColumn, prefix string) string {
	values := c.Values(of)
	if len(values) > 0 {
		return fmt.Sprintf("%s%s is %s", prefix, of.Column, listed(values))
	}
	text := prefix + of.Column + " has no value"
	row := s.row(c, of.Stage)
	if len(row.Documents) == 0 || row.Documents[0].Source == "" {
		return text
	}
	if source := row.Documents[0].Source; s.trial.Carries(of, source) {
		return text + " (source " + source + ")"
	} else {
		return text + ", source " + source + " never has one"
	}
}

// mostValues is how many values of one column are written out.
const mostValues = 3

func listed(values []esq.Value) string {
	var out []string
	for _, v := range values[:min(len(values), mostValues)] {
		out = append(out, v.String())
	}
	if rest := len(values) - len(out); rest > 0 {
		out = append(out, fmt.Sprintf("%d more", rest))
	}
	return strings.Join(out, ", ")
}

// nearest says how some value differs from some wanted text, "" if all are other texts.
func nearest(values []esq.Value, wanted []string) string {
	for _, v := range values {
		for _, w := range wanted {
			if d := difference(v.String(), w); d != "" {
				return d + " (" + w + ")"
			}
		}
	}
	return ""
}

// between is nearest for the values of two columns.
func between(a, b []esq.Value) string {
	for _, v := range a {
		for _, w := range b {
			if d := difference(v.String(), w.String()); d != "" {
				return d
			}
		}
	}
	return ""
}

func longest(a, b []esq.Value) int {
	n := 0
	for _, v := range a {
		for _, w := range b {
			n = max(n, shared(v.String(), w.String()))
		}
	}
	return n
}

// lack is how far rows are from meeting a requirement, 0 if they do or if not all
// are known, else up to 1.
func (s *search) lack(c *rules.Chain, r rules.Requirement) float64 {
	if r.Kind == rules.MustLack || r.Stage != "" && s.row(c, r.Stage) == nil || r.Other != "" && s.row(c, r.Other) == nil {
		return 0
	}
	for _, column := range r.Columns {
		if s.row(c, column.Stage) == nil {
			return 0
		}
	}
	if c.Holds(r) {
		return 0
	}
	switch r.Kind {
	case rules.MustFollow:
		return fraction(s.row(c, r.Other).Last.Sub(s.row(c, r.Stage).First), time.Hour)
	case rules.MustReach:
		return fraction(s.row(c, r.Stage).First.Sub(s.row(c, r.Other).Last)-r.Within, r.Within)
	case rules.MustSpan:
		first, last := c.Extent()
		return fraction(last.Sub(first)-r.Within, r.Within)
	case rules.MustJoin:
		if columns := once(r.Columns); len(columns) == 2 && between(c.Values(columns[0]), c.Values(columns[1])) != "" {
			return 0.1
		}
	}
	return 1
}
