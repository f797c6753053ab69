package triage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

var _ triage.Engine = (*memory.Engine)(nil)

// tb is a test, or a check of a property.
type tb interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// noon is when the first alert is written.
func noon() time.Time { return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC) }

// alert is the nth of a kind: written n minutes after noon.
func alert(n int, change ...func(*mappings.Alert)) mappings.Alert {
	at := noon().Add(time.Duration(n) * time.Minute)
	event := func(minute int, id, source string, columns map[string][]esq.Value) mappings.Document {
		return mappings.Document{Index: "logs-x", ID: id, Time: at.Add(time.Duration(minute-60) * time.Minute), Source: source, Columns: columns}
	}
	user := fmt.Sprintf("user%d@example.com", n)
	a := mappings.Alert{
		ID: fmt.Sprintf("%08x", n*0x01010101), Written: at, Anchor: at.Add(-time.Hour), Start: at.Add(-time.Hour), End: at.Add(-30 * time.Minute),
		Ticket: 1,
		Rule: mappings.Rule{
			ID: "r-1", Name: "Copies at night", Type: "sequence", Severity: "high", RiskScore: 73, Version: 2, Fingerprint: "f00d",
			Tags: []string{"usb"}, Note: "Ask first.",
			Threat: []mappings.Threat{{Framework: "MITRE ATT&CK", Tactic: mappings.Reference{ID: "TA0010", Name: "Exfiltration"}}},
		},
		Key: []mappings.KeyValue{{Name: "copy", Value: esq.Str("c1")}, {Name: "user.email", Value: esq.Str(user)}},
		Stages: []mappings.Stage{
			{
				Stage: "download", First: at.Add(-time.Hour), Last: at.Add(-time.Hour), Count: 1,
				Documents: []mappings.Document{event(0, "d1", "o365", map[string][]esq.Value{
					"user.email": {esq.Str(user)}, "source.ip": {esq.Str("192.0.2.7")},
				})},
			},
			{
				Stage: "copy", First: at.Add(-40 * time.Minute), Last: at.Add(-30 * time.Minute), Count: 12, Omitted: 11,
				Documents: []mappings.Document{event(20, "c1", "endpoint", map[string][]esq.Value{
					"file.path": {esq.Str(`E:\Plan 100%.docx`)}, "host.name": {esq.Str("pc-1")},
				})},
			},
			{Stage: "scan"},
		},
		Columns: map[string][]esq.Value{
			"user.email": {esq.Str(user)}, "host.name": {esq.Str("pc-1")}, "source.ip": {esq.Str("192.0.2.7")},
			"file.path": {esq.Str(`E:\Plan 100%.docx`)},
		},
		Details:  map[string]any{"Drive": "E:", "Files": []any{"a", "b"}, "Count": 12},
		Entities: []mappings.Entity{{Type: "Account", Identifiers: map[string]any{"Name": "user"}}},
		Weak:     []string{"copy: the agent knows no account"},
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

// engine is the embedded engine with alerts.
func engine(t tb, alerts ...mappings.Alert) *memory.Engine {
	t.Helper()
	texts := memory.ECS().With( // as the template has them
		memory.Rule{Field: "stitch.triage.history.comment", Type: memory.Text},
		memory.Rule{Field: "stitch.triage.history.reason", Type: memory.Text},
	)
	e := memory.New(memory.Options{Now: noon, Mapping: texts})
	put(t, e, alerts...)
	return e
}

func put(t tb, store esq.Store, alerts ...mappings.Alert) {
	t.Helper()
	var ops []esq.Write
	for _, a := range alerts {
		ops = append(ops, esq.Write{Ref: refOf(a), Source: document(t, a)})
	}
	write(t, store, ops...)
}

func refOf(a mappings.Alert) esq.Ref {
	return esq.Ref{Index: mappings.Names{}.AlertIndex(a.Anchor), ID: a.ID}
}

func write(t tb, store esq.Store, ops ...esq.Write) {
	t.Helper()
	outcomes, err := store.Bulk(t.Context(), ops, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
}

// source reads the stored document of an alert.
func source(t tb, store esq.Store, a mappings.Alert) json.RawMessage {
	t.Helper()
	docs, err := store.Get(t.Context(), []esq.Ref{refOf(a)})
	if err != nil || !docs[0].Found {
		t.Fatalf("%v, %+v", err, docs)
	}
	return docs[0].Source
}

func document(t tb, a mappings.Alert) json.RawMessage {
	t.Helper()
	raw, err := a.Document()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
