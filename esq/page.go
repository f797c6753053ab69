package esq

import (
	"context"
	"time"
)

// Pager shows documents a page at a time, to a person who may never ask for
// the next one. Nothing is kept open between two pages: a document that is
// written meanwhile stands where it belongs, and no other moves to another
// page because of it.
type Pager interface {
	// Page returns the documents that follow p.After, at most p.Size. It answers
	// about all documents that match or fails, as a [Searcher] does, as of the
	// last refresh.
	Page(ctx context.Context, p Paging) (Sheet, error)
}

// Paging asks for one page: documents in the order of their time, the newest
// first, and of their keys where times are equal. Times count to the
// millisecond.
type Paging struct {
	Indices []string // names or patterns; a missing one is skipped
	Query   Query
	Time    string // a date field; documents without it come last
	Key     string // a keyword field, other in each document; those without it are left out
	After   *Place // of the last document seen; nil for the first page
	Size    int    // 1 to 10,000
	// Fields are the paths of the source that are read; all if there are none.
	// An answer may have more.
	Fields []string
}

// Place is where a document stands in the order of a [Paging].
type Place struct {
	Time time.Time // UTC; the beginning of 1970 for a document without one
	Key  string
}

// Sheet is one page.
type Sheet struct {
	Documents []Document
	Places    []Place // parallel to Documents
	Total     int64   // how many documents match, on all pages
	NoIndex   bool    // none of the patterns matched an index
}
