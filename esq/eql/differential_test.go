package eql

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

// An index answers queries over one document as an engine with the mappings of
// someSource would. It is written for these tests alone, against what the
// engines were seen to do, and knows what is easily forgotten: keywords too
// long for the index, malformed values, numbers kept as text, coercion.
type index1 struct {
	types   map[string]string
	indexed map[string][]any // string, int64, float64, bool, time.Time, netip.Addr
	ignored map[string]bool
}

// leaf is a value in a document's source: what rows get, and how it is spelled.
type leaf struct {
	value  Value
	source string
}

func newIndex(src columnsOf, doc map[string][]leaf) *index1 {
	ix := &index1{types: map[string]string{}, indexed: map[string][]any{}, ignored: map[string]bool{}}
	for _, m := range src {
		for _, f := range m.Fields {
			ix.types[f.Name] = f.Type
		}
	}
	for name, leaves := range doc {
		for _, l := range leaves {
			if v, ok := indexLeaf(ix.types[name], l); ok {
				ix.indexed[name] = append(ix.indexed[name], v)
			} else if ix.types[name] != "" && ix.types[name] != "flattened" {
				ix.ignored[name] = true
			}
		}
	}
	return ix
}

func indexLeaf(typ string, l leaf) (any, bool) {
	n, isNumber := l.value.Number()
	if s, ok := l.value.Str(); ok && !isNumber {
		if v := parseNumber(s, 10); !v.IsNull() {
			n, isNumber = v.Number()
		}
	}
	switch typ {
	case "keyword", "wildcard":
		return l.source, utf8.RuneCountInString(l.source) <= ignoredAbove
	case "constant_keyword", "flattened", "flat_object", "match_only_text", "geo_point":
		return l.source, true
	case "long":
		return int64(n), isNumber && math.Abs(n) < 1<<62
	case "byte":
		return int64(n), isNumber && math.Abs(n) < 128
	case "double":
		return n, isNumber
	case "scaled_float":
		return math.Round(n*10) / 10, isNumber
	case "date":
		at, ok := parseTime(l.source)
		return at.Truncate(time.Millisecond), ok
	case "ip":
		addr, err := netip.ParseAddr(l.source)
		return addr.Unmap(), err == nil
	case "boolean":
		return l.source == "true", l.source == "true" || l.source == "false" || l.source == ""
	}
	return nil, false
}

func (ix *index1) accepts(q esq.Query) bool {
	switch q := q.(type) {
	case esq.MatchAll:
		return true
	case esq.MatchNone:
		return false
	case esq.BoolQuery:
		return ix.bool(q)
	case esq.Term:
		return ix.term(q.Field, q.Value, q.CaseInsensitive)
	case esq.Terms:
		return slices.ContainsFunc(q.Values, func(v Value) bool { return ix.term(q.Field, v, false) })
	case esq.Exists:
		return len(ix.indexed[q.Field]) > 0
	case esq.Prefix:
		return ix.any(q.Field, func(v any) bool {
			s, ok := v.(string)
			return ok && hasPrefix(s, q.Value, q.CaseInsensitive)
		})
	case esq.Wildcard:
		re, err := compileRegex(luceneToRegex(q.Pattern), q.CaseInsensitive)
		if err != nil {
			panic(err)
		}
		return ix.any(q.Field, func(v any) bool {
			s, ok := v.(string)
			return ok && re.MatchString(s)
		})
	case esq.Range:
		return ix.any(q.Field, func(v any) bool { return inRange(q, v) })
	}
	panic(fmt.Sprintf("query %T", q))
}

// luceneToRegex turns a wildcard pattern, in which a backslash escapes, into a
// regular expression in Lucene's syntax.
func luceneToRegex(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		default:
			if c == '\\' {
				i++
				c = p[i]
			}
			if c < utf8.RuneSelf && !isWord(c) {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (ix *index1) any(field string, ok func(any) bool) bool {
	return slices.ContainsFunc(ix.indexed[field], ok)
}

func (ix *index1) bool(q esq.BoolQuery) bool {
	not := func(q esq.Query) bool { return !ix.accepts(q) }
	if slices.ContainsFunc(q.Must, not) || slices.ContainsFunc(q.Filter, not) || slices.ContainsFunc(q.MustNot, ix.accepts) {
		return false
	}
	return len(q.Should) == 0 || slices.ContainsFunc(q.Should, ix.accepts)
}

func (ix *index1) term(field string, v Value, fold bool) bool {
	if field == "_ignored" {
		return ix.ignored[v.String()]
	}
	return ix.any(field, func(have any) bool {
		switch have := have.(type) {
		case string:
			return equalText(have, v.String(), fold)
		case int64, float64:
			n, isNumber := v.Number()
			if !isNumber {
				panic(fmt.Sprintf("%s: the engine refuses %v", field, v))
			}
			return toFloat(have) == n
		case bool:
			return strconv.FormatBool(have) == v.String()
		case time.Time:
			at, ok := parseTime(v.String())
			if !ok {
				panic(fmt.Sprintf("%s: the engine refuses %v", field, v))
			}
			return have.Equal(at.Truncate(time.Millisecond))
		case netip.Addr:
			if block, err := netip.ParsePrefix(v.String()); err == nil {
				return block.Contains(have)
			}
			return netip.MustParseAddr(v.String()).Unmap() == have
		}
		return false
	})
}

func toFloat(v any) float64 {
	if i, ok := v.(int64); ok {
		return float64(i)
	}
	return v.(float64)
}

func inRange(q esq.Range, v any) bool {
	holds := func(bound Value, ok func(int) bool) bool {
		if bound.IsNull() {
			return true
		}
		if at, is := v.(time.Time); is {
			t, err := time.Parse(time.RFC3339Nano, bound.String())
			if err != nil {
				panic(err)
			}
			return ok(at.Compare(t))
		}
		return ok(esq.Compare(esq.Num(toFloat(v)), bound))
	}
	return holds(q.GTE, func(c int) bool { return c >= 0 }) && holds(q.LTE, func(c int) bool { return c <= 0 }) &&
		holds(q.GT, func(c int) bool { return c > 0 }) && holds(q.LT, func(c int) bool { return c < 0 })
}

// Words of which documents and expressions are made, so that they meet.
func someTexts() []string {
	return []string{
		"a.txt", "A.TXT", "b.txt", "B*", `c:\x`, "", "5", "5.0", "5.7", "-1", "true", "FileD", "filed", "old", "x", "g", "straße", "STRAßE",
		"10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "2026-11-22", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z", "2026-11-22T10:00:00.500Z", "2026-11-22T10:00:01Z",
		strings.Repeat("a.txt", 60),
	}
}

func leaves(src columnsOf) *rapid.Generator[map[string][]leaf] {
	return rapid.Custom(func(t *rapid.T) map[string][]leaf {
		doc := map[string][]leaf{}
		for name, typ := range newIndex(src, nil).types {
			if typ == "" || rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
				continue // an unmapped field is in no document
			}
			most := 2
			if typ == "constant_keyword" {
				most = 1
			}
			doc[name] = rapid.SliceOfN(leafOf(typ), 1, most).Draw(t, name)
		}
		return doc
	})
}

func leafOf(typ string) *rapid.Generator[leaf] {
	return rapid.Custom(func(t *rapid.T) leaf {
		s := rapid.SampledFrom(someTexts()).Draw(t, "s")
		if typ == "constant_keyword" {
			return leaf{esq.Str("a.txt"), "a.txt"}
		}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			i := rapid.SampledFrom([]string{"5", "5.0", "5.7", "-1", "0.5", "300", "1e30", "9007199254740993"}).Draw(t, "n")
			v, _ := esq.ValueOf(jsonNumber(i))
			return leaf{v, i}
		case 1:
			b := rapid.Bool().Draw(t, "b")
			return leaf{esq.Boolean(b), strconv.FormatBool(b)}
		}
		return leaf{esq.Str(s), s}
	})
}

func jsonNumber(s string) any {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i
	}
	f, _ := strconv.ParseFloat(s, 64)
	return f
}

// rowOf reads the columns of a document, as stitch does.
func rowOf(src columnsOf, doc map[string][]leaf) map[string][]Value {
	values := map[string][]Value{"st.x": vals("a.txt", 5)}
	for name, m := range src {
		for _, f := range m.Fields {
			if len(doc[f.Name]) == 0 {
				continue
			}
			for _, l := range doc[f.Name] {
				values[name] = append(values[name], l.value)
			}
			break
		}
	}
	for i, v := range values["calc"] { // a mapping that gives no value for some
		if s, ok := v.Str(); ok && s != "" {
			values["calc"][i] = esq.Str(s + "!")
		} else {
			values["calc"][i] = Value{}
		}
	}
	for i, v := range values["word"] {
		if s, ok := v.Str(); ok && (s == "filed" || s == "old") {
			values["word"][i] = esq.Str("FileD")
		}
	}
	// A constant_keyword's value need not be in the source; when it is not is
	// the harder case.
	delete(values, "const")
	return values
}

// sensible draws conditions over the columns of a source that mostly compile.
func sensible(src columnsOf, depth int) *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		if depth > 0 {
			sub := func(label string) Expr { return sensible(src, depth-1).Draw(t, label) }
			switch rapid.IntRange(0, 3).Draw(t, "logic") {
			case 0:
				return &Unary{Op: Not, X: sub("x")}
			case 1:
				return &Binary{Op: And, L: sub("l"), R: sub("r")}
			case 2:
				return &Binary{Op: Or, L: sub("l"), R: sub("r")}
			}
		}
		return predicates(src).Draw(t, "predicate")
	})
}

func predicates(src columnsOf) *rapid.Generator[Expr] {
	var names []string
	for name := range src {
		names = append(names, name)
	}
	slices.Sort(names)
	names = append(names, "unmapped")
	return rapid.Custom(func(t *rapid.T) Expr {
		text := func() Expr { return &Literal{Value: esq.Str(rapid.SampledFrom(someTexts()).Draw(t, "text"))} }
		pattern := func() Expr {
			return &Literal{Value: esq.Str(rapid.SampledFrom([]string{"*.txt", "b*", "?.TXT", "*", "5*", "c:\\*", "T*", "*x*", "a.txt", "filed", "b.TXT"}).Draw(t, "pattern"))}
		}
		literal := func() Expr {
			switch rapid.IntRange(0, 5).Draw(t, "literal") {
			case 0:
				return &Literal{Value: esq.Integer(rapid.SampledFrom([]int64{5, 0, 300, 9007199254740992}).Draw(t, "i"))}
			case 1:
				return &Literal{Value: esq.Num(rapid.SampledFrom([]float64{5.7, 0.5, 1e30}).Draw(t, "f")), Float: true}
			case 2:
				return &Literal{Value: esq.Boolean(rapid.Bool().Draw(t, "b"))}
			}
			return text()
		}
		column := func() Expr { return &Column{Name: rapid.SampledFrom(names).Draw(t, "column")} }
		var value func(depth int) Expr
		value = func(depth int) Expr {
			switch n := rapid.IntRange(0, 9).Draw(t, "value"); {
			case n < 6 || depth == 0:
				return column()
			case n == 6:
				return literal()
			case n == 7:
				return &Call{Name: "concat", Args: []Expr{value(depth - 1), text()}}
			case n == 8:
				return &Binary{Op: rapid.SampledFrom([]Op{Add, Div, Mul}).Draw(t, "op"), L: column(), R: literal()}
			}
			return &Column{Func: "matched", Name: "st.x"}
		}
		fold := rapid.Bool().Draw(t, "fold")
		switch rapid.IntRange(0, 8).Draw(t, "predicate") {
		case 0:
			op := rapid.SampledFrom([]Op{Equals, NotEquals}).Draw(t, "op")
			return &Binary{Op: op, L: value(1), R: &Literal{}}
		case 1:
			ops := []Op{Equals, NotEquals, Less, LessEqual, Greater, GreaterEqual}
			l, r := value(1), literal()
			if fold {
				l, r = r, l
			}
			return &Binary{Op: rapid.SampledFrom(ops).Draw(t, "op"), L: l, R: r}
		case 2:
			ops := []Op{Equals, Match, NotEquals, Less, Greater}
			return &Binary{Op: rapid.SampledFrom(ops).Draw(t, "op"), L: value(1), R: column()}
		case 3:
			op := rapid.SampledFrom([]Op{Match, Like}).Draw(t, "op")
			return &Lookup{Op: op, Fold: fold || op == Match, X: value(1), List: []Expr{pattern(), text()}[:rapid.IntRange(1, 2).Draw(t, "n")]}
		case 4:
			return &Lookup{Op: In, Fold: fold, X: value(1), List: []Expr{literal(), text(), value(1)}[:rapid.IntRange(1, 3).Draw(t, "n")]}
		case 5:
			set := rapid.SampledFrom([]string{"st.few", "st.none", "st.many", "st.unknown"}).Draw(t, "set")
			return &Lookup{Op: In, Fold: fold, X: value(1), Set: &Column{Func: "all", Name: set}}
		case 6:
			name := rapid.SampledFrom([]string{"startsWith", "endsWith", "stringContains"}).Draw(t, "name")
			return &Call{Name: name, Fold: fold, Args: []Expr{value(1), text()}}
		case 7:
			block := rapid.SampledFrom([]string{"10.0.0.0/8", "2001:db8::/32"}).Draw(t, "block")
			return &Call{Name: "cidrMatch", Args: []Expr{column(), &Literal{Value: esq.Str(block)}}}
		}
		return column()
	})
}

// everyPredicate returns each operator and function, of a column and a literal.
func everyPredicate(column Expr) []Expr {
	preds := []Expr{column, &Binary{Op: Equals, L: column, R: &Literal{}}}
	literals := []Expr{&Literal{Value: esq.Boolean(true)}}
	for _, f := range []float64{5, 300, 9007199254740992, 0.5, 5.7, 1e30} {
		literals = append(literals, &Literal{Value: esq.Num(f)})
	}
	for _, s := range someTexts() {
		l := &Literal{Value: esq.Str(s)}
		literals = append(literals, l)
		for _, fold := range []bool{false, true} {
			for _, name := range []string{"startsWith", "endsWith", "stringContains"} {
				preds = append(preds, &Call{Name: name, Fold: fold, Args: []Expr{column, l}})
			}
			preds = append(preds, &Lookup{Op: Like, Fold: fold, X: column, List: []Expr{l}})
		}
	}
	for _, s := range []string{"*.txt", "b*", "?.TXT", "*", "5*", `c:\*`, "T*", "*x*", "stra?e", "*d"} {
		l := &Literal{Value: esq.Str(s)}
		preds = append(preds, &Lookup{Op: Match, Fold: true, X: column, List: []Expr{l}}, &Lookup{Op: Like, X: column, List: []Expr{l}})
	}
	for _, l := range literals {
		for _, op := range []Op{Equals, Less, LessEqual, Greater, GreaterEqual} {
			preds = append(preds, &Binary{Op: op, L: column, R: l}, &Binary{Op: op, L: l, R: column})
		}
		preds = append(preds, &Lookup{Op: In, Fold: true, X: column, List: []Expr{l, literals[7]}})
	}
	for _, block := range []string{"10.0.0.0/8", "2001:db8::/32"} {
		preds = append(preds, &Call{Name: "cidrMatch", Args: []Expr{column, &Literal{Value: esq.Str(block)}}})
	}
	return preds
}

func everyLeaf() []leaf {
	list := []leaf{{esq.Boolean(true), "true"}, {esq.Boolean(false), "false"}}
	for _, s := range someTexts() {
		list = append(list, leaf{esq.Str(s), s})
	}
	for _, s := range []string{"5", "5.0", "5.7", "-1", "0.5", "300", "1e30", "9007199254740993"} {
		v, _ := esq.ValueOf(jsonNumber(s))
		list = append(list, leaf{v, s})
	}
	return list
}

// everyDocument returns, for a column, each value alone and in each of its fields.
func everyDocument(m Mapping) []map[string][]leaf {
	docs := []map[string][]leaf{{}}
	for i, f := range m.Fields {
		if f.Type == "" {
			continue
		}
		for _, l := range everyLeaf() {
			if f.Type == "constant_keyword" && l.source != "a.txt" {
				continue
			}
			docs = append(docs, map[string][]leaf{f.Name: {l}})
			if i > 0 {
				docs = append(docs, map[string][]leaf{f.Name: {l}, m.Fields[0].Name: {everyLeaf()[len(docs)%20]}})
			}
		}
	}
	return docs
}

// TestTranslatePredicates tries every predicate on every document.
func TestTranslatePredicates(t *testing.T) {
	src := someSource()
	for name, m := range src {
		var rows []*row
		var indexes []*index1
		for _, doc := range everyDocument(m) {
			rows = append(rows, &row{values: rowOf(src, doc)})
			indexes = append(indexes, newIndex(src, doc))
		}
		for _, e := range everyPredicate(&Column{Name: name}) {
			p, err := Compile(e, func(Ref) (int, error) { return 0, nil })
			if err != nil {
				t.Fatalf("%s: %v", Print(e), err)
			}
			over, exact := Translate(e, src, nil)
			notUnder, _ := Translate(&Unary{Op: Not, X: e}, src, nil)
			for i, r := range rows {
				r.names = []string{name}
				holds, above, below := p.Holds(r), indexes[i].accepts(over), !indexes[i].accepts(notUnder)
				if holds && !above || below && !holds || exact && above != holds {
					t.Fatalf("%s is %v of %v: over %v %#v, under %v, exact %v", Print(e), holds, r.values[name], above, over, below, exact)
				}
			}
		}
	}
}

// TestTranslateNeverNarrower: a query accepts every document whose row
// satisfies the expression, and when it is said to be exact, no other.
// Negating the expression asks the same of the bound from below.
func TestTranslateNeverNarrower(t *testing.T) {
	src := someSource()
	sets := map[string]*Set{"st.unknown": NewSet(vals("a.txt"))}
	for _, name := range []string{"st.few", "st.none", "st.many"} {
		sets[name] = someSets(Ref{Name: name})
	}
	exactAndTrue, held := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		e := sensible(src, 2).Draw(t, "expr")
		r := &row{sets: sets}
		p, err := Compile(e, r.bind)
		if err != nil {
			t.Skip(err)
		}
		doc := leaves(src).Draw(t, "doc")
		ix := newIndex(src, doc)
		r.values = rowOf(src, doc)
		holds := p.Holds(r)
		for _, e := range []Expr{e, &Unary{Op: Not, X: e}} {
			q, exact := Translate(e, src, someSets)
			accepted := ix.accepts(q)
			if holds && !accepted {
				t.Fatalf("%s holds and is not found by %#v", Print(e), q)
			}
			if exact && accepted != holds {
				t.Fatalf("%s is not exact in %#v", Print(e), q)
			}
			if holds {
				held++
			}
			if exact && holds {
				exactAndTrue++
			}
			holds = !holds
		}
	})
	if held > 0 && exactAndTrue == 0 {
		t.Error("nothing was exact: the test proves little")
	}
}
