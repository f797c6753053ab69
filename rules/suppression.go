package rules

import (
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// suppression is a rule's alert_suppression, as Kibana has it: of alerts that
// have the same values, the first stands for those that follow it within a time.
type suppression struct {
	by       []string
	duration time.Duration
	// missing says that alerts without a value are alike too; else each stands
	// alone.
	missing bool
}

// longestSpell is how long alerts may follow each other before the time is cut
// at UTC midnights, so that which of them is a first one can be told without
// looking back without end.
const longestSpell = 24 * time.Hour

// Suppression is what an alert stands for beside itself.
type Suppression struct {
	Terms      []KeyValue // what the alerts have in common
	Start, End time.Time  // of the first and the last of them, itself included
	Count      int        // how many others there are
}

type suppressionSpec struct {
	GroupBy  any           `toml:"group_by"`
	Duration *durationSpec `toml:"duration"`
	Missing  string        `toml:"missing_fields_strategy"`
}

type durationSpec struct {
	Value int    `toml:"value"`
	Unit  string `toml:"unit"`
}

// readSuppression reads [rule.alert_suppression]. Without a duration it lasts
// an interval, as Kibana's lasts a run.
func (c *compiler) readSuppression(spec *suppressionSpec, interval time.Duration) *suppression {
	if spec == nil {
		return nil
	}
	path := []string{"rule", "alert_suppression"}
	key := func(name string) []string { return append(path[:2:2], name) }
	s := &suppression{duration: interval, missing: true}
	switch v := spec.GroupBy.(type) {
	case string:
		s.by = []string{v}
	case []any:
		for _, x := range v {
			name, ok := x.(string)
			if !ok {
				c.problem(key("group_by"), "group_by must list fields, not %s", kindOf(x))
			}
			s.by = append(s.by, name)
		}
	}
	if len(s.by) == 0 {
		c.problem(path, "alert_suppression needs group_by = [fields]")
	}
	for _, name := range s.by {
		if !slices.ContainsFunc(c.stages, func(st *stage) bool { return st.group == nil && st.knows(name) }) {
			c.problem(key("group_by"), "group_by: no stage has a column %q; name one that a view lists or a query mentions", name)
		}
	}
	switch spec.Missing {
	case "", "suppress":
	case "doNotSuppress":
		s.missing = false
	default:
		c.problem(key("missing_fields_strategy"), "missing_fields_strategy must be \"suppress\" or \"doNotSuppress\", not %q", spec.Missing)
	}
	if spec.Duration != nil {
		units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}
		unit, ok := units[spec.Duration.Unit]
		if !ok || spec.Duration.Value < 1 {
			c.problem(key("duration"), "duration needs a value of 1 or more and a unit, one of s, m, h")
		}
		s.duration = time.Duration(spec.Duration.Value) * unit
	}
	return s
}

// needForSuppression makes single events carry the fields that alerts are
// grouped by.
func (c *compiler) needForSuppression(s *stage) {
	if c.spec.AlertSuppression == nil {
		return
	}
	if list, ok := c.spec.AlertSuppression.GroupBy.([]any); ok {
		for _, x := range list {
			if name, ok := x.(string); ok {
				s.need(name)
			}
		}
	}
}

// around is the window that must be known to tell which alerts of w stand for
// others.
func (s *suppression) around(w Window) Window {
	if w.Closed.IsZero() {
		w.Closed = w.To
	}
	beside := longestSpell + s.duration
	w.From, w.To = w.From.Add(-beside), w.To.Add(beside)
	return w
}

// apply leaves the alerts that stand for others, or for themselves alone; each
// spans those it stands for.
func (s *suppression) apply(alerts []Alert) []Alert {
	groups := map[string][]Alert{}
	var kept []Alert
	for _, a := range alerts {
		terms, whole := s.terms(a)
		if !whole && !s.missing {
			kept = append(kept, a)
			continue
		}
		key := keyText(terms)
		groups[key] = append(groups[key], a)
	}
	for _, group := range groups {
		slices.SortFunc(group, func(a, b Alert) int {
			if c := a.Anchor.Compare(b.Anchor); c != 0 {
				return c
			}
			return strings.Compare(a.ID, b.ID)
		})
		for _, spell := range s.spells(group) {
			kept = append(kept, s.leaders(spell)...)
		}
	}
	sortAlerts(kept)
	return kept
}

// terms are an alert's values of the fields, and whether it has one of each.
func (s *suppression) terms(a Alert) (terms []esq.Value, whole bool) {
	whole = true
	for _, name := range s.by {
		values := slices.Clone(a.Columns[name])
		slices.SortFunc(values, esq.Compare)
		whole = whole && len(values) > 0
		terms = append(terms, esq.Integer(int64(len(values))))
		terms = append(terms, values...)
	}
	return terms, whole
}

// spells cuts alerts, which are ordered by time, where none follows the one
// before within the duration, and those that go on for too long at midnights.
func (s *suppression) spells(alerts []Alert) [][]Alert {
	var spells [][]Alert
	begin := 0
	for i := 1; i <= len(alerts); i++ {
		if i < len(alerts) && alerts[i].Anchor.Sub(alerts[i-1].Anchor) < s.duration {
			continue
		}
		spell := alerts[begin:i]
		begin = i
		if spell[len(spell)-1].Anchor.Sub(spell[0].Anchor) <= longestSpell {
			spells = append(spells, spell)
			continue
		}
		day := 0
		for k := 1; k <= len(spell); k++ {
			if k == len(spell) || !spell[k].Anchor.Truncate(24*time.Hour).Equal(spell[day].Anchor.Truncate(24*time.Hour)) {
				spells = append(spells, spell[day:k])
				day = k
			}
		}
	}
	return spells
}

// leaders are the alerts of a spell that stand for others.
func (s *suppression) leaders(spell []Alert) []Alert {
	var out []Alert
	for i := 0; i < len(spell); {
		a := spell[i]
		stands := Suppression{Start: a.Anchor, End: a.Anchor}
		for _, name := range s.by {
			for _, v := range a.Columns[name] {
				stands.Terms = append(stands.Terms, KeyValue{name, v})
			}
		}
		for i++; i < len(spell) && spell[i].Anchor.Before(a.Anchor.Add(s.duration)); i++ {
			stands.Count++
			stands.End = spell[i].Anchor
			if spell[i].Start.Before(a.Start) {
				a.Start = spell[i].Start
			}
			if spell[i].End.After(a.End) {
				a.End = spell[i].End
			}
		}
		a.Suppression = &stands
		out = append(out, a)
	}
	return out
}
