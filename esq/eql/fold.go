package eql

import (
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// Fold lower-cases the letters A to Z and leaves everything else alone, as
// case_insensitive queries do. It does not allocate when there is nothing to fold.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		if isUpper(s[i]) {
			return foldFrom(s, i)
		}
	}
	return s
}

func foldFrom(s string, first int) string {
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:first])
	for i := first; i < len(s); i++ {
		b.WriteByte(foldByte(s[i]))
	}
	return b.String()
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

func foldByte(c byte) byte {
	if isUpper(c) {
		return c + 'a' - 'A'
	}
	return c
}

// Key returns the canonical form of v: two values that are not null have equal
// keys exactly when they are equal (==), or with fold, equal but for the case
// of ASCII letters (:). Values are comparable, so a key can be a map's.
func Key(v Value, fold bool) Value {
	if s, ok := v.Str(); ok && fold {
		return esq.Str(Fold(s))
	}
	return v
}

// equalValues reports whether two values are equal; null equals nothing.
func equalValues(a, b Value, fold bool) bool {
	if a.IsNull() || b.IsNull() {
		return false
	}
	if !fold {
		return a == b
	}
	s, ok := a.Str()
	if !ok {
		return a == b
	}
	t, ok := b.Str()
	return ok && equalText(s, t, true)
}

// equalText compares without allocating.
func equalText(a, b string, fold bool) bool {
	if !fold || len(a) != len(b) {
		return a == b
	}
	for i := 0; i < len(a); i++ {
		if foldByte(a[i]) != foldByte(b[i]) {
			return false
		}
	}
	return true
}

func hasPrefix(s, prefix string, fold bool) bool {
	return len(s) >= len(prefix) && equalText(s[:len(prefix)], prefix, fold)
}

func hasSuffix(s, suffix string, fold bool) bool {
	return len(s) >= len(suffix) && equalText(s[len(s)-len(suffix):], suffix, fold)
}

// index returns the first place of sub in s, or -1.
func index(s, sub string, fold bool) int {
	if fold {
		s, sub = Fold(s), Fold(sub)
	}
	return strings.Index(s, sub)
}

// lastIndex returns the last place of sub in s, or -1.
func lastIndex(s, sub string, fold bool) int {
	if fold {
		s, sub = Fold(s), Fold(sub)
	}
	return strings.LastIndex(s, sub)
}
