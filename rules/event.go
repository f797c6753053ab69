package rules

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// event is one document that a stage accepted.
type event struct {
	index, id string
	source    *source
	stream    string // the data stream or, without one, what the index is called whatever its generation
	time      int64  // Unix ms
	values    [][]esq.Value
	filled    []fill        // which of them the user map gave
	ties      [][]esq.Value // what ties it to its parts, or a part to its event
	parts     []*event      // its further documents
}

// row is what the stitcher sees of an event or a group of events.
type row struct {
	identity    string
	first, last int64 // Unix ms
	values      [][]esq.Value
	events      []*event
}

// reader turns a source's hits into events of a stage.
type reader struct {
	stage  *stage
	source *source
	fields []esq.Field
	// at[i] are the positions in fields of the candidates of column i, domain[i]
	// that of its accounts' domain.
	at     [][]int
	domain []int
	time   int
	stream [3]int // data_stream.type, .dataset, .namespace
	ties   []int
	// decisive are the positions in fields of what decides which chains there are.
	decisive []int
}

func newReader(s *stage, src *source) *reader {
	r := &reader{stage: s, source: src, at: make([][]int, len(s.columns)), domain: make([]int, len(s.columns))}
	for i, name := range s.columns {
		c := src.column(name)
		for _, field := range c.from {
			r.at[i] = append(r.at[i], r.want(esq.Field{Path: field, Where: c.where}))
		}
		if c.domain != "" {
			r.domain[i] = r.want(esq.Field{Path: c.domain})
		}
		if slices.Contains(s.reads, name) && name != timeColumn {
			r.decisive = append(r.decisive, r.at[i]...)
		}
	}
	r.time = r.want(esq.Field{Path: src.time})
	for i, part := range []string{"type", "dataset", "namespace"} {
		r.stream[i] = r.want(esq.Field{Path: "data_stream." + part})
	}
	slices.Sort(r.decisive)
	r.decisive = slices.Compact(r.decisive)
	for _, field := range src.ties {
		r.ties = append(r.ties, r.want(esq.Field{Path: field}))
	}
	return r
}

// want adds a field to the search and returns its position.
func (r *reader) want(f esq.Field) int {
	for i, have := range r.fields {
		if have.Path == f.Path && maps.Equal(have.Where, f.Where) {
			return i
		}
	}
	r.fields = append(r.fields, f)
	return len(r.fields) - 1
}

// event reads a hit; ok is false if its time cannot be read.
func (r *reader) event(h esq.Hit) (e *event, ok bool) {
	e = &event{index: h.Index, id: h.ID, source: r.source, values: make([][]esq.Value, len(r.at))}
	for _, v := range h.Values[r.time] {
		if e.time, ok = unixMillis(v); ok {
			break
		}
	}
	if !ok {
		return nil, false
	}
	e.stream = r.streamOf(h)
	for _, at := range r.ties {
		e.ties = append(e.ties, h.Values[at])
	}
	for i, name := range r.stage.columns {
		if name == timeColumn {
			e.values[i] = []esq.Value{isoValue(e.time)}
			continue
		}
		e.values[i] = r.column(h, i, r.source.column(name))
	}
	return e, true
}

// column returns the first candidate that has a value, normalised. In a view
// an empty string is a missing value.
func (r *reader) column(h esq.Hit, i int, c column) []esq.Value {
	for _, at := range r.at[i] {
		values := h.Values[at]
		if r.stage.view == nil {
			if len(values) > 0 {
				return values
			}
			continue
		}
		if c.domain != "" {
			values = inDomain(values, h.Values[r.domain[i]])
		}
		kept := c.kept(c.unpack(values))
		if c.single && len(kept) > 1 {
			return kept[:1]
		}
		if len(kept) > 0 {
			return kept
		}
	}
	return nil
}

// kept are the values in the view's words, without empty ones: most are what
// they were, and need no place of their own.
func (c column) kept(values []esq.Value) []esq.Value {
	for i, v := range values {
		if word := c.value(v); word == v && v != esq.Str("") {
			continue
		}
		kept := slices.Clone(values[:i])
		for _, v := range values[i:] {
			if v = c.value(v); v != esq.Str("") {
				kept = append(kept, v)
			}
		}
		return kept
	}
	return values
}

// inDomain writes names as DOMAIN\name, where they are not written so already.
// Of several domains nobody can tell which is whose.
func inDomain(names, domains []esq.Value) []esq.Value {
	out := slices.Clone(names)
	for i, v := range names {
		name, _ := v.Str()
		if strings.Contains(name, `\`) {
			continue
		}
		out[i] = esq.Str("")
		if len(domains) == 1 {
			out[i] = esq.Str(domains[0].String() + `\` + name)
		}
	}
	return out
}

// value is a source's value in the view's words.
func (c column) value(v esq.Value) esq.Value {
	if s, ok := v.Str(); ok && c.words != nil {
		if word, ok := c.words[s]; ok {
			return esq.Str(word)
		}
	}
	return c.as.apply(v)
}

func (r *reader) streamOf(h esq.Hit) string {
	var name [3]string
	for i, at := range r.stream {
		if len(h.Values[at]) == 0 {
			return stableName(h.Index)
		}
		name[i] = h.Values[at][0].String()
	}
	return strings.Join(name[:], "-")
}

var (
	backing    = regexp.MustCompile(`^(?:partial-|restored-)?\.ds-(.+)-\d{4}\.\d{2}\.\d{2}-\d{6,}$`)
	generation = regexp.MustCompile(`(?:-\d{4}[.-]\d{2}(?:[.-]\d{2})?)?(?:-\d{6,})?$`)
)

// stableName is what an index is called whatever its generation: the data
// stream of a backing index, else the name without date and roll-over number.
func stableName(index string) string {
	if m := backing.FindStringSubmatch(index); m != nil {
		return m[1]
	}
	return generation.ReplaceAllString(index, "")
}

// timeLayouts are the ISO 8601 forms that date fields commonly hold.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02 15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02",
}

// unixMillis reads a time as a date field holds it: an ISO 8601 text, UTC
// where it has no zone, or milliseconds since 1970. Finer parts are cut, as
// the engines cut them.
func unixMillis(v esq.Value) (int64, bool) {
	if n, ok := v.Int(); ok {
		return n, true
	}
	if f, ok := v.Number(); ok {
		return int64(math.Floor(f)), true
	}
	s, ok := v.Str()
	if !ok {
		return 0, false
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

const isoMillis = "2006-01-02T15:04:05.000Z"

func iso(ms int64) string { return time.UnixMilli(ms).UTC().Format(isoMillis) }

func isoValue(ms int64) esq.Value { return esq.Str(iso(ms)) }
