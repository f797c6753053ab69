package esq

import "strings"

// members reads an object; each reads the value of the member whose key it is
// given.
func (d *quickDecoder) members(each func(key string) bool) bool {
	if d.space(); !d.take('{') {
		return false
	}
	if d.space(); d.take('}') {
		return true
	}
	for {
		d.space()
		key, ok := d.str()
		if d.space(); !ok || !d.take(':') || !each(key) {
			return false
		}
		if d.space(); d.take('}') {
			return true
		}
		if !d.take(',') {
			return false
		}
	}
}

// elements reads an array; each reads one of its elements.
func (d *quickDecoder) elements(each func() bool) bool {
	if d.space(); !d.take('[') {
		return false
	}
	if d.space(); d.take(']') {
		return true
	}
	for {
		if !each() {
			return false
		}
		if d.space(); d.take(']') {
			return true
		}
		if !d.take(',') {
			return false
		}
	}
}

// skip steps over a value of any kind.
func (d *quickDecoder) skip(depth int) bool {
	d.space()
	if d.at >= len(d.text) || depth > maxQuickDepth {
		return false
	}
	switch d.text[d.at] {
	case '{':
		return d.skipObject(depth)
	case '[':
		return d.elements(func() bool { return d.skip(depth + 1) })
	case '"':
		return d.stepText()
	case 't':
		return d.word("true")
	case 'f':
		return d.word("false")
	case 'n':
		return d.word("null")
	}
	return d.stepNumber()
}

func (d *quickDecoder) skipObject(depth int) bool {
	d.at++
	if d.space(); d.take('}') {
		return true
	}
	for {
		d.space()
		ok := d.stepText()
		if d.space(); !ok || !d.take(':') || !d.skip(depth+1) {
			return false
		}
		if d.space(); d.take('}') {
			return true
		}
		if !d.take(',') {
			return false
		}
	}
}

// stepText steps over a string.
func (d *quickDecoder) stepText() bool {
	if !d.take('"') {
		return false
	}
	for d.at < len(d.text) {
		c := d.text[d.at]
		d.at++
		switch {
		case c == '"':
			return true
		case c < ' ':
			return false
		case c == '\\' && !d.stepEscape():
			return false
		}
	}
	return false
}

// stepEscape steps over what follows a backslash.
func (d *quickDecoder) stepEscape() bool {
	if d.at >= len(d.text) {
		return false
	}
	c := d.text[d.at]
	d.at++
	if c != 'u' {
		return strings.IndexByte(`"\/bfnrt`, c) >= 0
	}
	if len(d.text)-d.at < 4 {
		return false
	}
	for _, h := range []byte(d.text[d.at : d.at+4]) {
		if !(h >= '0' && h <= '9' || h >= 'a' && h <= 'f' || h >= 'A' && h <= 'F') {
			return false
		}
	}
	d.at += 4
	return true
}

// stepNumber steps over a number.
func (d *quickDecoder) stepNumber() bool {
	d.take('-')
	if !d.take('0') && !d.digits() {
		return false
	}
	if d.take('.') && !d.digits() {
		return false
	}
	if d.take('e') || d.take('E') {
		if !d.take('+') {
			d.take('-')
		}
		return d.digits()
	}
	return true
}
