package memory

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// dateOf reads a leaf of a date field, in milliseconds: a time written as
// strict_date_optional_time or as milliseconds since 1970.
func dateOf(kind leafKind, text string) (ms int64, ok bool) {
	if kind == leafBool {
		return 0, false
	}
	if kind == leafString {
		if ms, ok := usualTime(text); ok {
			return ms, true
		}
		t, err := parseTime(text, false, time.UTC)
		if err == nil {
			return t.UnixMilli(), true
		}
	} else if len(text) == 4 && strings.IndexFunc(text, notDigit) < 0 {
		t, err := parseTime(text, false, time.UTC) // a number of four digits is a year
		return t.UnixMilli(), err == nil
	}
	return epochMillis(text, kind == leafNumber)
}

// usualTime reads "2006-01-02T15:04:05Z", perhaps with milliseconds, as nearly
// all documents have it; of the days that not every month has, it knows nothing.
func usualTime(text string) (ms int64, ok bool) {
	const form = "dddd-dd-ddTdd:dd:dd.dddZ"
	if len(text) == 20 && text[19] == 'Z' {
		text, ok = text[:19], true
	} else if len(text) != len(form) || text[19] != '.' || text[23] != 'Z' {
		return 0, false
	}
	for i := range len(text) {
		if c := text[i]; form[i] == 'd' && (c < '0' || c > '9') || form[i] != 'd' && c != form[i] {
			return 0, false
		}
	}
	number := func(from, to int) (n int) {
		for _, c := range []byte(text[from:to]) {
			n = n*10 + int(c-'0')
		}
		return n
	}
	if !ok {
		ms = int64(number(20, 23))
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	if month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t.UnixMilli() + ms, true
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

// epochMillis reads "1700000000000", perhaps with a sign and a fraction, and
// as a JSON number perhaps with an exponent.
func epochMillis(text string, number bool) (int64, bool) {
	whole, fraction, dotted := strings.Cut(text, ".")
	if ms, err := strconv.ParseInt(whole, 10, 64); err == nil && whole[0] != '+' &&
		(!dotted || fraction != "" && strings.IndexFunc(fraction, notDigit) < 0) {
		return ms, true
	}
	if !number {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return int64(f), err == nil && f > -(1<<62) && f < 1<<62
}

// clock is what date maths needs to know.
type clock struct {
	now  time.Time
	zone *time.Location // of times that carry none, and of rounding
}

// zoneOf reads the time_zone of a range: an offset or the name of a zone.
func zoneOf(text string) (*time.Location, error) {
	if text == "" || text == "Z" {
		return time.UTC, nil
	}
	if text[0] == '+' || text[0] == '-' {
		zone, rest, err := parseOffset(text)
		if err != nil || rest != "" {
			return nil, fmt.Errorf("unknown time-zone ID: %s", text)
		}
		return zone, nil
	}
	zone, err := time.LoadLocation(text)
	if err != nil {
		return nil, fmt.Errorf("unknown time-zone ID: %s", text)
	}
	return zone, nil
}

// bound reads a bound of a range over dates, in milliseconds. With up, what the
// text leaves open is filled with its last moment, else with its first.
func (c clock) bound(text string, up bool) (int64, error) {
	if text == "" {
		return 0, errors.New("cannot parse empty datetime")
	}
	if maths, ok := strings.CutPrefix(text, "now"); ok {
		t, err := applyMaths(c.now.Truncate(time.Millisecond).In(c.zone), maths, up)
		return t.UnixMilli(), err
	}
	base, maths, ok := strings.Cut(text, "||")
	if !ok {
		return c.moment(text, up)
	}
	ms, err := c.moment(base, false)
	if err != nil {
		return 0, err
	}
	t, err := applyMaths(time.UnixMilli(ms).In(c.zone), maths, up)
	return t.UnixMilli(), err
}

func (c clock) moment(text string, up bool) (int64, error) {
	if t, err := parseTime(text, up, c.zone); err == nil {
		return t.UnixMilli(), nil
	}
	if ms, ok := epochMillis(text, false); ok {
		return ms, nil
	}
	return 0, fmt.Errorf("failed to parse date field [%s] with format [strict_date_optional_time||epoch_millis]", text)
}

// applyMaths adds and rounds: "+1M-2h/d".
func applyMaths(t time.Time, maths string, up bool) (time.Time, error) {
	for maths != "" {
		op := maths[0]
		digits := 1
		for digits < len(maths) && !notDigit(rune(maths[digits])) {
			digits++
		}
		if digits == len(maths) {
			return t, fmt.Errorf("truncated date math [%s]", maths)
		}
		n := 1
		if digits > 1 {
			var err error
			if n, err = strconv.Atoi(maths[1:digits]); err != nil {
				return t, fmt.Errorf("date math [%s]: %w", maths, err)
			}
		}
		unit := maths[digits]
		if !strings.ContainsRune("yMwdhHms", rune(unit)) {
			return t, fmt.Errorf("unit [%c] not supported for date math [%s]", unit, maths)
		}
		switch op {
		case '+':
			t = addUnits(t, n, unit)
		case '-':
			t = addUnits(t, -n, unit)
		case '/':
			if n != 1 {
				return t, fmt.Errorf("rounding `/` can only be used on single unit types [%s]", maths)
			}
			t = floor(t, unit)
			if up {
				t = addUnits(t, 1, unit).Add(-time.Millisecond)
			}
		default:
			return t, fmt.Errorf("operator not supported for date math [%s]", maths)
		}
		maths = maths[digits+1:]
	}
	return t, nil
}

// addUnits adds n units; a month or year later is the same day, or the last
// day of a month that is too short for it.
func addUnits(t time.Time, n int, unit byte) time.Time {
	switch unit {
	case 'y':
		return addMonths(t, 12*n)
	case 'M':
		return addMonths(t, n)
	case 'w':
		return t.AddDate(0, 0, 7*n)
	case 'd':
		return t.AddDate(0, 0, n)
	case 'h', 'H':
		return t.Add(time.Duration(n) * time.Hour)
	case 'm':
		return t.Add(time.Duration(n) * time.Minute)
	}
	return t.Add(time.Duration(n) * time.Second)
}

func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month(), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location()).AddDate(0, n, 0)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

func floor(t time.Time, unit byte) time.Time {
	y, m, d := t.Date()
	hour, minute, second := 0, 0, 0
	switch unit {
	case 'y':
		m, d = time.January, 1
	case 'M':
		d = 1
	case 'w':
		d -= (int(t.Weekday()) + 6) % 7 // weeks begin on Monday
	case 'h', 'H':
		hour = t.Hour()
	case 'm':
		hour, minute = t.Hour(), t.Minute()
	case 's':
		hour, minute, second = t.Hour(), t.Minute(), t.Second()
	}
	return time.Date(y, m, d, hour, minute, second, 0, t.Location())
}

var errNotTime = errors.New("not a date")

// parseTime reads strict_date_optional_time: yyyy[-MM[-dd[THH[:mm[:ss[.S]]][zone]]]].
// Of a missing part up takes the last hour, minute and so on, but the first
// month and day.
func parseTime(text string, up bool, zone *time.Location) (time.Time, error) {
	p := timeParser{rest: text}
	year := p.number(4, 0, 9999)
	month, day := 1, 1
	hour, minute, second, nano := 0, 0, 0, 0
	if up {
		hour, minute, second, nano = 23, 59, 59, 999_999_999
	}
	if p.take("-") {
		month = p.number(2, 1, 12)
		if p.take("-") {
			day = p.number(2, 1, 31)
			if p.take("T") && p.rest != "" {
				hour = p.number(2, 0, 23)
				if p.take(":") {
					minute = p.number(2, 0, 59)
					if p.take(":") {
						second = p.number(2, 0, 59)
						if p.take(".") || p.take(",") {
							nano = p.fraction()
						}
					}
				}
				zone = p.zone(zone)
			}
		}
	}
	if p.failed || p.rest != "" {
		return time.Time{}, errNotTime
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nano, zone)
	if t.Day() != day && zone == time.UTC || day > daysIn(year, month) {
		return time.Time{}, errNotTime
	}
	return t, nil
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

type timeParser struct {
	rest   string
	failed bool
}

func (p *timeParser) take(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok && !p.failed
}

// number reads exactly so many digits.
func (p *timeParser) number(digits, lo, hi int) int {
	if len(p.rest) < digits || strings.IndexFunc(p.rest[:digits], notDigit) >= 0 {
		p.failed = true
		return 0
	}
	n, _ := strconv.Atoi(p.rest[:digits])
	p.rest = p.rest[digits:]
	p.failed = p.failed || n < lo || n > hi
	return n
}

// fraction reads one to nine digits as nanoseconds.
func (p *timeParser) fraction() int {
	n, digits := 0, 0
	for ; digits < 9 && digits < len(p.rest) && !notDigit(rune(p.rest[digits])); digits++ {
		n = n*10 + int(p.rest[digits]-'0')
	}
	p.rest = p.rest[digits:]
	p.failed = p.failed || digits == 0
	for ; digits < 9; digits++ {
		n *= 10
	}
	return n
}

// zone reads a zone if one is there, else returns what it is given.
func (p *timeParser) zone(otherwise *time.Location) *time.Location {
	if p.rest == "" || p.failed {
		return otherwise
	}
	if p.take("Z") {
		return time.UTC
	}
	if p.rest[0] == '+' || p.rest[0] == '-' {
		zone, rest, err := parseOffset(p.rest)
		p.failed, p.rest = p.failed || err != nil, rest
		return zone
	}
	zone, err := time.LoadLocation(p.rest)
	p.failed, p.rest = p.failed || err != nil, ""
	return zone
}

// parseOffset reads +01, +0100, +01:00 or +01:00:30, up to 18 hours.
func parseOffset(text string) (zone *time.Location, rest string, err error) {
	p := timeParser{rest: text[1:]}
	seconds := 3600 * p.number(2, 0, 18)
	if p.take(":") {
		seconds += 60 * p.number(2, 0, 59)
		if p.take(":") {
			seconds += p.number(2, 0, 59)
		}
	} else if p.rest != "" {
		seconds += 60 * p.number(2, 0, 59)
	}
	if p.failed || seconds > 18*3600 {
		return time.UTC, "", errNotTime
	}
	if text[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), p.rest, nil
}

func quoted(text string) string {
	const most = 60
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return strconv.Quote(text)
}
