package esq

import "fmt"

// PartialError says that an engine answered about a part of the documents
// only. The work it belongs to must not count as done.
type PartialError struct {
	Op     string // "search", "count", ...
	Reason string // "2 of 3 shards answered"
}

func (e *PartialError) Error() string { return e.Op + ": answer is not whole: " + e.Reason }

// ResponseError is an engine's refusal.
type ResponseError struct {
	Op     string // what was asked: "search logs-*"
	Status int    // HTTP status
	Type   string // the engine's error.type, e.g. "index_not_found_exception"
	Reason string // the engine's words, bounded
}

func (e *ResponseError) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", e.Op, e.Status, e.Type, e.Reason)
}

// UnreachableError says that no answer came at all.
type UnreachableError struct {
	Op  string
	Err error
}

func (e *UnreachableError) Error() string { return fmt.Sprintf("%s: no answer: %v", e.Op, e.Err) }

// Unwrap returns the transport's error.
func (e *UnreachableError) Unwrap() error { return e.Err }
