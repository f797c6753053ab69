package sequence

import (
	"fmt"

	"github.com/stitchdetect/stitch/esq/eql"
)

// Part is the part of a [Spec] that an [Error] is about.
type Part uint8

// The parts of a spec.
const (
	PartStage   Part = iota // the stage as a whole: its ID, Columns or Pick
	PartJoin                // Stage.Join; Error.Span says where in its text
	PartAfter               // Stage.After[Error.Index]
	PartMaxSpan             // Spec.MaxSpan
	PartBy                  // Spec.By[Error.Index]
)

// Problem is what is wrong.
type Problem uint8

// The problems [Compile] finds.
const (
	UnknownStage  Problem = iota // no stage has this ID
	UnknownColumn                // the stage has no such column
	NamesItself                  // a join or After names the stage it belongs to
	NamesLater                   // a join or After names a stage that comes later
	Duplicate                    // a stage ID, column or After occurs twice
	BadName                      // an ID that is empty or dotted
	BadDuration                  // a negative duration
	BadPick                      // no such [Pick]
	BadFunction                  // a function over sets, which a join cannot ask for
	BadExpression                // an expression that cannot be evaluated; Err says why
	NamesAbsent                  // a join, After or By names an absent stage
	AbsentPicks                  // an absent stage has a Pick
	NothingAbove                 // an absent stage has only absent ones before it, or none
	NotBetween                   // Between of a stage that is not absent, or that is the last
)

// Error is one problem of a [Spec]. [Compile] joins all it finds with
// errors.Join.
type Error struct {
	Stage   string // the ID of the stage it occurs in; "" for MaxSpan and By
	Part    Part
	Index   int // into Stage.After or Spec.By
	Span    eql.Span
	Problem Problem
	Name    string // the name that is wrong
	Nearest string // the known name nearest to it, or ""
	Err     error  // the cause of a BadExpression
}

func (e *Error) Error() string {
	return e.where() + e.what()
}

func (e *Error) where() string {
	switch e.Part {
	case PartMaxSpan:
		return "maxspan: "
	case PartBy:
		return fmt.Sprintf("by %d: ", e.Index+1)
	case PartJoin:
		return fmt.Sprintf("stage %q: join: ", e.Stage)
	case PartAfter:
		return fmt.Sprintf("stage %q: after: ", e.Stage)
	}
	return fmt.Sprintf("stage %q: ", e.Stage)
}

func (e *Error) what() string {
	hint := ""
	if e.Nearest != "" {
		hint = fmt.Sprintf("; did you mean %q?", e.Nearest)
	}
	switch e.Problem {
	case UnknownStage:
		return fmt.Sprintf("unknown stage %q%s", e.Name, hint)
	case UnknownColumn:
		return fmt.Sprintf("unknown column %q%s", e.Name, hint)
	case NamesItself:
		return fmt.Sprintf("%q names the stage itself; its own columns go without its id", e.Name)
	case NamesLater:
		return fmt.Sprintf("%q names a later stage; only earlier stages can be named", e.Name)
	case Duplicate:
		return fmt.Sprintf("%q occurs twice", e.Name)
	case BadName:
		return fmt.Sprintf("%q cannot be a name: it must not be empty or have a dot", e.Name)
	case BadDuration:
		return fmt.Sprintf("%s is negative", e.Name)
	case BadPick:
		return "unknown pick"
	case BadFunction:
		return fmt.Sprintf("%s() has no meaning in a join", e.Name)
	case BadExpression:
		return e.Err.Error()
	case NamesAbsent:
		return fmt.Sprintf("%q is absent: there is no row of it to name", e.Name)
	case AbsentPicks:
		return "an absent stage has no row to pick"
	case NothingAbove:
		return "an absent stage needs a stage above it that is not absent"
	case NotBetween:
		return "only an absent stage with another below it that is not can be between"
	}
	return "unknown problem"
}

// Unwrap returns the cause, if there is one.
func (e *Error) Unwrap() error { return e.Err }
