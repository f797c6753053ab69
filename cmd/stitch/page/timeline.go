package page

import (
	"fmt"
	"math"
	"time"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// timeline is the picture of an alert: a lane for each stage, in it a mark for
// each document, or for as many as lie too close together to be told apart.
// Places along the time are percents, so that it fits any width without its
// texts growing or shrinking; the others are pixels.
type timeline struct {
	Height int
	Foot   int // where the axis is
	Label  int // where its labels are
	Ticks  []tick
	Anchor float64 // the place of the row that makes the incident
	Lanes  []lane
}

// lane is a stage of the timeline.
type lane struct {
	mappings.Stage
	Number    int // of the stage, from 0
	Name      string
	Text      int     // baseline of its name
	Top       int     // of the band in which marks stand
	Middle    int     // of the same
	From, To  float64 // what lies between its first document and its last
	Marks     []mark
	RestFrom  float64 // where documents lie that are not listed
	RestWidth float64
}

// mark is one document, or several that follow each other closely.
type mark struct {
	ID          string // of the mark
	First, Last int    // documents of the stage, from 0
	At          float64
	From, Width float64 // of a bar
	Top, Height int     // of a bar
	Text        string  // what it is, in one line
	Href        string  // where its first document is listed
}

// Count is how many documents the mark stands for.
func (m mark) Count() int { return m.Last - m.First + 1 }

// Measures of the picture, in pixels.
const (
	laneHeight = 56
	bandHeight = 26
	axisHeight = 26
)

// mostMarks is how many marks a lane has at the most; what lies within the same
// part of the axis is one mark.
const mostMarks = 100

// longestName is how many characters of a stage's name have room on the
// narrowest screen.
const longestName = 22

// draw makes the picture of stages between two times.
func draw(stages []mappings.Stage, from, to, anchored time.Time) timeline {
	a := newAxis(earliest(stages, from), latest(stages, to))
	p := timeline{Ticks: a.ticks(), Anchor: a.at(anchored), Foot: laneHeight * len(stages)}
	p.Label = p.Foot + axisHeight - 8
	p.Height = p.Foot + axisHeight
	for i, s := range stages {
		p.Lanes = append(p.Lanes, a.lane(i, s))
	}
	return p
}

// earliest is from, or the time of what lies before it: evidence is shown
// whatever the alert says of its beginning.
func earliest(stages []mappings.Stage, from time.Time) time.Time {
	for _, s := range stages {
		for _, t := range times(s) {
			if from.IsZero() || t.Before(from) {
				from = t
			}
		}
	}
	return from
}

func latest(stages []mappings.Stage, to time.Time) time.Time {
	for _, s := range stages {
		for _, t := range times(s) {
			if t.After(to) {
				to = t
			}
		}
	}
	return to
}

// times are those that a stage's lane must have room for.
func times(s mappings.Stage) []time.Time {
	var list []time.Time
	for _, t := range []time.Time{s.First, s.Last} {
		if !t.IsZero() {
			list = append(list, t)
		}
	}
	for _, d := range s.Documents {
		if !d.Time.IsZero() {
			list = append(list, d.Time)
		}
	}
	return list
}

func (a axis) lane(number int, s mappings.Stage) lane {
	top := laneHeight*number + laneHeight - bandHeight - 4
	l := lane{
		Stage: s, Number: number, Name: fit(plain(s.Stage), longestName),
		Text: laneHeight*number + 18, Top: top, Middle: top + bandHeight/2,
	}
	if s.Count == 0 {
		return l
	}
	l.From, l.To = a.at(s.First), a.at(s.Last)
	l.Marks = a.marks(number, s, top)
	if s.Omitted > 0 {
		l.RestFrom = l.From
		if n := len(s.Documents); n > 0 { // those listed are the oldest
			l.RestFrom = a.at(s.Documents[n-1].Time)
		}
		l.RestWidth = max(l.To-l.RestFrom, 0.5)
		l.RestFrom = min(l.RestFrom, 100-l.RestWidth)
	}
	return l
}

// marks puts the documents of a stage, which are in the order of time, into
// parts of the axis, and makes a mark of each part that has any.
func (a axis) marks(number int, s mappings.Stage, top int) []mark {
	const width = 100.0 / mostMarks
	part := func(d mappings.Document) int { return int(a.at(d.Time) / width) }
	var marks []mark
	for first := 0; first < len(s.Documents); {
		last := first
		for last+1 < len(s.Documents) && part(s.Documents[last+1]) == part(s.Documents[first]) {
			last++
		}
		m := mark{ID: fmt.Sprintf("m-%d-%d", number, first), First: first, Last: last, At: a.at(s.Documents[first].Time)}
		if m.Count() > 1 {
			m.From, m.Width = float64(part(s.Documents[first]))*width+width*0.1, width*0.8
			m.At = m.From + m.Width/2
			m.Height = barHeight(m.Count())
			m.Top = top + (bandHeight-m.Height)/2
		}
		m.Text = tell(s, m)
		marks = append(marks, m)
		first = last + 1
	}
	return marks
}

// barHeight grows with the logarithm of a number of documents: from 10 pixels
// for two to the whole band for a thousand.
func barHeight(n int) int {
	share := math.Log(float64(n)/2) / math.Log(500)
	return 10 + int(math.Round((bandHeight-10)*min(share, 1)))
}

// tell says in one line what a mark stands for.
func tell(s mappings.Stage, m mark) string {
	first := s.Documents[m.First]
	text := plain(s.Stage) + ", " + clock(first.Time)
	if m.Count() > 1 {
		return text + " to " + until(first.Time, s.Documents[m.Last].Time) + ": " + counted(m.Count(), "document")
	}
	if what := triage.Telling(first); what != "" {
		text += ": " + fit(plain(what), 120)
	}
	return text
}
