package eql

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stitchdetect/stitch/esq"
)

// Positions and lengths count characters, from 0.

// between returns the text between the first left and the next right, or with
// greedy the last right; "" where either is not found; the text itself where
// one of the three is empty.
func between(s, left, right string, greedy, fold bool) string {
	if s == "" || left == "" || right == "" {
		return s
	}
	start := index(s, left, fold)
	if start < 0 {
		return ""
	}
	rest := s[start+len(left):]
	end := index(rest, right, fold)
	if greedy {
		end = lastIndex(rest, right, fold)
	}
	if end < 0 {
		return ""
	}
	return rest[:end]
}

// contains reports whether sub is in s; the empty text is in none, as in EQL.
func contains(s, sub string, fold bool) bool {
	if sub == "" {
		return false
	}
	if !fold {
		return strings.Contains(s, sub)
	}
	for i := 0; i+len(sub) <= len(s); i++ {
		if equalText(s[i:i+len(sub)], sub, true) {
			return true
		}
	}
	return false
}

// indexOf returns the first position of sub in s at or after from, or null.
func indexOf(s, sub string, from int64, fold bool) Value {
	start, ok := offset(s, max(from, 0))
	if !ok {
		return Value{}
	}
	i := index(s[start:], sub, fold)
	if i < 0 {
		return Value{}
	}
	return esq.Integer(int64(utf8.RuneCountInString(s[:start+i])))
}

// offset turns a position into bytes; ok is false beyond the end of s.
func offset(s string, position int64) (bytes int, ok bool) {
	for ; position > 0; position-- {
		if bytes == len(s) {
			return 0, false
		}
		bytes += runeLen(s[bytes:])
	}
	return bytes, true
}

// substring returns s from start up to, not including, end; negative
// positions count from the end of s, and those beyond it are its end.
func substring(s string, start, end int64) string {
	n := int64(utf8.RuneCountInString(s))
	from, to := position(start, n), position(end, n)
	if from >= to {
		return ""
	}
	i, _ := offset(s, from)
	j, _ := offset(s, to)
	return s[i:j]
}

func position(p, length int64) int64 {
	if p < 0 {
		p = max(p+length, 0)
	}
	return min(p, length)
}

const toTheEnd = math.MaxInt64

// split returns the i-th piece of s between separators, from the end if i is
// negative, or null.
func split(s, separator string, i int64) Value {
	if separator == "" {
		return Value{}
	}
	pieces := strings.Split(s, separator)
	n := int64(len(pieces))
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return Value{}
	}
	return esq.Str(pieces[i])
}

// after returns what follows the first separator in s, or s.
func after(s, separator string) string {
	_, rest, found := strings.Cut(s, separator)
	if !found {
		return s
	}
	return rest
}

// parseNumber reads a number as number() does: of the given base, 0 for 10,
// or 16 behind 0x; white space around it and a sign are allowed. It returns
// null for anything else.
func parseNumber(s string, base int) Value {
	s = strings.TrimSpace(s)
	sign, digits := "", s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, digits = s[:1], s[1:]
	}
	if hex := len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x'; hex && (base == 0 || base == 16) {
		digits, base = digits[2:], 16
	}
	if base == 0 {
		base = 10
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' {
		return Value{}
	}
	if i, err := strconv.ParseInt(sign+digits, base, 64); err == nil {
		return esq.Integer(i)
	}
	if base != 10 || strings.Trim(digits, "0123456789.eE+-") != "" {
		return Value{}
	}
	f, err := strconv.ParseFloat(sign+digits, 64)
	if err != nil {
		return Value{}
	}
	return finite(f)
}
