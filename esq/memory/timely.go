package memory

import (
	"slices"

	"github.com/stitchdetect/stitch/esq"
)

// placeTest decides about the document at a place of an index.
type placeTest func(place int32) bool

// timely makes a test of a condition that speaks of times alone, which needs no
// look at the documents; nil for any other, and for one that an index refuses.
func (c *compiler) timely(q esq.Query) placeTest {
	switch q := q.(type) {
	case esq.Range:
		if m := c.momentsOf(q.Field); m != nil && !m.several {
			return c.timelyRange(q, m)
		}
	case esq.Exists:
		if m := c.momentsOf(q.Field); m != nil {
			return m.known.has
		}
	case esq.BoolQuery:
		return c.timelyBool(q)
	}
	return nil
}

// momentsOf returns what the documents have in a field, nil if it is no date.
func (c *compiler) momentsOf(path string) *moments {
	if f, ok := c.field(path); !ok || f.typ != Date {
		return nil
	}
	return c.ix.moments(path)
}

func (c *compiler) timelyRange(q esq.Range, m *moments) placeTest {
	zone, err := zoneOf(q.TimeZone)
	if err != nil {
		return nil
	}
	first, last, err := window(q, readDates(clock{c.now, zone}))
	if err != nil {
		return nil
	}
	return func(p int32) bool { return m.ms[p] >= first && m.ms[p] <= last && m.known.has(p) }
}

// timelyBool does for conditions on times what [compiler.boolean] does for all.
func (c *compiler) timelyBool(q esq.BoolQuery) placeTest {
	must, all := c.allTimely(slices.Concat(q.Must, q.Filter))
	not, allNot := c.allTimely(q.MustNot)
	should, allShould := c.allTimely(q.Should)
	if !all || !allNot || !allShould || len(must)+len(not)+len(should) == 0 {
		return nil
	}
	least := least(q, len(must), len(should))
	return func(p int32) bool {
		n := least
		for i := 0; i < len(should) && n > 0; i++ {
			if should[i](p) {
				n--
			}
		}
		return n <= 0 && holdsAt(must, p) && !slices.ContainsFunc(not, func(t placeTest) bool { return t(p) })
	}
}

func (c *compiler) allTimely(qs []esq.Query) (tests []placeTest, ok bool) {
	for _, q := range qs {
		t := c.timely(q)
		if t == nil {
			return nil, false
		}
		tests = append(tests, t)
	}
	return tests, true
}
