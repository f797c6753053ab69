package simulation

import (
	"slices"

	"pgregory.net/rapid"
)

// drawProcesses draws runs: on schedule, missed, at once.
func drawProcesses(t *rapid.T, s *subject, length ms) []Process {
	list := []Process{{Start: 0}}
	if rapid.IntRange(0, 3).Draw(t, "first") == 0 {
		list[0] = drawProcess(t, s, 0, 40)
	}
	gaps := []ms{
		s.interval, s.interval, s.interval, s.interval + 7*second, s.interval - 3*second, 0, 2 * second,
		3 * s.interval, length / 3, length / 3,
	}
	start := ms(0)
	for range rapid.IntRange(0, 16).Draw(t, "runs") {
		start += rapid.SampledFrom(gaps).Draw(t, "gap")
		list = append(list, drawProcess(t, s, start, 40))
	}
	return list
}

func drawProcess(t *rapid.T, s *subject, start ms, calls int) Process {
	p := Process{Start: start}
	p.Offset = rapid.SampledFrom([]ms{0, 0, 0, 0, s.settle / 6, -s.settle / 6}).Draw(t, "offset")
	p.Pace = rapid.SampledFrom([]ms{0, 1, 1 * second, 20 * second}).Draw(t, "pace")
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2}).Draw(t, "faults") {
		p.Faults = append(p.Faults, drawFault(t, calls, minute, s.interval, 3*s.interval, 10*s.interval))
	}
	return p
}

func drawFault(t *rapid.T, calls int, pauses ...ms) Fault {
	f := Fault{Call: rapid.IntRange(1, calls).Draw(t, "call"), Kind: rapid.SampledFrom(faultKinds()).Draw(t, "fault")}
	if f.Kind == Paused {
		f.For = rapid.SampledFrom(pauses).Draw(t, "for")
	}
	return f
}

// drawLoops draws schedulers that run on under a lease, two or three at once,
// and now and then a run of none of them beside.
func drawLoops(t *rapid.T, s *subject, h History, length ms) []Process {
	var list []Process
	for i := range rapid.IntRange(2, 4).Draw(t, "schedulers") {
		start := length / 4 * ms(rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "start"))
		if i == 0 {
			start = 0
		}
		p := drawProcess(t, s, start+ms(i)*second, 400)
		p.Loop = true
		p.Stop = start + length/4*ms(rapid.IntRange(1, 5).Draw(t, "stop"))
		p.Pace = rapid.SampledFrom([]ms{0, 1, 100}).Draw(t, "loop pace")
		// A fault in the first calls, which take the lease, or at any time.
		for range rapid.IntRange(0, 3).Draw(t, "more faults") {
			calls := rapid.SampledFrom([]int{60, 400}).Draw(t, "calls")
			p.Faults = append(p.Faults, drawFault(t, calls, h.Lease/2, h.Lease, 3*h.Lease, 10*h.Lease))
		}
		list = append(list, p)
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "runs beside") {
		p := drawProcess(t, s, length/8*ms(rapid.IntRange(0, 8).Draw(t, "beside")), 40)
		p.Pace = min(p.Pace, 100)
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b Process) int { return int(a.Start - b.Start) })
	return list
}

// drawReloads draws rules that change, for good or for a while, and rules that
// go and come back.
func drawReloads(t *rapid.T, h *History) {
	n := len(h.Processes)
	if rapid.IntRange(0, 2).Draw(t, "changing") == 0 {
		version := rapid.SampledFrom([]int{sameMeaning, otherMeaning, otherMeaning}).Draw(t, "version")
		from, to := rapid.IntRange(1, n).Draw(t, "changed from"), n
		if rapid.IntRange(0, 3).Draw(t, "back") == 0 {
			to = rapid.IntRange(from, n).Draw(t, "changed to")
		}
		for i := from; i < to; i++ {
			h.Processes[i].Version = version
		}
		// Or while it runs, as the others will be when they start.
		if p := &h.Processes[from-1]; p.Loop && rapid.Bool().Draw(t, "reload") {
			at := p.Start + (p.Stop-p.Start)/8*ms(rapid.IntRange(0, 7).Draw(t, "reload at"))
			p.Reloads = append(p.Reloads, Reload{at, version})
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "going") == 0 {
		gone := rapid.SampledFrom(h.names()).Draw(t, "gone")
		from := rapid.IntRange(0, n).Draw(t, "gone from")
		to := rapid.IntRange(from, n).Draw(t, "gone to")
		for i := from; i < to; i++ {
			h.Processes[i].Without = []string{gone}
		}
	}
}

// drawJumps draws clocks that are wrong by hours, and that are set while a
// process is at work.
func drawJumps(t *rapid.T, s *subject, h *History) {
	if rapid.IntRange(0, 4).Draw(t, "clocks") > 0 {
		return
	}
	hours := rapid.SampledFrom([]ms{-6 * hour, -2 * hour, 2 * hour, 2 * hour, 6 * hour, 6 * hour})
	for range rapid.IntRange(1, 3).Draw(t, "wrong clocks") {
		p := &h.Processes[rapid.IntRange(0, len(h.Processes)-1).Draw(t, "whose")]
		by := hours.Draw(t, "by")
		if !p.Loop && rapid.Bool().Draw(t, "from the beginning") {
			p.Offset = by
			continue
		}
		calls := 30
		if p.Loop {
			calls = 200
		}
		call := rapid.IntRange(1, calls).Draw(t, "jump at")
		p.Jumps = append(p.Jumps, Jump{call, by})
		if rapid.Bool().Draw(t, "and back") {
			p.Jumps = append(p.Jumps, Jump{call + rapid.IntRange(1, 20).Draw(t, "back after"), -by})
		}
	}
}
