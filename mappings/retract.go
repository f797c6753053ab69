package mappings

import (
	"encoding/json"
	"fmt"
	"time"
)

// Mark is what a later run must know of a stored alert.
type Mark struct {
	Ticket      int64  // of the run that wrote it, 0 if none is known
	Retracted   bool   // its evidence did not hold any more
	Fingerprint string // of the rule that made it
	Start, End  time.Time
	Window      Window // zero unless the rule is windowed
}

// ReadMark reads the mark of a stored alert. What is missing or garbled in it
// is zero; only what is no document at all is an error.
func ReadMark(stored json.RawMessage) (Mark, error) {
	o, err := decode(stored)
	if err != nil {
		return Mark{}, fmt.Errorf("read alert: %w", err)
	}
	return markOf(o), nil
}

func markOf(o object) Mark {
	stitch, _ := o["stitch"].(object)
	event, _ := o["event"].(object)
	window, _ := stitch["window"].(object)
	rule, _ := stitch["rule"].(object)
	m := Mark{
		Ticket: integer(stitch["ticket"]), Retracted: retracted(o),
		Start: instant(event["start"]), End: instant(event["end"]),
		Window: Window{instant(window["from"]), instant(window["to"])},
	}
	m.Fingerprint, _ = rule["fingerprint"].(string)
	return m
}

func instant(v any) time.Time {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

const (
	active    = "active"
	recovered = "recovered"
)

// Retract marks a stored alert as one that does not hold any more: the
// evidence that came later speaks against it. It stays where it is, with all
// that analysts made of it.
func Retract(stored json.RawMessage, ticket int64, now time.Time) (json.RawMessage, error) {
	o, err := decode(stored)
	if err != nil {
		return nil, fmt.Errorf("retract alert: %w", err)
	}
	was := writingOf(o)
	setDotted(o, "kibana.alert.status", recovered)
	setDotted(o, "kibana.alert.end", Time(now))
	put(o, "stitch.retracted", Time(now))
	next := was.next(Time(now), ticket, Window{})
	next.window = was.window
	next.put(o)
	return Encode(o)
}

// Stamp says of a stored alert that the run with this ticket found it as it is
// in a window.
func Stamp(stored json.RawMessage, ticket int64, window Window) (json.RawMessage, error) {
	o, err := decode(stored)
	if err != nil {
		return nil, fmt.Errorf("stamp alert: %w", err)
	}
	w := writingOf(o)
	w.ticket, w.window = max(w.ticket, ticket), window.object()
	w.put(o)
	return Encode(o)
}

func retracted(o object) bool {
	stitch, _ := o["stitch"].(object)
	return stitch["retracted"] != nil
}

// reactivate undoes what [Retract] did to fields that are not stitch's own,
// unless an analyst has changed them since.
func reactivate(o object) {
	remove(o, "kibana.alert.end")
	if o["kibana.alert.status"] == recovered {
		o["kibana.alert.status"] = active
	}
}

// setDotted sets a field whose name is one dotted key at the top, however it
// was spelled.
func setDotted(o object, path string, v any) {
	remove(o, path)
	o[path] = v
}
