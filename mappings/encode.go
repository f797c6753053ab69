package mappings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stitchdetect/stitch/esq"
)

type object = map[string]any

// timeFormat is how all times are written: UTC, with milliseconds, as the
// date fields keep them.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Time writes t as it stands in stitch's documents.
func Time(t time.Time) string { return t.UTC().Format(timeFormat) }

// Encode writes v as JSON in one spelling: keys of maps sorted, nothing
// escaped for HTML, no line break at the end.
func Encode(v any) (json.RawMessage, error) { return encodeLike(v, 0) }

// encodeLike is [Encode] of what comes to about so many bytes.
func encodeLike(v any, size int) (json.RawMessage, error) {
	raw, err := appendJSON(make([]byte, 0, size), v)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return raw, nil
}

// appendJSON writes what documents are made of by hand, as encoding/json does it,
// to which it leaves everything else.
func appendJSON(to []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(to, "null"...), nil
	case string:
		return appendText(to, v)
	case bool:
		return strconv.AppendBool(to, v), nil
	case json.Number:
		if isWhole(v) {
			return append(to, v...), nil
		}
	case int:
		return strconv.AppendInt(to, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(to, v, 10), nil
	case esq.Value:
		return appendValue(to, v)
	case object:
		return appendObject(to, v)
	case map[string][]esq.Value:
		return appendMap(to, v, func(to []byte, list []esq.Value) ([]byte, error) { return appendList(to, list, appendValue) })
	case []any:
		return appendList(to, v, appendJSON)
	case []object:
		return appendList(to, v, appendObject)
	case []string:
		return appendList(to, v, appendText)
	}
	return appendOther(to, v)
}

// isWhole reports whether a number is written as whole ones are.
func isWhole(n json.Number) bool {
	i, err := strconv.ParseInt(string(n), 10, 64)
	return err == nil && strconv.FormatInt(i, 10) == string(n)
}

func appendObject(to []byte, o object) ([]byte, error) { return appendMap(to, o, appendJSON) }

func appendMap[T any](to []byte, m map[string]T, add func([]byte, T) ([]byte, error)) ([]byte, error) {
	if m == nil {
		return append(to, "null"...), nil
	}
	to = append(to, '{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			to = append(to, ',')
		}
		var err error
		if to, err = appendText(to, key); err != nil {
			return nil, err
		}
		if to, err = add(append(to, ':'), m[key]); err != nil {
			return nil, err
		}
	}
	return append(to, '}'), nil
}

// appendValue writes a value as it writes itself.
func appendValue(to []byte, v esq.Value) ([]byte, error) {
	if text, ok := v.Str(); ok && !strings.ContainsAny(text, "<>&") {
		return appendText(to, text)
	}
	return appendOther(to, v)
}

func appendList[T any](to []byte, list []T, add func([]byte, T) ([]byte, error)) ([]byte, error) {
	if list == nil {
		return append(to, "null"...), nil
	}
	to = append(to, '[')
	for i, v := range list {
		if i > 0 {
			to = append(to, ',')
		}
		var err error
		if to, err = add(to, v); err != nil {
			return nil, err
		}
	}
	return append(to, ']'), nil
}

// appendText writes a text, of which encoding/json escapes all but what is usual.
func appendText(to []byte, text string) ([]byte, error) {
	plain := len(to)
	to = append(to, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"', c == '\\':
			to = append(to, '\\', c)
		case c < ' ':
			return appendOther(to[:plain], text)
		case c < utf8.RuneSelf:
			to = append(to, c)
		default:
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
				return appendOther(to[:plain], text)
			}
			to = append(to, text[i:i+size]...)
			i += size - 1
		}
	}
	return append(to, '"'), nil
}

func appendOther(to []byte, v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return append(to, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), nil
}

// decode reads an object and keeps the digits of its numbers.
func decode(raw json.RawMessage) (object, error) {
	o, err := esq.DecodeSource(raw)
	if err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	if o == nil {
		return nil, fmt.Errorf("decode document: it is no object")
	}
	return o, nil
}
