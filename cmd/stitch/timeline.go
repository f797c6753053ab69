package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// alertDocument is what a timeline shows of an alert document.
type alertDocument struct {
	Rule struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"rule"`
	Event struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	} `json:"event"`
	Message   string `json:"message"`
	Severity  string `json:"kibana.alert.severity"`
	RiskScore int    `json:"kibana.alert.risk_score"`
	ID        string `json:"kibana.alert.uuid"`
	Stitch    struct {
		Chain []stageDocument `json:"chain"`
		Weak  []string        `json:"weak"`
	} `json:"stitch"`
}

type stageDocument struct {
	Stage     string     `json:"stage"`
	First     time.Time  `json:"first"`
	Last      time.Time  `json:"last"`
	Count     int        `json:"count"`
	Documents []evidence `json:"documents"`
}

type evidence struct {
	Index   string           `json:"index"`
	ID      string           `json:"id"`
	Time    time.Time        `json:"timestamp"`
	Source  string           `json:"source"`
	Columns map[string][]any `json:"columns"`
}

// Bounds of what a timeline shows; the document has the rest.
const (
	pageWidth = 80  // characters
	maxMarks  = 5   // documents of one stage
	maxValues = 3   // of one summary
	maxID     = 200 // characters of an index or an id, which must be whole to be of use
)

// writeTimeline draws an alert for a person: who, where and what, then what
// happened in the order of time, and from which documents that is known.
func writeTimeline(w io.Writer, document json.RawMessage) error {
	var a alertDocument
	if err := json.Unmarshal(document, &a); err != nil {
		return fmt.Errorf("read alert document: %w", err)
	}
	// A stage of which nothing must be there has nothing to show.
	a.Stitch.Chain = slices.DeleteFunc(a.Stitch.Chain, func(s stageDocument) bool { return s.Count == 0 })
	var b strings.Builder
	a.writeHead(&b)
	a.writeSummaries(&b)
	a.writeMarks(&b)
	a.writeDocuments(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (a *alertDocument) writeHead(b *strings.Builder) {
	fmt.Fprintf(b, "ALERT  %s\n", fit(printable(a.Rule.Name), pageWidth-7))
	fmt.Fprintf(b, "       %s, risk %d, %s\n", printable(a.Severity), a.RiskScore, period(a.Event.Start, a.Event.End))
	fmt.Fprintf(b, "       rule   %s\n", fit(printable(a.Rule.ID), maxID))
	fmt.Fprintf(b, "       alert  %s\n\n", fit(printable(a.ID), maxID))
}

// period is from when to when, the day said once if it is one.
func period(start, end time.Time) string {
	const day, clock = "2006-01-02", "15:04:05"
	start, end = start.UTC(), end.UTC()
	switch from := start.Format(day + " " + clock); {
	case start.Equal(end):
		return from + " UTC"
	case start.Format(day) == end.Format(day):
		return from + " to " + end.Format(clock) + " UTC"
	default:
		return from + " to " + end.Format(day+" "+clock) + " UTC"
	}
}

// question is a line above the timeline, and the columns that may answer it,
// the best first.
type question struct {
	name    string
	columns []string
}

func questions() []question {
	return []question{
		{"who", []string{"user.email", "user.name", "user.id"}},
		{"host", []string{"host.name", "host.id"}},
		{"from", []string{"source.ip", "source.address"}},
		{"drive", []string{"volume.root", "volume.drive_letter"}},
		{"device", []string{"device.product.name", "device.serial_number"}},
		{"files", []string{"file.path", "file.name"}},
	}
}

func (a *alertDocument) writeSummaries(b *strings.Builder) {
	answered := false
	for _, q := range questions() {
		for i, value := range a.answer(q.columns) {
			name := q.name
			if i > 0 {
				name = ""
			}
			answered = true
			fmt.Fprintf(b, "  %-7s  %s\n", name, fit(value, pageWidth-11))
		}
	}
	for i, note := range a.Stitch.Weak {
		name := "weak"
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(b, "  %-7s  %s\n", name, fit(printable(note), pageWidth-11))
	}
	if !answered && a.Message != "" {
		fmt.Fprintf(b, "  %s\n", fit(printable(a.Message), pageWidth-2))
	}
	b.WriteString("\n")
}

// answer is the values of the first of the columns that has any: from the last
// stage that has it, the deed rather than its prelude. They are lines, bounded.
func (a *alertDocument) answer(columns []string) []string {
	for _, column := range columns {
		for _, stage := range slices.Backward(a.Stitch.Chain) {
			if values := stage.values(column); len(values) > maxValues {
				rest := len(values) - maxValues
				return append(values[:maxValues:maxValues], fmt.Sprintf("and %s%d more", stage.atLeast(), rest))
			} else if len(values) > 0 {
				return values
			}
		}
	}
	return nil
}

// values are the distinct values of a column among the documents listed.
func (s *stageDocument) values(column string) []string {
	var values []string
	for _, d := range s.Documents {
		if d.foreign(column) {
			continue
		}
		for _, v := range d.Columns[column] {
			if text := printable(fmt.Sprint(v)); !slices.Contains(values, text) {
				values = append(values, text)
			}
		}
	}
	return values
}

// atLeast says that not all documents are listed, if so.
func (s *stageDocument) atLeast() string {
	if s.Count > len(s.Documents) {
		return "at least "
	}
	return ""
}

// foreign reports whether a column need not mean what its name says: without a
// view a document's host.id is whatever its integration put there, a tenant for
// the audit log. That is nobody's machine.
func (d *evidence) foreign(column string) bool { return column == "host.id" && d.Source == "" }
