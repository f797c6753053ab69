// Package eql is the expression language of rules: the conditions of Elastic's
// Event Query Language, in EQL's grammar, over rows instead of documents.
//
// [ParseExpr] and [ParseEvent] read text into a syntax tree ([Expr]) whose
// nodes know where they stand. [Print] writes a tree back. [Compile] checks a
// tree and makes a [Program] that is evaluated over rows; [Translate] makes a
// query that an engine can answer and that never misses a row the program
// would accept.
//
// # Where it differs from EQL
//
// Logic has two values. A comparison with a missing value is false, != is
// "not ==" and therefore true for a missing value, and == null and != null ask
// for absence. A column may have several values: a comparison holds if it does
// for some of them, functions map over every combination of their arguments'
// values. Two columns may be compared; a string never equals a number.
//
// The operator : takes, besides EQL's literals, any value on its right side;
// it then compares without regard to the case of ASCII letters, and nothing in
// the data is ever a wildcard. The same folding is behind every operator and
// function with a ~.
//
// The functions are EQL's: add, between, cidrMatch, concat, divide, endsWith,
// indexOf, length, modulo, multiply, number, startsWith, string,
// stringContains, substring, subtract. One that misses an argument, or gets one
// of the wrong type, has no value, and a division by zero has none. Positions
// and lengths count characters; number leaves numbers as they are. Regular
// expressions are Lucene's as far as Go has the same; the rest is refused.
//
// Four functions are not:
//
//   - split(text, separator, index) is the index-th piece of text between
//     separators, counted from 0, or from the end by negative numbers; missing
//     when there is no such piece, and for an empty separator.
//   - after(text, separator) is what follows the first separator in text, and
//     text itself when there is none.
//   - all(stage.column), alone at the right of in, is the set of that column's
//     values over the rows of an earlier stage.
//   - matched(stage.column) is those values of the column that satisfied the
//     stage's condition.
package eql
