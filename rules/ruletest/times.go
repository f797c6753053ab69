package ruletest

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// defaultStart is when the clock of a test begins: a Monday.
func defaultStart() time.Time { return time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC) }

const timeHint = "write it like 2026-01-05T08:00:00Z"

// absolute reads a time of its own: TOML's, or a text.
func absolute(value any) (time.Time, error) {
	switch v := value.(type) {
	case time.Time:
		if zone := v.Location().String(); strings.Contains(zone, "local") { // TOML's times without a zone
			v = time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), v.Nanosecond(), time.UTC)
		}
		return v.UTC().Truncate(time.Millisecond), nil
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC().Truncate(time.Millisecond), nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%v is not a time; %s", value, timeHint)
}

var (
	offsetText = regexp.MustCompile(`^[+-](\s*\d+(ms|s|m|h|d|w))+$`)
	offsetPart = regexp.MustCompile(`\d+(ms|s|m|h|d|w)`)
)

// moment reads a time of its own, or one relative to another: "+5m", "-1d 2h".
func moment(value any, from time.Time) (time.Time, error) {
	text, ok := value.(string)
	if !ok || text == "" || text[0] != '+' && text[0] != '-' {
		t, err := absolute(value)
		if err != nil {
			err = fmt.Errorf("%v is not a time; write it like +5m, -1d 2h or 2026-01-05T08:00:00Z", value)
		}
		return t, err
	}
	d, err := offset(text)
	return from.Add(d), err
}

// offset reads a signed sum of durations.
func offset(text string) (time.Duration, error) {
	if !offsetText.MatchString(text) {
		return 0, fmt.Errorf("%q is not a time; write it like +5m or -1d 2h", text)
	}
	var sum time.Duration
	for _, part := range offsetPart.FindAllString(text, -1) {
		d, err := rules.ParseDuration(part)
		if err != nil {
			return 0, err
		}
		sum += d
	}
	if text[0] == '-' {
		sum = -sum
	}
	return sum, nil
}
