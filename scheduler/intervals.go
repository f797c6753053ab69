package scheduler

import (
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// intervals is a set of points in time as half-open intervals: sorted,
// disjoint, none empty, no two of them adjacent. The zero value is empty. No
// method changes the set it is called on.
type intervals []rules.Window

// add returns the set with all of w in it.
func (s intervals) add(w rules.Window) intervals {
	if !w.From.Before(w.To) {
		return s
	}
	out := make(intervals, 0, len(s)+1)
	for _, v := range s {
		switch {
		case v.To.Before(w.From):
			out = append(out, v)
		case w.To.Before(v.From):
			out = append(out, w)
			w = v
		default: // they touch
			w = rules.Window{From: earlier(v.From, w.From), To: later(v.To, w.To)}
		}
	}
	return append(out, w)
}

// remove returns the set with nothing of w in it.
func (s intervals) remove(w rules.Window) intervals {
	var out intervals
	for _, v := range s {
		for _, rest := range []rules.Window{
			{From: v.From, To: earlier(v.To, w.From)},
			{From: later(v.From, w.To), To: v.To},
		} {
			if w.From.Before(w.To) && rest.From.Before(rest.To) {
				out = append(out, rest)
			}
		}
		if !w.From.Before(w.To) {
			out = append(out, v)
		}
	}
	return out
}

// gaps returns what of w is not in the set.
func (s intervals) gaps(w rules.Window) intervals {
	out := intervals(nil).add(w)
	for _, v := range s {
		out = out.remove(v)
	}
	return out
}

// within returns what of w is in the set.
func (s intervals) within(w rules.Window) intervals {
	var out intervals
	for _, v := range s {
		out = out.add(overlap(v, w))
	}
	return out
}

// has reports whether all of w is in the set.
func (s intervals) has(w rules.Window) bool { return len(s.gaps(w)) == 0 }

// wellFormed reports whether s keeps the promises of its type; a set that was
// read from somewhere may not.
func (s intervals) wellFormed() bool {
	for i, w := range s {
		if !w.From.Before(w.To) || i > 0 && !s[i-1].To.Before(w.From) {
			return false
		}
	}
	return true
}

// overlap is what two windows have in common; not From before To if nothing.
func overlap(a, b rules.Window) rules.Window {
	return rules.Window{From: later(a.From, b.From), To: earlier(a.To, b.To)}
}

// chop cuts a window into slices no longer than longest, oldest first. The
// slices end at cuts where there are any: cut returns the first after a time.
func chop(w rules.Window, longest time.Duration, cut func(time.Time) time.Time) []rules.Window {
	var out []rules.Window
	for w.From.Before(w.To) {
		to := earlier(w.To, w.From.Add(longest))
		// The last cut has no slice of its own after it: what follows is too
		// little to be worth one.
		if at := cut(w.From); at.Before(to) && !cut(at).After(w.To) {
			to = at
		}
		out = append(out, rules.Window{From: w.From, To: to})
		w.From = to
	}
	return out
}
