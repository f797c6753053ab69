package mappings

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// ReadStages returns the evidence that a stored alert lists, stage by stage.
// What someone has garbled is not among it; only what is no document at all is
// an error.
func ReadStages(stored json.RawMessage) ([]Stage, error) {
	o, err := decode(stored)
	if err != nil {
		return nil, fmt.Errorf("read evidence: %w", err)
	}
	return stagesOf(o), nil
}

// Read is [ReadMark] and [ReadStages] at once.
func Read(stored json.RawMessage) (Mark, []Stage, error) {
	o, err := decode(stored)
	if err != nil {
		return Mark{}, nil, fmt.Errorf("read alert: %w", err)
	}
	return markOf(o), stagesOf(o), nil
}

func stagesOf(o object) []Stage {
	stitch, _ := o["stitch"].(object)
	chain, _ := stitch["chain"].([]any)
	var out []Stage
	for _, e := range chain {
		stage, ok := e.(object)
		if !ok {
			continue
		}
		s := Stage{
			First: instant(stage["first"]), Last: instant(stage["last"]),
			Count: int(integer(stage["count"])), Omitted: int(integer(stage["omitted"])),
		}
		s.Stage, _ = stage["stage"].(string)
		documents, _ := stage["documents"].([]any)
		for _, e := range documents {
			if d, ok := e.(object); ok {
				s.Documents = append(s.Documents, documentOf(d))
			}
		}
		out = append(out, s)
	}
	return out
}

func documentOf(o object) Document {
	d := Document{Time: instant(o["timestamp"])}
	d.Index, _ = o["index"].(string)
	d.ID, _ = o["id"].(string)
	d.Source, _ = o["source"].(string)
	columns, _ := o["columns"].(object)
	for name, list := range columns {
		values, _ := list.([]any)
		for _, a := range values {
			if v, ok := esq.ValueOf(a); ok {
				if d.Columns == nil {
					d.Columns = map[string][]esq.Value{}
				}
				d.Columns[name] = append(d.Columns[name], v)
			}
		}
	}
	return d
}

// Within returns what stages list of a window; all of it for the zero window.
// How many documents of the window are not listed is not known, and none are
// counted.
func Within(stages []Stage, w Window) []Stage {
	if w == (Window{}) {
		return stages
	}
	var out []Stage
	for _, s := range stages {
		var in []Document
		for _, d := range s.Documents {
			if !d.Time.Before(w.From) && d.Time.Before(w.To) {
				in = append(in, d)
			}
		}
		if len(in) > 0 {
			out = append(out, Stage{Stage: s.Stage, First: in[0].Time, Last: in[len(in)-1].Time, Count: len(in), Documents: in})
		}
	}
	return out
}

// Lacks returns the documents of stages that the alert does not list, each
// once. A document is known by its id: it may have moved to another index.
func (a Alert) Lacks(stages []Stage) []Document {
	seen := map[string]bool{}
	for _, s := range a.Stages {
		for _, d := range s.Documents {
			seen[d.ID] = true
		}
	}
	var out []Document
	for _, s := range stages {
		for _, d := range s.Documents {
			if d.ID != "" && !seen[d.ID] {
				seen[d.ID] = true
				out = append(out, d)
			}
		}
	}
	return out
}

// Adds reports whether the alert says more than stages do. Where these do not
// list all of their documents, one that lies between the first and the last of
// them counts as theirs.
func (a Alert) Adds(stages []Stage) bool {
	for _, s := range a.Stages {
		known, ok := stageOf(stages, s.Stage)
		if !ok || s.Count > known.Count || s.First.Before(known.First) || s.Last.After(known.Last) {
			return true
		}
		if known.Omitted > 0 {
			continue
		}
		for _, d := range s.Documents {
			if !lists(known.Documents, d.ID) {
				return true
			}
		}
	}
	return false
}

func stageOf(stages []Stage, name string) (Stage, bool) {
	i := slices.IndexFunc(stages, func(s Stage) bool { return s.Stage == name })
	if i < 0 {
		return Stage{}, false
	}
	return stages[i], true
}

func lists(documents []Document, id string) bool {
	return slices.ContainsFunc(documents, func(d Document) bool { return d.ID == id })
}

// unitedPaths are the fields that gather something over all of the evidence.
var unitedPaths = slices.Concat(ecsColumns, []string{
	"related.user", "related.hosts", "related.ip", "related.hash", "stitch.details", "stitch.entities", "stitch.weak",
})

// Unite is [Update] for an alert of whose evidence some cannot be found any
// more: what was listed stays beside what is found now, at most so many
// documents a stage. Fields that are lists are united; of a single value, the
// new one stands. How many documents there are is exact as long as all are
// listed, and else no more than is certain. The alert returned is the united
// one, as far as its stages and times go.
func Unite(stored json.RawMessage, known []Stage, fresh Alert, most int) (doc json.RawMessage, united Alert, err error) {
	before, err := decode(stored)
	if err != nil {
		return nil, fresh, fmt.Errorf("read alert %s: %w", fresh.ID, err)
	}
	united = fresh.with(known, most)
	content := united.content()
	for _, path := range unitedPaths {
		if old := fieldAt(before, path); old != nil {
			put(content, path, uniteValues(fieldAt(content, path), old))
		}
	}
	// What is compared and merged is JSON, as it comes out of a document.
	raw, err := Encode(content)
	if err == nil {
		content, err = decode(raw)
	}
	if err != nil {
		return nil, fresh, fmt.Errorf("unite alert %s: %w", fresh.ID, err)
	}
	doc, _, err = update(stored, united, content)
	return doc, united, err
}

// with returns the alert with the evidence of stages beside its own.
func (a Alert) with(stages []Stage, most int) Alert {
	united := make([]Stage, 0, len(a.Stages))
	for _, s := range a.Stages {
		if known, ok := stageOf(stages, s.Stage); ok {
			s = s.with(known, most)
		}
		united = append(united, s)
	}
	for _, s := range stages {
		if _, ok := stageOf(united, s.Stage); !ok {
			united = append(united, s)
		}
	}
	a.Stages = united
	for _, s := range united {
		a.Start, a.End = earliest(a.Start, s.First), latest(a.End, s.Last)
	}
	return a
}

func (s Stage) with(known Stage, most int) Stage {
	all := slices.Clone(s.Documents)
	for _, d := range known.Documents {
		if !lists(s.Documents, d.ID) {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b Document) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Index, b.Index), strings.Compare(a.ID, b.ID))
	})
	count := len(all)
	if s.Omitted > 0 || known.Omitted > 0 {
		count = max(count, s.Count, known.Count)
	}
	s.First, s.Last = earliest(s.First, known.First), latest(s.Last, known.Last)
	s.Documents = all[:min(len(all), most)]
	s.Count, s.Omitted = count, count-len(s.Documents)
	return s
}

func earliest(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// fieldAt returns what stands at a dotted path; nil if nothing does.
func fieldAt(o object, path string) any {
	head, rest, more := strings.Cut(path, ".")
	if !more {
		return o[head]
	}
	inner, _ := o[head].(object)
	return fieldAt(inner, rest)
}

// uniteValues returns a value of a field with what an older one has besides.
func uniteValues(fresh, old any) any {
	switch f := fresh.(type) {
	case nil:
		return old
	case object:
		if o, ok := old.(object); ok {
			out := object{}
			for key, v := range f {
				out[key] = v
			}
			for key, v := range o {
				out[key] = uniteValues(f[key], v)
			}
			return out
		}
	}
	list, isList := listOf(fresh)
	more, wasList := listOf(old)
	if !isList || !wasList {
		return fresh
	}
	for _, v := range more {
		if !slices.ContainsFunc(list, func(w any) bool { return same(v, w) }) {
			list = append(list, v)
		}
	}
	return list
}

// listOf returns a list of any type as one of values.
func listOf(a any) ([]any, bool) {
	v := reflect.ValueOf(a)
	if v.Kind() != reflect.Slice {
		return nil, false
	}
	out := make([]any, v.Len())
	for i := range out {
		out[i] = v.Index(i).Interface()
	}
	return out, true
}

// same reports whether two values are the same JSON.
func same(a, b any) bool {
	x, errX := Encode(a)
	y, errY := Encode(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
