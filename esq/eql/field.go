package eql

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stitchdetect/stitch/esq"
)

// class is what fields of several types have in common.
type class uint8

const (
	opaque    class = iota // nothing can be asked
	words                  // whole texts
	analysed               // texts cut into words: only presence can be asked
	whole                  // numbers without a fraction
	fractions              // numbers with one
	dates
	addresses
	truths
)

func (f Field) class() class {
	switch f.Type {
	case "", "keyword", "wildcard", "constant_keyword", "flattened", "flat_object":
		return words
	case "text", "match_only_text":
		return analysed
	case "long", "integer", "short", "byte", "unsigned_long":
		return whole
	case "double", "float", "half_float", "scaled_float":
		return fractions
	case "date", "date_nanos":
		return dates
	case "ip":
		return addresses
	case "boolean":
		return truths
	}
	return opaque
}

// ignored accepts documents with a value of f that is not in its index: too
// long for it, or of the wrong type.
func (f Field) ignored() esq.Query {
	return esq.Term{Field: "_ignored", Value: esq.Str(f.Name)}
}

// cuts reports whether values of f can be too long for its index.
func (f Field) cuts() bool {
	return f.Type == "keyword" || f.Type == "wildcard" || f.Type == ""
}

// orIgnored widens q where the index may lack values.
func (f Field) orIgnored(q esq.Query) esq.Query {
	switch f.Type {
	case "constant_keyword", "flattened", "flat_object", "text", "match_only_text":
		return q
	}
	if f.Silent && f.cuts() {
		// What has no value in the index may have one that is too long for it.
		return esq.Or(q, f.ignored(), esq.Not(esq.Exists{Field: f.Name}))
	}
	return esq.Or(q, f.ignored())
}

// exists is the condition that a row has a value of f.
func (f Field) exists() bounds {
	q := esq.Exists{Field: f.Name}
	switch f.Type {
	case "flat_object": // some versions find nothing in their leaves
		return undecided()
	case "flattened", "constant_keyword":
		// An object below a leaf counts as present, and a constant need not be
		// in the source.
		return atMost(q)
	}
	switch f.class() {
	case opaque:
		return undecided()
	case analysed:
		return exactly(q)
	}
	if f.Silent && f.cuts() {
		return bounds{over: esq.MatchAll{}, under: q}
	}
	return bounds{over: f.orIgnored(q), under: q}
}

// presence is a condition on f's value of which only its presence can be asked.
func (f Field) presence() bounds { return atMost(f.exists().over) }

// equals is the condition that f has one of the values, of which there is one at least.
func (f Field) equals(values []Value, fold bool) bounds {
	switch f.class() {
	case words:
		return f.equalsWords(values, fold)
	case whole, fractions:
		return f.equalsNumbers(values)
	case dates, addresses, truths:
		return f.equalsParsed(values)
	}
	return f.presence()
}

// equalsWords asks for texts. Numbers are in the index as the document spells
// them, so that 5 may stand there as 5.0: they cannot be asked for.
func (f Field) equalsWords(values []Value, fold bool) bounds {
	var all, sure []string
	long := false
	for _, v := range values {
		switch v.Kind() {
		case esq.String:
			s, _ := v.Str()
			long = long || utf8.RuneCountInString(s) > ignoredAbove
			all = append(all, s)
			if f.Type != "constant_keyword" && !isScalar(s) {
				sure = append(sure, s)
			}
		case esq.Bool:
			all = append(all, v.String())
		default:
			return f.presence()
		}
	}
	b := bounds{over: f.terms(all, fold), under: f.terms(sure, fold), exact: len(sure) == len(all)}
	if b.exact {
		b.under = b.over
	}
	if long && f.cuts() {
		b.over, b.exact = f.orIgnored(b.over), false
	}
	return b
}

// isScalar reports whether a document's number or truth value could be spelled s.
func isScalar(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil || strings.EqualFold(s, "true") || strings.EqualFold(s, "false")
}

// terms asks for texts, one by one where their letters are to be folded.
func (f Field) terms(ss []string, fold bool) esq.Query {
	var same []Value
	var either []esq.Query
	seen := map[string]bool{}
	for _, s := range ss {
		key := s
		if fold {
			key = Fold(s)
		}
		switch {
		case seen[key]:
		case fold && strings.ContainsFunc(s, func(r rune) bool { return r < utf8.RuneSelf && isLetter(byte(r)) }):
			either = append(either, esq.Term{Field: f.Name, Value: esq.Str(s), CaseInsensitive: true})
		default:
			same = append(same, esq.Str(s))
		}
		seen[key] = true
	}
	switch len(same) {
	case 0:
	case 1:
		either = append(either, esq.Term{Field: f.Name, Value: same[0]})
	default:
		either = append(either, esq.Terms{Field: f.Name, Values: same})
	}
	return esq.Or(either...)
}

// valuesQuery asks for values in the field's own form.
func (f Field) valuesQuery(values []Value) esq.Query {
	switch len(values) {
	case 0:
		return esq.MatchNone{}
	case 1:
		return esq.Term{Field: f.Name, Value: values[0]}
	}
	return esq.Terms{Field: f.Name, Values: values}
}

// equalsNumbers asks a numeric field. The engine reads "5" as 5 and cuts 5.7
// to 5 in a field of whole numbers, where rows keep what the document has: the
// query is wider.
func (f Field) equalsNumbers(values []Value) bounds {
	var asked []Value
	odd := false // a value that can only be there unindexed
	for _, v := range values {
		n := v
		if s, isText := v.Str(); isText {
			n, odd = parseNumber(s, 10), true
		}
		if n = f.representable(n); n.IsNull() {
			odd = true
			continue
		}
		odd = odd || n != v
		asked = append(asked, n)
	}
	q := f.valuesQuery(distinct(asked))
	if odd {
		q = f.orIgnored(q)
	}
	return atMost(q)
}

// representable returns the number that f's index holds for v, or null.
func (f Field) representable(v Value) Value {
	n, ok := v.Number()
	switch {
	case !ok:
		return Value{}
	case f.class() == fractions:
		return finiteIn(f.Type, v, n)
	case v.Kind() == esq.Float:
		v = esq.Num(math.Trunc(n))
	}
	i, ok := v.Int()
	least, most := limits(f.Type)
	if !ok || i < least || i > most {
		return Value{}
	}
	return v
}

func finiteIn(typ string, v Value, n float64) Value {
	if typ == "half_float" && math.Abs(n) > 65504 || typ == "float" && math.Abs(n) > math.MaxFloat32 {
		return Value{}
	}
	return v
}

func limits(typ string) (least, most int64) {
	switch typ {
	case "byte":
		return math.MinInt8, math.MaxInt8
	case "short":
		return math.MinInt16, math.MaxInt16
	case "integer":
		return math.MinInt32, math.MaxInt32
	case "unsigned_long":
		return 0, math.MaxInt64
	}
	return math.MinInt64, math.MaxInt64
}

// equalsParsed asks a field whose index holds something else than the text:
// other spellings of the same time or address are found too.
func (f Field) equalsParsed(values []Value) bounds {
	for _, v := range values {
		if !f.reads(v) {
			return f.presence()
		}
	}
	return atMost(f.valuesQuery(values))
}

// reads reports whether the engine can surely parse v as a value of f.
func (f Field) reads(v Value) bool {
	s, isText := v.Str()
	switch f.class() {
	case truths:
		_, isBool := v.Bool()
		return isBool || s == "true" || s == "false"
	case addresses:
		address, err := netip.ParseAddr(s)
		return err == nil && address.Zone() == ""
	default:
		_, ok := parseTime(s)
		return isText && ok
	}
}

// parseTime reads a day or a time in UTC, spelled so that texts are in the
// order of times, but for the fraction.
func parseTime(s string) (time.Time, bool) {
	if at, err := time.Parse(time.DateOnly, s); err == nil {
		return at, s == at.Format(time.DateOnly)
	}
	const seconds, nanoseconds = "2006-01-02T15:04:05", len("2006-01-02T15:04:05.999999999Z")
	at, err := time.Parse(time.RFC3339Nano, s)
	return at, err == nil && len(s) <= nanoseconds && strings.HasSuffix(s, "Z") &&
		strings.HasPrefix(s, at.Format(seconds)) && !strings.Contains(s, ",")
}

// ordered asks for a range, where the engine orders as rows do.
func (f Field) ordered(op Op, v Value) bounds {
	switch f.class() {
	case whole, fractions:
		return f.orderedNumber(op, v)
	case dates:
		return f.orderedTime(op, v)
	}
	return f.presence()
}

// orderedNumber asks for a range with its bound, whatever the operator: an
// index may hold a number rounded to the bound.
func (f Field) orderedNumber(op Op, v Value) bounds {
	if v.Kind() == esq.String || f.Type == "scaled_float" {
		// Texts are in another order, and scaled numbers rounded otherwise than
		// the bounds of a range.
		return f.presence()
	}
	bound := f.representable(v)
	if bound.IsNull() {
		return f.presence()
	}
	return atMost(f.orIgnored(f.between(op, bound, bound)))
}

// orderedTime asks for a range of whole seconds: rows compare times as texts,
// in which the fraction may be spelled in several ways.
func (f Field) orderedTime(op Op, v Value) bounds {
	s, _ := v.Str()
	at, ok := parseTime(s)
	if !ok || at.Year() < 1 || at.Year() > 9998 {
		return f.presence()
	}
	second := at.Truncate(time.Second)
	next := second.Add(time.Second)
	return atMost(f.orIgnored(f.between(op, timeValue(second), timeValue(next))))
}

func timeValue(t time.Time) Value { return esq.Str(t.Format("2006-01-02T15:04:05.000Z")) }

// between asks for values from least on, or for those up to most.
func (f Field) between(op Op, least, most Value) esq.Query {
	if op == Less || op == LessEqual {
		return esq.Range{Field: f.Name, LTE: most}
	}
	return esq.Range{Field: f.Name, GTE: least}
}

// startsWith asks for a prefix, which is not empty.
func (f Field) startsWith(prefix string, fold bool) bounds {
	if f.class() != words || f.Type == "" || len(prefix) > maxPattern {
		return f.presence()
	}
	return f.patterned(esq.Prefix{Field: f.Name, Value: prefix, CaseInsensitive: fold}, prefix)
}

// matches asks for a text with EQL's wildcards.
func (f Field) matches(text string, fold bool) bounds {
	return f.wildcard(pattern{text: text}.lucene(), text, fold)
}

// wildcard asks for a pattern in the engine's syntax; literal is what of it
// must be in a value.
func (f Field) wildcard(pattern, literal string, fold bool) bounds {
	switch f.Type {
	case "keyword", "wildcard", "constant_keyword":
	default:
		return f.presence()
	}
	if len(pattern) > maxPattern || strings.Trim(literal, "*") == "" {
		return f.presence()
	}
	return f.patterned(esq.Wildcard{Field: f.Name, Pattern: pattern, CaseInsensitive: fold}, literal)
}

// patterned is a condition that q decides, but for what the index lacks and
// for numbers, which it holds as text.
func (f Field) patterned(q esq.Query, literal string) bounds {
	b := bounds{over: f.orIgnored(q), under: esq.MatchNone{}}
	if f.Type != "constant_keyword" && !mayBeScalar(literal) {
		b.under = q
		b.exact = !f.cuts()
	}
	return b
}

// inBlocks asks for addresses in CIDR blocks.
func (f Field) inBlocks(blocks []string) bounds {
	if f.class() != addresses {
		return f.presence()
	}
	var values []Value
	for _, s := range blocks {
		block, err := netip.ParsePrefix(s)
		if err != nil || block.Addr().Is4In6() {
			return f.presence()
		}
		values = append(values, esq.Str(s))
	}
	return exactly(f.valuesQuery(values))
}
