package page

import (
	"strconv"
	"time"
)

// axis maps times to places on a line, in percent of its width.
type axis struct {
	from, to time.Time
	indent   float64 // free at either end, in percent
}

// newAxis returns one that shows from to to, and something on either side if
// that is a moment.
func newAxis(from, to time.Time) axis {
	from, to = from.UTC(), to.UTC()
	if !to.After(from) {
		from, to = from.Add(-time.Second), from.Add(time.Second)
	}
	return axis{from: from, to: to, indent: 1.5}
}

// at is the place of t; times beyond the axis are at its end.
func (a axis) at(t time.Time) float64 {
	share := float64(t.Sub(a.from)) / float64(a.to.Sub(a.from))
	return a.indent + min(max(share, 0), 1)*(100-2*a.indent)
}

// tick is a time with a name on the axis.
type tick struct {
	At     float64
	Label  string
	Anchor string // text-anchor: labels at the ends are drawn inwards
	// Level says how narrow a picture still has room for the label: 1 the
	// narrowest, 3 only a wide one.
	Level int
}

// mostTicks is how many ticks the widest picture has room for.
const mostTicks = 15

// steps are the distances between ticks, the least first.
func steps() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
		50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 14 * day, 28 * day, 91 * day, 364 * day,
	}
}

// step is the least distance at which the ticks have room.
func (a axis) step() time.Duration {
	all := steps()
	for _, step := range all {
		if a.to.Sub(a.from)/step <= mostTicks {
			return step
		}
	}
	return a.to.Sub(a.from)/mostTicks + 1
}

// ticks are at even times, all of them within the axis.
func (a axis) ticks() []tick {
	step := a.step()
	var list []tick
	for t := a.from.Truncate(step); !t.After(a.to); t = t.Add(step) {
		if t.Before(a.from) {
			continue
		}
		at := a.at(t)
		list = append(list, tick{At: at, Label: label(t, step), Anchor: anchor(at), Level: level(len(list))})
	}
	return list
}

// level keeps every fourth tick for the narrowest picture, every other one for
// the next.
func level(n int) int {
	switch {
	case n%4 == 0:
		return 1
	case n%2 == 0:
		return 2
	}
	return 3
}

func anchor(at float64) string {
	switch {
	case at < 8:
		return "start"
	case at > 92:
		return "end"
	}
	return "middle"
}

// label names a tick as exactly as its step needs; midnight is its day.
func label(t time.Time, step time.Duration) string {
	midnight := t.Equal(t.Truncate(24 * time.Hour))
	switch {
	case step >= 364*24*time.Hour:
		return t.Format("2006-01") // the step is no calendar's year
	case step >= 24*time.Hour, midnight && step >= time.Minute:
		return t.Format("01-02")
	case step >= time.Minute:
		return t.Format("15:04")
	case step >= time.Second:
		return t.Format("15:04:05")
	}
	return t.Format("05.000")
}

// percent writes a place or a width for an attribute of SVG.
func percent(share float64) string { return strconv.FormatFloat(share, 'f', 2, 64) + "%" }
