package esq

import (
	"context"
	"encoding/json"
	"time"
)

// Searcher answers questions about documents. Every method either answers
// about all documents that match or fails: a shard that did not answer, a
// time-out or a page that was cut short is a [*PartialError], never a shorter
// answer. An index pattern that matches nothing is no error; the answer's
// [Stats] say so.
type Searcher interface {
	// Search calls yield for every match, ordered by s.Time and then in an
	// order that is the same for the same documents. It stops at the first
	// error yield returns, and returns that error.
	Search(ctx context.Context, s Search, yield func(Hit) error) (Stats, error)
	// Count returns how many documents match.
	Count(ctx context.Context, indices []string, q Query) (int64, Stats, error)
	// Group calls yield for every group of the matches, in the order of the keys.
	Group(ctx context.Context, g Grouping, yield func(Group) error) (Stats, error)
	// Ask puts several questions at once and hands over their answers in their
	// order, each as if it had been asked by itself. The stats are parallel to the
	// questions; what they took together is in the first. The error is a
	// [*QuestionError].
	Ask(ctx context.Context, questions []Question) ([]Stats, error)
	// FieldCaps returns what the indices know of the fields, by field name.
	// A field that no index maps is absent from the answer.
	FieldCaps(ctx context.Context, indices, fields []string) (map[string]FieldCap, error)
}

// Search asks for documents.
type Search struct {
	Indices []string // names or patterns; a missing one is skipped
	Query   Query
	Time    string  // the date field that orders the hits; documents without it come last
	Fields  []Field // what to read of each document
	Limit   int     // stop after so many hits; 0 for all
	// Many says that more hits are expected than one answer should hold.
	Many bool
	// Known, if set, says of which documents everything is known already: their
	// hits may come without values.
	Known func(index, id string) bool
}

// Field names the values to read from a document's source. The path's objects
// may be nested or dotted, its leaves scalars or arrays, its objects alone or
// in arrays.
type Field struct {
	Path string // dotted, e.g. "source.ip"
	// Where, if not empty, keeps only leaves whose innermost object has, under
	// each of these keys, the given value: {"Type": "ip"}.
	Where map[string]string
}

// Hit is one document that matched.
type Hit struct {
	Index, ID string    // the concrete index and _id
	Values    [][]Value // one list per [Search.Fields]; empty where the document has none
}

// Grouping asks for the groups of the matching documents, as a composite
// aggregation with missing_bucket: a document with several values in By counts
// once per combination, one without a value has the null Value as its key.
type Grouping struct {
	Indices []string
	Query   Query
	By      []string // fields
	Time    string   // the date field whose bounds are wanted
	// Every, if not 0, parts each group by Time into stretches of this length,
	// whole milliseconds, counted from 1970. A document without a time is in no
	// group then, one with several times is in the stretch of each.
	Every time.Duration
}

// Group is one bucket: its key, how many documents fell into it, and their
// first and last time.
type Group struct {
	Key         []Value
	Start       time.Time // of its stretch; zero without [Grouping.Every]
	Count       int64
	First, Last time.Time
}

// FieldCap is what the indices know of one field.
type FieldCap struct {
	Types        []string // sorted; more than one is a conflict between indices
	Searchable   bool     // everywhere it is mapped
	Aggregatable bool     // everywhere it is mapped
	// Silent says that a text too long for the field's index (ignore_above) is
	// not listed in the document's _ignored, as OpenSearch does: no query can
	// tell such a document from one without the field.
	Silent bool
}

// Stats is what an answer cost and what was noticed on the way.
type Stats struct {
	Requests int           // round trips
	Took     time.Duration // the engine's own time, summed
	Hits     int64         // hits or groups handed over
	NoIndex  bool          // none of the patterns matched an index
	// Broken names documents that a search could not place in time, a bounded
	// sample of them ("INDEX/ID: why"); BrokenCount is how many there are.
	Broken      []string
	BrokenCount int64
}

// Add sums b into s.
func (s *Stats) Add(b Stats) {
	s.Requests += b.Requests
	s.Took += b.Took
	s.Hits += b.Hits
	s.Broken = append(s.Broken, b.Broken...)
	s.BrokenCount += b.BrokenCount
}

// Store keeps documents by id: alerts and stitch's own state.
type Store interface {
	// Get reads documents by id from concrete indices or aliases of one index,
	// as of now, not as of the last refresh. One that is not there has
	// Document.Found false; the answer is parallel to refs.
	Get(ctx context.Context, refs []Ref) ([]Document, error)
	// Bulk writes, or deletes, all of ops and returns one outcome per op, in order. An
	// error means that nothing is known of any op; a single op's failure is in
	// its outcome. With refresh the writes are visible to searches on return.
	Bulk(ctx context.Context, ops []Write, refresh bool) ([]Outcome, error)
	// Find returns the documents that match, whole, of indices or patterns
	// (missing ones are skipped), as of the last refresh, at most limit.
	Find(ctx context.Context, indices []string, q Query, limit int) ([]Document, error)
}

// Ref names a document.
type Ref struct{ Index, ID string }

// Document is a whole stored document.
type Document struct {
	Ref
	Found       bool
	SeqNo       int64
	PrimaryTerm int64
	Source      json.RawMessage
}

// Write is one operation of a bulk request.
type Write struct {
	Ref
	Create bool // fail with status 409 if the id is there already
	// Delete takes the document away; there is no source then. One that is not
	// there fails with status 404, or, with Match, 409.
	Delete bool
	// Match, if set, writes only over this version of the document (its SeqNo
	// and PrimaryTerm), else fails with status 409.
	Match  *Document
	Source json.RawMessage
}

// Outcome is what became of one [Write].
type Outcome struct {
	Status      int // HTTP status: 200 and 201 are successes, 409 a conflict, 404 nothing to delete
	SeqNo       int64
	PrimaryTerm int64
	Err         error // *ResponseError, or nil
}

// Engine is all of it: what a run needs.
type Engine interface {
	Searcher
	Store
}
