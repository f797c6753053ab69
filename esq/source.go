package esq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// DecodeSource decodes a document's source. Numbers stay as they were written
// ([json.Number]), so that [Extract] loses no digit of a whole one.
func DecodeSource(raw []byte) (map[string]any, error) {
	if source, ok := quickSource(raw); ok {
		return source, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var source map[string]any
	if err := dec.Decode(&source); err != nil {
		return nil, fmt.Errorf("decode source: %w", err)
	}
	return source, nil
}

// Extract reads the leaves at f.Path of a decoded source: strings, numbers and
// booleans, as encoding/json decodes them, with or without [json.Number].
//
// Any part of the path may be spelled as nested objects or as one dotted key,
// even both in the same document; any object or leaf may stand alone or in
// arrays, arrays in arrays count as one. Nulls and objects that stand where a
// leaf is wanted are left out, duplicates are kept. Leaves come in the order of
// the arrays that hold them; where a path is spelled in several ways, nested
// spellings come before dotted ones, whatever the order of the keys, since
// engines do not keep that order.
//
// The innermost object that f.Where speaks of is the one that the nested
// spelling would have: of {"a.b": 1, "a.c": 2} it is {"b": 1, "c": 2} for the
// path "a.b". The keys of f.Where are relative to it and may be dotted; one
// with several values holds if one of them, written as text, is the wanted one.
func Extract(source map[string]any, f Field) []Value {
	if f.Path == "" {
		return nil
	}
	x := extraction{path: f.Path, where: f.Where}
	x.walk(logical{{m: source}}, 0)
	if len(x.found) == 0 {
		return nil
	}
	return x.found
}

// A spelling is a part of one logical object of a document: the keys of m, cut
// to what follows path[:start], for the path that is being walked. The object
// "a" of {"a": {"b": 1}, "a.c": 2} has two of them: the inner JSON object, and
// the outer one's keys that start with "a.".
type spelling struct {
	m     map[string]any
	start int
}

// A logical is an object of a document in all its spellings.
type logical []spelling

type extraction struct {
	path  string
	where map[string]string
	found []Value
}

// walk collects the leaves at path[at:] below o.
func (x *extraction) walk(o logical, at int) {
	dot := strings.IndexByte(x.path[at:], '.')
	if dot < 0 {
		x.collect(o, at)
		return
	}
	end := at + dot
	// Plain objects of one name are one object, however they are spelled; each
	// object in an array is one by itself.
	var single logical
	for _, s := range o {
		switch v := s.m[x.path[s.start:end]].(type) {
		case map[string]any:
			single = append(single, spelling{m: v, start: end + 1})
		case []any:
			x.walkArray(v, end+1)
		}
	}
	x.walk(append(single, o...), end+1)
}

func (x *extraction) walkArray(elements []any, at int) {
	for _, e := range elements {
		switch e := e.(type) {
		case map[string]any:
			x.walk(logical{{m: e, start: at}}, at)
		case []any:
			x.walkArray(e, at)
		}
	}
}

// collect takes the leaves of o whose name is path[at:].
func (x *extraction) collect(o logical, at int) {
	before := len(x.found)
	for _, s := range o {
		x.leaves(s.m[x.path[s.start:]])
	}
	if len(x.found) > before && !x.holds(o, at) {
		x.found = x.found[:before]
	}
}

// holds reports whether o, whose own keys start at path[at:], has what Where asks for.
func (x *extraction) holds(o logical, at int) bool {
	for key, want := range x.where {
		beside := extraction{path: x.path[:at] + key}
		beside.walk(o, at)
		if !beside.has(want) {
			return false
		}
	}
	return true
}

func (x *extraction) has(want string) bool {
	for _, v := range x.found {
		if v.String() == want {
			return true
		}
	}
	return false
}

func (x *extraction) leaves(a any) {
	switch a := a.(type) {
	case nil:
	case []any:
		for _, e := range a {
			x.leaves(e)
		}
	default:
		if v, ok := ValueOf(a); ok {
			x.found = append(x.found, v)
		} else if n, is := a.(json.Number); is {
			// Beyond float64: the digits are all that can be kept.
			x.found = append(x.found, Str(n.String()))
		}
	}
}
