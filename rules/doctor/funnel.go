package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// Bounds on what is said of a condition that leaves nothing.
const (
	seenValues    = 5  // values of each field
	seenLength    = 80 // characters of each
	soughtTexts   = 5  // texts that are looked for in other fields
	soughtSources = 20 // documents that are read whole for each
)

// funnel counts what each further condition of the stage leaves.
func (s *subject) funnel(ctx context.Context) (err error) {
	if s.found.Filtered() == 0 {
		return nil
	}
	s.found.Funnel, err = s.steps(ctx, s.where, s.filter)
	return err
}

// steps counts the documents that pass the conditions before and more and more
// of the others.
func (s *subject) steps(ctx context.Context, list, before []rules.Condition) ([]Step, error) {
	steps := []Step{}
	last := s.found.Documents
	if len(before) > 0 {
		last = s.found.Filtered()
	}
	for i := range list {
		passed := slices.Concat(before, list[:i+1])
		step, err := s.step(ctx, passed)
		if err != nil {
			return nil, err
		}
		if last > 0 && step.Left() == 0 {
			others := slices.Concat(before, list[:i], list[i+1:])
			if err := s.explain(ctx, &step, list[i], slices.Concat(before, list[:i]), others); err != nil {
				return nil, err
			}
		}
		steps = append(steps, step)
		last = step.Left()
	}
	return steps, nil
}

// step counts what passes all of the conditions, the last of which names it.
func (s *subject) step(ctx context.Context, all []rules.Condition) (step Step, err error) {
	c := all[len(all)-1]
	step = Step{Condition: c.Text, Linked: c.Linked, Exact: true}
	if step.Count, err = s.count(ctx, s.probe.Index, esq.And(s.time(), queries(all))); err != nil {
		return step, err
	}
	decidable := false
	for _, c := range all {
		step.Exact = step.Exact && c.Exact
		decidable = decidable || !c.Exact && !c.Linked
	}
	if step.Exact || !decidable || step.Count == 0 {
		return step, nil
	}
	err = s.read(ctx, queries(all), func(r rules.Reading) {
		step.Sampled++
		if holdAll(all, r) {
			step.Passed++
		}
	})
	return step, err
}

func holdAll(all []rules.Condition, r rules.Reading) bool {
	return !slices.ContainsFunc(all, func(c rules.Condition) bool { return !c.Holds(r) })
}

// read reads a sample of the newest documents that match, as the stage does.
func (s *subject) read(ctx context.Context, q esq.Query, use func(rules.Reading)) error {
	fields, read := s.probe.Reader()
	search := esq.Search{Indices: s.probe.Index, Query: q, Time: s.probe.Time, Fields: fields}
	_, err := s.sample(ctx, search, s.span, sampleSize, func(h esq.Hit) {
		if r, ok := read(h); ok {
			use(r)
		}
	})
	return err
}

// explain says what stands where a condition leaves nothing: the values there
// are, and where else the wanted one is.
func (s *subject) explain(ctx context.Context, step *Step, c rules.Condition, before, others []rules.Condition) error {
	tallies, of := map[string]map[string]int64{}, int64(0)
	fields, read := s.probe.Reader()
	own := len(fields)
	for _, name := range c.Columns {
		tallies[name] = map[string]int64{}
		fields = append(fields, esq.Field{Path: name})
	}
	search := esq.Search{Indices: s.probe.Index, Query: queries(before), Time: s.probe.Time, Fields: fields}
	_, err := s.sample(ctx, search, s.span, sampleSize, func(h esq.Hit) {
		r, ok := read(h)
		if !ok || !holdAll(before, r) {
			return
		}
		of++
		for i, name := range c.Columns {
			values := h.Values[own+i]
			if s.reads(name) {
				values, _ = r.Values(name)
			}
			for _, v := range slices.Compact(slices.SortedFunc(slices.Values(values), esq.Compare)) {
				tallies[name][v.String()]++
			}
		}
	})
	if err != nil {
		return err
	}
	for _, name := range c.Columns {
		step.Seen = append(step.Seen, Seen{Field: name, Of: of, Values: top(tallies[name])})
	}
	return s.elsewhere(ctx, step, c, others)
}

// reads reports whether the probe reads the column, and not the field alone.
func (s *subject) reads(name string) bool {
	return slices.ContainsFunc(s.probe.Columns, func(c rules.ProbeColumn) bool { return c.Name == name })
}

// top returns the values that most documents have.
func top(tally map[string]int64) []Value {
	values := []Value{}
	for text, n := range tally {
		if runes := []rune(text); len(runes) > seenLength {
			text = string(runes[:seenLength]) + "…"
		}
		values = append(values, Value{text, n})
	}
	slices.SortFunc(values, func(a, b Value) int { return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Text, b.Text)) })
	return values[:min(len(values), seenValues)]
}

// elsewhere looks for what a condition asks for in the other fields of the
// documents that pass all other conditions.
func (s *subject) elsewhere(ctx context.Context, step *Step, c rules.Condition, others []rules.Condition) error {
	asked := slices.Clone(c.Columns)
	for _, p := range s.probe.Columns {
		if slices.Contains(c.Columns, p.Name) {
			asked = append(asked, p.From...)
		}
	}
	for _, text := range c.Literals[:min(len(c.Literals), soughtTexts)] {
		q := esq.And(s.time(), queries(others), esq.MultiMatch{Value: esq.Str(text), Phrase: true})
		docs, err := s.Find(ctx, s.probe.Index, q, soughtSources)
		var refusal *esq.ResponseError
		if errors.As(err, &refusal) && !esq.Refused(err) {
			return nil // an index with more fields than can be asked at once
		}
		if err != nil {
			return err
		}
		places := map[string]bool{}
		for _, d := range docs {
			var source map[string]any
			if json.Unmarshal(d.Source, &source) == nil {
				holders(source, "", text, places)
			}
		}
		for _, name := range asked {
			delete(places, name)
		}
		if step.Elsewhere, err = s.whole(ctx, slices.Collect(maps.Keys(places))); err != nil {
			return err
		}
		if len(step.Elsewhere) > 0 {
			step.Wanted = text
			return nil
		}
	}
	return nil
}

// whole returns those of the fields that hold whole texts, so that a condition
// can ask for one: the shortest paths first, which are the common schema's.
func (s *subject) whole(ctx context.Context, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	caps, err := s.examination.caps(ctx, s.probe.Index, names)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.ContainsFunc(caps[name].Types, analysed) })
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(strings.Count(a, "."), strings.Count(b, ".")) })
	return names, nil
}

// holders notes the paths below v whose value is the text, whatever its case.
func holders(v any, path, text string, places map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			below := key
			if path != "" {
				below = path + "." + key
			}
			holders(x, below, text, places)
		}
	case []any:
		for _, x := range v {
			holders(x, path, text, places)
		}
	case string:
		if strings.EqualFold(v, text) {
			places[path] = true
		}
	}
}
