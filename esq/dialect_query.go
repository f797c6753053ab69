package esq

import "slices"

// parts returns queries that together accept what q accepts, each within the
// limits: nearly always q itself, alone. A document may be accepted by several
// of them.
//
// Engines count all leaves of a query, so nesting does not help a long list of
// alternatives. Terms on one field are joined into one terms query, which is
// one leaf; other alternatives are dealt out to several queries. Where a query
// is too long and no list of alternatives makes it so, it is returned as it is,
// for the engine to decide.
func (l limits) parts(q Query) []Query {
	q = l.chunk(q)
	if leaves(q) <= l.clauses {
		return []Query{q}
	}
	return divide(l.chunk(join(q)), l.clauses)
}

// leaves counts the leaves of a query.
func leaves(q Query) int {
	switch q := q.(type) {
	case BoolQuery:
		n := 0
		for _, list := range [][]Query{q.Must, q.Filter, q.Should, q.MustNot} {
			for _, c := range list {
				n += leaves(c)
			}
		}
		return n
	case Nested:
		return leaves(q.Query)
	}
	return 1
}

// rewrite applies f to every node of q, children first.
func rewrite(q Query, f func(Query) Query) Query {
	each := func(list []Query) []Query {
		if list == nil {
			return nil
		}
		out := make([]Query, len(list))
		for i, c := range list {
			out[i] = rewrite(c, f)
		}
		return out
	}
	switch n := q.(type) {
	case BoolQuery:
		n.Must, n.Filter, n.Should, n.MustNot = each(n.Must), each(n.Filter), each(n.Should), each(n.MustNot)
		q = n
	case Nested:
		n.Query = rewrite(n.Query, f)
		q = n
	}
	return f(q)
}

// chunk breaks up lists of values that are too long for one query.
func (l limits) chunk(q Query) Query {
	return rewrite(q, func(q Query) Query {
		switch q := q.(type) {
		case Terms:
			return anyOf(q.Values, l.terms, func(vs []Value) Query { return Terms{Field: q.Field, Values: vs} }, q)
		case IDs:
			return anyOf(q.Values, l.ids, func(vs []string) Query { return IDs{Values: vs} }, q)
		}
		return q
	})
}

func anyOf[T any](values []T, most int, query func([]T) Query, whole Query) Query {
	if len(values) <= most {
		return whole
	}
	var some []Query
	for chunk := range slices.Chunk(values, most) {
		some = append(some, query(chunk))
	}
	return Or(some...)
}

// alternatives reports whether q asks for at least one of its Should, which is
// what makes a bool query a list of alternatives.
func alternatives(q BoolQuery) bool {
	return len(q.Should) > 0 &&
		(q.MinimumShouldMatch == 1 || q.MinimumShouldMatch == 0 && len(q.Must) == 0 && len(q.Filter) == 0)
}

// join turns alternatives that are terms of one field into one terms query.
func join(q Query) Query {
	return rewrite(q, func(q Query) Query {
		b, ok := q.(BoolQuery)
		if !ok || !alternatives(b) {
			return q
		}
		b.Should = joinTerms(b.Should)
		return b
	})
}

func joinTerms(should []Query) []Query {
	var out []Query
	at := map[string]int{} // field -> its terms query's place in out
	for _, c := range should {
		field, values := exactTerms(c)
		if len(values) == 0 {
			out = append(out, c)
			continue
		}
		i, seen := at[field]
		if !seen {
			at[field] = len(out)
			out = append(out, Terms{Field: field, Values: slices.Clone(values)})
			continue
		}
		joined := out[i].(Terms)
		joined.Values = append(joined.Values, values...)
		out[i] = joined
	}
	return out
}

func exactTerms(q Query) (field string, values []Value) {
	switch q := q.(type) {
	case Term:
		if !q.CaseInsensitive {
			return q.Field, []Value{q.Value}
		}
	case Terms:
		return q.Field, q.Values
	}
	return "", nil
}

// divide returns queries of at most budget leaves each that together accept
// what q accepts.
func divide(q Query, budget int) []Query {
	if leaves(q) <= budget {
		return []Query{q}
	}
	switch q := q.(type) {
	case Nested:
		return mapped(divide(q.Query, budget), func(c Query) Query { return Nested{Path: q.Path, Query: c} })
	case BoolQuery:
		return divideBool(q, budget)
	}
	return []Query{q}
}

// divideBool divides the longest list of alternatives of q, and what comes of
// it again where that is still too long.
func divideBool(q BoolQuery, budget int) []Query {
	for _, pieces := range [][]Query{
		divideShould(q, budget),
		divideOne(q, q.Filter, budget, func(part *BoolQuery, list []Query) { part.Filter = list }),
		divideOne(q, q.Must, budget, func(part *BoolQuery, list []Query) { part.Must = list }),
	} {
		if len(pieces) < 2 {
			continue
		}
		var parts []Query
		for _, piece := range pieces {
			parts = append(parts, divide(piece, budget)...)
		}
		return parts
	}
	return []Query{q}
}

// room is how many leaves a piece of part may have, what stands beside it in
// whole going into every part. Where that alone is long it is divided later.
func room(whole BoolQuery, part, budget int) int {
	return max(budget-(leaves(whole)-part), budget/2, 1)
}

// divideShould deals the alternatives of q out to several queries.
func divideShould(q BoolQuery, budget int) []Query {
	if !alternatives(q) {
		return nil
	}
	lists := dealOut(q.Should, room(q, leaves(BoolQuery{Should: q.Should}), budget))
	return mapped(lists, func(should []Query) Query {
		part := q
		part.Should, part.MinimumShouldMatch = should, 1
		return part
	})
}

// divideOne divides the longest of the conditions in list, which is one of q's.
func divideOne(q BoolQuery, list []Query, budget int, set func(*BoolQuery, []Query)) []Query {
	i := longest(list)
	if i < 0 {
		return nil
	}
	pieces := divide(list[i], room(q, leaves(list[i]), budget))
	return mapped(pieces, func(piece Query) Query {
		with := slices.Clone(list)
		with[i] = piece
		part := q
		set(&part, with)
		return part
	})
}

// dealOut puts alternatives into as few lists of at most so many leaves as their
// order allows.
func dealOut(should []Query, most int) [][]Query {
	var lists [][]Query
	var list []Query
	used := 0
	for _, c := range should {
		for _, piece := range divide(c, most) {
			if n := leaves(piece); used > 0 && used+n > most {
				lists, list, used = append(lists, list), nil, 0
			}
			list = append(list, piece)
			used += leaves(piece)
		}
	}
	return append(lists, list)
}

func longest(list []Query) int {
	at := -1
	for i, c := range list {
		if at < 0 || leaves(c) > leaves(list[at]) {
			at = i
		}
	}
	return at
}

func mapped[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, c := range list {
		out[i] = f(c)
	}
	return out
}
