package memory

import (
	"math"

	"github.com/stitchdetect/stitch/esq"
)

func (c *compiler) ranges(q esq.Range) (matcher, error) {
	zone, err := zoneOf(q.TimeZone)
	if err != nil {
		return nil, refuse("%v", err)
	}
	f, ok := c.field(q.Field)
	if !ok {
		return never, nil
	}
	var test leafTest
	switch f.typ {
	case Date:
		test, err = dateRange(q, clock{c.now, zone})
	case Long:
		test, err = longRange(q)
	case Double:
		test, err = doubleRange(q)
	case IP:
		test, err = ipRange(q)
	case Boolean:
		test, err = boolRange(q)
	case Keyword, Flattened:
		test = f.findable(textRange(q))
	case Text:
		test = someWord(textRange(q))
	default:
		return nil, refuse("failed to create query: Field [%s] of type [%s] does not support range queries", f.path, f.typ)
	}
	if err != nil {
		return nil, err
	}
	return f.any(test), nil
}

// valueBound is [clock.bound] of a query's value: a number is milliseconds.
func (c clock) valueBound(v esq.Value, up bool) (int64, error) {
	if f, ok := v.Number(); ok {
		return int64(f), nil
	}
	return c.bound(v.String(), up)
}

// bounds reads one bound of a range as a number: step is +1 for a lower bound
// and -1 for an upper one. The range begins or ends at the number, or next to
// it where beside is true.
type bounds func(v esq.Value, exclusive bool, step int64) (n int64, beside bool, err error)

// window returns the first and the last number of a range; the first is the
// greater one where there is none.
func window(q esq.Range, read bounds) (first, last int64, err error) {
	first, last = math.MinInt64, math.MaxInt64
	for _, b := range []struct {
		v         esq.Value
		exclusive bool
		step      int64
	}{{q.GTE, false, 1}, {q.GT, true, 1}, {q.LTE, false, -1}, {q.LT, true, -1}} {
		if b.v.IsNull() {
			continue
		}
		n, beside, err := read(b.v, b.exclusive, b.step)
		if err != nil {
			return 0, 0, err
		}
		if beside {
			if n == math.MaxInt64 && b.step > 0 || n == math.MinInt64 && b.step < 0 {
				return 1, 0, nil
			}
			n += b.step
		}
		if b.step > 0 {
			first = max(first, n)
		} else {
			last = min(last, n)
		}
	}
	return first, last, nil
}

// readDates makes a reader of dates. A bound that keeps the whole of what it
// names inside begins at its first moment or ends at its last; one that keeps
// it outside, the other way round.
func readDates(at clock) bounds {
	return func(v esq.Value, exclusive bool, step int64) (int64, bool, error) {
		ms, err := at.valueBound(v, exclusive == (step > 0))
		if err != nil {
			return 0, false, refuse("%v", err)
		}
		return ms, exclusive, nil
	}
}

func dateRange(q esq.Range, at clock) (leafTest, error) {
	first, last, err := window(q, readDates(at))
	return between(dateOf, first, last), err
}

func longRange(q esq.Range) (leafTest, error) {
	first, last, err := window(q, readLong)
	return between(longOf, first, last), err
}

// readLong knows that a fraction was cut off towards zero: 1.5 as a lower bound
// begins beside 1 and as an upper one ends at it, -1.5 the other way round.
func readLong(v esq.Value, exclusive bool, step int64) (n int64, beside bool, err error) {
	n, whole, err := parseLong(wordOf(v))
	if err != nil {
		return 0, false, refuse("failed to create query: %v", err)
	}
	if whole {
		return n, exclusive, nil
	}
	positive := wordOf(v)[0] != '-'
	return n, positive == (step > 0), nil
}

func doubleRange(q esq.Range) (leafTest, error) {
	tests := make([]func(float64) bool, 0, 2)
	for _, b := range []struct {
		v    esq.Value
		keep func(x, bound float64) bool
	}{
		{q.GT, func(x, b float64) bool { return x > b }},
		{q.GTE, func(x, b float64) bool { return x >= b }},
		{q.LT, func(x, b float64) bool { return x < b }},
		{q.LTE, func(x, b float64) bool { return x <= b }},
	} {
		if b.v.IsNull() {
			continue
		}
		bound, err := parseDouble(wordOf(b.v))
		if err != nil {
			return nil, refuse("failed to create query: %v", err)
		}
		tests = append(tests, func(x float64) bool { return b.keep(x, bound) })
	}
	return func(kind leafKind, text string) bool {
		x, ok := doubleOf(kind, text)
		for _, test := range tests {
			ok = ok && test(x)
		}
		return ok
	}, nil
}

func ipRange(q esq.Range) (leafTest, error) {
	s := span{last: address{}.block(0).last}
	empty := false
	for _, b := range []struct {
		v         esq.Value
		exclusive bool
		lower     bool
	}{{q.GTE, false, true}, {q.GT, true, true}, {q.LTE, false, false}, {q.LT, true, false}} {
		if b.v.IsNull() {
			continue
		}
		a, err := parseAddress(wordOf(b.v))
		if err != nil {
			return nil, refuse("failed to create query: %v", err)
		}
		inside := true
		switch {
		case b.exclusive && b.lower:
			a, inside = a.next()
		case b.exclusive:
			a, inside = a.previous()
		}
		empty = empty || !inside
		if b.lower && s.first.compare(a) < 0 {
			s.first = a
		} else if !b.lower && a.compare(s.last) < 0 {
			s.last = a
		}
	}
	if empty {
		return func(leafKind, string) bool { return false }, nil
	}
	return inSpans([]span{s}), nil
}

func boolRange(q esq.Range) (leafTest, error) {
	first, last, err := window(q, func(v esq.Value, exclusive bool, _ int64) (int64, bool, error) {
		b, err := parseBool(wordOf(v))
		if err != nil {
			return 0, false, refuse("failed to create query: %v", err)
		}
		return number(b), exclusive, nil
	})
	return between(func(kind leafKind, text string) (int64, bool) {
		b, ok := boolOf(kind, text)
		return number(b), ok
	}, first, last), err
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func textRange(q esq.Range) func(string) bool {
	gt, gte, lt, lte := wordOf(q.GT), wordOf(q.GTE), wordOf(q.LT), wordOf(q.LTE)
	return func(s string) bool {
		return (q.GT.IsNull() || s > gt) && (q.GTE.IsNull() || s >= gte) &&
			(q.LT.IsNull() || s < lt) && (q.LTE.IsNull() || s <= lte)
	}
}
