package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// arrival measures how long after they happened the documents were ingested, of
// those that were ingested last: of those that happened last the late ones are
// still to come.
func (s *subject) arrival(ctx context.Context) error {
	field := s.probe.Ingest
	if field == "" || s.found.Filtered() == 0 {
		return nil
	}
	if c, mapped := s.caps[field]; mapped && slices.ContainsFunc(c.Types, func(t string) bool { return t != "date" && t != "date_nanos" }) {
		s.warn(fmt.Sprintf("%s is mapped as %v, not as a date: arrivals are taken from the event time and the lateness", field, c.Types), "mend the mapping")
		return nil
	}
	a := &Arrival{Field: field}
	search := esq.Search{Indices: s.probe.Index, Query: queries(s.filter), Time: s.probe.Time, Fields: []esq.Field{{Path: field}}}
	_, err := s.sample(ctx, search, s.span, sampleSize, func(h esq.Hit) {
		a.Checked++
		if len(h.Values[0]) > 0 {
			a.Present++
		}
	})
	if err != nil {
		return err
	}
	if a.Present < a.Checked {
		s.warn(fmt.Sprintf("%d of %d documents have no %s: when they arrived is not known, and they are found only if they are no later than lateness", a.Checked-a.Present, a.Checked, field),
			"add a final pipeline that sets it, or name the field that is set with ingest = in the "+s.file())
	}
	delays, err := s.delays(ctx, a)
	if err != nil {
		return err
	}
	if a.Checked > 0 {
		s.found.Arrival = a
	}
	a.measure(delays)
	if s.live {
		later := esq.Range{Field: field, GTE: isoValue(s.span.to.Add(time.Minute))}
		if a.Ahead, err = s.count(ctx, s.probe.Index, esq.And(later, queries(s.filter))); err != nil {
			return err
		}
		if a.Ahead > 0 {
			s.warn(fmt.Sprintf("%s later than now: the clock of the ingest node is ahead of ours", have(a.Ahead, field)), "set the clocks")
		}
	}
	if a.Early > 0 {
		s.warn(fmt.Sprintf("%s, up to %s: clocks differ", documents(a.Early, "were ingested before their event time", "was ingested before its event time"), short(time.Duration(a.Earliest))),
			"set the clock of what sends them")
	}
	return nil
}

// delays reads the documents that were ingested last.
func (s *subject) delays(ctx context.Context, a *Arrival) ([]time.Duration, error) {
	var out []time.Duration
	search := esq.Search{
		Indices: s.probe.Index, Query: queries(s.filter), Time: a.Field,
		Fields: []esq.Field{{Path: a.Field}, {Path: s.probe.Time}},
	}
	// What happened before the end may have been ingested after it, where the
	// end is not now.
	ingested := slice{s.span.from, s.span.to}
	if !s.live {
		ingested.to = s.span.to.Add(s.span.to.Sub(s.span.from))
	}
	_, err := s.sample(ctx, search, ingested, sampleSize, func(h esq.Hit) {
		arrived, ok := timeOf(h.Values[0])
		happened, has := timeOf(h.Values[1])
		if ok && has {
			out = append(out, arrived.Sub(happened))
		}
	})
	return out, err
}

func timeOf(values []esq.Value) (t time.Time, ok bool) {
	if len(values) == 0 {
		return t, false
	}
	ms, ok := rules.UnixMillis(values[0])
	return time.UnixMilli(ms).UTC(), ok
}

// measure sorts delays and takes their percentiles, by nearest rank.
func (a *Arrival) measure(delays []time.Duration) {
	a.Of = int64(len(delays))
	if len(delays) == 0 {
		return
	}
	slices.Sort(delays)
	at := func(percent int) Duration { return Duration(max(delays[(len(delays)*percent+99)/100-1], 0)) }
	a.P50, a.P99, a.Most = at(50), at(99), at(100)
	for _, d := range delays {
		if d < 0 {
			a.Early++
		}
	}
	a.Earliest = Duration(max(-delays[0], 0))
}

// margin is how long a document may take from its ingest stamp until it is
// written, beside what can be measured.
const margin = 30 * time.Second

// advise says what settle and lateness would do for what was seen.
func (x *examination) advise(f *RuleFinding) {
	var most, refresh time.Duration
	seen := false
	for _, stage := range f.Stages {
		for _, src := range stage.Sources {
			if a := src.Arrival; a != nil && a.Of > 0 {
				most, seen = max(most, time.Duration(a.Most)), true
			}
			for _, p := range src.Patterns {
				for _, i := range p.Indices {
					refresh = max(refresh, time.Duration(i.Refresh))
				}
			}
		}
	}
	if !seen {
		return
	}
	if x.report.Clock != nil {
		refresh += time.Duration(x.report.Clock.Ahead).Abs()
	}
	f.AdviseLateness = Duration(roundUp(most))
	f.AdviseSettle = Duration(roundUp(max(refresh+margin, time.Minute)))
}

// roundUp returns the least usual duration that is not less than d.
func roundUp(d time.Duration) time.Duration {
	const h = time.Hour
	for _, step := range []time.Duration{
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		h, 2 * h, 3 * h, 6 * h, 12 * h, 24 * h, 48 * h, 72 * h,
	} {
		if d <= step {
			return step
		}
	}
	return (d + 24*h - 1).Truncate(24 * h)
}
