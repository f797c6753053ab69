// Package memory is the embedded engine: it answers the query tree of package
// esq over documents held in memory, as a cluster would whose indices have the
// mapping at hand (see [Mapping] and [ECS]).
//
// The way of a document: its source is kept as it came, as one string, and is
// taken apart once, when it is written, into leaves (field, place in the
// source). A query is compiled against one index into a function over the
// leaves of one document. What an index would refuse, a query of the wrong type
// for a field, is an [esq.ResponseError] with status 400 here too.
//
// An engine that is told beforehand what it will be asked ([Engine.Narrow])
// reads files without making anything of what no question speaks of: lines are
// stepped over byte by byte, two chunks of them at once, and of the documents
// that some question may find only the fields in question are kept.
//
// Where the embedded engine is more lenient than a cluster: it takes documents
// that a cluster would refuse for their types (a text where another document
// has an object, a word in a boolean field) and finds them by their other
// fields.
package memory
