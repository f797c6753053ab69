package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/test/bench/documents"
	"github.com/stitchdetect/stitch/test/bench/result"
	"github.com/stitchdetect/stitch/test/bench/site"
	"github.com/stitchdetect/stitch/test/bench/traffic"
)

// dataset is what lies in the indices while rules run: one day.
type dataset struct {
	documents, incidents int
	late                 float64
}

// measured is what the runs of one rule over one dataset came to.
type measured struct {
	dataset
	name                string
	whole, asking, took result.Sample // seconds
	cpu                 result.Sample // of stitch, seconds
	traffic             traffic.Sum   // of the last run
	alerts              int
	matching            int64 // documents
	size                int64 // of a document, bytes
}

const (
	strict = "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84"
	event  = "8a30d849-6e54-41a0-9cbb-d8f055b4dd19"
)

var began = time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)

func measure(ctx context.Context, o options, node *site.Site, set dataset, log io.Writer) ([]measured, error) {
	if err := node.Clear(ctx); err != nil {
		return nil, err
	}
	if err := node.Prepare(ctx, "-1"); err != nil {
		return nil, err
	}
	var planted []documents.Incident
	start := time.Now()
	loaded, err := node.Load(ctx, func(w io.Writer) error {
		var err error
		planted, err = documents.Write(w, documents.Options{
			Documents: set.documents, Incidents: set.incidents, Late: set.late, From: began, Period: 24 * time.Hour, Bulk: true, Seed: uint64(set.documents),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "loaded %d documents in %v\n", loaded.Documents, time.Since(start).Round(time.Second))
	if _, err := node.Ask(ctx, http.MethodPost, "/logs-*/_forcemerge?max_num_segments=5", ""); err != nil {
		return nil, err
	}
	b, err := newBench(ctx, node)
	if err != nil {
		return nil, err
	}
	if o.trace {
		b.trace = log
	}
	b.size = loaded.Bytes / int64(loaded.Documents)
	first := planted[0].Time.Add(time.Hour).Truncate(time.Minute)
	return b.rules(ctx, o.Rounds, set, first)
}

// bench runs rules on a node and counts what they ask.
type bench struct {
	tap     *traffic.Tap
	cluster *esq.Cluster
	set     *rules.Set
	size    int64
	runs    int
	trace   io.Writer // where requests are listed, or nil
}

func newBench(ctx context.Context, node *site.Site) (*bench, error) {
	b := &bench{tap: &traffic.Tap{}}
	var err error
	if b.set, err = rules.Load(nil); err != nil {
		return nil, err
	}
	b.cluster, err = esq.Open(ctx, esq.Config{URLs: []string{node.URL}, Transport: b.tap})
	return b, err
}

func (b *bench) rules(ctx context.Context, rounds int, set dataset, incident time.Time) ([]measured, error) {
	hourly := *b.set.ByID(event)
	hourly.Schedule, hourly.LookBack = rules.Every(time.Hour), time.Hour
	found := []measured{{dataset: set, name: "strict", size: b.size}, {dataset: set, name: "event-level", size: b.size}}
	one := func(m *measured, rule *rules.Rule, now time.Time) func(bool) error {
		return func(counts bool) error { return b.run(ctx, m, rule, now, counts) }
	}
	midnight := began.Add(24*time.Hour + time.Minute)
	if err := result.Alternate(rounds, one(&found[0], b.set.ByID(strict), midnight), one(&found[1], &hourly, incident)); err != nil {
		return nil, err
	}
	for i, rule := range []*rules.Rule{b.set.ByID(strict), &hourly} {
		if found[i].alerts == 0 {
			return nil, fmt.Errorf("the %s rule found nothing", found[i].name)
		}
		var err error
		if found[i].matching, err = b.matching(ctx, rule, []time.Time{midnight, incident}[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// run has a scheduler run what is due, some time after it ran before. That first
// run is shown nothing; what is written into is there then.
func (b *bench) run(ctx context.Context, m *measured, rule *rules.Rule, now time.Time, counts bool) error {
	b.runs++
	names := mappings.Names{Prefix: fmt.Sprintf("run%d-%d", time.Now().Unix(), b.runs)}
	if _, err := mappings.Bootstrap(ctx, b.cluster, b.cluster.Product(), names); err != nil {
		return err
	}
	for _, index := range []string{names.AlertIndex(now), names.RunIndex(now)} {
		if err := b.cluster.Do(ctx, http.MethodPut, "/"+index, nil, nil); err != nil {
			return err
		}
	}
	clock := scheduler.NewVirtualClock(now.Add(-rule.LookBack))
	first := true
	var asking time.Duration
	timed := func(from time.Time) { asking += time.Since(from) }
	s := scheduler.New(scheduler.Options{
		Rules: &rules.Set{Rules: []*rules.Rule{rule}}, Engine: b.cluster, Names: names, Clock: clock, Retention: -1,
		Arrivals: func(ctx context.Context, r *rules.Rule, eng esq.Searcher, slice rules.Window) (*rules.Arrivals, error) {
			if first {
				return &rules.Arrivals{}, nil
			}
			defer timed(time.Now())
			return r.Arrivals(ctx, eng, slice)
		},
		Evaluate: func(ctx context.Context, r *rules.Rule, eng esq.Searcher, w rules.Window) (*rules.Result, error) {
			if first {
				return &rules.Result{}, nil
			}
			defer timed(time.Now())
			return r.Run(ctx, eng, w)
		},
	})
	if _, err := s.Once(ctx); err != nil {
		return err
	}
	clock.Set(now)
	first = false
	b.tap.Take()
	cpu, start := processorTime(), time.Now()
	sum, err := s.Once(ctx)
	whole, used := time.Since(start), processorTime()-cpu
	if err == nil {
		err = sum.Err()
	}
	if err != nil || !counts {
		return err
	}
	seen := b.tap.Take()
	m.traffic = traffic.Of(seen)
	if b.trace != nil {
		fmt.Fprintf(b.trace, "%s rule: %v, of that asking %v\n%s", m.name, whole, asking, traffic.List(seen))
	}
	var took time.Duration
	for _, x := range seen {
		if x.Searches > 0 {
			took += x.Took
		}
	}
	m.alerts = sum.Alerts().Created
	m.whole, m.asking = append(m.whole, whole.Seconds()), append(m.asking, asking.Seconds())
	m.took, m.cpu = append(m.took, took.Seconds()), append(m.cpu, used.Seconds())
	return nil
}

// matching counts what the stages accept by themselves.
func (b *bench) matching(ctx context.Context, rule *rules.Rule, now time.Time) (int64, error) {
	questions, err := rule.Questions(ctx, b.cluster, rules.Window{From: now.Add(-rule.LookBack), To: now})
	if err != nil {
		return 0, err
	}
	var all int64
	for _, q := range questions {
		n, _, err := b.cluster.Count(ctx, q.Search.Indices, q.Search.Query)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

// processorTime is what this process has used of the processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
