package simulation

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"pgregory.net/rapid"
)

// drawHistory draws a history of one of the subjects, or of several.
func drawHistory(t *rapid.T, all map[string]*subject) History {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(all))).Draw(t, "rule")
	if only := os.Getenv("STITCH_SIM_RULE"); only != "" {
		name = only
	}
	s := all[name]
	length := rapid.SampledFrom(s.lengths).Draw(t, "length")
	h := History{Rule: name, Also: drawOthers(t, s, all)}
	drawDocuments(t, s, &h, length)
	if rapid.IntRange(0, 3).Draw(t, "looping") == 0 && length <= 36*hour {
		h.Lease = max(rapid.SampledFrom([]ms{15 * second, minute, 2 * minute}).Draw(t, "lease"), length/60)
		h.Processes = drawLoops(t, s, h, length)
	} else {
		h.Processes = drawProcesses(t, s, length)
	}
	drawReloads(t, &h)
	drawJumps(t, s, &h)
	for range rapid.SampledFrom([]int{0, 0, 1, 2, 3}).Draw(t, "deeds") {
		// While a run is at work, more often than not.
		p := rapid.SampledFrom(h.Processes).Draw(t, "during")
		h.Deeds = append(h.Deeds, Deed{
			At:    p.Start + ms(rapid.IntRange(0, 50).Draw(t, "at"))*max(p.Pace, 1),
			Alert: rapid.IntRange(0, 3).Draw(t, "alert"),
			Kind:  rapid.SampledFrom(deedKinds()).Draw(t, "deed"),
		})
	}
	if !h.jumping() { // what is kept tells when a clock was ahead
		h.Retention = rapid.SampledFrom([]ms{0, 1, s.interval}).Draw(t, "retention")
	}
	h.Steps = rapid.SliceOfN(rapid.IntRange(0, 3), 0, 60).Draw(t, "steps")
	return h
}

// drawOthers draws the rules that run beside one.
func drawOthers(t *rapid.T, s *subject, all map[string]*subject) []string {
	var may []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if other := all[name]; other != s && other.simple() && s.simple() {
			may = append(may, name)
		}
	}
	n := rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "others")
	if len(may) == 0 || n == 0 {
		return nil
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(may), n, n, rapid.ID[string]).Draw(t, "also")
}

// drawDocuments draws what happens. Events come in bursts and as whole chains,
// or there would be hardly an alert.
func drawDocuments(t *rapid.T, s *subject, h *History, length ms) {
	// How late a document may be, in tenths of lateness, and whether it may lack
	// its ingest field.
	tenths := ms(rapid.SampledFrom([]int{10, 10, 10, 35, 60}).Draw(t, "latest"))
	odds := rapid.SampledFrom([]int{0, 0, 5}).Draw(t, "bare")
	bursts := rapid.SliceOfN(rapid.IntRange(-10, int(length/s.step)), 1, 3).Draw(t, "bursts")
	add := func(d Document) {
		if d.stamped() && odds > 0 && rapid.IntRange(0, odds).Draw(t, "is bare") == 0 {
			d.Generation = bare
		}
		drawArrival(t, s, &d, tenths)
		h.Documents = append(h.Documents, d)
	}
	for range rapid.SampledFrom([]int{1, 1, 2, 2, 3}).Draw(t, "chains") {
		drawChain(t, s, h, bursts, add)
	}
	for range rapid.IntRange(0, 10).Draw(t, "documents") {
		add(drawDocument(t, s, *h, bursts))
	}
}

// drawChain adds a document of each kind, in the order of a chain; of absence,
// without some of them.
func drawChain(t *rapid.T, s *subject, h *History, bursts []int, add func(Document)) {
	burst := rapid.SampledFrom(bursts).Draw(t, "burst")
	who := drawWho(t, Document{})
	for kind := range 4 {
		if s.rules[0].Absent && kind > 0 && rapid.Bool().Draw(t, "absent") {
			continue
		}
		d := who
		d.ID, d.Kind = fmt.Sprintf("d%d", len(h.Documents)), kind
		d.Event = ms(burst)*s.step + ms(kind)*s.step + drawBit(t)
		add(d)
	}
}

// drawDocument draws a document like one before it, or a new one.
func drawDocument(t *rapid.T, s *subject, h History, bursts []int) Document {
	d := Document{ID: fmt.Sprintf("d%d", len(h.Documents))}
	if len(h.Documents) > 0 && rapid.IntRange(0, 7).Draw(t, "again") == 0 {
		// The same document once more: over the first, or in the next index.
		d = rapid.SampledFrom(h.Documents).Draw(t, "which")
		if d.stamped() && rapid.Bool().Draw(t, "elsewhere") {
			d.Generation = 1 - d.Generation
		}
		return d
	}
	d.Kind = rapid.IntRange(0, s.kinds-1).Draw(t, "kind")
	d = drawWho(t, d)
	d.Event = ms(rapid.SampledFrom(bursts).Draw(t, "burst")+rapid.IntRange(0, 9).Draw(t, "event"))*s.step + drawBit(t)
	if h.Rule == "status" && d.Kind == 0 && rapid.IntRange(0, 5).Draw(t, "unstamped") == 0 {
		d.Generation = unstamped
	}
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
func drawArrival(t *rapid.T, s *subject, d *Document, tenths ms) {
	delays := []ms{0, 0, 3 * second, s.interval / 2, s.interval, s.lateness / 2, s.lateness - 1, s.lateness}
	if tenths > 10 {
		delays = append(delays, s.lateness+1, s.lateness*tenths/10, s.lateness*tenths/10)
	}
	late := rapid.SampledFrom(delays).Draw(t, "late")
	if d.stamped() {
		late -= min(late, ms(rapid.SampledFrom([]int{0, 0, 1}).Draw(t, "sooner"))*minute)
		d.Stamp = d.Event + late
		d.Visible = d.Stamp + rapid.SampledFrom([]ms{0, 0, 1, 10 * second, s.settle / 2, -s.settle / 3}).Draw(t, "lag")
		return
	}
	d.Stamp = d.Event
	d.Visible = d.Event + late
}
