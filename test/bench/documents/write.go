package documents

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Options says what is made. The zero value of a field but Documents stands for
// what its comment says.
type Options struct {
	Documents int           // how many, those of incidents and near misses among them
	Incidents int           // how many the rules are to find; 0: none
	Seed      uint64        // 0 is a seed as well
	From      time.Time     // the time of the first document; 2026-03-01 at midnight, UTC
	Period    time.Duration // from the first to the last, whole days; 30 days
	Late      float64       // the share that reaches its index hours late, 0 to 1
	People    int           // with a machine each; 1000
	Skew      float64       // the share of ordinary documents that are one person's, 0 to 1
	Bulk      bool          // lines of _bulk requests ("create") instead of search hits
}

func (o *Options) complete() error {
	if o.From.IsZero() {
		o.From = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Period == 0 {
		o.Period = 30 * day
	}
	if o.People == 0 {
		o.People = 1000
	}
	o.From = o.From.UTC()
	least := o.Incidents * (1 + missesPerIncident) * sceneSize
	switch {
	case o.Documents < 1, o.Incidents < 0, o.People < 1:
		return errors.New("there must be documents and people, and no fewer than 0 incidents")
	case o.Period < day || o.Period%day != 0:
		return fmt.Errorf("the period must be whole days, not %s", o.Period)
	case o.Documents < least:
		return fmt.Errorf("%d incidents with their near misses may need %d documents: ask for as many", o.Incidents, least)
	}
	return nil
}

const day = 24 * time.Hour

// Write writes the documents, the earliest first, a line each, or two of a _bulk
// request, and returns the incidents among them in the order of time.
func Write(w io.Writer, o Options) ([]Incident, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("make documents: %w", err)
	}
	out := writer{to: bufio.NewWriterSize(w, 1<<20), chance: newDice(o.Seed, 1), late: o.Late, bulk: o.Bulk}
	for kind, t := range templateOf {
		var err error
		if out.templates[kind], err = readTemplate(t.name, t.index); err != nil {
			return nil, err
		}
	}
	played, incidents := scenes(o)
	rest := o.Documents - len(played)
	step := o.Period / time.Duration(max(rest, 1))
	usual := ordinary{chance: newDice(o.Seed, 2), people: people(o), skew: o.Skew, table: kindOf()}
	for i := range rest {
		t := o.From.Add(time.Duration(i) * step).Truncate(time.Millisecond)
		for len(played) > 0 && played[0].time.Before(t) {
			if err := out.write(&played[0]); err != nil {
				return nil, err
			}
			played = played[1:]
		}
		if err := out.write(usual.next(t)); err != nil {
			return nil, err
		}
	}
	for i := range played {
		if err := out.write(&played[i]); err != nil {
			return nil, err
		}
	}
	if err := out.to.Flush(); err != nil {
		return nil, fmt.Errorf("write documents: %w", err)
	}
	return incidents, nil
}

// people are those of the ordinary documents.
func people(o Options) []person {
	all := make([]person, o.People)
	for i := range all {
		all[i] = newPerson(i, o.Seed)
	}
	return all
}

// scenes plays the incidents and near misses, spread evenly over the days, by
// people who do nothing else. It returns their documents by time.
func scenes(o Options) (played []document, incidents []Incident) {
	chance := newDice(o.Seed, 3)
	days := int(o.Period / day)
	count := o.Incidents * (1 + missesPerIncident)
	for n := range count {
		s := scene{n: n, chance: chance, person: newPerson(o.People+2*n, o.Seed), other: newPerson(o.People+2*n+1, o.Seed)}
		if n%(1+missesPerIncident) > 0 {
			missed := n - n/(1+missesPerIncident) - 1
			s.lacks = 1 + miss(missed)%(misses-1)
		}
		// Between nine and four o'clock, so that no scene goes over midnight.
		s.start = o.From.Truncate(day).Add(time.Duration(n*days/count) * day).Add(9*time.Hour + time.Duration(chance.below(7*3600))*time.Second)
		played = append(played, s.documents()...)
		if s.lacks == none {
			incidents = append(incidents, s.incident())
		}
	}
	slices.SortStableFunc(played, func(a, b document) int { return a.time.Compare(b.time) })
	slices.SortStableFunc(incidents, func(a, b Incident) int { return a.Time.Compare(b.Time) })
	return played, incidents
}

// writer writes documents as lines.
type writer struct {
	to        *bufio.Writer
	chance    *dice
	templates [kinds]template
	late      float64
	bulk      bool
	line      []byte
}

const (
	millis  = "2006-01-02T15:04:05.000Z"
	seconds = "2006-01-02T15:04:05Z"
)

func (w *writer) write(d *document) error {
	d.values[slotTime] = d.time.Format(millis)
	d.values[slotSecond] = d.time.Format(seconds)
	d.values[slotIngested] = d.time.Add(w.delay()).Format(seconds)
	t := &w.templates[d.kind]
	opening, after, end := `{"_index":"`, `,"_source":`, "}\n"
	if w.bulk {
		opening, after, end = `{"create":{"_index":"`, "}}\n", "\n"
	}
	w.line = append(w.line[:0], opening...)
	w.line = append(w.line, t.index...)
	w.line = append(w.line, `","_id":"`...)
	w.line = append(w.chance.letters(w.line, 20), '"')
	w.line = append(w.line, after...)
	w.line = t.fill(w.line, &d.values, w.chance)
	w.line = append(w.line, end...)
	if _, err := w.to.Write(w.line); err != nil {
		return fmt.Errorf("write documents: %w", err)
	}
	return nil
}

// delay is how long after it happened a document reaches its index: half a
// minute to twenty, or if it is late, one hour to 23.
func (w *writer) delay() time.Duration {
	if w.late > 0 && w.chance.one(w.late) {
		return time.Hour + time.Duration(w.chance.below(22*3600))*time.Second
	}
	return 30*time.Second + time.Duration(w.chance.below(1170))*time.Second
}
