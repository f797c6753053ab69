package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/kuery"
)

// view is one kind of event and the sources that carry it.
type view struct {
	name     string
	identity []string
	declared []string // the columns its sources list, sorted
	sources  []*source
	text     string // of the file, for the fingerprint
}

// source is an integration as it really indexes.
type source struct {
	name    string
	index   []string
	filter  esq.Query
	fields  []string   // that filter mentions
	node    kuery.Node // that filter is of, for probes; nil without one
	time    string
	ingest  string
	columns map[string]column
	// listedOnly says that a column that is not listed is none, rather than the
	// field of its own name.
	listedOnly bool
	parts      []*part
	ties       []string // fields that tie its documents to their parts, or to their event
}

// column is how a source carries a column.
type column struct {
	from   []string // candidate fields, the first that has a value counts; none: never has one
	where  map[string]string
	json   []string // members of the JSON object that the field's text is, the first that is present
	as     normal
	words  map[string]string // the source's word -> the view's word
	domain string            // of as = "account": the field with the domain of a name
	weak   string            // what an alert says that a row without a value is part of
	single bool              // of several values the first alone counts
}

// column returns how s carries the named column; one that is not listed is
// the field of its own name.
func (s *source) column(name string) column {
	if c, ok := s.columns[name]; ok {
		return c
	}
	if name == timeColumn {
		return column{from: []string{s.time}}
	}
	if s.listedOnly {
		return column{}
	}
	return column{from: []string{name}}
}

const (
	timeColumn    = "@timestamp"
	defaultIngest = "event.ingested"
)

// direct is the source of a stage that names its indices itself.
func direct(index []string) *source {
	return &source{index: index, filter: esq.MatchAll{}, time: timeColumn, ingest: defaultIngest}
}

// readView turns a view's file into a view.
func (f *file) readView(name, text string) *view {
	f.rule = "view " + name
	var spec viewFile
	if !f.decode(text, &spec) {
		return nil
	}
	v := &view{name: name, identity: spec.Identity, text: text}
	if len(spec.Sources) == 0 {
		f.problemAt(0, "no [[source]]; a view needs at least one")
	}
	declared := map[string]bool{}
	for i, s := range spec.Sources {
		src := f.readSource(index(nil, "source", i), s)
		for _, each := range src.everything() {
			for c := range each.columns {
				declared[c] = true
			}
		}
		if slices.ContainsFunc(v.sources, func(other *source) bool { return other.name == src.name }) {
			f.problem(index(nil, "source", i), "a second source named %q; give each its own name", src.name)
		}
		v.sources = append(v.sources, src)
	}
	v.declared = sortedKeys(declared)
	for _, c := range v.identity {
		if !declared[c] {
			f.problem([]string{"identity"}, "identity names %q, which no source lists as a column%s", c, didYouMean(c, v.declared))
		}
	}
	return v
}

func (f *file) readSource(at []string, spec sourceSpec) *source {
	s := &source{name: spec.Name, index: spec.Index, filter: esq.MatchAll{}, time: spec.Time, ingest: defaultIngest, columns: map[string]column{}}
	if s.name == "" {
		f.problem(at, "a source without a name; add name = \"...\"")
	}
	f.checkIndex(append(at, "index"), spec.Index)
	if s.time == "" {
		s.time = timeColumn
	}
	if spec.Ingest != nil {
		s.ingest = *spec.Ingest
	}
	if spec.Filter != "" {
		s.filter, s.fields = f.readKuery(append(at, "filter"), spec.Filter)
		s.node = kueryNode(spec.Filter)
	}
	for _, name := range sortedKeys(spec.Columns) {
		s.columns[name] = f.readColumn(append(at[:len(at):len(at)], "columns", name), name, spec.Columns[name])
	}
	for i, part := range spec.Parts {
		p := f.readPart(index(at, "part", i), i, spec, part)
		s.parts, s.ties = append(s.parts, p), append(s.ties, p.on)
	}
	return s
}

func (f *file) checkIndex(path []string, patterns []string) {
	if len(patterns) == 0 {
		f.problem(path, "no index; name at least one index or pattern")
	}
	for _, p := range patterns {
		if strings.TrimSpace(p) == "" || strings.ContainsAny(p, " \"<>|?#\\,") || p != strings.ToLower(p) {
			f.problem(path, "%q cannot be an index pattern; indices are lower case, without blanks and commas", p)
		}
	}
}

// readKuery parses and translates; the fields are those the query mentions.
func (f *file) readKuery(path []string, text string) (esq.Query, []string) {
	node, err := kuery.Parse(text)
	if err != nil {
		f.languageError(path, err)
		return esq.MatchNone{}, nil
	}
	return kuery.Translate(node), kuery.Fields(node)
}

// kueryNode is the tree of a text whose problems are noted elsewhere.
func kueryNode(text string) kuery.Node {
	node, err := kuery.Parse(text)
	if err != nil {
		return nil
	}
	return node
}

func (f *file) readColumn(at []string, name string, value any) column {
	var spec columnSpec
	switch v := value.(type) {
	case string, []any:
		spec.From = v
	case map[string]any:
		f.table(at, v, structOf(&spec))
	default:
		f.problem(at, "column %s must be a field, a list of fields or a table, not %s", name, kindOf(value))
	}
	c := column{from: f.readFrom(at, name, spec.From), as: f.readNormal(at, spec.As), weak: strings.TrimSpace(spec.Weak), single: spec.Single}
	if c.domain = spec.Domain; c.domain != "" && c.as != asAccount {
		f.problem(at, "domain is for as = \"account\" only; remove it")
	}
	c.where = f.words(at, "where", spec.Where)
	c.words = f.words(at, "map", spec.Map)
	if spec.JSON != nil {
		c.json = f.readNames(at, "json", spec.JSON, "member")
	}
	return c
}

func (f *file) readFrom(at []string, name string, from any) []string {
	if from == nil {
		return []string{name}
	}
	return f.readNames(at, "from", from, "field")
}

// readNames reads one name or a list of names.
func (f *file) readNames(at []string, key string, names any, kind string) []string {
	switch v := names.(type) {
	case string:
		return []string{v}
	case []any:
		list := []string{}
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				f.problem(at, "%s must be a list of %ss, not of %s", key, kind, kindOf(x))
			}
			list = append(list, s)
		}
		return list
	}
	f.problem(at, "%s must be a %s or a list of %ss, not %s", key, kind, kind, kindOf(names))
	return nil
}

func (f *file) words(at []string, key string, m map[string]any) map[string]string {
	var out map[string]string
	for k, v := range m {
		s, ok := v.(string)
		if !ok {
			f.problem(at, "%s.%s must be a string, not %s", key, k, kindOf(v))
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = s
	}
	return out
}

func index(path []string, name string, i int) []string {
	return append(path[:len(path):len(path)], name, strconv.Itoa(i))
}
