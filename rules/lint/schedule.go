package lint

import (
	"fmt"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// manyWindows is how many windows a late document may have evaluated again
// without a word.
const manyWindows = 100

// schedule judges when the rule runs and how far it looks.
func (o *outline) schedule() {
	r := o.rule
	interval := longestGap(r.Schedule)
	at := []string{"rule", "interval"}
	if interval > r.LookBack {
		if r.Windowed {
			o.find("interval-gap", at, fmt.Sprintf("a run looks back %s and the next comes after %s, so events between the windows are never looked at", rules.FormatDuration(r.LookBack), rules.FormatDuration(interval)),
				fmt.Sprintf("set from = \"now-%s\" or more", rules.FormatDuration(interval)))
		} else {
			o.find("interval-gap", at, fmt.Sprintf("a run looks back %s and the next comes after %s; stitch covers the time between, the first run and other engines do not", rules.FormatDuration(r.LookBack), rules.FormatDuration(interval)),
				fmt.Sprintf("set from = \"now-%s\" or more", rules.FormatDuration(interval)))
		}
	}
	if !r.Windowed || interval <= 0 {
		return
	}
	if n := int(r.Lateness / interval); n > manyWindows {
		o.find("many-windows", at, fmt.Sprintf("the rule sums up windows every %s and waits %s for late documents, so up to %d windows are evaluated again", rules.FormatDuration(interval), rules.FormatDuration(r.Lateness), n),
			"choose a longer interval, a shorter lateness, or a sliding window in the stage (window, having)")
	}
}

// longestGap is the longest time between two due times of some weeks.
func longestGap(s rules.Schedule) time.Duration {
	if every, ok := s.(rules.Every); ok {
		return time.Duration(every)
	}
	var longest time.Duration
	at := s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	for range 100 {
		next := s.Next(at)
		longest = max(longest, next.Sub(at))
		at = next
	}
	return longest
}

// Lateness is the finding that documents of a rule came later than it expects:
// measured is how late, lateness what the rule has.
func Lateness(r *rules.Rule, text string, measured time.Duration) (f Finding, found bool) {
	if measured <= r.Lateness || Silenced(r, text, "lateness-short") {
		return Finding{}, false
	}
	o := readOutline(r, text)
	o.find("lateness-short", []string{"rule", "lateness"},
		fmt.Sprintf("documents come up to %s late, and the rule expects %s", measured.Round(time.Second), rules.FormatDuration(r.Lateness)),
		fmt.Sprintf("set lateness = \"%s\"", rules.FormatDuration(measured.Truncate(time.Hour)+time.Hour)))
	return o.findings[0], true
}
