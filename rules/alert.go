package rules

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/sequence"
)

// MaxDocuments is how many documents of a stage an alert lists.
const MaxDocuments = 50

// What else an alert document holds at most. What is left out is counted, or can
// be found through the documents.
const (
	maxColumnValues = 256  // per column of the alert
	maxSampleValues = 20   // per column of a document
	maxSampleLength = 1024 // bytes of a value of a document's column
)

func sortAlerts(alerts []Alert) {
	slices.SortFunc(alerts, func(a, b Alert) int { return strings.Compare(a.ID, b.ID) })
}

// identity names an event across its documents: by the view's identity
// columns, or else by its data stream and _id.
func (s *stage) identity(e *event) string {
	if s.view != nil && len(s.view.identity) > 0 {
		var key []esq.Value
		for _, name := range s.view.identity {
			if vs := e.values[slices.Index(s.columns, name)]; len(vs) > 0 {
				key = append(key, slices.MinFunc(vs, esq.Compare))
			}
		}
		if len(key) == len(s.view.identity) {
			return keyText(key)
		}
	}
	return e.stream + "/" + e.id
}

// keyText writes values as one text that no other values have.
func keyText(key []esq.Value) string {
	if len(key) == 1 {
		if s, ok := key[0].Str(); ok && !strings.HasPrefix(s, "[") {
			return s
		}
	}
	text, _ := json.Marshal(key) // scalars always marshal
	return string(text)
}

// alert makes the alert of a match.
func (e *evaluation) alert(m sequence.Match) Alert {
	a := Alert{ID: e.alertID(m), By: e.keyValues(m), Columns: map[string][]esq.Value{}}
	events := make([][]*event, len(e.stages))
	first, last := int64(0), int64(0)
	for i := range e.stages {
		if e.stages[i].absent {
			continue
		}
		rows := e.standing(m, i)
		events[i] = eventsOf(rows)
		earliest, latest := extent(rows)
		if i == 0 || earliest < first {
			first = earliest
		}
		last = max(last, latest)
		if i == e.anchor {
			a.Anchor = utc(earliest)
		}
		a.Stages = append(a.Stages, e.stages[i].evidence(events[i], earliest, latest))
		a.Weak = append(a.Weak, e.stages[i].weakness(events[i])...)
	}
	slices.Sort(a.Weak)
	a.Start, a.End = utc(first), utc(last)
	e.collectColumns(a.Columns, e.anchor, events[e.anchor])
	for i := range e.stages {
		if i != e.anchor {
			e.collectColumns(a.Columns, i, events[i])
		}
	}
	env := &detailEnv{e, m, make([][]esq.Value, len(e.slots))}
	if len(e.details) > 0 {
		a.Details = env.all(e.details)
	}
	a.Entities = env.entities(e.entities)
	return a
}

// pendingAlert tells of the chains of a key that cannot be judged yet.
func (e *evaluation) pendingAlert(p sequence.Pending) Pending {
	out := Pending{ID: e.alertID(p.Match), By: e.keyValues(p.Match), Deadline: utc(p.Deadline)}
	for i := range e.stages {
		if e.stages[i].absent {
			continue
		}
		first, last := extent(e.standing(p.Match, i))
		if start := utc(first); i == 0 || start.Before(out.Start) {
			out.Start = start
		}
		if end := utc(last); i == 0 || end.After(out.End) {
			out.End = end
		}
	}
	return out
}

func (e *evaluation) keyValues(m sequence.Match) []KeyValue {
	by := make([]KeyValue, len(e.by))
	for i, name := range e.by {
		by[i] = KeyValue{Name: name, Value: m.Key[i]}
	}
	return by
}

// extent is when rows begin and end.
func extent(rows []*row) (first, last int64) {
	first, _ = bounds(rows, func(r *row) int64 { return r.first })
	_, last = bounds(rows, func(r *row) int64 { return r.last })
	return first, last
}

func utc(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// alertID hashes the rule, the anchor row's identity and the by values, folded
// where the joins fold. The anchor's row is always one of by. A group is known
// by what it is grouped by, and the same user's group of the next window is
// another incident: so the window is part of it, unless it has a time itself.
// A burst of a rule without windows has its day.
func (e *evaluation) alertID(m sequence.Match) string {
	parts := []esq.Value{esq.Str(e.id)}
	if s := e.stages[e.anchor]; s.group != nil && !e.search.rule.bursting(s) && !slices.Contains(s.row[:len(s.group.by)], timeColumn) {
		parts = append(parts, isoValue(e.time.from))
	}
	for i, v := range m.Key {
		if e.keys[i].Fold && !v.IsNull() {
			v = eql.Key(v, true)
		}
		parts = append(parts, esq.Str(e.by[i]), v)
	}
	sum := sha256.Sum256([]byte(keyText(parts)))
	return hex.EncodeToString(sum[:20])
}

// standing are the rows of a stage in a match.
func (e *evaluation) standing(m sequence.Match, i int) []*row {
	rows := make([]*row, len(m.Rows[i]))
	for k, r := range m.Rows[i] {
		rows[k] = e.rows[i][r]
	}
	return rows
}

// eventsOf are the events behind rows, each document once, oldest first.
func eventsOf(rows []*row) []*event {
	var events []*event
	for _, r := range rows {
		events = append(events, r.events...)
	}
	return inOrder(events)
}

// inOrder sorts documents, each once, oldest first.
func inOrder(events []*event) []*event {
	slices.SortFunc(events, func(a, b *event) int {
		return cmp.Or(cmp.Compare(a.time, b.time), strings.Compare(a.index, b.index), strings.Compare(a.id, b.id))
	})
	return slices.CompactFunc(events, func(a, b *event) bool { return a.index == b.index && a.id == b.id })
}

func (s *stage) evidence(events []*event, first, last int64) Evidence {
	documents := documentsOf(events)
	ev := Evidence{Stage: s.id, First: utc(first), Last: utc(last), Count: len(documents)}
	for _, e := range documents[:min(len(documents), MaxDocuments)] {
		d := Document{Index: e.index, ID: e.id, Time: utc(e.time), Source: e.source.name, Columns: map[string][]esq.Value{}}
		for i, name := range s.columns {
			if name != timeColumn && len(e.values[i]) > 0 {
				d.Columns[name] = sample(e.values[i])
			}
		}
		ev.Documents = append(ev.Documents, d)
	}
	ev.Omitted = len(documents) - len(ev.Documents)
	return ev
}

// sample bounds what a document's column shows.
func sample(values []esq.Value) []esq.Value {
	out := slices.Clone(values[:min(len(values), maxSampleValues)])
	for i, v := range out {
		if s, ok := v.Str(); ok && len(s) > maxSampleLength {
			out[i] = esq.Str(strings.ToValidUTF8(s[:maxSampleLength], "") + "…")
		}
	}
	return out
}

// collectColumns adds a stage's values of the columns that its view lists.
func (e *evaluation) collectColumns(into map[string][]esq.Value, i int, events []*event) {
	s := e.stages[i]
	for column, name := range s.columns {
		if name == timeColumn || s.view != nil && !slices.Contains(s.view.declared, name) {
			continue
		}
		var values valueSet
		values.add(false, into[name])
		known := len(values.list)
		for _, ev := range events {
			values.add(false, ev.values[column])
		}
		slices.SortFunc(values.list[known:], esq.Compare)
		if list := values.list[:min(len(values.list), max(maxColumnValues, known))]; len(list) > 0 {
			into[name] = list
		}
	}
}

// detailEnv lets details see a match: a column is its values over all rows of
// the stage.
type detailEnv struct {
	*evaluation
	match sequence.Match
	known [][]esq.Value // per slot, nil until read
}

func (d *detailEnv) all(details []detail) map[string]any {
	out := make(map[string]any, len(details))
	for _, x := range details {
		if x.value == nil {
			out[x.name] = d.all(x.nested)
			continue
		}
		values := slices.Clone(x.value.Values(d))
		slices.SortFunc(values, esq.Compare)
		switch {
		case x.list:
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v.Any()
			}
			out[x.name] = list
		case len(values) == 0:
			out[x.name] = ""
		default:
			out[x.name] = values[0].Any()
		}
	}
	return out
}

// Values returns the values of a slot.
func (d *detailEnv) Values(i int) []esq.Value {
	if d.known[i] == nil {
		d.known[i] = d.slotValues(d.slots[i])
	}
	return d.known[i]
}

// Set is never asked for: details have no all(...).
func (d *detailEnv) Set(int) *eql.Set { return nil }

func (d *detailEnv) slotValues(s slot) []esq.Value {
	if s.matched && s.column >= 0 {
		joined := d.pattern.Matched(d.rowsOf, d.match, s.stage, s.column)
		return append([]esq.Value{}, d.queried(joined, s.stage, s.column, d.standing(d.match, s.stage))...)
	}
	values := valueSet{list: []esq.Value{}}
	for _, i := range d.match.Rows[s.stage] {
		r := d.rows[s.stage][i]
		switch s.column {
		case firstTime:
			values.add(false, []esq.Value{isoValue(r.first)})
		case lastTime:
			values.add(false, []esq.Value{isoValue(r.last)})
		default:
			values.add(false, r.values[s.column])
		}
	}
	return values.list
}

// resolve splits STAGE.COLUMN, which the compiler has checked.
func (p *plan) resolve(name string) (stage, column int) {
	id, rest, _ := strings.Cut(name, ".")
	for i, s := range p.stages {
		if s.id == id {
			return i, slices.Index(s.row, rest)
		}
	}
	return -1, -1
}
