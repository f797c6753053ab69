package eql

import "fmt"

// Pos is a place in the text of an expression.
type Pos struct {
	Offset int // bytes from the start, from 0
	Line   int // from 1
	Column int // characters from the start of the line, from 1
}

// Span is the text of a node: from its first character up to, not including,
// the place after its last.
type Span struct{ Start, End Pos }

// SyntaxError says what is wrong with an expression, and where.
type SyntaxError struct {
	Line, Column int // from 1, as in [Pos]
	Msg          string
	Err          error // the binder's error, if it is one
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg) }

// Unwrap returns the error of the function given to [Compile], if that is the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

func errorAt(at Pos, format string, args ...any) *SyntaxError {
	return &SyntaxError{Line: at.Line, Column: at.Column, Msg: fmt.Sprintf(format, args...)}
}
