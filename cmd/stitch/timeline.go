package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// alertDocument is what a timeline shows of an alert document.
type alertDocument struct {
	Rule struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"rule"`
	Severity  string    `json:"kibana.alert.severity"`
	RiskScore int       `json:"kibana.alert.risk_score"`
	ID        string    `json:"kibana.alert.uuid"`
	Anchor    time.Time `json:"kibana.alert.original_time"`
	Stitch    struct {
		Chain []stageDocument `json:"chain"`
	} `json:"stitch"`
}

type stageDocument struct {
	Stage     string `json:"stage"`
	Count     int    `json:"count"`
	Documents []struct {
		Index   string           `json:"index"`
		ID      string           `json:"id"`
		Time    time.Time        `json:"timestamp"`
		Source  string           `json:"source"`
		Columns map[string][]any `json:"columns"`
	} `json:"documents"`
}

// Bounds of what a timeline shows; the document has the rest.
const (
	maxLines    = 8  // per stage
	maxValues   = 4  // per summary line
	valueLength = 80 // characters of one value
)

// summaries are the lines above the timeline: which columns answer which
// question.
var summaries = []struct {
	name    string
	columns []string
}{
	{"who", []string{"user.email", "user.name", "user.id"}},
	{"machine", []string{"host.name", "host.id"}},
	{"from", []string{"source.ip"}},
	{"drive", []string{"volume.root", "volume.drive_letter"}},
	{"device", []string{"device.product.name", "device.serial_number"}},
	{"files", []string{"file.path", "file.name"}},
}

// telling are the columns that say what a document is about, best first.
var telling = []string{
	"file.path", "file.name", "rule.name", "volume.root", "volume.drive_letter", "process.executable", "message", "event.action",
}

// writeTimeline draws an alert for a person: who, where and what, then every
// document in the order of time, with its stage.
func writeTimeline(w io.Writer, document json.RawMessage) error {
	var a alertDocument
	if err := json.Unmarshal(document, &a); err != nil {
		return fmt.Errorf("read alert document: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ALERT  %s\n", printable(a.Rule.Name))
	fmt.Fprintf(&b, "       %s, risk %d, rule %s\n       alert %s\n\n", a.Severity, a.RiskScore, a.Rule.ID, a.ID)
	for _, s := range summaries {
		if text := a.summary(s.columns); text != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", s.name, text)
		}
	}
	b.WriteString("\n")
	a.writeEvents(&b)
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// summary is the values of the first of the columns that has any: from the
// last stage that has it, the deed rather than its prelude.
func (a *alertDocument) summary(columns []string) string {
	for _, column := range columns {
		for _, stage := range slices.Backward(a.Stitch.Chain) {
			var values []string
			for _, d := range stage.Documents {
				for _, v := range d.Columns[column] {
					if text := printable(fmt.Sprint(v)); !slices.Contains(values, text) {
						values = append(values, text)
					}
				}
			}
			if n := len(values); n > maxValues {
				return fmt.Sprintf("%s and %d more", strings.Join(values[:maxValues], ", "), n-maxValues)
			} else if n > 0 {
				return strings.Join(values, ", ")
			}
		}
	}
	return ""
}

// line is one mark of the timeline.
type line struct {
	time  time.Time
	stage string
	text  string
}

func (a *alertDocument) writeEvents(b *strings.Builder) {
	var lines []line
	width := 0
	for _, s := range a.Stitch.Chain {
		width = max(width, utf8.RuneCountInString(s.Stage))
		lines = append(lines, s.lines()...)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.time.Compare(b.time) })
	day := ""
	for _, l := range lines {
		if d := l.time.UTC().Format("2006-01-02"); d != day {
			day = d
			fmt.Fprintf(b, "  %s\n", day)
		}
		fmt.Fprintf(b, "  %s  %-*s  %s\n", l.time.UTC().Format("15:04:05.000"), width, l.stage, l.text)
	}
}

// lines shows the first documents of a stage and sums up the rest.
func (s stageDocument) lines() []line {
	var lines []line
	shown := s.Documents[:min(len(s.Documents), maxLines)]
	for _, d := range shown {
		what := ""
		for _, column := range telling {
			if vs := d.Columns[column]; len(vs) > 0 {
				what = printable(fmt.Sprint(vs[0]))
				break
			}
		}
		lines = append(lines, line{d.Time, s.Stage, fmt.Sprintf("%s\n%s%s/%s", what, strings.Repeat(" ", 20), d.Index, d.ID)})
	}
	if rest := s.Count - len(shown); rest > 0 && len(shown) > 0 {
		lines = append(lines, line{shown[len(shown)-1].Time, s.Stage, fmt.Sprintf("and %d more documents", rest)})
	}
	return lines
}

// printable is a value out of data as a terminal may have it: no control
// characters, nothing that turns the direction of writing, bounded.
func printable(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > valueLength {
			return b.String() + "…"
		}
		switch {
		case r == utf8.RuneError, !unicode.IsPrint(r) && r != ' ', unicode.Is(unicode.Bidi_Control, r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
