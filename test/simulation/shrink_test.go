package simulation

import "slices"

// shrink takes away from a failing history whatever it fails without. rapid
// shrinks what is drawn; this shrinks what it means.
func shrink(h History, fails func(History) bool) History {
	for again := true; again; {
		again = false
		for _, smaller := range smallerHistories() {
			for i := 0; ; i++ {
				c, ok := smaller(clone(h), i)
				if !ok {
					break
				}
				if c.String() != h.String() && fails(c) {
					h, again = c, true
				}
			}
		}
	}
	return h
}

func clone(h History) History {
	h.Documents, h.Processes = slices.Clone(h.Documents), slices.Clone(h.Processes)
	h.Deeds, h.Steps, h.Also = slices.Clone(h.Deeds), slices.Clone(h.Steps), slices.Clone(h.Also)
	for i, p := range h.Processes {
		h.Processes[i].Faults, h.Processes[i].Jumps = slices.Clone(p.Faults), slices.Clone(p.Jumps)
	}
	return h
}

// smallerHistories are the ways to make a history smaller: each does it to the
// i-th of something, the last first, until there is no i-th.
func smallerHistories() []func(History, int) (History, bool) {
	document := func(change func(*Document)) func(History, int) (History, bool) {
		return func(h History, i int) (History, bool) {
			if i >= len(h.Documents) {
				return h, false
			}
			change(&h.Documents[i])
			return h, true
		}
	}
	process := func(change func(*Process)) func(History, int) (History, bool) {
		return func(h History, i int) (History, bool) {
			if i >= len(h.Processes) {
				return h, false
			}
			change(&h.Processes[i])
			return h, true
		}
	}
	return []func(History, int) (History, bool){
		func(h History, i int) (_ History, ok bool) { h.Documents, ok = without(h.Documents, i); return h, ok },
		func(h History, i int) (_ History, ok bool) { h.Processes, ok = without(h.Processes, i); return h, ok },
		func(h History, i int) (_ History, ok bool) { h.Also, ok = without(h.Also, i); return h, ok },
		func(h History, i int) (_ History, ok bool) { h.Deeds, ok = without(h.Deeds, i); return h, ok },
		func(h History, i int) (_ History, ok bool) { h.Steps, ok = without(h.Steps, i); return h, ok },
		func(h History, i int) (History, bool) { h.Retention = 0; return h, i == 0 },
		process(func(p *Process) { p.Faults, _ = without(p.Faults, 0) }),
		process(func(p *Process) { p.Faults, _ = without(p.Faults, 1) }),
		process(func(p *Process) { p.Offset = 0 }),
		process(func(p *Process) { p.Pace = 0 }),
		process(func(p *Process) { p.Jumps, _ = without(p.Jumps, 0) }),
		process(func(p *Process) { p.Reloads = nil }),
		process(func(p *Process) { p.Version = 0 }),
		process(func(p *Process) { p.Version = min(p.Version, sameMeaning) }),
		process(func(p *Process) { p.Without = nil }),
		process(func(p *Process) { p.Loop, p.Stop = false, 0 }),
		document(func(d *Document) { d.Generation, d.Stamp = 0, d.arrives() }),
		document(func(d *Document) { d.User, d.Host, d.Name = 0, 0, 0 }),
		document(func(d *Document) { d.Name = 0 }),
		document(func(d *Document) { d.Visible = d.Stamp }),
		document(func(d *Document) { d.Stamp, d.Visible = d.Event, d.Event }),
		document(func(d *Document) { d.Event = d.Event / minute * minute }),
	}
}

// without returns a list without its i-th element from the end.
func without[T any](list []T, i int) ([]T, bool) {
	if i >= len(list) {
		return list, false
	}
	at := len(list) - 1 - i
	return slices.Delete(list, at, at+1), true
}
