package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// timeline is an alert as it is drawn.
type timeline struct{ *triage.Alert }

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
	decoded, err := triage.Decode(document)
	if err != nil {
		return fmt.Errorf("read alert document: %w", err)
	}
	return writeTimelineOf(w, decoded)
}

func writeTimelineOf(w io.Writer, decoded *triage.Alert) error {
	shown := *decoded
	// A stage of which nothing must be there has nothing to show.
	shown.Chain = slices.DeleteFunc(slices.Clone(shown.Chain), func(s mappings.Stage) bool { return s.Count == 0 })
	a := timeline{&shown}
	var b strings.Builder
	a.writeHead(&b)
	a.writeSummaries(&b)
	a.writeMarks(&b)
	a.writeDocuments(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (a timeline) writeHead(b *strings.Builder) {
	fmt.Fprintf(b, "ALERT  %s\n", fit(printable(a.RuleName), pageWidth-7))
	fmt.Fprintf(b, "       %s, risk %d, %s\n", printable(a.Severity), a.RiskScore, period(a.Start, a.End))
	fmt.Fprintf(b, "       rule   %s\n", fit(printable(a.RuleID), maxID))
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

func (a timeline) writeSummaries(b *strings.Builder) {
	summaries := a.Summaries()
	for _, q := range summaries {
		for i, value := range linesOf(q) {
			name := q.Question
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(b, "  %-7s  %s\n", name, fit(value, pageWidth-11))
		}
	}
	for i, note := range a.Weak {
		name := "weak"
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(b, "  %-7s  %s\n", name, fit(printable(note), pageWidth-11))
	}
	if len(summaries) == 0 && a.Reason != "" {
		fmt.Fprintf(b, "  %s\n", fit(printable(a.Reason), pageWidth-2))
	}
	b.WriteString("\n")
}

// linesOf are the values of an answer, bounded.
func linesOf(q triage.Summary) []string {
	var lines []string
	for _, v := range q.Values[:min(len(q.Values), maxValues)] {
		lines = append(lines, printable(v))
	}
	if rest := len(q.Values) - len(lines); rest > 0 {
		atLeast := "at least "
		if q.Whole {
			atLeast = ""
		}
		lines = append(lines, fmt.Sprintf("and %s%d more", atLeast, rest))
	}
	return lines
}
