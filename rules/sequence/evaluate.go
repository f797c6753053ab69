package sequence

import "slices"

// test is a condition in a problem, with what is known of it already.
type test struct {
	*condition
	single   bool // of a spread column, only the row's one value
	implied  bool // an equality that others make true in every chain; see [bound]
	classes  map[int][]int32
	verdicts hashTable // by classes: heldNot or held
	rarity   uint8     // whether rows are mostly the same to it as others; not looked yet if 0
}

const (
	heldNot = 1 + iota
	held
)

const (
	common = 1 + iota
	rare
)

func newTest(c *condition, single bool) *test {
	return &test{condition: c, single: single, classes: map[int][]int32{}}
}

// rememberedVerdicts bounds the memory of a test; rows with values that
// nobody shares gain nothing from it.
const rememberedVerdicts = 1 << 18

// holds evaluates a test over the rows in q.env, once for all rows with the
// same values. That is not remembered for rows that are all different, unless
// the same rows are looked at again and again.
func (q *problem) holds(t *test) bool {
	if !q.again && q.rare(t) {
		return q.evaluate(t)
	}
	var key [2]int32
	for i, s := range t.stages {
		if i > 1 {
			key[0] = q.ids.pair(key[0], key[1])
		}
		key[min(i, 1)] = q.class(t, s)[q.env.at[s]]
	}
	verdict := t.verdicts.get(pairKey(key[0], key[1]))
	if verdict == 0 {
		verdict = heldNot
		if q.evaluate(t) {
			verdict = held
		}
		if t.verdicts.used < rememberedVerdicts {
			*t.verdicts.at(pairKey(key[0], key[1])) = verdict
		}
	}
	return verdict == held
}

func (q *problem) evaluate(t *test) bool {
	q.env.single = t.single
	q.cost.evals++
	return t.program.Holds(&q.env)
}

// rare reports whether some stage has hardly any rows that are the same to a test.
func (q *problem) rare(t *test) bool {
	if t.rarity == 0 {
		t.rarity = common
		if slices.ContainsFunc(t.stages, func(stage int) bool { return q.seemUnique(t, stage) }) {
			t.rarity = rare
		}
	}
	return t.rarity == rare
}

// classOf returns a number of a row; rows of the stage with the same one are the
// same to all of the tests.
func (q *problem) classOf(tests []*test, stage int, row int32) int32 {
	class := int32(0)
	for i, t := range tests {
		if own := q.class(t, stage)[row]; i == 0 {
			class = own
		} else {
			class = q.ids.pair(class, own)
		}
	}
	return class
}

// class returns a number per row of a stage; rows with the same one are the
// same to the test.
func (q *problem) class(t *test, stage int) []int32 {
	if classes, ok := t.classes[stage]; ok {
		return classes
	}
	classes := make([]int32, len(q.tables[stage].rows))
	if q.seemUnique(t, stage) {
		for row := range classes {
			classes[row] = int32(row)
		}
	} else {
		q.number(t, stage, classes)
	}
	t.classes[stage] = classes
	return classes
}

// number sets the classes of rows by the values of the columns that a test
// mentions.
func (q *problem) number(t *test, stage int, classes []int32) {
	first := true
	for _, c := range t.columns {
		if c.stage != stage {
			continue
		}
		for row, list := range q.lists(c, t.single) {
			if first {
				classes[row] = list
			} else {
				classes[row] = q.ids.pair(classes[row], list)
			}
		}
		first = false
	}
}

// sampled is how many rows are looked at to see whether values occur again.
const sampled = 64

// seemUnique reports whether hardly any rows of a stage are the same to a test,
// so that to number their values, only to find that each is its own, would be
// for nothing. It goes by rows from all over the stage.
func (q *problem) seemUnique(t *test, stage int) bool {
	rows := len(q.tables[stage].rows)
	if rows < sampled || q.tables[stage].spread != nil {
		return false
	}
	seen := map[string]bool{}
	var text []byte
	for i := range sampled {
		text = text[:0]
		for _, c := range t.columns {
			if c.stage != stage {
				continue
			}
			for _, v := range q.tables[stage].values(int32(i*rows/sampled), c.column, false) {
				text = append(append(text, v.String()...), 0)
			}
			text = append(text, 0)
		}
		seen[string(text)] = true
	}
	return len(seen) > sampled*3/4
}

// lists returns a number per row; rows with the same one have the same values
// in the column.
func (q *problem) lists(c slot, single bool) []int32 {
	t := q.tables[c.stage]
	if t.spread != nil && t.spread.column == c.column {
		if !single && t.lists[c.column] == nil {
			t.lists[c.column] = q.spreadLists(c)
		}
		if single {
			return q.listsOf(c, true)
		}
	}
	if t.lists[c.column] == nil {
		t.lists[c.column] = q.listsOf(c, false)
	}
	return t.lists[c.column]
}

func (q *problem) listsOf(c slot, single bool) []int32 {
	t := q.tables[c.stage]
	lists := make([]int32, len(t.rows))
	for row := range lists {
		lists[row] = q.ids.list(t.values(int32(row), c.column, single))
	}
	return lists
}

// spreadLists is listsOf for all values of the spread column, which are the
// same for every row with the same twin.
func (q *problem) spreadLists(c slot) []int32 {
	t := q.tables[c.stage]
	lists := make([]int32, len(t.rows))
	for row := range lists {
		if twin := t.twin[row]; int(twin) < row {
			lists[row] = lists[twin]
		} else {
			lists[row] = q.ids.list(t.values(int32(row), c.column, false))
		}
	}
	return lists
}
