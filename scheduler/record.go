package scheduler

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// recordFormat is the version of the run record.
const recordFormat = 2

// What is kept of words that others chose.
const (
	maxWarnings = 100
	maxWords    = 2000 // bytes of an error or a warning
)

// runRecord is the document that a run leaves behind.
type runRecord struct {
	Timestamp       string            `json:"@timestamp"`
	Kind            string            `json:"kind"`
	Format          int               `json:"format"`
	Replay          bool              `json:"replay"`
	Idle            int               `json:"idle,omitempty"` // runs in which nothing arrived, that this is the record of
	Rule            ruleName          `json:"rule"`
	Ticket          int64             `json:"ticket"`
	Slice           recordWindow      `json:"slice"`   // of arrival time
	Window          recordWindow      `json:"window"`  // of event time
	Windows         int               `json:"windows"` // evaluated in it
	CoveredUntil    string            `json:"covered_until,omitempty"`
	Arrived         int64             `json:"arrived"`
	Late            int64             `json:"late"`
	Sources         []sourceCount     `json:"sources"`
	Started         string            `json:"started"`
	Finished        string            `json:"finished"`
	TookMS          int64             `json:"took_ms"`
	Engine          recordEngine      `json:"engine"`
	Stages          []recordStage     `json:"stages"`
	Exceptions      []recordException `json:"exceptions,omitempty"`
	Alerts          Counts            `json:"alerts"`
	UserMisses      []userMiss        `json:"user_misses"`
	Warnings        []string          `json:"warnings"`
	WarningsOmitted int               `json:"warnings_omitted"`
	Outcome         string            `json:"outcome"` // success or failure, as ECS has them
	Error           string            `json:"error,omitempty"`
}

type recordWindow struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// sourceCount is what one source brought for one stage.
type sourceCount struct {
	Stage   string `json:"stage"`
	View    string `json:"view,omitempty"`
	Source  string `json:"source,omitempty"`
	Count   int64  `json:"count"`
	Late    int64  `json:"late"`
	NoIndex bool   `json:"no_index"`
}

type recordEngine struct {
	Requests int   `json:"requests"`
	Hits     int64 `json:"hits"`
	TookMS   int64 `json:"took_ms"`
	Broken   int64 `json:"broken"` // documents that could not be placed in time
}

// userMiss counts rows of people whom the user map does not know. Who they are
// stands in the warnings.
type userMiss struct {
	Stage  string `json:"stage"`
	View   string `json:"view"`
	Source string `json:"source"`
	Rows   int64  `json:"rows"`
}

type recordStage struct {
	Stage     string `json:"stage"`
	Documents int64  `json:"documents"`
	Rows      int    `json:"rows"`
	Skipped   bool   `json:"skipped"`
}

// recordException is what an exception kept out, or would have but for its end.
type recordException struct {
	Exception string `json:"exception"`
	Stage     string `json:"stage"`
	Count     int64  `json:"count"`
	Expired   int64  `json:"expired"`
}

func recordOf(r Report, replay bool) runRecord {
	rec := runRecord{
		Timestamp: mappings.Time(r.Finished), Kind: "run", Format: recordFormat, Replay: replay,
		Rule: nameOf(r.Rule), Ticket: r.Ticket,
		Slice:   recordWindow{mappings.Time(r.Slice.From), mappings.Time(r.Slice.To)},
		Window:  recordWindow{mappings.Time(r.Window.From), mappings.Time(r.Window.To)},
		Windows: r.Windows, Late: r.Late(), Sources: []sourceCount{},
		Started: mappings.Time(r.Started), Finished: mappings.Time(r.Finished),
		TookMS: r.Finished.Sub(r.Started).Milliseconds(),
		Stages: []recordStage{}, Alerts: r.Alerts, UserMisses: []userMiss{}, Warnings: []string{}, Outcome: "success",
	}
	if r.Err != nil {
		rec.Outcome = "failure"
		rec.Error = bounded(r.Err.Error())
	}
	if !r.CoveredUntil.IsZero() {
		rec.CoveredUntil = mappings.Time(r.CoveredUntil)
	}
	if r.Arrivals != nil {
		rec.Arrived = r.Arrivals.Count
		for _, s := range r.Arrivals.Sources {
			rec.Sources = append(rec.Sources, sourceCount{s.Stage, s.View, s.Source, s.Count, s.Late, s.NoIndex})
		}
	}
	if r.Result == nil {
		return rec
	}
	stats := r.Result.Stats
	rec.Engine = recordEngine{stats.Requests, stats.Hits, stats.Took.Milliseconds(), stats.BrokenCount}
	for _, s := range r.Result.Stages {
		rec.Stages = append(rec.Stages, recordStage(s))
	}
	for _, m := range r.Result.UserMisses {
		rec.UserMisses = append(rec.UserMisses, userMiss{m.Stage, m.View, m.Source, m.Rows})
	}
	for _, x := range r.Result.Exceptions {
		x.Exception = bounded(x.Exception)
		rec.Exceptions = append(rec.Exceptions, recordException(x))
	}
	for _, w := range r.Result.Warnings[:min(len(r.Result.Warnings), maxWarnings)] {
		rec.Warnings = append(rec.Warnings, bounded(w))
	}
	rec.WarningsOmitted = len(r.Result.Warnings) - len(rec.Warnings)
	return rec
}

func bounded(s string) string {
	if len(s) <= maxWords {
		return s
	}
	return strings.ToValidUTF8(s[:maxWords], "") + "…"
}

// writeRecord keeps the record of a run.
func writeRecord(ctx context.Context, store esq.Store, names mappings.Names, r Report, replay bool) error {
	op, err := recordWrite(names, r, 0, replay)
	if err != nil {
		return err
	}
	if _, err := writeOne(ctx, store, op, true); err != nil {
		return fmt.Errorf("write run record %s/%s: %w", op.Index, op.ID, err)
	}
	return nil
}

// recordWrite writes the record of a run, or of so many in which nothing arrived.
func recordWrite(names mappings.Names, r Report, idle int, replay bool) (esq.Write, error) {
	rec := recordOf(r, replay)
	rec.Idle = idle
	source, err := mappings.Encode(rec)
	if err != nil {
		return esq.Write{}, fmt.Errorf("write run record: %w", err)
	}
	return esq.Write{
		Ref: esq.Ref{
			Index: names.RunIndex(r.Started),
			ID:    fmt.Sprintf("%s-%s-%s-%d", r.Rule.ID, compact(r.Started), compact(r.Slice.To), r.Ticket),
		},
		Source: source,
	}, nil
}

func compact(t time.Time) string { return t.UTC().Format("20060102T150405.000Z") }
