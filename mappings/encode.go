package mappings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

type object = map[string]any

// timeFormat is how all times are written: UTC, with milliseconds, as the
// date fields keep them.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Time writes t as it stands in stitch's documents.
func Time(t time.Time) string { return t.UTC().Format(timeFormat) }

// Encode writes v as JSON in one spelling: keys of maps sorted, nothing
// escaped for HTML, no line break at the end.
func Encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads an object and keeps the digits of its numbers.
func decode(raw json.RawMessage) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	if o == nil {
		return nil, fmt.Errorf("decode document: it is no object")
	}
	return o, nil
}
