package explain

import (
	"testing"
	"time"
)

func TestDifference(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"jane", "jane", ""},
		{"jane", "joan", ""},
		{"Jane", "jane", "differs only in the case of letters"},
		{"Étude.pdf", "étude.pdf", "differs only in the case of a letter beyond A to Z"},
		{"a b.pdf", "a  b.pdf", "differs only in blanks"},
		{" E:", "E:", "differs only in blanks"},
		{"2001:DB8::A", "2001:db8:0:0:0:0:0:a", "differs only in how the address is spelled"},
		{"::ffff:10.0.0.1", "10.0.0.1", "differs only in how the address is spelled"},
		{"10.0.0.1", "10.0.0.2", ""},
		{"caf\u00e9", "cafe\u0301", "differs at character 4: U+00E9 is one character here and U+0065 U+0301 two there"},
		{"cafe\u0301", "caf\u00e9", "differs at character 4: U+0065 U+0301 are two characters here and U+00E9 one there"},
		{"cafe", "cafe\u0301", ""},
		{"caf\u00e9s", "cafe\u0301", ""},
		{"", "\u0301", ""},
	} {
		if got := difference(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestLasting(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 26 * time.Hour: "26h", 48 * time.Hour: "2d", 168*time.Hour + time.Millisecond: "7d1ms",
		90 * time.Second: "1m30s", -time.Minute: "-1m", time.Nanosecond: "1ns",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}
