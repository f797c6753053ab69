// Package kuery reads the Kibana Query Language, the language of most of the
// published detection rules, and turns it into the query tree of package esq.
//
// [Parse] gives a syntax tree with positions, [Print] writes one back as text
// that parses to an equal tree, and [Translate] makes the query that Kibana's
// detection engine would send if it knew no field's type: leading wildcards
// are allowed, and what a value means is left to the mapping.
//
// The language is Kibana's own, including its less obvious corners:
//
//   - A value without quotes runs on until an operator, a keyword between
//     spaces or a bracket: message:no such file is one value of three words.
//   - Numbers stay text; true, false and null without quotes are themselves.
//   - "not" with a space after it is a keyword even at the end of a longer
//     word, so message:cannot open has to be quoted or escaped.
//   - "not" cannot follow "not" but in brackets: not (not a).
//   - Free text inside a nested field, user:{ ada }, finds nothing.
//
// One corner is mended: \not as a word of its own is the word "not", as Kibana
// writes it itself, where its parser reads a line break and "ot".
package kuery
