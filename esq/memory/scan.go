package memory

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep a document's objects and arrays may lie in each other.
const maxDepth = 500

// scanner takes a JSON object apart into a record.
type scanner struct {
	raw     string
	pos     int
	decoded []byte // texts of strings that are written with escapes
	index   *index // whose mapping types the fields
	shapes  *shapes
	// fixed says that the index and its names stay as they are: a field that is
	// new to it is errNewField.
	fixed bool
}

// errNewField says that a document has a field that its index has not seen yet.
var errNewField = errors.New("a field is new to the index")

// scan reads raw, which must be one JSON object, for an index. It returns the
// leaves and the text of those strings that are not in raw as they mean.
func scan(raw string, ix *index) (record, string, error) {
	s := &scanner{raw: raw, index: ix, shapes: &ix.shapes}
	var d draft
	if err := s.whole(&d); err != nil {
		return record{}, "", err
	}
	return d.record(&ix.shapes), string(s.decoded), nil
}

// whole reads all of raw.
func (s *scanner) whole(rec *draft) error {
	s.space()
	if s.pos == len(s.raw) || s.raw[s.pos] != '{' {
		return errors.New("not a JSON object")
	}
	if err := s.object(rec, s.index.names.root, false, 0); err != nil {
		return err
	}
	if s.space(); s.pos != len(s.raw) {
		return s.unexpected()
	}
	return nil
}

func (s *scanner) unexpected() error {
	if s.pos >= len(s.raw) {
		return errors.New("not JSON: it ends too early")
	}
	return fmt.Errorf("not JSON: unexpected %q at byte %d", s.raw[s.pos], s.pos+1)
}

func (s *scanner) space() {
	for s.pos < len(s.raw) {
		switch s.raw[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// accept steps over b, and blanks around it, if it comes next.
func (s *scanner) accept(b byte) bool {
	s.space()
	if s.pos == len(s.raw) || s.raw[s.pos] != b {
		return false
	}
	s.pos++
	s.space()
	return true
}

// object reads an object whose members are fields below at. In a flattened
// object every leaf is a keyword.
func (s *scanner) object(rec *draft, at *name, flat bool, depth int) error {
	s.accept('{')
	if s.accept('}') {
		return nil
	}
	for {
		if s.pos == len(s.raw) || s.raw[s.pos] != '"' {
			return s.unexpected()
		}
		off, size, err := s.str()
		if err != nil {
			return err
		}
		key := s.text(off, size)
		if !s.accept(':') {
			return s.unexpected()
		}
		below, err := s.below(at, key)
		if err == nil {
			err = s.value(rec, below, flat, depth+1)
		}
		if err != nil {
			return err
		}
		if s.accept('}') {
			return nil
		}
		if !s.accept(',') {
			return s.unexpected()
		}
	}
}

// below returns the name that key has below at.
func (s *scanner) below(at *name, key string) (*name, error) {
	if !s.fixed {
		return s.index.names.below(at, key), nil
	}
	if c := at.descendant(key); c != nil {
		return c, nil
	}
	return nil, errNewField
}

func (s *scanner) array(rec *draft, at *name, flat bool, depth int) error {
	s.accept('[')
	if s.accept(']') {
		return nil
	}
	for {
		if err := s.value(rec, at, flat, depth+1); err != nil {
			return err
		}
		if s.accept(']') {
			return nil
		}
		if !s.accept(',') {
			return s.unexpected()
		}
	}
}

func (s *scanner) value(rec *draft, at *name, flat bool, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("objects and arrays lie more than %d deep", maxDepth)
	}
	if s.pos == len(s.raw) {
		return s.unexpected()
	}
	switch c := s.raw[s.pos]; {
	case c == '{':
		return s.inner(rec, at, flat, depth)
	case c == '[':
		return s.array(rec, at, flat, depth)
	case c == '"':
		off, size, err := s.str()
		if err != nil {
			return err
		}
		return s.add(rec, at, flat, leafString, off, size)
	case c == '-' || '0' <= c && c <= '9':
		off := s.pos
		if err := s.number(); err != nil {
			return err
		}
		return s.add(rec, at, flat, leafNumber, off, s.pos-off)
	}
	return s.literal(rec, at, flat)
}

// inner reads an object that is a field's value, by the field's type.
func (s *scanner) inner(rec *draft, at *name, flat bool, depth int) error {
	switch t := s.index.objectType(at); {
	case flat || t == Flattened:
		return s.object(rec, at, true, depth)
	case t == Nested:
		var element draft
		if err := s.object(&element, at, false, depth); err != nil {
			return err
		}
		rec.nested = append(rec.nested, nestedRecord{at.id, element.record(s.shapes)})
		return nil
	}
	return s.object(rec, at, false, depth)
}

func (s *scanner) literal(rec *draft, at *name, flat bool) error {
	for _, word := range [...]string{"true", "false", "null"} {
		if len(s.raw)-s.pos < len(word) || s.raw[s.pos:s.pos+len(word)] != word {
			continue
		}
		off := s.pos
		s.pos += len(word)
		if word == "null" {
			return nil
		}
		return s.add(rec, at, flat, leafBool, off, len(word))
	}
	return s.unexpected()
}

// add keeps a leaf and tells the index of its field.
func (s *scanner) add(rec *draft, at *name, flat bool, kind leafKind, off, size int) error {
	if !flat {
		if _, known := s.index.fields[at.id]; s.fixed && !known {
			return errNewField
		}
		if !s.index.learn(at, kind, s.text(off, size)) {
			return nil
		}
	}
	rec.leaves = append(rec.leaves, leaf{at.id, kind, place{uint32(off), uint32(size)}})
	return nil
}

func (s *scanner) text(off, size int) string {
	if off < len(s.raw) {
		return s.raw[off : off+size]
	}
	return string(s.decoded[off-len(s.raw):][:size])
}

func (s *scanner) number() error {
	if s.raw[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.raw) && s.raw[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return s.unexpected()
	}
	if s.pos < len(s.raw) && s.raw[s.pos] == '.' {
		if s.pos++; !s.digits() {
			return s.unexpected()
		}
	}
	if s.pos < len(s.raw) && (s.raw[s.pos] == 'e' || s.raw[s.pos] == 'E') {
		s.pos++
		if s.pos < len(s.raw) && (s.raw[s.pos] == '+' || s.raw[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return s.unexpected()
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	from := s.pos
	for s.pos < len(s.raw) && '0' <= s.raw[s.pos] && s.raw[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > from
}

// str reads a string and returns where its text is: in raw if it is written
// plainly there, else in decoded, behind raw.
func (s *scanner) str() (off, size int, err error) {
	s.pos++
	from := s.pos
	for ; s.pos < len(s.raw); s.pos++ {
		switch c := s.raw[s.pos]; {
		case c == '"':
			if text := s.raw[from:s.pos]; !utf8.ValidString(text) {
				return 0, 0, fmt.Errorf("not JSON: the string at byte %d is not UTF-8", from)
			}
			s.pos++
			return from, s.pos - 1 - from, nil
		case c == '\\':
			return s.escaped(from)
		case c < ' ':
			return 0, 0, s.unexpected()
		}
	}
	return 0, 0, s.unexpected()
}

// escaped reads the rest of a string that began at from and holds an escape.
func (s *scanner) escaped(from int) (off, size int, err error) {
	start := len(s.decoded)
	s.decoded = append(s.decoded, s.raw[from:s.pos]...)
	for s.pos < len(s.raw) {
		switch c := s.raw[s.pos]; {
		case c == '"':
			if !utf8.Valid(s.decoded[start:]) {
				return 0, 0, fmt.Errorf("not JSON: the string at byte %d is not UTF-8", from)
			}
			s.pos++
			return len(s.raw) + start, len(s.decoded) - start, nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return 0, 0, err
			}
		case c < ' ':
			return 0, 0, s.unexpected()
		default:
			s.decoded = append(s.decoded, c)
			s.pos++
		}
	}
	return 0, 0, s.unexpected()
}

func (s *scanner) escape() error {
	if s.pos++; s.pos == len(s.raw) {
		return s.unexpected()
	}
	c := s.raw[s.pos]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return s.unicode()
	default:
		return s.unexpected()
	}
	s.decoded = append(s.decoded, c)
	s.pos++
	return nil
}

// unicode reads \uXXXX, and the second half of a surrogate pair after it.
func (s *scanner) unicode() error {
	r, err := s.hex()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		first := r
		r = utf8.RuneError
		if len(s.raw)-s.pos > 2 && s.raw[s.pos] == '\\' && s.raw[s.pos+1] == 'u' {
			back := s.pos
			s.pos++
			second, err := s.hex()
			if err != nil {
				return err
			}
			if r = utf16.DecodeRune(first, second); r == utf8.RuneError {
				s.pos = back
			}
		}
	}
	s.decoded = utf8.AppendRune(s.decoded, r)
	return nil
}

func (s *scanner) hex() (rune, error) {
	if s.pos++; s.pos+4 > len(s.raw) {
		s.pos = len(s.raw)
		return 0, s.unexpected()
	}
	n, err := strconv.ParseUint(s.raw[s.pos:s.pos+4], 16, 32)
	if err != nil {
		return 0, s.unexpected()
	}
	s.pos += 4
	return rune(n), nil
}
