package simulation

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"pgregory.net/rapid"
)

// drawHistory draws a history of one of the subjects.
func drawHistory(t *rapid.T, all map[string]*subject) History {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(all))).Draw(t, "rule")
	if only := os.Getenv("STITCH_SIM_RULE"); only != "" {
		name = only
	}
	s := all[name]
	length := rapid.SampledFrom(s.lengths).Draw(t, "length")
	h := History{Rule: name}
	// Events come in bursts and as whole chains, or there would be hardly an alert.
	bursts := rapid.SliceOfN(rapid.IntRange(-10, int(length/s.step)), 1, 3).Draw(t, "bursts")
	for range rapid.SampledFrom([]int{1, 1, 2, 2, 3}).Draw(t, "chains") {
		h.Documents = drawChain(t, s, h, bursts)
	}
	for range rapid.IntRange(0, 10).Draw(t, "documents") {
		h.Documents = append(h.Documents, drawDocument(t, s, h, bursts))
	}
	h.Processes = drawProcesses(t, s, length)
	for range rapid.SampledFrom([]int{0, 0, 1, 2, 3}).Draw(t, "deeds") {
		// While a run is at work, more often than not.
		p := rapid.SampledFrom(h.Processes).Draw(t, "during")
		h.Deeds = append(h.Deeds, Deed{
			At:    p.Start + ms(rapid.IntRange(0, 50).Draw(t, "at"))*max(p.Pace, 1),
			Alert: rapid.IntRange(0, 3).Draw(t, "alert"),
			Kind:  rapid.SampledFrom(deedKinds()).Draw(t, "deed"),
		})
	}
	h.Retention = rapid.SampledFrom([]ms{0, 1, s.interval}).Draw(t, "retention")
	h.Steps = rapid.SliceOfN(rapid.IntRange(0, 1), 0, 60).Draw(t, "steps")
	return h
}

// drawChain adds a document of each kind, in the order of a chain.
func drawChain(t *rapid.T, s *subject, h History, bursts []int) []Document {
	burst := rapid.SampledFrom(bursts).Draw(t, "burst")
	who := drawWho(t, Document{})
	list := h.Documents
	for kind := range 4 {
		d := who
		d.ID, d.Kind = fmt.Sprintf("d%d", len(list)), kind
		d.Event = ms(burst)*s.step + ms(kind)*s.step + drawBit(t)
		drawArrival(t, s, &d)
		list = append(list, d)
	}
	return list
}

// drawDocument draws a document like one before it, or a new one.
func drawDocument(t *rapid.T, s *subject, h History, bursts []int) Document {
	d := Document{ID: fmt.Sprintf("d%d", len(h.Documents))}
	if rapid.IntRange(0, 7).Draw(t, "again") == 0 {
		// The same document once more: over the first, or in the next index.
		d = rapid.SampledFrom(h.Documents).Draw(t, "which")
		if d.stamped() && rapid.Bool().Draw(t, "elsewhere") {
			d.Generation = 1 - d.Generation
		}
	} else {
		d.Kind = rapid.IntRange(0, s.kinds-1).Draw(t, "kind")
		d = drawWho(t, d)
		d.Event = ms(rapid.SampledFrom(bursts).Draw(t, "burst")+rapid.IntRange(0, 9).Draw(t, "event"))*s.step + drawBit(t)
		if h.Rule == "status" && d.Kind == 0 && rapid.IntRange(0, 5).Draw(t, "unstamped") == 0 {
			d.Generation = unstamped
		}
	}
	drawArrival(t, s, &d)
	return d
}

func drawWho(t *rapid.T, d Document) Document {
	d.User = rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "user")
	d.Host = rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "host")
	d.Name = rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "name")
	return d
}

// drawBit draws what a time is off the whole minute.
func drawBit(t *rapid.T) ms { return ms(rapid.SampledFrom([]int{0, 0, 0, 1, 59_999}).Draw(t, "bit")) }

// drawArrival draws when a document arrives. What its stamp and the time at
// which it is seen differ by, and what a scheduler's clock is wrong by, come to
// less than settle.
func drawArrival(t *rapid.T, s *subject, d *Document) {
	late := rapid.SampledFrom([]ms{0, 0, 3 * second, s.interval / 2, s.interval, s.lateness / 2, s.lateness - 1, s.lateness}).Draw(t, "late")
	if d.stamped() {
		late -= min(late, ms(rapid.SampledFrom([]int{0, 0, 1}).Draw(t, "sooner"))*minute)
		d.Stamp = d.Event + late
		d.Visible = d.Stamp + rapid.SampledFrom([]ms{0, 0, 1, 10 * second, s.settle / 2, -s.settle / 3}).Draw(t, "lag")
		return
	}
	d.Stamp = d.Event
	d.Visible = d.Event + late
}

// drawProcesses draws the runs: on schedule, missed, at once.
func drawProcesses(t *rapid.T, s *subject, length ms) []Process {
	changed := rapid.SampledFrom([]int{99, 99, 99, 99, 2, 5}).Draw(t, "changed after")
	list := []Process{{Start: 0}}
	if rapid.IntRange(0, 3).Draw(t, "first") == 0 {
		list[0] = drawProcess(t, s, 0)
	}
	gaps := []ms{
		s.interval, s.interval, s.interval, s.interval + 7*second, s.interval - 3*second, 0, 2 * second,
		3 * s.interval, length / 3, length / 3,
	}
	start := ms(0)
	for i := range rapid.IntRange(0, 16).Draw(t, "runs") {
		start += rapid.SampledFrom(gaps).Draw(t, "gap")
		p := drawProcess(t, s, start)
		p.Changed = i >= changed
		list = append(list, p)
	}
	return list
}

func drawProcess(t *rapid.T, s *subject, start ms) Process {
	p := Process{Start: start}
	p.Offset = rapid.SampledFrom([]ms{0, 0, 0, 0, s.settle / 6, -s.settle / 6}).Draw(t, "offset")
	p.Pace = rapid.SampledFrom([]ms{0, 1, 1 * second, 20 * second}).Draw(t, "pace")
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2}).Draw(t, "faults") {
		f := Fault{Call: rapid.IntRange(1, 40).Draw(t, "call"), Kind: rapid.SampledFrom(faultKinds()).Draw(t, "fault")}
		if f.Kind == Paused {
			f.For = rapid.SampledFrom([]ms{minute, s.interval, 3 * s.interval, 10 * s.interval}).Draw(t, "for")
		}
		p.Faults = append(p.Faults, f)
	}
	return p
}
