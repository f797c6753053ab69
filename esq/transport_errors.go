package esq

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxReason bounds how much of an engine's words an error carries, in bytes.
const maxReason = 500

// Refused reports whether err is an engine's refusal of the user: 401 (who is
// it?) or 403 (may not).
func Refused(err error) bool {
	var refusal *ResponseError
	return errors.As(err, &refusal) &&
		(refusal.Status == http.StatusUnauthorized || refusal.Status == http.StatusForbidden)
}

// UnsupportedError says that what answered is no engine that stitch works with.
type UnsupportedError struct {
	Product, Version string // as far as known
	Need             string // what would do
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s %s is not supported: %s", e.Product, e.Version, e.Need)
}

// A cause is one node of an engine's error: the same shape occurs as error,
// root_cause, caused_by and a failed shard's reason.
type cause struct {
	Type         string  `json:"type"`
	Reason       string  `json:"reason"`
	Index        string  `json:"index"`
	RootCause    []cause `json:"root_cause"`
	CausedBy     *cause  `json:"caused_by"`
	FailedShards []struct {
		Index  string `json:"index"`
		Reason *cause `json:"reason"`
	} `json:"failed_shards"`
}

// parseRefusal reads the answer to a request that failed, whoever wrote it: an
// engine, its security plugin or a proxy; some repeat what they were sent. Kinds
// are all types it names.
func parseRefusal(op string, status int, body []byte, hide *secrets) (refusal *ResponseError, kinds map[string]bool) {
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	var c cause
	if json.Unmarshal(body, &answer) == nil && len(answer.Error) > 0 {
		if json.Unmarshal(answer.Error, &c) != nil {
			// Some errors are a sentence instead of an object.
			c = cause{}
			_ = json.Unmarshal(answer.Error, &c.Reason)
		}
	}
	if c.Type == "" && c.Reason == "" {
		c.Reason = string(body)
	}
	kinds = map[string]bool{}
	c.kinds(kinds)
	hide.in(&c)
	return c.refusal(op, status), kinds
}

// refusal tells the error by its root: a search that failed on all shards says
// nothing, why the first of them failed does.
func (c *cause) refusal(op string, status int) *ResponseError {
	root := c
	if len(c.RootCause) > 0 && c.RootCause[0].Type != "" {
		root = &c.RootCause[0]
	}
	reason := root.Reason
	if deepest := c.deepest(); deepest.Reason != "" && !strings.Contains(reason, deepest.Reason) {
		reason += ": " + deepest.Reason
	}
	if index := c.index(root); index != "" && !strings.Contains(reason, index) {
		reason += " (index " + index + ")"
	}
	if reason == "" {
		reason = http.StatusText(status)
	}
	return &ResponseError{Op: op, Status: status, Type: root.Type, Reason: oneLine(reason)}
}

// deepest follows caused_by to its end, through the first failed shard if that
// is where it starts.
func (c *cause) deepest() *cause {
	at := c
	if len(c.FailedShards) > 0 && c.FailedShards[0].Reason != nil {
		at = c.FailedShards[0].Reason
	}
	for at.CausedBy != nil {
		at = at.CausedBy
	}
	return at
}

func (c *cause) index(root *cause) string {
	if root.Index == "" && len(c.FailedShards) > 0 {
		return c.FailedShards[0].Index
	}
	return root.Index
}

func (c *cause) kinds(into map[string]bool) {
	if c == nil {
		return
	}
	into[c.Type] = true
	c.CausedBy.kinds(into)
	for i := range c.RootCause {
		c.RootCause[i].kinds(into)
	}
	for _, f := range c.FailedShards {
		f.Reason.kinds(into)
	}
}

// oneLine makes text fit for an error message: printable, one line, bounded.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) <= maxReason {
		return text
	}
	cut := maxReason
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// hide returns err with another text where its own tells a secret. It can still
// be asked what it is.
func (s *secrets) hide(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		err = fmt.Errorf("%s: %w", at.Op, at.Err)
	}
	if text := s.scrub(err.Error()); text != err.Error() {
		return &hiddenError{text: text, err: err}
	}
	return err
}

// A hiddenError does not unwrap, so that nobody prints what is behind it.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string        { return e.text }
func (e *hiddenError) Is(target error) bool { return errors.Is(e.err, target) }
