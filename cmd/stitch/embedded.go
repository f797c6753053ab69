package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// past is documents in the embedded engine, and what running rules over them
// leaves behind. The two are kept apart, so that no rule finds its own alerts.
type past struct {
	esq.Searcher
	esq.Store
	documents *memory.Engine
}

func newPast(now func() time.Time) *past {
	documents := memory.New(memory.Options{Now: now})
	return &past{Searcher: documents, Store: memory.New(memory.Options{Now: now}), documents: documents}
}

// load reads NDJSON files.
func (p *past) load(names []string) error {
	for _, name := range names {
		if err := p.loadFile(name); err != nil {
			return err
		}
	}
	return nil
}

func (p *past) loadFile(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("open data: %w", err)
	}
	_, err = p.documents.Load(file, name)
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close data: %w", closeErr)
	}
	return err
}

// span is the time of the documents: from the first to just after the last, so
// that the last is within it.
func (p *past) span() (from, to time.Time, ok bool) {
	first, last, ok := p.documents.Span()
	return first, last.Add(time.Millisecond), ok
}

// alerts returns all alert documents, by time of the incident and id.
func (p *past) alerts(ctx context.Context) ([]json.RawMessage, error) {
	found, err := p.Find(ctx, []string{mappings.Names{}.AlertPattern()}, esq.MatchAll{}, math.MaxInt)
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

// replay runs rules over the past and returns the alerts.
func (p *past) replay(ctx context.Context, set *rules.Set, from, to time.Time, s streams) ([]json.RawMessage, scheduler.Summary, error) {
	notes := newNotes(s.err, from, to)
	sched := scheduler.New(scheduler.Options{Rules: set, Engine: p, Logger: slog.New(slog.DiscardHandler), Observe: notes.observe})
	summary, err := sched.Replay(ctx, from, to)
	notes.close()
	if err != nil {
		return nil, summary, err
	}
	docs, err := p.alerts(ctx)
	return docs, summary, err
}

// notes tells a person how a replay goes: every warning and failure once, and
// on a terminal how far it has come.
type notes struct {
	out      io.Writer
	terminal bool
	from, to time.Time
	said     map[string]bool
	shown    int // per mille
}

func newNotes(out io.Writer, from, to time.Time) *notes {
	file, ok := out.(*os.File)
	return &notes{out: out, terminal: ok && term.IsTerminal(int(file.Fd())), from: from, to: to, said: map[string]bool{}, shown: -1}
}

func (n *notes) observe(r scheduler.Report) {
	if r.Result != nil {
		for _, w := range r.Result.Warnings {
			n.say("warning: " + r.Rule.Name + ": " + w)
		}
	}
	if r.Err != nil {
		n.say("failed: " + r.Rule.Name + ": " + r.Err.Error())
	}
	if !n.terminal {
		return
	}
	if done := int(1000 * r.Window.To.Sub(n.from) / max(n.to.Sub(n.from), 1)); done > n.shown {
		n.shown = done
		fmt.Fprintf(n.out, "\r\x1b[Kreplay %s  %3d %%", r.Window.To.UTC().Format("2006-01-02 15:04"), done/10)
	}
}

func (n *notes) say(text string) {
	if n.said[text] {
		return
	}
	n.said[text] = true
	n.clear()
	fmt.Fprintln(n.out, text)
}

func (n *notes) clear() {
	if n.terminal && n.shown >= 0 {
		fmt.Fprint(n.out, "\r\x1b[K")
	}
}

func (n *notes) close() { n.clear() }

// writeAlerts prints alerts as timelines or, one a line, as documents.
func writeAlerts(w io.Writer, docs []json.RawMessage, ndjson bool) error {
	for _, doc := range docs {
		if !ndjson {
			if err := writeTimeline(w, doc); err != nil {
				return err
			}
			continue
		}
		var line bytes.Buffer
		if err := json.Compact(&line, doc); err != nil {
			return fmt.Errorf("write alert: %w", err)
		}
		line.WriteByte('\n')
		if _, err := w.Write(line.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
