package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// Options say what to look at.
type Options struct {
	At   time.Time     // the end of what is looked at: now, or the end of the data
	Last time.Duration // how far before it; a day if 0
	// Clock tells the time of day, to compare the cluster's with. nil: At is not
	// now, and nothing is said of clocks.
	Clock func() time.Time
	// Own are the indices that a run writes to, with the privileges that it needs
	// there in Missing. Privileges that the user has are taken out.
	Own []OwnIndex
}

// sampleSize is how many documents are read where not all of them can be.
const sampleSize = 1_000

// Examine looks at everything that the rules need. The error is that the engine
// gave no answer; what it refuses is a finding.
func Examine(ctx context.Context, engine Engine, site Site, list []*rules.Rule, o Options) (*Report, error) {
	if o.Last == 0 {
		o.Last = 24 * time.Hour
	}
	at := o.At.UTC().Truncate(time.Millisecond)
	x := &examination{
		answers: newAnswers(engine), site: site, live: o.Clock != nil,
		span: slice{at.Add(-o.Last), at}, patterns: map[string][]Pattern{}, lacks: map[string]Known[[]string]{},
		report: &Report{From: at.Add(-o.Last), At: at},
	}
	if err := x.clock(ctx, o.Clock); err != nil {
		return nil, err
	}
	if err := x.own(ctx, o.Own); err != nil {
		return nil, err
	}
	for _, r := range list {
		f, err := x.rule(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("examine %s: %w", r.Name, err)
		}
		x.report.Rules = append(x.report.Rules, f)
	}
	return x.report, nil
}

// examination is one call of Examine.
type examination struct {
	*answers
	site     Site
	live     bool // what is looked at ends now
	span     slice
	patterns map[string][]Pattern
	lacks    map[string]Known[[]string]
	report   *Report
}

func (x *examination) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(x.report.Notes, n) {
		x.report.Notes = append(x.report.Notes, n)
	}
}

// clock compares the engine's clock with ours. What lies between question and
// answer is not told from a difference.
func (x *examination) clock(ctx context.Context, ours func() time.Time) error {
	if ours == nil {
		return nil
	}
	before := ours()
	theirs, err := x.site.Time(ctx)
	if err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	if theirs.Why != "" {
		x.note("the cluster's clock cannot be compared with ours: %s", theirs.Why)
		return nil
	}
	between := ours().Sub(before)
	x.report.Clock = &Clock{
		Ahead: Duration(theirs.Value.Sub(before.Add(between / 2)).Round(time.Millisecond)),
		Give:  Duration((between/2 + time.Millisecond).Round(time.Millisecond)),
	}
	return nil
}

// own asks for the user's rights on stitch's own indices or, where they cannot be
// asked for, reads them.
func (x *examination) own(ctx context.Context, own []OwnIndex) error {
	for _, o := range own {
		lacks, err := x.lacking(ctx, o.Name, o.Missing)
		if err != nil {
			return err
		}
		found := OwnIndex{Name: o.Name, Missing: lacks.Value}
		if lacks.Why != "" {
			if _, err := x.count(ctx, []string{o.Name}, esq.MatchAll{}); esq.Refused(err) {
				found.Refused, _ = refused(err)
			} else if err != nil {
				return fmt.Errorf("read %s: %w", o.Name, err)
			}
		}
		x.report.Own = append(x.report.Own, found)
	}
	return nil
}

// lacking asks once per index which of the privileges the user lacks.
func (x *examination) lacking(ctx context.Context, index string, wanted []string) (Known[[]string], error) {
	if known, ok := x.lacks[index]; ok {
		return known, nil
	}
	lacks, err := x.site.Lacks(ctx, index, wanted)
	if err != nil {
		return lacks, fmt.Errorf("ask for the rights on %s: %w", index, err)
	}
	if lacks.Why != "" {
		x.note("rights were not asked for: %s", lacks.Why)
	}
	x.lacks[index] = lacks
	return lacks, nil
}

func (x *examination) rule(ctx context.Context, r *rules.Rule) (RuleFinding, error) {
	f := RuleFinding{ID: r.ID, Name: r.Name, Lateness: Duration(r.Lateness), Settle: Duration(r.Settle)}
	for _, p := range r.Probes() {
		src, err := x.source(ctx, p)
		if err != nil {
			return f, err
		}
		i := len(f.Stages) - 1
		if i < 0 || f.Stages[i].Stage != p.Stage {
			f.Stages = append(f.Stages, StageFinding{Stage: p.Stage, View: p.View, Absent: p.Absent})
			i++
		}
		f.Stages[i].Sources = append(f.Stages[i].Sources, src)
		f.Stages[i].Works = f.Stages[i].Works || src.Works
	}
	v := &verdict{rule: r, found: &f, report: x.report}
	v.decide()
	x.advise(&f)
	return f, nil
}
