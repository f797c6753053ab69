package memory

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// matcher decides about one record of a document: its root, or one element of
// a nested field.
type matcher func(d *document, r *record) bool

// leafTest decides about one leaf.
type leafTest func(kind leafKind, text string) bool

func always(*document, *record) bool { return true }
func never(*document, *record) bool  { return false }

// compiler turns queries into matchers for one index.
type compiler struct {
	ix  *index
	now time.Time
}

// The types of the fields that indices keep of their own accord: what a
// document is called, where it is, and which of its fields hold a value that
// their index could not take.
const (
	metaID      Type = "_id"
	metaIndex   Type = "_index"
	metaIgnored Type = "_ignored"
)

// field is what a query's field name means in an index.
type field struct {
	path string
	typ  Type
	ids  []fieldID // more than one for a flattened object as a whole
}

// queryError is an index's refusal of a query.
type queryError struct{ reason string }

func (e *queryError) Error() string { return e.reason }

func refuse(format string, args ...any) error { return &queryError{fmt.Sprintf(format, args...)} }

// response makes err, if it is a refusal, what the caller of a cluster would see.
func response(op string, err error) error {
	if refusal, ok := errors.AsType[*queryError](err); ok {
		return &esq.ResponseError{Op: op, Status: http.StatusBadRequest, Type: "query_shard_exception", Reason: refusal.reason}
	}
	return fmt.Errorf("%s: %w", op, err)
}

// compile translates q. It fails where the index would refuse q.
func (c *compiler) compile(q esq.Query) (matcher, error) {
	switch q := q.(type) {
	case esq.MatchAll:
		return always, nil
	case esq.MatchNone:
		return never, nil
	case esq.BoolQuery:
		return c.boolean(q)
	case esq.Term:
		return c.term(q)
	case esq.Terms:
		return c.terms(q)
	case esq.Match:
		return c.match(q)
	case esq.MultiMatch:
		return c.multiMatch(q)
	case esq.QueryString:
		return c.queryString(q)
	case esq.Exists:
		return c.exists(q.Field)
	case esq.Range:
		return c.ranges(q)
	case esq.Prefix:
		return c.prefix(q)
	case esq.Wildcard:
		return c.wildcard(q)
	case esq.Nested:
		return c.nested(q)
	case esq.IDs:
		return ids(q.Values), nil
	case nil: // as an absent query is to a cluster
		return always, nil
	}
	return nil, refuse("unknown query %T", q)
}

func (c *compiler) all(qs []esq.Query) ([]matcher, error) {
	ms := make([]matcher, 0, len(qs))
	for _, q := range qs {
		m, err := c.compile(q)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return ms, nil
}

func (c *compiler) boolean(q esq.BoolQuery) (matcher, error) {
	must, err := c.all(slices.Concat(q.Must, q.Filter))
	if err != nil {
		return nil, err
	}
	not, err := c.all(q.MustNot)
	if err != nil {
		return nil, err
	}
	should, err := c.either(q)
	if err != nil {
		return nil, err
	}
	least := least(q, len(must), len(should))
	return func(d *document, r *record) bool {
		for _, m := range must {
			if !m(d, r) {
				return false
			}
		}
		return reaches(least, should, d, r) && !slices.ContainsFunc(not, func(m matcher) bool { return m(d, r) })
	}, nil
}

// least is how many of the conditions that should hold must.
func least(q esq.BoolQuery, must, should int) int {
	switch {
	case must == 0 && should == 0:
		return 0 // with nothing to count, clusters do not
	case must == 0 && q.MinimumShouldMatch == 0:
		return 1
	}
	return q.MinimumShouldMatch
}

// either compiles what of a query should hold. Where one is enough, folded texts
// of one field are looked up together.
func (c *compiler) either(q esq.BoolQuery) ([]matcher, error) {
	ms, err := c.all(q.Should)
	if err != nil || q.MinimumShouldMatch > 1 || len(ms) < 4 {
		return ms, err
	}
	sets := map[string]map[string]bool{}
	var kept []matcher
	for i, part := range q.Should {
		term, is := part.(esq.Term)
		f, ok := c.field(term.Field)
		if !is || !ok || !term.CaseInsensitive || f.typ != Keyword && f.typ != Flattened {
			kept = append(kept, ms[i])
			continue
		}
		set := sets[term.Field]
		if set == nil {
			set = map[string]bool{}
			sets[term.Field] = set
			kept = append(kept, f.any(f.findable(func(text string) bool { return among(set, text) })))
		}
		set[string(appendFolded(nil, wordOf(term.Value)))] = true
	}
	return kept, nil
}

// among looks a text up in a set of folded ones.
func among(set map[string]bool, text string) bool {
	var short [96]byte
	return set[string(appendFolded(short[:0], text))]
}

func appendFolded(to []byte, text string) []byte {
	for i := range len(text) {
		to = append(to, foldByte(text[i]))
	}
	return to
}

// reaches reports whether at least so many of ms hold.
func reaches(least int, ms []matcher, d *document, r *record) bool {
	for _, m := range ms {
		if least <= 0 {
			return true
		}
		if m(d, r) {
			least--
		}
	}
	return least <= 0
}

func anyOf(ms []matcher) matcher {
	switch len(ms) {
	case 0:
		return never
	case 1:
		return ms[0]
	}
	return func(d *document, r *record) bool { return reaches(1, ms, d, r) }
}

// field finds what a name means; ok is false for one that is not mapped.
func (c *compiler) field(path string) (f field, ok bool) {
	switch t := Type(path); t {
	case metaID, metaIndex, metaIgnored:
		return field{path: path, typ: t}, true
	}
	n := c.ix.names.find(path)
	if n != nil {
		switch t := c.ix.fields[n.id]; t {
		case "", Nested:
		case Flattened:
			return field{path, Flattened, n.within(nil)}, true
		default:
			return field{path, t, []fieldID{n.id}}, true
		}
	}
	return c.flattenedLeaf(path, n)
}

// flattenedLeaf is for names below a flattened object: all of them are mapped.
func (c *compiler) flattenedLeaf(path string, n *name) (field, bool) {
	for above := path; ; {
		dot := strings.LastIndexByte(above, '.')
		if dot < 0 {
			return field{}, false
		}
		above = above[:dot]
		if a := c.ix.names.find(above); a != nil && c.ix.fields[a.id] == Flattened {
			f := field{path: path, typ: Flattened}
			if n != nil {
				f.ids = []fieldID{n.id}
			}
			return f, true
		}
	}
}

// matching returns the mapped fields whose names fit a pattern, in the order of
// their names; the leaves of flattened objects are no names of their own.
func (c *compiler) matching(pattern string) []field {
	var found []field
	for id, t := range c.ix.fields {
		if path := c.ix.names.all[id].path; t != Nested && glob(pattern, path) {
			f, _ := c.field(path)
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b field) int { return strings.Compare(a.path, b.path) })
	return found
}

// any accepts records in which some leaf of f passes.
func (f field) any(pass leafTest) matcher {
	switch len(f.ids) {
	case 0:
		return never
	case 1:
		id := f.ids[0]
		return func(d *document, r *record) bool {
			from, to := r.of(id)
			return passes(d, r, from, to, pass)
		}
	}
	wanted := map[fieldID]bool{}
	for _, id := range f.ids {
		wanted[id] = true
	}
	return func(d *document, r *record) bool {
		if r.shape == nil {
			return false
		}
		for i := range r.shape.fields {
			if wanted[r.shape.fields[i]] && passes(d, r, i, i+1, pass) {
				return true
			}
		}
		return false
	}
}

// passes reports whether one of some leaves of a record does.
func passes(d *document, r *record, from, to int, pass leafTest) bool {
	for i := from; i < to; i++ {
		if pass(r.shape.kinds[i], d.text(r, i)) {
			return true
		}
	}
	return false
}

// present accepts leaves that an index of the type can hold at all.
func (t Type) present() leafTest {
	switch t {
	case Keyword:
		return func(_ leafKind, text string) bool { return !tooLong(text) }
	case IP:
		return func(_ leafKind, text string) bool { _, err := parseAddress(text); return err == nil }
	case Date:
		return func(kind leafKind, text string) bool { _, ok := dateOf(kind, text); return ok }
	case Long:
		return func(kind leafKind, text string) bool { _, ok := longOf(kind, text); return ok }
	case Double:
		return func(kind leafKind, text string) bool { _, ok := doubleOf(kind, text); return ok }
	case Boolean:
		return func(kind leafKind, text string) bool { _, ok := boolOf(kind, text); return ok }
	}
	return func(leafKind, string) bool { return true }
}

// exists accepts records with a value in a field, in one below an object, or
// in one that fits a pattern.
func (c *compiler) exists(path string) (matcher, error) {
	if strings.Contains(path, "*") {
		return anyPresent(c.matching(path)), nil
	}
	f, ok := c.field(path)
	if f.typ == metaIgnored {
		return c.ignored(func(string) bool { return true }), nil
	}
	if ok {
		return anyPresent([]field{f}), nil
	}
	return anyPresent(c.matching(path + ".*")), nil
}

func anyPresent(fields []field) matcher {
	var ms []matcher
	for _, f := range fields {
		if f.typ == metaID || f.typ == metaIndex {
			return always
		}
		ms = append(ms, f.any(f.typ.present()))
	}
	return anyOf(ms)
}

// ignored accepts records in which a field holds a value that cannot be found:
// a keyword that is too long, or what is no date, number or address.
func (c *compiler) ignored(pass func(path string) bool) matcher {
	var ms []matcher
	for id, t := range c.ix.fields {
		path := c.ix.names.all[id].path
		switch t {
		case Keyword, IP, Date, Long, Double:
			if f, ok := c.field(path); ok && pass(path) {
				taken := t.present()
				ms = append(ms, f.any(func(kind leafKind, text string) bool { return !taken(kind, text) }))
			}
		}
	}
	return anyOf(ms)
}

func (c *compiler) nested(q esq.Nested) (matcher, error) {
	n := c.ix.names.find(q.Path)
	if n == nil || c.ix.fields[n.id] != Nested {
		return nil, refuse("[nested] failed to find nested object under path [%s]", q.Path)
	}
	inner, err := c.compile(q.Query)
	if err != nil {
		return nil, err
	}
	return func(d *document, r *record) bool { return r.anyNested(n.id, d, inner) }, nil
}

// anyNested reports whether some element of a nested field, at any depth, fits.
func (r *record) anyNested(path fieldID, d *document, inner matcher) bool {
	if r.nested == nil {
		return false
	}
	for i := range *r.nested {
		e := &(*r.nested)[i]
		if e.path == path && inner(d, &e.record) || e.anyNested(path, d, inner) {
			return true
		}
	}
	return false
}

func ids(values []string) matcher {
	wanted := map[string]bool{}
	for _, v := range values {
		wanted[v] = true
	}
	return func(d *document, _ *record) bool { return wanted[d.id()] }
}
