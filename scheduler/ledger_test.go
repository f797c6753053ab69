package scheduler

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/rules"
)

var dawn = time.Date(2024, 2, 22, 0, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return dawn.Add(time.Duration(n) * time.Minute) }

func minutes(from, to int) rules.Window { return rules.Window{From: minute(from), To: minute(to)} }

// points is a set of minutes, by which sets of intervals are checked.
type points [60]bool

func (p *points) set(w rules.Window, to bool) {
	for n := range p {
		if !minute(n).Before(w.From) && minute(n).Before(w.To) {
			p[n] = to
		}
	}
}

func pointsOf(s intervals) (p points) {
	for _, w := range s {
		p.set(w, true)
	}
	return p
}

func drawWindow(t *rapid.T, label string) rules.Window {
	a := rapid.IntRange(0, 60).Draw(t, label+" from")
	return minutes(a, rapid.IntRange(a, 60).Draw(t, label+" to"))
}

func TestIntervals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s intervals
		var want points
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			w := drawWindow(t, "step")
			before := slices.Clone(s)
			was := s
			adds := rapid.Bool().Draw(t, "add")
			if adds {
				s = s.add(w)
			} else {
				s = s.remove(w)
			}
			want.set(w, adds)
			if !s.wellFormed() || pointsOf(s) != want {
				t.Fatalf("%v is not %v", s, want)
			}
			if diff := cmp.Diff(before, was); diff != "" {
				t.Fatalf("the set before was changed:\n%s", diff)
			}
		}
		asked := drawWindow(t, "asked")
		gaps, inside := s.gaps(asked), s.within(asked)
		var all, none points
		all.set(asked, true)
		for n := range all {
			none[n] = all[n] && !want[n]
			all[n] = all[n] && want[n]
		}
		if !gaps.wellFormed() || pointsOf(gaps) != none || !inside.wellFormed() || pointsOf(inside) != all {
			t.Fatalf("of %v in %v: gaps %v, within %v", asked, s, gaps, inside)
		}
		if s.has(asked) != (len(gaps) == 0) {
			t.Fatalf("has %v: %t", asked, s.has(asked))
		}
	})
}

func TestIntervalsAreWellFormed(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  intervals
		want bool
	}{
		{"empty", nil, true},
		{"two", intervals{minutes(0, 1), minutes(2, 3)}, true},
		{"adjacent", intervals{minutes(0, 1), minutes(1, 3)}, false},
		{"overlapping", intervals{minutes(0, 2), minutes(1, 3)}, false},
		{"disordered", intervals{minutes(2, 3), minutes(0, 1)}, false},
		{"an empty one", intervals{minutes(2, 2)}, false},
		{"a reversed one", intervals{minutes(3, 2)}, false},
	} {
		if got := tt.set.wellFormed(); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

func TestChop(t *testing.T) {
	none := func(time.Time) time.Time { return dawn.Add(never) }
	tens := func(t time.Time) time.Time { return t.Truncate(10 * time.Minute).Add(10 * time.Minute) }
	for _, tt := range []struct {
		name    string
		w       rules.Window
		longest int
		cut     func(time.Time) time.Time
		want    []rules.Window
	}{
		{"nothing", minutes(3, 3), 10, none, nil},
		{"short", minutes(3, 9), 10, none, []rules.Window{minutes(3, 9)}},
		{"long", minutes(0, 25), 10, none, []rules.Window{minutes(0, 10), minutes(10, 20), minutes(20, 25)}},
		{"at cuts", minutes(5, 30), 60, tens, []rules.Window{minutes(5, 10), minutes(10, 20), minutes(20, 30)}},
		{"not for a rest", minutes(5, 31), 60, tens, []rules.Window{minutes(5, 10), minutes(10, 20), minutes(20, 31)}},
		{"one cut only", minutes(5, 11), 60, tens, []rules.Window{minutes(5, 11)}},
		{"bounds before cuts", minutes(0, 20), 7, tens, []rules.Window{minutes(0, 7), minutes(7, 10), minutes(10, 17), minutes(17, 20)}},
	} {
		got := chop(tt.w, time.Duration(tt.longest)*time.Minute, tt.cut)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Whatever is covered and whatever fails, the ledger's holes are what was
// reached and not covered, each with the right reason, and chopping them loses
// nothing.
func TestLedger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const longest = 7 * time.Minute
		l := ledger{Start: dawn, First: dawn, Until: dawn}
		var covered points
		until := 0
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			w := drawWindow(t, "step")
			to := int(w.To.Sub(dawn) / time.Minute)
			was := l.coveredUntil()
			switch rapid.SampledFrom([]string{"cover", "fail", "reach", "retreat"}).Draw(t, "what") {
			case "cover":
				l.cover(w)
				covered.set(w, true)
			case "fail":
				if len(l.Covered.within(w)) > 0 {
					continue
				}
				l.fail(w, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "reason"), dawn, longest)
			case "reach":
				l.reach(w.To)
			case "retreat":
				l.retreat(w.To)
				covered.set(rules.Window{From: w.To, To: minute(60)}, false)
				if w.To.Before(was) {
					was = w.To
				}
				to = 0
			}
			until = max(until, to)
			if l.coveredUntil().Before(was) {
				t.Fatalf("covered until %v, then until %v", was, l.coveredUntil())
			}
			check(t, &l, covered, until)
		}
		left := intervals(nil)
		for _, w := range l.backlog(minute(60), func(w rules.Window) []rules.Window {
			return chop(w, longest, func(time.Time) time.Time { return minute(1000) })
		}) {
			if w.To.Sub(w.From) > longest || len(left.within(w)) > 0 {
				t.Fatalf("slice %v", w)
			}
			left = left.add(w)
		}
		if diff := cmp.Diff(l.Covered.gaps(minutes(0, until)), left, equateEmpty); diff != "" {
			t.Fatalf("backlog (-want +got):\n%s", diff)
		}
	})
}

var equateEmpty = cmp.Transformer("list", func(s intervals) []rules.Window { return append([]rules.Window{}, s...) })

func check(t *rapid.T, l *ledger, covered points, until int) {
	if !l.Covered.wellFormed() || pointsOf(l.Covered) != covered || !l.Until.Equal(minute(until)) {
		t.Fatalf("covered %v until %v", l.Covered, l.Until)
	}
	var holes intervals
	for _, h := range l.holes(minute(60)) {
		w := rules.Window{From: h.From, To: h.To}
		if len(holes.within(w)) > 0 || (h.Reason == "") != (h.Attempts == 0) {
			t.Fatalf("hole %+v", h)
		}
		holes = holes.add(w)
	}
	if diff := cmp.Diff(l.Covered.gaps(minutes(0, until)), holes, equateEmpty); diff != "" {
		t.Fatalf("holes (-want +got):\n%s", diff)
	}
}

func TestLedgerRemembersFailures(t *testing.T) {
	l := ledger{Start: dawn, First: dawn, Until: dawn}
	l.fail(minutes(0, 10), "down", minute(10), time.Hour)
	l.fail(minutes(0, 10), "down", minute(15), time.Hour)
	l.fail(minutes(10, 20), "down", minute(20), time.Hour)
	l.fail(minutes(20, 30), "cut", minute(30), time.Hour)
	l.cover(minutes(4, 6))
	l.reach(minute(40))
	want := []Hole{
		{minute(0), minute(4), "down", minute(10), 2},
		{minute(6), minute(20), "down", minute(10), 2},
		{minute(20), minute(30), "cut", minute(30), 1},
		{From: minute(30), To: minute(40)},
	}
	if diff := cmp.Diff(want, l.holes(minute(40))); diff != "" {
		t.Errorf("holes (-want +got):\n%s", diff)
	}
	for n := range 1000 {
		l.fail(minutes(100+2*n, 101+2*n), "down", minute(40), time.Hour)
	}
	if len(l.Failures) != maxFailures {
		t.Errorf("%d failures are kept", len(l.Failures))
	}
}

func TestStubbornHolesComeLast(t *testing.T) {
	l := ledger{Start: dawn, First: dawn, Until: dawn}
	for range stubborn {
		l.fail(minutes(0, 10), "poison", dawn, 0)
	}
	l.fail(minutes(10, 20), "down", dawn, 0)
	l.reach(minute(30))
	got := l.backlog(minute(30), func(w rules.Window) []rules.Window { return []rules.Window{w} })
	if diff := cmp.Diff([]rules.Window{minutes(10, 20), minutes(20, 30), minutes(0, 10)}, got); diff != "" {
		t.Errorf("backlog (-want +got):\n%s", diff)
	}
}

func TestTickets(t *testing.T) {
	l := ledger{Start: dawn, First: dawn, Until: dawn}
	first := l.take(dawn)
	l.end(first)
	if first != 1 || len(l.Open) != 0 {
		t.Errorf("a run by itself: ticket %d, open %v", first, l.Open)
	}
	slow, killed, quick := l.take(dawn), l.take(dawn), l.take(minute(1))
	l.end(slow)  // a newer one has begun
	l.end(quick) // none has
	want := []openTicket{{slow, dawn, true}, {killed, dawn, false}}
	if diff := cmp.Diff(want, l.suspects(quick+1)); diff != "" {
		t.Errorf("suspects (-want +got):\n%s", diff)
	}
	l.forget([]int64{slow})
	next := l.take(dawn.Add(maxPause + 1))
	if got := l.suspects(next); next != 5 || len(got) != 0 {
		t.Errorf("a day later: ticket %d, suspects %v", next, got)
	}
}
