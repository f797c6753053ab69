package mappings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ownPaths are the fields besides [ecsColumns] that belong to stitch: an
// update replaces them, whole, and removes those that the alert no longer has.
// All other fields belong to whoever wrote them. Of kibana.alert.* those about
// the alert's state (status, workflow_status and so on) are the analyst's: they
// are written once and never again.
var ownPaths = []string{
	"message", "ecs.version",
	"event.kind", "event.module", "event.start", "event.end",
	"rule.id", "rule.name", "rule.description", "rule.author", "rule.license", "rule.reference", "rule.version",
	"threat.framework", "threat.tactic", "threat.technique",
	"related.user", "related.hosts", "related.ip", "related.hash",
	"kibana.alert.uuid", "kibana.alert.reason", "kibana.alert.start",
	"kibana.alert.original_time", "kibana.alert.depth", "kibana.alert.ancestors",
	"kibana.alert.severity", "kibana.alert.risk_score", "kibana.alert.rule",
	"stitch",
}

// theirPaths are the fields under "stitch" that are not the scheduler's: what
// analysts did about the alert, and who was told of it. Whatever else is done to
// an alert, they stay as they are.
var theirPaths = []string{"stitch.triage", "stitch.notifications"}

// writingFields say when a document was written, how often, and by which
// evaluation.
var writingFields = []string{"@timestamp", "event.created", "stitch.updated", "stitch.version", "stitch.ticket", "stitch.window"}

// Update brings a stored alert document up to fresh: stitch's own fields are
// replaced, and everything else (the first time of writing, the status, tags
// and comments of an analyst, stitch.triage, stitch.notifications, any unknown
// field) stays as it is. changed is
// false, and doc is stored, if stitch's own fields are equal already, whichever
// run wrote them for whichever window. An alert that was retracted is active again.
func Update(stored json.RawMessage, fresh Alert) (doc json.RawMessage, changed bool, err error) {
	return update(stored, fresh, fresh.content())
}

// update is [Update] with the content that stitch's own fields are to have.
func update(stored json.RawMessage, fresh Alert, content object) (doc json.RawMessage, changed bool, err error) {
	before, err := decode(stored)
	if err != nil {
		return nil, false, fmt.Errorf("read alert %s: %w", fresh.ID, err)
	}
	was := writingOf(before)

	after := before
	if retracted(before) {
		reactivate(after)
	}
	for _, path := range slices.Concat(ownPaths, ecsColumns) {
		removeExcept(after, path, theirPaths)
	}
	was.put(content)
	merge(after, content)
	if doc, err = encodeLike(after, len(stored)+len(stored)/8); err != nil {
		return nil, false, fmt.Errorf("update alert %s: %w", fresh.ID, err)
	}
	same, err := spells(stored, doc)
	if err != nil {
		return nil, false, fmt.Errorf("update alert %s: %w", fresh.ID, err)
	}
	if same {
		return stored, false, nil
	}

	was.next(Time(fresh.Written), fresh.Ticket, fresh.Window).put(after)
	if doc, err = encodeLike(after, len(stored)+len(stored)/8); err != nil {
		return nil, false, fmt.Errorf("update alert %s: %w", fresh.ID, err)
	}
	return doc, true, nil
}

// spells reports whether a stored document, however it is written, is doc as
// [Encode] writes it.
func spells(stored, doc json.RawMessage) (bool, error) {
	if bytes.Equal(stored, doc) {
		return true, nil
	}
	o, err := decode(stored)
	if err != nil {
		return false, err
	}
	raw, err := encodeLike(o, len(stored))
	return err == nil && bytes.Equal(raw, doc), err
}

// WithoutWriting returns an alert document without the fields that say when
// and how often it was written, what was done about it and who was told: what
// must be equal wherever and whenever the same evidence makes an alert.
func WithoutWriting(doc json.RawMessage) (json.RawMessage, error) {
	o, err := decode(doc)
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Concat(writingFields, theirPaths) {
		remove(o, path)
	}
	return Encode(o)
}

// writing is when a document was written by stitch, how often and by which
// evaluation. One that lacks these (someone removed them) counts as version 0
// and so as changed.
type writing struct {
	version int64
	updated string
	ticket  int64  // 0 for none
	window  object // nil for none
}

func writingOf(doc object) writing {
	inner, _ := doc["stitch"].(object)
	w := writing{version: integer(inner["version"]), ticket: integer(inner["ticket"])}
	w.updated, _ = inner["updated"].(string)
	w.window, _ = inner["window"].(object)
	return w
}

func integer(v any) int64 {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return i
}

// next is the writing that follows this one. A ticket never falls.
func (w writing) next(updated string, ticket int64, window Window) writing {
	return writing{version: w.version + 1, updated: updated, ticket: max(w.ticket, ticket), window: window.object()}
}

// put sets the fields in a document.
func (w writing) put(d object) {
	put(d, "stitch.version", w.version)
	put(d, "stitch.updated", w.updated)
	remove(d, "stitch.ticket")
	if w.ticket > 0 {
		put(d, "stitch.ticket", w.ticket)
	}
	remove(d, "stitch.window")
	if len(w.window) > 0 {
		put(d, "stitch.window", w.window)
	}
}

// remove deletes the field at a dotted path, however its objects are spelled,
// and the objects that become empty thereby.
func remove(o object, path string) { removeExcept(o, path, nil) }

// removeExcept is [remove] without what lies at some paths below.
func removeExcept(o object, path string, kept []string) { removeBelow(o, "", path, kept) }

// removeBelow is removeExcept for an object that lies at a prefix: "", or a path
// with a dot at its end.
func removeBelow(o object, prefix, path string, kept []string) {
	for key, v := range o {
		full := prefix + key
		inner, _ := v.(object)
		switch {
		case slices.ContainsFunc(kept, func(k string) bool { return isWithin(full, k) }):
			// It stays, and all below it.
		case isWithin(full, path) && !slices.ContainsFunc(kept, func(k string) bool { return isWithin(k, full) }):
			delete(o, key)
		case isWithin(full, path), isWithin(path, full) && len(inner) > 0:
			if removeBelow(inner, full+".", path, kept); len(inner) == 0 {
				delete(o, key)
			}
		}
	}
}

// isWithin reports whether a dotted path is another or lies below it.
func isWithin(path, other string) bool {
	return strings.HasPrefix(path, other) && (len(path) == len(other) || path[len(other)] == '.')
}

// merge sets src's fields in dst, object by object.
func merge(dst, src object) {
	for _, key := range slices.Sorted(maps.Keys(src)) {
		from, isObject := src[key].(object)
		into, wasObject := dst[key].(object)
		if isObject && wasObject {
			merge(into, from)
		} else {
			dst[key] = src[key]
		}
	}
}
