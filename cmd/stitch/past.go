package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// past is documents in the embedded engine, or on a cluster, and what running
// rules over them leaves behind. The two are kept apart, so that no rule finds
// its own alerts.
type past struct {
	esq.Searcher
	esq.Store
	documents *memory.Engine
	clock     *scheduler.VirtualClock // what "now" means, to rules and queries alike
	loaded    memory.LoadStats
	cluster   *esq.Cluster // whose past it is; nil where it is that of files
}

func newPast() *past {
	clock := scheduler.NewVirtualClock(time.Unix(0, 0).UTC())
	// Every document counts as having arrived when it happened.
	documents := memory.New(memory.Options{Now: clock.Now, Ingest: []string{"@timestamp"}})
	return &past{
		Searcher: documents, Store: memory.New(memory.Options{Now: clock.Now}),
		documents: documents, clock: clock,
	}
}

// open opens NDJSON files; "-" is stdin. One that cannot be opened is wrong
// usage, and nothing is read then.
func open(names []string, stdin io.Reader) (files []io.ReadCloser, err error) {
	for _, name := range names {
		if name == "-" {
			files = append(files, io.NopCloser(stdin))
			continue
		}
		file, openErr := os.Open(name)
		if openErr == nil {
			info, statErr := file.Stat()
			if statErr == nil && info.IsDir() {
				openErr = fmt.Errorf("%s is a folder; name the files in it", name)
			}
		}
		if openErr != nil {
			err = errors.Join(err, openErr)
			continue
		}
		files = append(files, file)
	}
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("open data: %w", errors.Join(err, closeAll(files)))}
	}
	return files, nil
}

func closeAll(files []io.ReadCloser) error {
	var errs []error
	for _, file := range files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// load reads NDJSON files, each as far as it can be read: what is wrong with
// all of them comes back.
func (p *past) load(names []string, stdin io.Reader) error {
	files, err := open(names, stdin)
	if err != nil {
		return err
	}
	var errs []error
	for i, file := range files {
		name := names[i]
		if name == "-" {
			name = "stdin"
		}
		errs = append(errs, p.read(file, name))
	}
	errs = append(errs, closeAll(files))
	p.documents.EndLoad()
	if err := errors.Join(errs...); err != nil {
		return &exitError{exitProblems, err}
	}
	return nil
}

func (p *past) read(r io.Reader, name string) error {
	stats, err := p.documents.Load(r, name)
	p.loaded.Lines += stats.Lines
	p.loaded.Documents += stats.Documents
	p.loaded.Replaced += stats.Replaced
	p.loaded.Kept += stats.Kept
	p.loaded.NoID += stats.NoID
	return err
}

// searched says what was searched, in words.
func (p *past) searched() string {
	if p.cluster != nil {
		return "cluster " + p.cluster.Name()
	}
	text := count(p.loaded.Documents, "document")
	if n := p.loaded.Replaced + p.loaded.Kept; n > 0 {
		text += fmt.Sprintf(" (%d stood there more than once)", n)
	}
	return text
}

// span is the time of the documents: from the first to just after the last, so
// that the last is within it.
func (p *past) span() (from, to time.Time, ok bool) {
	first, last, ok := p.documents.Span()
	return first, last.Add(time.Millisecond), ok
}

// replay runs rules over the past and returns the alerts. What is to be known
// of the runs is said on s.err; the error is that a rule failed, or more.
func (p *past) replay(ctx context.Context, set *rules.Set, users scheduler.Users, from, to time.Time, s streams) ([]json.RawMessage, error) {
	notes := newNotes(s.err, from, to)
	sched := scheduler.New(scheduler.Options{
		Rules: set, Engine: p, Users: users, Clock: p.clock, Logger: slog.New(slog.DiscardHandler), Observe: notes.observe,
		Lasting: p.cluster == nil,
	})
	summary, err := sched.Replay(ctx, from, to)
	notes.close()
	if ctx.Err() != nil {
		return nil, errors.New("stopped before the end")
	}
	if err != nil {
		return nil, err
	}
	docs, err := p.alerts(ctx, alertsOf(set))
	if err == nil && summary.Err() != nil {
		err = &exitError{code: exitProblems} // the notes have the reason
	}
	return docs, err
}

// alertsOf accepts the alerts of the rules.
func alertsOf(set *rules.Set) esq.Query {
	ids := make([]esq.Value, len(set.Rules))
	for i, r := range set.Rules {
		ids[i] = esq.Str(r.ID)
	}
	return esq.Terms{Field: "rule.id", Values: ids}
}

// alerts returns the documents of the alerts that hold, by time of the incident
// and id.
func (p *past) alerts(ctx context.Context, which esq.Query) ([]json.RawMessage, error) {
	holding := esq.And(which, esq.Not(esq.Exists{Field: "stitch.retracted"}))
	found, err := p.Find(ctx, []string{mappings.Names{}.AlertPattern()}, holding, math.MaxInt)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	type alert struct {
		Time time.Time `json:"kibana.alert.original_time"`
		ID   string    `json:"kibana.alert.uuid"`
		doc  json.RawMessage
	}
	alerts := make([]alert, len(found))
	for i, d := range found {
		if err := json.Unmarshal(d.Source, &alerts[i]); err != nil {
			return nil, fmt.Errorf("read alert %s: %w", d.ID, err)
		}
		alerts[i].doc = d.Source
	}
	slices.SortFunc(alerts, func(a, b alert) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	docs := make([]json.RawMessage, len(alerts))
	for i, a := range alerts {
		docs[i] = a.doc
	}
	return docs, nil
}
