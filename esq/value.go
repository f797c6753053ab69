package esq

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
)

// Kind is the type of a [Value].
type Kind uint8

// The kinds of values a document's leaves can have.
const (
	Null Kind = iota // JSON null, or nothing at all
	String
	Int
	Float
	Bool
)

// Value is one leaf of a document: a string, a number or a boolean. The zero
// Value is null. Values are comparable with ==, and a number that is whole is
// always an Int, so 1 and 1.0 are the same map key.
type Value struct {
	kind Kind
	bits uint64
	str  string
}

// Str returns a string value.
func Str(s string) Value { return Value{kind: String, str: s} }

// Num returns a number, an Int where f is whole and exactly an int64.
func Num(f float64) Value {
	if f == math.Trunc(f) && f >= -(1<<63) && f < 1<<63 {
		return Integer(int64(f))
	}
	return Value{kind: Float, bits: math.Float64bits(f)}
}

// Integer returns a whole number.
func Integer(i int64) Value { return Value{kind: Int, bits: uint64(i)} }

// Boolean returns a truth value.
func Boolean(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.bits = 1
	}
	return v
}

// Kind reports the type of v.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.kind == Null }

// Str returns the text of a String and false for every other kind.
func (v Value) Str() (string, bool) { return v.str, v.kind == String }

// Int returns the number of an Int and false for every other kind.
func (v Value) Int() (int64, bool) { return int64(v.bits), v.kind == Int }

// Number returns the number of an Int or a Float and false for every other kind.
func (v Value) Number() (float64, bool) {
	switch v.kind {
	case Int:
		return float64(int64(v.bits)), true
	case Float:
		return math.Float64frombits(v.bits), true
	}
	return 0, false
}

// Bool returns the truth value of a Bool; ok is false for every other kind.
func (v Value) Bool() (b, ok bool) { return v.bits == 1, v.kind == Bool }

// String writes v as a person would: strings bare, null as "".
func (v Value) String() string {
	switch v.kind {
	case String:
		return v.str
	case Int:
		return strconv.FormatInt(int64(v.bits), 10)
	case Float:
		return strconv.FormatFloat(math.Float64frombits(v.bits), 'g', -1, 64)
	case Bool:
		return strconv.FormatBool(v.bits == 1)
	}
	return ""
}

// Any returns v as encoding/json would decode it: nil, string, int64, float64 or bool.
func (v Value) Any() any {
	switch v.kind {
	case String:
		return v.str
	case Int:
		return int64(v.bits)
	case Float:
		return math.Float64frombits(v.bits)
	case Bool:
		return v.bits == 1
	}
	return nil
}

// MarshalJSON writes v as a JSON scalar.
func (v Value) MarshalJSON() ([]byte, error) { return v.appendTo(nil) }

// ValueOf turns a scalar, as encoding/json or BurntSushi/toml decode it, into
// a Value; ok is false for objects, arrays and anything else.
func ValueOf(a any) (v Value, ok bool) {
	switch a := a.(type) {
	case nil:
		return Value{}, true
	case string:
		return Str(a), true
	case bool:
		return Boolean(a), true
	case float64:
		return Num(a), true
	case int64:
		return Integer(a), true
	case int:
		return Integer(int64(a)), true
	case json.Number:
		if i, err := strconv.ParseInt(a.String(), 10, 64); err == nil {
			return Integer(i), true
		}
		f, err := a.Float64()
		return Num(f), err == nil
	}
	return Value{}, false
}

// Compare orders values: null, then numbers, strings, booleans; within a kind
// as one expects, strings by bytes. It returns -1, 0 or +1.
func Compare(a, b Value) int {
	if ra, rb := rank(a), rank(b); ra != rb {
		return cmp.Compare(ra, rb)
	}
	switch a.kind {
	case String:
		return cmp.Compare(a.str, b.str)
	case Int, Float:
		if a.kind == Int && b.kind == Int {
			return cmp.Compare(int64(a.bits), int64(b.bits))
		}
		x, _ := a.Number()
		y, _ := b.Number()
		return cmp.Compare(x, y)
	case Bool:
		return cmp.Compare(a.bits, b.bits)
	}
	return 0
}

func rank(v Value) int {
	switch v.kind {
	case Null:
		return 0
	case Int, Float:
		return 1
	case String:
		return 2
	}
	return 3
}
