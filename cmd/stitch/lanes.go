package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// mark is one line of the timeline.
type mark struct {
	time  time.Time
	lane  int
	dot   bool // a document; else more of the same
	stage string
	text  string
}

// writeMarks draws a lane per stage, in which each document is a dot. A lane
// begins with its first dot.
func (a timeline) writeMarks(b *strings.Builder) {
	var marks []mark
	width := 0
	for lane, s := range a.Chain {
		width = max(width, cellsOf(printable(s.Stage)))
		marks = append(marks, marksOf(s, lane)...)
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return a.time.Compare(b.time) })
	lanes := strings.Fields(strings.Repeat(". ", len(a.Chain)))
	day := ""
	for _, m := range marks {
		if d := m.time.UTC().Format(time.DateOnly); d != day {
			day = d
			fmt.Fprintf(b, "  %s UTC\n", day)
		}
		clock, sign := m.time.UTC().Format("15:04:05.000"), "●"
		if !m.dot {
			clock, sign = "", "⋮"
		}
		lanes[m.lane] = sign
		left := fmt.Sprintf("  %-12s  %s  %-*s  ", clock, strings.ReplaceAll(strings.Join(lanes, " "), ".", " "), width, printable(m.stage))
		lanes[m.lane] = "│"
		b.WriteString(strings.TrimRight(left+fit(m.text, max(pageWidth-cellsOf(left), 20)), " ") + "\n")
	}
	b.WriteString("\n")
}

// marksOf shows the first documents of a stage and sums up the rest.
func marksOf(s mappings.Stage, lane int) []mark {
	var marks []mark
	for _, d := range shownOf(s) {
		marks = append(marks, mark{time: d.Time, lane: lane, dot: true, stage: s.Stage, text: printable(triage.Telling(d))})
	}
	rest := s.Count - len(marks)
	switch {
	case rest > 0 && len(marks) > 0:
		at := marks[len(marks)-1].time
		marks = append(marks, mark{time: at, lane: lane, stage: s.Stage, text: fmt.Sprintf("%d more until %s", rest, until(at, s.Last))})
	case rest > 0:
		marks = append(marks, mark{time: s.First, lane: lane, dot: true, stage: s.Stage,
			text: fmt.Sprintf("%s until %s", count(rest, "document"), until(s.First, s.Last))})
	}
	return marks
}

func shownOf(s mappings.Stage) []mappings.Document {
	return s.Documents[:min(len(s.Documents), maxMarks)]
}

// until is a time, with its day if that is another than that of from.
func until(from, t time.Time) string {
	if from.UTC().Format(time.DateOnly) == t.UTC().Format(time.DateOnly) {
		return t.UTC().Format("15:04:05.000")
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}

// writeDocuments names the documents that the timeline shows, in its order, by
// stage and index.
func (a timeline) writeDocuments(b *strings.Builder) {
	b.WriteString("  documents\n")
	for _, s := range a.Chain {
		var ids []string
		index, stage := "", printable(s.Stage)
		for i, d := range shownOf(s) {
			if i == 0 || d.Index != index {
				writeWords(b, 6, ids)
				fmt.Fprintf(b, "    %s: %s\n", stage, fit(printable(d.Index), maxID))
				ids, index = nil, d.Index
			}
			ids = append(ids, fit(printable(d.ID), maxID))
		}
		if rest := s.Count - len(shownOf(s)); len(ids) > 0 && rest > 0 {
			ids = append(ids, fmt.Sprintf("and %d more", rest))
		}
		writeWords(b, 6, ids)
	}
	b.WriteString("\n")
}

// writeWords writes words in lines of the page's width, where they fit.
func writeWords(b *strings.Builder, indent int, words []string) {
	used := 0
	for _, word := range words {
		length := cellsOf(word)
		switch {
		case used == 0:
			b.WriteString(strings.Repeat(" ", indent))
			used = indent
		case used+2+length > pageWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = indent
		default:
			b.WriteString("  ")
			used += 2
		}
		b.WriteString(word)
		used += length
	}
	if used > 0 {
		b.WriteString("\n")
	}
}
