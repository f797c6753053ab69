package ruletest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules"
)

// maxTries bounds how many drafts of a first test are run.
const maxTries = 400

// Start makes the text of a first test file for a rule: an event for each
// stage, made of the rule's own conditions, and the alert that comes of them,
// as the rule was seen to raise it. Where no draft fires, fires is false, and
// the text says in comments what could not be made up. The suite's own tests
// are not looked at.
func (s *Suite) Start(ctx context.Context) (text string, fires bool, err error) {
	d := newDrafter(s)
	var first *draft
	for range maxTries {
		if err := ctx.Err(); err != nil {
			return "", false, err
		}
		one := d.draft()
		if one.complete() {
			if first == nil {
				first = one
			}
			if result, ok := s.tries(ctx, one); ok {
				return one.text(result.Alerts), true, nil
			}
		} else if first == nil || !first.complete() && len(one.missing) < len(first.missing) {
			first = one
		}
		if !d.turn() {
			break
		}
	}
	return first.text(nil), false, nil
}

// tries runs a draft and reports whether it fires.
func (s *Suite) tries(ctx context.Context, d *draft) (Result, bool) {
	probe := &Suite{Rule: s.Rule, File: s.File, RuleFile: s.RuleFile, set: s.set}
	if problems := probe.read(d.text([]Alert{{}})); len(problems) > 0 {
		d.note("%s", problems[0].What)
		return Result{}, false
	}
	result := probe.Run(ctx, probe.Tests[0])
	if result.Err != nil {
		d.note("%v", result.Err)
	}
	if len(result.Alerts) == 0 && result.Err == nil {
		d.note("no alert came; rows of the last run: %s", rowsOf(result.Stages))
	}
	return result, len(result.Alerts) > 0
}

func rowsOf(stages []rules.StageResult) string {
	words := make([]string, len(stages))
	for i, s := range stages {
		words[i] = fmt.Sprintf("%s %d", s.Stage, s.Rows)
	}
	return strings.Join(words, ", ")
}

// drafter makes one draft after another: each has made its choices where the
// rule leaves some, which of an or's sides holds and which source an event is of.
type drafter struct {
	suite  *Suite
	stages []*stageDraft
	wheel  []int // the choices of this draft, in the order they came up
	sizes  []int // among how many
	at     int   // the next choice
}

// stageDraft is what a stage says.
type stageDraft struct {
	id        string
	view      string
	index     []string
	cond      eql.Expr // nil for none
	join      eql.Expr
	having    eql.Expr
	window    string
	aggregate map[string]string // name to "function(column)"
}

func newDrafter(s *Suite) *drafter {
	d := &drafter{suite: s}
	var spec struct {
		Metadata  any            `toml:"metadata"`
		Rule      map[string]any `toml:"rule"`
		Transform any            `toml:"transform"`
	}
	rules.ReadFile(s.RuleFile, s.text, &spec)
	if query := text(spec.Rule, "query"); query != "" {
		d.stages = []*stageDraft{{id: "event", index: names(spec.Rule["index"])}}
		return d
	}
	for _, table := range stagesOf(spec.Rule) {
		if absent, _ := table["absent"].(bool); !absent {
			d.stages = append(d.stages, d.readStage(spec.Rule, table))
		}
	}
	return d
}

func (d *drafter) readStage(rule, table map[string]any) *stageDraft {
	s := &stageDraft{id: text(table, "id"), index: names(table["index"]), aggregate: map[string]string{}}
	event, err := eql.ParseEvent(text(table, "query"))
	if err == nil {
		s.cond = event.Cond
	}
	if d.suite.set.Sources(event.Category) != nil && len(s.index) == 0 {
		s.view = event.Category
	} else if len(s.index) == 0 {
		s.index = names(rule["index"])
	}
	if join, err := eql.ParseExpr(text(table, "join")); err == nil {
		s.join = join
	}
	summary, _ := table["summarize"].(map[string]any)
	for name, value := range summary {
		if f, ok := value.(string); ok && strings.Contains(f, "(") {
			s.aggregate[name] = f
		}
	}
	if having, err := eql.ParseExpr(text(summary, "having")); err == nil {
		s.having = having
	}
	s.window = text(summary, "window")
	return s
}

func names(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// choose makes a choice among n.
func (d *drafter) choose(n int) int {
	if d.at == len(d.wheel) {
		d.wheel, d.sizes = append(d.wheel, 0), append(d.sizes, n)
	}
	d.sizes[d.at] = n
	d.at++
	return min(d.wheel[d.at-1], n-1)
}

// turn goes on to the next choices, the last made first; false after all.
func (d *drafter) turn() bool {
	d.wheel, d.sizes = d.wheel[:d.at], d.sizes[:d.at]
	for i := len(d.wheel) - 1; i >= 0; i-- {
		if d.wheel[i]++; d.wheel[i] < d.sizes[i] {
			d.wheel, d.sizes = d.wheel[:i+1], d.sizes[:i+1]
			return true
		}
	}
	return false
}

// stage finds a stage by its id, -1 for none.
func (d *drafter) stage(id string) int {
	return slices.IndexFunc(d.stages, func(s *stageDraft) bool { return s.id == id })
}
