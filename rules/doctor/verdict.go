package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/rules"
)

// verdict decides whether a rule can fire, from what its sources are.
type verdict struct {
	rule   *rules.Rule
	found  *RuleFinding
	report *Report
}

func (v *verdict) because(r ...Reason) { v.found.Reasons = append(v.found.Reasons, r...) }

func (v *verdict) decide() {
	v.rights()
	for i := range v.found.Stages {
		v.stage(&v.found.Stages[i])
	}
	v.joins()
	v.found.Fires = len(v.found.Reasons) == 0
	if v.found.Fires {
		v.quiet()
	}
}

// rights makes a reason of what a run may not do with its own indices.
func (v *verdict) rights() {
	var lacks []string
	for _, own := range v.report.Own {
		switch {
		case len(own.Missing) > 0:
			lacks = append(lacks, "no "+strings.Join(own.Missing, ", ")+" on "+own.Name)
		case own.Refused != "":
			lacks = append(lacks, own.Name+": "+own.Refused)
		}
	}
	if len(lacks) > 0 {
		v.because(Reason{Why: "the user is refused what a run does with its own indices: " + strings.Join(lacks, "; "), Do: "give its role these privileges"})
	}
}

// stage makes reasons of the sources of a stage if none of them works, and of
// those on which every run fails.
func (v *verdict) stage(s *StageFinding) {
	for _, src := range s.Sources {
		if src.Fails || !s.Works && !s.Absent {
			v.because(src.Why...)
		}
	}
	if !s.Works {
		return
	}
	mistaken := []Reason{}
	for _, src := range s.Sources {
		r, ok := src.mistaken(s.Stage)
		if !src.Works {
			continue
		}
		if !ok {
			return // a source whose conditions are not beside the point
		}
		mistaken = append(mistaken, r)
	}
	if !s.Absent {
		v.because(mistaken...)
	}
}

// mistaken says that a condition asks one field for a phrase which the documents
// that pass all other conditions have in another field. Single words are no
// proof of it: they recur in fields of other meaning.
func (s *SourceFinding) mistaken(stage string) (Reason, bool) {
	for _, step := range s.Funnel {
		if len(step.Elsewhere) > 0 && strings.Contains(strings.TrimSpace(step.Wanted), " ") {
			return Reason{
				Stage: stage, Source: s.Source,
				Why: step.drops(s.before(step)) + fmt.Sprintf("; %q stands in %s", step.Wanted, strings.Join(step.Elsewhere, ", ")),
				Do:  "ask " + step.Elsewhere[0] + " for it instead",
			}, true
		}
	}
	return Reason{}, false
}

// before is how many documents the steps before one of the funnel left.
func (s *SourceFinding) before(step Step) int64 {
	last := s.Filtered()
	for _, other := range s.Funnel {
		if other.Condition == step.Condition {
			break
		}
		last = other.Left()
	}
	return last
}

// drops says that a step leaves nothing of so many documents.
func (s Step) drops(before int64) string {
	text := fmt.Sprintf("condition %s passes none of %d", cut(s.Condition), before)
	if before == 1 {
		text = fmt.Sprintf("condition %s does not pass the 1 document", cut(s.Condition))
	} else {
		text += " documents"
	}
	var bare []string
	for _, seen := range s.Seen {
		if len(seen.Values) == 0 {
			bare = append(bare, seen.Field)
			continue
		}
		var values []string
		for _, value := range seen.Values {
			values = append(values, value.Text)
		}
		name := ""
		if len(s.Seen) > 1 {
			name = " in " + seen.Field
		}
		text += "; values seen" + name + ": " + strings.Join(values, ", ")
	}
	if len(bare) > 0 {
		text += "; none has " + strings.Join(bare, ", ")
	}
	return text
}

// quiet says which stages of a rule that can fire had no event lately.
func (v *verdict) quiet() {
	for _, s := range v.found.Stages {
		if s.Absent {
			continue
		}
		var list []Reason
		for _, src := range s.Sources {
			if !src.Works {
				continue
			}
			if src.Left() > 0 {
				list = nil
				break
			}
			list = append(list, Reason{Stage: s.Stage, Source: src.Source, Why: src.lately()})
		}
		v.found.Quiet = append(v.found.Quiet, list...)
	}
}

// lately says what of a source's events there was not.
func (s *SourceFinding) lately() string {
	if s.Filtered() == 0 {
		return "no such event; the last was at " + stamp(s.Last)
	}
	last := s.Filtered()
	for _, step := range s.Funnel {
		if step.Left() == 0 {
			return step.drops(last)
		}
		last = step.Left()
	}
	return "no such event"
}

// maxChoices bounds how many choices of one source per stage are tried; with
// more a join counts as possible.
const maxChoices = 100_000

// joins finds the conditions between stages that no choice of sources can
// satisfy.
func (v *verdict) joins() {
	conditions := v.rule.Joins()
	for _, c := range conditions {
		f := JoinFinding{Stage: c.Stage, Text: c.Text, Sides: []JoinSide{}}
		for _, column := range c.Columns {
			f.Sides = append(f.Sides, v.side(column))
		}
		f.Possible = v.choose(nil, []rules.JoinCondition{c}) != nil
		v.found.Joins = append(v.found.Joins, f)
	}
	if slices.ContainsFunc(v.found.Stages, func(s StageFinding) bool { return !s.Works && !s.Absent }) {
		return // said already, and nothing can be joined
	}
	apart := false
	for _, f := range v.found.Joins {
		if !f.Possible {
			apart = true
			v.because(Reason{Stage: f.Stage, Why: "join " + f.Text + " can never hold: " + bare(f.Sides), Do: "add a source that has both sides, or join on what these have"})
		}
	}
	if !apart && v.choose(nil, conditions) == nil {
		v.because(Reason{Why: "each join can hold, but not all of them with the same sources", Do: "add a source that has the columns of all joins; --output json lists who has which"})
	}
}

// bare says which columns of a join nobody has.
func bare(sides []JoinSide) string {
	var out []string
	for _, s := range sides {
		if len(s.With) == 0 {
			out = append(out, fmt.Sprintf("%s.%s is never filled by %s", s.Stage, s.Column, strings.Join(s.Bare, ", ")))
		}
	}
	if len(out) == 0 {
		return "no sources have all of its columns"
	}
	return strings.Join(out, "; ")
}

func (v *verdict) side(c rules.StageColumn) JoinSide {
	side := JoinSide{Stage: c.Stage, Column: c.Column, With: []string{}, Bare: []string{}}
	for _, src := range v.working(c.Stage) {
		name := src.Source
		if name == "" {
			name = "its indices"
		}
		if src.has(c.Column) {
			side.With = append(side.With, name)
		} else {
			side.Bare = append(side.Bare, name)
		}
	}
	return side
}

// has reports whether the source may fill the column: where no event passed all
// conditions lately, nothing is known of a column that such events may have.
func (s *SourceFinding) has(column string) bool {
	if fills(s, column) {
		return true
	}
	i := slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == column })
	return !s.Columns[i].Never && s.Left() == 0
}

func (v *verdict) working(stage string) []*SourceFinding {
	var out []*SourceFinding
	for i := range v.found.Stages {
		if v.found.Stages[i].Stage != stage {
			continue
		}
		for k := range v.found.Stages[i].Sources {
			if src := &v.found.Stages[i].Sources[k]; src.Works {
				out = append(out, src)
			}
		}
	}
	return out
}

// choose returns a source for each stage so that all conditions may hold, or
// nil if there is no such choice.
func (v *verdict) choose(chosen map[string]*SourceFinding, conditions []rules.JoinCondition) map[string]*SourceFinding {
	var stages []string
	choices := 1
	for _, c := range conditions {
		for _, column := range c.Columns {
			if !slices.Contains(stages, column.Stage) {
				stages = append(stages, column.Stage)
				choices = min(choices*max(len(v.working(column.Stage)), 1), maxChoices+1)
			}
		}
	}
	if choices > maxChoices {
		return map[string]*SourceFinding{}
	}
	if chosen == nil {
		chosen = map[string]*SourceFinding{}
	}
	return v.extend(chosen, stages, conditions)
}

func (v *verdict) extend(chosen map[string]*SourceFinding, stages []string, conditions []rules.JoinCondition) map[string]*SourceFinding {
	if len(stages) == 0 {
		filled := func(c rules.StageColumn) bool { return chosen[c.Stage] != nil && chosen[c.Stage].has(c.Column) }
		if slices.ContainsFunc(conditions, func(c rules.JoinCondition) bool { return !c.Possible(filled) }) {
			return nil
		}
		return chosen
	}
	for _, src := range v.working(stages[0]) {
		chosen[stages[0]] = src
		if found := v.extend(chosen, stages[1:], conditions); found != nil {
			return found
		}
	}
	return nil
}
