package explain

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// Bounds of the search.
const (
	mostNear  = 3 // chains that are shown
	mostExtra = 2 // requirements left out beside those that nothing meets
)

// search finds the chains that lack least, by leaving requirements out.
type search struct {
	trial        *rules.Trial
	stages       []rules.TrialStage
	requirements []rules.Requirement
	at           time.Time
	// elsewhere is a chain that lacks nothing, but is not about the time.
	elsewhere *rules.Chain
}

// run looks at all stages first, at ever fewer of them if nothing comes near.
func (s *search) run(ctx context.Context, a *Answer) error {
	var empty, rest []string
	for _, st := range s.stages {
		switch {
		case st.Absent:
		case st.Events == 0:
			empty = append(empty, st.ID)
		default:
			rest = append(rest, st.ID)
		}
	}
	var poor []Near // in which one document has to stand for two stages
	for n := 0; n < len(rest) && len(a.Near) == 0; n++ {
		for _, more := range subsets(rest, n) {
			found, err := s.without(ctx, slices.Concat(empty, more))
			if err != nil || s.elsewhere != nil {
				return err
			}
			for _, near := range found {
				if near.twice() {
					poor = append(poor, near)
				} else {
					a.Near = append(a.Near, near)
				}
			}
		}
	}
	if len(a.Near) == 0 {
		a.Near = append(a.Near, poor...)
	}
	slices.SortStableFunc(a.Near, func(x, y Near) int {
		return cmp.Or(cmp.Compare(len(x.Failed), len(y.Failed)), cmp.Compare(len(x.Missing), len(y.Missing)))
	})
	a.Near = a.Near[:min(len(a.Near), mostNear)]
	return nil
}

// twice reports whether a document stands for two stages. What nearly does is
// hardly what somebody has in mind.
func (n *Near) twice() bool {
	seen := map[string]bool{}
	for _, r := range n.Rows {
		for _, d := range r.Documents {
			key := d.Index + "/" + d.ID
			if seen[key] {
				return true
			}
			seen[key] = true
		}
	}
	return false
}

// subsets returns all choices of n of the names, in their order.
func subsets[T any](of []T, n int) [][]T {
	if n == 0 {
		return [][]T{nil}
	}
	var out [][]T
	for i := range of {
		for _, rest := range subsets(of[i+1:], n-1) {
			out = append(out, append([]T{of[i]}, rest...))
		}
	}
	return out
}

// without finds the smallest choices of requirements without which some rows of
// the other stages make a chain.
func (s *search) without(ctx context.Context, missing []string) ([]Near, error) {
	free, keys := s.relevant(missing)
	possible, err := s.holds(ctx, missing, slices.Concat(free, keys))
	if err != nil || !possible {
		return nil, err
	}
	needed, optional, err := s.needed(ctx, missing, free, keys)
	if err != nil {
		return nil, err
	}
	for extra := 0; extra <= min(mostExtra, len(optional)); extra++ {
		for others := 0; others <= len(keys); others++ {
			var found []Near
			for _, more := range subsets(optional, extra) {
				for _, anyone := range subsets(keys, others) {
					near, err := s.chain(ctx, missing, slices.Concat(needed, more), anyone)
					if err != nil {
						return nil, err
					}
					if near != nil {
						found = append(found, *near)
					}
					if s.elsewhere != nil {
						return nil, nil
					}
				}
			}
			if len(found) > 0 {
				return distinct(found), nil
			}
		}
	}
	return nil, nil
}

// distinct keeps one of several that name the same failures.
func distinct(list []Near) []Near {
	same := func(a, b Near) bool {
		return slices.EqualFunc(a.Failed, b.Failed, func(f, g Failure) bool { return f.Why == g.Why })
	}
	var out []Near
	for _, n := range list {
		if !slices.ContainsFunc(out, func(have Near) bool { return same(have, n) }) {
			out = append(out, n)
		}
	}
	return out
}

// relevant parts the requirements that bear on the stages that are there from
// those of whose the rows are.
func (s *search) relevant(missing []string) (free, keys []int) {
	gone := func(id string) bool { return slices.Contains(missing, id) }
	absent := func(id string) bool {
		return slices.ContainsFunc(s.stages, func(st rules.TrialStage) bool { return st.ID == id && st.Absent })
	}
	for i, r := range s.requirements {
		if r.Stage != "" && gone(r.Stage) || r.Other != "" && gone(r.Other) ||
			slices.ContainsFunc(r.Columns, func(c rules.StageColumn) bool { return gone(c.Stage) }) {
			continue
		}
		if absent(r.Stage) && r.Kind != rules.MustLack {
			continue // without it more rows would count
		}
		if r.Kind == rules.MustBe {
			keys = append(keys, i)
		} else {
			free = append(free, i)
		}
	}
	return free, keys
}

// needed are the requirements that no rows meet, whatever else is left out.
func (s *search) needed(ctx context.Context, missing []string, free, keys []int) (needed, optional []int, err error) {
	for i, r := range free {
		others := slices.Concat(free[:i], free[i+1:], keys)
		met, err := s.holds(ctx, missing, others)
		if err != nil {
			return nil, nil, err
		}
		if met {
			optional = append(optional, r)
		} else {
			needed = append(needed, r)
		}
	}
	return needed, optional, nil
}

// seeds are the stages of which a row can tell that it is of whom is looked for.
func (s *search) seeds(missing []string) []string {
	var out []string
	for _, st := range s.stages {
		if st.OfKey > 0 && !slices.Contains(missing, st.ID) {
			out = append(out, st.ID)
		}
	}
	return out
}

func (s *search) holds(ctx context.Context, missing []string, out []int) (bool, error) {
	for _, seed := range s.seeds(missing) {
		c, err := s.trial.Chain(ctx, rules.Relaxation{Requirements: out, Stages: missing, Seed: seed}, nil)
		if err != nil || c != nil {
			return c != nil, err
		}
	}
	return false, nil
}

// chain returns the chain nearest to the time that lacks just what is left out.
func (s *search) chain(ctx context.Context, missing []string, out, anyone []int) (*Near, error) {
	for _, seed := range s.seeds(missing) {
		left := rules.Relaxation{Requirements: slices.Concat(out, anyone), Stages: missing, Seed: seed}
		c, err := s.trial.Chain(ctx, left, s.chooser(out))
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		if len(out) == 0 && len(missing) == 0 {
			s.elsewhere = c
			return nil, nil
		}
		return s.near(ctx, c, missing, out)
	}
	return nil, nil
}

// chooser prefers the rows that lack least of what is left out, and of these the
// nearest to the time.
func (s *search) chooser(out []int) rules.Chooser {
	return func(so *rules.Chain, stage string, among []*rules.ChainRow) int {
		at := slices.IndexFunc(s.stages, func(st rules.TrialStage) bool { return st.ID == stage })
		defer func() { so.Rows[at] = nil }()
		best, least := 0, 0.0
		for i, r := range among {
			so.Rows[at] = r
			lack := 0.0
			for _, k := range out {
				lack += s.lack(so, s.requirements[k])
			}
			if len(out) > 0 && again(so, at) {
				lack++
			}
			lack += 1e-3 * fraction(s.at.Sub(r.First).Abs(), 24*time.Hour)
			if i == 0 || lack < least {
				best, least = i, lack
			}
		}
		return best
	}
}

// again reports whether a document of a row stands for another stage too.
func again(c *rules.Chain, at int) bool {
	for i, r := range c.Rows {
		if r == nil || i == at {
			continue
		}
		for _, d := range c.Rows[at].Documents {
			if slices.Contains(r.Documents, d) {
				return true
			}
		}
	}
	return false
}

// fraction maps a duration to [0, 1), one half for the unit.
func fraction(d, unit time.Duration) float64 { return float64(d) / float64(d+unit) }

// near tells of a chain what it lacks.
func (s *search) near(ctx context.Context, c *rules.Chain, missing []string, out []int) (*Near, error) {
	n := &Near{Missing: missing, Failed: []Failure{}}
	for _, r := range c.Rows {
		if r != nil {
			n.Rows = append(n.Rows, Row{Stage: r.Stage, First: r.First, Last: r.Last, Documents: documents(r.Documents)})
		}
	}
	for _, k := range out {
		f, err := s.failure(ctx, c, s.requirements[k])
		if err != nil {
			return nil, err
		}
		if f != nil {
			n.Failed = append(n.Failed, *f)
		}
	}
	return n, nil
}

func documents(list []rules.ChainDocument) []Document {
	out := make([]Document, len(list))
	for i, d := range list {
		out[i] = Document{Index: d.Index, ID: d.ID, Source: d.Source, Time: d.Time}
	}
	return out
}
