package memory

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// projector copies the wanted parts of JSON texts, as they are written, and
// steps over the rest without making anything of it. What it accepts is JSON as
// [scan] reads it; where it is not sure it gives up, and scan decides.
type projector struct {
	wanted *want
	in     []byte
	pos    int
	out    []byte
}

// projectedDepth is how deep objects and arrays may lie in each other.
const projectedDepth = 64

// hit is a line that is a search hit.
type hit struct {
	index, id []byte
	source    []byte // as it is written
	reduced   []byte // what is wanted of it
}

// hit reads a line that is a search hit and nothing else. What is wanted of it
// is appended to out.
func (p *projector) hit(line []byte) (h hit, ok bool) {
	p.in, p.pos = line, 0
	if !p.open('{') {
		return h, false
	}
	for {
		key, ok := p.key()
		if !ok || !p.member(string(key), &h) {
			return h, false
		}
		if p.take(',') {
			continue
		}
		if !p.take('}') {
			return h, false
		}
		p.space()
		return h, p.pos == len(p.in) && h.index != nil && h.reduced != nil
	}
}

// member reads a member of a hit; none that counts may come twice.
func (p *projector) member(key string, h *hit) bool {
	switch key {
	case "_index":
		return h.index == nil && p.name(&h.index)
	case "_id":
		return h.id == nil && p.name(&h.id)
	case "_source":
		from, start := p.pos, len(p.out)
		if h.reduced != nil || !p.object(p.wanted, 0) {
			return false
		}
		h.source, h.reduced = bytes.TrimRight(p.in[from:p.pos], " \t\r\n"), p.out[start:]
		return true
	}
	return p.skip(0)
}

// action is a line of a _bulk request that says where the next line belongs.
type action struct {
	index, id []byte
	create    bool
}

// known reports whether it was read.
func (a action) known() bool { return a.index != nil }

// action reads a line that is an action and nothing else.
func (p *projector) action(line []byte) (a action, ok bool) {
	p.in, p.pos = line, 0
	if !p.open('{') {
		return action{}, false
	}
	key, ok := p.key()
	if a.create = string(key) == "create"; !ok || !a.create && string(key) != "index" || !p.take('{') {
		return action{}, false
	}
	for more := true; more; more = p.take(',') {
		key, ok := p.key()
		switch {
		case !ok:
		case string(key) == "_index":
			ok = a.index == nil && p.name(&a.index)
		case string(key) == "_id":
			ok = a.id == nil && p.name(&a.id)
		default:
			ok = p.skip(1)
		}
		if !ok {
			return action{}, false
		}
	}
	for range 2 { // what the action says ends, and the line
		if !p.take('}') {
			return action{}, false
		}
	}
	if p.pos != len(p.in) {
		return action{}, false
	}
	return a, true
}

// line copies a line that is an object alone, such as the source of a _bulk
// request.
func (p *projector) line(line []byte) (reduced []byte, ok bool) {
	p.in, p.pos = line, 0
	start := len(p.out)
	p.space()
	if !p.object(p.wanted, 0) {
		return nil, false
	}
	p.space()
	return p.out[start:], p.pos == len(p.in)
}

// name reads a text without escapes.
func (p *projector) name(to *[]byte) bool {
	from := p.pos
	plain, ok := p.str()
	if !ok || !plain {
		return false
	}
	*to = p.in[from+1 : p.pos-1]
	return true
}

func (p *projector) space() {
	for p.pos < len(p.in) {
		switch p.in[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// open steps over a bracket that an object or array with members begins with.
func (p *projector) open(b byte) bool {
	p.space()
	return p.take(b)
}

// take steps over b and the blanks around it, if it comes next.
func (p *projector) take(b byte) bool {
	if p.pos < len(p.in) && p.in[p.pos] <= ' ' {
		p.space()
	}
	if p.pos == len(p.in) || p.in[p.pos] != b {
		return false
	}
	if p.pos++; p.pos < len(p.in) && p.in[p.pos] <= ' ' {
		p.space()
	}
	return true
}

// key reads a key, which may have no escapes, and the colon after it.
func (p *projector) key() (key []byte, ok bool) {
	if !p.name(&key) {
		return nil, false
	}
	return key, p.take(':')
}

// object copies the members of an object that w speaks of. One that has none of
// them is left as an empty object.
func (p *projector) object(w *want, depth int) bool {
	if depth > projectedDepth || !p.take('{') {
		return false
	}
	p.out = append(p.out, '{')
	if p.take('}') {
		p.out = append(p.out, '}')
		return true
	}
	for start := len(p.out); ; {
		key, ok := p.key()
		if !ok {
			return false
		}
		if next := w.at(key); next == nil {
			ok = p.skip(depth + 1)
		} else {
			if len(p.out) > start {
				p.out = append(p.out, ',')
			}
			p.out = append(p.out, '"')
			p.out = append(p.out, key...)
			p.out = append(p.out, '"', ':')
			ok = p.value(next, depth+1)
		}
		switch {
		case !ok:
			return false
		case p.take(','):
		case p.take('}'):
			p.out = append(p.out, '}')
			return true
		default:
			return false
		}
	}
}

// value copies what is wanted of a value. A text or number is copied wherever
// something below it would be wanted.
func (p *projector) value(w *want, depth int) bool {
	if p.pos == len(p.in) {
		return false
	}
	if !w.whole {
		switch p.in[p.pos] {
		case '{':
			return p.object(w, depth)
		case '[':
			return p.array(w, depth)
		}
	}
	from := p.pos
	if !p.skip(depth) {
		return false
	}
	p.out = append(p.out, p.in[from:p.pos]...)
	return true
}

func (p *projector) array(w *want, depth int) bool {
	if depth > projectedDepth || !p.take('[') {
		return false
	}
	p.out = append(p.out, '[')
	if p.take(']') {
		p.out = append(p.out, ']')
		return true
	}
	for {
		if !p.value(w, depth+1) {
			return false
		}
		switch {
		case p.take(','):
			p.out = append(p.out, ',')
		case p.take(']'):
			p.out = append(p.out, ']')
			return true
		default:
			return false
		}
	}
}

// skip steps over one value.
func (p *projector) skip(depth int) bool {
	if p.pos == len(p.in) || depth > projectedDepth {
		return false
	}
	switch c := p.in[p.pos]; c {
	case '"':
		_, ok := p.str()
		return ok
	case '{':
		return p.skipObject(depth)
	case '[':
		return p.skipArray(depth)
	case 't':
		return p.word("true")
	case 'f':
		return p.word("false")
	case 'n':
		return p.word("null")
	}
	return p.number()
}

func (p *projector) skipObject(depth int) bool {
	if p.take('{'); p.take('}') {
		return true
	}
	for {
		if p.pos == len(p.in) || p.in[p.pos] != '"' {
			return false
		}
		if _, ok := p.str(); !ok || !p.take(':') || !p.skip(depth+1) {
			return false
		}
		if p.take(',') {
			continue
		}
		return p.take('}')
	}
}

func (p *projector) skipArray(depth int) bool {
	if p.take('['); p.take(']') {
		return true
	}
	for {
		if !p.skip(depth + 1) {
			return false
		}
		if p.take(',') {
			continue
		}
		return p.take(']')
	}
}

func (p *projector) word(word string) bool {
	if len(p.in)-p.pos < len(word) || string(p.in[p.pos:p.pos+len(word)]) != word {
		return false
	}
	p.pos += len(word)
	return true
}

func (p *projector) number() bool {
	s := scanner{raw: view(p.in), pos: p.pos}
	if c := p.in[p.pos]; c != '-' && (c < '0' || c > '9') {
		return false
	}
	err := s.number()
	p.pos = s.pos
	return err == nil
}

// Eight bytes at once: each byte of a word that is looked for has its highest
// bit set in the result, and bytes behind the first such one may, too.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks the bytes that do not merely stand for themselves in a string:
// quotes, backslashes, control characters and all beyond ASCII.
func special(word uint64) uint64 {
	quote, slash := word^(ones*'"'), word^(ones*'\\')
	return ((quote-ones)&^quote | (slash-ones)&^slash | (word-ones*' ')&^word | word) & highs
}

// str steps over a string; plain is whether it has no escapes.
func (p *projector) str() (plain, ok bool) {
	if p.pos == len(p.in) || p.in[p.pos] != '"' {
		return false, false
	}
	in, i := p.in, p.pos+1
	from, ascii := i, true
	plain = true
	for {
		for i+8 <= len(in) {
			if found := special(binary.LittleEndian.Uint64(in[i:])); found != 0 {
				i += bits.TrailingZeros64(found) >> 3
				break
			}
			i += 8
		}
		if i >= len(in) {
			return false, false
		}
		switch c := in[i]; {
		case c == '"':
			p.pos = i + 1
			return plain, ascii || utf8.Valid(in[from:i])
		case c == '\\':
			plain = false
			n := escapeLength(in[i:])
			if n == 0 {
				return false, false
			}
			i += n
		case c < ' ':
			return false, false
		default:
			ascii = ascii && c < utf8.RuneSelf
			i++
		}
	}
}

// escapeLength is how long the escape is that text begins with, 0 for none.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(text) < 6 {
			return 0
		}
		for _, c := range text[2:6] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}

// view is text as a string that lives no longer than text stays as it is.
func view(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }
