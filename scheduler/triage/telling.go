package triage

import (
	"maps"
	"slices"

	"github.com/stitchdetect/stitch/mappings"
)

// Summary answers a question that is asked of every alert.
type Summary struct {
	Question string // who, host, from, drive, device, files
	// Values are distinct. They come from the last stage that has any: the deed
	// rather than its prelude.
	Values []string
	// Whole says that there are no more; else the documents that are not listed
	// may have others.
	Whole bool
}

// question is what is asked of every alert, and the columns that may answer
// it, the best first.
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

// Summaries answers what is asked of every alert, as far as its documents tell.
func (a *Alert) Summaries() []Summary {
	var list []Summary
	for _, q := range questions() {
		if s := a.answer(q); len(s.Values) > 0 {
			list = append(list, s)
		}
	}
	return list
}

func (a *Alert) answer(q question) Summary {
	for _, column := range q.columns {
		for _, stage := range slices.Backward(a.Chain) {
			if values := valuesOf(stage, column); len(values) > 0 {
				return Summary{q.name, values, stage.Count <= len(stage.Documents)}
			}
		}
	}
	return Summary{}
}

// valuesOf are the distinct values of a column among the documents listed.
func valuesOf(s mappings.Stage, column string) []string {
	var values []string
	seen := map[string]bool{}
	for _, d := range s.Documents {
		if foreign(d, column) {
			continue
		}
		for _, v := range d.Columns[column] {
			if text := v.String(); !seen[text] {
				seen[text] = true
				values = append(values, text)
			}
		}
	}
	return values
}

// Telling says in a few words what a document is about: the best of the
// columns that do, or whatever it has.
func Telling(d mappings.Document) string {
	for _, column := range []string{
		"file.path", "file.name", "rule.name", "volume.root", "volume.drive_letter", "process.executable", "message", "event.action",
		"user.email", "user.name", "host.name", "source.ip",
	} {
		if values := d.Columns[column]; len(values) > 0 {
			return values[0].String()
		}
	}
	for _, column := range slices.Sorted(maps.Keys(d.Columns)) {
		if values := d.Columns[column]; len(values) > 0 && !foreign(d, column) {
			return column + " " + values[0].String()
		}
	}
	return ""
}

// foreign reports whether a column need not mean what its name says: without a
// view a document's host.id is whatever its integration put there, a tenant for
// the audit log. That is nobody's machine.
func foreign(d mappings.Document, column string) bool { return column == "host.id" && d.Source == "" }
