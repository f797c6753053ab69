package explain

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/stitchdetect/stitch/esq/eql"
)

// difference says how two texts that are nearly the same differ, "" if they are
// not nearly the same. It is for a condition that did not hold, so that what it
// folds is never all.
func difference(a, b string) string {
	switch {
	case a == b:
		return ""
	case eql.Fold(a) == eql.Fold(b):
		return "differs only in the case of letters"
	case sameAddress(a, b):
		return "differs only in how the address is spelled"
	case strings.EqualFold(a, b):
		return "differs only in the case of a letter beyond A to Z"
	case strings.EqualFold(squeezed(a), squeezed(b)):
		return "differs only in blanks"
	}
	return marks(a, b)
}

func sameAddress(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return errX == nil && errY == nil && x.Unmap() == y.Unmap()
}

// squeezed is text without blanks.
func squeezed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// marks says where one text has a letter and a mark of its own for what is one
// character of the other, and where they are the same but for that.
func marks(a, b string) string {
	composed, apart := []rune(a), []rune(b)
	swapped := len(composed) > len(apart)
	if swapped {
		composed, apart = apart, composed
	}
	where := ""
	k := 0
	for i, r := range composed {
		if k >= len(apart) {
			return ""
		}
		if unicode.ToLower(r) == unicode.ToLower(apart[k]) {
			k++
			continue
		}
		if r < 0x80 || !unicode.IsLetter(r) || k+1 >= len(apart) || !unicode.IsLetter(apart[k]) || !unicode.Is(unicode.Mn, apart[k+1]) {
			return ""
		}
		if where == "" {
			where = fmt.Sprintf("differs at character %d: %U is one character here and %U %U two there", i+1, r, apart[k], apart[k+1])
			if swapped {
				where = fmt.Sprintf("differs at character %d: %U %U are two characters here and %U one there", i+1, apart[k], apart[k+1], r)
			}
		}
		for k++; k < len(apart) && unicode.Is(unicode.Mn, apart[k]); k++ {
		}
	}
	if k < len(apart) || where == "" {
		return ""
	}
	return where
}

// shared is how many characters two texts have in common from their beginning,
// case left out of account.
func shared(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	n := 0
	for n < min(len(x), len(y)) && x[n] == y[n] {
		n++
	}
	return n
}

// lasting writes a duration without the parts that are nothing: 26h, 7d, 1m30s.
func lasting(d time.Duration) string {
	if d < 0 {
		return "-" + lasting(-d)
	}
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	if day := 24 * time.Hour; d >= 2*day {
		b.WriteString(strconv.FormatInt(int64(d/day), 10) + "d")
		d %= day
	}
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / unit.of; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
			d -= n * unit.of
		}
	}
	if b.Len() == 0 {
		return d.String()
	}
	return b.String()
}

const stampLayout = "2006-01-02T15:04:05.999Z"

func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }
