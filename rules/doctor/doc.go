// Package doctor says whether a rule can fire on the data that there is, and if
// not, why and what to do.
//
// It looks at every source of every stage: which indices there are, how many
// documents each further condition leaves, which fields fill the columns that
// the rule needs, how late events come, and what the user may not do. It changes
// nothing, reads no clock but the one it is given, and asks an engine only what
// a run could ask, beside what [Site] is for.
//
// # What it calls unable to fire
//
// A rule cannot fire if a stage that must have an event has no source that could
// bring one: no index, no document of the source's own filter, a condition that
// needs a column which no document has; if a join's columns are never filled by
// sources that work together; if a question that every run asks is refused; or
// if a condition asks one field for a phrase that the very documents hold in
// another. That nothing happened lately makes no rule unable: where a source has
// documents, and had some of its filter before, the rule can fire.
package doctor
