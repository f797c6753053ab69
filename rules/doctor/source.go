package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// subject is a source in examination.
type subject struct {
	*examination
	probe *rules.Probe
	found *SourceFinding
	caps  map[string]esq.FieldCap
	// filter and where are the source's own conditions and the stage's.
	filter, where []rules.Condition
	words         []string // fields that are text where keyword is needed
}

// source examines one source of a stage.
func (x *examination) source(ctx context.Context, p *rules.Probe) (SourceFinding, error) {
	found := SourceFinding{Source: p.Source, Filter: []Step{}, Funnel: []Step{}, Columns: []Column{}}
	s := &subject{examination: x, probe: p, found: &found}
	if err := s.indices(ctx); err != nil {
		return found, err
	}
	if !s.searchable() {
		s.why(s.nothing(), "install the integration that writes it, or correct index = in the "+s.file())
		return found, nil
	}
	if err := s.look(ctx); err != nil {
		if !s.finding(err) {
			return found, err
		}
	}
	found.Works = len(found.Why) == 0
	return found, nil
}

// file names the file to be changed.
func (s *subject) file() string {
	if s.probe.View == "" {
		return "rule"
	}
	return "view " + s.probe.View
}

func (s *subject) why(why, do string) {
	s.found.Why = append(s.found.Why, Reason{Stage: s.probe.Stage, Source: s.probe.Source, Why: why, Do: do})
}

func (s *subject) warn(why, do string) {
	s.found.Notes = append(s.found.Notes, Reason{Stage: s.probe.Stage, Source: s.probe.Source, Why: why, Do: do})
}

// look asks everything that takes an index.
func (s *subject) look(ctx context.Context) (err error) {
	if s.caps, err = s.examination.caps(ctx, s.probe.Index, s.probe.Fields()); err != nil {
		return err
	}
	if c, ok := s.caps[s.probe.Time]; ok && slices.ContainsFunc(c.Types, func(t string) bool { return t != "date" && t != "date_nanos" }) {
		s.found.Fails = true
		s.why(fmt.Sprintf("%s is mapped as %s, and only a date can be searched by time", s.probe.Time, strings.Join(c.Types, ", ")),
			"mend the mapping and reindex, or name another field with time = in the "+s.file())
		return nil
	}
	s.filter, s.where = s.probe.Filter(), s.probe.Conditions(s.caps)
	if s.found.Documents, err = s.count(ctx, s.probe.Index, s.time()); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{s.filtered, s.funnel, s.columns, s.arrival, s.future, s.needs} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) time() esq.Query { return s.span.of(s.probe.Time) }

// indices finds out what the patterns match and whether it may be read.
func (s *subject) indices(ctx context.Context) error {
	key := strings.Join(s.probe.Index, ",")
	known, ok := s.patterns[key]
	if !ok {
		answer, err := s.site.Indices(ctx, s.probe.Index)
		if err != nil {
			return fmt.Errorf("resolve %s: %w", key, err)
		}
		if answer.Why != "" {
			s.note("not all is known of the indices: %s", answer.Why)
		}
		known = answer.Value
		s.patterns[key] = known
	}
	s.found.Patterns = known
	for _, p := range known {
		lacks, err := s.lacking(ctx, p.Pattern, []string{"read"})
		if err != nil {
			return err
		}
		for _, name := range lacks.Value {
			s.found.Missing = append(s.found.Missing, name+" on "+p.Pattern)
		}
		for _, i := range p.Indices {
			s.indexState(i)
		}
	}
	if len(s.found.Missing) > 0 {
		s.warn("the user lacks "+strings.Join(s.found.Missing, ", ")+"; indices that it may not read are passed over without an error",
			"give its role these privileges")
	}
	return nil
}

func (s *subject) indexState(i Index) {
	switch {
	case slices.Contains(i.State, Closed):
		s.warn("index "+i.Name+" is closed, and searches pass over it", "open it if its time matters")
	case slices.Contains(i.State, Frozen):
		s.warn("index "+i.Name+" is frozen, and searches pass over it", "unfreeze it if its time matters")
	case slices.Contains(i.State, Partially):
		s.warn("index "+i.Name+" is partially mounted: it is searched, and slowly", "")
	}
}

// searchable reports whether searches look into some index, or may.
func (s *subject) searchable() bool {
	return slices.ContainsFunc(s.found.Patterns, func(p Pattern) bool {
		return p.Remote != "" || p.Refused != "" || slices.ContainsFunc(p.Indices, searched)
	})
}

func searched(i Index) bool {
	return !slices.Contains(i.State, Closed) && !slices.Contains(i.State, Frozen)
}

// nothing says why there is nothing to search.
func (s *subject) nothing() string {
	patterns := strings.Join(s.probe.Index, ", ")
	for _, p := range s.found.Patterns {
		if len(p.Indices) > 0 {
			return "every index that matches " + patterns + " is closed or frozen"
		}
	}
	if len(s.found.Missing) > 0 {
		return "no index that the user may read matches " + patterns
	}
	return "no index matches " + patterns
}

// finding turns a refusal into a finding; what else went wrong is an error.
func (s *subject) finding(err error) bool {
	var refusal *esq.ResponseError
	var partial *esq.PartialError
	switch {
	case errors.As(err, &partial):
		s.why(partial.Error(), "see to the cluster's health: no run moves on while an answer is not whole")
	case !errors.As(err, &refusal) || refusal.Status >= http.StatusInternalServerError || refusal.Status == http.StatusTooManyRequests:
		return false
	case esq.Refused(err):
		s.found.Missing = append(s.found.Missing, refusal.Reason)
		s.why("the engine refuses the user: "+refusal.Reason, "give its role read on "+strings.Join(s.probe.Index, ", "))
	default:
		s.why("the engine refuses the question: "+refusal.Error(), "mend what it names; every run of the rule fails on it")
	}
	s.found.Fails = true
	return true
}

// filtered counts what passes the source's own filter, condition by condition
// where nothing does.
func (s *subject) filtered(ctx context.Context) error {
	if len(s.filter) == 0 {
		if s.found.Documents == 0 {
			return s.silent(ctx)
		}
		return nil
	}
	all := queries(s.filter)
	n, err := s.count(ctx, s.probe.Index, esq.And(s.time(), all))
	if err != nil {
		return err
	}
	if n > 0 || s.found.Documents == 0 || len(s.filter) == 1 {
		s.found.Filter = []Step{{Condition: textOf(s.filter), Count: n, Exact: true}}
	} else if s.found.Filter, err = s.steps(ctx, s.filter, nil); err != nil {
		return err
	}
	if n == 0 {
		return s.silent(ctx)
	}
	return nil
}

// silent finds out since when a source brings nothing, and whether that says
// that it cannot.
func (s *subject) silent(ctx context.Context) error {
	q := esq.And(queries(s.filter), esq.Range{Field: s.probe.Time, LT: isoValue(s.span.to)})
	g := esq.Grouping{Indices: s.probe.Index, Query: q, Time: s.probe.Time}
	_, err := s.Group(ctx, g, func(g esq.Group) error { s.found.Last = g.Last; return nil })
	if err != nil {
		return err
	}
	within := s.within()
	switch {
	case !s.found.Last.IsZero() && s.found.Documents > 0:
		// The source delivers, and this kind of event is merely rare.
	case !s.found.Last.IsZero():
		s.why(fmt.Sprintf("no document within %s; the newest of its filter is of %s", within, stamp(s.found.Last)),
			"see whether its integration still runs, or look further back with --last")
	case s.found.Documents > 0:
		s.why(fmt.Sprintf("none of %d documents within %s, nor any before, passes its filter %s", s.found.Documents, within, textOf(s.filter)),
			"see that the integration collects this kind of event, or correct filter = in the "+s.file())
	default:
		s.why("its indices hold no document within "+within+", nor any of its filter before", "see whether its integration runs")
	}
	return nil
}

func (s *subject) within() string { return short(s.span.to.Sub(s.span.from)) }

// future counts what claims to have happened after now; the minute is for what
// arrives while the doctor looks.
func (s *subject) future(ctx context.Context) (err error) {
	if !s.live {
		return nil
	}
	later := esq.Range{Field: s.probe.Time, GTE: isoValue(s.span.to.Add(time.Minute))}
	if s.found.Future, err = s.count(ctx, s.probe.Index, esq.And(later, queries(s.filter))); err != nil {
		return err
	}
	if s.found.Future > 0 {
		s.warn(fmt.Sprintf("%s later than now", have(s.found.Future, s.probe.Time)), "set the clock of what sends them")
	}
	return nil
}

func have(n int64, field string) string {
	if n == 1 {
		return "1 document has " + field
	}
	return fmt.Sprintf("%d documents have %s", n, field)
}

// needs says which conditions can never hold, because what they speak of is
// never there. That is so where the source says so, and where there are
// documents that lack nothing else: on a quiet day, without any, a field that
// only such events have is missing for want of them.
func (s *subject) needs(ctx context.Context) error {
	var far []esq.Query
	var lacking []rules.Condition
	for _, c := range s.where {
		if !c.Possible(s.declares) {
			s.never(c, s.declares)
			return nil
		}
		far = append(far, c.Relaxed(s.fills))
		if !c.Possible(s.fills) {
			lacking = append(lacking, c)
		}
	}
	if s.found.Filtered() == 0 || len(lacking) == 0 {
		return nil
	}
	n, err := s.count(ctx, s.probe.Index, esq.And(s.time(), queries(s.filter), esq.And(far...)))
	if err != nil || n == 0 {
		return err
	}
	for _, c := range lacking {
		s.never(c, s.fills)
	}
	return nil
}

// never says that a condition cannot hold for want of columns.
func (s *subject) never(c rules.Condition, filled func(string) bool) {
	var empty []string
	for _, name := range c.Columns {
		if !filled(name) {
			empty = append(empty, s.emptiness(name))
		}
	}
	s.why(fmt.Sprintf("condition %s can never hold: %s", cut(c.Text), strings.Join(empty, ", ")), s.fillIt(c.Columns))
}

// maxText bounds how much of a condition a reason repeats, in characters.
const maxText = 120

func cut(text string) string {
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText]) + "…"
	}
	return text
}

// declares reports whether the source says of the column that it may have it.
func (s *subject) declares(name string) bool {
	i := slices.IndexFunc(s.found.Columns, func(c Column) bool { return c.Name == name })
	return i < 0 || !s.found.Columns[i].Never
}

// fills reports whether some document has the column, or may have.
func (s *subject) fills(name string) bool { return fills(s.found, name) }

// fills reports whether some document has the column, or may have: where there
// was none lately, only a source that says so has not.
func fills(f *SourceFinding, name string) bool {
	i := slices.IndexFunc(f.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return true
	}
	c := f.Columns[i]
	return c.Filled > 0 || c.Unsure || c.Of == 0 && !c.Never
}

func (s *subject) emptiness(name string) string {
	i := slices.IndexFunc(s.found.Columns, func(c Column) bool { return c.Name == name })
	if s.found.Columns[i].Never {
		return "this source never has " + name + " (from = [])"
	}
	return fmt.Sprintf("none of %d documents has %s", s.found.Columns[i].Of, candidates(s.found.Columns[i]))
}

func candidates(c Column) string {
	var names []string
	for _, f := range c.Fields {
		names = append(names, f.Name)
	}
	if len(names) == 1 && names[0] == c.Name {
		return c.Name
	}
	return c.Name + " (" + strings.Join(names, ", ") + ")"
}

func (s *subject) fillIt(columns []string) string {
	for _, name := range columns {
		i := slices.IndexFunc(s.found.Columns, func(c Column) bool { return c.Name == name })
		if i >= 0 && s.found.Columns[i].Never {
			return "nothing can be done in this source; use one that has " + name
		}
	}
	return "see whether the integration keeps the field, or name the one that holds it in the " + s.file()
}

func queries(list []rules.Condition) esq.Query {
	var out []esq.Query
	for _, c := range list {
		out = append(out, c.Query)
	}
	return esq.And(out...)
}

func textOf(list []rules.Condition) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Text)
	}
	return strings.Join(out, " and ")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// short writes a duration without the zeros that Go appends: 24h, 1h30m.
func short(d time.Duration) string {
	text := d.String()
	text = strings.TrimSuffix(text, "m0s") + map[bool]string{true: "m"}[strings.HasSuffix(text, "m0s")]
	return strings.TrimSuffix(text, "h0m") + map[bool]string{true: "h"}[strings.HasSuffix(text, "h0m")]
}
