package rules

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

var durationText = regexp.MustCompile(`^(\d+)(ms|s|m|h|d|w)$`)

var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute,
	"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

// parseDuration reads a whole number and a unit, as Elastic's rules and EQL's
// maxspan do: 90s, 5m, 24h, 7d. A day is 24 hours.
func parseDuration(text string) (time.Duration, error) {
	m := durationText.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0, fmt.Errorf("%q is not a duration; write a whole number and one of ms, s, m, h, d, w, like 24h", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit := durationUnits[m[2]]
	if err != nil || n > int64(100*365*24*time.Hour/unit) {
		return 0, fmt.Errorf("%q is longer than a hundred years", text)
	}
	return time.Duration(n) * unit, nil
}

// ParseDuration reads a duration as rules have them: a whole number and one of
// the units ms, s, m, h, d, w.
func ParseDuration(text string) (time.Duration, error) { return parseDuration(text) }

// FormatDuration writes a duration as rules have them, in its largest whole
// unit up to days.
func FormatDuration(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d >= unit.size && d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// parseLookBack reads Elastic's from, "now-30m", as a duration.
func parseLookBack(text string) (time.Duration, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "now-")
	if !ok {
		return 0, fmt.Errorf("%q is not a look-back; write it like now-30m", text)
	}
	return parseDuration(rest)
}

// parseCron reads a cron line of five fields or a descriptor such as @daily,
// with CRON_TZ=Zone before it for a time zone other than UTC.
func parseCron(line string) (Schedule, error) {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "CRON_TZ=") && !strings.HasPrefix(line, "TZ=") {
		line = "CRON_TZ=UTC " + line
	}
	schedule, err := cron.ParseStandard(line)
	if err != nil {
		return nil, fmt.Errorf("not a cron line: %w; write five fields, like \"0 6 * * *\", with CRON_TZ=Europe/Berlin before them for a time zone", err)
	}
	return cronSchedule{schedule, line}, nil
}

// cronSchedule is a cron line as it is read, and as it is written.
type cronSchedule struct {
	cron.Schedule
	line string
}

func (c cronSchedule) String() string { return c.line }
