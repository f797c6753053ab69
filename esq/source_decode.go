package esq

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// quickSource decodes a source as [DecodeSource] does, for less of the
// work; ok is false for what it leaves to encoding/json: text that is not UTF-8,
// escapes by number, deep nesting, and everything that is no object in JSON.
func quickSource(raw []byte) (source map[string]any, ok bool) {
	if !utf8.Valid(raw) {
		return nil, false
	}
	d := quickDecoder{text: string(raw)}
	d.space()
	if !d.take('{') {
		return nil, false
	}
	return d.object(0)
}

// quickDecoder reads JSON. Each of its methods reads what it is named after and
// reports whether it could.
type quickDecoder struct {
	text   string
	at     int
	spaced bool // there was space between what was read
}

// maxQuickDepth is how deep objects and lists are read; documents of integrations
// have less than ten levels.
const maxQuickDepth = 100

func (d *quickDecoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
			d.spaced = true
		default:
			return
		}
	}
}

func (d *quickDecoder) take(b byte) bool {
	if d.at < len(d.text) && d.text[d.at] == b {
		d.at++
		return true
	}
	return false
}

// object reads members up to the closing brace. Of members of one name the last
// one counts.
func (d *quickDecoder) object(depth int) (map[string]any, bool) {
	members := map[string]any{}
	if d.space(); d.take('}') {
		return members, true
	}
	for {
		d.space()
		key, ok := d.str()
		if d.space(); !ok || !d.take(':') {
			return nil, false
		}
		value, ok := d.value(depth + 1)
		if !ok {
			return nil, false
		}
		members[key] = value
		if d.space(); d.take('}') {
			return members, true
		}
		if !d.take(',') {
			return nil, false
		}
	}
}

func (d *quickDecoder) array(depth int) ([]any, bool) {
	list := []any{}
	if d.space(); d.take(']') {
		return list, true
	}
	for {
		value, ok := d.value(depth + 1)
		if !ok {
			return nil, false
		}
		list = append(list, value)
		if d.space(); d.take(']') {
			return list, true
		}
		if !d.take(',') {
			return nil, false
		}
	}
}

func (d *quickDecoder) value(depth int) (any, bool) {
	d.space()
	if d.at >= len(d.text) || depth > maxQuickDepth {
		return nil, false
	}
	switch c := d.text[d.at]; c {
	case '{':
		d.at++
		return boxed(d.object(depth))
	case '[':
		d.at++
		return boxed(d.array(depth))
	case '"':
		s, ok := d.str()
		// A value may outlive its document, which is not to be held by it.
		return strings.Clone(s), ok
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	case 'n':
		return nil, d.word("null")
	}
	return boxed(d.number())
}

func boxed[T any](v T, ok bool) (any, bool) { return v, ok }

func (d *quickDecoder) word(w string) bool {
	if !strings.HasPrefix(d.text[d.at:], w) {
		return false
	}
	d.at += len(w)
	return true
}

// str reads a string; what it returns may be a part of the text.
func (d *quickDecoder) str() (string, bool) {
	if !d.take('"') {
		return "", false
	}
	from := d.at
	for ; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			return d.text[from : d.at-1], true
		case c == '\\':
			return d.escaped(from)
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

// escaped reads the rest of a string that has an escape.
func (d *quickDecoder) escaped(from int) (string, bool) {
	var out strings.Builder
	out.WriteString(d.text[from:d.at])
	for d.at < len(d.text) {
		c := d.text[d.at]
		d.at++
		switch {
		case c == '"':
			return out.String(), true
		case c < ' ':
			return "", false
		case c == '\\':
			if d.at >= len(d.text) {
				return "", false
			}
			i := strings.IndexByte(`"\/bfnrt`, d.text[d.at])
			if i < 0 {
				return "", false
			}
			c = "\"\\/\b\f\n\r\t"[i]
			d.at++
		}
		out.WriteByte(c)
	}
	return "", false
}

// number reads a number as it is written.
func (d *quickDecoder) number() (json.Number, bool) {
	from := d.at
	if !d.stepNumber() {
		return "", false
	}
	return json.Number(strings.Clone(d.text[from:d.at])), true
}

func (d *quickDecoder) digits() bool {
	from := d.at
	for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
		d.at++
	}
	return d.at > from
}
