package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/test/bench/site"
)

// incident is one person's mass download that ends on a USB drive.
type incident struct {
	user, host, file string
	written          time.Time // when the copy was
	found            time.Time // when the alert was, or zero
	alerts           int
}

func newIncident(n int) *incident {
	return &incident{user: fmt.Sprintf("latency%04d@haldenmarine.example", n), host: fmt.Sprintf("latency-host-%04d", n), file: fmt.Sprintf("Hull %04d.dwg", n)}
}

// maker writes the documents that a view shows with given columns.
type maker struct {
	set  *rules.Set
	node *site.Site
}

// document is one line pair of a _bulk request.
func (m maker) document(view, source string, at time.Time, columns map[string]string) ([]byte, error) {
	values := map[string][]esq.Value{}
	for name, text := range columns {
		values[name] = []esq.Value{esq.Str(text)}
	}
	for _, s := range m.set.Sources(view) {
		if s.Name != source {
			continue
		}
		index, doc, err := s.Document(values, at, time.Now())
		if err != nil {
			return nil, fmt.Errorf("make document of %s: %w", view, err)
		}
		line, err := json.Marshal(doc)
		if err != nil {
			return nil, fmt.Errorf("make document of %s: %w", view, err)
		}
		return fmt.Appendf(nil, "{\"create\":{\"_index\":%q}}\n%s\n", index, line), nil
	}
	return nil, fmt.Errorf("view %s has no source %s", view, source)
}

// begin writes what an incident begins with.
func (m maker) begin(ctx context.Context, i *incident) error {
	now := time.Now()
	var lines bytes.Buffer
	for _, d := range []struct {
		view, source string
		ago          time.Duration
		columns      map[string]string
	}{
		{"download", "m365_defender", 3 * time.Minute, map[string]string{"event.action": "FileDownloaded", "user.email": i.user, "file.name": i.file, "source.ip": "203.0.113.7"}},
		{"security_alert", "m365_defender_alert", 2 * time.Minute, map[string]string{"rule.name": "Mass download by a single user", "alert.id": i.host, "alert.status": "New", "user.email": i.user}},
		{"usb_mount", "m365_defender", time.Minute, map[string]string{"event.action": "mount", "host.id": i.host, "volume.root": `E:\`}},
	} {
		line, err := m.document(d.view, d.source, now.Add(-d.ago), d.columns)
		if err != nil {
			return err
		}
		lines.Write(line)
	}
	return m.node.Bulk(ctx, lines.Bytes())
}

// end writes the copy, with which the incident is one.
func (m maker) end(ctx context.Context, i *incident) error {
	line, err := m.document("file_write", "m365_defender", time.Now(), map[string]string{
		"event.action": "creation", "user.email": i.user, "host.id": i.host, "file.name": i.file, "file.path": `E:\` + i.file,
	})
	if err != nil {
		return err
	}
	return m.node.Bulk(ctx, line)
}
