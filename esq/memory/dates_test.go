package memory

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The short way to read a time is right where it gives an answer.
func TestUsualTime(t *testing.T) {
	for _, text := range []string{"2026-03-01T09:05:07Z", "2026-03-01T09:05:07.089Z", "0001-01-01T00:00:00.000Z", "9999-12-28T23:59:59.999Z"} {
		if _, ok := usualTime(text); !ok {
			t.Errorf("%s is not read", text)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		number := func(name string, most int) int { return rapid.IntRange(0, most).Draw(r, name) }
		text := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d", number("year", 9999), number("month", 13), number("day", 32), number("hour", 24), number("minute", 60), number("second", 60))
		text += rapid.SampledFrom([]string{"Z", ".123Z", ".12Z", ".1234Z", "", "+01:00", ".000+00", ",123Z", "z", ".12aZ"}).Draw(r, "end")
		want, err := parseTime(text, false, time.UTC)
		if ms, ok := usualTime(text); ok && (err != nil || ms != want.UnixMilli()) {
			r.Fatalf("%s: %d, want %v, %v", text, ms, want, err)
		}
	})
}
