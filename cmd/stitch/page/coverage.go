package page

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/explain"
	"github.com/stitchdetect/stitch/scheduler"
)

// strip is a stretch of arrival time: what of it is covered, and the holes.
type strip struct {
	From, To time.Time
	Bars     []bar
	Ticks    []tick
	Text     string // the same in words
}

// bar is a part of a strip, in percent of its width.
type bar struct {
	Kind     string // "covered" or "hole"
	From     float64
	Width    float64
	Starting time.Time
	Ending   time.Time
}

// leastWidth keeps what is short visible, in percent; leastGap is what a gap
// must have to be shown where no hole is.
const leastWidth = 0.4

// stripOf draws what is known of a rule's coverage between two times.
func stripOf(c *scheduler.RuleCoverage, from, to time.Time) strip {
	a := axis{from: from, to: to}
	s := strip{From: from, To: to, Ticks: a.ticks()}
	covered := make([]rules.Window, 0, len(c.Covered))
	covered = append(covered, c.Covered...)
	holes := make([]rules.Window, 0, len(c.Holes))
	for _, h := range c.Holes {
		holes = append(holes, rules.Window{From: h.From, To: h.To})
	}
	s.Bars = append(a.bars("covered", covered), a.bars("hole", holes)...)
	switch {
	case c.Start.IsZero():
		s.Text = "nothing is covered yet"
	case len(c.Holes) == 0:
		s.Text = "covered from " + clock(c.Start) + " until " + clock(c.CoveredUntil) + ", without a hole"
	default:
		s.Text = "covered from " + clock(c.Start) + " until " + clock(c.CoveredUntil) + ", then " + counted(len(c.Holes), "hole")
	}
	return s
}

// bars are the parts of an axis that windows take up; those that touch, or lie
// too close together to be told apart, are one.
func (a axis) bars(kind string, windows []rules.Window) []bar {
	windows = slices.Clone(windows)
	slices.SortFunc(windows, func(x, y rules.Window) int { return x.From.Compare(y.From) })
	var list []bar
	for _, w := range windows {
		if !w.To.After(a.from) || !w.From.Before(a.to) {
			continue
		}
		from := a.at(w.From)
		b := bar{kind, from, max(a.at(w.To)-from, leastWidth), w.From, w.To}
		b.From = min(b.From, 100-b.Width)
		if n := len(list); n > 0 && b.From <= list[n-1].From+list[n-1].Width+leastWidth/4 {
			last := &list[n-1]
			last.Width = max(last.Width, b.From+b.Width-last.From)
			if w.To.After(last.Ending) {
				last.Ending = w.To
			}
			continue
		}
		list = append(list, b)
	}
	return list
}

// ruleRow is a rule with its coverage.
type ruleRow struct {
	Rule     *rules.Rule
	Schedule string
	Coverage *scheduler.RuleCoverage // nil if nobody knows
	Strip    strip
	Problem  string // why its ledger cannot be used
}

// rulesView is the page of rules.
type rulesView struct {
	Rules  []ruleRow
	Spans  []choice
	Span   string
	Ticks  []tick
	Asked  bool // whether coverage is known
	Broken int
}

func stripSpans() []choice {
	return []choice{{"24h", "24 hours"}, {"7d", "7 days"}, {"30d", "30 days"}}
}

// stripSpan is the stretch of time to show.
func stripSpan(r *http.Request) (string, time.Duration) {
	asked := cmp.Or(r.URL.Query().Get("span"), "24h")
	for _, c := range stripSpans() {
		if c.Value == asked {
			if d, err := rules.ParseDuration(asked); err == nil {
				return asked, d
			}
		}
	}
	return "24h", 24 * time.Hour
}

func (p *Page) rules(w http.ResponseWriter, r *http.Request) error {
	span, length := stripSpan(r)
	now := p.o.Clock().UTC()
	v := rulesView{Spans: stripSpans(), Span: span, Asked: p.o.Coverage != nil, Ticks: axis{from: now.Add(-length), to: now}.ticks()}
	covered, err := p.coverage(r)
	if err != nil {
		return err
	}
	for _, rule := range p.o.Rules().Rules {
		v.Rules = append(v.Rules, rowOf(rule, covered[rule.ID], now.Add(-length), now))
	}
	for _, row := range v.Rules {
		if row.Problem != "" || row.Coverage != nil && len(row.Coverage.Holes) > 0 {
			v.Broken++
		}
	}
	return p.render(w, r, http.StatusOK, "rules", "Rules", v)
}

// coverageAge is how old what is shown of coverage may be: to ask for it costs
// the cluster more than the page does.
const coverageAge = 10 * time.Second

// memory is the coverage that was asked for last.
type memory struct {
	mu   sync.Mutex
	at   time.Time
	list []scheduler.RuleCoverage
}

// coverage is what is covered, by the rules' ids. Whoever asks while another is
// asking waits for that answer.
func (p *Page) coverage(r *http.Request) (map[string]*scheduler.RuleCoverage, error) {
	byRule := map[string]*scheduler.RuleCoverage{}
	if p.o.Coverage == nil {
		return byRule, nil
	}
	p.covered.mu.Lock()
	defer p.covered.mu.Unlock()
	if now := p.o.Clock(); p.covered.list == nil || now.Sub(p.covered.at) > coverageAge || now.Before(p.covered.at) {
		list, err := p.o.Coverage(r.Context())
		if err != nil {
			return nil, err
		}
		p.covered.at, p.covered.list = now, list
	}
	for i := range p.covered.list {
		byRule[p.covered.list[i].Rule.ID] = &p.covered.list[i]
	}
	return byRule, nil
}

func rowOf(rule *rules.Rule, c *scheduler.RuleCoverage, from, to time.Time) ruleRow {
	row := ruleRow{Rule: rule, Schedule: scheduleOf(rule), Coverage: c}
	switch {
	case c == nil:
	case c.Err != nil:
		row.Problem = c.Err.Error()
	default:
		row.Strip = stripOf(c, from, to)
	}
	return row
}

// ruleView is the page of one rule.
type ruleView struct {
	ruleRow
	Spans  []choice
	Span   string
	Plan   *explain.Plan
	Source string
	// Unread is why the file cannot be shown.
	Unread string
}

func (p *Page) rule(w http.ResponseWriter, r *http.Request) error {
	rule := p.o.Rules().ByID(r.PathValue("id"))
	if rule == nil {
		return noRule(r.PathValue("id"))
	}
	covered, err := p.coverage(r)
	if err != nil {
		return err
	}
	span, length := stripSpan(r)
	now := p.o.Clock().UTC()
	v := ruleView{ruleRow: rowOf(rule, covered[rule.ID], now.Add(-length), now), Spans: stripSpans(), Span: span}
	if p.o.Plan != nil {
		if v.Plan, err = p.o.Plan(r.Context(), rule); err != nil {
			return err
		}
	}
	if p.o.Source != nil {
		if v.Source, err = p.o.Source(rule); err != nil {
			v.Unread = err.Error()
		}
	}
	return p.render(w, r, http.StatusOK, "rule", rule.Name, v)
}

// scheduleOf is a rule's schedule in words.
func scheduleOf(rule *rules.Rule) string {
	if every, ok := rule.Schedule.(rules.Every); ok {
		return "every " + lasting(time.Duration(every))
	}
	return fmt.Sprint(rule.Schedule)
}
