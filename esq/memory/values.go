package memory

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stitchdetect/stitch/esq"
)

// keywordOf returns what an index finds a leaf of a keyword field by; ok is
// false for a value that is too long to be found.
func keywordOf(text string) (string, bool) { return text, !tooLong(text) }

// tooLong reports whether text has more UTF-16 units than a keyword may have.
func tooLong(text string) bool {
	if len(text) <= ignoreAbove {
		return false
	}
	units := 0
	for _, r := range text {
		units++
		if r > 0xffff {
			units++
		}
	}
	return units > ignoreAbove
}

// boolOf reads a leaf of a boolean field.
func boolOf(kind leafKind, text string) (b, ok bool) {
	switch {
	case kind == leafNumber:
		return false, false
	case text == "true":
		return true, true
	}
	return false, text == "false" || text == ""
}

// longOf reads a leaf of a long field: fractions are cut off.
func longOf(kind leafKind, text string) (n int64, ok bool) {
	if kind == leafBool {
		return 0, false
	}
	n, _, err := parseLong(text)
	return n, err == nil
}

// doubleOf reads a leaf of a double field.
func doubleOf(kind leafKind, text string) (f float64, ok bool) {
	if kind == leafBool {
		return 0, false
	}
	f, err := parseDouble(text)
	return f, err == nil
}

// rangeError says that a number has no place in a long field.
type rangeError struct{ text string }

func (e *rangeError) Error() string { return "Value [" + e.text + "] is out of range for a long" }

// parseLong reads a decimal number as a whole one; whole is false if something
// after the point was cut off.
func parseLong(text string) (n int64, whole bool, err error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true, nil
	}
	if text == "" || strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false, notNumber(text)
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case math.Abs(f) > 1<<63:
		return 0, false, &rangeError{text}
	case err != nil:
		return 0, false, notNumber(text)
	case math.Abs(f) < 1:
		return 0, f == 0, nil
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false, notNumber(text)
	}
	quotient := new(big.Int).Quo(exact.Num(), exact.Denom())
	if !quotient.IsInt64() {
		return 0, false, &rangeError{text}
	}
	return quotient.Int64(), exact.IsInt(), nil
}

// parseDouble reads a finite number as Java does: blanks around it and the
// suffix d or f are allowed.
func parseDouble(text string) (float64, error) {
	trimmed := strings.TrimSpace(text)
	if n := len(trimmed); n > 1 && strings.ContainsRune("dDfF", rune(trimmed[n-1])) {
		trimmed = trimmed[:n-1]
	}
	if trimmed == "" || strings.Trim(trimmed, "0123456789+-.eE") != "" {
		return 0, notNumber(text)
	}
	f, err := strconv.ParseFloat(trimmed, 64)
	if err != nil {
		return 0, notNumber(text)
	}
	return f, nil
}

func notNumber(text string) error {
	if text == "" {
		return errors.New("no number: empty string")
	}
	return fmt.Errorf("no number: %q", text)
}

func parseBool(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, fmt.Errorf("cannot parse boolean value [%s], expected [true] or [false]", text)
	}
	return text == "true", nil
}

// wordOf writes a query's value as the text that clusters compare keywords
// with: fractions as Java writes them.
func wordOf(v esq.Value) string {
	f, _ := v.Number()
	if v.Kind() != esq.Float {
		return v.String()
	}
	if a := math.Abs(f); a >= 1e-3 && a < 1e7 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}

// equalFold compares as clusters do with case_insensitive: ASCII letters only.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if foldByte(a[i]) != foldByte(b[i]) {
			return false
		}
	}
	return true
}

func foldByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// wildcard is a pattern made ready: runs of literal text and single-character
// marks, between * marks.
type wildcard struct {
	marks []mark
	fold  bool
}

type mark struct {
	kind markKind
	b    byte
}

type markKind uint8

const (
	literal markKind = iota // the byte b
	anyOne                  // one character
	anyRun                  // any run of characters
)

// newWildcard reads a pattern: * and ? are marks, \ makes what follows literal.
func newWildcard(pattern string, fold bool) wildcard {
	w := wildcard{fold: fold}
	for i := 0; i < len(pattern); i++ {
		switch b := pattern[i]; {
		case b == '*':
			if n := len(w.marks); n == 0 || w.marks[n-1].kind != anyRun {
				w.marks = append(w.marks, mark{kind: anyRun})
			}
		case b == '?':
			w.marks = append(w.marks, mark{kind: anyOne})
		default:
			if b == '\\' && i+1 < len(pattern) {
				i++
				b = pattern[i]
			}
			if fold {
				b = foldByte(b)
			}
			w.marks = append(w.marks, mark{b: b})
		}
	}
	return w
}

// match reports whether all of s fits. Nothing fits an empty pattern, not even
// an empty text: so it is on clusters.
func (w wildcard) match(s string) bool {
	if len(w.marks) == 0 {
		return false
	}
	at, star, back := 0, -1, 0
	for i := 0; i < len(s); {
		if at < len(w.marks) {
			switch m := w.marks[at]; m.kind {
			case anyRun:
				star, back = at, i
				at++
				continue
			case anyOne:
				_, size := utf8.DecodeRuneInString(s[i:])
				i, at = i+size, at+1
				continue
			default:
				b := s[i]
				if w.fold {
					b = foldByte(b)
				}
				if b == m.b {
					i, at = i+1, at+1
					continue
				}
			}
		}
		if star < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(s[back:])
		back += size
		i, at = back, star+1
	}
	return at == len(w.marks) || at == len(w.marks)-1 && w.marks[at].kind == anyRun
}
