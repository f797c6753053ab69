package esq

// Parts returns the queries that q goes out as, with limits that are low
// enough for small tests.
func Parts(q Query, terms, clauses int) []Query {
	return limits{terms: terms, ids: terms, clauses: clauses}.parts(q)
}

// Leaves counts the leaves of a query.
func Leaves(q Query) int { return leaves(q) }

// SetPages makes all pages n hits or groups long.
func (c *Cluster) SetPages(n int) {
	c.pages.first, c.pages.some, c.pages.most = n, n, n
	c.dialect.limits.groups = n
}

// SetMaxClauses makes queries go out in parts of at most n leaves.
func (c *Cluster) SetMaxClauses(n int) { c.dialect.limits.clauses = n }
