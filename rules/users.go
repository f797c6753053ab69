package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/people"
)

// With returns the rule as it runs with a user map: where a view's row lacks
// user.email or user.id and the map knows who it is by another identity, it is
// given them. r itself stays as it is. A rule with user_map = false, and any
// rule without a map, is returned unchanged.
func (r *Rule) With(users *people.Map) *Rule {
	if users == nil || !r.userMap {
		return r
	}
	bound := *r
	bound.users = users
	return &bound
}

// UserMisses says that the user map does not know the people of some rows that
// might have needed it.
type UserMisses struct {
	Stage, View, Source string
	Rows                int64
	// Examples are some of the identities that it does not know, sorted.
	Examples []string
}

const maxExamples = 3

// Add sums b into m, both of one source.
func (m *UserMisses) Add(b UserMisses) {
	m.Rows += b.Rows
	m.Examples = append(slices.Clone(m.Examples), b.Examples...)
	slices.Sort(m.Examples)
	m.Examples = slices.Compact(m.Examples)
	m.Examples = m.Examples[:min(len(m.Examples), maxExamples)]
}

// Warning says it to a person.
func (m UserMisses) Warning() string {
	return fmt.Sprintf("view %s, source %s: rows for stage %s whose people the user map does not know: %d, such as %s; add those who are people to it",
		m.View, m.Source, m.Stage, m.Rows, strings.Join(m.Examples, ", "))
}

// identityColumn is a column by which a view names people.
type identityColumn struct {
	name string
	kind people.Kind
	// of is what a row that lacks the column is given of a person; nil: nothing.
	of func(*people.Person) string
}

// identityColumns are those columns, the surest identity first.
func identityColumns() []identityColumn {
	return []identityColumn{
		{"user.id", people.ObjectID, func(p *people.Person) string { return p.ObjectID }},
		{"user.sid", people.SID, nil},
		{"user.account", people.Account, nil},
		{"user.email", people.UPN, (*people.Person).UPN},
	}
}

// fillable says that a row may be given the column by the user map.
func fillable(column string) bool {
	return slices.ContainsFunc(identityColumns(), func(c identityColumn) bool { return c.name == column && c.of != nil })
}

// fill is a column that a row was given a value in, and by which identity.
type fill struct {
	column string
	by     people.Kind
}

// filler gives events of a stage's source what the user map knows.
type filler struct {
	users   *people.Map
	columns []identityColumn
	at      []int // their positions in the stage's columns, -1 where it has none
}

// newFiller returns nil where nothing is ever filled.
func newFiller(users *people.Map, s *stage) *filler {
	if users == nil || s.view == nil {
		return nil
	}
	f := &filler{users: users, columns: identityColumns()}
	for _, c := range f.columns {
		f.at = append(f.at, slices.Index(s.columns, c.name))
	}
	return f
}

// fill gives the event what it lacks. It returns an identity of the event's
// person if the event lacks something and the map knows none of its people.
func (f *filler) fill(e *event) (unknown string) {
	if f == nil {
		return ""
	}
	known := make([][]*people.Person, len(f.columns))
	someone := false
	for i := range f.columns {
		identities := f.identities(e, i)
		if len(identities) > 0 && unknown == "" {
			unknown = identities[0]
		}
		for _, identity := range identities {
			if p := f.users.Find(f.columns[i].kind, identity); p != nil && !slices.Contains(known[i], p) {
				known[i] = append(known[i], p)
				someone = true
			}
		}
	}
	lacks := false
	for i, c := range f.columns {
		if c.of == nil || f.at[i] < 0 || len(e.values[f.at[i]]) > 0 {
			continue
		}
		lacks = true
		if values, by := f.given(c.of, known); len(values) > 0 {
			e.values[f.at[i]] = values
			e.filled = append(e.filled, fill{c.name, by})
		}
	}
	if someone || !lacks {
		return ""
	}
	return unknown
}

// given is what those people have who are known by the surest identity.
func (f *filler) given(of func(*people.Person) string, known [][]*people.Person) (values []esq.Value, by people.Kind) {
	for i, c := range f.columns {
		for _, p := range known[i] {
			if text := of(p); text != "" {
				values = append(values, esq.Str(text))
			}
		}
		if len(values) > 0 {
			return values, c.kind
		}
	}
	return nil, ""
}

// identities are those of people among the values of the i-th column. Where the
// SID is that of a service, the account is no person's either.
func (f *filler) identities(e *event, i int) []string {
	c := f.columns[i]
	values := f.values(e, i)
	// The SID stands before the account.
	if c.kind == people.Account && len(f.values(e, i-1)) > 0 && len(f.identities(e, i-1)) == 0 {
		return nil
	}
	var out []string
	for _, v := range values {
		if s, ok := v.Str(); ok {
			if _, ok := c.kind.Key(s); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

func (f *filler) values(e *event, i int) []esq.Value {
	if f.at[i] < 0 {
		return nil
	}
	return e.values[f.at[i]]
}

// filled tells the translation by which other columns of the source a row may
// be given a value of the named one; nil where it never is.
func (s *sourceColumns) filled(name string) func([]esq.Value) ([]eql.Filling, bool) {
	var others []identityColumn
	var self identityColumn
	for _, c := range identityColumns() {
		if c.name == name {
			self = c
		} else if slices.Contains(s.has, c.name) && (len(s.source.column(c.name).from) > 0 || s.source.scattered(c.name)) {
			others = append(others, c)
		}
	}
	if self.of == nil || len(others) == 0 {
		return nil
	}
	return func(values []esq.Value) ([]eql.Filling, bool) {
		s.looked = true
		if s.anyone {
			return nil, false
		}
		by := make([]eql.Filling, len(others))
		for i, c := range others {
			by[i].Mapping = s.own(c.name)
		}
		for _, v := range values {
			text, _ := v.Str()
			p := s.users.Find(self.kind, text)
			if p == nil {
				continue
			}
			for i, c := range others {
				for _, identity := range p.Identities(c.kind) {
					by[i].Values = append(by[i].Values, esq.Str(identity))
				}
			}
		}
		return by, true
	}
}

// note counts rows of someone unknown; "" is nobody.
func (m *UserMisses) note(unknown string, rows int64) {
	if unknown != "" {
		m.Add(UserMisses{Rows: rows, Examples: []string{unknown}})
	}
}

// missed keeps the misses of a stage's source.
func (s *searcher) missed(st *stage, src *source, m UserMisses) {
	if m.Rows > 0 {
		m.Stage, m.View, m.Source = st.id, st.view.name, src.name
		s.unknown = append(s.unknown, m)
	}
}

// misses asks whose rows the source has that the map does not know. The events
// that were fetched cannot tell: where they were asked for by people, nobody
// else's came. A source that cannot be grouped by its identities has none.
func (s *searcher) misses(ctx context.Context, f *fetch, src *source, caps map[string]esq.FieldCap) (UserMisses, error) {
	var out UserMisses
	read, fill := newReader(f.stage, src), newFiller(f.users, f.stage)
	fields, ok := groupFields(src, caps)
	if !ok {
		return out, nil
	}
	mapping := f.mapping(src, caps)
	mapping.anyone = true
	by := esq.Grouping{Indices: src.index, Query: f.ask(f.time.query(src.time), mapping), By: fields, Time: src.time}
	stats, err := s.engine.Group(ctx, by, func(g esq.Group) error {
		out.note(fill.fill(read.identified(fields, g.Key)), g.Count)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("ask whose rows for stage %s are in %s: %w", f.stage.id, s.sourceName(f.stage, src), err)
	}
	s.note(stats)
	return out, nil
}

// groupFields are the fields that hold a source's identities, those that no
// index maps left out; ok is false if an engine cannot group by them.
func groupFields(src *source, caps map[string]esq.FieldCap) (fields []string, ok bool) {
	for _, c := range identityColumns() {
		from := src.column(c.name)
		if len(from.where) > 0 {
			return nil, false
		}
		for _, field := range append(slices.Clone(from.from), from.domain) {
			known, mapped := caps[field]
			switch {
			case !mapped || slices.Contains(fields, field):
			case !known.Aggregatable || len(known.Types) != 1:
				return nil, false
			default:
				fields = append(fields, field)
			}
		}
	}
	return fields, len(fields) > 0
}

// identified is an event of which nothing is known but its people.
func (r *reader) identified(fields []string, key []esq.Value) *event {
	h := esq.Hit{Values: make([][]esq.Value, len(r.fields))}
	for i, field := range r.fields {
		if at := slices.Index(fields, field.Path); at >= 0 && len(field.Where) == 0 && !key[at].IsNull() {
			h.Values[i] = key[at : at+1]
		}
	}
	e := &event{source: r.source, values: make([][]esq.Value, len(r.at))}
	for _, c := range identityColumns() {
		if i := slices.Index(r.stage.columns, c.name); i >= 0 {
			e.values[i] = r.column(h, i, r.source.column(c.name))
		}
	}
	return e
}
