package triage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// Bounds of what an action says, in bytes.
const (
	MaxBy      = 256
	MaxReason  = 1000
	MaxComment = 10_000
	MaxAction  = 128 // of an action's id
)

// maxAttempts is how often an action is tried again because someone else wrote
// the alert meanwhile. Each time somebody's work was done.
const maxAttempts = 100

// InvalidError says that an action cannot be taken as it was given.
type InvalidError struct {
	Field  string // "reason", "comment", "name", "action id", "action", "time"
	Reason string
}

func (e *InvalidError) Error() string { return "the " + e.Field + " " + e.Reason }

// UnsureError says that an action may or may not have been done. To ask for it
// again, under the same id, does it once.
type UnsureError struct {
	Alert, Action string // ids
	Err           error
}

func (e *UnsureError) Error() string {
	return fmt.Sprintf("alert %s: it is not known whether it was done (%v); asked again with the action id %s it is done once", e.Alert, e.Err, e.Action)
}

// Unwrap returns what went wrong.
func (e *UnsureError) Unwrap() error { return e.Err }

// Result is what became of an action.
type Result struct {
	// Alert is as the action left it.
	Alert *Alert
	// Before is what analysts had made of it just before: whoever acts on what
	// he saw a while ago learns here what others have done since.
	Before mappings.Triage
	// Changed is false if it was done before, or says nothing new.
	Changed bool
}

// NewActionID returns an id for an action that no other has.
func NewActionID() string { return rand.Text() }

// Act does an action about an alert. Its ID, By and At must be set, of a
// closing the Reason and of a comment the Comment; From is filled in.
//
// It is written over the very version of the document that was read. If the
// scheduler, the notifier or another analyst was faster, it is done again on
// what they have left. When it returns, searches see it.
//
// Errors are an [*InvalidError] for an action that cannot be taken, an
// [*UnknownError] for an alert that is not there, a [*mappings.ActionError] for
// one to which it does not fit, and an [*UnsureError] where no answer came.
func Act(ctx context.Context, store esq.Store, names mappings.Names, id string, a mappings.Action) (Result, error) {
	if err := check(a); err != nil {
		return Result{}, err
	}
	for range maxAttempts {
		r, conflict, err := attempt(ctx, store, names, id, a)
		if err != nil || !conflict {
			return r, err
		}
	}
	return Result{}, fmt.Errorf("alert %s: someone else wrote it in each of %d attempts: try again", id, maxAttempts)
}

// attempt does an action once; conflict says that someone else was faster.
func attempt(ctx context.Context, store esq.Store, names mappings.Names, id string, a mappings.Action) (r Result, conflict bool, err error) {
	was, err := stored(ctx, store, names, id)
	if err != nil {
		return r, false, err
	}
	if r.Before, err = mappings.ReadTriage(was.Source); err != nil {
		return r, false, fmt.Errorf("alert %s: %w", id, err)
	}
	source, _, changed, err := mappings.Act(was.Source, a)
	if err != nil {
		return r, false, fmt.Errorf("alert %s: %w", id, err)
	}
	if r.Alert, err = Decode(source); err != nil {
		return r, false, fmt.Errorf("alert %s: %w", id, err)
	}
	r.Alert.Index, r.Changed = was.Index, changed
	if !changed {
		return r, false, nil
	}
	outcomes, err := store.Bulk(ctx, []esq.Write{{Ref: was.Ref, Match: &was, Source: source}}, true)
	switch {
	case err != nil:
		return r, false, unanswered(id, a, err)
	case len(outcomes) != 1:
		return r, false, &UnsureError{id, a.ID, errors.New("the answer is about another question")}
	case outcomes[0].Status == http.StatusConflict:
		return r, true, nil
	case outcomes[0].Err != nil:
		return r, false, fmt.Errorf("write alert %s: %w", id, outcomes[0].Err)
	}
	return r, false, nil
}

// unanswered is a failed request. One that was refused has done nothing.
func unanswered(id string, a mappings.Action, err error) error {
	refused, is := errors.AsType[*esq.ResponseError](err)
	if is && refused.Status < http.StatusInternalServerError {
		return fmt.Errorf("write alert %s: %w", id, err)
	}
	return &UnsureError{id, a.ID, err}
}

// check refuses what no history should have.
func check(a mappings.Action) error {
	switch a.Kind {
	case mappings.Acknowledge, mappings.Close, mappings.Reopen, mappings.Comment:
	default:
		return &InvalidError{"action", fmt.Sprintf("is %q; there are acknowledge, close, reopen and comment", a.Kind)}
	}
	if a.At.IsZero() {
		return &InvalidError{"time", "is missing"}
	}
	if a.Kind != mappings.Close && a.Reason != "" {
		return &InvalidError{"reason", "is for closing"}
	}
	return errors.Join(
		checkText("action id", a.ID, MaxAction, true, plainRune),
		checkText("name", a.By, MaxBy, true, nameRune),
		checkText("reason", a.Reason, MaxReason, a.Kind == mappings.Close, lineRune),
		checkText("comment", a.Comment, MaxComment, a.Kind == mappings.Comment, textRune),
	)
}

func checkText(field, text string, most int, needed bool, allowed func(rune) bool) error {
	switch {
	case needed && strings.TrimSpace(text) == "":
		return &InvalidError{field, "is missing"}
	case len(text) > most:
		return &InvalidError{field, fmt.Sprintf("has %d bytes; at most %d are taken", len(text), most)}
	case !utf8.ValidString(text):
		return &InvalidError{field, "is not UTF-8"}
	}
	for _, r := range text {
		if !allowed(r) {
			return &InvalidError{field, fmt.Sprintf("has the character U+%04X, which it may not have", r)}
		}
	}
	return nil
}

// plainRune is for ids: visible ASCII.
func plainRune(r rune) bool { return r > ' ' && r <= '~' }

// nameRune is for names, which must look like what they are.
func nameRune(r rune) bool { return unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r) }

// lineRune is for a line of text in any script.
func lineRune(r rune) bool { return !unicode.IsControl(r) && r != '\u2028' && r != '\u2029' }

// textRune is for text of several lines.
func textRune(r rune) bool { return r == '\n' || r == '\t' || lineRune(r) }
