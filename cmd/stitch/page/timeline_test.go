package page

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

func drawnTime(name string) *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(0, 2_000_000_000_000).Draw(t, name)).UTC()
	})
}

// Whatever the time, ticks are in order, at even times, few enough, and say
// different things.
func TestTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := drawnTime("from").Draw(t, "from")
		length := time.Duration(rapid.Int64Range(0, int64(2000*24*time.Hour)).Draw(t, "length")) >> rapid.IntRange(0, 40).Draw(t, "shorter")
		a := newAxis(from, from.Add(length))
		ticks := a.ticks()
		if len(ticks) > mostTicks+1 {
			t.Fatalf("%d ticks", len(ticks))
		}
		for i, tick := range ticks {
			if tick.At < a.indent-0.001 || tick.At > 100-a.indent+0.001 {
				t.Fatalf("tick at %f", tick.At)
			}
			if i > 0 && tick.At <= ticks[i-1].At {
				t.Fatalf("ticks at %f and %f", ticks[i-1].At, tick.At)
			}
		}
		if roomy := len(slices.DeleteFunc(slices.Clone(ticks), func(t tick) bool { return t.Level > 1 })); roomy > 4 {
			t.Fatalf("%d ticks on the narrowest screen", roomy)
		}
	})
}

func TestTickLabels(t *testing.T) {
	day := time.Date(2026, 3, 10, 22, 30, 0, 0, time.UTC)
	for length, want := range map[time.Duration]string{
		20 * time.Second:        "22:30:00 22:30:02 22:30:04",
		3 * time.Hour:           "22:30 22:45 23:00",
		100 * 24 * time.Hour:    "03-16 03-23 03-30",
		2000 * 24 * time.Hour:   "2027-02 2028-01 2029-01",
		40 * time.Hour:          "03-11 03:00 06:00",
		40 * time.Millisecond:   "00.000 00.005 00.010",
		2500 * time.Millisecond: "00.000 00.200 00.400",
	} {
		var got []string
		for _, tick := range newAxis(day, day.Add(length)).ticks()[:3] {
			got = append(got, tick.Label)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%v: %s, want %s", length, text, want)
		}
	}
}

// Every document is behind one mark, marks are in order and not many, and none
// lies outside of the picture.
func TestMarks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "n")
		from := drawnTime("from").Draw(t, "from")
		s := mappings.Stage{Stage: "s", Count: n}
		for i := range n {
			at := from.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "at")))
			s.Documents = append(s.Documents, mappings.Document{ID: fmt.Sprint(i), Time: at})
		}
		slices.SortFunc(s.Documents, func(a, b mappings.Document) int { return a.Time.Compare(b.Time) })
		if n > 0 {
			s.First, s.Last = s.Documents[0].Time, s.Documents[n-1].Time
		}
		p := draw([]mappings.Stage{s}, from.Add(time.Minute), from.Add(2*time.Minute), from)
		marks := p.Lanes[0].Marks
		if len(marks) > mostMarks+1 {
			t.Fatalf("%d marks", len(marks))
		}
		next := 0
		for i, m := range marks {
			if m.First != next || m.Last < m.First {
				t.Fatalf("mark %d is of %d to %d, want from %d", i, m.First, m.Last, next)
			}
			next = m.Last + 1
			if m.At < 0 || m.At > 100 || i > 0 && m.At <= marks[i-1].At {
				t.Fatalf("mark at %f", m.At)
			}
			if m.Count() > 1 && (m.From < 0 || m.From+m.Width > 101 || m.Height < 10 || m.Height > bandHeight) {
				t.Fatalf("bar %+v", m)
			}
		}
		if next != n {
			t.Fatalf("%d of %d documents have a mark", next, n)
		}
	})
}

// What is not listed lies behind what is.
func TestRest(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 10, 9, minute, 0, 0, time.UTC) }
	s := mappings.Stage{
		Stage: "s", First: at(0), Last: at(40), Count: 3, Omitted: 2,
		Documents: []mappings.Document{{Time: at(10)}},
	}
	p := draw([]mappings.Stage{s, {Stage: "none"}}, at(0), at(40), at(20))
	l := p.Lanes[0]
	if got, want := fmt.Sprintf("%.2f %.2f %.2f %.2f %.2f", l.From, l.To, l.RestFrom, l.RestWidth, p.Anchor), "1.50 98.50 25.75 72.75 50.00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if none := p.Lanes[1]; len(none.Marks) != 0 || none.RestWidth != 0 {
		t.Errorf("%+v", none)
	}
}

// Holes are seen however short they are, and bars that touch are one.
func TestStrip(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 10, 0, minute, 0, 0, time.UTC) }
	c := &scheduler.RuleCoverage{
		Start: at(-60), CoveredUntil: at(20),
		Covered: []rules.Window{{From: at(-60), To: at(10)}, {From: at(10), To: at(20)}, {From: at(21), To: at(90)}, {From: at(-90), To: at(-61)}},
		Holes:   []scheduler.Hole{{From: at(20), To: at(20).Add(time.Millisecond)}, {From: at(99), To: at(120)}},
	}
	s := stripOf(c, at(0), at(100))
	var got []string
	for _, b := range s.Bars {
		got = append(got, fmt.Sprintf("%s %.1f %.1f", b.Kind, b.From, b.Width))
	}
	if diff := cmp.Diff([]string{"covered 0.0 20.0", "covered 21.0 69.0", "hole 20.0 0.4", "hole 99.0 1.0"}, got); diff != "" {
		t.Errorf("bars (-want +got):\n%s", diff)
	}
}
